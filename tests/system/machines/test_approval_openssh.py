"""The ssh-keygen of each Debian release gives the one answer that counts, and the words by which faults are told apart.

Nothing is booted: the program of the release's tree is run here, with the tree's own libraries.
"""

from pathlib import Path

import pytest
from machine_tree import build_tree
from signing_stage import PERSON, TEXT, SigningStage
from software_key import ECDSA, ED25519, TOUCHED, SoftwareKey, armoured

from watchdog.approval.sshsig import parse
from watchdog.core.approval import SignatureFault

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def stage(machines_possible: None, suite: str, tmp_path_factory: pytest.TempPathFactory) -> SigningStage:
    """Verify with the release's program; make keys and sign with this host's."""
    folder = tmp_path_factory.mktemp("desk")
    folder.chmod(0o755)
    tree = build_tree(suite)
    loader = next(tree.glob("lib64/ld-linux-*.so.*"), None) or next(tree.glob("lib/ld-linux-*.so.*"))
    libraries = next(tree.glob("usr/lib/*-linux-gnu"))
    program = f'exec "{loader}" --library-path "{libraries}" "{tree}/usr/bin/ssh-keygen" "$@"'
    staged = SigningStage(folder, keygen=SigningStage(folder).program(program))
    for name in ("alice", "mallory"):
        staged.key(name)
    staged.allow(f"{PERSON} {staged.public('alice')}")
    return staged


@pytest.mark.parametrize("key_type", ["alice", ED25519, ECDSA])
def test_release_says_the_line_that_is_believed(stage: SigningStage, key_type: str) -> None:
    """Keys in files and security keys are verified alike."""
    key = SoftwareKey(key_type)
    line, signature = (
        (stage.public("alice"), stage.sign("alice"))
        if key_type == "alice"
        else (key.line, key.sign(TEXT, flags=TOUCHED))
    )
    signers = stage.write(f"signers-{key_type.partition('@')[0]}", f"{PERSON} {line}\n")

    assert stage.verify(signature, signers=signers).fault is None


@pytest.mark.parametrize(
    ("option", "fault"),
    [
        ('valid-before="20200101"', SignatureFault.KEY_EXPIRED),
        ('valid-after="20990101"', SignatureFault.KEY_EXPIRED),
        ('namespaces="gatedog-cause"', SignatureFault.OTHER_NAMESPACE),
    ],
)
def test_release_says_why_a_line_does_not_fit(stage: SigningStage, option: str, fault: SignatureFault) -> None:
    """A key out of its time, or for another purpose, is told as that."""
    signers = stage.write("signers", f"{PERSON} {option} {stage.public('alice')}\n")

    assert stage.verify(stage.sign("alice"), signers=signers).fault is fault


def test_release_tells_other_text_from_an_unknown_key(stage: SigningStage) -> None:
    """A signature over something else and one by somebody else are two faults."""
    assert stage.verify(stage.sign("alice"), TEXT * 2).fault is SignatureFault.DOES_NOT_MATCH
    assert stage.verify(stage.sign("mallory")).fault is SignatureFault.UNKNOWN_SIGNER


def test_release_reads_both_lists_of_revoked_keys(stage: SigningStage) -> None:
    """A revoked key is told from an unknown one, and from a list that cannot be read."""
    stage.run("-q", "-k", "-f", "krl", "alice.pub")
    listed = stage.write("revoked", stage.public("alice") + "\n")
    broken = stage.write("broken", b"SSHKRL\n\0broken")
    signature = stage.sign("alice")

    for path in (stage.folder / "krl", listed):
        assert stage.verify(signature, revoked=path).fault is SignatureFault.KEY_REVOKED
        assert stage.verify(stage.sign("mallory"), revoked=path).fault is SignatureFault.UNKNOWN_SIGNER
    assert stage.verify(signature, revoked=broken).fault is SignatureFault.VERIFIER_FAILED


@pytest.mark.parametrize("key_type", ["alice", ED25519, ECDSA])
def test_no_changed_signature_is_good_or_blames_the_program(stage: SigningStage, key_type: str) -> None:
    """With a bit changed anywhere, the fault lies with the signature: nobody can make the verifier look broken."""
    key = SoftwareKey(key_type)
    ours = key_type == "alice"
    blob = parse(stage.sign("alice") if ours else key.sign(TEXT, flags=TOUCHED)).blob
    signers = stage.write("signers-changed", f"{PERSON} {stage.public('alice') if ours else key.line}\n")
    krl = Path(stage.folder / "krl-mallory")
    stage.run("-q", "-k", "-f", krl.name, "mallory.pub")

    faults = set()
    for place in range(len(blob)):
        changed = armoured(blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :])
        faults.add(stage.verify(changed, signers=signers, revoked=krl).fault)

    assert faults == {
        SignatureFault.UNREADABLE,
        SignatureFault.UNKNOWN_SIGNER,
        SignatureFault.DOES_NOT_MATCH,
        SignatureFault.OTHER_NAMESPACE,
    }
