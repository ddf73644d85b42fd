"""The last word: a page that says that gatedog itself is dead, sent by something that is not gatedog.

Theory of operation. A timer runs this every few seconds, in a process of its own, without journal, socket or daemon.
It reads how old status.json is. What it finds is a `Sight`; what is on record of an outage is a `Memory`, a file that
exists only while there is one. `step` turns the two into the next memory, and what waits in a memory is sent.

A status that is merely old proves little: the wall clock may have jumped, the host may have slept. So an old status is
first suspected, and only called dead when its writer's pid is gone, or when CLOCK_BOOTTIME has seen it unchanged for
SUSPECT_USEC. "Back" is said when the daemon has lived for STEADY_USEC: one that dies every half minute is one outage.

Invariants: the memory is on disk before anything is sent, and the words come from the memory alone; so a run that is
killed sends the same bytes with the same keys again, and nothing else. Deliberately not here: restarting gatedog
(systemd does), and looking at the gateway.
"""

import asyncio
import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from enum import Enum
from pathlib import Path

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.policy import EscalationPolicy
from watchdog.core.timeline import DAY, MINUTE, SECOND
from watchdog.core.values import dataclass
from watchdog.pager.attempt import Attempts
from watchdog.pager.channel import Channel, ConfigurationFault, TryLater
from watchdog.pager.escape import disarm, one_line
from watchdog.pager.message import RUNBOOK, Message

STALE_USEC = 30 * SECOND
"""status.json is written at least every 20 s."""
SUSPECT_USEC = 25 * SECOND
MISSING_USEC = MINUTE
"""gatedog makes its folder before it writes into it; a start may take a while on a host that boots."""
STEADY_USEC = MINUTE
GOING_DOWN_USEC = 15 * MINUTE
"""How long a host may take to go down before silence is an outage again."""
KEEP_TRYING_USEC = DAY
ATTEMPT_USEC = 20 * SECOND
"""The unit has a minute for everything; all channels are tried at once."""
BYTES_MAX = 4 * 1024 * 1024
_NAMES_MAX = 5

RULE = "last-word"
"""What stands where pages name their rule: no rule of the core's led to this one."""


class Kind(Enum):
    """What is on record."""

    SUSPECTED = "suspected"
    DEAD = "dead"
    STOPPED = "stopped"
    BACK = "back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one look saw. Without a status that can be read, everything but the clocks is empty."""

    now_usec: int
    """Wall clock."""
    uptime_usec: int
    """CLOCK_BOOTTIME."""
    written_usec: int = 0
    """When the status says it was written; 0 when there is none."""
    started_usec: int = 0
    journal_id: str = ""
    pid: int = 0
    pid_lives: bool = False
    is_stopping: bool = False
    is_going_down: bool = False
    gateways: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One outage on record. `waiting` are the channels not told yet, `told` those that took the first page."""

    kind: Kind
    outage: str
    written_usec: int
    seen_usec: int
    """CLOCK_BOOTTIME at which it was first suspected."""
    since_usec: int
    """Wall clock: when it was put on record as what it is now; the queue time of its page."""
    journal_id: str = ""
    pid: int = 0
    pid_lives: bool = False
    gateways: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


def step(memory: Memory | None, sight: Sight, escalation: EscalationPolicy) -> Memory | None:
    """Return what is on record after this look; None when all is well. Pure."""
    if _is_fresh(sight):
        return _after_life(memory, sight)
    quiet_usec = sight.now_usec - sight.written_usec
    if sight.is_going_down and quiet_usec < GOING_DOWN_USEC:
        return memory
    if sight.is_stopping:
        if quiet_usec <= STALE_USEC:
            return memory  # a restart or an upgrade takes a moment
        if memory is not None and memory.kind in (Kind.DEAD, Kind.STOPPED):
            return memory
        return _put_on_record(Kind.STOPPED, sight, sight.uptime_usec, escalation.notices)
    if memory is None or memory.kind is Kind.BACK or _has_lived(memory, sight):
        suspected = _put_on_record(Kind.SUSPECTED, sight, sight.uptime_usec, ())
        return suspected if sight.pid_lives or not sight.written_usec else _dead(suspected, sight, escalation)
    if memory.kind is Kind.SUSPECTED:
        patience_usec = SUSPECT_USEC if sight.written_usec else MISSING_USEC
        waited_usec = sight.uptime_usec - memory.seen_usec
        # A boot resets CLOCK_BOOTTIME: then the suspicion begins anew, because nobody can say how long it has held.
        if waited_usec < 0:
            return replace(memory, seen_usec=sight.uptime_usec)
        if waited_usec >= patience_usec or (sight.written_usec and not sight.pid_lives):
            return _dead(memory, sight, escalation)
    return memory


def _is_fresh(sight: Sight) -> bool:
    age_usec = sight.now_usec - sight.written_usec
    return not sight.is_stopping and sight.written_usec > 0 and abs(age_usec) <= STALE_USEC


def _after_life(memory: Memory | None, sight: Sight) -> Memory | None:
    if memory is None or memory.kind is Kind.SUSPECTED:
        return None
    if memory.kind is Kind.BACK:
        too_old = sight.now_usec - memory.since_usec > KEEP_TRYING_USEC
        return memory if memory.waiting and not too_old else None
    if sight.now_usec - sight.started_usec < STEADY_USEC:
        return memory
    if not memory.told:
        return None  # nobody heard that it was gone
    return replace(memory, kind=Kind.BACK, since_usec=sight.now_usec, waiting=memory.told, told=())


def _has_lived(memory: Memory, sight: Sight) -> bool:
    """Tell whether a suspicion or a stop on record was about an earlier status than this one."""
    return memory.kind is not Kind.DEAD and sight.written_usec > memory.written_usec


def _dead(memory: Memory, sight: Sight, escalation: EscalationPolicy) -> Memory:
    everybody = tuple(dict.fromkeys(name for tier in escalation.tiers for name in tier))
    return _put_on_record(Kind.DEAD, sight, memory.seen_usec, everybody)


def _put_on_record(kind: Kind, sight: Sight, seen_usec: int, channels: Iterable[str]) -> Memory:
    """Name the outage by the last status that was written: every run gives the same outage the same name."""
    return Memory(
        kind=kind,
        outage=f"{sight.journal_id or 'unknown'}:{sight.written_usec or f'missing-{sight.now_usec}'}",
        written_usec=sight.written_usec,
        seen_usec=seen_usec,
        since_usec=sight.now_usec,
        journal_id=sight.journal_id,
        pid=sight.pid,
        pid_lives=sight.pid_lives,
        gateways=sight.gateways,
        waiting=tuple(channels),
    )


# -- words ---------------------------------------------------------------------------------------------------------


def word(memory: Memory, channel: str, host: str, name: str) -> Message:
    """Say what is on record, for one channel. The same memory always becomes the same bytes."""
    names = ", ".join(memory.gateways[:_NAMES_MAX]) or "the gateways"
    severity, update = Severity.CRITICAL, PageUpdate.OPENED
    match memory.kind:
        case Kind.BACK:
            severity, update = Severity.INFO, PageUpdate.RESOLVED
            title = f"gatedog: back, and watches {names} again"
            why, did = "gatedog writes its status again, and has for a minute", ""
            command = "gatedog status"
        case Kind.STOPPED:
            severity = Severity.INFO
            title = f"gatedog: was stopped; {names} unwatched"
            why = "gatedog was asked to stop, and has not been started again"
            did = "the gateways run on; nobody restarts them, nobody counts"
            command = "systemctl start gatedog"
        case Kind.DEAD | Kind.SUSPECTED:
            title = f"gatedog: dead; {names} unwatched"
            seen = f"its process {memory.pid} {'is there and does not answer' if memory.pid_lives else 'is gone'}"
            why = (
                f"no status has been written for more than half a minute; {seen}" if memory.pid else "it left no status"
            )
            did = "the gateways run on; nobody restarts them, nobody counts"
            command = "systemctl status gatedog; journalctl -u gatedog -n 50"
    story = f"gatedog:{memory.outage}:last-word"
    lines = [title, f"why: {why} [{RULE}]", *([f"gatedog: {did}"] if did else []), f"next: {command}"]
    if update is PageUpdate.OPENED:
        lines.append(f"{RUNBOOK}gatedog runbook show {RULE}")
    lines.append(f"({severity.value}, last word of {name}, host {host})")
    return Message(
        title=one_line(disarm(title)),
        lines=tuple(one_line(disarm(line), 600) for line in lines),
        dedup_key=one_line(story),
        idempotency_key=one_line(f"{story}:{memory.kind.value}:{channel}"),
        severity=severity,
        update=update,
        gateway="gatedog",
        incident="",
        page=f"last-word-{memory.kind.value}",
        channel=channel,
        journal_id=memory.journal_id,
        host=one_line(host),
        queued_wall_usec=memory.since_usec,
        rule=RULE,
        next_command=command,
    )


# -- files ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The memory as a file in `folder`, named after the daemon it is about."""

    folder: Path
    name: str

    def read(self) -> Memory | None:
        """Read it; None when there is none. One that cannot be read is none: better told twice than never."""
        try:
            fields = json.loads(self._file.read_bytes())
            lists = {key: tuple(str(each) for each in fields[key]) for key in ("gateways", "waiting", "told")}
            return Memory(**{**fields, **lists, "kind": Kind(fields["kind"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, memory: Memory | None) -> None:
        """Replace it, on disk before this returns; None removes it. Raises OSError."""
        fresh = self._file.with_suffix(".new")
        if memory is None:
            self._file.unlink(missing_ok=True)
            fresh.unlink(missing_ok=True)  # of a run that was killed: the unit takes an empty folder for "all is well"
            return
        with fresh.open("w", encoding="ascii") as file:
            json.dump({**asdict(memory), "kind": memory.kind.value}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._file)
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.name}.json"


def look(status_file: Path, *, now_usec: int, uptime_usec: int) -> Sight:
    """Look at status.json. One that is missing, broken, or of a stranger is one that was not written."""
    nothing = Sight(now_usec=now_usec, uptime_usec=uptime_usec)
    try:
        descriptor = os.open(status_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid not in (0, os.geteuid()):
                return nothing
            status = json.loads(file.read(BYTES_MAX))
        pid = int(status["pid"])
        return replace(
            nothing,
            written_usec=int(status["written_at"]),
            started_usec=int(status["started_wall_usec"]),
            journal_id=str(status["journal"]),
            pid=pid,
            pid_lives=Path(f"/proc/{pid}").exists(),
            is_stopping=status.get("stopping") is True,
            is_going_down=status.get("host_going_down") is True,
            gateways=tuple(one_line(str(gateway["name"]), 40) for gateway in status["gateways"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return nothing


# -- sending -------------------------------------------------------------------------------------------------------


async def send(
    record: Record, memory: Memory, channels: Mapping[str, Channel], host: str, *, attempt_usec: int = ATTEMPT_USEC
) -> tuple[Memory, Sequence[str]]:
    """Tell all that wait, at once, and put each on record as soon as it took the page.

    Returns the memory, and what went wrong. Trouble that passes leaves a channel waiting for the next run; what only a
    human can mend does not. Raises OSError when the record cannot be written: then nothing more is sent.
    """
    troubles: list[str] = []

    async def tell(name: str) -> tuple[str, bool]:
        if name not in channels:
            troubles.append(f"{name}: pager.toml has no such channel")
            return name, False
        try:
            await Attempts(channels[name], limit_usec=attempt_usec).run(word(memory, name, host, record.name))
        except ConfigurationFault as fault:
            troubles.append(f"{name}: {fault.detail}")
            return name, False
        return name, True

    current = memory
    attempts = {asyncio.ensure_future(tell(name)): name for name in memory.waiting}
    for done in asyncio.as_completed(attempts):
        try:
            name, was_told = await done
        except TryLater as later:
            troubles.append(later.detail)
            continue
        waiting = tuple(each for each in current.waiting if each != name)
        current = replace(current, waiting=waiting, told=(*current.told, name) if was_told else current.told)
        record.write(current)
    return current, troubles
