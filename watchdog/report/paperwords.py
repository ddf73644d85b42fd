"""Verdicts about papers in a few words each (decisionwords.py says the other decisions).

Invariant: an agent's words never stand here: a guess is named by its id, and read where it is marked as one.
"""

from typing import assert_never

from watchdog.core.paperdecisions import CauseSigned, HypothesisJudged, HypothesisTaken, PaperVerdict, PostmortemEdited


def paper_text(verdict: PaperVerdict) -> str:
    """Say what was concluded, without rule and reason."""
    match verdict:
        case HypothesisTaken():
            return f"{verdict.hypothesis} stands beside the evidence of {verdict.incident}"
        case HypothesisJudged():
            return f"{verdict.hypothesis} of {verdict.incident} is {verdict.standing.value}"
        case PostmortemEdited():
            return f"a person's text about {verdict.incident} is kept, UNSIGNED"
        case CauseSigned():
            how = "attested without a signature" if verdict.attested else "signed"
            return f"the cause of {verdict.incident} is {how}"
        case _ as unreachable:
            assert_never(unreachable)
