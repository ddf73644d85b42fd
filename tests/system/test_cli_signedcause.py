"""A signed cause years later: what makes it hold, and each thing that makes it not hold."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from signing_stage import PERSON, SigningStage

from watchdog.approval.challenge import challenge_text
from watchdog.cli.signedcause import CauseChecked, check_cause
from watchdog.core.approval import Challenge, SignatureKept, Signed
from watchdog.core.decisions import IncidentOpened, Severity
from watchdog.core.enclosure import PostmortemOffered
from watchdog.core.events import ActionRequested, HostShutdownBegan, Stamp, Stamped
from watchdog.core.identity import BootId, GatewayName, IncidentId, RequestId, Seq
from watchdog.core.paperdecisions import CauseSigned
from watchdog.core.peer import Peer
from watchdog.core.rules import RuleId
from watchdog.core.timeline import Usec
from watchdog.core.verbs import Verb
from watchdog.journal.codec import enclosed_to_json
from watchdog.journal.evidencehead import evidence_head
from watchdog.journal.reader import Record

pytestmark = pytest.mark.system

INC = IncidentId("INC-1")
MAIN = GatewayName("main")
WALL = Usec(1_774_500_000_000_000)
"""26 March 2026."""


def record(seq: int, event: Any, *decisions: Any) -> Record:
    """Return a record as the journal would hand it out."""
    stamp = Stamp(seq=Seq(seq), wall_usec=WALL, boot=BootId("b"), uptime_usec=Usec(seq), synchronised=True)
    return Record(stamped=Stamped(stamp=stamp, event=event), decisions=decisions, digest=seq.to_bytes(32))


def evidence(seq: int) -> Record:
    """Return a record of evidence."""
    said = {"gateway": MAIN, "rule": RuleId.SPIRAL_CHAIN, "because": "again", "incident": INC}
    return record(seq, HostShutdownBegan(reason="x"), IncidentOpened(**said, severity=Severity.CRITICAL))


class Case:
    """An incident whose cause Alice signed, and what can be done to it since."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o755)
        self.stage = SigningStage(folder)
        self.key = self.stage.key("alice")
        self.stage.allow(f"{PERSON} {self.key}")
        self.records: tuple[Record, ...] = (evidence(3), evidence(5))
        self.offered = PostmortemOffered(
            cause="Two owners.", evidence_head=evidence_head("j-1", INC, self.records).text
        )

    def signed(
        self, *, journal: str = "j-1", namespace: str = "gatedog-cause", options: str = "", by: str = "alice"
    ) -> Record:
        """Return the record of the signature."""
        challenge = Challenge(
            request=RequestId("REQ-7"), verb=Verb.SIGN_CAUSE, gateway=GatewayName(""), incident=INC, subject="",
            for_usec=None, starts=None, uid=None, reason="", nonce="0" * 32, asker_uid=0, signer=PERSON,
            boot=BootId("b"), given_usec=Usec(0), expires_wall_usec=WALL, enclosed=self.offered,
        )  # fmt: skip
        text = challenge_text(challenge, journal=journal, host="h", enclosed=enclosed_to_json(self.offered))
        lines = f"{PERSON} {options} {self.key}".replace("  ", " ")
        armoured = self.stage.sign(by, text, namespace=namespace).decode()
        kept = SignatureKept(text=text.decode(), armoured=armoured, signers=f"{lines}\n")
        proof = Signed(request=RequestId("REQ-7"), principal=PERSON, key="SHA256:x", kept=kept)
        event = ActionRequested(
            gateway=GatewayName(""), verb=Verb.SIGN_CAUSE, reason="", peer=Peer(process=None, uid=0, gid=0),
            incident=INC, signed=proof,
        )  # fmt: skip
        verdict = CauseSigned(
            gateway=MAIN, rule=RuleId.CAUSE_SIGNED, because="signed", incident=INC, who="human alice@ops by signature",
            offered=self.offered, attested=False,
        )  # fmt: skip
        return record(7, event, verdict)

    def check(self, *more: Record) -> CauseChecked:
        """Check the cause with these records behind the evidence."""
        return check_cause(INC, "j-1", (*self.records, *more), self.stage.folder)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """Give one."""
    return Case(tmp_path / "bundle")


def kept_changed(found: Record, **changes: str) -> Record:
    """Return the record with something else kept."""
    event: Any = found.stamped.event
    signed = replace(event.signed, kept=replace(event.signed.kept, **changes))
    return replace(found, stamped=replace(found.stamped, event=replace(event, signed=signed)))


def test_an_untouched_cause_holds(case: Case) -> None:
    """Who signed it is said, and that there is newer evidence."""
    found = case.check(case.signed(), evidence(9))

    assert found.problems == ()
    assert any(f"good signature of {PERSON}" in note for note in found.notes)
    assert "new evidence since signing: 1 records" in found.notes


def test_a_key_whose_time_is_over_now_was_good_then(case: Case) -> None:
    """Its time is compared with when it signed, not with today."""
    then = 'valid-after="20260301Z",valid-before="20260401Z"'
    past = 'valid-before="20260301Z"'

    assert case.check(case.signed(options=then)).problems == ()
    assert "out of its time" in case.check(case.signed(options=past)).problems[0]


HOLES: dict[str, Callable[[Case], tuple[Record, ...]]] = {
    "text changed": lambda case: (
        kept_changed(case.signed(), text=case.signed().stamped.event.signed.kept.text.replace("Two", "One")),
    ),
    "another text shown": lambda case: (
        replace(
            case.signed(),
            decisions=(replace(case.signed().decisions[0], offered=replace(case.offered, cause="The owl.")),),
        ),
    ),
    "signature stripped": lambda case: (kept_changed(case.signed(), armoured=""),),
    "no text": lambda case: (kept_changed(case.signed(), text="{}"),),
    "not JSON": lambda case: (kept_changed(case.signed(), text="\x00"),),
    "other namespace": lambda case: (case.signed(namespace="gatedog-approve"),),
    "other journal": lambda case: (case.signed(journal="j-2"),),
    "no signer": lambda case: (kept_changed(case.signed(), signers=""),),
    "nothing signed": lambda case: (),
}


@pytest.mark.parametrize("hole", HOLES)
def test_each_hole_is_found(case: Case, hole: str) -> None:
    """Nothing that was moved, stripped or rewritten passes."""
    found = case.check(*HOLES[hole](case))

    assert found.problems != ()


def test_a_key_of_somebody_else_does_not_hold(case: Case) -> None:
    """The signer's own lines decide."""
    case.stage.key("mallory")

    assert "is not listed" in case.check(case.signed(by="mallory")).problems[0]


def test_other_evidence_does_not_hold(case: Case) -> None:
    """A record that is gone or another changes every head after it."""
    signed = case.signed()
    case.records = case.records[1:]

    assert "evidence is not what was signed" in case.check(signed).problems[0]


def test_lists_that_cannot_be_believed_are_said(case: Case) -> None:
    """A revoked key no longer holds, and neither does one of which nobody can say whether it was revoked."""
    signed = case.signed()
    revoked = case.stage.write("revoked_keys", case.stage.public("alice") + "\n")
    assert "was revoked since" in case.check(signed).problems[0]
    revoked.chmod(0o666)

    assert "could not be looked up" in case.check(signed).problems[0]
