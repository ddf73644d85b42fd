"""Whether a rule of sudo or doas may name an account.

`sudo -l -U` would say it exactly, but runs sudo with all its plug-ins as root, and cannot run at all inside a sandbox
without new privileges. So the files are read here, and read conservatively: an alias, a group, a netgroup or ALL that
could mean the account counts as naming it, whatever the rule then allows, and a negation takes nothing back.

Invariant: pure but for reads; what is included and cannot be read is told as unread.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from watchdog.origin.enforcing.accounts import Account, other_sources
from watchdog.origin.enforcing.judgement import Check, Condition, checked
from watchdog.origin.host import Host, words

SUDOERS = "/etc/sudoers"
DOAS_FILES = ("/etc/doas.conf", "/usr/local/etc/doas.conf")
DOAS_FOLDER = "/etc/doas.d"
INCLUDES_MAX = 128

_ALIASES = ("User_Alias", "Runas_Alias", "Host_Alias", "Cmnd_Alias", "Cmd_Alias")
_DOAS_FLAGS = frozenset({"nopass", "nolog", "persist", "keepenv"})


@dataclass(slots=True, kw_only=True)
class _Reading:
    """The lines of all files, in order, and what could not be read."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    """(file:line, text)"""
    unread: list[str] = field(default_factory=list)
    files: int = 0


def check_sudo(host: Host, account: Account) -> Check:
    """Look at sudo's and doas' rules."""
    found: list[str] = []
    reading = _Reading()
    _read_into(reading, host, SUDOERS)
    unread = reading.unread
    aliases = dict(_user_aliases(reading))
    for place, line in reading.lines:
        who = _who(line)
        if who and any(_names(item, account, aliases) for item in who):
            found.append(f"sudo may serve {account.name}: {place}")
    try:
        foreign = other_sources(host, "sudoers")
        if foreign:
            unread.append(f"rules of sudo from {', '.join(foreign)}")
        for _, line in words(host.read("/etc/sudo.conf") or ""):
            plugin = line.split()
            if plugin[0] == "Plugin" and "sudoers" not in "".join(plugin[2:3]):
                unread.append("sudo has another policy plug-in (/etc/sudo.conf)")
    except OSError as error:
        unread.append(f"sudo's configuration ({error})")
    for path in _doas_files(host, unread):
        try:
            text = host.read(path) or ""
        except OSError as error:
            unread.append(f"{path} ({error.strerror or error})")
            continue
        found += [
            f"doas may serve {account.name}: {path}:{number}"
            for number, line in words(text)
            if _doas_names(line, account)
        ]
    return checked(Condition.SUDO, found, unread)


def _read_into(reading: _Reading, host: Host, path: str) -> None:
    reading.files += 1
    if reading.files > INCLUDES_MAX:
        reading.unread.append(f"more than {INCLUDES_MAX} files of sudo's rules")
        return
    try:
        text = host.read(path)
    except OSError as error:
        reading.unread.append(f"{path} ({error.strerror or error})")
        return
    for number, line in words(text or "", comment="\0"):
        word, _, rest = line.partition(" ") if " " in line else line.partition("\t")
        target = rest.strip().strip('"').replace("\\ ", " ")
        if word in ("@include", "#include"):
            if "%h" in target:
                reading.unread.append(f"{path}:{number} includes a file named after the host")
            _read_into(reading, host, _beside(path, target))
        elif word in ("@includedir", "#includedir"):
            _read_folder(reading, host, _beside(path, target))
        elif not line.startswith("#") or line[1:2].isdigit():  # "#1001 ALL=..." is a rule for a uid, not a comment
            reading.lines.append((f"{path}:{number}", line))


def _read_folder(reading: _Reading, host: Host, folder: str) -> None:
    try:
        names = host.list(folder)
    except OSError as error:
        reading.unread.append(f"{folder} ({error.strerror or error})")
        return
    for name in names:
        if "." not in name and not name.endswith("~"):  # what sudo itself leaves out
            _read_into(reading, host, f"{folder}/{name}")


def _beside(path: str, target: str) -> str:
    return target if target.startswith("/") else f"{path.rpartition('/')[0]}/{target}"


def _user_aliases(reading: _Reading) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Read `User_Alias ADMINS = a, b : OTHERS = c`."""
    for _, line in reading.lines:
        word, _, rest = line.partition(" ")
        if word != "User_Alias":
            continue
        for part in rest.split(":"):
            name, _, members = part.partition("=")
            yield name.strip(), tuple(item.strip() for item in members.split(",") if item.strip())


def _who(line: str) -> tuple[str, ...]:
    """Return the users that a rule is for: the list before the first blank that no comma precedes or follows."""
    if line.startswith(("Defaults", "@", *_ALIASES)) or "=" not in line:
        return ()
    head = line.partition("=")[0].replace("\\ ", "\0")
    items = [part.split() for part in head.split(",")]
    # In the last part the users end and the hosts begin: "a, b HOST" -> [["a"], ["b", "HOST"]]. A list of hosts makes
    # later parts that are no users; taking them along can only name more.
    return tuple(words_of[0].replace("\0", " ") for words_of in items if words_of)


def _names(item: str, account: Account, aliases: dict[str, tuple[str, ...]], depth: int = 0) -> bool:
    bare = item.strip().strip('"')
    if bare.startswith("!"):
        return False
    if bare in (account.name, f"#{account.uid}", "ALL") or bare.startswith("+"):
        return True  # a netgroup may hold anybody
    if bare.startswith("%"):
        group = bare[1:].strip('"')
        return group.startswith(":") or group in account.groups or group in {f"#{gid}" for gid in account.gids}
    if bare in aliases and depth < len(aliases):
        return any(_names(member, account, aliases, depth + 1) for member in aliases[bare])
    return False


def _doas_files(host: Host, unread: list[str]) -> tuple[str, ...]:
    try:
        return (*DOAS_FILES, *(f"{DOAS_FOLDER}/{name}" for name in host.list(DOAS_FOLDER) if name.endswith(".conf")))
    except OSError as error:
        unread.append(f"{DOAS_FOLDER} ({error.strerror or error})")
        return DOAS_FILES


def _doas_names(line: str, account: Account) -> bool:
    """Read `permit [options] identity [as user] [cmd ...]`; options may hold `setenv { ... }`."""
    rest = iter(line.split())
    if next(rest, "") != "permit":
        return False
    for word in rest:
        if word in _DOAS_FLAGS:
            continue
        if word == "setenv":
            while next(rest, "}") != "}":
                pass
            continue
        if word.startswith(":"):
            return word[1:] in account.groups or (word[1:].isdigit() and int(word[1:]) in account.gids)
        return word in (account.name, str(account.uid))
    return False
