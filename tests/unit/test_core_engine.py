"""The only door: total over every event, and pure."""

import typing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchdog.core.decisions import IncidentOpened
from watchdog.core.engine import changes_nothing, step
from watchdog.core.events import Event, NetworkObserved, Stamp, Stamped
from watchdog.core.identity import BootId, Seq
from watchdog.core.rules import RuleId
from watchdog.core.state import EMPTY, Phase
from watchdog.core.timeline import Usec
from watchdog.core.timer import TimerKind

STAMP = Stamp(seq=Seq(1), wall_usec=Usec(1), boot=BootId("b"), uptime_usec=Usec(1))
EVENTS = typing.get_args(Event)
QUICK = settings(
    max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("shape", EVENTS, ids=lambda shape: shape.__name__)
@QUICK
@given(chosen=st.data())
def test_any_event_may_be_the_first(shape: type[Any], chosen: st.DataObject) -> None:
    """Before any policy, about anything: the step is taken, twice alike, and the empty memory stays as it was."""
    event = Stamped(stamp=STAMP, event=chosen.draw(st.from_type(shape)))
    before = repr(EMPTY)

    assert step(EMPTY, event) == step(EMPTY, event)
    assert repr(EMPTY) == before


def test_what_changes_nothing_may_be_folded(play: Any) -> None:
    """The same look again need not be stored; one that leads to something must be."""
    play.given()
    before = play.state
    play.network(there=True)
    play.decided_nothing()
    assert changes_nothing(before, play.steps[-1][2])

    before = play.state
    play.network(there=False)
    play.decided_nothing()
    assert not changes_nothing(before, play.steps[-1][2])

    before = play.state
    play.looks()
    play.decided_often(IncidentOpened, 0)
    assert not changes_nothing(before, play.steps[-1][2])


def test_folding_does_not_depend_on_the_clock() -> None:
    """Time passes with every look; that alone is no news."""
    first = step(EMPTY, Stamped(stamp=STAMP, event=NetworkObserved(has_route=True, has_dns=True)))

    assert first.state.clock != EMPTY.clock
    assert changes_nothing(EMPTY, first)


def test_what_is_only_recorded_leads_to_nothing(play: Any) -> None:
    """A success, a piece of evidence, a farewell: for the reader of the journal."""
    play.given()
    play.record_only()
    play.decided_nothing()


def test_an_alarm_of_a_gateway_that_is_gone_is_forgotten(play: Any) -> None:
    """No policy names it: nothing is started, and the alarm does not ring for ever."""
    play.given()
    play.after("1m").ends(code=1)
    play.after("5s").ends(code=1)
    play.policy_loads()
    play.after("1h").decided_nothing()

    assert not any(timer.timer.subject == "main" for timer in play.state.timers)


@pytest.mark.parametrize("kind", [TimerKind.STOP_DEADLINE, TimerKind.UNOWNED, TimerKind.START_DEADLINE])
def test_an_alarm_that_has_lost_its_subject_does_nothing(kind: TimerKind, play: Any) -> None:
    """It is up and nobody stops it: an alarm about anything else is late."""
    play.given()
    play.alarm(kind, sets=True)
    play.decided_nothing()
    play.stands(Phase.UP)


def test_a_stable_alarm_without_a_life_does_nothing(play: Any) -> None:
    """Nothing is there that could be stable."""
    play.given()
    play.asks("human", "stop")
    play.ends(code=0)
    play.after("1s").alarm(TimerKind.STABLE, sets=True)
    play.decided_nothing()


def test_a_state_that_nothing_leads_to_is_a_humans_all_the_same(play: Any) -> None:
    """Down, wanted, not held, and nothing under way: within a minute of the look that finds it, somebody is told."""
    play.given()
    play.strand()
    play.looks()
    play.looks()
    play.decided_often(IncidentOpened, 0)
    play.after("1m")
    play.decided(IncidentOpened, rule=RuleId.DOWN_UNOWNED)


def test_rules_have_names_of_their_own() -> None:
    """A person greps for `room.what`, and finds one rule."""
    names = [rule.value for rule in RuleId]

    assert len(set(names)) == len(names)
    assert all(name.count(".") == 1 and name == name.lower() for name in names)
