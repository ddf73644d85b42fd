"""The way of pages through one channel: order, retries, giving up.

Theory of operation. A route holds the pages that wait for its channel and walks one lane per incident: the pages of
a lane go strictly in order ("over" must not overtake "held"), the lanes do not wait for each other, and a turnstile
lets one attempt through at a time, critical lanes first. Failed attempts are repeated by tenacity with full jitter,
rand(0, min(5 min, 2 s * 2^n)): a hundred hosts that lost the same mail server must not come back in step.

A page that fails three times, or for a minute, is reported as stuck, once: then the core stops to wait for it.

What ends a page here, besides a receipt: a fault that only a human can mend, at once, so that the core can tell the
next tier; and age, for what is no longer worth telling. A critical page is retried for ever, at most 5 min apart.

Invariants: at most one attempt of a channel runs; a page that was reported is not sent again, even while the core has
not yet taken it out of the outbox; nothing here is durable, because the outbox is (core/state.py).
"""

import asyncio
from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from watchdog.core.decisions import Severity
from watchdog.core.deliveries import PageDelivered, PageFailed, PageStuck
from watchdog.core.events import Event
from watchdog.core.state import PendingPage
from watchdog.core.timeline import DAY, HOUR, MINUTE, SECOND, duration_text
from watchdog.core.values import dataclass
from watchdog.pager.attempt import Attempts
from watchdog.pager.channel import Channel, ConfigurationFault, Receipt, TryLater
from watchdog.pager.crashes import Crashes
from watchdog.pager.escape import one_line
from watchdog.pager.message import Message
from watchdog.pager.turnstile import Turnstile

BACKOFF_FIRST_USEC = 2 * SECOND
BACKOFF_MAX_USEC = 5 * MINUTE

LIFETIME_USEC = {Severity.CRITICAL: None, Severity.WARNING: DAY, Severity.INFO: HOUR}
"""How long after it was queued a page is still worth delivering; None is for ever."""

STUCK_AFTER_USEC = MINUTE
STUCK_AFTER_ATTEMPTS = 3

_RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Clock, sleep and chance, as arguments, so that a day of retries is a unit test."""

    sleep: Callable[[float], Awaitable[None]]
    """Seconds, like asyncio.sleep."""
    wall_clock: Callable[[], int]
    """Microseconds since the epoch, the clock by which pages were queued."""
    uniform: Callable[[float, float], float]
    """Like random.uniform."""
    attempt_usec: int
    """Longest single attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHealth:
    """How a channel has been doing since gatedog started. Instants are wall clock, None is never."""

    channel: str
    waiting: int
    oldest_wall_usec: int | None
    """When the oldest waiting page was queued."""
    last_ok_wall_usec: int | None
    last_error_wall_usec: int | None
    last_error: str
    kept_up_wall_usec: int | None = None
    """When a living channel last kept up what it had delivered."""
    upkeep_error: str = ""


class _WithdrawnError(Exception):
    """The core took the page out of the outbox while it waited."""


class Route:
    """One channel and everything that waits for it."""

    def __init__(
        self,
        channel: Channel,
        report: Callable[[Event], None],
        render: Callable[[PendingPage], Message],
        timing: Timing,
    ) -> None:
        self._name = channel.name
        self._report = report
        self._render = render
        self._timing = timing
        self._attempts = Attempts(channel, limit_usec=timing.attempt_usec)
        self._turnstile = Turnstile()
        self._pages: tuple[PendingPage, ...] = ()
        self._settled: frozenset[str] = frozenset()
        self._stuck: frozenset[str] = frozenset()
        self._failures: dict[str, int] = {}
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._crashes = Crashes()
        self._last_ok_wall_usec: int | None = None
        self._last_error_wall_usec: int | None = None
        self._last_error = ""

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """The lanes under way."""
        return tuple(task for task in self._lanes.values() if not task.done())

    def offer(self, pages: tuple[PendingPage, ...]) -> None:
        """Take the pages that wait for this channel, in outbox order; what is missing from them is withdrawn.

        Raises whatever ended a lane: a pager that lost a lane must not look alive.
        """
        self._crashes.raise_first()
        self._pages = pages
        offered = {pending.page.page for pending in pages}
        self._settled &= offered
        self._stuck = (self._stuck & offered) | {each.page.page for each in pages if self._name in each.stuck}
        self._failures = {page: count for page, count in self._failures.items() if page in offered}
        lanes = {_lane(pending) for pending in self._unsettled()} - self._lanes.keys()
        for lane in sorted(lanes, key=lambda each: (self._rank(each), each)):
            task = asyncio.get_running_loop().create_task(self._walk(lane), name=f"page {self._name} {lane}")
            self._lanes[lane] = task
            self._crashes.watch(task)

    def health(self) -> ChannelHealth:
        """Say how the channel is doing."""
        waiting = self._unsettled()
        return ChannelHealth(
            channel=self._name,
            waiting=len(waiting),
            oldest_wall_usec=min((pending.queued_wall_usec for pending in waiting), default=None),
            last_ok_wall_usec=self._last_ok_wall_usec,
            last_error_wall_usec=self._last_error_wall_usec,
            last_error=self._last_error,
        )

    async def _walk(self, lane: str) -> None:
        """Settle the lane's pages one after the other, until none is left."""
        try:
            while (pending := self._head(lane)) is not None:
                event = await self._carry(lane, pending)
                if event is not None:
                    self._settled |= {pending.page.page}
                    self._report(event)
        finally:
            # Without an await since the last look, so that no page offered meanwhile finds a lane that is ending.
            del self._lanes[lane]

    async def _carry(self, lane: str, pending: PendingPage) -> PageDelivered | PageFailed | None:
        """Bring one page to an end: the event to report, or None when it was withdrawn."""
        page = pending.page.page
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TryLater),
            wait=self._pause_s,
            stop=lambda _: self._is_expired(pending),
            sleep=self._timing.sleep,
            reraise=True,
        )
        try:
            receipt: Receipt = await retrying(self._attempt, lane, pending)
        except _WithdrawnError:
            return None
        except ConfigurationFault as fault:
            return PageFailed(page=page, channel=self._name, detail=one_line(fault.detail))
        except TryLater as error:
            age = duration_text(self._timing.wall_clock() - pending.queued_wall_usec)
            return PageFailed(page=page, channel=self._name, detail=one_line(f"expired after {age}: {error.detail}"))
        reference = one_line(receipt.reference)
        return PageDelivered(page=page, channel=self._name, detail=one_line(receipt.detail), reference=reference)

    async def _attempt(self, lane: str, pending: PendingPage) -> Receipt:
        async with self._turnstile.turn(self._rank(lane)):
            head = self._head(lane)
            if head is None or head.page.page != pending.page.page:
                raise _WithdrawnError
            if self._is_expired(pending):
                raise TryLater(self._last_error or "gatedog did not run in time")
            try:
                receipt = await self._attempts.run(self._render(pending))
            except (TryLater, ConfigurationFault) as error:
                self._last_error = one_line(error.detail)
                self._last_error_wall_usec = self._timing.wall_clock()
                if isinstance(error, TryLater):
                    self._note_failure(pending)
                if isinstance(error, TryLater) and error.after_usec is not None:
                    # Slept inside the turn: the other side asked for quiet from the whole channel, not from one page.
                    await self._timing.sleep(_quiet_usec(error.after_usec) / SECOND)
                raise
            self._last_ok_wall_usec = self._timing.wall_clock()
            return receipt

    def _note_failure(self, pending: PendingPage) -> None:
        """Report a page that does not get out, once: the core may know somebody else to tell."""
        page = pending.page.page
        self._failures[page] = self._failures.get(page, 0) + 1
        age_usec = self._timing.wall_clock() - pending.queued_wall_usec
        if page in self._stuck or (self._failures[page] < STUCK_AFTER_ATTEMPTS and age_usec < STUCK_AFTER_USEC):
            return
        self._stuck |= {page}
        self._report(PageStuck(page=page, channel=self._name, detail=self._last_error))

    def _pause_s(self, state: RetryCallState) -> float:
        """Full jitter, in seconds; nothing when the quiet that was asked for has already been kept."""
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, TryLater) and error.after_usec is not None:
            return 0.0
        # Bounded before the power is taken: the attempts of a year-long outage would overflow a float.
        doublings = min(state.attempt_number - 1, 16)
        return self._timing.uniform(0.0, min(BACKOFF_MAX_USEC, BACKOFF_FIRST_USEC << doublings) / SECOND)

    def _is_expired(self, pending: PendingPage) -> bool:
        lifetime_usec = LIFETIME_USEC[pending.page.severity]
        if lifetime_usec is None:
            return False
        return self._timing.wall_clock() - pending.queued_wall_usec >= lifetime_usec

    def _head(self, lane: str) -> PendingPage | None:
        return next((pending for pending in self._unsettled() if _lane(pending) == lane), None)

    def _rank(self, lane: str) -> int:
        """A lane is as urgent as the most urgent page in it: its head stands in that page's way."""
        ranks = (_RANK[pending.page.severity] for pending in self._unsettled() if _lane(pending) == lane)
        return min(ranks, default=_RANK[Severity.INFO])

    def _unsettled(self) -> tuple[PendingPage, ...]:
        return tuple(pending for pending in self._pages if pending.page.page not in self._settled)


def _lane(pending: PendingPage) -> str:
    """Pages of one incident share a lane; a page without one has its own."""
    return pending.page.incident or f"page {pending.page.page}"


def _quiet_usec(asked_usec: int) -> int:
    """Honour what was asked, within reason: a server that says "in a week" must not silence a critical page."""
    return min(max(asked_usec, 0), BACKOFF_MAX_USEC)
