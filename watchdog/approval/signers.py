"""Who may approve: the lines of an allowed_signers file that gatedog believes.

The format is that of ssh-keygen(1), ALLOWED SIGNERS: names, options, key. gatedog takes less of it than ssh-keygen
does; what it does not take it leaves out and says so (`faults`), and the other lines count. Left out are
- patterns (`*`, `*@ops`, `!bob`): a name stands for one person, and `*` would answer to every name that is asked for;
- `cert-authority`: whoever holds that key could make any number of new people;
- options and key types that ssh-keygen does not know, whose lines it would ignore, too. That a security key must be
  touched is no option of this file: OpenSSH has none for it, and gatedog's policy says it.

Invariant: what ssh-keygen gets to read (`lines_of`) are bytes written here, from lines that were understood, with the
name that was asked for and no other. Nothing that gatedog skipped can be read differently by a second parser.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from watchdog.approval.guard import read_trusted
from watchdog.approval.sshsig import KEY_WORDS, Unreadable, key_type_of
from watchdog.core.values import dataclass

SIGNERS_FILE = "allowed_signers"
REVOKED_FILE = "revoked_keys"
"""Their names in the bundle."""
SIGNERS_BYTES_MAX = 64 * 1024

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}")
_WORD = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^\s"])+')
_OPTION = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^,"])+')
_KNOWN_OPTION = re.compile(r'(?:namespaces|valid-after|valid-before)=".*"', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerLine:
    """One key and the names it signs for. `options` as they stood; empty: none."""

    names: tuple[str, ...]
    options: str
    key_type: str
    key: str
    """The public key in base64."""

    def is_open(self, namespace: str, moment: str) -> bool:
        """Whether its options let it sign there and then; `moment` is "YYYYMMDDHHMMSS", of any zone.

        Only to tell whether enough people are left: ssh-keygen judges a signature, to the second and in its zone.
        """
        for option in _OPTION.findall(self.options):
            name, _, quoted = option.partition("=")
            value = quoted.strip('"')
            match name.lower():
                case "namespaces" if not _fits(namespace, value.split(",")):
                    return False
                case "valid-before" if moment >= value.rstrip("Zz").ljust(len(moment), "0"):
                    return False
                case "valid-after" if moment < value.rstrip("Zz").ljust(len(moment), "0"):
                    return False
                case _:
                    pass
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signers:
    """An allowed_signers file. `faults` say which lines were left out, and why."""

    lines: tuple[SignerLine, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def principals(self) -> tuple[str, ...]:
        """Everybody who may sign, sorted."""
        return tuple(sorted({name for line in self.lines for name in line.names}))

    def lists(self, principal: str, key: bytes) -> bool:
        """Whether a key stands in a line of this person's."""
        return any(principal in line.names and base64.b64decode(line.key) == key for line in self.lines)

    def lines_of(self, principal: str) -> bytes:
        """Write the lines of one person, for ssh-keygen."""
        mine = (line for line in self.lines if principal in line.names)
        words = ((principal, line.options, line.key_type, line.key) for line in mine)
        return "".join(" ".join(word for word in each if word) + "\n" for each in words).encode("ascii")


class _LeftOut(Exception):  # noqa: N818 - said of the line
    """Why a line does not count."""


def read_signers(path: Path, *, euid: int | None = None) -> Signers:
    """Read the file.

    Raises:
        Untrusted: somebody besides root and `euid` (the caller, by default) could have written it, or it is not there.
    """
    return parse_signers(read_trusted(path, bytes_max=SIGNERS_BYTES_MAX, euid=euid))


def principals(path: Path, *, euid: int | None = None) -> tuple[str, ...]:
    """Return everybody who may sign, sorted; raises Untrusted as `read_signers` does."""
    return read_signers(path, euid=euid).principals


def parse_signers(raw: bytes) -> Signers:
    """Take the lines that can be taken, and say of every other one why not."""
    lines: list[SignerLine] = []
    faults: list[str] = []
    for number, line in enumerate(raw.decode("utf-8", "replace").split("\n"), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            lines.append(_parse_line(text))
        except _LeftOut as reason:
            faults.append(f"line {number} is left out: {reason}")
    return Signers(lines=tuple(lines), faults=tuple(faults))


def is_plain_name(name: str) -> bool:
    """Whether it can be a principal's name: no pattern, no list, nothing that begins like an option."""
    return _NAME.fullmatch(name) is not None


def _fits(namespace: str, patterns: list[str]) -> bool:
    """Match as ssh-keygen does: `*` and `?` stand for letters, `!` in front takes what it fits out."""
    plain = [each.replace("[", "[[]") for each in patterns]
    if any(each.startswith("!") and fnmatchcase(namespace, each[1:]) for each in plain):
        return False
    return any(fnmatchcase(namespace, each) for each in plain if not each.startswith("!"))


def _parse_line(text: str) -> SignerLine:
    words = list(_words(text))
    if len(words) < 3:
        raise _LeftOut("it needs a name, a key type and a key, as in: alice@ops ssh-ed25519 AAAA...")
    names = tuple(words[0].split(","))
    for name in names:
        if not is_plain_name(name):
            raise _LeftOut("a name must be plain: no pattern (* ? !), no quotes; list each person by name")
    options = "" if words[1] in KEY_WORDS else words[1]
    key_words = words[2:4] if options else words[1:3]
    if len(key_words) < 2 or key_words[0] not in KEY_WORDS:
        raise _LeftOut(f"its key type is none of {', '.join(KEY_WORDS)}")
    if options:
        _check_options(options)
    key_type, key = key_words
    if not _is_key(key_type, key):
        raise _LeftOut("its key cannot be read; copy the line of the .pub file again")
    return SignerLine(names=names, options=options, key_type=key_type, key=key)


def _words(text: str) -> Iterator[str]:
    """Split at white space outside of quotes."""
    rest = text
    while rest:
        found = _WORD.match(rest)
        if found is None:
            raise _LeftOut("it has a quotation mark without its counterpart")
        yield found.group()
        rest = rest[found.end() :].lstrip()


def _check_options(options: str) -> None:
    if not options.isascii() or not options.isprintable():
        raise _LeftOut("its options are not plain text")
    if ",".join(found := _OPTION.findall(options)) != options:
        raise _LeftOut("its options cannot be read")
    for option in found:
        if option.lower() == "cert-authority":
            raise _LeftOut("certificates are not taken; list each person's own key")
        if _KNOWN_OPTION.fullmatch(option) is None:
            raise _LeftOut("it has an option other than namespaces, valid-after and valid-before")


def _is_key(key_type: str, key: str) -> bool:
    try:
        return key_type_of(base64.b64decode(key.encode("ascii"), validate=True)) == key_type
    except (binascii.Error, UnicodeEncodeError, Unreadable):
        return False
