"""Which evidence the daemon before this one was asked for and did not live to keep."""

from watchdog.core.decisions import CollectEvidence, Decision
from watchdog.core.events import Event, EvidenceCollected, HostShutdownBegan, Stamp, Stamped
from watchdog.core.identity import ActionId, BootId, GatewayName, IncidentId, LifeId, Seq
from watchdog.core.rules import RuleId
from watchdog.core.timeline import Usec
from watchdog.daemon.evidence import owed_evidence
from watchdog.journal.reader import Record

MAIN, INCIDENT = GatewayName("main"), IncidentId("INC-1")


def order(action: str) -> CollectEvidence:
    """Ask for evidence."""
    return CollectEvidence(
        gateway=MAIN,
        rule=RuleId.EVIDENCE_FIRST,
        because="kept first",
        action=ActionId(action),
        incident=INCIDENT,
        life=LifeId(1),
    )


def record(seq: int, *decisions: Decision, event: Event | None = None) -> Record:
    """Make a record as it would be read back."""
    stamp = Stamp(seq=Seq(seq), wall_usec=Usec(seq), boot=BootId("b"), uptime_usec=Usec(seq))
    return Record(stamped=Stamped(stamp=stamp, event=event or HostShutdownBegan()), decisions=decisions, digest=b"")


def kept(action: str) -> EvidenceCollected:
    """Report evidence as kept."""
    folder = f"incidents/{INCIDENT}/{action}"
    return EvidenceCollected(gateway=MAIN, incident=INCIDENT, folder=folder, digest="00", size_bytes=1)


def test_an_unanswered_order_is_owed() -> None:
    """The page that names the evidence is sent again after a crash, so the evidence must be there."""
    assert owed_evidence((record(1, order("1.0")),)) == (order("1.0"),)


def test_an_answered_order_is_not_owed() -> None:
    """Evidence is written once."""
    records = (record(1, order("1.0")), record(2, order("2.0")), record(3, event=kept("1.0")))

    assert owed_evidence(records) == (order("2.0"),)


def test_an_answer_to_something_older_is_no_trouble() -> None:
    """The order may lie further back than the new daemon looks."""
    assert owed_evidence((record(9, event=kept("1.0")),)) == ()
