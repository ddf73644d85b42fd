"""What a supervised gateway leaves on a host besides its folders, and which a demo must not: its lock, its cgroup.

Invariant: only what carries the demo's own name is removed, and only after its processes are gone.
"""

import json
import time
from pathlib import Path

from watchdog.core.identity import GatewayName
from watchdog.gateway.cgroup import GatewayCgroup, gateway_cgroup
from watchdog.gateway.gatewaylock import lock_folder

_WAIT_SECONDS = 2.0
_LOOK_SECONDS = 0.02


def remove_traces(name: str) -> None:
    """Remove the lock and the cgroup of the gateway `name`, which nobody else has ever had or will have."""
    for file in _locks(name, lock_folder()):
        file.unlink(missing_ok=True)
    probe = gateway_cgroup(GatewayName(name), "probe")
    if probe is None:
        return
    for folder in probe.folder.parent.glob(f"{probe.folder.name.removesuffix('probe')}*"):
        _remove_cgroup(GatewayCgroup(folder=folder, name=""))


def _remove_cgroup(place: GatewayCgroup) -> None:
    end = time.monotonic() + _WAIT_SECONDS
    while not _is_removed(place.folder) and time.monotonic() < end:
        place.clean()
        time.sleep(_LOOK_SECONDS)


def _locks(name: str, folder: Path) -> tuple[Path, ...]:
    return tuple(file for file in folder.glob("*.lock") if _holder(file) == name)


def _holder(file: Path) -> str:
    """Read whose lock it is; "" for what cannot be read: it is not ours."""
    try:
        return str(json.loads(file.read_bytes())["gateway"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _is_removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False  # the last member is still being taken apart by the kernel
    return True
