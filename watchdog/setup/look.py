"""Gathering the facts: systemctl, the account database, and the files that setup would touch.

Invariant: reads only; and what only root may see is left empty for others, so a dry run works without root.
"""

import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import watchdog
from watchdog.approval.codes import CODES_FILE
from watchdog.approval.signers import REVOKED_FILE, SIGNERS_FILE
from watchdog.policyfile.bundle import PAGER_FILE, POLICY_FILE
from watchdog.policyfile.defaults import SYSTEM_BUNDLE
from watchdog.policyfile.load import parse_policy, profile_environment
from watchdog.policyfile.profiles import Profiles
from watchdog.setup.facts import Facts, HostFacts, UnitFacts, UserUnit, Wish
from watchdog.setup.host import Host
from watchdog.setup.trust import exposed_path, exposed_tree

UNITS = Path("/etc/systemd/system")
OWNERSHIP, HARDENING = "50-gatedog.conf", "60-gatedog-hardening.conf"
WRAPPER = Path("/usr/local/bin/gatedog")
WRAPPER_MARK = "# gatedog: written by `gatedog setup systemd`."
BUS_SOCKET = Path("/run/dbus/system_bus_socket")
PROPERTIES = (
    *("Id", "LoadState", "LoadError", "UnitFileState", "ActiveState", "Type", "User", "DynamicUser", "Restart"),
    *("MainPID", "FragmentPath", "DropInPaths", "ExecStart", "WorkingDirectory", "TimeoutStopUSec", "Description"),
    *("WantedBy", "RequiredBy", "UpheldBy", "BoundBy", "ConsistsOf", "BindsTo", "PartOf", "Requires", "TriggeredBy"),
    *("OnFailureOf", "OnSuccessOf", "StopPropagatedFrom", "PAMName"),
)
_PROGRAM = re.compile(r"\{ path=(.*?) ; argv\[\]=(.*?) ; ignore_errors=")
_FOLDERS_OF_LINKS = ("wants", "requires", "upholds")


def gather(wish: Wish, host: Host) -> Facts:
    """Gather everything that judgement and plan need. Raises PolicyProblems for a policy that cannot be read."""
    unit = unit_facts(wish.unit, host) if wish.unit else None
    user = wish.user if unit is None else _account_of(unit)
    text = _readable(SYSTEM_BUNDLE / POLICY_FILE, host)
    policy = parse_policy(text, str(SYSTEM_BUNDLE / POLICY_FILE), profiles=profiles_on(host)) if text else None
    facts = Facts(
        wish=wish,
        host=host_facts(host),
        unit=unit,
        agent=host.account(user) if user else None,
        policy=policy,
        policy_text=text,
        bundle_files=_bundle_files(host),
        earlier_observations=_earlier_observations(wish.name, host),
    )
    profile = wish.profile if facts.ruled is None else facts.ruled.profile
    facts = replace(facts, environment=profile_environment(profile, profiles_on(host)) if profile else ())
    if unit is None:
        place = UNITS / facts.unit_name
        ours = _mark(wish.name)
        found = _readable(place, host)
        taken = bool(found) and not found.startswith(ours)
        taken = taken or (not found and unit_facts(facts.unit_name, host).text("LoadState") not in ("not-found", ""))
        program = Path(wish.command[0])
        faults = tuple(exposed_path(program, host.root)) if program.is_absolute() else ()
        return replace(facts, taken=str(place) if taken else "", exposed=faults)
    drop_in = _readable(UNITS / f"{unit.name}.d" / OWNERSHIP, host)
    facts = replace(facts, type_overruled=drop_in.startswith(_mark(wish.name)) and b"\nType=simple\n" in drop_in)
    if unit.text("LoadState") == "not-found":
        return replace(facts, user_units=_user_units(unit.name, host))
    paths = [unit.program, unit.text("FragmentPath"), *unit.text("DropInPaths").split()]
    faults = tuple(dict.fromkeys(f for each in paths if each for f in exposed_path(Path(each), host.root)))
    return replace(facts, exposed=faults)


def profiles_on(host: Host) -> Profiles:
    """Return the profiles that a policy of this machine may use; only the shipped ones where others may not look."""
    folder = host.at(SYSTEM_BUNDLE / "profiles")
    try:
        folder.lstat()
    except OSError:
        return Profiles()
    return Profiles(folder)


def unit_facts(name: str, host: Host) -> UnitFacts:
    """Ask the service manager about one unit."""
    said = host.run(["systemctl", "show", f"--property={','.join(PROPERTIES)}", "--", name]).said
    shown = {key: value for key, _, value in (line.partition("=") for line in said.splitlines())}
    started = _PROGRAM.search(shown.get("ExecStart", ""))
    real = shown.get("Id") or name
    return UnitFacts(
        name=real,
        shown=shown,
        program=started.group(1) if started else "",
        argv=tuple(started.group(2).split()) if started else (),
        links=_links(real, host),
    )


def host_facts(host: Host) -> HostFacts:
    """Look at systemd, polkit, the bus, and at our own program."""
    version = re.match(r"systemd (\d+)", host.run(["systemctl", "--version"]).said)
    program = Path(sys.prefix) / "bin" / "gatedog"
    own = [*exposed_path(program), *exposed_path(Path(sys.executable))]
    package = Path(watchdog.__file__).resolve().parent
    trees = [Path(sys.prefix)] if sys.prefix != sys.base_prefix else []
    if not any(package.is_relative_to(tree) for tree in trees):
        own += exposed_path(package / "__init__.py")
        trees.append(package)
    return HostFacts(
        systemd=int(version.group(1)) if version else 0,
        systemd_runs=host.at("/run/systemd/system").is_dir(),
        polkit=_polkit(host),
        bus=host.at(BUS_SOCKET).is_socket(),
        program=program,
        runs=host.run(["systemctl", "is-active", "--quiet", "gatedog.service"]).code == 0,
        wrapper_free=_wrapper_free(host),
        exposed=tuple(dict.fromkeys([*own, *(fault for tree in trees for fault in exposed_tree(tree))])),
    )


def _polkit(host: Host) -> int:
    if host.run(["systemctl", "show", "--property=LoadState", "--value", "polkit.service"]).said != "loaded":
        return 0
    version = re.search(r"version (\d+)", host.run(["pkaction", "--version"]).said)
    return int(version.group(1)) or 1 if version else 1


def _wrapper_free(host: Host) -> bool:
    place = host.at(WRAPPER)
    if place.is_symlink() or not place.exists():
        return not place.is_symlink()
    return WRAPPER_MARK in place.read_text(encoding="utf-8", errors="replace")


def _account_of(unit: UnitFacts) -> str:
    if unit.text("LoadState") != "loaded":
        return ""
    return unit.text("User") or "root"


def _links(unit: str, host: Host) -> tuple[Path, ...]:
    found: list[Path] = []
    for base in (UNITS, Path("/run/systemd/system")):
        for kind in _FOLDERS_OF_LINKS:
            links = host.at(base).glob(f"*.{kind}/{glob_escape(unit)}")
            found += [Path("/") / link.relative_to(host.root) for link in links if link.is_symlink()]
    return tuple(sorted(found))


def glob_escape(name: str) -> str:
    """Take a name literally in a pattern: a unit's name may hold a backslash, but no other letter with a meaning."""
    return name.replace("\\", "[\\\\]")


def _readable(path: Path, host: Host) -> bytes:
    try:
        return host.at(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError, PermissionError, IsADirectoryError):
        return b""


def _bundle_files(host: Host) -> tuple[Path, ...]:
    """Name the files that the daemon reads; credentials are no part of them, nor what somebody left there."""
    known = (SYSTEM_BUNDLE / name for name in (PAGER_FILE, SIGNERS_FILE, REVOKED_FILE, CODES_FILE))
    return tuple(path for path in known if _is_file(path, host))


def _mark(name: str) -> bytes:
    """Return how a file of ours begins, by which break-glass and the next setup know it."""
    return f"# X-GatedogGateway={name}\n".encode()


def _is_file(path: Path, host: Host) -> bool:
    try:
        return host.look(path).kind == "file"
    except PermissionError:
        return False


def _earlier_observations(name: str, host: Host) -> tuple[Path, ...]:
    drop_ins = host.at(UNITS).glob(f"gatedog-observe@{name}-*.service.d/{OWNERSHIP}")
    return tuple(UNITS / each.parent.name for each in sorted(drop_ins) if each.read_bytes().startswith(_mark(name)))


def _user_units(unit: str, host: Host) -> tuple[UserUnit, ...]:
    """Look for the unit in users' own service managers: there the agent itself restarts it."""
    found = []
    places = [(home, home / ".config/systemd/user" / unit) for home in _homes(host)]
    places += [(Path("/"), Path("/etc/systemd/user") / unit), (Path("/"), Path("/usr/lib/systemd/user") / unit)]
    for home, place in places:
        text = _readable(place, host).decode(errors="replace")
        line = re.search(r"^ExecStart=[-@:+!]*(.+)$", text, re.MULTILINE)
        if text:
            argv = _split(line.group(1)) if line else ()
            found.append(UserUnit(path=place, user=home.name, argv=argv))
    return tuple(found)


def _split(line: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(line))
    except ValueError:
        return ()


def _homes(host: Host) -> list[Path]:
    try:
        homes = [Path("/home") / each.name for each in sorted(host.at("/home").iterdir())]
    except OSError:
        homes = []
    return [*homes, Path("/root")]
