"""The SSHSIG format: what a signature made by `ssh-keygen -Y sign` says about itself.

The format is PROTOCOL.sshsig of OpenSSH, the layout of FIDO signatures PROTOCOL.u2f. Nothing is verified here; what is
read counts only once ssh-keygen has found the same bytes good. It is read at all because ssh-keygen does not say, and
does not ask for, the touch of a security key: a signature that the key gave without one is "Good" to it.

Invariant: a signature has one reading. What is passed on to be verified is written anew from the bytes that were parsed
(`armoured`), so that no second parser can see another signature between other lines; a byte too many is a fault.
"""

import base64
import binascii
import hashlib

from watchdog.core.values import dataclass

ARMOURED_BYTES_MAX = 8192
"""An RSA key of 16384 bits, the largest that OpenSSH makes, fills two thirds of it."""

_BEGIN = b"-----BEGIN SSH SIGNATURE-----"
_END = b"-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"
_VERSION = 1
_HASH_NAMES = (b"sha256", b"sha512")
_LINE_LENGTH = 70
_TOUCHED = 0x01

KEY_WORDS = {
    "ssh-ed25519": "ED25519",
    "ssh-rsa": "RSA",
    "ecdsa-sha2-nistp256": "ECDSA",
    "ecdsa-sha2-nistp384": "ECDSA",
    "ecdsa-sha2-nistp521": "ECDSA",
    "sk-ssh-ed25519@openssh.com": "ED25519-SK",
    "sk-ecdsa-sha2-nistp256@openssh.com": "ECDSA-SK",
}
"""Key types that may sign, and what ssh-keygen calls them. Certificates are not among them: whoever holds their
authority's key could make any number of new people."""


class Unreadable(Exception):  # noqa: N818 - said of the signature
    """These bytes are no signature, or one of a kind that gatedog does not take. The text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshSignature:
    """One signature, parsed and unverified. `flags` and `counter` are a security key's; None of any other key."""

    namespace: str
    key_type: str
    """As in a line of authorized_keys: "ssh-ed25519"."""
    key: bytes
    """The public key, as it lies behind the base64 of that line."""
    flags: int | None
    counter: int | None
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint as OpenSSH prints it."""
        return fingerprint(self.key)

    @property
    def touched(self) -> bool:
        """Whether the security key says that somebody touched it for this signature."""
        return self.flags is not None and bool(self.flags & _TOUCHED)

    @property
    def armoured(self) -> bytes:
        """The signature as text for ssh-keygen, written anew from what was parsed."""
        text = base64.b64encode(self.blob)
        lines = (text[start : start + _LINE_LENGTH] for start in range(0, len(text), _LINE_LENGTH))
        return b"\n".join((_BEGIN, *lines, _END)) + b"\n"


def parse(armoured: bytes) -> SshSignature:
    """Read a signature as `ssh-keygen -Y sign` writes it. White space around the lines is nothing: people paste.

    Raises:
        Unreadable: it is not one whole signature and nothing else.
    """
    blob = _dearmoured(armoured)
    if not blob.startswith(_MAGIC):
        raise Unreadable("it does not begin as an SSH signature does")
    reader = _Reader(blob, len(_MAGIC))
    if reader.number() != _VERSION:
        raise Unreadable("it is of another version of the format")
    key, namespace, _reserved, hash_name, signature = (reader.string() for _ in range(5))
    reader.finish()
    if hash_name not in _HASH_NAMES:
        raise Unreadable("it names a hash that SSH signatures do not use")
    key_type = _text(_Reader(key).string())
    if key_type not in KEY_WORDS:
        raise Unreadable("its key is of a type that gatedog does not take (certificates, for example)")
    flags, counter = _security_key_words(key_type, signature)
    return SshSignature(namespace=_text(namespace), key_type=key_type, key=key, flags=flags, counter=counter, blob=blob)


def fingerprint(key: bytes) -> str:
    """Say a public key's fingerprint as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def key_type_of(key: bytes) -> str:
    """Read the type that a public key names itself.

    Raises:
        Unreadable: it is no public key.
    """
    return _text(_Reader(key).string())


def _dearmoured(armoured: bytes) -> bytes:
    if not armoured.strip():
        raise Unreadable("there is no signature")
    if len(armoured) > ARMOURED_BYTES_MAX:
        raise Unreadable(f"it is larger than {ARMOURED_BYTES_MAX} bytes")
    lines = [line.strip() for line in armoured.strip().splitlines()]
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise Unreadable(f"it does not stand between the lines {_BEGIN.decode()} and {_END.decode()}")
    try:
        return base64.b64decode(b"".join(lines[1:-1]), validate=True)
    except binascii.Error as error:
        raise Unreadable("its lines are not base64") from error


def _security_key_words(key_type: str, signature: bytes) -> tuple[int | None, int | None]:
    """Read flags and counter, which a security key puts behind its signature proper."""
    if not key_type.startswith("sk-"):
        return None, None
    reader = _Reader(signature)
    if _text(reader.string()) != key_type:
        # OpenSSH also knows signatures that a browser made (webauthn-sk-...), in which a web page has its say.
        raise Unreadable("its signature is of another kind than its key")
    reader.string()
    flags, counter = reader.byte(), reader.number()
    reader.finish()
    return flags, counter


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        raise Unreadable("a name in it is not ASCII text") from None
    if not text.isprintable():
        raise Unreadable("a name in it is not printable text")
    return text


class _Reader:
    """Walks through the encoding of RFC 4251: big-endian numbers, and strings behind their length."""

    def __init__(self, raw: bytes, offset: int = 0) -> None:
        self._raw = raw
        self._offset = offset

    def byte(self) -> int:
        return self._take(1)[0]

    def number(self) -> int:
        return int.from_bytes(self._take(4))

    def string(self) -> bytes:
        return self._take(self.number())

    def finish(self) -> None:
        if self._offset != len(self._raw):
            raise Unreadable("something follows where it should end")

    def _take(self, length: int) -> bytes:
        end = self._offset + length
        if end > len(self._raw):
            raise Unreadable("it ends in the middle")
        part = self._raw[self._offset : end]
        self._offset = end
        return part
