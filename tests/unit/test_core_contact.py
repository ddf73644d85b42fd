"""Acknowledgements that come by a channel."""

from typing import Any

from watchdog.core.decisions import AcknowledgementEnded, IncidentAcknowledged, NothingDone, QueuePage
from watchdog.core.rules import RuleId
from watchdog.core.state import IncidentPhase


def hold(play: Any) -> None:
    """Let a fast spiral be held, and its page be taken by the phone."""
    play.given()
    for _ in range(3):
        play.after("31s").ends(code=1)
    play.after("1s").delivers("phone")


def test_o07_a_person_takes_it_by_telephone(play: Any) -> None:
    """For as long as an acknowledgement without words lasts; then it goes on where it stood."""
    hold(play)
    play.contact_takes("INC-1")
    play.decided(IncidentAcknowledged, rule=RuleId.ACK_BY_CONTACT)
    assert play.incident().acknowledged_by == "contact alice on phone"
    play.after("59m").decided_nothing()
    play.after("1m")
    play.decided(AcknowledgementEnded)
    play.decided(QueuePage, rule=RuleId.PAGE_NEXT_TIER)


def test_o07_a_page_counts_once(play: Any) -> None:
    """A receipt is asked again after every start of gatedog; an acknowledgement must not live for ever by that."""
    hold(play)
    play.contact_takes("INC-1")
    play.after("1h")
    play.decided(AcknowledgementEnded)
    play.contact_takes("INC-1", again=True)
    play.decided(NothingDone, rule=RuleId.ACK_IGNORED)

    assert play.incident().phase is IncidentPhase.OPEN


def test_o07_one_given_before_a_new_fact_is_about_something_older(play: Any) -> None:
    """The network brought it late."""
    hold(play)
    play.after("1m").begins(foreign=True)
    play.contact_takes("INC-1", ago="2m")
    play.decided(NothingDone, rule=RuleId.ACK_IGNORED)
    play.after("1m").contact_takes("INC-1", ago="10s")
    play.decided(IncidentAcknowledged)


def test_a_second_person_shortens_nothing(play: Any) -> None:
    """Whoever has it for four hours keeps it for four hours."""
    hold(play)
    play.asks("human", "ack", incident="INC-1", lasting="4h")
    play.contact_takes("INC-1", by="bob")
    play.decided(NothingDone, rule=RuleId.ACK_IGNORED)
    play.after("3h").decided_nothing()

    assert play.incident().phase is IncidentPhase.ACKNOWLEDGED


def test_what_is_over_or_unknown_cannot_be_taken(play: Any) -> None:
    """Nothing happens, and the record says why."""
    hold(play)
    play.asks("human", "incident-close", incident="INC-1")
    play.contact_takes("INC-1")
    play.decided(NothingDone, rule=RuleId.ACK_IGNORED, gateway="main")
    play.contact_takes("INC-7")
    play.decided(NothingDone, rule=RuleId.ACK_IGNORED, gateway="")
