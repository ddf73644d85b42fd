"""Profiles: what is known of a kind of gateway, as plain TOML that lies below a gateway's own table.

Theory of operation. `profile = "openclaw"` reads profiles/openclaw.toml beside policy.toml, else the one that comes
with gatedog. A profile holds what a [gateway.NAME] table holds, less what only the human can know (NOT_HERE). What the
gateway's own table says wins, key by key; a probe of the same name replaces the profile's. So a profile is changed by
copying its file, or by saying otherwise, and no code knows any of them.

Invariant: a profile is read under the same guard, the same limits and with the same messages as the policy, and its
bytes are part of the policy's digest. The shipped ones are as trusted as the program they come with.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from watchdog.policyfile.guard import read_guarded
from watchdog.policyfile.problems import Findings, PolicyProblems, Problem
from watchdog.policyfile.section import Section, open_document

NOT_HERE = (
    *("unit", "command", "user", "directory", "profile", "port"),
    *("trusted_units", "signature_for", "signature_touched", "observe"),
)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_PACKAGE = Path(__file__).resolve().parents[1]


class Profiles:
    """The profiles one policy may use, and those it did."""

    def __init__(self, folder: Path | None = None, *, own: Mapping[str, bytes] | None = None) -> None:
        """`folder` is where the human keeps his own; it need not exist. `own` are its files when they were read."""
        self._folder = folder
        self._own = own
        self._used: dict[str, bytes] = {}
        self._findings: list[Findings] = []
        self._refused: list[Problem] = []

    def open(self, gateway: Section) -> Section | None:
        """Open the profile that a gateway's table names; None when it names none, or there is none to be read."""
        name = gateway.value("profile")
        if not isinstance(name, str) or not name or not name.isprintable():
            return None  # who reads the gateway's table says what is wrong with it
        file = self._find(name) if _NAME.fullmatch(name) else None
        if file is None:
            known = ", ".join(sorted(path.stem for path in _shipped().glob("*.toml")))
            where = f" or write {self._folder / name}.toml" if self._folder is not None and "/" not in name else ""
            gateway.problem("profile", f'There is no profile "{name[:40]}"', f"Use one of {known}{where}")
            return None
        try:
            raw = self._read(file)
        except PolicyProblems as refused:
            self._refused += refused.problems
            return None
        self._used[name] = raw
        section, findings = open_document(raw, str(file))
        self._findings.append(findings)
        for key in NOT_HERE:
            if section.says(key):
                section.value(key)
                section.problem(key, f"{key} does not belong into a profile", "Say it in the gateway's own table")
        return section

    def used(self) -> tuple[bytes, ...]:
        """Return the bytes of the profiles that were opened, sorted by name."""
        return tuple(self._used[name] for name in sorted(self._used))

    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with them; two gateways of one profile say it once."""
        found = (*self._refused, *(problem for findings in self._findings for problem in findings.sorted()))
        first: dict[tuple[str, int, str], Problem] = {}
        for problem in found:
            first.setdefault((problem.file, problem.line, problem.how), problem)
        return tuple(first.values())

    def _read(self, file: Path) -> bytes:
        if self._folder is None or file.parent != self._folder:
            return file.read_bytes()
        return read_guarded(file) if self._own is None else self._own[file.name]

    def _find(self, name: str) -> Path | None:
        own = None if self._folder is None else self._folder / f"{name}.toml"
        if own is not None and self._own is not None:
            if own.name in self._own:
                return own
            own = None
        for file in (own, _shipped() / f"{name}.toml"):
            if file is None:
                continue
            try:
                file.lstat()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                return file  # reading it shall say why it cannot be read
            return file
        return None


def _shipped() -> Path:
    """Return where the profiles lie that come with gatedog: in the wheel, or in the checkout."""
    inside = _PACKAGE / "config" / "profiles"
    return inside if inside.is_dir() else _PACKAGE.parent / "config" / "profiles"
