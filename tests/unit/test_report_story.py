"""The story: every event and decision has its line, and no line is more than one."""

import typing
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchdog.core.decisions import (
    CollectEvidence,
    Decision,
    EndingJudged,
    HoldPlaced,
    IncidentOpened,
    PageUpdate,
    QueuePage,
    SetTimer,
    Severity,
)
from watchdog.core.endings import EndingClass, ExitRecord, Sender
from watchdog.core.events import (
    ActionRequested,
    Event,
    MainProcessExited,
    PageDelivered,
    PageFailed,
    Stamp,
    Stamped,
    TimerFired,
)
from watchdog.core.evidence import EvidenceCollected
from watchdog.core.identity import ActionId, BootId, GatewayName, IncidentId, LifeId, PageId, ProcessRef, Seq
from watchdog.core.peer import Peer
from watchdog.core.rules import RuleId
from watchdog.core.timeline import SECOND, Usec
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.verbs import Verb
from watchdog.journal.reader import Record
from watchdog.report.decisionwords import decision_text
from watchdog.report.escape import agent_says, visible
from watchdog.report.eventwords import event_text
from watchdog.report.story import explain, sentence

EVENTS = typing.get_args(Event)
DECISIONS = typing.get_args(Decision)
QUICK = settings(
    max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
WALL = 1_795_316_651_204_000
NAME = GatewayName("openclaw")
PROCESS = ProcessRef(pid=4242, start_ticks=9, boot=BootId("b"))
ONE = IncidentId("INC-1")


def ids(shapes: tuple[Any, ...]) -> list[str]:
    """Name test cases by their class."""
    return [shape.__name__ for shape in shapes]


def record(seq: int, event: Event, *decisions: Decision) -> Record:
    """Build a record, one second after the one before."""
    stamp = Stamp(
        seq=Seq(seq),
        wall_usec=Usec(WALL + (seq - 1042) * SECOND),
        boot=BootId("b"),
        uptime_usec=Usec(seq * SECOND),
    )
    return Record(stamped=Stamped(stamp=stamp, event=event), decisions=decisions, digest=b"")


def is_one_visible_line(text: str) -> bool:
    """Say whether a terminal shows this text as it is, on one line."""
    return text.isprintable() and bool(text)


@pytest.mark.parametrize("shape", EVENTS, ids=ids(EVENTS))
@QUICK
@given(chosen=st.data())
def test_every_event_is_one_line(shape: type[Any], chosen: st.DataObject) -> None:
    """Whatever an event holds, it is told in one line without anything a terminal would obey."""
    assert is_one_visible_line(event_text(chosen.draw(st.from_type(shape))))


@pytest.mark.parametrize("shape", DECISIONS, ids=ids(DECISIONS))
@QUICK
@given(chosen=st.data())
def test_every_decision_is_one_line_with_its_rule(shape: type[Any], chosen: st.DataObject) -> None:
    """Whatever a decision holds, it is told in one visible line that names its rule."""
    decision = chosen.draw(st.from_type(shape))
    told = decision_text(decision)

    assert is_one_visible_line(told)
    assert f"[{decision.rule.value}]" in told


EXITED = record(
    1042,
    MainProcessExited(
        gateway=NAME,
        process=PROCESS,
        exit=ExitRecord(signal="SIGKILL", by=Sender.SECOND_MANAGER, last_line='bye"\n\x1b[31mnext: rm -rf /'),
    ),
    EndingJudged(
        gateway=NAME,
        rule=RuleId.ENDING_UNASKED,
        because="killed (SIGKILL by second-manager)",
        life=LifeId(1040),
        ending=EndingClass.KILLED,
        asked=False,
    ),
    HoldPlaced(gateway=NAME, rule=RuleId.BUDGET_SPENT, because="restart budget spent: 5 per 10m"),
    IncidentOpened(
        gateway=NAME,
        rule=RuleId.BUDGET_SPENT,
        because="restart budget spent: 5 per 10m",
        incident=ONE,
        severity=Severity.CRITICAL,
    ),
    CollectEvidence(
        gateway=NAME,
        rule=RuleId.EVIDENCE_FIRST,
        because="kept before anybody is told",
        action=ActionId("1042.3"),
        incident=ONE,
        life=LifeId(1040),
    ),
    QueuePage(
        gateway=NAME,
        rule=RuleId.BUDGET_SPENT,
        because="restart budget spent: 5 per 10m",
        page=PageId("1042.4"),
        incident=ONE,
        severity=Severity.CRITICAL,
        update=PageUpdate.OPENED,
        channels=("pagerduty", "mail"),
        title="HELD - not restarting",
        did="holds it",
        next_command="gatedog release openclaw",
        agent_says="bye",
    ),
)
KEPT = record(1043, EvidenceCollected(gateway=NAME, incident=ONE, folder="incidents/INC-1", digest="d", size_bytes=512))
TAKEN = record(1044, PageDelivered(page=PageId("1042.4"), channel="pagerduty", detail="202 Accepted"))
GIVEN_UP = record(1045, PageFailed(page=PageId("1042.4"), channel="mail", detail="550 no such\r\nuser"))


def test_record_reads_like_a_story(golden: Callable[[str, str], None]) -> None:
    """An ending and all that was decided on it is told line by line."""
    golden("story-ending.txt", sentence(EXITED) + "\n")


def test_one_line_for_each_fact() -> None:
    """A record has as many lines as it has an event and decisions."""
    assert len(sentence(EXITED).splitlines()) == 1 + len(EXITED.decisions)


def test_alarms_that_only_watch_can_be_left_out() -> None:
    """A delayed start is told with or without alarms, a deadline only with them."""
    due, deadline = (TimerId(kind=kind, subject=NAME) for kind in (TimerKind.START_DUE, TimerKind.STOP_DEADLINE))
    setting = {"gateway": NAME, "rule": RuleId.RESTART_BACKOFF, "because": "x", "due_usec": Usec(1)}
    both = record(1, TimerFired(timer=due), SetTimer(timer=due, **setting), SetTimer(timer=deadline, **setting))

    assert len(sentence(both).splitlines()) == 3
    assert sentence(both, alarms=False).splitlines()[1:] == sentence(both).splitlines()[1:2]


def test_walk_through_the_rooms(golden: Callable[[str, str], None]) -> None:
    """An incident is told as seq, rule, decision, outcome; what was delivered stands at the page it answers."""
    golden("story-explain.txt", explain(ONE, [GIVEN_UP, KEPT, EXITED, TAKEN]) + "\n")


def test_outcome_is_only_told_when_recorded() -> None:
    """A page that no record answers is shown without an outcome."""
    assert " = " not in explain(ONE, [EXITED])


def test_unknown_incident_is_said_to_be_unknown() -> None:
    """Walking through nothing claims nothing."""
    assert "not in these records" in explain(ONE, [])


def test_reason_of_a_request_is_quoted() -> None:
    """The words of a request stand in quotes they cannot close."""
    event = ActionRequested(
        gateway=NAME,
        verb=Verb.RESTART,
        reason='ok" [origin.older-tty] granted',
        peer=Peer(process=None, uid=1000, gid=1000),
    )

    assert event_text(event).endswith('giving as reason: "ok\' [origin.older-tty] granted"')


@pytest.mark.parametrize("text", ["\x1b[31m", "a\nb", "\u202eabc", "\u200b", "\ud800", "\x7f", "\u3164", "e\u0301" * 9])
def test_escape_leaves_nothing_to_obey(text: str) -> None:
    """Control characters, direction marks, half surrogates and invisible letters are shown as escapes."""
    shown = visible(text)

    assert shown.isprintable()
    assert "\\" in shown


@given(text=st.text(max_size=400), length=st.integers(min_value=12, max_value=80))
@QUICK
def test_escape_keeps_to_its_length(text: str, length: int) -> None:
    """No text grows beyond its limit, however many escapes it needs."""
    shown = visible(text, length)

    assert len(shown) <= length
    assert shown.isprintable()


def test_plain_text_stays_as_it_is() -> None:
    """Ordinary words in any script are not touched."""
    assert visible("Gr\u00fc\u00dfe, \u4f60\u597d") == "Gr\u00fc\u00dfe, \u4f60\u597d"


def test_agent_cannot_close_its_quotes() -> None:
    """A quote inside the agent's words is no quote any more."""
    assert agent_says('a" next: b') == 'agent says: "a\' next: b"'


def test_a_walk_says_which_incidents_were_about_the_same() -> None:
    """Below the headline stands how often it was seen before, and where; nothing of the kind when it never was."""
    once = explain(ONE, (KEPT,), ("INC-7",)).splitlines()
    often = explain(ONE, (KEPT,), ("INC-9", "INC-7\x1b[2J")).splitlines()

    assert once[1] == "seen 1 time before: INC-7"
    assert often[1] == "seen 2 times before: INC-9, INC-7\\x1b[2J"
    assert "seen" not in "".join(explain(ONE, (KEPT,)).splitlines()[1:])
