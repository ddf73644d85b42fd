"""The rules, as the interface tells of them: revisions, proposals, and what lies where the bundle belongs.

Invariant as in wire.py: field names are the contract. No text of a bundle travels: its folder says who may read it, and
the socket is everybody's.
"""

from dataclasses import field

from watchdog.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionStatus:
    """A bundle that was committed. `proposal` is "" for what was found; `placed`: it was seen where it belongs."""

    revision: int
    digest: str
    effect: str
    who: str
    because: str
    wall_usec: int
    proposal: str
    placed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalStatus:
    """Rules that somebody would have. `says` is the asker's own word; `loosens` and `changes` are gatedog's.

    `signed` names who has signed so far, of `needed`; `revision` is as what it was committed; `stale`: another revision
    was committed since, so it is to be made again.
    """

    proposal: str
    who: str
    origin: str
    says: str
    digest: str
    effect: str
    base: int
    wall_usec: int
    loosens: list[str]
    changes: list[str]
    signed: list[str]
    needed: int
    revision: int | None
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesStatus:
    """Which rules count. `committed` and `in_force` are numbers of revisions, 0: no bundle; both lists newest last.

    `trouble` says how what lies in `folder` is not what was committed; "" when it is. `store` is the state folder: the
    copies lie there.
    """

    folder: str
    store: str
    committed: int
    in_force: int
    trouble: str
    min_signers: int
    revisions: list[RevisionStatus] = field(default_factory=list)
    proposals: list[ProposalStatus] = field(default_factory=list)
