"""Whether a rule of polkit may give an account something.

The rules are JavaScript, and nothing here runs it: it is searched for the account's name and its groups' names. A line
that names one of them counts, unless all it does is to say no (`if (subject.user == "agent") return polkit.Result.NO;`
on one line, as gatedog's own rule has it). So does a rule that says yes and looks at no subject at all.

Invariant: when in doubt, it counts. Deliberately not here: the defaults of actions, which ask for a session or a
password, and the gateway has neither.
"""

import re
from collections.abc import Iterator

from watchdog.origin.enforcing.accounts import Account
from watchdog.origin.enforcing.judgement import Check, Condition, checked
from watchdog.origin.host import Host

RULE_FOLDERS = (
    *("/etc/polkit-1/rules.d", "/run/polkit-1/rules.d"),
    *("/usr/local/share/polkit-1/rules.d", "/usr/share/polkit-1/rules.d"),
)
AUTHORITY_FOLDERS = ("/etc/polkit-1/localauthority", "/var/lib/polkit-1/localauthority")
"""The older form: NN-name.d/*.pkla."""

_YES = re.compile(r"Result\.(YES|AUTH_SELF)|[\"'](yes|auth_self)")
_NO = re.compile(r"return\s+(polkit\.Result\.NO\b(?!T)|[\"']no[\"'])")
_NOT = re.compile(r"!")
_COMMENT = re.compile(r"^\s*//")


def check_polkit(host: Host, account: Account) -> Check:
    """Search all rules."""
    found: list[str] = []
    unread: list[str] = []
    names = "|".join(re.escape(name) for name in sorted({account.name, *account.groups}))
    named = re.compile(rf"[\"'](unix-(?:user|group):)?({names})[\"']")
    for path in _files(host, RULE_FOLDERS, ".rules", unread):
        text = _read(host, path, unread)
        found += [f"polkit has a rule on {account.name}: {path}:{number}" for number in _lines(text, named)]
        found += [f"polkit has a rule for everybody: {path}" for rule in text.split("addRule(")[1:] if _is_open(rule)]
    who = rf"unix-user:\*|unix-(user|group):({names})(;|\s*$)|netgroup"
    identity = re.compile(rf"^\s*Identity\s*=.*({who})", re.MULTILINE)
    for folder in AUTHORITY_FOLDERS:
        groups = tuple(f"{folder}/{name}" for name in _list(host, folder, unread))
        for path in _files(host, groups, ".pkla", unread):
            if identity.search(_read(host, path, unread)):
                found.append(f"polkit has a rule on {account.name}: {path}")
    return checked(Condition.POLKIT, found, unread)


def _lines(text: str, named: re.Pattern[str]) -> Iterator[int]:
    for number, line in enumerate(text.splitlines(), 1):
        if named.search(line) and not _COMMENT.match(line) and not _only_says_no(line):
            yield number


def _only_says_no(line: str) -> bool:
    return bool(_NO.search(line)) and not _YES.search(line) and not _NOT.search(line)


def _is_open(rule: str) -> bool:
    return bool(_YES.search(rule)) and "subject." not in rule


def _files(host: Host, folders: tuple[str, ...], suffix: str, unread: list[str]) -> Iterator[str]:
    for folder in folders:
        yield from (f"{folder}/{name}" for name in _list(host, folder, unread) if name.endswith(suffix))


def _list(host: Host, folder: str, unread: list[str]) -> tuple[str, ...]:
    try:
        return host.list(folder)
    except OSError as error:
        unread.append(f"{folder} ({error.strerror or error})")
        return ()


def _read(host: Host, path: str, unread: list[str]) -> str:
    try:
        return host.read(path) or ""
    except OSError as error:
        unread.append(f"{path} ({error.strerror or error})")
        return ""
