"""What happens to gatedog itself and to its host."""

from typing import Any

import pytest

from watchdog.core.decisions import (
    DropEvidence,
    IncidentExtended,
    IncidentOpened,
    IncidentResolved,
    NothingDone,
    PolicyAdopted,
    PolicyKept,
    QueuePage,
    Severity,
    StartGateway,
    StopGateway,
)
from watchdog.core.policy import EscalationPolicy
from watchdog.core.rules import RuleId
from watchdog.core.state import Phase


def test_a_policy_is_adopted_and_restarts_nothing(play: Any) -> None:
    """A gateway that it names anew waits for its first look."""
    play.given()
    play.policy_loads(*play.policies(), *play.policies(name="second"))
    play.decided(PolicyAdopted, rule=RuleId.POLICY_ADOPTED)
    play.decided_often(StartGateway, 0)
    play.decided_often(StopGateway, 0)
    play.stands(Phase.UP)

    assert [each.name for each in play.state.gateways] == ["main", "second"]


@pytest.mark.parametrize("problems", [("line 3: no such window",), ()])
def test_a_bad_policy_changes_nothing_and_is_told(problems: tuple[str, ...], play: Any) -> None:
    """The last good one stays."""
    play.given()
    policy = play.state.policy
    play.reject_policy(*problems)
    kept = play.decided(PolicyKept, rule=RuleId.POLICY_KEPT)
    play.decided(QueuePage, rule=RuleId.POLICY_KEPT, severity=Severity.INFO)

    assert kept.because
    assert play.state.policy == policy


def test_a_notice_before_any_policy_goes_where_the_defaults_say(play: Any) -> None:
    """Something must be said even if nobody has said to whom."""
    play.given_nothing()
    play.reject_policy("unreadable")
    play.decided(QueuePage, channels=EscalationPolicy().notices)


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.BACKOFF, Phase.SLOW])
def test_a_gateway_that_was_left_out_for_a_while_is_taken_up_again(phase: Phase, play: Any) -> None:
    """Its alarm went off while no policy named it, and without one it would wait for ever."""
    rules = {"budget": play.slow_budget()} if phase is Phase.SLOW else {}
    play.given(**rules)
    play.after("1m").ends(code=1)
    play.answers_starts = False
    play.after("5s").ends(code=1)
    if phase is Phase.STARTING:
        play.after("1s")
    play.stands(phase)
    play.policy_loads()
    play.after("2h").decided_often(StartGateway, 0)
    play.policy_loads(*play.policies(**rules))
    play.after("5s").decided(StartGateway, gateway="main")


@pytest.mark.parametrize("delta", ["20s", "-1h", "1h"])
def test_a_small_step_of_the_clock_is_noted(delta: str, play: Any) -> None:
    """Nothing here uses the wall clock."""
    play.given()
    play.clock_steps(delta)
    play.decided(NothingDone, rule=RuleId.CLOCK_STEP)


@pytest.mark.parametrize(("delta", "direction"), [("2h", "forward"), ("-2h", "back")])
def test_a_large_step_of_the_clock_is_told(delta: str, direction: str, play: Any) -> None:
    """Something outside every model touched the host."""
    play.given()
    play.clock_steps(delta)
    play.decided(IncidentOpened, rule=RuleId.CLOCK_STEP, severity=Severity.WARNING)
    page = play.decided(QueuePage)

    assert direction in page.title


def test_a_clock_step_moves_no_alarm(play: Any) -> None:
    """A start that is due in a second is due in a second."""
    play.given()
    play.after("1m").ends(code=1)
    play.after("5s").ends(code=1)
    play.clock_steps("-26h")
    play.after("1s")
    play.decided(StartGateway)


def test_losing_the_enforcement_is_told_and_getting_it_back_ends_it(play: Any) -> None:
    """What binds, and what does not, is never a surprise."""
    play.given()
    play.enforcement(binds=True)
    play.enforcement(binds=True)
    play.decided_nothing()
    play.enforcement(binds=False, reason="uid 1001 is in group docker")
    play.decided(IncidentOpened, rule=RuleId.ENFORCEMENT_LOST)
    play.enforcement(binds=False, reason="uid 1001 may sudo")
    play.decided_nothing()
    play.enforcement(binds=True)
    play.decided(IncidentResolved, rule=RuleId.ENFORCEMENT_LOST)


def test_never_having_had_it_is_no_loss(play: Any) -> None:
    """Advisory from the beginning is a state, and shown as one."""
    play.given()
    play.enforcement(binds=False, reason="runs as the login user")
    play.decided_nothing()

    assert play.gateway().advisory_because == "runs as the login user"


def test_a_limit_that_is_reached_is_a_notice(play: Any) -> None:
    """What was dropped, and of whom."""
    play.given()
    play.limit("requests", dropped=14)
    page = play.decided(QueuePage, rule=RuleId.LIMIT_REACHED, severity=Severity.INFO)

    assert "14 dropped" in page.because


def test_the_oldest_evidence_gives_way_when_its_incident_is_over(play: Any) -> None:
    """What people still work on stays; what is over goes, on record, and nobody is told."""
    play.given()
    play.ends(code=4711)
    play.evidence_too_old("incidents/INC-1/9.3")
    play.decided(NothingDone, rule=RuleId.EVIDENCE_BOUNDED)
    play.asks("human", "incident-close", incident="INC-1")
    play.evidence_too_old("incidents/INC-1/9.3")
    play.decided(DropEvidence, rule=RuleId.EVIDENCE_BOUNDED, incident="INC-1", folder="incidents/INC-1/9.3")
    play.decided_often(QueuePage, 0, rule=RuleId.LIMIT_REACHED)


def test_the_evidence_of_a_forgotten_incident_gives_way(play: Any) -> None:
    """Incidents that are no longer remembered are over."""
    play.given()
    play.evidence_too_old("incidents/INC-77/9.3")
    play.decided(DropEvidence, rule=RuleId.EVIDENCE_BOUNDED, incident="INC-77")


def test_of_many_folders_each_is_decided_on_its_own(play: Any) -> None:
    """That of an open incident stays between two that go."""
    play.given()
    play.ends(code=4711)
    play.evidence_too_old("incidents/INC-77/9.3", "incidents/INC-1/9.3", "incidents/INC-78/9.3")
    play.decided(DropEvidence, rule=RuleId.EVIDENCE_BOUNDED, incident="INC-77")
    play.decided(NothingDone, rule=RuleId.EVIDENCE_BOUNDED)
    play.decided(DropEvidence, rule=RuleId.EVIDENCE_BOUNDED, incident="INC-78")


def test_trouble_with_evidence_is_a_notice(play: Any) -> None:
    """It says what the disk said, and wakes nobody."""
    play.given()
    play.evidence_fails("INC-1 could not be kept: No space left on device")
    page = play.decided(QueuePage, rule=RuleId.EVIDENCE_FAILED, severity=Severity.INFO)

    assert "No space left" in page.because


def test_only_a_folder_of_evidence_is_dropped(play: Any) -> None:
    """A name of another form removes nothing."""
    play.given()
    for folder in ("incidents/INC-1", "incidents/INC-1/../INC-2", ""):
        play.evidence_too_old(folder)
        play.decided(NothingDone, rule=RuleId.EVIDENCE_BOUNDED)
        play.decided_often(DropEvidence, 0)


def test_a_socket_that_was_taken_away_is_one_story(play: Any) -> None:
    """People hear that it could not be made again, and that it is there again."""
    play.given()
    play.socket_lost(made_again=False)
    opened = play.decided(IncidentOpened, rule=RuleId.SOCKET_LOST, severity=Severity.WARNING)
    play.socket_lost(made_again=True)
    again = play.decided(IncidentExtended, rule=RuleId.SOCKET_LOST)

    assert "no space left" in opened.because
    assert again.incident == opened.incident


def test_a_journal_that_cannot_be_written_is_critical(play: Any) -> None:
    """And what is missing from it afterwards is told, too."""
    play.given()
    play.journal_fails()
    play.decided(IncidentOpened, rule=RuleId.JOURNAL_UNWRITABLE, severity=Severity.CRITICAL)


def test_a_gap_is_told(play: Any) -> None:
    """What happened in it cannot be explained later."""
    play.given()
    play.journal_gap()
    play.decided(IncidentOpened, rule=RuleId.JOURNAL_GAP, severity=Severity.WARNING)


def test_the_network_is_remembered(play: Any) -> None:
    """Route and resolver both: one without the other reaches nothing."""
    play.given()
    play.network(there=False)
    play.decided_nothing()
    assert not play.state.has_network
    play.network(there=True)
    play.decided_nothing()

    assert play.state.has_network
