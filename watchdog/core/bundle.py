"""The words of policy ownership: revisions, proposals, and what lies where the bundle belongs.

Invariant: a revision's number only rises, and what was committed is remembered by digest, so an older bundle, however
well it was once signed, is known for what it is. Deliberately not here: the bytes of a bundle (policyfile/bundle.py)
and what follows from these words (core/proposals.py).
"""

from watchdog.core.decisions import OriginKind
from watchdog.core.enclosure import BundleExamined
from watchdog.core.timeline import Usec
from watchdog.core.values import dataclass, replace

AS_FOUND = "as found"
"""Who committed the first revision: it was there when the journal began."""

REVISIONS_MAX = 32
PROPOSALS_MAX = 16
_MISSED = 2
"""From this weight on a proposal makes no room for a stranger's."""
PROPOSALS_PER_UID_MAX = 4
"""Proposals remembered of one account. Its oldest makes room for its next."""


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

    @property
    def is_persons(self) -> bool:
        """Whether it is no stranger's: a human's, or gatedog's own."""
        return self.origin is None or self.origin is OriginKind.HUMAN


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

    def has_room_for(self, made: Proposal) -> bool:
        """Say whether a proposal can be remembered without forgetting one that matters more.

        An agent with a thousand accounts pushes out what strangers proposed, and nothing of a person's.
        """
        goes = self._least_missed(made)
        return goes is None or made.is_persons or self._missed(goes) < _MISSED

    def with_proposal(self, made: Proposal) -> "RulesMemory":
        """Remember one more, in place of the one that is missed least where there are enough."""
        goes = self._least_missed(made)
        kept = tuple(each for each in self.proposals if each is not goes)
        return replace(self, proposals=(*kept, made), proposal_count=self.proposal_count + 1)

    def _least_missed(self, made: Proposal) -> Proposal | None:
        whose = (made.uid, made.is_persons)
        account = tuple(each for each in self.proposals if (each.uid, each.is_persons) == whose)
        for among, most in ((account, PROPOSALS_PER_UID_MAX), (self.proposals, PROPOSALS_MAX)):
            if len(among) >= most:
                return min(among, key=self._missed)
        return None

    def _missed(self, proposal: Proposal) -> int:
        """Weigh a proposal: what was overtaken is missed by nobody, what was signed most."""
        committed = 0 if self.committed is None else self.committed.number
        if proposal.revision == committed or (proposal.given and proposal.base == committed):
            return _MISSED + 1  # the newest revision is put in its place by the name of its proposal
        if proposal.base != committed:
            return 0
        return _MISSED if proposal.is_persons else 1


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
