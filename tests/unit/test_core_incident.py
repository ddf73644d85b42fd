"""Stories: open, extend, merge, reopen, resolve."""

from typing import Any

import pytest

from watchdog.core.decisions import (
    AcknowledgementEnded,
    CollectEvidence,
    Decision,
    IncidentExtended,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
    PageUpdate,
    QueuePage,
    Severity,
)
from watchdog.core.incident import RESOLVED_KEPT
from watchdog.core.rules import RuleId
from watchdog.core.state import IncidentPhase


def anomaly(play: Any, after: str = "1h") -> None:
    """Let it end in a way without a model: a warning. It comes back and serves."""
    play.after(after).ends(code=4711)
    if play.gateway().life is not None:
        play.gets_ready()


def test_evidence_is_collected_before_anybody_is_told(play: Any) -> None:
    """The next life overwrites it, and a person takes minutes to arrive."""
    play.given()
    life = play.gateway().life.life
    anomaly(play)
    play.decided(IncidentOpened, incident="INC-1")
    play.decided(CollectEvidence, rule=RuleId.EVIDENCE_FIRST, incident="INC-1", life=life)
    story = [type(each) for each in play.decisions() if getattr(each, "incident", None) == "INC-1"]

    assert story == [IncidentOpened, CollectEvidence, QueuePage]


def test_the_same_fact_again_is_counted_and_told_once_an_hour(play: Any) -> None:
    """Nobody is told the same thing twice within the hour, and nothing is forgotten."""
    play.given()
    anomaly(play)
    play.decided(IncidentOpened)
    anomaly(play, "59m")
    play.decided(IncidentExtended, incident="INC-1")
    play.decided_often(QueuePage, 0, incident="INC-1")
    anomaly(play, "1m")
    play.decided(QueuePage, incident="INC-1", update=PageUpdate.UPDATED)

    assert play.incident().facts == 3


def test_another_rule_is_a_new_fact(play: Any) -> None:
    """The story is the same, what is known of it is more: evidence and a page."""
    play.given()
    for code in (1, 2, 3, 4):
        play.after("1h").ends(code=code)
    play.decided(IncidentOpened, rule=RuleId.SPIRAL_CHAIN)
    for _ in range(3):
        play.after("1h").ends(signal="SIGTERM", by="second-manager")
    play.decided(IncidentExtended, rule=RuleId.SPIRAL_SECOND_MANAGER)
    play.decided(CollectEvidence)
    play.decided(QueuePage, update=PageUpdate.UPDATED)


def test_different_matters_are_different_stories(play: Any) -> None:
    """A refused request and an ending without a model have nothing to do with each other."""
    play.given()
    anomaly(play)
    play.asks("agent", "restart")
    play.decided_often(IncidentOpened, 2)

    assert [story.incident for story in play.state.incidents] == ["INC-1", "INC-2"]


def test_gateways_have_stories_of_their_own(play: Any) -> None:
    """What happens to one is not news about the other."""
    play.given("other")
    anomaly(play)
    play.ends("other", code=4711)
    play.decided(IncidentOpened, gateway="other", incident="INC-2")


@pytest.mark.parametrize(("later", "kind"), [("23h", IncidentReopened), ("25h", IncidentOpened)])
def test_the_same_trouble_within_a_day_is_an_update(later: str, kind: type[Decision], play: Any) -> None:
    """Within a day the story goes on; after that it is a new one."""
    play.given()
    anomaly(play)
    play.asks("human", "incident-close", incident="INC-1")
    anomaly(play, later)
    play.decided(kind)
    play.decided(CollectEvidence)
    play.decided_often(QueuePage, 1, rule=RuleId.ANOMALY)


def test_a_page_says_which_incidents_were_about_the_same(play: Any) -> None:
    """Whoever is woken sees that it was seen before, and where to look; at most three by name."""
    play.given()
    said = []
    for _ in range(5):
        anomaly(play, "25h")
        said.append(play.decided(QueuePage, update=PageUpdate.OPENED).because.partition("; seen ")[2])
        play.asks("human", "incident-close", incident=f"INC-{play.state.incident_count}")
        play.decided(IncidentResolved)

    assert said == [
        "",
        "once before: INC-1",
        "2 times before: INC-2, INC-1",
        "3 times before: INC-3, INC-2, INC-1",
        "4 times before: INC-4, INC-3, INC-2, ...",
    ]


def test_a_human_closes_a_story_and_with_it_the_chain(play: Any) -> None:
    """Somebody has looked: the next ending begins a new row."""
    play.given()
    for code in (1, 2, 3, 4):
        play.after("1h").ends(code=code)
    play.asks("human", "incident-close", incident="INC-1")
    play.decided(IncidentResolved, rule=RuleId.INCIDENT_CLOSED)

    assert play.gateway().chain == ()


def test_a_new_fact_ends_an_acknowledgement(play: Any) -> None:
    """Who took it took what was known then."""
    play.given()
    for code in (1, 2, 3, 4):
        play.after("1h").ends(code=code)
        play.gets_ready()
    play.asks("human", "ack", incident="INC-1")
    play.after("1m").asks("human", "hold")
    play.ends(code=5)
    play.after("1m").begins(foreign=True)
    play.decided(AcknowledgementEnded, rule=RuleId.ACK_ENDED)
    play.decided(QueuePage, rule=RuleId.LIFE_FOREIGN)

    assert play.incident().phase is IncidentPhase.OPEN


def test_the_same_fact_leaves_an_acknowledgement_alone(play: Any) -> None:
    """Whoever has it need not hear it again, however long ago they were told."""
    play.given()
    for code in (1, 2, 3, 4):
        play.after("1h").ends(code=code)
    play.asks("human", "ack", incident="INC-1", lasting="4h")
    play.after("2h").ends(code=5)
    play.decided(IncidentExtended)
    play.decided_often(AcknowledgementEnded, 0)
    play.decided_often(QueuePage, 0, incident="INC-1")


def test_a_story_only_gets_louder(play: Any) -> None:
    """A critical incident that a lesser fact joins stays critical."""
    play.given()
    play.journal_fails()
    play.journal_gap()
    play.decided(IncidentExtended, severity=Severity.CRITICAL, rule=RuleId.JOURNAL_GAP)


def test_refusals_that_stop_are_over(play: Any) -> None:
    """Four hours without another."""
    play.given()
    play.asks("agent", "restart")
    play.after("3h").asks("agent", "restart")
    play.after("3h").decided_often(IncidentResolved, 0)
    play.after("2h")
    play.decided(IncidentResolved, rule=RuleId.INCIDENT_QUIET)


def test_resolved_stories_are_forgotten_in_the_end(play: Any) -> None:
    """The journal keeps them all; the memory keeps the last."""
    play.given()
    for _ in range(RESOLVED_KEPT + 3):
        anomaly(play, "25h")
        play.asks("human", "incident-close", incident=f"INC-{play.state.incident_count}")
    play.decided(IncidentOpened)
    play.after("1m").stands(play.gateway().phase)

    assert len(play.state.incidents) <= RESOLVED_KEPT + 1
    assert play.state.incidents[-1].incident == f"INC-{RESOLVED_KEPT + 3}"


@pytest.mark.parametrize("kind", ["ESCALATE", "QUIET", "ACKNOWLEDGEMENT_END"])
@pytest.mark.parametrize("closed", [True, False])
def test_an_alarm_of_a_story_that_is_over_does_nothing(kind: str, *, closed: bool, play: Any) -> None:
    """Alarms and endings cross on their way."""
    play.given()
    anomaly(play)
    if closed:
        play.asks("human", "incident-close", incident="INC-1")
    play.after("1m").alarm(play.kind(kind), "INC-1" if closed else "INC-99", sets=True)
    play.decided_nothing()
