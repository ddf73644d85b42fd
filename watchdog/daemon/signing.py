"""Who may sign now: who was committed, less whoever was struck off or revoked since.

Theory of operation. Letting somebody sign is a change of the rules: a line of allowed_signers counts once the bundle it
stands in is committed and in force. Taking somebody out must not wait for anybody: a line counts only as long as it
still stands in the file, as it was committed, and a key counts no more once either list of revoked keys names it. A
file of signers that is gone, or that others could have written, strikes nobody off: what was committed stays.

Invariant: nothing that a person did not commit ever adds a signer. Everything blocks for a moment: a thread's work.
"""

import base64
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from watchdog.approval.guard import Untrusted, read_trusted
from watchdog.approval.revoked import KRL_MAGIC, ListUnreadable, revoked_among
from watchdog.approval.signature import REVOKED_BYTES_MAX, Verdict, verify
from watchdog.approval.signers import Signers, parse_signers, read_signers
from watchdog.approval.sshsig import fingerprint
from watchdog.core.approval import SignatureFault
from watchdog.core.values import dataclass
from watchdog.policyfile.bundle import REVOKED_FILE, SIGNERS_FILE, Bundle

COUNTING_MAX = 32
"""Keys that are named as counting in one event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignersInForce:
    """Whose signatures count. `is_signable`: somebody is listed, or was committed and cannot be believed now."""

    listed: Signers = Signers()
    revoked: tuple[bytes, ...] = ()
    is_signable: bool = False
    fault: str = ""
    """Why nobody may sign at all."""

    @property
    def counting(self) -> tuple[str, ...]:
        """The fingerprints of the keys that count, sorted; none where a list of revoked keys cannot be read.

        Blocks while ssh-keygen runs, where such a list is a KRL.
        """
        keys = frozenset(base64.b64decode(line.key) for line in self.listed.lines)
        try:
            keys = keys.difference(*(revoked_among(keys, raw) for raw in self.revoked))
        except ListUnreadable:
            return ()  # as in `check`: no key stands then
        return tuple(sorted(fingerprint(key) for key in keys))[:COUNTING_MAX]

    def check(self, signature: bytes, text: bytes, *, principal: str, namespace: str, touch_required: bool) -> Verdict:
        """Say whether `principal` signed the text, and may. Blocks while ssh-keygen runs, once for each list."""
        if self.fault:
            return Verdict(fault=SignatureFault.NO_SIGNERS, detail=f"nobody may sign: {self.fault}")
        verdict = Verdict(fault=SignatureFault.VERIFIER_FAILED)
        for revoked in self.revoked or (None,):
            verdict = verify(
                signature,
                text,
                principal=principal,
                signers=self.listed,
                revoked=revoked,
                namespace=namespace,
                touch_required=touch_required,
            )
            if verdict.fault is not None:
                break
        return verdict


def signers_in_force(committed: Bundle | None, folder: Path) -> SignersInForce:
    """Look up who may sign. `committed` is the bundle in force, `folder` where its files belong."""
    raw = b"" if committed is None else committed.read(SIGNERS_FILE) or b""
    listed = parse_signers(raw)
    signable = bool(listed.lines) or bool(listed.faults)
    if committed is None and os.path.lexists(folder / SIGNERS_FILE):
        return SignersInForce(is_signable=True, fault="gatedog's copy of the committed signers is lost")
    with suppress(Untrusted):
        there = read_signers(folder / SIGNERS_FILE)
        listed = replace(listed, lines=tuple(line for line in listed.lines if line in there.lines))
    try:
        revoked = tuple(_revoked(committed, folder))
    except Untrusted as error:
        # Without the list every key would pass, the stolen one too.
        return SignersInForce(is_signable=signable, fault=f"without the list of revoked keys: {error}")
    return SignersInForce(listed=listed, revoked=revoked, is_signable=signable)


def _revoked(committed: Bundle | None, folder: Path) -> Iterator[bytes]:
    """Return the lists of revoked keys: one, unless they differ and one of them is binary."""
    was = b"" if committed is None else committed.read(REVOKED_FILE) or b""
    place = folder / REVOKED_FILE
    now = read_trusted(place, bytes_max=REVOKED_BYTES_MAX) if os.path.lexists(place) else b""
    lists = tuple(dict.fromkeys(each for each in (was, now) if each))
    if any(each.startswith(KRL_MAGIC) for each in lists):
        yield from lists
    elif lists:
        yield b"\n".join(lists)
