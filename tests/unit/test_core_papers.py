"""Evidence, guesses and a cause never mix: anybody guesses on evidence, only a person judges, writes and signs."""

from typing import Any

import pytest
from writing import answers, edits, guesses, judges, signs

from watchdog.core.decisions import AnswerRequest, Outcome, QueuePage
from watchdog.core.enclosure import CITES_MAX, PostmortemOffered
from watchdog.core.paperdecisions import CauseSigned, HypothesisJudged, HypothesisTaken, PostmortemEdited, Standing
from watchdog.core.papers import cause_of, hypotheses_of, record_cited
from watchdog.core.paperstate import (
    HYPOTHESES_MAX,
    HYPOTHESES_OF_ASKER_MAX,
    HYPOTHESES_OF_OTHERS_MAX,
)
from watchdog.core.rules import RuleId

CAUSE = "Two owners restarted it in turn."
HEAD = "#9 3 records, sha256 ab"


@pytest.fixture
def story(play: Any) -> Any:
    """Give a screenplay with one incident, INC-1."""
    play.given()
    for _ in range(3):
        play.after("1m").ends(signal="SIGKILL")
    play.decided(QueuePage)
    play.after("1m")
    return play


def of_incident(play: Any) -> str:
    """Name the first record of the incident."""
    return f"#{play.incident().first_seq}"


def refused(play: Any, rule: RuleId) -> None:
    """Expect that nothing was taken, by this rule."""
    play.decided(AnswerRequest, outcome=Outcome.FAILED, rule=rule)


@pytest.mark.parametrize("who", ["agent", "human", "stranger", "cron"])
def test_anybody_guesses_and_nobody_is_told(story: Any, who: str) -> None:
    """A guess on evidence stands open beside it, whoever made it; no page, no incident."""
    guesses(story, who, "INC-1", "the update restarts it", of_incident(story))

    taken = story.decided(HypothesisTaken, rule=RuleId.HYPOTHESIS_TAKEN)
    assert (taken.hypothesis, taken.incident, taken.offered.claim) == ("HYP-1", "INC-1", "the update restarts it")
    story.decided_often(QueuePage, 0)
    assert [each.standing for each in hypotheses_of(story.state, story.incident().incident)] == [Standing.OPEN]


@pytest.mark.parametrize("cites", [(), ("#1",), ("#99999",), ("INC-1",), ("#0",), ("#1/../x",), ("#1/",), ("# 1",)])
def test_a_guess_without_evidence_of_the_incident_is_not_taken(story: Any, cites: tuple[str, ...]) -> None:
    """At least one record since the incident opened, and none that is not there."""
    guesses(story, "agent", "INC-1", "sunspots", *cites)

    story.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.HYPOTHESIS_FLAWED)
    assert hypotheses_of(story.state, story.incident().incident) == ()


@pytest.mark.parametrize(("claim", "refuted_by"), [("", "x"), ("  ", "x"), ("x", ""), ("x", " ")])
def test_a_guess_that_nothing_could_refute_is_not_taken(story: Any, claim: str, refuted_by: str) -> None:
    """It says something, and what would show that it is wrong."""
    guesses(story, "human", "INC-1", claim, of_incident(story), refuted_by=refuted_by)

    story.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.HYPOTHESIS_FLAWED)


def test_what_led_there_may_be_cited_beside_it(story: Any) -> None:
    """The first deaths are older than the incident that they became."""
    guesses(story, "human", "INC-1", "the update restarts it", "#5", f"{of_incident(story)}/output.log")

    story.decided(HypothesisTaken, rule=RuleId.HYPOTHESIS_TAKEN)


def test_the_same_guess_is_one(story: Any) -> None:
    """In other letters on new evidence it adds that evidence; on the same evidence it adds nothing."""
    guesses(story, "agent", "INC-1", "The update restarts it!", of_incident(story))
    story.decided(HypothesisTaken)
    guesses(story, "human", "INC-1", "the update  restarts it", of_incident(story), "#5")
    merged = story.decided(HypothesisTaken, rule=RuleId.HYPOTHESIS_MERGED)
    assert merged.hypothesis == "HYP-1"
    guesses(story, "human", "INC-1", "the update restarts it", "#5", of_incident(story))
    refused(story, RuleId.REQUEST_NOTHING_TO_DO)

    assert [each.cites for each in hypotheses_of(story.state, story.incident().incident)] == [
        (of_incident(story), "#5")
    ]


def test_one_guess_has_so_much_evidence_and_no_more(story: Any) -> None:
    """Who says the same again and again, each time on another record, adds nothing in the end."""
    for number in range(60):
        guesses(story, "agent", "INC-1", "sunspots", of_incident(story), f"#1/{number}.log")
    story.decided_often(HypothesisTaken, CITES_MAX - 1)
    story.decided_often(AnswerRequest, 60 - CITES_MAX + 1, rule=RuleId.REQUEST_NOTHING_TO_DO)

    (known,) = hypotheses_of(story.state, story.incident().incident)
    assert len(known.cites) == CITES_MAX


def test_a_refuted_guess_stays_refuted_when_it_comes_again(story: Any) -> None:
    """Saying it once more does not open it."""
    guesses(story, "agent", "INC-1", "sunspots", of_incident(story))
    judges(story, "human", "INC-1", "HYP-1", "refuted")
    guesses(story, "agent", "INC-1", "sunspots", of_incident(story), "#5")
    story.decided(HypothesisTaken, rule=RuleId.HYPOTHESIS_MERGED)

    assert hypotheses_of(story.state, story.incident().incident)[0].standing is Standing.REFUTED


def test_an_agent_does_not_crowd_people_out(story: Any) -> None:
    """One account has few guesses, all that are no people's leave room, and all have an end."""
    first = of_incident(story)
    for number in range(HYPOTHESES_OF_ASKER_MAX):
        guesses(story, "agent", "INC-1", f"agent {number}", first)
    guesses(story, "agent", "INC-1", "one more", first)
    story.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.HYPOTHESIS_TOO_MANY)
    for number in range(HYPOTHESES_OF_OTHERS_MAX):
        guesses(story, ("stranger", "cron")[number % 2], "INC-1", f"other {number}", first)
    for number in range(HYPOTHESES_MAX):
        guesses(story, "human", "INC-1", f"human {number}", first)
    story.decided_often(AnswerRequest, 14, rule=RuleId.HYPOTHESIS_TOO_MANY)

    known = hypotheses_of(story.state, story.incident().incident)
    assert len(known) == HYPOTHESES_MAX
    assert sum(each.origin.value == "human" for each in known) >= HYPOTHESES_MAX - HYPOTHESES_OF_OTHERS_MAX


@pytest.mark.parametrize("standing", list(Standing))
def test_a_human_judges(story: Any, standing: Standing) -> None:
    """With a reason, which is kept."""
    guesses(story, "agent", "INC-1", "the update restarts it", of_incident(story))
    story.decided(HypothesisTaken)
    judges(story, "human", "INC-1", "HYP-1", standing.value, "off, and it stayed up")

    judged = story.decided(HypothesisJudged, rule=RuleId.HYPOTHESIS_JUDGED)
    assert (judged.standing, judged.reason) == (standing, "off, and it stayed up")


def test_no_reason_or_no_such_guess_judges_nothing(story: Any) -> None:
    """Each is said."""
    guesses(story, "agent", "INC-1", "the update restarts it", of_incident(story))
    judges(story, "human", "INC-1", "HYP-1", "refuted", " ")
    refused(story, RuleId.REQUEST_NEEDS_REASON)
    judges(story, "human", "INC-1", "HYP-7", "refuted")
    refused(story, RuleId.REQUEST_NOTHING_TO_DO)


def test_a_person_writes_and_it_is_unsigned(story: Any) -> None:
    """The text is kept; the same again is nothing."""
    edits(story, "human", "INC-1", CAUSE, lessons="- one owner")
    written = story.decided(PostmortemEdited, rule=RuleId.POSTMORTEM_EDITED)
    assert written.offered == PostmortemOffered(cause=CAUSE, lessons="- one owner")
    assert cause_of(story.state, story.incident().incident) is None
    edits(story, "human", "INC-1", CAUSE, lessons="- one owner")
    refused(story, RuleId.REQUEST_NOTHING_TO_DO)


def test_without_signers_a_person_attests(story: Any) -> None:
    """It is called what it is: no signature."""
    edits(story, "human", "INC-1", CAUSE)
    signs(story, "human", "INC-1", CAUSE, HEAD)

    signed = story.decided(CauseSigned, rule=RuleId.CAUSE_ATTESTED)
    assert signed.attested
    assert signed.offered.evidence_head == HEAD


def test_with_signers_only_a_signature_signs_and_what_was_signed_counts(story: Any) -> None:
    """A terminal alone gets a challenge; what comes beside the signature is not looked at."""
    edits(story, "human", "INC-1", CAUSE)
    signs(story, "human", "INC-1", CAUSE, HEAD, signable=True)
    story.decided(AnswerRequest, outcome=Outcome.REFUSED, rule=RuleId.REQUEST_NEEDS_SIGNATURE)
    answers(story, "stranger", "INC-1", enclosed=PostmortemOffered(cause="The owl did it.", evidence_head="#1 x"))

    signed = story.decided(CauseSigned, rule=RuleId.CAUSE_SIGNED)
    assert not signed.attested
    assert signed.offered == PostmortemOffered(cause=CAUSE, evidence_head=HEAD)
    mark = cause_of(story.state, story.incident().incident)
    assert mark is not None
    assert (mark.evidence_seq, mark.text_changed) == (9, False)


def test_what_is_empty_changed_or_over_other_evidence_is_not_signed(story: Any) -> None:
    """Nobody puts a name under what they did not read."""
    signs(story, "human", "INC-1", " ", HEAD)
    story.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.CAUSE_EMPTY)
    edits(story, "human", "INC-1", CAUSE)
    signs(story, "human", "INC-1", "The owl did it.", HEAD)
    story.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.CAUSE_TEXT_CHANGED)
    signs(story, "human", "INC-1", CAUSE, "")
    story.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.CAUSE_EVIDENCE_CHANGED)


def test_an_edit_after_signing_is_seen(story: Any) -> None:
    """The name stays under the text that was signed, and the mark says that there is another."""
    edits(story, "human", "INC-1", CAUSE)
    signs(story, "human", "INC-1", CAUSE, HEAD)
    story.decided(CauseSigned)
    edits(story, "human", "INC-1", f"{CAUSE} Or so.")
    story.decided(PostmortemEdited)

    mark = cause_of(story.state, story.incident().incident)
    assert mark is not None
    assert mark.text_changed


@pytest.mark.parametrize("who", ["agent", "reserved-account", "stranger", "cron", "backup"])
def test_only_people_judge_write_and_sign(story: Any, who: str) -> None:
    """Everybody else is refused, and a person is told."""
    guesses(story, "human", "INC-1", "the update restarts it", of_incident(story))
    edits(story, "human", "INC-1", CAUSE)
    story.decided(PostmortemEdited)
    before = story.state.papers
    for ask in (
        lambda: judges(story, who, "INC-1", "HYP-1", "supported"),
        lambda: edits(story, who, "INC-1", "I did nothing wrong."),
        lambda: signs(story, who, "INC-1", CAUSE, HEAD),
    ):
        ask()
        story.decided(AnswerRequest, outcome=Outcome.REFUSED)

    assert story.state.papers == before
    told = any(each.fingerprint.endswith("refused-requests") for each in story.state.incidents)
    assert told or who in ("cron", "backup")  # a notice is enough of those


def test_there_is_nothing_to_write_about_an_unknown_incident(story: Any) -> None:
    """Each verb says so."""
    for ask in (
        lambda: guesses(story, "agent", "INC-9", "x", "#5"),
        lambda: judges(story, "human", "INC-9", "HYP-1", "open"),
        lambda: edits(story, "human", "INC-9", CAUSE),
        lambda: signs(story, "human", "INC-9", CAUSE, HEAD),
    ):
        ask()
        story.decided(AnswerRequest, outcome=Outcome.FAILED, rule=RuleId.REQUEST_UNKNOWN_INCIDENT)


def test_a_request_without_its_paper_is_told_what_to_type(story: Any) -> None:
    """A program may call the socket by hand."""
    for verb in ("hypothesise", "hypothesis-judge", "postmortem-edit", "postmortem-sign"):
        story.asks("human", verb, name="", incident="INC-1")
        answer = story.decided(AnswerRequest, outcome=Outcome.FAILED)
        assert answer.next_commands[0].startswith("gatedog ")


def test_one_text_of_an_incident_is_remembered(story: Any) -> None:
    """The newest; the journal has them all."""
    edits(story, "human", "INC-1", CAUSE)
    for number in range(3):
        edits(story, "human", "INC-1", f"{CAUSE} {number}")
    story.decided_often(PostmortemEdited, 4)

    assert [each.text.cause for each in story.state.papers.postmortems] == [f"{CAUSE} 2"]


@pytest.mark.parametrize(
    ("cite", "seq"),
    [
        ("#1", 1),
        ("#1234/output.log", 1234),
        ("1", None),
        ("#01", None),
        ("#1/a/b", None),
        ("#\u0661", None),
        ("#", None),
    ],
)
def test_evidence_is_named_in_one_way(cite: str, seq: int | None) -> None:
    """A record by its number, and a file that it kept."""
    assert record_cited(cite) == seq
