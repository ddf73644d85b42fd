"""A security key made of software: SSH signatures that say of themselves what a test wants.

A real key sets the flag for "touched" only when somebody touched it. This one signs with any flags, which is how a key
made with `-O no-touch-required` looks, and ssh-keygen finds its signatures good. Ed25519 is RFC 8032, ECDSA FIPS 186-4,
both as short as they can be: slow, and not for secrets.
"""

import base64
import hashlib
from dataclasses import dataclass

TOUCHED = 0x01
PIN_GIVEN = 0x04

_APPLICATION = b"ssh:"
_SEED = hashlib.sha256(b"a security key made of software").digest()

ED25519 = "sk-ssh-ed25519@openssh.com"
ECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"


def ssh_string(raw: bytes) -> bytes:
    """Write bytes behind their length, as RFC 4251 does."""
    return len(raw).to_bytes(4) + raw


def armoured(blob: bytes) -> bytes:
    """Write a blob as ssh-keygen writes a signature."""
    text = base64.b64encode(blob)
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    return b"\n".join([b"-----BEGIN SSH SIGNATURE-----", *lines, b"-----END SSH SIGNATURE-----", b""])


def sshsig(key: bytes, signature: bytes, *, namespace: bytes = b"gatedog-approve", version: int = 1) -> bytes:
    """Put a signature blob together."""
    parts = (key, namespace, b"", b"sha512", signature)
    return b"SSHSIG" + version.to_bytes(4) + b"".join(ssh_string(part) for part in parts)


@dataclass(frozen=True)
class SoftwareKey:
    """One key, of one of the two types."""

    key_type: str = ED25519

    @property
    def public(self) -> bytes:
        """The public key as it lies behind base64."""
        if self.key_type == ED25519:
            parts = (ED25519.encode(), _ed25519_public(), _APPLICATION)
        else:
            parts = (ECDSA.encode(), b"nistp256", _p256_public(), _APPLICATION)
        return b"".join(ssh_string(part) for part in parts)

    @property
    def line(self) -> str:
        """Type and key, as in allowed_signers."""
        return f"{self.key_type} {base64.b64encode(self.public).decode()}"

    def sign(self, text: bytes, *, flags: int, counter: int = 7, namespace: bytes = b"gatedog-approve") -> bytes:
        """Sign, with the flags that are wanted."""
        digest = hashlib.sha512(text).digest()
        message = b"SSHSIG" + b"".join(ssh_string(part) for part in (namespace, b"", b"sha512", digest))
        words = bytes([flags]) + counter.to_bytes(4)
        signed = hashlib.sha256(_APPLICATION).digest() + words + hashlib.sha256(message).digest()
        proper = _ed25519_sign(signed) if self.key_type == ED25519 else _p256_sign(signed)
        signature = ssh_string(self.key_type.encode()) + ssh_string(proper) + words
        return armoured(sshsig(self.public, signature, namespace=namespace))


# -- Ed25519 -------------------------------------------------------------------------------------------------------

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_BASE_Y = 4 * pow(5, -1, _P) % _P
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)
_Point = tuple[int, int, int, int]


def _add(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(factor: int, point: _Point) -> _Point:
    total = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            total = _add(total, point)
        point = _add(point, point)
        factor >>= 1
    return total


def _compressed(point: _Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _expanded_seed() -> tuple[int, bytes]:
    digest = hashlib.sha512(_SEED).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    return scalar, digest[32:]


def _ed25519_public() -> bytes:
    return _compressed(_times(_expanded_seed()[0], _BASE))


def _ed25519_sign(message: bytes) -> bytes:
    scalar, prefix = _expanded_seed()
    nonce = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % _ORDER
    commitment = _compressed(_times(nonce, _BASE))
    hashed = hashlib.sha512(commitment + _ed25519_public() + message).digest()
    answer = (nonce + int.from_bytes(hashed, "little") * scalar) % _ORDER
    return commitment + answer.to_bytes(32, "little")


# -- ECDSA on P-256 ------------------------------------------------------------------------------------------------

_Q = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_SECRET = int.from_bytes(_SEED) % _N


def _p256_add(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int] | None:
    if one is None or other is None:
        return other if one is None else one
    if one[0] == other[0] and (one[1] + other[1]) % _Q == 0:
        return None
    if one == other:
        slope = 3 * (one[0] ** 2 - 1) * pow(2 * one[1], -1, _Q)  # a = -3
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, _Q)
    x = (slope**2 - one[0] - other[0]) % _Q
    return x, (slope * (one[0] - x) - one[1]) % _Q


def _p256_times(factor: int) -> tuple[int, int]:
    total: tuple[int, int] | None = None
    point: tuple[int, int] | None = _G
    while factor:
        if factor & 1:
            total = _p256_add(total, point)
        point = _p256_add(point, point)
        factor >>= 1
    assert total is not None
    return total


def _p256_public() -> bytes:
    x, y = _p256_times(_SECRET)
    return b"\x04" + x.to_bytes(32) + y.to_bytes(32)


def _p256_sign(message: bytes) -> bytes:
    digest = hashlib.sha256(message).digest()
    nonce = int.from_bytes(hashlib.sha256(_SEED + digest).digest()) % _N
    r = _p256_times(nonce)[0] % _N
    s = pow(nonce, -1, _N) * (int.from_bytes(digest) + r * _SECRET) % _N
    return b"".join(ssh_string(_mpint(number)) for number in (r, s))


def _mpint(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1)
