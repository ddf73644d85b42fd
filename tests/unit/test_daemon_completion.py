"""What is found out about a request on its way in, in which order, at what cost, and never on the loop."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recorded_night import ONE, record_night

from watchdog.control.supervision import Offered, RequestNotTaken
from watchdog.core.enclosure import Enclosed, HypothesisOffered, PostmortemOffered, StepReviewed
from watchdog.core.events import ActionRequested
from watchdog.core.identity import GatewayName, IncidentId, LifeId
from watchdog.core.peer import Peer
from watchdog.core.verbs import Verb
from watchdog.daemon.citations import Citations
from watchdog.daemon.completion import Completion
from watchdog.journal.evidencehead import evidence_head
from watchdog.journal.store import Journal

KEPT, NOTHING_KEPT = "#20", "#19"
"""The record that says that evidence was kept, and one that says something else of the same incident."""
MAIN = GatewayName("main")
STRANGER = Peer(process=None, uid=1002, gid=1002)
AGENT = replace(STRANGER, in_life=((MAIN, LifeId(1)),))
UNSIGNED = Offered()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Give the state folder of the night of 26 March."""
    return record_night(tmp_path / "state")


def asked(
    verb: Verb, enclosed: Enclosed | None = None, *, peer: Peer = STRANGER, incident: IncidentId = ONE
) -> ActionRequested:
    """Make a request as it comes from the socket."""
    return ActionRequested(gateway=MAIN, verb=verb, reason="", peer=peer, incident=incident, enclosed=enclosed)


def guess(*cites: str) -> HypothesisOffered:
    """Make a guess."""
    return HypothesisOffered(claim="the update", cites=cites, refuted_by="the same without it")


def looked_up(state: Path, event: ActionRequested, offered: Offered = UNSIGNED, **bounds: int) -> ActionRequested:
    """Complete what papers rest on."""
    citations = Citations(state / "journal", **bounds)
    try:
        return asyncio.run(citations.complete(event, offered))
    finally:
        citations.close()


def head_of(state: Path) -> str:
    """Digest the evidence as anybody may."""
    with Journal.read(state / "journal") as journal:
        return evidence_head(journal.journal_id, ONE, journal.records_of_incident(ONE)).text


def filed(state: Path) -> tuple[object, ...]:
    """Read the records of the incident."""
    with Journal.read(state / "journal") as journal:
        return journal.records_of_incident(ONE)


class Part:
    """A part of the completion that notes what it was given, and puts a mark on it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.given: list[ActionRequested] = []
        self.is_closed = False

    async def complete(self, event: ActionRequested, offered: Offered) -> ActionRequested:
        """Add a name to the reason."""
        self.given.append(event)
        return replace(event, reason=f"{event.reason} {self.name}".lstrip())

    def close(self) -> None:
        """Be closed."""
        self.is_closed = True


def parts() -> tuple[Any, Any, Any]:
    """Make the three parts, in their order."""
    return Part("citations"), Part("proof"), Part("bundle")


def test_each_part_adds_to_what_the_one_before_found() -> None:
    """Papers, then proof, then the bundle; closed together."""
    made = parts()
    completion = Completion("here", *made)
    completed = asyncio.run(completion.complete(asked(Verb.PROPOSE_POLICY), UNSIGNED))
    completion.close()

    assert completed.reason == "citations proof bundle"
    assert all(part.is_closed for part in made)


@pytest.mark.parametrize(("named", "left"), [("here", ""), ("elsewhere", "elsewhere")])
def test_a_step_reviewed_for_this_host_says_no_other(named: str, left: str) -> None:
    """The core refuses a step that was read on another host, and cannot know which one it is on."""
    first, *others = parts()
    reviewed = StepReviewed(argv=("/bin/true",), host=named)
    asyncio.run(Completion("here", first, *others).complete(asked(Verb.APPROVE_STEP, reviewed), UNSIGNED))

    assert first.given[0].enclosed == replace(reviewed, host=left)


# -- what papers rest on -------------------------------------------------------------------------------------------


def test_a_cause_is_told_the_evidence_there_is(state: Path) -> None:
    """Who says nothing of it gets the digest, who says the same keeps it, and who says otherwise has none."""
    head = head_of(state)
    found = [
        looked_up(state, asked(Verb.SIGN_CAUSE, PostmortemOffered(cause="c", evidence_head=said))).enclosed
        for said in ("", head, f"{head}0")
    ]

    assert [each.evidence_head for each in found if isinstance(each, PostmortemOffered)] == [head, head, ""]


def test_a_cause_is_told_the_evidence_that_was_read(state: Path) -> None:
    """Who names the last record that they have read signs what was known then; another's record names nothing."""
    with Journal.read(state / "journal") as journal:
        records = journal.records_of_incident(ONE)
        early = evidence_head(journal.journal_id, ONE, records[:3]).text
    found = [
        looked_up(state, asked(Verb.SIGN_CAUSE, PostmortemOffered(cause="c", evidence_head=said))).enclosed
        for said in (early.partition(" ")[0], early, "#1")
    ]

    assert early != head_of(state)
    assert [each.evidence_head for each in found if isinstance(each, PostmortemOffered)] == [early, early, ""]


def test_no_incident_and_no_journal_have_no_evidence(state: Path) -> None:
    """Then there is no digest, and the core says that it is not what was shown."""
    text = PostmortemOffered(cause="c", evidence_head="made up")
    there = looked_up(state, asked(Verb.SIGN_CAUSE, text, incident=IncidentId("INC-77")))
    nowhere = looked_up(state / "elsewhere", asked(Verb.SIGN_CAUSE, text))

    assert [each.enclosed for each in (there, nowhere)] == [replace(text, evidence_head="")] * 2


@pytest.mark.parametrize(("peer", "offered"), [(AGENT, UNSIGNED), (STRANGER, Offered(signature="armoured"))])
def test_what_is_refused_or_stands_in_the_challenge_costs_no_look(state: Path, peer: Peer, offered: Offered) -> None:
    """An agent may not sign, and of a signature the challenge says what was signed."""
    event = asked(Verb.SIGN_CAUSE, PostmortemOffered(cause="c", evidence_head="as it came"), peer=peer)

    assert looked_up(state, event, offered) == event


def test_a_signature_reads_no_more_records_than_its_bound(state: Path) -> None:
    """An incident with more is told to the person; nothing was asked."""
    event = asked(Verb.SIGN_CAUSE, PostmortemOffered(cause="c"))
    with Journal.read(state / "journal") as journal:
        count = journal.filed_count(ONE)

    assert count == len(filed(state))
    assert looked_up(state, event, records_max=count) != event
    with pytest.raises(RequestNotTaken, match=f"{count} records, and {count - 1} can be read"):
        looked_up(state, event, records_max=count - 1)


def test_a_guess_may_cite_what_was_kept(state: Path) -> None:
    """A record, and a file that it says was kept, are taken as they are; the agent may guess, too."""
    for event in (asked(Verb.HYPOTHESISE, guess(KEPT, f"{KEPT}/output.log"), peer=peer) for peer in (STRANGER, AGENT)):
        assert looked_up(state, event) == event


@pytest.mark.parametrize(
    ("cite", "incident"),
    [
        (f"{KEPT}/other.log", "INC-1"),
        (f"{KEPT}/output.log", "INC-77"),
        (f"{NOTHING_KEPT}/output.log", "INC-1"),
        ("#9999/output.log", "INC-1"),
    ],
)
def test_a_guess_about_a_file_that_was_not_kept_is_turned_away(state: Path, cite: str, incident: str) -> None:
    """Whatever else it cites; the sentence names the file."""
    with pytest.raises(RequestNotTaken, match=f"{cite} names no file"):
        looked_up(state, asked(Verb.HYPOTHESISE, guess(KEPT, cite), incident=IncidentId(incident)))


def test_a_link_in_the_place_of_evidence_is_none(state: Path) -> None:
    """Nobody makes gatedog vouch for a file elsewhere."""
    (kept,) = state.glob("incidents/INC-1/*/output.log")
    kept.unlink()
    kept.symlink_to("/etc/hostname")

    with pytest.raises(RequestNotTaken):
        looked_up(state, asked(Verb.HYPOTHESISE, guess(f"{KEPT}/output.log")))


def test_the_loop_goes_on_while_records_are_read(state: Path) -> None:
    """Reading and digesting is a thread's: while that is busy, only who asks for the same waits."""
    events = [
        asked(Verb.HYPOTHESISE, guess(f"{KEPT}/output.log"), peer=AGENT),
        asked(Verb.SIGN_CAUSE, PostmortemOffered(cause="c")),
    ]

    async def story(citations: Citations) -> list[ActionRequested]:
        gate = threading.Event()
        citations._thread.submit(gate.wait, 30)
        tasks = [asyncio.create_task(citations.complete(event, UNSIGNED)) for event in events]
        assert await citations.complete(asked(Verb.HYPOTHESISE, guess(KEPT)), UNSIGNED)
        for _ in range(10):
            await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)
        gate.set()
        return await asyncio.gather(*tasks)

    assert len(completing(state, story)) == len(events)


def completing(state: Path, story: Callable[[Citations], Awaitable[list[ActionRequested]]]) -> list[ActionRequested]:
    """Run a story with the citations in a loop of its own."""
    citations = Citations(state / "journal")

    async def run() -> list[ActionRequested]:
        return await story(citations)

    try:
        return asyncio.run(run())
    finally:
        citations.close()
