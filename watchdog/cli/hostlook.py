"""What `gatedog doctor` gathers beside the daemon's replies: files, units, disk, versions.

Invariant: reads only, runs systemctl and nothing else, and what it may not look at is told as that.
"""

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import watchdog
from watchdog.approval.codes import CODES_FILE, read_code_set
from watchdog.approval.guard import Untrusted
from watchdog.approval.signers import SIGNERS_FILE, Signers, read_signers
from watchdog.core.policy import GatewayPolicy, Policy
from watchdog.core.timeline import MILLISECOND, SECOND
from watchdog.pager.channel import ConfigurationFault, TryLater
from watchdog.pager.credential import read_secret
from watchdog.policyfile.defaults import SYSTEM_BUNDLE
from watchdog.policyfile.load import load_policy
from watchdog.policyfile.pagersettings import PagerSettings
from watchdog.policyfile.problems import PolicyProblems
from watchdog.report.checkuphost import HostFindings, UnitFinding
from watchdog.setup.facts import Wish
from watchdog.setup.host import Host
from watchdog.setup.look import unit_facts
from watchdog.setup.policysection import open_trees
from watchdog.setup.trust import exposed_path

_PROPERTIES = "Restart,RefuseManualStart,TimeoutStopUSec,DropInPaths"
_DROP_IN = "50-gatedog.conf"
_TIME = re.compile(r"(\d+)(min|ms|us|h|s|d)")
_UNITS_USEC = {"d": 86_400 * SECOND, "h": 3600 * SECOND, "min": 60 * SECOND, "s": SECOND, "ms": MILLISECOND, "us": 1}
_SECRETS = ("credential_file", "user_file", "url_file", "signing_file")


def look(bundle: Path, state_folder: Path, settings: PagerSettings, host: Host) -> HostFindings:
    """Gather it all."""
    problems, policy = _policy(bundle)
    signers, faults = _signers(bundle)
    secrets = tuple(_secrets(settings))
    free, total = _disk(state_folder)
    return HostFindings(
        bundle=str(bundle),
        bundle_problems=problems,
        signers=None if signers is None else signers.principals,
        signer_faults=faults,
        has_codes=_has_codes(bundle),
        credential_faults=None if secrets and problems is None else tuple(_secret_faults(secrets)),
        credentials=len(secrets),
        units=tuple(_unit(each, host) for each in (() if policy is None else policy.gateways) if each.unit),
        is_system=bundle == SYSTEM_BUNDLE,
        exposed=tuple(_exposed()),
        state_folder=str(state_folder),
        free_bytes=free,
        total_bytes=total,
        versions=_versions(host),
    )


def _policy(bundle: Path) -> tuple[tuple[str, ...] | None, Policy | None]:
    try:
        return (), load_policy(bundle).policy
    except PolicyProblems as refused:
        if _is_barred(bundle):
            return None, None
        return tuple(str(problem) for problem in refused.problems), None
    except PermissionError:
        return None, None


def _signers(bundle: Path) -> tuple[Signers | None, tuple[str, ...]]:
    file = bundle / SIGNERS_FILE
    if _is_barred(bundle):
        return None, ()
    if not os.path.lexists(file):
        return Signers(), ()
    try:
        found = read_signers(file)
    except Untrusted as error:
        return (None, ()) if not os.access(file, os.R_OK) else (Signers(), (str(error),))
    return found, found.faults


def _is_barred(folder: Path) -> bool:
    return os.path.lexists(folder) and not os.access(folder, os.R_OK | os.X_OK)


def _has_codes(bundle: Path) -> bool | None:
    if _is_barred(bundle):
        return None
    try:
        return bool(read_code_set(bundle / CODES_FILE))
    except Untrusted:
        return None if os.path.lexists(bundle / CODES_FILE) and os.geteuid() != 0 else False


def _secrets(settings: PagerSettings) -> Iterator[str]:
    """Name the files that channels and switches keep their secrets in."""
    for part in (*settings.channels, *settings.deadman):
        yield from _files_of(part)


def _files_of(part: object) -> Iterator[str]:
    if not is_dataclass(part):
        return
    for each in fields(part):
        value = getattr(part, each.name)
        if each.name in _SECRETS and value:
            yield str(value)
        else:
            yield from _files_of(value)


def _secret_faults(files: tuple[str, ...]) -> Iterator[str]:
    for file in dict.fromkeys(files):
        try:
            read_secret(file)
        except (ConfigurationFault, TryLater) as error:
            yield str(error)


def _unit(policy: GatewayPolicy, host: Host) -> UnitFinding:
    said = host.run(["systemctl", "show", f"--property={_PROPERTIES}", "--", policy.unit]).said
    shown = {key: value for key, _, value in (line.partition("=") for line in said.splitlines())}
    return UnitFinding(
        gateway=policy.name,
        unit=policy.unit,
        restart=shown.get("Restart", ""),
        manual_start_refused=shown.get("RefuseManualStart") == "yes",
        stop_timeout_usec=_duration(shown.get("TimeoutStopUSec", "")),
        policy_stop_timeout_usec=policy.stop.timeout_usec,
        drop_in=any(path.endswith(f"/{_DROP_IN}") for path in shown.get("DropInPaths", "").split()),
        open_trees=_open_trees(policy, host),
    )


def _open_trees(policy: GatewayPolicy, host: Host) -> tuple[str, ...]:
    unit = unit_facts(policy.unit, host)
    account = host.account(unit.text("User") or "root")
    return open_trees(unit, Wish(name=policy.name), "" if account is None else account.home, policy.gate)


def _duration(text: str) -> int | None:
    """Read "1min 40s" as systemctl prints it; None for "infinity"."""
    parts = _TIME.findall(text)
    return sum(int(count) * _UNITS_USEC[unit] for count, unit in parts) if parts else None


def _exposed() -> Iterator[str]:
    for path in (Path(sys.executable), Path(watchdog.__file__).resolve()):
        yield from exposed_path(path)


def _disk(folder: Path) -> tuple[int | None, int]:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None, 0
    return usage.free, usage.total


def _versions(host: Host) -> str:
    systemd = re.match(r"systemd (\d+)", host.run(["systemctl", "--version"]).said)
    manager = f"systemd {systemd.group(1)}" if systemd else "no systemd"
    return f"gatedog {watchdog.__version__}, Python {platform.python_version()}, {manager}, Linux {platform.release()}"
