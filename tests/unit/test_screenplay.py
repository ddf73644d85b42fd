"""The screenplay itself can fail."""

from typing import Any

import pytest

from watchdog.core.decisions import EndingJudged, HoldPlaced
from watchdog.core.state import Phase


def test_a_scene_without_an_assertion_is_unfinished(new_play: type[Any]) -> None:
    """What happened and was never asserted is no test."""
    play = new_play()
    play.given()
    play.stands(Phase.UP)
    play.after("1s").ends(code=1)

    with pytest.raises(AssertionError, match="unfinished screenplay"):
        play.finish()


def test_given_alone_is_unfinished(new_play: type[Any]) -> None:
    """A setting is no story."""
    with pytest.raises(AssertionError, match="unfinished screenplay"):
        new_play().given().finish()


def test_a_failure_says_what_was_decided_instead(new_play: type[Any]) -> None:
    """The reader of a failure need not run it again to see what happened."""
    play = new_play().given()
    play.after("1m").ends(code=1)

    with pytest.raises(AssertionError, match=r"EndingJudged \[ending.unasked\] failed"):
        play.decided(HoldPlaced)


def test_an_assertion_is_about_its_own_scene(new_play: type[Any]) -> None:
    """What was decided before the last assertion does not satisfy the next."""
    play = new_play().given()
    play.after("1m").ends(code=1)
    play.decided(EndingJudged)
    play.after("1s")

    with pytest.raises(AssertionError, match="no EndingJudged"):
        play.decided(EndingJudged)


@pytest.mark.parametrize("claim", ["decided_nothing", "stands", "decided_often"])
def test_every_assertion_can_fail(claim: str, new_play: type[Any]) -> None:
    """An assertion that holds of everything is none."""
    play = new_play().given()
    play.after("1m").ends(code=1)
    arguments = {"stands": (Phase.HELD,), "decided_often": (EndingJudged, 2)}.get(claim, ())

    with pytest.raises(AssertionError):
        getattr(play, claim)(*arguments)
