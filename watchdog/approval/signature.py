"""Whether a text was signed by the person it was given to.

Theory of operation. ssh-keygen verifies; gatedog believes one answer only: exit status 0 and, byte for byte, the line
that says that this person's key, of this type and fingerprint, signed for our namespace. The person is fixed by the
caller (who was asked), never taken from the signature: otherwise everybody on the list could answer for everybody.
Whether a security key was touched is read from the signature, because ssh-keygen does not ask (sshsig.py).

Why a signature failed is told apart for the human who must mend it: ssh-keygen says some of it on its standard error,
and is silent for a key that is unknown, another person's, or revoked. So a wrong explanation is possible, a wrong
approval is not. Keys that are not listed are turned away here already: strangers cannot keep ssh-keygen busy.

Invariant: `fault` is None only for that one answer. Deliberately not here: which challenge it answers, and whether that
was already answered or is too old (core/proof.py).
"""

import time
from pathlib import Path

from watchdog.approval.challenge import KIND
from watchdog.approval.guard import Untrusted, read_trusted, trusted_program
from watchdog.approval.keygen import Answer, Keygen, KeygenFailed
from watchdog.approval.revoked import ListUnreadable, revoked_among
from watchdog.approval.signers import Signers, is_plain_name, read_signers
from watchdog.approval.sshsig import KEY_WORDS, SshSignature, Unreadable, parse
from watchdog.core.approval import SignatureFault
from watchdog.core.timeline import SECOND
from watchdog.core.values import dataclass

TEXT_BYTES_MAX = 64 * 1024
REVOKED_BYTES_MAX = 1024 * 1024
TIMEOUT_USEC = 5 * SECOND

_NOT_VERIFIED = b"Could not verify signature.\n"
_SAID = (
    (b"Signature verification failed", SignatureFault.DOES_NOT_MATCH),
    (b"key is not permitted for use in signature namespace", SignatureFault.OTHER_NAMESPACE),
    (b"key has expired", SignatureFault.KEY_EXPIRED),
    (b"key is not yet valid", SignatureFault.KEY_EXPIRED),
    (b"parse signature object", SignatureFault.UNREADABLE),
    (b"Couldn't verify signature", SignatureFault.UNREADABLE),
)
"""What OpenSSH 9.2 and 10.0 write on standard error, and what it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found. `fault` None: `principal` signed the text with the key `key`, and had the right to."""

    principal: str = ""
    """Who signed; empty when nothing is shown."""
    key: str = ""
    """The fingerprint that the signature names, "SHA256:..."; with a fault it is a claim."""
    key_type: str = ""
    touched: bool = False
    """Whether a security key was touched for it; with a fault it is a claim."""
    fault: SignatureFault | None = None
    detail: str = ""
    """What is wrong and what helps, one line for a human."""


class _Faulty(Exception):  # noqa: N818 - said of the signature
    """A fault, on its way into a Verdict."""

    def __init__(self, fault: SignatureFault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault
        self.detail = detail


def verify(  # noqa: PLR0913 - what a signature must fit, each by its name
    signature: bytes,
    text: bytes,
    *,
    principal: str,
    signers: Path | Signers,
    revoked: Path | bytes | None = None,
    namespace: str = KIND,
    touch_required: bool = False,
    keygen: str = "ssh-keygen",
    timeout_usec: int = TIMEOUT_USEC,
    at_wall_usec: int | None = None,
) -> Verdict:
    """Say whether `signature` (armoured, as ssh-keygen writes it) is `principal`'s over `text`.

    `namespace` is what it must have been made for. `signers` were read already, or lie in a file; so do `revoked`,
    revoked keys as a KRL or a list of public keys: a file that is named must be there. `keygen` is the bare name of a
    program in a trusted folder, or an absolute path.
    `at_wall_usec` is when it was made, where that is not now: a key's time is compared with it.
    Raises nothing: what goes wrong is a fault. Blocks for at most twice `timeout_usec`: a worker thread's work.
    """
    parsed: SshSignature | None = None
    try:
        parsed = _parse(signature)
        _check_purpose(parsed, text, namespace)
        listed = signers if isinstance(signers, Signers) else _read_signers(signers)
        _check_any(listed, signers)
        revocations = _read_revoked(revoked) if isinstance(revoked, Path) else revoked
        _check_listed(parsed, principal, listed)
        _check(parsed, text, principal, listed, revocations, _find(keygen, timeout_usec), at_wall_usec)
        _check_touch(parsed, required=touch_required)
    except _Faulty as found:
        return _failed(found, parsed)
    return Verdict(principal=principal, key=parsed.fingerprint, key_type=parsed.key_type, touched=parsed.touched)


def _parse(signature: bytes) -> SshSignature:
    try:
        return parse(signature)
    except Unreadable as error:
        raise _Faulty(SignatureFault.UNREADABLE, f"the signature cannot be read: {error}") from error


def _check_purpose(parsed: SshSignature, text: bytes, namespace: str) -> None:
    if parsed.namespace != namespace:
        detail = f"it was made for another purpose; sign again with: -n {namespace}"
        raise _Faulty(SignatureFault.OTHER_NAMESPACE, detail)
    if len(text) > TEXT_BYTES_MAX:
        raise _Faulty(SignatureFault.VERIFIER_FAILED, f"the text is larger than {TEXT_BYTES_MAX} bytes")


def _check_touch(parsed: SshSignature, *, required: bool) -> None:
    if not required or parsed.touched:
        return
    if parsed.flags is None:
        detail = f"a key in a file or an agent signs unasked ({parsed.key_type}); use a security key (-t ed25519-sk)"
    else:
        detail = "the security key was not touched for it; make the key without -O no-touch-required"
    raise _Faulty(SignatureFault.NOT_TOUCHED, detail)


def _failed(found: _Faulty, parsed: SshSignature | None) -> Verdict:
    if parsed is None:
        return Verdict(fault=found.fault, detail=found.detail)
    return Verdict(
        key=parsed.fingerprint, key_type=parsed.key_type, touched=parsed.touched, fault=found.fault, detail=found.detail
    )


def _read_signers(path: Path) -> Signers:
    try:
        return read_signers(path)
    except Untrusted as error:
        raise _Faulty(SignatureFault.NO_SIGNERS, f"nobody may sign: {error}") from error


def _check_any(listed: Signers, source: Path | Signers) -> None:
    if not listed.lines:
        where = source if isinstance(source, Path) else "allowed_signers"
        why = listed.faults[0] if listed.faults else "no line with a key counts"
        raise _Faulty(SignatureFault.NO_SIGNERS, f"nobody may sign: in {where} {why}")


def _read_revoked(path: Path) -> bytes:
    try:
        return read_trusted(path, bytes_max=REVOKED_BYTES_MAX)
    except Untrusted as error:
        # Without the list every key would pass, the stolen one too.
        raise _Faulty(
            SignatureFault.NO_SIGNERS, f"nobody may sign without the list of revoked keys: {error}"
        ) from error


def _find(keygen: str, timeout_usec: int) -> Keygen:
    try:
        return Keygen(program=trusted_program(keygen), timeout_usec=timeout_usec)
    except Untrusted as error:
        raise _Faulty(SignatureFault.VERIFIER_FAILED, f"no signature can be verified: {error}") from error


def _check_listed(parsed: SshSignature, principal: str, listed: Signers) -> None:
    """Turn away keys that nobody listed, before a program written in C is given what a stranger sent."""
    if not is_plain_name(principal):
        raise _Faulty(SignatureFault.UNKNOWN_SIGNER, "nobody can be called what the signer is called")
    if not listed.lists(principal, parsed.key):
        beside = "".join(f"; {fault}" for fault in listed.faults[:1])
        detail = f"the key {parsed.fingerprint} is not listed for {principal}{beside}"
        raise _Faulty(SignatureFault.UNKNOWN_SIGNER, detail)


def _check(
    parsed: SshSignature,
    text: bytes,
    principal: str,
    listed: Signers,
    revocations: bytes | None,
    keygen: Keygen,
    at_wall_usec: int | None,
) -> None:
    """Have it verified; anything but the one good answer is a fault."""
    files = {"<signature>": parsed.armoured, "<signers>": listed.lines_of(principal)}
    arguments = ["-Y", "verify", "-I", principal, "-n", parsed.namespace, "-f", "<signers>", "-s", "<signature>"]
    if at_wall_usec is not None:
        arguments += ["-O", f"verify-time={_moment(at_wall_usec)}"]
    if revocations is not None:
        files["<revoked>"] = revocations
        arguments += ["-r", "<revoked>"]
    answer = _ask(keygen, arguments, files, text)
    if answer.status == 0 and answer.output == _good_line(principal, parsed):
        return
    if answer.output != _NOT_VERIFIED or answer.status == 0:
        raise _Faulty(SignatureFault.VERIFIER_FAILED, f"ssh-keygen gave no answer that is known: {answer.words}")
    for words, fault in _SAID:
        if words in answer.errors:
            raise _Faulty(fault, _explain(fault, principal, parsed, answer))
    if revocations is not None and _is_revoked(keygen, parsed, revocations):
        raise _Faulty(SignatureFault.KEY_REVOKED, f"the key {parsed.fingerprint} is on the list of revoked keys")
    if answer.errors:
        raise _Faulty(SignatureFault.VERIFIER_FAILED, f"ssh-keygen failed: {answer.words}")
    raise _Faulty(SignatureFault.UNKNOWN_SIGNER, f"ssh-keygen knows no line of {principal} for {parsed.fingerprint}")


def _moment(wall_usec: int) -> str:
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(wall_usec // SECOND))


def _good_line(principal: str, parsed: SshSignature) -> bytes:
    kind = KEY_WORDS[parsed.key_type]
    return f'Good "{parsed.namespace}" signature for {principal} with {kind} key {parsed.fingerprint}\n'.encode("ascii")


def _ask(keygen: Keygen, arguments: list[str], files: dict[str, bytes], given: bytes = b"") -> Answer:
    try:
        return keygen.ask(*arguments, files=files, given=given)
    except KeygenFailed as error:
        raise _Faulty(SignatureFault.VERIFIER_FAILED, f"no signature can be verified: {error}") from error


def _is_revoked(keygen: Keygen, parsed: SshSignature, revocations: bytes) -> bool:
    """Say why ssh-keygen was silent: it is for a revoked key, and for a list that it cannot read."""
    try:
        return bool(revoked_among([parsed.key], revocations, keygen))
    except ListUnreadable as error:
        detail = f"the list of revoked keys cannot be read: {error}"
        raise _Faulty(SignatureFault.VERIFIER_FAILED, detail) from error


def _explain(fault: SignatureFault, principal: str, parsed: SshSignature, answer: Answer) -> str:
    match fault:
        case SignatureFault.DOES_NOT_MATCH:
            return "it is a signature over another text; sign exactly the line that was shown, with its line end"
        case SignatureFault.KEY_EXPIRED:
            when = "valid-before" if b"has expired" in answer.errors else "valid-after"
            return f"the key {parsed.fingerprint} of {principal} is out of its time; see {when} in its line"
        case SignatureFault.OTHER_NAMESPACE:
            return f'the line of {principal} does not allow this: add "{parsed.namespace}" to its namespaces'
        case _:
            return f"the signature cannot be read: {answer.words}"
