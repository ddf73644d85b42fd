"""The care that follows a delivery: rounds of one living channel while incidents it was told of are not forgotten.

Theory of operation. The daemon says, whenever it changed, how every incident stands that people were told of
(`Followed`): a projection of the journal, like the outbox. A living channel that took a page of one is called every
now and then with what concerns it: to send an alert again, to ask a receipt, to fetch presses of a button, to pass an
acknowledgement on. A change brings the next round forward, so `gatedog ack` reaches PagerDuty at once. What is heard
goes to the daemon, which makes events of it; what an acknowledgement is worth is the core's to decide.

Invariants: at most one round of a channel runs, in a thread of its own, bounded like a delivery; no round delays a
page; nothing here is durable, so whatever is heard may be heard again after a start; a channel in trouble is asked
again for ever, and slower. A round that fails is no event: the pages themselves have been delivered.
"""

import asyncio
from collections.abc import Callable

from watchdog.core.state import PendingPage
from watchdog.core.timeline import MINUTE, SECOND
from watchdog.core.values import dataclass
from watchdog.pager.attempt import Attempts
from watchdog.pager.channel import (
    Acknowledged,
    ConfigurationFault,
    Heard,
    LivingChannel,
    Silenced,
    Standing,
    Told,
    TryLater,
)
from watchdog.pager.crashes import Crashes
from watchdog.pager.escape import one_line
from watchdog.pager.message import Message
from watchdog.pager.route import Timing

SETTLE_USEC = SECOND
"""Least time between two rounds, however much changes: a storm of incidents must not become one of requests."""

TROUBLE_USEC = MINUTE
"""Failing rounds come at most this far apart, or as far as healthy ones if those are slower."""

FAULT_USEC = 5 * MINUTE
"""After trouble that only a human's change ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A page that a channel took, and the reference it gave for it."""

    channel: str
    page: str
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How an incident stands of which people were told. `latest` is the last page queued for it.

    Keep an incident in the list for ten minutes after its end: its end is sent again, and its buttons are closed.
    """

    latest: PendingPage
    delivered: tuple[Delivered, ...]
    acknowledged_by: str = ""
    over_wall_usec: int | None = None

    @property
    def incident(self) -> str:
        """The incident's id."""
        return self.latest.page.incident or ""


class Upkeep:
    """The rounds of one channel."""

    def __init__(
        self,
        channel: LivingChannel,
        hear: Callable[[Acknowledged], None],
        word: Callable[[PendingPage], Message],
        timing: Timing,
    ) -> None:
        self._channel = channel
        self._hear = hear
        self._word = word
        self._timing = timing
        self._attempts = Attempts(channel, limit_usec=timing.attempt_usec)
        self._followed: tuple[Followed, ...] = ()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._crashes = Crashes()
        self._told: frozenset[tuple[str, str, str]] = frozenset()
        self._failures = 0
        self.silences: tuple[Silenced, ...] = ()
        self.last_ok_wall_usec: int | None = None
        self.last_error = ""

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """The rounds under way."""
        return (self._task,) if self._task is not None else ()

    def follow(self, followed: tuple[Followed, ...]) -> None:
        """Take how things stand now. Raises whatever ended the rounds: a pager without them must not look alive."""
        self._crashes.raise_first()
        name = self._channel.name
        mine = tuple(each for each in followed if any(told.channel == name for told in each.delivered))
        if mine == self._followed:
            return
        self._followed = mine
        self._changed.set()
        if mine and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._rounds(), name=f"upkeep {name}")
            self._crashes.watch(self._task)

    async def _rounds(self) -> None:
        try:
            while self._followed:
                self._changed.clear()
                await self._rest(await self._round())
        finally:
            self.silences = ()
            self._task = None

    async def _round(self) -> int:
        """Do one round; return how long to rest after it."""
        standings = tuple(self._standing(each) for each in self._followed)
        try:
            heard = await self._attempts.call(lambda: self._channel.keep_up(standings))
        except TryLater as error:
            self._failures += 1
            self.last_error = one_line(error.detail)
            slowest_usec = max(TROUBLE_USEC, self._channel.every_usec)
            rest_usec = min(slowest_usec, self._channel.every_usec << min(self._failures, 10))
            return max(rest_usec, min(error.after_usec or 0, FAULT_USEC))
        except ConfigurationFault as fault:
            self.last_error = one_line(fault.detail)
            return max(FAULT_USEC, self._channel.every_usec)
        self._failures = 0
        self.last_ok_wall_usec = self._timing.wall_clock()
        self._take(heard)
        return self._channel.every_usec

    def _take(self, heard: tuple[Heard, ...]) -> None:
        """Pass acknowledgements on, each once; keep silences to be shown."""
        self.silences = tuple(each for each in heard if isinstance(each, Silenced))
        taken = {(each.incident, each.page, each.by): each for each in heard if isinstance(each, Acknowledged)}
        followed = {each.incident for each in self._followed}
        self._told = frozenset(key for key in self._told if key[0] in followed)
        for key, each in taken.items():
            if key not in self._told:
                self._told |= {key}
                self._hear(each)

    async def _rest(self, rest_usec: int) -> None:
        await self._timing.sleep(min(SETTLE_USEC, rest_usec) / SECOND)
        nap = asyncio.ensure_future(self._timing.sleep(max(rest_usec - SETTLE_USEC, 0) / SECOND))
        change = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait((nap, change), return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            change.cancel()

    def _standing(self, followed: Followed) -> Standing:
        name = self._channel.name
        return Standing(
            incident=followed.incident,
            message=self._word(followed.latest),
            told=tuple(
                Told(page=each.page, reference=each.reference) for each in followed.delivered if each.channel == name
            ),
            acknowledged_by=followed.acknowledged_by,
            over_wall_usec=followed.over_wall_usec,
        )
