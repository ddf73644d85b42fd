"""What a signature says about itself, and what is no signature."""

import base64

import pytest
from software_key import ECDSA, ED25519, PIN_GIVEN, TOUCHED, SoftwareKey, armoured, ssh_string, sshsig

from watchdog.approval.sshsig import ARMOURED_BYTES_MAX, Unreadable, parse

KEY = ssh_string(b"ssh-ed25519") + ssh_string(bytes(32))
SIGNATURE = ssh_string(b"ssh-ed25519") + ssh_string(bytes(64))
BLOB = sshsig(KEY, SIGNATURE)


def of_type(key_type: bytes) -> bytes:
    """Write a public key that calls itself so."""
    return ssh_string(key_type) + ssh_string(bytes(32))


def test_fields_are_read() -> None:
    """Namespace, key and fingerprint are read; an ordinary key has no flags, and nobody touched it."""
    parsed = parse(armoured(BLOB))

    assert (parsed.namespace, parsed.key_type, parsed.key) == ("gatedog-approve", "ssh-ed25519", KEY)
    assert (parsed.flags, parsed.counter) == (None, None)
    assert not parsed.touched
    assert parsed.fingerprint == "SHA256:kmYcvdi2GkPeWxB6XLjrZB8JHsy2Hm8luHMFp9GMvqk"


@pytest.mark.parametrize("key_type", [ED25519, ECDSA])
@pytest.mark.parametrize("flags", [0, TOUCHED, PIN_GIVEN, TOUCHED | PIN_GIVEN, 0xFF])
def test_security_keys_say_who_was_there(key_type: str, flags: int) -> None:
    """Touch is bit 0 of the flags, whether or not a PIN was given, which is bit 2; the counter follows."""
    key = ssh_string(key_type.encode()) + ssh_string(b"x")
    signature = ssh_string(key_type.encode()) + ssh_string(b"proper") + bytes([flags]) + (7).to_bytes(4)

    parsed = parse(armoured(sshsig(key, signature)))

    assert (parsed.flags, parsed.counter) == (flags, 7)
    assert parsed.touched == bool(flags & TOUCHED)


def test_what_is_passed_on_is_what_was_read() -> None:
    """The text for ssh-keygen is written from the parsed bytes, whatever stood around them."""
    pasted = b"\r\n  " + armoured(BLOB).replace(b"\n", b"  \r\n") + b"\n\n"

    assert parse(pasted).armoured == armoured(BLOB)


def test_software_key_makes_what_is_read() -> None:
    """The key that the system tests sign with writes a signature of the same form."""
    parsed = parse(SoftwareKey(ED25519).sign(b"text", flags=TOUCHED, counter=9))

    assert (parsed.touched, parsed.counter, parsed.key_type) == (True, 9, ED25519)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" \n",
        b"garbage",
        armoured(BLOB).replace(b"-----BEGIN SSH SIGNATURE-----\n", b""),
        armoured(BLOB).replace(b"-----END SSH SIGNATURE-----\n", b""),
        base64.b64encode(BLOB),
        b"untrusted comment\n" + armoured(BLOB),
        armoured(BLOB) + b"trailing",
        armoured(BLOB) + armoured(BLOB),
        armoured(BLOB).replace(b"SSH SIGNATURE", b"PGP SIGNATURE"),
        armoured(BLOB).replace(b"AAAA", b"AA*A"),
        armoured(b""),
        b"\xff" * 100,
        armoured(BLOB) + b" " * ARMOURED_BYTES_MAX,
    ],
    ids=range(14),
)
def test_what_is_not_one_whole_signature_is_unreadable(text: bytes) -> None:
    """Missing or stripped armour, anything beside it, and too many bytes are refused."""
    with pytest.raises(Unreadable):
        parse(text)


@pytest.mark.parametrize(
    "blob",
    [
        BLOB.replace(b"SSHSIG", b"SSHSIH"),
        sshsig(KEY, SIGNATURE, version=2),
        BLOB + b"\0",
        BLOB.replace(b"sha512", b"sha1!!"),
        sshsig(KEY, SIGNATURE, namespace=b"gatedog\xff"),
        sshsig(KEY, SIGNATURE, namespace=b"gatedog\n"),
        sshsig(of_type(b"ssh-dss"), SIGNATURE),
        sshsig(of_type(b"ssh-ed25519-cert-v01@openssh.com"), SIGNATURE),
        sshsig(b"", SIGNATURE),
        b"SSHSIG" + (1).to_bytes(4) + (0xFFFFFFFF).to_bytes(4),
        sshsig(of_type(ED25519.encode()), ssh_string(ED25519.encode()) + ssh_string(b"x")),
        sshsig(of_type(ED25519.encode()), ssh_string(b"ssh-ed25519") + ssh_string(b"x") + bytes(5)),
        sshsig(of_type(ED25519.encode()), ssh_string(ED25519.encode()) + ssh_string(b"x") + bytes(6)),
        sshsig(of_type(ECDSA.encode()), ssh_string(b"webauthn-" + ECDSA.encode()) + ssh_string(b"x") + bytes(5)),
    ],
    ids=range(14),
)
def test_what_is_built_differently_is_unreadable(blob: bytes) -> None:
    """Another version, hash, key type or length than OpenSSH's own, and a byte too many or too few, are refused."""
    with pytest.raises(Unreadable):
        parse(armoured(blob))


@pytest.mark.parametrize("length", range(len(BLOB)))
def test_every_cut_is_unreadable(length: int) -> None:
    """A signature that ends anywhere before its end is refused, and never with another error."""
    with pytest.raises(Unreadable):
        parse(armoured(BLOB[:length]))
