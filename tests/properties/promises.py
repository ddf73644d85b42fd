"""What the core promises, checked after every event against what this file counts for itself.

The counts rest on the orders that went out and on what was reported back, never on the core's own ledgers: a core that
forgets to charge a life must not be able to hide that from its own check.
"""

from dataclasses import dataclass, field

from healthpromises import check_health

from watchdog.core import events as happened
from watchdog.core.decisions import (
    AnswerRequest,
    BudgetReset,
    Charge,
    CollectEvidence,
    EndingJudged,
    HoldPlaced,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
    OriginJudged,
    OriginKind,
    Outcome,
    PageFolded,
    PageRetried,
    PageWithheld,
    QueuePage,
    SetTimer,
    Severity,
    SlowEntered,
    StartGateway,
    StartWithheld,
)
from watchdog.core.events import Event, Failure
from watchdog.core.identity import ActionId, BootId, GatewayName, IncidentId, LifeId, PageId
from watchdog.core.policy import Window
from watchdog.core.rules import RuleId
from watchdog.core.state import GatewayState, Hold, PendingPage, Phase, State
from watchdog.core.timeline import HOUR, MINUTE
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Step
from watchdog.core.verbs import Verb

NAMES = (GatewayName("a"), GatewayName("b"))
WINDOWS = (Window(starts=3, per_usec=10 * MINUTE), Window(starts=5, per_usec=2 * HOUR))
SELF_WINDOWS = (Window(starts=2, per_usec=20 * MINUTE), Window(starts=3, per_usec=4 * HOUR))
AUTOMATIC = (Charge.AUTOMATIC, Charge.SELF_RESTART)
FOR_ANYBODY = (Verb.HYPOTHESISE, Verb.PROPOSE_POLICY, Verb.CHECK_ACTION)
SAFE = (*AUTOMATIC, Charge.BOOT, Charge.SLOW)
"""What safe mode counts: every start that nobody asked for."""


@dataclass
class Counted:
    """What this file counts for itself about one gateway."""

    under_way: ActionId | None = None
    expected: LifeId | None = None
    """The life of the last order, until something answers it."""
    ordered: list[tuple[int, Charge]] = field(default_factory=list)
    foreign: list[int] = field(default_factory=list)

    def forget_order(self) -> None:
        """Take back an order that no life came of: lives are counted, not decisions."""
        self.expected = self.under_way = None
        self.ordered = self.ordered[:-1]


def is_critical(page: QueuePage) -> bool:
    """Tell a page that wakes somebody."""
    return page.severity is Severity.CRITICAL


def _place(page: PageId) -> tuple[int, ...]:
    """Return when a page was queued, to compare."""
    return tuple(int(part) for part in page.split("."))


def _find(state: State, name: str) -> GatewayState | None:
    return next((each for each in state.gateways if each.name == name), None)


class Promises:
    """Counts along with one history, and fails at the first event that breaks a promise."""

    def __init__(self, windows: tuple[Window, ...] = WINDOWS, self_windows: tuple[Window, ...] = SELF_WINDOWS) -> None:
        self.windows = windows
        self.self_windows = self_windows
        self.counted = {name: Counted() for name in NAMES}
        self.waiting: dict[PageId, tuple[str, ...]] = {}
        self.critical: dict[PageId, IncidentId | None] = {}
        """Every page so far that wakes somebody, and its incident."""
        self.lost_memory: IncidentId | None = None
        self.safe_orders: set[ActionId] = set()
        self.safe_starts: dict[tuple[GatewayName, BootId], int] = {}

    def check(self, before: State, event: Event, after: Step) -> None:
        """Check every promise on one step."""
        self.check_clock(before, after)
        self.check_orders(before, event, after)
        self.check_requests(event, after)
        self.check_holds(before, event, after)
        self.check_telling(event, after)
        self.check_endings(before, event, after)
        self.check_neighbours(before, event, after)
        self.check_safe_mode(event, after)
        check_health(before, event, after)
        for gateway in after.state.gateways:
            self.check_phase(gateway)

    def check_clock(self, before: State, after: Step) -> None:
        """Time never falls, and every decision says why."""
        assert after.state.clock.now_usec >= before.clock.now_usec
        assert all(each.because for each in after.decisions)

    def check_orders(self, before: State, event: Event, after: Step) -> None:
        """One start at a time, none while held or while it runs, and automatic ones within every window."""
        now = after.state.clock.now_usec
        for name in NAMES:
            counted, gateway = self.counted[name], _find(after.state, name)
            self.count_answer(name, before, event, after)
            for order in after.decisions:
                if isinstance(order, BudgetReset) and order.gateway == name:
                    counted.ordered, counted.foreign = [], []  # an order under way is charged when it has lived
                if not isinstance(order, StartGateway) or order.gateway != name:
                    continue
                assert gateway is not None
                assert counted.under_way is None, "two starts under way"
                assert gateway.hold is not Hold.HELD, "a start while held"
                assert gateway.life is None, "a start beside a life"
                if counted.expected is not None:
                    counted.forget_order()
                if order.charge in AUTOMATIC:
                    self.check_windows(counted, order.charge, now)
                counted.under_way, counted.expected = order.action, order.life
                counted.ordered.append((now, order.charge))

    def check_windows(self, counted: Counted, charge: Charge, now: int) -> None:
        """One more start fits into every window."""
        automatic = [at for at, each in counted.ordered if each in AUTOMATIC] + counted.foreign
        for window in self.windows:
            assert sum(1 for at in automatic if now - at < window.per_usec) < window.starts, "budget overspent"
        own = [at for at, each in counted.ordered if each is Charge.SELF_RESTART]
        for window in self.self_windows if charge is Charge.SELF_RESTART else ():
            assert sum(1 for at in own if now - at < window.per_usec) < window.starts, "self-restart overspent"

    def count_answer(self, name: GatewayName, before: State, event: Event, after: Step) -> None:
        """Take note of what answers an order, and of lives that nobody ordered."""
        counted = self.counted[name]
        was = _find(before, name)
        known = after.state.policy is not None and any(each.name == name for each in after.state.policy.gateways)
        match event:
            case happened.SupervisorStarted():
                counted.under_way = None
            case happened.ActionFailed(action=action, failure=failure) if action == counted.under_way and known:
                counted.under_way = counted.expected = None
                if failure is Failure.JOURNAL:
                    counted.forget_order()
            case happened.TimerFired(timer=TimerId(kind=TimerKind.START_DEADLINE, subject=subject)) if subject == name:
                if any(each.rule is RuleId.START_UNANSWERED for each in after.decisions):
                    counted.under_way = counted.expected = None
            case happened.MainProcessStarted() | happened.GatewayObserved() if known and event.gateway == name:
                ours = counted.expected is not None and event.life == counted.expected
                if event.process is not None and (was is None or was.life is None or was.life.process != event.process):
                    if not ours:
                        counted.foreign.append(after.state.clock.now_usec)
                        counted.forget_order() if counted.expected is not None else None
                    counted.under_way = counted.expected = None
                elif event.process is None and ours:
                    counted.under_way = counted.expected = None
            case _:
                pass

    def check_requests(self, event: Event, after: Step) -> None:
        """Nobody from the supervised side or from nowhere is ever granted anything; every request is answered."""
        judged = [each for each in after.decisions if isinstance(each, OriginJudged)]
        answers = [each for each in after.decisions if isinstance(each, AnswerRequest)]
        asked = isinstance(event, happened.ActionRequested)
        assert len(judged) == len(answers) == int(asked)
        if isinstance(event, happened.ActionRequested) and event.verb in FOR_ANYBODY:
            return  # nothing follows from those until a person says so
        for origin, answer in zip(judged, answers, strict=True):
            if origin.origin in (OriginKind.SUPERVISED, OriginKind.UNKNOWN):
                assert answer.outcome is Outcome.REFUSED
            if isinstance(event, happened.ActionRequested) and event.peer.comm in ("agent", "stranger"):
                assert answer.outcome is Outcome.REFUSED

    def check_safe_mode(self, event: Event, after: Step) -> None:
        """While memory is lost and nobody has looked, one automatic start per gateway and boot."""
        boot = after.state.clock.boot
        if isinstance(event, happened.ActionFailed) and event.failure is Failure.JOURNAL:
            started = (event.gateway, boot)
            if self.safe_starts.get(started) and event.action in self.safe_orders:
                self.safe_starts[started] -= 1  # it was ordered, and not carried out
        for each in after.decisions:
            if isinstance(each, IncidentOpened | IncidentReopened) and each.rule is RuleId.JOURNAL_DAMAGED:
                self.lost_memory = each.incident
            elif isinstance(each, IncidentResolved) and each.incident == self.lost_memory:
                self.lost_memory = None
            elif isinstance(each, StartGateway) and each.charge in SAFE and self.lost_memory is not None:
                self.safe_orders.add(each.action)
                if each.rule is not RuleId.START_LOST:  # the same start, decided again
                    started = (each.gateway, boot)
                    self.safe_starts[started] = self.safe_starts.get(started, 0) + 1
                    assert self.safe_starts[started] == 1, "a second start in safe mode"

    def check_holds(self, before: State, event: Event, after: Step) -> None:
        """A hold ends by a human's release, and by nothing else."""
        for was, gateway in zip(before.gateways, after.state.gateways, strict=False):
            if was.name == gateway.name and was.hold is Hold.HELD and gateway.hold is not Hold.HELD:
                assert isinstance(event, happened.ActionRequested)
                assert (event.verb, event.peer.comm, event.gateway) == (Verb.RELEASE, "human", was.name)

    def check_telling(self, event: Event, after: Step) -> None:
        """Evidence before its page; and a critical page waits until each of its channels has taken or refused it.

        Or until a later one of the same incident waits there in its place.
        """
        telling = QueuePage | PageFolded | PageWithheld
        for index, opened in enumerate(after.decisions):
            if isinstance(opened, IncidentOpened | IncidentReopened):
                rest = [each for each in after.decisions[index:] if isinstance(each, CollectEvidence | telling)]
                first, second = [each for each in rest if each.incident == opened.incident][:2]
                assert isinstance(first, CollectEvidence)
                assert isinstance(second, telling)
        if isinstance(event, happened.PageDelivered | happened.PageFailed) and event.page in self.waiting:
            left = tuple(name for name in self.waiting.pop(event.page) if name != event.channel)
            self.waiting |= {event.page: left} if left else {}
        for page in after.decisions:
            if isinstance(page, QueuePage) and page.severity is Severity.CRITICAL and page.channels:
                self.waiting[page.page] = page.channels
            if isinstance(page, PageRetried) and page.page in self.critical:
                self.waiting[page.page] = (*self.waiting.get(page.page, ()), *page.channels)
        queued = [page for page in after.decisions if isinstance(page, QueuePage) and is_critical(page)]
        self.critical |= {page.page: page.incident for page in queued}
        critical = [each for each in after.state.outbox if each.page.severity is Severity.CRITICAL]
        waits = {each.page.page: each.waiting for each in critical}
        for page, channels in self.waiting.items():
            for name in channels:
                replaced = any(self._stands_for(each, page, name) for each in critical)
                assert name in waits.get(page, ()) or replaced, f"{page} is lost to {name}"
        assert all(set(channels) <= set(self.waiting[page]) for page, channels in waits.items())
        self.waiting = waits

    def _stands_for(self, pending: PendingPage, page: PageId, channel: str) -> bool:
        """Say whether a waiting page has taken the place of an earlier one of its incident on a channel."""
        incident, place = self.critical[page], _place(pending.page.page)
        is_later = incident is not None and pending.page.incident == incident and place > _place(page)
        return is_later and pending.collapsed > 0 and channel in pending.waiting

    def check_endings(self, before: State, event: Event, after: Step) -> None:
        """A stale report ends nothing; what does end is followed by a start, a delay, or a reason why not."""
        if not isinstance(event, happened.MainProcessExited):
            return
        was = _find(before, event.gateway)
        stale = was is None or was.life is None or was.life.process != event.process
        assert not stale or was == _find(after.state, event.gateway)
        for ended in after.decisions:
            if isinstance(ended, EndingJudged) and ended.gateway == event.gateway:
                said = [each for each in after.decisions if each.gateway == event.gateway]
                followed = any(
                    isinstance(each, StartGateway | StartWithheld | HoldPlaced | SlowEntered) for each in said
                )
                delayed = any(isinstance(each, SetTimer) and each.timer.kind is TimerKind.START_DUE for each in said)
                assert followed or delayed

    def check_neighbours(self, before: State, event: Event, after: Step) -> None:
        """What happens to one gateway leaves the ledger and the chain of the other as they were."""
        about = getattr(event, "gateway", None)
        if isinstance(event, happened.TimerFired) and event.timer.subject in NAMES:
            about = event.timer.subject
        if about not in NAMES or getattr(event, "verb", None) is Verb.CLOSE_INCIDENT:
            return
        for was in before.gateways:
            now = next(each for each in after.state.gateways if each.name == was.name)
            assert was.name == about or (was.ledger, was.chain) == (now.ledger, now.chain)

    def check_phase(self, gateway: GatewayState) -> None:
        """`starting` without a life has a start under way; `up` and `stopping` have a life; the others have none."""
        match gateway.phase:
            case Phase.UP | Phase.STOPPING:
                assert gateway.life is not None
            case Phase.STARTING:
                assert gateway.life is not None or gateway.start_action is not None
            case _:
                assert gateway.life is None
                assert gateway.start_action is None
        assert (gateway.phase is Phase.HELD) <= (gateway.hold is Hold.HELD)
