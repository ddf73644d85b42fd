"""What is remembered of papers: guesses at why, a person's text, who signed it.

Invariant: bounded, sorted by age, and only of incidents that are remembered; the rest is in the journal. Deliberately
not here: deciding (core/papers.py), and what the journal keeps (core/paperdecisions.py).
"""

from watchdog.core.decisions import OriginKind
from watchdog.core.enclosure import PostmortemOffered
from watchdog.core.identity import IncidentId, Seq
from watchdog.core.paperdecisions import HypothesisId, Standing
from watchdog.core.values import dataclass

HYPOTHESES_MAX = 16
"""Of one incident."""
HYPOTHESES_OF_OTHERS_MAX = 10
"""Of one incident, by anybody but a human: nobody crowds people out."""
HYPOTHESES_OF_ASKER_MAX = 4
"""Of one incident, by one account that is not a human's."""
HYPOTHESES_KEPT = 128
POSTMORTEMS_KEPT = 16
"""Of all incidents, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """One guess."""

    hypothesis: HypothesisId
    incident: IncidentId
    claim: str
    cites: tuple[str, ...]
    origin: OriginKind
    uid: int
    standing: Standing = Standing.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmortem:
    """What a person wrote of one incident, as it stands."""

    incident: IncidentId
    text: PostmortemOffered


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseMark:
    """Somebody put their name under the cause of one incident."""

    incident: IncidentId
    who: str
    attested: bool
    evidence_seq: Seq
    """The last record that they had before them."""
    text_changed: bool = False
    """The text was edited since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """All of it."""

    hypothesis_count: int = 0
    hypotheses: tuple[Hypothesis, ...] = ()
    postmortems: tuple[Postmortem, ...] = ()
    causes: tuple[CauseMark, ...] = ()
