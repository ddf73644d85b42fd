"""The observer: keeps books of what really happened, and fails at the first thing that must not.

It sees processes begin and end, phones ring, who asked and what was answered, in true time; and it hears each order as
it is given. It never reads the core's ledgers, so that a core which forgets cannot hide that from its own check.

Invariant: nothing the observer notes is ever told to the daemon.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from people import Asked
from virtualtime import VirtualTime

from watchdog.core.decisions import (
    AnswerRequest,
    BudgetReset,
    Charge,
    CollectEvidence,
    Decision,
    HoldPlaced,
    HoldReleased,
    IncidentResolved,
    KillGateway,
    Outcome,
    PageUpdate,
    QueuePage,
    Severity,
    StartGateway,
    StopGateway,
)
from watchdog.core.events import ActionRequested, Event, GatewayObserved, MainProcessExited, MainProcessStarted
from watchdog.core.healthpolicy import OnDegraded
from watchdog.core.identity import GatewayName, IncidentId, PageId, ProcessRef
from watchdog.core.policy import Policy, Window
from watchdog.core.rules import RuleId
from watchdog.core.timeline import DAY, MINUTE, duration_text
from watchdog.core.verbs import Verb
from watchdog.journal.reader import Record
from watchdog.pager.message import Message

AUTOMATIC = (Charge.AUTOMATIC, Charge.SELF_RESTART)
TRACE_MAX = 400


class Broken(AssertionError):  # noqa: N818 - the name is the fact
    """A promise was broken."""


@dataclass(slots=True)
class Life:
    """One run of a gateway's program, as it was."""

    at_usec: int
    process: ProcessRef
    order: StartGateway | None
    """None: nobody asked gatedog."""
    is_forgotten: bool = False
    """It was started while the disk was full, and the daemon died before there was room to write that down."""


@dataclass(slots=True)
class Heard:
    """A decision as it was given, and whether the disk refused to write just then."""

    seq: int
    at_usec: int
    decision: Decision
    excused: bool


@dataclass(slots=True)
class GatewayBook:
    """What happened to one gateway."""

    running: ProcessRef | None = None
    lives: list[Life] = field(default_factory=list)
    told_of: ProcessRef | None = None
    """The process that the present daemon was told of, and of no end."""
    under_order: StartGateway | None = None
    may_end: bool = False
    """Somebody with the right to asked for an ending since the process began."""
    wanted_down: bool = False
    stopped: set[ProcessRef] = field(default_factory=set)
    is_ill: bool = False
    was_ill_usec: int = -DAY
    """When it was last ill, while it is not."""


class Observer:
    """Books and checks."""

    def __init__(self, policy: Policy, time: VirtualTime) -> None:
        self._policy = policy
        self._time = time
        self.books = {gateway.name: GatewayBook() for gateway in policy.gateways}
        self.heard: list[Heard] = []
        self.rings: list[tuple[int, Message]] = []
        self.given_up: set[tuple[PageId, str]] = set()
        self.evidence: set[IncidentId] = set()
        self.permits: Counter[tuple[GatewayName, int]] = Counter()
        """How many more starts a human has allowed which account on which gateway."""
        self.memories: list[int] = []
        """The last record that each daemon so far has read."""
        self._forgotten: set[str] = set()
        """Keys of pages that rang and of which the journal knows nothing: their numbers are given out again."""
        self.trace: deque[str] = deque(maxlen=TRACE_MAX)

    def note(self, text: str) -> None:
        """Remember a line for whoever reads about a failure."""
        self.trace.append(f"{duration_text(self._time.now_usec):>8}  {text}")

    def demand(self, *, that: bool, otherwise: str) -> None:
        """Fail if it is not so."""
        if not that:
            self.note(f"BROKEN: {otherwise}")
            raise Broken(otherwise)

    # -- processes -------------------------------------------------------------------------------------------------

    def began(self, name: GatewayName, process: ProcessRef) -> None:
        """A program begins to run."""
        book = self.books[name]
        self.demand(that=book.running is None, otherwise=f"two lives of {name} at a time")
        order, book.under_order = book.under_order, None
        self.note(f"{name}: pid {process.pid} begins, {order.charge.value if order else 'started by somebody else'}")
        if order is not None:
            self.demand(that=not self.is_held(name), otherwise=f"{name} was started while held")
            if order.charge in AUTOMATIC:
                self._check_windows(name, order.charge)
        book.running, book.may_end = process, False
        book.lives.append(Life(self._time.now_usec, process, order))

    def ended(self, name: GatewayName, process: ProcessRef) -> None:
        """A program has ended."""
        self.note(f"{name}: pid {process.pid} ends")
        self.books[name].running = None

    def fell_ill(self, name: GatewayName, *, ill: bool) -> None:
        """A gateway that is up does no longer do its work, or does it again."""
        self.note(f"{name} is {'ill' if ill else 'well again'}")
        self.books[name].is_ill, self.books[name].was_ill_usec = ill, self._time.now_usec

    def _was_ill(self, name: GatewayName, within_usec: int) -> bool:
        book = self.books[name]
        return book.is_ill or self._time.now_usec - book.was_ill_usec <= within_usec

    def _check_windows(self, name: GatewayName, charge: Charge) -> None:
        rules = next(gateway.budget for gateway in self._policy.gateways if gateway.name == name)
        self._check_window(name, rules.windows, AUTOMATIC)
        if charge is Charge.SELF_RESTART:
            self._check_window(name, rules.self_restart, (Charge.SELF_RESTART,))

    def _check_window(self, name: GatewayName, windows: Sequence[Window], charges: tuple[Charge, ...]) -> None:
        forgiven = max((each.at_usec for each in self._of(BudgetReset, name)), default=-1)
        for window in windows:
            since = max(self._time.now_usec - window.per_usec, forgiven)
            counted = [life for life in self.books[name].lives if life.at_usec > since and not life.is_forgotten]
            used = sum(1 for life in counted if life.order is not None and life.order.charge in charges)
            span = duration_text(window.per_usec)
            otherwise = f"{name}: {used + 1} automatic starts, and {window.starts} are allowed in {span}"
            self.demand(that=used < window.starts, otherwise=otherwise)

    # -- the daemon ------------------------------------------------------------------------------------------------

    def told(self, event: Event) -> None:
        """The daemon took an event."""
        match event:
            case MainProcessStarted(gateway=name, process=process) | GatewayObserved(gateway=name, process=process):
                self.books[name].told_of = process
            case MainProcessExited(gateway=name, process=process) if self.books[name].told_of == process:
                self.books[name].told_of = None
            case _:
                pass

    def ordered(self, seq: int, decision: Decision, *, excused: bool) -> None:
        """The daemon begins to carry out a decision."""
        self.note(f"[{seq}] {type(decision).__name__} {decision.gateway} {decision.rule.value}: {decision.because}")
        self.heard.append(Heard(seq, self._time.now_usec, decision, excused))
        match decision:
            case StartGateway(gateway=name):
                told_of = self.books[name].told_of
                self.demand(that=told_of is None, otherwise=f"{name} was to be started beside a life known to run")
                self.books[name].under_order = decision
            case StopGateway(gateway=name, process=process, rule=RuleId.DEGRADED_RESTART):
                rules = next(each for each in self._policy.gateways if each.name == name).health
                as_ruled = rules.on_degraded is OnDegraded.RESTART and self._was_ill(name, MINUTE)
                self.demand(that=as_ruled, otherwise=f"{name} was restarted for a degradation that it does not have")
                self.books[name].stopped.add(process)
            case QueuePage(gateway=name, rule=RuleId.PROBE_FAILING, update=PageUpdate.OPENED):
                self.demand(that=self._was_ill(name, MINUTE), otherwise=f"{name} is well, and was called degraded")
            case StopGateway(gateway=name, process=process):
                self.demand(that=self.books[name].may_end, otherwise=f"{name} was to be stopped, and nobody had asked")
                self.books[name].stopped.add(process)
            case KillGateway(gateway=name, process=process):
                was_stopped = process in self.books[name].stopped
                self.demand(that=was_stopped, otherwise=f"{name} was to be killed without having been stopped")
            case _:
                pass

    def order_answered(self, name: GatewayName) -> None:
        """The backend has dealt with an order."""
        self.books[name].under_order = None

    def died(self) -> None:
        """The daemon is gone."""
        for book in self.books.values():
            book.told_of = book.under_order = None

    def remembered(self, records: Sequence[Record], last_seq: int) -> None:
        """A new daemon has read the journal: what is not in it is forgotten, and nothing but that."""
        self.memories.append(last_seq)
        for each in self.heard:
            if each.seq > last_seq:
                what = f"[{each.seq}] {type(each.decision).__name__} was acted upon before it was written"
                self.demand(that=each.excused, otherwise=what)
        self.heard = [each for each in self.heard if each.seq <= last_seq]
        for life in (life for book in self.books.values() for life in book.lives):
            life.is_forgotten |= life.order is not None and life.order.life > last_seq
        self._forgotten |= {message.idempotency_key for _, message in self.rings if _place(message.page)[0] > last_seq}
        known = {(each.seq, each.decision) for each in self.heard}
        for record in records:
            seq = record.stamped.stamp.seq
            for decision in record.decisions:
                if (seq, decision) not in known:
                    self.heard.append(Heard(seq, self._time.now_usec, decision, excused=False))
                    self._note_unanswered(record.stamped.event, decision)

    def _note_unanswered(self, event: Event, decision: Decision) -> None:
        """Note what was decided and written, but neither done nor answered when the daemon died."""
        if isinstance(decision, StopGateway):
            self.books[decision.gateway].stopped.add(decision.process)
        if isinstance(decision, AnswerRequest) and decision.outcome is Outcome.GRANTED:
            assert isinstance(event, ActionRequested)
            self._granted(event)

    # -- people ----------------------------------------------------------------------------------------------------

    def asked(self, asked: Asked) -> None:
        """Somebody asks."""
        event = asked.event
        self.note(f"{asked.who.value} asks for {event.verb.value} of {event.gateway}")
        let_in = self.permits[event.gateway, event.peer.uid] > 0
        if (asked.may_be_granted or let_in) and event.verb in (Verb.STOP, Verb.RESTART):
            self.books[event.gateway].may_end = True

    def answered(self, asked: Asked, answer: AnswerRequest, seq: int) -> None:
        """Somebody is answered, and may rely on it."""
        self.heard.append(Heard(seq, self._time.now_usec, answer, excused=False))
        self.note(f"answered {answer.outcome.value}: {answer.because}")
        if answer.outcome is Outcome.GRANTED:
            otherwise = f"{asked.event.verb.value} was granted to {asked.who.value}"
            permitted = answer.rule is RuleId.REQUEST_PERMITTED and self._permitted(asked)
            self.demand(that=asked.may_be_granted or permitted, otherwise=otherwise)
            self._granted(asked.event)

    def _permitted(self, asked: Asked) -> bool:
        """Say whether a human let this account in, and take one start off what they allowed."""
        let_in = (asked.event.gateway, asked.event.peer.uid)
        self.permits[let_in] -= 1
        return asked.may_be_permitted and self.permits[let_in] >= 0

    def _granted(self, event: ActionRequested) -> None:
        if event.verb is Verb.PERMIT:
            uid = event.peer.uid if event.uid is None else event.uid
            self.permits[event.gateway, uid] = event.starts or 1
        elif event.verb is Verb.PERMIT_END:
            self.permits = Counter(
                {let_in: left for let_in, left in self.permits.items() if let_in[0] != event.gateway}
            )
        elif event.verb in (Verb.STOP, Verb.START, Verb.RESTART, Verb.RELEASE):
            self.books[event.gateway].wanted_down = event.verb is Verb.STOP

    def kept_evidence(self, order: CollectEvidence) -> None:
        """The evidence of an incident lies on the disk, or the daemon has said why it could not."""
        self.evidence.add(order.incident)

    def gave_up(self, page: PageId, channel: str) -> None:
        """A channel is set up wrongly, and reports that."""
        self.given_up.add((page, channel))

    def rang(self, message: Message, daemon: int) -> None:
        """A message of the daemon-th daemon reaches a person, be it long after that daemon's death."""
        self.note(f"{message.channel} rings, page {message.page}: {message.title}")
        if any(_place(message.page)[0] > last_seq for last_seq in self.memories[daemon:]):
            self._forgotten.add(message.idempotency_key)
        for _, earlier in self.rings:
            if earlier.idempotency_key == message.idempotency_key:
                otherwise = f"two pages with one key: {earlier.title!r} and {message.title!r}"
                self.demand(that=earlier.text == message.text, otherwise=otherwise)
            if _identity(earlier) == _identity(message):
                return
        if message.incident and message.update is PageUpdate.OPENED:
            otherwise = f"page {message.page} came before the evidence of {message.incident}"
            self.demand(that=IncidentId(message.incident) in self.evidence, otherwise=otherwise)
        if message.idempotency_key not in self._forgotten:
            self._check_order(message)
        self.rings.append((self._time.now_usec, message))

    def _check_order(self, message: Message) -> None:
        known = [earlier for _, earlier in self.rings if earlier.idempotency_key not in self._forgotten]
        for earlier in known:
            if message.incident and (earlier.channel, earlier.incident) == (message.channel, message.incident):
                in_order = _place(earlier.page) < _place(message.page)
                otherwise = f"page {message.page} came after page {earlier.page} on {message.channel}"
                self.demand(that=in_order, otherwise=otherwise)

    # -- standing --------------------------------------------------------------------------------------------------

    def is_held(self, name: GatewayName) -> bool:
        """Say whether a hold was placed and no human has released it."""
        placed = [each for each in self.heard if isinstance(each.decision, HoldPlaced | HoldReleased)]
        mine = [each.decision for each in placed if each.decision.gateway == name]
        return bool(mine) and isinstance(mine[-1], HoldPlaced)

    def missing_pages(self, queued_before_usec: int) -> list[str]:
        """Name the critical pages that a channel neither carried nor gave up, nor a later one of the same incident."""
        rang = {(message.page, message.channel) for _, message in self.rings}
        critical = [message for _, message in self.rings if message.severity is Severity.CRITICAL]
        return [
            f"{page.page} on {channel}: {page.title}"
            for page in (each.decision for each in self.heard if each.at_usec < queued_before_usec)
            if isinstance(page, QueuePage) and page.severity is Severity.CRITICAL
            for channel in page.channels
            if (page.page, channel) not in rang | self.given_up
            if not any(
                (later.incident, later.channel) == (page.incident, channel) and _place(later.page) > _place(page.page)
                for later in critical
            )
        ]

    def was_paged(self, name: GatewayName, since_usec: int) -> bool:
        """Say whether a critical page about a gateway has reached somebody since then."""
        return any(
            at >= since_usec and message.gateway == name and message.severity is Severity.CRITICAL
            for at, message in self.rings
        )

    def was_closed_by_people(self, name: GatewayName, since_usec: int) -> bool:
        """Say whether a person closed the story of its restarts since then: whoever did knows how it stands."""
        closed = [each for each in self._of(IncidentResolved, name) if each.decision.rule is RuleId.INCIDENT_CLOSED]
        return any(each.at_usec >= since_usec for each in closed)

    def was_held_by_people(self, name: GatewayName) -> bool:
        """Say whether the hold in force is a person's own."""
        hold = self.last_hold(name)
        return self.is_held(name) and hold is not None and hold.rule is RuleId.HOLD_BY_HUMAN

    def was_stopped_by_people(self, name: GatewayName) -> bool:
        """Say whether somebody with the right to stopped it, and nobody has wanted it up since."""
        return self.books[name].wanted_down

    def last_hold(self, name: GatewayName) -> HoldPlaced | None:
        """Return the newest hold."""
        holds = [each.decision for each in self.heard if isinstance(each.decision, HoldPlaced)]
        return next((hold for hold in reversed(holds) if hold.gateway == name), None)

    def held_since_usec(self, name: GatewayName) -> int:
        """Say when the hold in force was placed: people are told of it after that, or have closed its story."""
        return max((each.at_usec for each in self._of(HoldPlaced, name)), default=0) - MINUTE

    def _of(self, kind: type[Decision], name: GatewayName) -> list[Heard]:
        return [each for each in self.heard if isinstance(each.decision, kind) and each.decision.gateway == name]


def _identity(message: Message) -> tuple[object, ...]:
    """Tell one page from another; a journal that went on under another id keeps the page, and not its key."""
    return message.page, message.queued_wall_usec, message.channel


def _place(page: str) -> tuple[int, ...]:
    return tuple(int(part) for part in page.split("."))
