"""Dead-man switches: somebody far away is told that all is well, and rings when nothing comes any more.

Theory of operation. The daemon's rounds say at every turn how many events the loop has taken so far. A switch is told
`ok` when it is due and the loop has moved on since it was told last: a timer of its own would go on saying `ok` beside
a loop that hangs. While an incident says that pages do not get out, or that the journal cannot be written, it is told
`fail` instead: that is the way out when every other is blocked. A Healthchecks server knows `start`, `ok` and `fail`;
Dead Man's Snitch a status; an ntfy server is given a message to be delivered later, and put off each time.

Invariants: telling never blocks the loop, runs in a thread of its own, and one that hangs delays only its switch; an
address is never repeated in an error, because it is the password. Nothing is told on the way down: gatedog that was
stopped is silent, too, and whoever stopped it can pause the switch.
"""

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from watchdog.core.rules import RuleId
from watchdog.core.state import IncidentPhase, State
from watchdog.core.timeline import SECOND
from watchdog.core.values import dataclass
from watchdog.pager.clock import wall_clock
from watchdog.pager.escape import one_line
from watchdog.policyfile.pagersettings_deadman import SwitchSettings

if TYPE_CHECKING:
    from watchdog.pager.channels.exchange import Ask
    from watchdog.pager.switch import Switch

RETRY_USEC = 30 * SECOND
"""After trouble; a switch that rings because one request was lost rings for nothing."""

_FAULTS = (RuleId.PAGES_UNDELIVERED, RuleId.JOURNAL_UNWRITABLE)


class Beat(Enum):
    """What a switch is told."""

    START = "start"
    OK = "ok"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchHealth:
    """How a switch has been doing since gatedog started. Instants are wall clock, None is never."""

    name: str
    kind: str
    every_usec: int
    last_ok_wall_usec: int | None = None
    last_beat: str = ""
    last_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What goes with a beat. `is_new`: the fault was not told before."""

    host: str
    fault: str = ""
    is_new: bool = False

    @property
    def text(self) -> str:
        """One line."""
        return f"gatedog on {self.host}: {self.fault or 'all is well'}"


def fault_of(state: State) -> str:
    """Return why a switch must not be told that all is well, "" when it may."""
    open_ones = [story for story in state.incidents if story.phase is not IncidentPhase.RESOLVED]
    return next((story.title for story in open_ones if story.rule in _FAULTS), "")


class DeadMan:
    """All switches. Lives on the running asyncio loop."""

    def __init__(
        self,
        switches: Sequence[SwitchSettings],
        *,
        host: str,
        credentials_directory: str = "",
        ask: "Ask | None" = None,
        clock: Callable[[], int] = wall_clock,
        now_s: Callable[[], float] | None = None,
    ) -> None:
        self._now_s = now_s or asyncio.get_running_loop().time
        self._switches = _built(switches, one_line(host, 80), credentials_directory, clock, ask) if switches else []
        self._beaten = -1
        self._began = False

    def turn(self, progress: int, fault: str) -> None:
        """Tell the switches that are due. `progress` counts what the loop has done; `fault` is why all is not well.

        Raises whatever ended a telling but trouble: that is a bug, and must not go unnoticed.
        """
        for switch in self._switches:
            switch.crashes.raise_first()
        if progress == self._beaten:
            return
        now_s = self._now_s()
        due = [switch for switch in self._switches if switch.is_due(now_s, fault)]
        beat = Beat.FAIL if fault else Beat.OK if self._began else Beat.START
        for switch in due:
            switch.tell(beat, fault, now_s)
        if due:
            self._beaten = progress
            self._began = True

    def health(self) -> tuple[SwitchHealth, ...]:
        """Say how each switch is doing."""
        return tuple(switch.health for switch in self._switches)

    async def close(self) -> None:
        """Stop telling."""
        tasks = [switch.task for switch in self._switches if switch.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _built(
    switches: Sequence[SwitchSettings],
    host: str,
    credentials_directory: str,
    clock: Callable[[], int],
    ask: "Ask | None",
) -> "list[Switch]":
    from watchdog.pager.switch import Switch  # noqa: PLC0415 - brings HTTP along, which most daemons need not hold

    return [Switch(each, host, credentials_directory, clock, ask) for each in switches]
