"""What is found of a signature before ssh-keygen is asked (the rest: tests/system/test_approval_signature.py)."""

import base64
from pathlib import Path

import pytest
from signing_stage import SigningStage
from software_key import SoftwareKey, armoured, ssh_string, sshsig

from watchdog.core.approval import SignatureFault

NOWHERE = "a-program-that-is-not-there"
KEY = ssh_string(b"ssh-ed25519") + ssh_string(bytes(32))
SIGNATURE = armoured(sshsig(KEY, ssh_string(b"ssh-ed25519") + ssh_string(bytes(64))))


@pytest.fixture
def stage(tmp_path: Path) -> SigningStage:
    """A list of two, and no program to verify with."""
    staged = SigningStage(tmp_path, keygen=NOWHERE)
    staged.allow(f"alice@ops {SoftwareKey().line}", f"bob@ops ssh-ed25519 {base64.b64encode(KEY).decode()}")
    return staged


@pytest.mark.parametrize("signature", [b"", b"garbage", b"x" * 100_000, SIGNATURE.replace(b"-----", b"")])
def test_no_signature_is_unreadable(stage: SigningStage, signature: bytes) -> None:
    """Nothing, garbage, too much and stripped armour never reach the program, and name no key."""
    verdict = stage.verify(signature)

    assert verdict.fault is SignatureFault.UNREADABLE
    assert (verdict.key, verdict.principal) == ("", "")
    assert "\n" not in verdict.detail


def test_other_namespace_never_reaches_the_program(stage: SigningStage) -> None:
    """What was signed for another purpose is told as that, with the key that it names as a claim."""
    verdict = stage.verify(armoured(sshsig(KEY, b"", namespace=b"file")))

    assert verdict.fault is SignatureFault.OTHER_NAMESPACE
    assert verdict.key.startswith("SHA256:")
    assert verdict.principal == ""


@pytest.mark.parametrize("listed", ["", "# nobody yet\n", "alice@ops cert-authority ssh-ed25519 AAAA\n"])
def test_list_without_a_line_that_counts_lets_nobody_sign(stage: SigningStage, listed: str) -> None:
    """An empty list is as good as none."""
    stage.write("allowed_signers", listed)

    verdict = stage.verify(SIGNATURE)

    assert verdict.fault is SignatureFault.NO_SIGNERS
    assert str(stage.signers) in verdict.detail


def test_missing_program_is_a_failed_verifier(stage: SigningStage) -> None:
    """Without the program there is no verdict on the signature, only on the machine."""
    assert stage.verify(SIGNATURE, principal="bob@ops").fault is SignatureFault.VERIFIER_FAILED


@pytest.mark.parametrize("principal", ["alice@ops", "mallory", "*", ""])
def test_key_that_is_not_listed_never_reaches_the_program(stage: SigningStage, principal: str) -> None:
    """A stranger's signature, and one of a person for another, are turned away before anything is run."""
    assert stage.verify(SIGNATURE, principal=principal).fault is SignatureFault.UNKNOWN_SIGNER


def test_oversized_text_is_not_verified(stage: SigningStage) -> None:
    """No challenge is that long."""
    assert stage.verify(SIGNATURE, b"x" * 100_000).fault is SignatureFault.VERIFIER_FAILED
