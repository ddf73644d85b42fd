"""Pages on their way to people: channels that are slow, down, forgetful of what they delivered, or set up wrongly.

`Phones` is the people's side and outlives the daemon: a message under way arrives whether or not its sender still
lives. `LossyCourier` is one daemon's side and keeps the promises of watchdog/pager/courier.py: one page at a time for
each channel and incident, a second try after a failed one, and a report as an event.
"""

from collections.abc import Callable
from random import Random

from observer import Observer
from virtualtime import Scope, VirtualTime

from watchdog.core.deliveries import PageDelivered, PageFailed, PageStuck
from watchdog.core.events import Event
from watchdog.core.state import PendingPage
from watchdog.core.timeline import MILLISECOND, MINUTE, SECOND
from watchdog.pager.message import render
from watchdog.pager.route import STUCK_AFTER_ATTEMPTS

HOST = "simulated"


class Phones:
    """The channels as they are."""

    def __init__(self, time: VirtualTime, chance: Random, observer: Observer) -> None:
        self.down: set[str] = set()
        self.set_up_wrongly: set[str] = set()
        self.is_lossy = True
        self.time = time
        self.chance = chance
        self.observer = observer


class LossyCourier:
    """Carries the outbox."""

    def __init__(self, phones: Phones, report: Callable[[Event], None], journal_id: str) -> None:
        self._phones = phones
        self._daemon = len(phones.observer.memories)
        self._report = report
        self._journal_id = journal_id
        self._outbox: tuple[PendingPage, ...] = ()
        self._settled: set[tuple[str, str]] = set()
        self._walking: set[tuple[str, str]] = set()
        self._failures: dict[tuple[str, str], int] = {}

    def offer(self, outbox: tuple[PendingPage, ...]) -> None:
        """Carry what waits in `outbox`, and only that."""
        self._outbox = outbox
        waiting = {(channel, pending.page.page) for pending in outbox for channel in pending.waiting}
        self._settled &= waiting
        self._failures = {page: count for page, count in self._failures.items() if page in waiting}
        for pending in outbox:
            for channel in pending.waiting:
                lane = (channel, pending.page.incident or pending.page.page)
                if lane not in self._walking:
                    self._walking.add(lane)
                    self._attempt_after(self._phones.chance.randint(300 * MILLISECOND, 3 * SECOND), lane)

    def _attempt_after(self, delay_usec: int, lane: tuple[str, str]) -> None:
        self._phones.time.after(delay_usec, lambda: self._attempt(lane), Scope.DAEMON)

    def _attempt(self, lane: tuple[str, str]) -> None:
        phones, channel = self._phones, lane[0]
        pending = self._head(lane)
        if pending is None:
            self._walking.discard(lane)
        elif channel in phones.set_up_wrongly:
            phones.observer.gave_up(pending.page.page, channel)
            self._settle(lane, pending, PageFailed(page=pending.page.page, channel=channel, detail="no such number"))
        elif channel in phones.down or (phones.is_lossy and phones.chance.random() < 0.2):
            self._note_failure(channel, pending)
            self._attempt_after(phones.chance.randint(SECOND, 2 * MINUTE), lane)
        else:
            self._send(lane, pending)

    def _note_failure(self, channel: str, pending: PendingPage) -> None:
        page = (channel, pending.page.page)
        self._failures[page] = self._failures.get(page, 0) + 1
        if self._failures[page] == STUCK_AFTER_ATTEMPTS:
            self._report(PageStuck(page=pending.page.page, channel=channel, detail="engaged"))

    def _send(self, lane: tuple[str, str], pending: PendingPage) -> None:
        phones, channel = self._phones, lane[0]
        message = render(pending, channel=channel, journal_id=self._journal_id, host=HOST)
        copies = 2 if phones.is_lossy and phones.chance.random() < 0.1 else 1
        under_way = phones.chance.randint(MILLISECOND, 2 * SECOND)
        for copy in range(copies):
            phones.time.after(under_way + copy * SECOND, lambda: phones.observer.rang(message, self._daemon))
        receipt = PageDelivered(page=pending.page.page, channel=channel)
        answered = under_way + phones.chance.randint(MILLISECOND, SECOND)
        phones.time.after(answered, lambda: self._settle(lane, pending, receipt), Scope.DAEMON)

    def _settle(self, lane: tuple[str, str], pending: PendingPage, event: PageDelivered | PageFailed) -> None:
        self._settled.add((lane[0], pending.page.page))
        self._report(event)
        self._attempt_after(MILLISECOND, lane)

    def _head(self, lane: tuple[str, str]) -> PendingPage | None:
        channel, subject = lane
        for pending in self._outbox:
            page = pending.page
            waits = channel in pending.waiting and (channel, page.page) not in self._settled
            if waits and (page.incident or page.page) == subject:
                return pending
        return None
