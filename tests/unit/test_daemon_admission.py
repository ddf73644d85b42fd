"""What an account may ask in vain until no more of it goes on record; and whose requests that never touches."""

import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from stage import EPOCH_USEC, MAIN, Stage, gateway_policy

from watchdog.control.supervision import RequestNotTaken
from watchdog.control.tokens import Rate
from watchdog.core.approval import Signed
from watchdog.core.decisions import AnswerRequest, Decision, OriginKind, Outcome, QueuePage
from watchdog.core.enclosure import (
    LINE_MAX,
    SECTION_MAX,
    ActionOffered,
    BundleExamined,
    BundleOffered,
    BundleReviewed,
    DrillReported,
    Enclosed,
    HypothesisOffered,
    JudgementOffered,
    PostmortemOffered,
    StepReviewed,
)
from watchdog.core.engine import step
from watchdog.core.events import TEXT_MAX, ActionRequested, Stamp, Stamped
from watchdog.core.identity import GatewayName, IncidentId, Seq
from watchdog.core.origin import Judgement
from watchdog.core.peer import Ancestor, Peer
from watchdog.core.requests import judge_peer
from watchdog.core.timeline import DAY, HOUR, MINUTE, SECOND, Usec
from watchdog.core.verbs import Verb
from watchdog.core.verbtable import VERBS
from watchdog.daemon.admission import OF_ALL, OF_ONE, Admission, bytes_for
from watchdog.journal.entry import PageIndex, columns_of, row_of


class Door:
    """A stage behind a door: what is let in is played, and what was reported is remembered."""

    def __init__(self, stage: Stage, of_all: Rate = OF_ALL) -> None:
        self.stage = stage
        self.reported: list[tuple[str, str, int]] = []
        self.admission = Admission(
            self._judge, self._foresee, lambda *said: self.reported.append(said), self._now, of_all
        )

    def asks(self, who: str, verb: str = "ask-restart", *, uid: int | None = None, **more: Any) -> bool:
        """Let somebody ask; say whether it was taken."""
        event = self.event(who, verb, uid=uid, **more)
        with suppress(RequestNotTaken):
            self.admission.admit(event)
            self.stage.feed(event)
            return True
        return False

    def event(self, who: str, verb: str, *, uid: int | None = None, **more: Any) -> ActionRequested:
        """Return what somebody asks for."""
        peer = self.stage.peer(who, MAIN)
        peer = peer if uid is None else replace(peer, uid=uid)
        named = {"gateway": MAIN, "reason": "please", **more}
        return ActionRequested(verb=Verb(verb), peer=peer, **named)

    def empties(self, who: str, **more: Any) -> int:
        """Let somebody ask until it is not taken any more; return how often it was."""
        return next(count for count in range(10_000) if not self.asks(who, **more))

    def _judge(self, peer: Peer, gateway: GatewayName) -> Judgement:
        return judge_peer(self.stage.state, peer, gateway)

    def _foresee(self, event: ActionRequested) -> tuple[Decision, ...]:
        stamp = Stamp(
            seq=Seq(len(self.stage.steps) + 1),
            wall_usec=Usec(EPOCH_USEC + self.stage.now_usec),
            boot=self.stage.boot,
            uptime_usec=Usec(self._now()),
            synchronised=True,
        )
        return step(self.stage.state, Stamped(stamp=stamp, event=event)).decisions

    def _now(self) -> int:
        return int(self.stage.now_usec - self.stage.booted_usec)


@pytest.fixture
def stage() -> Stage:
    """Give a gateway that is up."""
    made = Stage()
    made.answers_starts = True
    made.gatedog_starts()
    made.policy_loads(gateway_policy(MAIN))
    made.looks()
    made.gets_ready()
    return made


@pytest.fixture
def door(stage: Stage) -> Door:
    """Give a gateway that is up, behind a door."""
    return Door(stage)


def test_who_asks_all_day_is_on_record_for_its_share_alone(door: Door) -> None:
    """A burst at once, then so much a day; people hear of the first that is not, and of more once an hour."""
    at_once = door.empties("agent")
    assert 200 < at_once < 500
    assert door.reported == [("requests on record", "uid 1001", 1)]

    taken = 0
    for _ in range(240):
        door.stage.wait(6 * MINUTE)
        taken += sum(door.asks("agent") for _ in range(3))
    bytes_each = bytes_for(door.event("agent", "ask-restart"))
    assert 20 < taken <= OF_ONE.per_second * DAY // SECOND // bytes_each + 1
    assert len(door.reported) <= DAY // HOUR + 1
    assert sum(dropped for _, _, dropped in door.reported) >= 3 * 240 - taken - 30
    pages = [each for _, _, stepped in door.stage.steps for each in stepped.decisions if isinstance(each, QueuePage)]
    assert len(pages) >= 20, "and of what is recorded they are told hourly, as ever"


def test_what_a_person_may_is_never_turned_away(door: Door) -> None:
    """Neither by what their agent asked under the same account, nor by what they asked themselves."""
    door.empties("agent", uid=1000)
    assert door.asks("human", "grant", subject="REQ-1", uid=1000), "an own mistake is answered, too"
    door.empties("human", verb="grant", subject="REQ-0")
    for verb in ("hold", "release", "ack", "page-test"):
        assert door.asks("human", verb, incident=IncidentId("INC-1")), verb


def test_a_proof_and_a_permit_are_worth_what_they_were(door: Door) -> None:
    """An empty purse takes nothing from who shows that a person asks, nor from whom a person let do it."""
    door.asks("human", "permit", uid=None, for_usec=DAY, starts=2)
    door.stage.asks("ansible", "reset-budget", "x", nonce="0f" * 16, signers=("alice",))
    door.empties("ansible")
    challenge = door.stage.state.challenges[-1]
    signed = Signed(request=challenge.request, principal="alice", key="SHA256:abc")

    assert door.asks("ansible", "restart")
    assert not door.asks("ansible", "stop")
    assert door.asks("ansible", "reset-budget", signed=signed)
    assert not door.asks("ansible", "reset-budget", signed=signed), "that one was answered before"


def test_an_empty_purse_is_answered_with_the_refusal_itself(door: Door) -> None:
    """The asker reads why, and that nothing is on record; the state is as it was."""
    door.empties("agent")
    before = door.stage.state
    with pytest.raises(RequestNotTaken, match=r"gateway.*was not recorded") as turned_away:
        door.admission.admit(door.event("agent", "ask-restart"))
    assert turned_away.value.retry_after_usec > 0
    assert door.stage.state == before


def test_an_agent_goes_on_doing_what_can_be_undone(door: Door) -> None:
    """Its runtime asks before each action, all day: what may be done may be done, and what was approved is used up."""
    harmless, strange = (
        ActionOffered(action="exec", argv=tuple(line.split()), directory="/home/agent/work")
        for line in ("mkdir drafts", "frobnicate all")
    )
    assert door.asks("agent", "gate-check", enclosed=strange)
    (waiting,) = door.stage.state.waiting_actions
    door.stage.asks("human", "gate-approve", "fine", subject=waiting.name)
    door.empties("agent")

    answer = door.admission.admit(door.event("agent", "gate-check", enclosed=harmless))
    assert answer is not None
    assert (answer.outcome, answer.request) == (Outcome.GRANTED, "")
    assert door.admission.admit(door.event("agent", "gate-check", enclosed=strange)) is None
    assert not door.asks("agent", "gate-check", enclosed=replace(strange, argv=("mangle",)))


def test_borrowed_accounts_have_one_purse_together(stage: Stage) -> None:
    """However many an agent has: what all of them add in a year is bounded, and reports of limits are part of it."""
    door, spent = Door(stage, Rate(burst=OF_ONE.burst, per_second=1)), 0
    for uid in range(100_000, 100_800):
        event = door.event("stranger", "restart", uid=uid)
        try:
            door.admission.admit(event)
        except RequestNotTaken:
            break
        spent += bytes_for(event)
    assert OF_ONE.burst * 0.9 < spent <= OF_ONE.burst
    assert ("requests on record", "all accounts", 1) in door.reported
    assert sum(door.admission.admits_report() for _ in range(100)) < 10


# -- what a request costs at most --------------------------------------------------------------------------------------

_LETTERS = [chr(number) for number in (*range(0x4E00, 0x9000), *range(0x1F300, 0x1F5FF))]


def largest(takes: type[Enclosed] | None, line: Any) -> Enclosed | None:
    """Return the largest that may come with a verb, in letters that cannot be packed."""
    text = line(LINE_MAX)
    sections = {name: line(SECTION_MAX) for name in ("cause", "trigger", "lessons", "actions")}
    all_kinds: dict[type[Enclosed], Enclosed] = {
        HypothesisOffered: HypothesisOffered(claim=text, cites=("#1", *(line(LINE_MAX),) * 15), refuted_by=text),
        JudgementOffered: JudgementOffered(standing="supported"),
        PostmortemOffered: PostmortemOffered(**sections),
        BundleOffered: BundleExamined(digest="0", size_bytes=1, problems=tuple(line(LINE_MAX) for _ in range(24))),
        BundleReviewed: BundleReviewed(digest=text, effect=text),
        ActionOffered: ActionOffered(action=text, argv=(line(3_900), line(3_800))),
        StepReviewed: StepReviewed(argv=tuple(line(512) for _ in range(30)), host=text),
        DrillReported: DrillReported(drill=text, passed=True, live=True, report=text),
    }
    return None if takes is None else all_kinds[takes]


@pytest.mark.parametrize("who", ["agent", "stranger", "cron", "ansible"])
@pytest.mark.parametrize("verb", list(Verb))
def test_no_request_adds_more_than_it_is_charged_for(who: str, verb: Verb, stage: Stage) -> None:
    """With every text as long as it may be, evidence on the asker included: opening, extending and answering alike."""
    chance = random.Random(verb.value)  # noqa: S311 - the same letters every time, no secret

    def line(length: int) -> str:
        return "".join(chance.choices(_LETTERS, k=length))

    peer = stage.peer(who, MAIN)
    above = tuple(Ancestor(process=peer.process, comm=line(15), cgroup=f"/{line(200)}") for _ in range(8))
    for _ in range(3):
        event = ActionRequested(
            gateway=MAIN,
            verb=verb,
            reason=line(TEXT_MAX),
            peer=replace(peer, comm=line(15), ancestors=(*peer.ancestors, *above)),
            incident=IncidentId("INC-1"),
            subject="'" * 64,
            nonce="0f" * 16,
            signers=tuple(f"{number}{'x' * 60}" for number in range(8)),
            code_set="set-1",
            enclosed=largest(VERBS[verb].takes, line),
        )
        stepped = stage.feed(event)
        answer = next(each for each in stepped.decisions if isinstance(each, AnswerRequest))
        assert answer.outcome is not Outcome.GRANTED or OriginKind.UNKNOWN in VERBS[verb].who
        stamp = Stamp(
            seq=Seq(len(stage.steps)),
            wall_usec=Usec(EPOCH_USEC),
            boot=stage.boot,
            uptime_usec=Usec(HOUR),
            synchronised=True,
        )
        row = row_of(Stamped(stamp=stamp, event=event), stepped.decisions, PageIndex([]))
        columns = columns_of(row, 1, b"0" * 32)
        written = sum(len(each) if isinstance(each, str | bytes) else 8 for each in columns)
        assert written <= bytes_for(event)
