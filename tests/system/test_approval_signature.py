"""Signatures, verified by the real ssh-keygen: one answer counts, and every fault has its own name."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from signing_stage import PERSON, TEXT, WAIT_S, SigningStage, is_alive
from software_key import ECDSA, ED25519, PIN_GIVEN, TOUCHED, SoftwareKey

from watchdog.approval.challenge import challenge_text, make_nonce
from watchdog.core.approval import Challenge, SignatureFault
from watchdog.core.identity import BootId, GatewayName, RequestId
from watchdog.core.timeline import SECOND, Usec
from watchdog.core.verbs import Verb

pytestmark = pytest.mark.system


@pytest.fixture
def stage(tmp_path: Path) -> SigningStage:
    """A folder in which Alice has a key and is listed with it."""
    folder = tmp_path / "desk"
    folder.mkdir(mode=0o755)
    staged = SigningStage(folder)
    staged.allow(f"{PERSON} {staged.key('alice')}")
    return staged


@contextmanager
def agent(folder: Path) -> Iterator[Path]:
    """Run an ssh-agent; give its socket."""
    socket = folder / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + WAIT_S
            while not socket.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            yield socket
        finally:
            process.terminate()


@pytest.mark.parametrize(
    "options", [("-t", "ed25519"), ("-t", "ecdsa"), ("-t", "ecdsa", "-b", "521"), ("-t", "rsa", "-b", "2048")]
)
def test_signature_of_a_listed_key_is_good(stage: SigningStage, options: tuple[str, ...]) -> None:
    """Every type of key that people have is taken, and the verdict names the person and the key's fingerprint."""
    stage.allow(f'{PERSON} namespaces="gatedog-approve" {stage.key("key", *options)}')

    verdict = stage.verify(stage.sign("key"))

    assert verdict.fault is None
    assert verdict.principal == PERSON
    assert verdict.key in stage.run("-l", "-f", "key.pub").decode()
    assert not verdict.touched


def test_challenge_as_it_is_printed_can_be_signed(stage: SigningStage) -> None:
    """The text of a challenge, signed as it stands, is what is verified."""
    challenge = Challenge(
        request=RequestId("REQ-7"),
        verb=Verb.RELEASE,
        gateway=GatewayName("main"),
        incident=None,
        subject="",
        for_usec=None,
        starts=None,
        uid=None,
        reason="fixed the config",
        nonce=make_nonce(),
        asker_uid=1000,
        signer=PERSON,
        boot=BootId("b"),
        given_usec=Usec(1),
        expires_wall_usec=Usec(2),
    )
    text = challenge_text(challenge, journal="j", host="web1")

    assert stage.verify(stage.sign("alice", text), text).fault is None


def test_signature_pasted_through_other_hands_is_good(stage: SigningStage) -> None:
    """Line ends of another system and blank lines around it change nothing."""
    pasted = b"\r\n" + stage.sign("alice").replace(b"\n", b"\r\n") + b"\r\n"

    assert stage.verify(pasted).fault is None


@pytest.mark.parametrize("text", [TEXT.replace(b"7", b"8"), TEXT.rstrip(b"\n"), TEXT + TEXT, b""])
def test_other_text_does_not_match(stage: SigningStage, text: bytes) -> None:
    """One byte more, less or other than what was signed is refused."""
    verdict = stage.verify(stage.sign("alice"), text)

    assert verdict.fault is SignatureFault.DOES_NOT_MATCH
    assert verdict.principal == ""


def test_other_namespace_is_refused(stage: SigningStage) -> None:
    """What the same key signed for another purpose, such as a commit, is no approval."""
    verdict = stage.verify(stage.sign("alice", namespace="git"))

    assert verdict.fault is SignatureFault.OTHER_NAMESPACE
    assert "-n gatedog-approve" in verdict.detail


def test_key_listed_for_another_namespace_is_refused(stage: SigningStage) -> None:
    """A line that is for signing causes approves nothing, and the detail says what to add."""
    stage.allow(f'{PERSON} namespaces="gatedog-cause" {stage.public("alice")}')

    verdict = stage.verify(stage.sign("alice"))

    assert verdict.fault is SignatureFault.OTHER_NAMESPACE
    assert "gatedog-approve" in verdict.detail


def test_unknown_signer_is_refused(stage: SigningStage) -> None:
    """A key that nobody listed shows nothing, however right its signature is."""
    stage.key("mallory")

    verdict = stage.verify(stage.sign("mallory"))

    assert verdict.fault is SignatureFault.UNKNOWN_SIGNER
    assert verdict.key in stage.run("-l", "-f", "mallory.pub").decode()


def test_person_is_who_was_asked(stage: SigningStage) -> None:
    """Bob may sign, but not for what Alice was asked: the person is fixed by the challenge."""
    stage.allow(f"{PERSON} {stage.public('alice')}", f"bob@ops {stage.key('bob')}")

    assert stage.verify(stage.sign("bob")).fault is SignatureFault.UNKNOWN_SIGNER
    assert stage.verify(stage.sign("bob"), principal="bob@ops").fault is None


@pytest.mark.parametrize("names", ["*", "*@ops", "alice@op?", "!mallory,*", f"mallory@ops,{PERSON}*", '"alice@ops"'])
def test_pattern_names_nobody(stage: SigningStage, names: str) -> None:
    """A pattern among the names would answer for everybody: the line does not count, and the detail says so."""
    stage.allow(f"{names} {stage.public('alice')}")

    verdict = stage.verify(stage.sign("alice"))

    assert verdict.fault is SignatureFault.NO_SIGNERS
    assert "list each person by name" in verdict.detail


@pytest.mark.parametrize("principal", ["*", "a*", "", "-n", "alice@ops,bob", "alice@ops\nbob"])
def test_asked_name_is_no_pattern(stage: SigningStage, principal: str) -> None:
    """A name that could be a pattern, a list or an option is nobody's."""
    assert stage.verify(stage.sign("alice"), principal=principal).fault is SignatureFault.UNKNOWN_SIGNER


def test_certificate_authority_names_nobody(stage: SigningStage) -> None:
    """Whoever holds an authority's key could make new people, so a line of one does not count."""
    authority = stage.key("authority")
    stage.run("-q", "-s", "authority", "-I", "x", "-n", PERSON, "alice.pub")
    stage.allow(f"{PERSON} cert-authority {authority}", f"bob@ops {stage.key('bob')}")

    by_certificate = stage.verify(stage.sign("alice-cert.pub"))
    by_key = stage.verify(stage.sign("alice"))

    assert by_certificate.fault is SignatureFault.UNREADABLE
    assert by_key.fault is SignatureFault.UNKNOWN_SIGNER


@pytest.mark.parametrize(
    ("option", "word"), [('valid-before="20200101"', "valid-before"), ('valid-after="20990101"', "valid-after")]
)
def test_key_out_of_its_time_is_refused(stage: SigningStage, option: str, word: str) -> None:
    """A key whose time is over, or has not come, shows nothing."""
    stage.allow(f"{PERSON} {option} {stage.public('alice')}")

    verdict = stage.verify(stage.sign("alice"))

    assert verdict.fault is SignatureFault.KEY_EXPIRED
    assert word in verdict.detail


def test_key_within_its_time_is_good(stage: SigningStage) -> None:
    """A line with both ends of its time counts between them."""
    stage.allow(f'{PERSON} valid-after="20200101Z",valid-before="20990101Z" {stage.public("alice")}')

    assert stage.verify(stage.sign("alice")).fault is None


@pytest.mark.parametrize("form", ["krl", "list"])
def test_revoked_key_is_refused(stage: SigningStage, form: str) -> None:
    """A key on the list of revoked ones shows nothing; another one's place there changes nothing."""
    stage.key("stolen")
    for name in ("alice", "stolen"):
        if form == "krl":
            stage.run("-q", "-k", "-f", f"revoked-{name}", f"{name}.pub")
        else:
            stage.write(f"revoked-{name}", f"# lost on the train\n{stage.public(name)} {name}\n")
    signature = stage.sign("alice")

    assert stage.verify(signature, revoked=stage.folder / "revoked-alice").fault is SignatureFault.KEY_REVOKED
    assert stage.verify(signature, revoked=stage.folder / "revoked-stolen").fault is None


def test_unknown_key_is_unknown_beside_a_list_of_revoked_keys(stage: SigningStage) -> None:
    """An unlisted key is told apart from a revoked one, though ssh-keygen is silent on both."""
    stage.key("mallory")
    stage.run("-q", "-k", "-f", "krl", "alice.pub")

    assert stage.verify(stage.sign("mallory"), revoked=stage.folder / "krl").fault is SignatureFault.UNKNOWN_SIGNER


@pytest.mark.parametrize("content", [b"garbage\n", b"SSHKRL\n\0broken", b"\xff\x00"])
def test_broken_list_of_revoked_keys_lets_nobody_sign(stage: SigningStage, content: bytes) -> None:
    """A list that cannot be read may hold the key, so every signature fails, and the detail names the list."""
    verdict = stage.verify(stage.sign("alice"), revoked=stage.write("revoked", content))

    assert verdict.fault is SignatureFault.VERIFIER_FAILED
    assert "the list of revoked keys cannot be read" in verdict.detail


def test_missing_list_of_revoked_keys_lets_nobody_sign(stage: SigningStage) -> None:
    """A list that was named must be there: removing it may not make a stolen key good."""
    verdict = stage.verify(stage.sign("alice"), revoked=stage.folder / "revoked")

    assert verdict.fault is SignatureFault.NO_SIGNERS
    assert "revoked" in verdict.detail


@pytest.mark.parametrize("key_type", [ED25519, ECDSA])
@pytest.mark.parametrize(
    ("flags", "touched"), [(0, False), (PIN_GIVEN, False), (TOUCHED, True), (TOUCHED | PIN_GIVEN, True)]
)
def test_touch_is_read_from_the_signature(stage: SigningStage, key_type: str, flags: int, *, touched: bool) -> None:
    """Ssh-keygen finds a security key's signature good without a touch; where one is required, gatedog does not."""
    key = SoftwareKey(key_type)
    stage.allow(f"{PERSON} {key.line}")
    signature = key.sign(TEXT, flags=flags)

    lenient = stage.verify(signature)
    strict = stage.verify(signature, touch_required=True)

    assert (lenient.fault, lenient.touched) == (None, touched)
    assert strict.fault is (None if touched else SignatureFault.NOT_TOUCHED)


@pytest.mark.parametrize("key_type", [ED25519, ECDSA])
def test_touch_cannot_be_written_in_afterwards(stage: SigningStage, key_type: str) -> None:
    """The flags are signed, too: setting the bit by hand breaks the signature."""
    key = SoftwareKey(key_type)
    stage.allow(f"{PERSON} {key.line}")
    untouched, touched = (key.sign(TEXT, flags=flags) for flags in (0, TOUCHED))
    forged = bytearray(untouched)
    at = [place for place in range(len(touched)) if untouched[place] != touched[place]][-1]
    forged[at] = touched[at]

    verdict = stage.verify(bytes(forged), touch_required=True)

    assert verdict.touched
    assert verdict.fault is SignatureFault.DOES_NOT_MATCH


def test_key_held_by_an_agent_signs_unasked(stage: SigningStage) -> None:
    """What ssh-agent signs is as good as what a person signs; only a required touch tells them apart."""
    with agent(stage.folder) as socket:
        subprocess.run(
            ["ssh-add", "-q", stage.folder / "alice"], env={"SSH_AUTH_SOCK": str(socket)}, check=True, timeout=WAIT_S
        )
        (stage.folder / "alice").unlink()
        signature = stage.sign("alice.pub", agent=socket)

    assert stage.verify(signature).fault is None
    assert stage.verify(signature, touch_required=True).fault is SignatureFault.NOT_TOUCHED


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.chmod(0o664), "chmod go-w"),
        (lambda path: path.parent.chmod(0o777), "chmod go-w"),
        (lambda path: path.rename(path.with_name("old")) and path.symlink_to("old"), "is a symlink"),
        (lambda path: path.with_name("other").hardlink_to(path), "has 2 names"),
        pytest.param(
            lambda path: os.chown(path, 4242, 4242),
            "chown root",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away"),
        ),
    ],
    ids=["writable", "in a writable folder", "symlink", "hard link", "a stranger's"],
)
def test_signers_file_that_others_could_have_written_lets_nobody_sign(
    stage: SigningStage, spoil: Callable[[Path], object], words: str
) -> None:
    """Whoever can write the list, or choose which one is read, could list themselves: the cure is said."""
    signature = stage.sign("alice")
    spoil(stage.signers)

    verdict = stage.verify(signature)

    assert verdict.fault is SignatureFault.NO_SIGNERS
    assert words in verdict.detail


def test_without_a_signers_file_nobody_signs(stage: SigningStage) -> None:
    """No list is not an empty condition: it lets nobody sign."""
    signature = stage.sign("alice")
    stage.signers.unlink()

    assert stage.verify(signature).fault is SignatureFault.NO_SIGNERS


def test_missing_ssh_keygen_is_told_with_the_package(stage: SigningStage) -> None:
    """Without the program nothing is verified, and the detail says what to install."""
    verdict = stage.verify(stage.sign("alice"), keygen="ssh-keygen-that-is-not-there")

    assert verdict.fault is SignatureFault.VERIFIER_FAILED
    assert "apt install openssh-client" in verdict.detail


def test_program_that_others_may_write_is_not_run(stage: SigningStage) -> None:
    """A stand-in that a stranger could have written is not started."""
    program = stage.program(f"touch {stage.folder}/ran; exit 1")
    Path(program).chmod(0o777)

    assert stage.verify(stage.sign("alice"), keygen=program).fault is SignatureFault.VERIFIER_FAILED
    assert not (stage.folder / "ran").exists()


def test_hanging_program_is_ended_with_what_it_started(stage: SigningStage) -> None:
    """The time limit ends the program and its children, and the signature shows nothing."""
    noted = stage.folder / "child"
    program = stage.program(f"sleep 1000 & echo $! >{noted}; wait")

    verdict = stage.verify(stage.sign("alice"), keygen=program, timeout_usec=1 * SECOND)

    assert verdict.fault is SignatureFault.VERIFIER_FAILED
    assert "no answer within 1s" in verdict.detail
    # On a machine so busy that it did not come to start one within the limit, there is no child to end.
    children = [int(pid) for pid in noted.read_text().split()] if noted.exists() else []
    deadline = time.monotonic() + WAIT_S
    while any(map(is_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_alive, children))


GOOD = 'Good "gatedog-approve" signature for'


@pytest.mark.parametrize(
    "body",
    [
        "exit 0",
        "exit 1",
        "kill -9 $$",
        f"echo '{GOOD} {PERSON} with ED25519 key SHA256:other'",
        f"echo '{GOOD} mallory with ED25519 key KEY'",
        f"echo '{GOOD} {PERSON} with ED25519-SK key KEY'",
        f"echo '{GOOD} {PERSON} with ED25519 key KEY'; exit 255",
        f"echo; echo '{GOOD} {PERSON} with ED25519 key KEY'",
        f"printf '{GOOD} {PERSON} with ED25519 key KEY'",
        f"echo '{GOOD} {PERSON} with ED25519 key KEY' >&2",
    ],
)
def test_nothing_but_the_one_line_is_good(stage: SigningStage, body: str) -> None:
    """Status 0 and, byte for byte, the line for this person, purpose, type and key; half of it is a failed verifier."""
    signature = stage.sign("alice")
    key = stage.verify(signature).key
    program = stage.program(body.replace("KEY", key))

    assert stage.verify(signature, keygen=program).fault is SignatureFault.VERIFIER_FAILED


def test_the_one_line_is_good(stage: SigningStage) -> None:
    """The lines above fail for what is changed in them: unchanged, a stand-in is believed."""
    signature = stage.sign("alice")
    key = stage.verify(signature).key
    program = stage.program(f"echo '{GOOD} {PERSON} with ED25519 key {key}'")

    assert stage.verify(signature, keygen=program).fault is None
