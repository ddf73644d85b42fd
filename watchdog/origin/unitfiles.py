"""systemd's unit files as they lie on disk: which file a unit comes from, which drop-ins are merged into it.

What systemd has loaded is its own word (gateway/ asks it); this is what it would load, for every unit at once and also
for units of users, whose service managers do not answer us. Invariant: only text is read; a value with a specifier that
is not known here is left as it is written. Deliberately not here: generators, and units made at run time over D-Bus
beyond what systemd itself writes to /run.
"""

import re
import shlex
from collections.abc import Iterator

from watchdog.core.values import dataclass
from watchdog.origin.host import Host, words

SYSTEM_FOLDERS = (
    *("/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient"),
    *("/run/systemd/generator.early", "/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator"),
    *("/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"),
    "/run/systemd/generator.late",
)
"""Where units of the system come from, first wins: systemd.unit(5)."""

USER_FOLDERS = (
    *("/etc/systemd/user", "/run/systemd/user", "/usr/local/share/systemd/user", "/usr/share/systemd/user"),
    *("/usr/local/lib/systemd/user", "/usr/lib/systemd/user"),
)
"""Where units of all users come from; their own lie in HOME_FOLDERS."""

HOME_FOLDERS = (".config/systemd/user.control", ".config/systemd/user", ".local/share/systemd/user")
UNITS_MAX = 5000
EXEC_KEYS = (
    *("ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost"),
)
_SUFFIX = ".service"
_WANTING = (".wants", ".requires", ".upholds")
_STARTING = (".timer", ".socket", ".path")
_SPECIFIER = re.compile(r"%(.)")
_PREFIXES = "@-:+!|"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFile:
    """One unit, merged. `settings` keeps the order of reading: (key, value), of all sections together."""

    name: str
    path: str
    drop_ins: tuple[str, ...]
    masked: bool
    settings: tuple[tuple[str, str], ...]

    def last(self, key: str) -> str:
        """Return the value in force of a setting that is no list; "" when unset."""
        return next((value for name, value in reversed(self.settings) if name == key), "")

    def all(self, key: str) -> tuple[str, ...]:
        """Return the values in force of a list; an empty assignment empties it."""
        found: list[str] = []
        for name, value in self.settings:
            if name == key:
                found = [*found, value] if value else []
        return tuple(found)

    def commands(self, keys: tuple[str, ...] = ("ExecStart",)) -> Iterator[tuple[str, ...]]:
        """Yield the argv of every command, without systemd's prefixes; a line may hold several, parted by ` ; `."""
        for key in keys:
            for line in self.all(key):
                for part in line.split(" ; "):
                    argv = split(self.expanded(part.strip().lstrip(_PREFIXES)))
                    if argv:
                        yield argv

    def expanded(self, text: str) -> str:
        """Fill in the specifiers that depend on the unit's name alone."""
        stem = self.name.removesuffix(_SUFFIX)
        prefix, _, instance = stem.partition("@")
        named = {"n": self.name, "N": stem, "j": prefix.rpartition("-")[2], "%": "%"}
        known = {**named, "p": prefix, "P": prefix, "i": instance, "I": instance}
        return _SPECIFIER.sub(lambda found: known.get(found[1], found[0]), text)


def split(line: str) -> tuple[str, ...]:
    """Split a command line as systemd (nearly) does; what no quoting rule fits is split at blanks."""
    try:
        return tuple(shlex.split(line))
    except ValueError:
        return tuple(line.split())


class UnitTree:
    """The unit files of one service manager. Folders are listed once: a host has hundreds of units."""

    def __init__(self, host: Host, folders: tuple[str, ...] = SYSTEM_FOLDERS) -> None:
        """List the folders. Raises OSError."""
        self._host = host
        self._entries = {folder: frozenset(host.list(folder)) for folder in folders}

    def names(self) -> tuple[str, ...]:
        """List the services, and the instances that something wants; sorted. Raises OSError."""
        files = {entry for entries in self._entries.values() for entry in entries if entry.endswith(_SUFFIX)}
        return tuple(sorted(files | self.wanted())[:UNITS_MAX])

    def wanted(self) -> frozenset[str]:
        """List the services that something wants, and those whose timer, socket or path is wanted. Raises OSError."""
        found: set[str] = set()
        for folder, entries in self._entries.items():
            for entry in entries:
                if not entry.endswith(_WANTING):
                    continue
                for each in self._host.list(f"{folder}/{entry}"):
                    stem, dot, kind = each.rpartition(".")
                    if f"{dot}{kind}" in (_SUFFIX, *_STARTING):
                        found.add(stem + _SUFFIX)
        return frozenset(found)

    def load(self, name: str) -> UnitFile | None:
        """Read the unit of this name, or its template; None when there is no file. Raises OSError."""
        path = self._find(name)
        if path is None:
            return None
        target = self._host.trail(path)
        masked = target.real == "/dev/null" or not target.exists
        drop_ins = self._drop_ins(name)
        settings = [] if masked else list(_settings(self._host.read(path) or ""))
        for drop_in in drop_ins:
            settings += _settings(self._host.read(drop_in) or "")
        return UnitFile(name=name, path=path, drop_ins=drop_ins, masked=masked, settings=tuple(settings))

    def _find(self, name: str) -> str | None:
        for each in _names_of(name):
            for folder, entries in self._entries.items():
                if each in entries:
                    return f"{folder}/{each}"
        return None

    def _drop_ins(self, name: str) -> tuple[str, ...]:
        """Find the drop-ins in force, in the order of their names: a file shadows others of its name further down."""
        found: dict[str, str] = {}
        for stem in _drop_in_stems(name):
            for folder, entries in self._entries.items():
                if f"{stem}.d" not in entries:
                    continue
                for entry in self._host.list(f"{folder}/{stem}.d"):
                    if entry.endswith(".conf"):
                        found.setdefault(entry, f"{folder}/{stem}.d/{entry}")
        return tuple(found[entry] for entry in sorted(found) if self._host.trail(found[entry]).real != "/dev/null")


def unit_places(name: str, folders: tuple[str, ...] = SYSTEM_FOLDERS) -> tuple[str, ...]:
    """List every folder and file that could hold a setting of the unit, there or not."""
    ends = ("", *(f"/{each}" for each in _names_of(name)), *(f"/{stem}.d" for stem in _drop_in_stems(name)))
    return tuple(f"{folder}{end}" for folder in folders for end in ends)


def _names_of(name: str) -> tuple[str, ...]:
    """Return the name, and the template's when it is an instance."""
    prefix, at, instance = name.removesuffix(_SUFFIX).partition("@")
    return (name, f"{prefix}@{_SUFFIX}") if at and instance else (name,)


def _drop_in_stems(name: str) -> tuple[str, ...]:
    """Return the names whose `.d` folders count, most specific first: a-b-c.service, a-b-.service, a-.service."""
    stem = name.removesuffix(_SUFFIX).partition("@")[0]
    parts = stem.split("-")
    prefixes = ("-".join(parts[:count]) + "-" for count in range(len(parts) - 1, 0, -1))
    return (*_names_of(name), *(f"{prefix}{_SUFFIX}" for prefix in prefixes if prefix.strip("-")), "service")


def _settings(text: str) -> Iterator[tuple[str, str]]:
    for _, line in words(text):
        if line.startswith((";", "[")):
            continue
        key, equals, value = line.partition("=")
        if equals:
            yield key.strip(), value.strip()
