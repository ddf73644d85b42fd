"""Whether a key or a password logs the account in on this host, as itself or as somebody else.

An agent that can log in gets a fresh session outside its unit, and with another account's key somebody else's. Its
public keys are read from `*.pub` and from the unencrypted head of OpenSSH's private keys, and compared with what every
account accepts. A key kept in another place is not seen; that a login over loopback is never taken for a person is
judged elsewhere and does not rest on this.

Invariant: keys are compared, never told; nothing of a key leaves this module.
"""

import base64
import binascii
import struct
from collections.abc import Iterator

from watchdog.origin.enforcing.accounts import Account, read_users
from watchdog.origin.enforcing.judgement import Check, Condition, checked
from watchdog.origin.host import Host, words

SSHD_CONFIG = "/etc/ssh/sshd_config"
SSHD_FOLDER = "/etc/ssh/sshd_config.d"
SHADOW = "/etc/shadow"
DEFAULT_KEY_FILES = (".ssh/authorized_keys", ".ssh/authorized_keys2")
OWN_KEYS_MAX = 64
_MAGIC = b"openssh-key-v1\0"


def check_login(host: Host, account: Account) -> Check:
    """Look at keys and passwords."""
    found: list[str] = []
    unread: list[str] = []
    settings = tuple(_sshd_settings(host, unread))
    patterns = _key_files(settings)
    if account.may_log_in:
        _look_at_password(host, account, found, unread)
        if account.name not in _denied(settings):
            accepting = _accepting(host, account, patterns, unread)
            found += [f"a key logs {account.name} in over ssh: {path}" for path in accepting]
            if any(key == "authorizedkeyscommand" and value != "none" for key, value in settings):
                unread.append("the keys that sshd's AuthorizedKeysCommand gives")
    own = frozenset(_own_keys(host, account, unread))
    if own:
        found += _elsewhere(host, account, own, patterns, unread)
    return checked(Condition.LOGIN, found, unread)


def _look_at_password(host: Host, account: Account, found: list[str], unread: list[str]) -> None:
    try:
        for _, line in words(host.read(SHADOW) or "", comment="\0"):
            name, _, rest = line.partition(":")
            if name == account.name and not rest.startswith(("!", "*")):
                found.append(f"{account.name} has a password (passwd --lock {account.name})")
    except OSError as error:
        unread.append(f"{SHADOW} ({error.strerror or error})")


def _sshd_settings(host: Host, unread: list[str]) -> Iterator[tuple[str, str]]:
    """Yield (keyword in lower case, value) of all files, those inside Match blocks included."""
    try:
        extra = tuple(f"{SSHD_FOLDER}/{name}" for name in host.list(SSHD_FOLDER) if name.endswith(".conf"))
        for path in (*extra, SSHD_CONFIG):
            for _, line in words(host.read(path) or ""):
                keyword, _, value = line.replace("=", " ", 1).replace("\t", " ").partition(" ")
                yield keyword.lower(), value.strip()
    except OSError as error:
        unread.append(f"sshd's configuration ({error.strerror or error})")


def _key_files(settings: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    named = [word for key, value in settings if key == "authorizedkeysfile" for word in value.split()]
    return tuple(dict.fromkeys((*named, *DEFAULT_KEY_FILES)))


def _denied(settings: tuple[tuple[str, str], ...]) -> frozenset[str]:
    """Return the users that sshd turns away in general: DenyUsers before the first Match."""
    denied: set[str] = set()
    for key, value in settings:
        if key == "match":
            break
        if key == "denyusers":
            denied.update(value.split())
    return frozenset(denied)


def _accepting(host: Host, account: Account, patterns: tuple[str, ...], unread: list[str]) -> Iterator[str]:
    for path in _paths(account, patterns):
        if tuple(_accepted(host, path, unread)):
            yield path


def _paths(account: Account, patterns: tuple[str, ...]) -> Iterator[str]:
    for pattern in patterns:
        if pattern == "none":
            continue
        path = pattern.replace("%h", account.home).replace("%u", account.name).replace("%U", str(account.uid))
        yield path if path.startswith("/") else f"{account.home}/{path}"


def _accepted(host: Host, path: str, unread: list[str]) -> Iterator[bytes]:
    """Yield the keys of an authorized_keys file: in each line, the word that is base64 of a key."""
    try:
        text = host.read(path) or ""
    except OSError as error:
        unread.append(f"{path} ({error.strerror or error})")
        return
    for _, line in words(text):
        for word in line.split():
            blob = _blob(word)
            if blob:
                yield blob
                break


def _own_keys(host: Host, account: Account, unread: list[str]) -> Iterator[bytes]:
    folder = f"{account.home}/.ssh"
    try:
        for name in host.list(folder)[:OWN_KEYS_MAX]:
            if name.startswith(("authorized_keys", "known_hosts")):
                continue
            text = host.read(f"{folder}/{name}") or ""
            if name.endswith(".pub"):
                yield from filter(None, (_blob(word) for word in text.split()))
            elif "OPENSSH PRIVATE KEY" in text:
                yield from _public_part(text)
            elif "PRIVATE KEY" in text and not host.exists(f"{folder}/{name}.pub"):
                unread.append(f"the private key {folder}/{name}, whose format hides its public half")
    except OSError as error:
        unread.append(f"{folder} ({error.strerror or error})")


def _elsewhere(
    host: Host, account: Account, own: frozenset[bytes], patterns: tuple[str, ...], unread: list[str]
) -> Iterator[str]:
    try:
        others = [user for user in read_users(host) if user.uid != account.uid and user.may_log_in]
    except OSError as error:
        unread.append(f"/etc/passwd ({error.strerror or error})")
        return
    for user in others:
        for path in _paths(user, patterns):
            if own & frozenset(_accepted(host, path, unread)):
                yield f"a key of {account.name} logs it in as {user.name}: {path}"


def _blob(word: str) -> bytes:
    """Decode a word that is a public key; b"" when it is none. Every key begins with the length of its type."""
    if not word.startswith("AAAA"):
        return b""
    try:
        return base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _public_part(text: str) -> Iterator[bytes]:
    """Read the public key from the head of a private one: magic, cipher, kdf, its options, count, public key."""
    body = "".join(line for line in text.splitlines() if not line.startswith("-----"))
    try:
        raw = base64.b64decode(body)
        if not raw.startswith(_MAGIC):
            return
        rest = raw[len(_MAGIC) :]
        for _ in range(3):
            rest = rest[4 + struct.unpack_from(">I", rest)[0] :]
        (length,) = struct.unpack_from(">I", rest, 4)
        yield rest[8 : 8 + length]
    except (binascii.Error, ValueError, struct.error):
        return
