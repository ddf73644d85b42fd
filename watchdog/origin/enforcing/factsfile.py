"""Facts as a file that root leaves in /run for the daemon.

Invariant: the file is replaced whole, and believed only when it, and its folder, belong to root and nobody else can
write them, when it is of this boot, and not older than FRESH_USEC. Age is counted in CLOCK_BOOTTIME, which nobody can
set. Everybody may read it: it names places, never contents.
"""

import json
import os
import stat
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from watchdog.core.rival import Rival, RivalKind
from watchdog.core.timeline import HOUR, duration_text
from watchdog.core.values import dataclass
from watchdog.origin import procfs
from watchdog.origin.enforcing.judgement import Check, Condition, Facts

FOLDER = Path("/run/gatedog-inspect")
FRESH_USEC = 2 * HOUR
BYTES_MAX = 256 * 1024
FORMAT = 1
HOW = "run: systemctl start gatedog-inspect.service"


class FactsUnusable(Exception):  # noqa: N818 - what the reader is told, not a defect
    """There are no facts to judge by; the text says why, and what helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When facts are gathered or read: the boot, and CLOCK_BOOTTIME."""

    boot: str
    uptime_usec: int


def read_moment() -> Moment:
    """Say when it is. Raises OSError when /proc is not mounted.

    A container gives itself a boot id by a mount below /proc/sys, which ProtectKernelTunables= of a unit hides: two
    units of one boot would disagree. The start of its PID 1 is the same for all, and new at each boot of the container;
    a host's PID 1 is as old as the kernel, so there the boot id tells.
    """
    first_ticks = procfs.read_stat(1).start_ticks
    boot = f"pid-1-{first_ticks}" if first_ticks >= procfs.KERNEL_TICKS_MAX else str(procfs.read_boot())
    return Moment(boot=boot, uptime_usec=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)


def write_facts(folder: Path, facts: Facts) -> None:
    """Put the facts in place of those before. Raises OSError."""
    target = folder / f"{facts.gateway}.json"
    fresh = target.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        os.fchmod(descriptor, 0o644)
        file.write(encode(facts))
    fresh.replace(target)


def forget_others(folder: Path, gateways: frozenset[str]) -> None:
    """Remove the facts of gateways that are none any more. Raises OSError."""
    for file in folder.glob("*.json"):
        if file.stem not in gateways:
            file.unlink(missing_ok=True)


def read_facts(folder: Path, gateway: str, unit: str, now: Moment, owner: int = 0) -> Facts:
    """Read the facts of one gateway. Raises FactsUnusable."""
    path = folder / f"{gateway}.json"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            for status in (folder.stat(), os.fstat(descriptor)):
                if status.st_uid != owner or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                    raise FactsUnusable(f"{path} could have been written by somebody else than root")
            raw = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        raise FactsUnusable(f"nobody has looked yet who may get round the rules; {HOW}") from None
    except OSError as error:
        raise FactsUnusable(f"{path} cannot be read ({error.strerror}); {HOW}") from None
    if len(raw) > BYTES_MAX:
        raise FactsUnusable(f"{path} is longer than {BYTES_MAX} bytes")
    facts = _decoded(raw, path)
    age_usec = now.uptime_usec - facts.uptime_usec
    if facts.boot != now.boot or not 0 <= age_usec <= FRESH_USEC:
        age = "of another boot" if facts.boot != now.boot else f"{duration_text(max(age_usec, 0))} old"
        raise FactsUnusable(f"the last look at who may get round the rules is {age}; {HOW}")
    if facts.gateway != gateway or facts.unit != unit:
        raise FactsUnusable(f"the last look was at {procfs.one_line(facts.unit)}, not at {unit}; {HOW}")
    return facts


def encode(facts: Facts) -> str:
    """Write facts as one JSON object on one line, in ASCII."""
    fields = asdict(facts)
    fields["checks"] = [{**asdict(check), "condition": check.condition.value} for check in facts.checks]
    fields["rivals"] = [{**asdict(rival), "kind": rival.kind.value} for rival in facts.rivals]
    return json.dumps({"v": FORMAT, **fields}) + "\n"


def _decoded(raw: bytes, path: Path) -> Facts:
    try:
        return _facts(json.loads(raw))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise FactsUnusable(f"{path} cannot be understood; another version wrote it. {HOW}") from None


def _facts(fields: dict[str, Any]) -> Facts:
    if fields["v"] != FORMAT:
        raise ValueError("another format")
    return Facts(
        gateway=str(fields["gateway"]),
        unit=str(fields["unit"]),
        boot=str(fields["boot"]),
        uptime_usec=int(fields["uptime_usec"]),
        wall_usec=int(fields["wall_usec"]),
        user=str(fields["user"]),
        uid=None if fields["uid"] is None else int(fields["uid"]),
        checks=tuple(
            Check(
                condition=Condition(check["condition"]),
                found=tuple(str(each) for each in check["found"]),
                unread=tuple(str(each) for each in check["unread"]),
            )
            for check in fields["checks"]
        ),
        rivals=tuple(
            Rival(kind=RivalKind(rival["kind"]), subject=str(rival["subject"]), detail=str(rival["detail"]))
            for rival in fields["rivals"]
        ),
    )
