"""What a request may bring along: bounded, and readable by a person."""

import pytest

from watchdog.core.enclosure import (
    ACTION_WORD_MAX,
    ARGUMENTS_MAX,
    BUNDLE_CHARACTERS_MAX,
    CITES_MAX,
    LINE_MAX,
    SECTION_MAX,
    ActionOffered,
    BundleExamined,
    BundleOffered,
    BundleReviewed,
    DrillReported,
    Enclosed,
    HypothesisOffered,
    JudgementOffered,
    PostmortemOffered,
    StepReviewed,
    flaw_of,
)

TAKEN = (
    HypothesisOffered(claim="the update brought another lock", cites=("#12",), refuted_by="a start without it fails"),
    JudgementOffered(standing="refuted"),
    PostmortemOffered(cause="Two owners.\n\nEach restarted what the other had stopped.", lessons="- one owner"),
    BundleOffered(files=(("policy.toml", "[gateway.main]\nunit = 'x.service'\n"),)),
    BundleReviewed(digest="ab" * 32),
    ActionOffered(action="exec", argv=("systemctl", "restart", "x\n"), paths=("/etc/x",), directory="/srv"),
    DrillReported(drill="kill-loop", passed=True, live=False, report="held after 3 deaths"),
)
TURNED_AWAY = (
    HypothesisOffered(claim="x" * (LINE_MAX + 1), cites=("#12",), refuted_by="y"),
    HypothesisOffered(claim="two\nlines", cites=("#12",), refuted_by="y"),
    HypothesisOffered(claim="red \x1b[31m", cites=("#12",), refuted_by="y"),
    HypothesisOffered(claim="x", cites=("#1",) * (CITES_MAX + 1), refuted_by="y"),
    JudgementOffered(standing="proven"),
    PostmortemOffered(cause="x" * (SECTION_MAX + 1)),
    PostmortemOffered(lessons="right to left \u202e"),
    PostmortemOffered(evidence_head="two\nlines"),
    BundleOffered(files=(("policy.toml", "x" * BUNDLE_CHARACTERS_MAX),)),
    BundleOffered(files=(("two\nlines", ""),)),
    BundleReviewed(digest="\x00"),
    ActionOffered(action="exec", argv=("x",) * (ARGUMENTS_MAX + 1)),
    ActionOffered(action="exec", argv=("x" * (ACTION_WORD_MAX + 1),)),
    ActionOffered(action="exec", argv=("x" * ACTION_WORD_MAX,) * 2, paths=("/x",)),
    ActionOffered(action="exec", argv=("red \x1b[31m",)),
    ActionOffered(action="exec", argv=("right to left \u202e",)),
    DrillReported(drill="kill-loop", passed=True, live=False, report="two\nlines"),
    BundleExamined(digest="ab" * 32, size_bytes=1),
)


@pytest.mark.parametrize("enclosed", TAKEN)
def test_what_fits_is_taken(enclosed: Enclosed) -> None:
    """People write in sections of many lines, and an argument may hold lines: agents write whole scripts into one."""
    assert flaw_of(enclosed) == ""


@pytest.mark.parametrize("enclosed", TURNED_AWAY)
def test_what_is_too_long_or_cannot_be_shown_is_turned_away(enclosed: Enclosed) -> None:
    """An event is bounded, a line is a line, and nobody but gatedog says what gatedog found."""
    assert flaw_of(enclosed)


HALF = "half a character \ud800"


@pytest.mark.parametrize(
    "enclosed",
    [
        HypothesisOffered(claim="x", cites=("#12", HALF), refuted_by="y"),
        JudgementOffered(standing=HALF),
        PostmortemOffered(cause=HALF),
        BundleOffered(files=(("policy.toml", HALF),)),
        BundleOffered(files=((HALF, "x"),)),
        BundleReviewed(digest=HALF),
        ActionOffered(action="exec", argv=(HALF,)),
        StepReviewed(argv=("x",), host=HALF),
        StepReviewed(argv=(HALF,), host="x"),
        DrillReported(drill="kill-loop", passed=True, live=False, report=HALF),
    ],
)
def test_half_a_character_is_turned_away_wherever_it_stands(enclosed: Enclosed) -> None:
    """JSON can carry it, and no file and no digest can: what came of it later once ended gatedog."""
    assert flaw_of(enclosed)
