"""The words of policy ownership: revisions, proposals, and what lies where the bundle belongs.

Invariant: a revision's number only rises, and what was committed is remembered by digest, so an older bundle, however
well it was once signed, is known for what it is. Deliberately not here: the bytes of a bundle (policyfile/bundle.py)
and what follows from these words (core/proposals.py).
"""

from watchdog.core.decisions import OriginKind
from watchdog.core.enclosure import BundleExamined
from watchdog.core.timeline import Usec
from watchdog.core.values import dataclass

AS_FOUND = "as found"
"""Who committed the first revision: it was there when the journal began."""

REVISIONS_MAX = 32
PROPOSALS_MAX = 16
PROPOSALS_PER_UID_MAX = 4
"""Open proposals remembered of one account. Its oldest makes room for its next: nobody pushes another's out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A bundle that a human put in force, or meant to."""

    number: int
    digest: str
    """Of names and bytes of its files."""
    effect: str
    """Of the policy that it amounts to, shipped defaults and profiles included."""
    who: str
    because: str
    wall_usec: Usec
    at_usec: Usec
    proposal: str = ""
    """Empty: it was found."""
    placed: bool = False
    """It was seen where the bundle belongs since it was committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One person's signature under a proposal."""

    principal: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Rules that somebody would have. `because` is the asker's own word."""

    proposal: str
    who: str
    origin: OriginKind | None
    """None: gatedog itself, which ships other defaults than before."""
    uid: int | None
    because: str
    digest: str
    effect: str
    base: int
    """The revision that it was compared with."""
    loosens: tuple[str, ...]
    changes: tuple[str, ...]
    wall_usec: Usec
    at_usec: Usec
    given: tuple[Given, ...] = ()
    revision: int | None = None
    """As which it was committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesMemory:
    """Which rules were committed, which are in force, and which are proposed; oldest first."""

    revisions: tuple[Revision, ...] = ()
    in_force: int = 0
    """The number of the revision whose policy is loaded; 0: that of no bundle."""
    proposals: tuple[Proposal, ...] = ()
    proposal_count: int = 0
    trouble: str = ""
    """What is wrong with the bundle in its place, as it was last told; empty: nothing."""

    @property
    def committed(self) -> Revision | None:
        """The newest revision; None: no bundle was ever loaded."""
        return self.revisions[-1] if self.revisions else None

    def of(self, proposal: str) -> Proposal | None:
        """Return a remembered proposal."""
        return next((each for each in self.proposals if each.proposal == proposal), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleObserved:
    """What lies where the bundle belongs (level, not edge)."""

    folder: str
    digest: str
    """Empty: it cannot be read, or not be believed."""
    problems: tuple[str, ...] = ()
    """Why not; a sentence each."""
    differs: tuple[str, ...] = ()
    """Names of files that are not as in the bundle in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultsChanged:
    """The committed bundle, byte for byte the same, would amount to other rules under this version of gatedog."""

    version: str
    examined: BundleExamined


def proposal_id(number: int) -> str:
    """Name the number-th proposal of this journal."""
    return f"PROP-{number}"
