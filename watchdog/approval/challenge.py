"""The words that a person signs.

Invariant: one challenge has one text, byte for byte: it is made anew from the remembered challenge when the signature
comes, and nothing else is compared. It is plain ASCII on one line, so a terminal shows all of what is signed, and no
character can hide or reorder another. Deliberately not here: when a challenge is given, runs out or is spent
(core/proof.py).
"""

import json
import secrets

from watchdog.core.approval import Challenge
from watchdog.core.verbs import Verb

KIND = "gatedog-approve"
CAUSE = "gatedog-cause"
"""Also the namespaces of their signatures, so that nothing signed for another purpose (a commit, a login) fits: who may
say why it happened need not be who may say what happens next."""
VERSION = 1
NONCE_BYTES = 16


def make_nonce() -> str:
    """Return what makes a challenge unlike any other: 32 hexadecimal digits that nobody can guess."""
    return secrets.token_hex(NONCE_BYTES)


def namespace_of(challenge: Challenge) -> str:
    """Return the namespace in which a challenge is signed."""
    return CAUSE if challenge.verb is Verb.SIGN_CAUSE else KIND


def challenge_text(challenge: Challenge, *, journal: str, host: str, enclosed: object = None) -> bytes:
    """Write the challenge as it is signed: canonical JSON, one line with its end.

    `journal` and `host` bind it to this memory on this machine: an approval cannot be carried to another one, nor be
    used again after a journal was set back. `enclosed` is what the request brought along, as JSON: what is signed is
    read before it is signed, so it stands here whole and not as a digest.

    Raises:
        ValueError: `enclosed` is not what the challenge holds: nobody would sign what is carried out.
    """
    if (enclosed is None) != (challenge.enclosed is None):
        raise ValueError(f"{challenge.request}: the text must hold what the request brought along, and nothing else")
    words: dict[str, object] = {
        "kind": namespace_of(challenge),
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
    if enclosed is not None:
        words["enclosed"] = enclosed
    return json.dumps(words, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"
