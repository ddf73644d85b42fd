"""What was asked and what people allowed, as it is remembered.

Invariant: bounded and sorted by age, oldest first. Deliberately not here: deciding (core/requests.py, core/grants.py,
core/proof.py); these are the memories they share.
"""

from watchdog.core.decisions import OriginKind, Outcome
from watchdog.core.identity import GatewayName, IncidentId, RequestId
from watchdog.core.rules import RuleId
from watchdog.core.timeline import Usec
from watchdog.core.values import dataclass
from watchdog.core.verbs import Verb

REQUESTS_MAX = 64
"""Requests remembered with all they asked for; older ones are in the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRequest:
    """One request, who asked, and how it was answered."""

    request: RequestId
    gateway: GatewayName
    verb: Verb
    reason: str
    """The asker's own words."""
    incident: IncidentId | None
    subject: str
    for_usec: int | None
    at_usec: Usec
    wall_usec: Usec
    who: str
    trail: str
    """Where it came from, as the kernel has it: account, program, cgroup or unit, login, terminal."""
    origin: OriginKind
    rule: RuleId
    """By which the origin was judged."""
    outcome: Outcome
    answer_rule: RuleId
    because: str
    granted_by: RequestId | None = None
    """The human's request that granted it later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A human lets one account start or restart a gateway for a while: for deploy tools without a terminal."""

    request: RequestId
    """The human's request that gave it."""
    gateway: GatewayName
    uid: int
    starts_left: int
    until_usec: Usec
    until_wall_usec: Usec
    who: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedCode:
    """A release code that is void: its number in its set."""

    code_set: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongCode:
    """A code that is none, offered by an account."""

    uid: int
    at_usec: Usec


@dataclass(frozen=True, slots=True, kw_only=True)
class CodesMemory:
    """What happened to release codes. Old sets stay known: a file that was put back must not make its codes good."""

    used: tuple[UsedCode, ...] = ()
    wrong: tuple[WrongCode, ...] = ()
