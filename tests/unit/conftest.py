"""The screenplay: a test of the core that reads like a story.

    play.given(budget=BudgetPolicy(...))            a gateway, started and ready
    play.after("31s").ends(signal="SIGKILL")        what happens, and when
    play.decided(HoldPlaced, rule=RuleId.SPIRAL_FAST)

A scene begins when time passes (`after`) or when something happens after an assertion; an assertion is about its scene,
the alarms that went off on the way included. A screenplay that ends with a scene nobody asserted anything about fails:
it says what happened and not what should follow.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

import pytest
from stage import MAIN, Stage, gateway_policy, usec

from watchdog.core.decisions import CancelTimer, Decision, SetTimer
from watchdog.core.events import (
    ActionSucceeded,
    Event,
    JournalFailed,
    JournalGapFound,
    LimitReached,
    PageDelivered,
    PageStuck,
    PolicyRejected,
    SupervisorStopping,
    TimerFired,
)
from watchdog.core.evidence import EvidenceCollected, EvidenceFailed, EvidenceTooOld
from watchdog.core.identity import ActionId, PageId, Seq, incident_id
from watchdog.core.policy import BudgetPolicy, EscalationPolicy, GatewayPolicy, OnExhausted, Window
from watchdog.core.state import Hold, Phase, Timer
from watchdog.core.timeline import HOUR
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Step

DecisionT = TypeVar("DecisionT", bound=Decision)
TWO_TIERS = EscalationPolicy(tiers=(("phone",), ("call",)), notices=("mail",))


class Screenplay(Stage):
    """A stage whose scenes are asserted."""

    def __init__(self) -> None:
        super().__init__()
        self.answers_starts = True
        self._scene_begins = 0
        self._asserted = True

    # -- given and when --------------------------------------------------------------------------------------------

    def given(self, *also: str, escalation: EscalationPolicy = TWO_TIERS, **rules: object) -> "Screenplay":
        """Set up gateways under these rules, started and ready; what led there is no part of the story."""
        self.gatedog_starts()
        self.policy_loads(*(gateway_policy(name, **rules) for name in (MAIN, *also)), escalation=escalation)
        for name in (MAIN, *also):
            self.looks(name)
            self.gets_ready(name)
        self._close_scene()
        self._asserted = False
        return self

    def given_nothing(self) -> "Screenplay":
        """Set up nothing: no policy, no gateway."""
        self._asserted = False
        return self

    def after(self, span: str) -> "Screenplay":
        """Let time pass, and begin a new scene."""
        self._close_scene()
        self._asserted = False
        self.wait(usec(span))
        return self

    def slow_budget(self) -> BudgetPolicy:
        """Return a budget of one start an hour, and slow tries when it is spent."""
        return BudgetPolicy(windows=(Window(starts=1, per_usec=HOUR),), on_exhausted=OnExhausted.SLOW)

    def kind(self, name: str) -> TimerKind:
        """Return the kind of alarm of this name."""
        return TimerKind[name]

    def reject_policy(self, *problems: str) -> None:
        """Offer a policy that cannot be adopted."""
        self.feed(PolicyRejected(problems=problems))

    def journal_fails(self) -> None:
        """Fill the disk."""
        self.feed(JournalFailed(reason="no space left on device"))

    def journal_gap(self) -> None:
        """Find records missing."""
        self.feed(JournalGapFound(after_seq=Seq(3), lost=4, reason="no space left on device"))

    def limit(self, limit: str, *, dropped: int, subject: str = "") -> None:
        """Reach a limit."""
        self.feed(LimitReached(limit=limit, subject=subject, dropped=dropped))

    def evidence_too_old(self, *folders: str) -> None:
        """Name folders that have to go for the rest to have room."""
        self.feed(EvidenceTooOld(folders=folders))

    def evidence_fails(self, reason: str) -> None:
        """Let the disk refuse evidence."""
        self.feed(EvidenceFailed(reason=reason))

    def delivered(self, page: str, channel: str) -> None:
        """Report a delivery, whatever waits."""
        self.feed(PageDelivered(page=PageId(page), channel=channel))

    def stuck(self, page: str, channel: str) -> None:
        """Report a page that does not get out, whatever waits."""
        self.feed(PageStuck(page=PageId(page), channel=channel, detail="no answer"))

    def record_only(self) -> None:
        """Let everything happen that is only written down."""
        self.feed(ActionSucceeded(gateway=MAIN, action=ActionId("1.0")))
        self.feed(EvidenceCollected(gateway=MAIN, incident=incident_id(1), folder="INC-1", digest="00", size_bytes=1))
        self.feed(SupervisorStopping(reason="upgrade"))

    def strand(self) -> None:
        """Make up what no event leads to: a gateway that is down with nothing under way."""
        stranded = replace(self.gateway(), phase=Phase.STOPPED, life=None)
        self.state = replace(self.state, gateways=(stranded,), timers=())

    def policies(self, **rules: object) -> tuple[GatewayPolicy, ...]:
        """Return the rules of the one gateway, to load them by hand."""
        return (gateway_policy(**rules),)

    def alarm(self, kind: TimerKind, subject: str = MAIN, *, sets: bool = False) -> None:
        """Let an alarm go off that nobody set, or (`sets`) one that was set for now."""
        timer = TimerId(kind=kind, subject=subject)
        if sets:
            due = Timer(timer=timer, due_usec=self.state.clock.now_usec)
            self.state = replace(self.state, timers=(*self.state.timers, due))
        self.feed(TimerFired(timer=timer))

    def feed(self, event: Event) -> Step:
        """Let something happen in the present scene."""
        self._open_scene()
        return super().feed(event)

    def _open_scene(self) -> None:
        if self._asserted:
            self._close_scene()
        self._asserted = False

    def _close_scene(self) -> None:
        self._scene_begins = len(self.steps)

    # -- then ------------------------------------------------------------------------------------------------------

    def decided(self, kind: type[DecisionT], **fields: object) -> DecisionT:
        """Return the one decision of the scene with these fields; fail, with what was decided instead."""
        __tracebackhide__ = True
        found = self._matching(kind, fields)
        assert found, f"no {kind.__name__} with {fields}; what was decided:\n{self._told()}"
        assert len(found) == 1, f"{len(found)} times {kind.__name__} with {fields}; say which one:\n{self._told()}"
        return found[0]

    def decided_often(self, kind: type[DecisionT], times: int, **fields: object) -> None:
        """Require so many such decisions in the scene; 0 is none."""
        __tracebackhide__ = True
        found = self._matching(kind, fields)
        assert len(found) == times, f"{len(found)} times {kind.__name__} with {fields}:\n{self._told()}"

    def decided_nothing(self) -> None:
        """Require that the scene led to no decision at all."""
        __tracebackhide__ = True
        self._asserted = True
        assert not self._scene(), f"something was decided:\n{self._told()}"

    def stands(self, phase: Phase, hold: Hold = Hold.FREE, name: str = MAIN) -> None:
        """Require the gateway to be in this phase, and held or not."""
        __tracebackhide__ = True
        self._asserted = True
        gateway = self.gateway(name)
        now = f"{gateway.phase.value}, {gateway.hold.value}; what was decided:\n{self._told()}"
        assert (gateway.phase, gateway.hold) == (phase, hold), now

    def finish(self) -> None:
        """Fail if the last scene was never asserted."""
        assert self._asserted, f"unfinished screenplay; nothing was asserted of this scene:\n{self._told()}"

    def _matching(self, kind: type[DecisionT], fields: dict[str, object]) -> list[DecisionT]:
        self._asserted = True
        return [
            each
            for each in self._scene()
            if isinstance(each, kind) and all(getattr(each, name) == value for name, value in fields.items())
        ]

    def _scene(self) -> list[Decision]:
        return [decision for _, _, stepped in self.steps[self._scene_begins :] for decision in stepped.decisions]

    def _told(self) -> str:
        rows = [
            f"  {type(each).__name__} [{each.rule.value}] {each.because}"
            for each in self._scene()
            if not isinstance(each, SetTimer | CancelTimer)
        ]
        return "\n".join(rows) or "  nothing"


@pytest.fixture
def play() -> Iterator[Screenplay]:
    """Return an empty stage; the test fails if it leaves a scene without an assertion."""
    screenplay = Screenplay()
    yield screenplay
    screenplay.finish()


@pytest.fixture
def new_play() -> type[Screenplay]:
    """Return the way to make a screenplay that the test finishes itself."""
    return Screenplay
