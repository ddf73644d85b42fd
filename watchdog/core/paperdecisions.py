"""What was concluded about papers: the verdicts of core/papers.py, as the journal keeps them.

Invariant: each names its incident, so the journal files it there and keeps it as long as the incident; each holds the
whole text it is about, however that text came to be accepted, so nobody needs this memory to read it. A record with one
of these is no evidence (journal/evidencehead.py). Deliberately not here: what is remembered (core/paperstate.py).
"""

from enum import Enum
from typing import NewType

from watchdog.core.base import Base
from watchdog.core.enclosure import HypothesisOffered, PostmortemOffered
from watchdog.core.identity import IncidentId
from watchdog.core.values import dataclass

HypothesisId = NewType("HypothesisId", str)


class Standing(Enum):
    """What a person found of a hypothesis; open until one did."""

    OPEN = "open"
    REFUTED = "refuted"
    SUPPORTED = "supported"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paper(Base):
    """What each of them carries besides what a decision does."""

    incident: IncidentId
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HypothesisTaken(_Paper):
    """A guess stands beside the evidence. One that says the same as a known one gets that one's id."""

    hypothesis: HypothesisId
    origin: str
    offered: HypothesisOffered


@dataclass(frozen=True, slots=True, kw_only=True)
class HypothesisJudged(_Paper):
    """A person said what became of a guess."""

    hypothesis: HypothesisId
    standing: Standing
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostmortemEdited(_Paper):
    """A person wrote; the text has no signature."""

    offered: PostmortemOffered


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseSigned(_Paper):
    """A person put their name under the text and the evidence. `attested`: without a signature."""

    offered: PostmortemOffered
    attested: bool


PaperVerdict = HypothesisTaken | HypothesisJudged | PostmortemEdited | CauseSigned
