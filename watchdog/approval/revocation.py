"""Whether a list of revoked keys can be read: one line that is no key makes ssh-keygen refuse every signature.

Theory of operation. A plain list is read here line by line, so that the line to be mended can be named. What ssh-keygen
makes of the list nobody can say but ssh-keygen: whether a point lies on its curve, whether a KRL is whole. So it is
asked to verify one signature, which was made for this and is good, with the list beside it: when that fails, every
other would. The private key of that signature was thrown away, and nobody ever listed it.

Invariant: a list that passes keeps nobody from signing but those whose keys are on it. Blocks: a worker thread's work.
"""

import base64
import binascii

from watchdog.approval.revoked import KRL_MAGIC
from watchdog.approval.signature import REVOKED_BYTES_MAX, verify
from watchdog.approval.signers import SignerLine, Signers
from watchdog.approval.sshsig import KEY_WORDS, Unreadable, key_type_of

_NAMESPACE = "gatedog-list"
_TEXT = b"x"
_NOBODY = SignerLine(
    names=("nobody",),
    options="",
    key_type="ssh-ed25519",
    key="AAAAC3NzaC1lZDI1NTE5AAAAIIgreZeDDeh3rLGWukd09Vt/igHT/83wq04ARaRMNPHe",
)
_SIGNATURE = b"""\
-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgiCt5l4MN6HessZa6R3T1W3+KAd
P/zfCrTgBFpEw08d4AAAAMZ2F0ZWRvZy1saXN0AAAAAAAAAAZzaGE1MTIAAABTAAAAC3Nz
aC1lZDI1NTE5AAAAQH9yBQYye5RC5NPyFbpG7NurCqv7vp3xR+TANf2NCdXJoP6dJbuSle
2LCYC00YkQRFXHi5QytafX3/+VVpr7jwk=
-----END SSH SIGNATURE-----
"""


def flaw_of_list(revoked: bytes) -> str:
    """Say why no signature could be verified beside this list, as one sentence; empty: it can be read."""
    if len(revoked) > REVOKED_BYTES_MAX:
        return f"it is larger than {REVOKED_BYTES_MAX >> 10} KiB"
    if flaw := flaw_of_lines(revoked):
        return flaw
    verdict = verify(
        _SIGNATURE,
        _TEXT,
        principal=_NOBODY.names[0],
        signers=Signers(lines=(_NOBODY,)),
        revoked=revoked,
        namespace=_NAMESPACE,
    )
    return "" if verdict.fault is None else f"ssh-keygen verifies nothing beside it: {verdict.detail}"


def flaw_of_lines(revoked: bytes) -> str:
    """Say which line of a plain list is no public key; empty: none, or a KRL. It asks nobody, so it finds less."""
    if revoked.startswith(KRL_MAGIC):
        return ""
    for number, line in enumerate(revoked.split(b"\n"), 1):
        text = line.strip(b" \t")
        if text and not text.startswith(b"#") and not _is_key(text.split()):
            return f"line {number} is no public key; write each as in a .pub file, and begin a comment with #"
    return ""


def _is_key(words: list[bytes]) -> bool:
    try:
        key_type = key_type_of(base64.b64decode(words[1], validate=True))
    except (IndexError, binascii.Error, Unreadable):
        return False
    return key_type in KEY_WORDS and words[0] == key_type.encode("ascii")
