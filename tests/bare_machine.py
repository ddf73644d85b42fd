"""A made-up machine for the tests of setup: a folder for its files, a table for what its commands answer."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from watchdog.core.policy import Policy
from watchdog.setup.facts import Facts, HostFacts, UnitFacts, Wish
from watchdog.setup.host import Account, Answer, Host

OPENCLAW = Account(name="openclaw", uid=1000, home="/home/openclaw")
ROOT = Account(name="root", uid=0, home="/root")
FOLDERS = (
    "etc/systemd/system/multi-user.target.wants",
    "etc/pam.d",
    "etc/polkit-1/rules.d",
    "usr/local/bin",
    "usr/lib",
    "var/lib",
)


@dataclass(slots=True)
class Commands:
    """What was run, and which commands fail."""

    ran: list[tuple[str, ...]] = field(default_factory=list)
    fail: str = ""
    answers: dict[str, str] = field(default_factory=dict)

    def run(self, argv: Sequence[str]) -> Answer:
        """Remember a command; it fails if its words begin with `fail`."""
        self.ran.append(tuple(argv))
        line = " ".join(argv)
        if self.fail and line.startswith(self.fail):
            return Answer(code=1, said="it does not work")
        said = next((said for begin, said in self.answers.items() if line.startswith(begin)), "")
        return Answer(code=0, said=said)


@dataclass(frozen=True, slots=True)
class Machine:
    """The folder, the commands, and the host that setup sees."""

    folder: Path
    commands: Commands
    host: Host

    def listing(self) -> dict[str, tuple[int, str]]:
        """Return mode and content (or target) of everything there is."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            mode = path.lstat().st_mode
            text = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else ""
            found[str(path.relative_to(self.folder))] = (0 if path.is_symlink() else mode, text)
        return found

    def write(self, path: str, text: str, mode: int = 0o644) -> Path:
        """Put a file there."""
        place = self.host.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)
        return place


def bare_machine(folder: Path) -> Machine:
    """Make one on which every account is us, so that no test needs root."""
    for each in FOLDERS:
        (folder / each).mkdir(parents=True)
    commands = Commands()
    host = Host(
        root=folder,
        run=commands.run,
        ids=lambda _owner, _group: (os.geteuid(), os.getegid()),
        account={"openclaw": OPENCLAW, "root": ROOT}.get,
    )
    return Machine(folder, commands, host)


def unit_facts(name: str = "openclaw-gateway.service", links: tuple[Path, ...] = (), **shown: str) -> UnitFacts:
    """Make a unit that can be owned, but for what `shown` says otherwise."""
    usual = {
        "LoadState": "loaded",
        "Type": "simple",
        "User": "openclaw",
        "Restart": "always",
        "ActiveState": "active",
        "FragmentPath": f"/etc/systemd/system/{name}",
        "Description": "OpenClaw gateway",
        "TimeoutStopUSec": "1min 30s",
    }
    return UnitFacts(name=name, shown=usual | shown, program="/usr/bin/node", links=links)


def host_facts(**other: object) -> HostFacts:
    """Make a host that has everything."""
    usual: dict[str, object] = {"systemd": 252, "systemd_runs": True, "polkit": 122, "bus": True}
    return HostFacts(**{**usual, "program": Path("/opt/gatedog/bin/gatedog"), **other})  # type: ignore[arg-type]  # words of a test


def facts(
    wish: Wish | None = None,
    *,
    unit: UnitFacts | None = None,
    host: HostFacts | None = None,
    agent: Account | None = OPENCLAW,
    policy: Policy | None = None,
    policy_text: bytes = b"",
    exposed: tuple[str, ...] = (),
    bundle_files: tuple[Path, ...] = (),
) -> Facts:
    """Make the facts of a gateway that can be owned, but for what is said otherwise."""
    chosen = wish or Wish(name="openclaw", unit="openclaw-gateway.service")
    return Facts(
        wish=chosen,
        host=host or host_facts(),
        unit=None if chosen.command else unit or unit_facts(),
        agent=agent,
        policy=policy,
        policy_text=policy_text,
        exposed=exposed,
        bundle_files=bundle_files,
    )
