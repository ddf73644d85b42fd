"""The conditions under which the origin rules bind, and the judgement on what was found.

Theory of operation. One `Check` answers one condition: `found` are sentences on what breaks it, `unread` on what could
not be looked at. Facts are the checks of one gateway. They are enforcing when every condition of the closed list has a
check and all of them are empty: a condition that nobody looked at is not met.

Invariant: pure. The one condition that the facts cannot hold is the audit mark, which belongs to a life; whoever
judges passes it in.
"""

from enum import Enum

from watchdog.core.peer import UNSET_ID
from watchdog.core.rival import Rival
from watchdog.core.values import dataclass
from watchdog.origin.procfs import one_line

FOUND_MAX = 8
"""Sentences kept of one check; the first is shown, the rest counts."""


class Condition(Enum):
    """What must hold, in the order in which failures are told: what hands out most comes first."""

    ACCOUNT = "account"
    """A uid that is neither root's nor gatedog's, without capabilities, known to this host."""
    GROUPS = "groups"
    """In no group that is as good as root."""
    SUDO = "sudo"
    """Named by no rule of sudo or doas."""
    POLKIT = "polkit"
    """Given nothing by a rule of polkit."""
    ENGINES = "engines"
    """Opens no container engine's socket."""
    UNIT_FILES = "unit-files"
    """Writes neither the unit's files nor a folder on the way to them."""
    PROGRAM = "program"
    """Writes nothing of what the unit executes."""
    ALONE = "alone"
    """The uid is used by nothing but the gateway."""
    LOGIN = "login"
    """No key and no password logs it in on this host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What the look at one condition found."""

    condition: Condition
    found: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def reasons(self) -> tuple[str, ...]:
        """Return why the condition is not met; none when it is."""
        return (*self.found, *(f"could not be checked: {what}" for what in self.unread))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What root saw of one gateway. `uptime_usec` is CLOCK_BOOTTIME in the boot of id `boot`."""

    gateway: str
    unit: str
    boot: str
    uptime_usec: int
    wall_usec: int
    user: str
    uid: int | None
    checks: tuple[Check, ...]
    rivals: tuple[Rival, ...] = ()
    """Others who start the gateway's program, as far as only root can see them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict: enforcing exactly when there is no reason against it."""

    reasons: tuple[str, ...] = ()

    @property
    def enforcing(self) -> bool:
        """Whether the rules bind."""
        return not self.reasons

    @property
    def reason(self) -> str:
        """Say it in one line: the first reason, and how many more there are."""
        if not self.reasons:
            return ""
        others = len(self.reasons) - 1
        more = f" (and {others} more)" if others else ""
        return one_line(self.reasons[0]) + more


def judge(facts: Facts, audit_session: int | None) -> Judgement:
    """Judge one gateway. `audit_session` is the running life's (/proc/PID/sessionid); None while nothing runs."""
    checks = {check.condition: check for check in facts.checks}
    reasons: list[str] = []
    for condition in Condition:
        check = checks.get(condition)
        reasons += (f"could not be checked: {condition.value}",) if check is None else check.reasons()
    if audit_session == UNSET_ID:
        reasons.append("this life was started without the audit mark (PAMName=); restart the gateway through gatedog")
    return Judgement(reasons=tuple(reasons))


def checked(condition: Condition, found: list[str], unread: list[str]) -> Check:
    """Make a check of bounded size, its sentences harmless to show."""
    return Check(condition=condition, found=_bounded(found), unread=_bounded(unread))


def _bounded(sentences: list[str]) -> tuple[str, ...]:
    kept = [one_line(sentence) for sentence in dict.fromkeys(sentences)]
    return tuple(kept[:FOUND_MAX])
