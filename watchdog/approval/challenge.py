"""The words that a person signs.

Invariant: one challenge has one text, byte for byte: it is made anew from the remembered challenge when the signature
comes, and nothing else is compared. It is plain ASCII on one line, so a terminal shows all of what is signed, and no
character can hide or reorder another. Deliberately not here: when a challenge is given, runs out or is spent
(core/proof.py).
"""

import json
import secrets

from watchdog.core.approval import Challenge

KIND = "gatedog-approve"
"""Also the namespace of the signature, so that nothing signed for another purpose (a commit, a login) fits."""
VERSION = 1
NONCE_BYTES = 16


def make_nonce() -> str:
    """Return what makes a challenge unlike any other: 32 hexadecimal digits that nobody can guess."""
    return secrets.token_hex(NONCE_BYTES)


def challenge_text(challenge: Challenge, *, journal: str, host: str) -> bytes:
    """Write the challenge as it is signed: canonical JSON, one line with its end.

    `journal` and `host` bind it to this memory on this machine: an approval cannot be carried to another one, nor be
    used again after a journal was set back.
    """
    words = {
        "kind": KIND,
        "version": VERSION,
        "journal": journal,
        "host": host,
        "boot": challenge.boot,
        "request": challenge.request,
        "verb": challenge.verb.value,
        "gateway": challenge.gateway,
        "incident": challenge.incident,
        "subject": challenge.subject,
        "for_usec": challenge.for_usec,
        "starts": challenge.starts,
        "uid": challenge.uid,
        "reason": challenge.reason,
        "signer": challenge.signer,
        "nonce": challenge.nonce,
        "expires_wall_usec": challenge.expires_wall_usec,
    }
    return json.dumps(words, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"
