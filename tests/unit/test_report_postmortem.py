"""A draft holds what machines recorded, what was guessed, and empty places for what only a person writes."""

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from causal_words import causal_words
from stage import EPOCH_USEC, Stage, gateway_policy
from writing import edits, guesses, judges

import watchdog
from watchdog.core.events import Stamp, Stamped
from watchdog.core.identity import BootId, IncidentId, Seq
from watchdog.core.timeline import MINUTE, Usec
from watchdog.journal.entry import PageIndex, row_of
from watchdog.journal.evidencehead import Compared, compare, evidence_head, is_evidence, newest
from watchdog.journal.reader import Record
from watchdog.report.dossier import Dossier, object_of
from watchdog.report.incidenthtml import render_html
from watchdog.report.incidentmarkdown import render_markdown
from watchdog.report.postmortem import render_draft
from watchdog.report.postmortempapers import UNSIGNED, papers_of
from watchdog.report.story import explain

INC = IncidentId("INC-1")
CAUSE = "Two owners restarted it in turn,\nbecause nobody had removed the old unit."
PACKAGE = Path(watchdog.__file__).parent
TEXTS = (
    *sorted((PACKAGE / "core").glob("*.py")),
    *(PACKAGE / "report" / f"{name}.py" for name in ("eventwords", "decisionwords", "paperwords", "dossier")),
)
"""Where the words come from that a draft holds."""
MACHINE_SECTIONS = ("Summary", "Impact", "Detection", "Timeline", "Supporting data")


def recorded(steps: Iterable[Any]) -> tuple[tuple[Record, str], ...]:
    """Return a history as the journal would hold it, each record with the incidents it is filed under."""
    pages, found = PageIndex([]), []
    for seq, (at_usec, event, stepped) in enumerate(steps, 1):
        stamp = Stamp(
            seq=Seq(seq),
            wall_usec=Usec(EPOCH_USEC + at_usec),
            boot=BootId("boot-1"),
            uptime_usec=Usec(3_600_000_000 + at_usec),
            synchronised=True,
        )
        stamped = Stamped(stamp=stamp, event=event)
        filed = row_of(stamped, stepped.decisions, pages).incidents or ""
        found.append((Record(stamped=stamped, decisions=stepped.decisions, digest=seq.to_bytes(32)), filed))
    return tuple(found)


def dossier_of(steps: Iterable[Any], incident: IncidentId = INC) -> Dossier:
    """Return what is known of one incident of a history."""
    known = recorded(steps)
    filed = frozenset(record.stamped.stamp.seq for record, names in known if incident in names.split())
    return Dossier(
        incident=incident, journal_id="j-1", records=tuple(record for record, _ in known), filed=filed, evidence=()
    )


def filed_of(dossier: Dossier) -> tuple[Record, ...]:
    """Return the records that are filed under the incident."""
    return tuple(each for each in dossier.records if each.stamped.stamp.seq in dossier.filed)


def sections(draft: str) -> dict[str, str]:
    """Return the text below each heading of the second rank."""
    parts = re.split(r"^## (.+)$", draft, flags=re.MULTILINE)
    return dict(zip(["", *parts[1::2]], parts[::2], strict=True))


@pytest.fixture
def stage() -> Stage:
    """Give a history with one incident, INC-1."""
    made = Stage()
    made.answers_starts = True
    made.gatedog_starts()
    made.policy_loads(gateway_policy())
    made.looks()
    made.gets_ready()
    for _ in range(3):
        made.wait(MINUTE)
        made.ends(signal="SIGKILL")
    return made


@pytest.fixture
def written(stage: Stage) -> Stage:
    """Give the same, about which an agent guessed, and a person judged and wrote."""
    first = f"#{stage.incident().first_seq}"
    guesses(stage, "agent", "INC-1", "the update <b>caused</b> it ```", first, "#3", refuted_by="it dies without")
    judges(stage, "human", "INC-1", "HYP-1", "supported", "off, and it stayed up")
    edits(stage, "human", "INC-1", CAUSE, trigger="An update.", lessons="- one owner\n```\n# no heading")
    return stage


def sign(stage: Stage) -> str:
    """Put a name under what was written, over the evidence there is; return the head."""
    dossier = dossier_of(stage.steps)
    head = evidence_head("j-1", INC, filed_of(dossier)).text
    text = stage.state.papers.postmortems[0].text
    offered = replace(text, evidence_head=head)
    stage.asks("human", "postmortem-sign", "", name="", incident="INC-1", enclosed=offered)
    assert stage.state.papers.causes
    return head


def test_a_draft_has_the_usual_sections_and_no_cause(stage: Stage) -> None:
    """Machines fill what was recorded and counted; what only a person writes is empty and UNSIGNED."""
    found = sections(render_draft(dossier_of(stage.steps)))

    usual = [*MACHINE_SECTIONS, "Hypotheses", "Questions that somebody inside the system does not ask"]
    assert list(found)[1:] == [*usual, "Cause", "Trigger", "Lessons", "Actions"]
    assert all("(empty: a person writes this)" in found[name] for name in ("Cause", "Trigger", "Lessons", "Actions"))
    assert UNSIGNED in found["Cause"]
    assert "SIGKILL" in found["Timeline"]
    assert "| endings in these records | `3` |" in found["Impact"]
    asked = found[usual[-1]]
    for question in ("the watchdog's own policy", "should the agent have this access", "outside the frame"):
        assert question.casefold() in asked.casefold()
    assert asked.count("Answer: (a person writes this)") >= 5


def test_layers_do_not_mix(written: Stage) -> None:
    """A guess stands in its own section, marked as an agent's; a person's text stands in theirs, letter for letter."""
    found = sections(render_draft(dossier_of(written.steps)))

    assert 'agent says: "the update <b>caused</b> it' in found["Hypotheses"]
    assert "HYP-1  SUPPORTED" in found["Hypotheses"]
    assert "offered by      supervised" in found["Hypotheses"]
    assert CAUSE in found["Cause"]
    assert "UNSIGNED draft by human uid 1000 (bash)" in found["Cause"]
    assert "# no heading" in found["Lessons"]
    for name in MACHINE_SECTIONS:
        assert "the update" not in found[name]
        assert "Two owners" not in found[name]


def test_every_export_holds_the_layers_apart(written: Stage) -> None:
    """By word in Markdown, by word and by the kind of their line in HTML; who signed stands beside the cause."""
    before = render_html(dossier_of(written.steps))
    head = sign(written)
    dossier = dossier_of(written.steps)
    page, markdown = render_html(dossier), render_markdown(dossier)

    assert '<div class="layer cause unsigned">' in before
    assert '<div class="layer cause unsigned">' not in page
    assert page.index('class="layer hypothesis"') < page.index('class="layer cause"')
    assert "agent says: &quot;the update &lt;b&gt;caused" in page
    for text in (page, markdown, render_draft(dossier), str(object_of(dossier)["cause"])):
        assert "attested at a terminal or by a release code, no signature, by human uid 1000 (bash)" in text
    assert head in page
    assert head in markdown
    assert "hypotheses: 1 supported; cause: attested" in explain(INC, filed_of(dossier))


def test_later_evidence_and_a_later_text_flag_the_cause(written: Stage) -> None:
    """Both are said wherever the cause is."""
    sign(written)
    assert "new evidence" not in render_draft(dossier_of(written.steps))
    written.asks("human", "incident-close", "looked at it", incident="INC-1")
    edits(written, "human", "INC-1", "Three owners.")
    dossier = dossier_of(written.steps)

    for text in (render_html(dossier), render_markdown(dossier), render_draft(dossier)):
        assert "new evidence since signing: 1 records" in text
        assert "the newer text is UNSIGNED" in text
        assert "because nobody had removed the old unit." in text
        assert "Three owners." in text


def test_the_head_covers_evidence_and_no_papers(written: Stage) -> None:
    """What is written about an incident is no evidence of it; each record of evidence makes another head."""
    before = evidence_head("j-1", INC, filed_of(dossier_of(written.steps)))
    guesses(written, "human", "INC-1", "another guess", f"#{written.incident().first_seq}")
    assert evidence_head("j-1", INC, filed_of(dossier_of(written.steps))) == before
    written.asks("human", "incident-close", "looked at it", incident="INC-1")
    records = filed_of(dossier_of(written.steps))
    after = evidence_head("j-1", INC, records)

    assert (after.records, after.digest != before.digest) == (before.records + 1, True)
    assert compare(before.text, "j-1", INC, records) == Compared(fits=True, newer=1)
    for other in ("j-2", "j-1"):
        touched = records if other == "j-2" else (replace(records[0], digest=b"x" * 32), *records[1:])
        assert not compare(before.text, other, INC, touched).fits


def test_a_draft_names_the_evidence_that_it_holds(written: Stage) -> None:
    """Whoever signs says how far they have read; what was written since is no evidence, what was recorded is."""
    ends = [int(render_draft(dossier_of(written.steps)).partition("--evidence ")[2].partition("`")[0])]
    guesses(written, "human", "INC-1", "another guess", f"#{written.incident().first_seq}")
    ends.append(int(render_draft(dossier_of(written.steps)).partition("--evidence ")[2].partition("`")[0]))
    written.asks("human", "incident-close", "looked at it", incident="INC-1")
    draft = render_draft(dossier_of(written.steps))

    assert ends[0] == ends[1] < len(written.steps)
    assert f"`gatedog postmortem sign INC-1 --evidence {len(written.steps)}`" in draft


def test_no_paper_is_lost_when_there_are_too_many_records(written: Stage) -> None:
    """A reply holds the newest evidence, and what was written however long ago."""
    for _ in range(3):
        written.asks("human", "ack", "", incident="INC-1")
        written.asks("human", "unack", "", incident="INC-1")
    records = filed_of(dossier_of(written.steps))
    few = newest(records, 5)

    assert len(few) == 5
    assert papers_of(INC, few) == papers_of(INC, records)
    assert few[-1] is records[-1]


def test_evidence_keeps_its_place_beside_any_number_of_papers(written: Stage) -> None:
    """What was written of an incident shows nothing without the records that it is about."""
    for number in range(30):
        edits(written, "human", "INC-1", f"cause {number}")
    few = newest(filed_of(dossier_of(written.steps)), 8)

    assert len(few) == 8
    assert any(map(is_evidence, few))
    assert papers_of(INC, few).written == papers_of(INC, filed_of(dossier_of(written.steps))).written


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("it died because of the lock", ("because",)),
        ("The update caused it; this led to a hold", ("caused", "led to")),
        ("DUE TO an update", ("due to",)),
        ('rule x said: "it died because of the lock"', ()),
        ("`because` it is quoted", ()),
        ("after the update it died; a later start was withheld", ()),
        ("Layer: cause. A person's text", ()),
    ],
)
def test_words_of_causing_are_found(said: str, found: tuple[str, ...]) -> None:
    """In the machine's own words, not in what it quotes."""
    assert causal_words(said) == found


def test_no_machine_section_says_why(
    scenarios: tuple[Path, ...], play_scenario: Callable[[Path], Any], written: Stage
) -> None:
    """Drafts of every incident of every golden scenario, and with papers beside: no word of causing in them."""
    histories = [played.steps for played in map(play_scenario, scenarios)]
    drafts = [
        render_draft(dossier_of(steps, incident.incident))
        for steps in (*histories, written.steps)
        for incident in steps[-1][2].state.incidents
    ]
    assert len(drafts) > 50
    for draft in drafts:
        found = sections(draft)
        for name in ("", *MACHINE_SECTIONS, "Questions that somebody inside the system does not ask"):
            assert causal_words(found[name]) == (), found[name]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_no_sentence_of_a_rule_says_why(path: Path) -> None:
    """What a rule says is quoted in a draft, and could still be read as a cause."""
    tree = ast.parse(path.read_text())
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    said = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented
    ]
    assert [text for text in said if " " in text and causal_words(text)] == []
