"""Which keys a list of revoked keys names: lines of public keys, or a KRL as `ssh-keygen -k` makes it.

Lines are read here, as ssh-keygen reads them: one that is no public key spoils the whole list. What a KRL names, it may
name by a serial number or a hash, so only ssh-keygen can tell. Keys are compared as bytes: one key can be written in
more than one way.

Invariant: nothing is said of a list that cannot be read: `ListUnreadable` tells the caller, to whom every key is
revoked then. Deliberately not here: which lists there are (daemon/signing.py), and what is wrong with one
(approval/revocation.py).
"""

import base64
import binascii
from collections.abc import Iterable

from watchdog.approval.guard import Untrusted, trusted_program
from watchdog.approval.keygen import Keygen, KeygenFailed
from watchdog.approval.sshsig import Unreadable, key_type_of

KRL_MAGIC = b"SSHKRL\n\x00"

_KEYS_AT_ONCE = 32
"""Each is a file in memory, and a line in what ssh-keygen may write."""


class ListUnreadable(Exception):  # noqa: N818 - said of the list
    """What a list names cannot be told. The text says why."""


def revoked_among(keys: Iterable[bytes], revocations: bytes, keygen: Keygen | None = None) -> frozenset[bytes]:
    """Return those of `keys` that a list names; a key is given as it lies behind base64.

    `keygen` is asked of a KRL; None: the system's. Blocks for a moment then.

    Raises:
        ListUnreadable: no key can be said to stand.
    """
    among = tuple(sorted(frozenset(keys)))
    if not revocations.startswith(KRL_MAGIC):
        return frozenset(among) & _listed_keys(revocations)
    found: set[bytes] = set()
    for start in range(0, len(among), _KEYS_AT_ONCE):
        found |= _ask(among[start : start + _KEYS_AT_ONCE], revocations, keygen or _systems_own())
    return frozenset(found)


def _listed_keys(revocations: bytes) -> frozenset[bytes]:
    """Read lines of public keys: one that is none makes ssh-keygen refuse every signature."""
    keys = set()
    for number, line in enumerate(revocations.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith(b"#"):
            continue
        try:
            keys.add(base64.b64decode(words[1], validate=True))
        except (IndexError, binascii.Error):
            raise ListUnreadable(f"line {number} is no public key") from None
    return frozenset(keys)


def _ask(keys: tuple[bytes, ...], revocations: bytes, keygen: Keygen) -> set[bytes]:
    """Ask ssh-keygen, which answers with one line a key and fails when one of them is revoked."""
    files = {f"<key {number}>": _public_line(key) for number, key in enumerate(keys)}
    try:
        answer = keygen.ask("-Q", "-f", "<revoked>", *files, files={"<revoked>": revocations, **files})
    except KeygenFailed as error:
        raise ListUnreadable(str(error)) from error
    ends = [line.rpartition(b": ")[2] for line in answer.output.splitlines()]
    revoked = {key for key, end in zip(keys, ends, strict=False) if end == b"REVOKED"}
    is_whole = len(ends) == len(keys) and set(ends) <= {b"ok", b"REVOKED"} and (answer.status == 0) == (not revoked)
    if not is_whole:
        raise ListUnreadable(answer.words)
    return revoked


def _public_line(key: bytes) -> bytes:
    try:
        return b" ".join((key_type_of(key).encode("ascii"), base64.b64encode(key))) + b"\n"
    except Unreadable as error:
        raise ListUnreadable(f"a key that it is asked for: {error}") from error


def _systems_own() -> Keygen:
    try:
        return Keygen(program=trusted_program("ssh-keygen"))
    except Untrusted as error:
        raise ListUnreadable(str(error)) from error
