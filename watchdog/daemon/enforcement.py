"""Whether the rules on who may ask can be got round on this gateway.

Theory of operation. Root looks (`gatedog inspect`, a unit of its own: at gatedog's start, hourly, and after each start
of a life, when the daemon asks for it) and leaves facts in /run. The daemon reads them at every look, adds what belongs
to the running life (its audit mark, its uid), and judges. A look without news is folded, so looking often costs
nothing.

Invariant: `enforcing` is said only when every condition of the design was checked and met; anything else is advisory,
with the first reason found. A child gateway is always advisory: it is started without the audit mark that only a
service manager's PAM session gives.
"""

import os
import pwd
from collections.abc import Callable
from pathlib import Path

from watchdog.core.events import EnforcementObserved
from watchdog.core.identity import ProcessRef
from watchdog.core.policy import GatewayPolicy
from watchdog.core.rival import Rival
from watchdog.core.timeline import MINUTE
from watchdog.core.values import dataclass
from watchdog.origin import procfs
from watchdog.origin.enforcing.factsfile import FOLDER, FactsUnusable, Moment, read_facts
from watchdog.origin.enforcing.judgement import Facts, Judgement, judge

INSPECT_UNIT = "gatedog-inspect.service"
ASK_EVERY_USEC = MINUTE
"""Least time between two looks that the daemon asks for: a crash loop must not also be a loop of inspections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standpoint:
    """From where the daemon looks: the facts' folder, who must own it, and the clock."""

    now: Moment
    folder: Path = FOLDER
    owner: int = 0


def look(
    policy: GatewayPolicy, process: ProcessRef | None = None, standpoint: Standpoint | None = None
) -> EnforcementObserved:
    """Look at one gateway's standing. `process` is the running life's main process; units need a standpoint."""
    if policy.unit and standpoint is not None:
        try:
            facts = read_facts(standpoint.folder, policy.name, policy.unit, standpoint.now, standpoint.owner)
        except FactsUnusable as error:
            return EnforcementObserved(gateway=policy.name, enforcing=False, reason=str(error))
        found = _judged(facts, process)
        return EnforcementObserved(gateway=policy.name, enforcing=found.enforcing, reason=found.reason, uid=facts.uid)
    reason = "a child gateway carries no audit mark; own it as a systemd unit for that"
    if policy.command is not None and _uid_of(policy.command.user) == os.geteuid():
        reason = "it runs as the same user as gatedog, and so could get round the rules"
    return EnforcementObserved(gateway=policy.name, enforcing=False, reason=reason)


def rivals_seen_by_root(policy: GatewayPolicy, standpoint: Standpoint) -> tuple[Rival, ...]:
    """Return the rivals that only root could see; none without usable facts."""
    try:
        return read_facts(standpoint.folder, policy.name, policy.unit, standpoint.now, standpoint.owner).rivals
    except FactsUnusable:
        return ()


class InspectionDesk:
    """Asks for a fresh look after a life has started, at most one a minute; nobody waits for it."""

    def __init__(self, start_unit: Callable[[str], None]) -> None:
        self._start_unit = start_unit
        self._asked_usec: int | None = None
        self._owed = False

    def life_started(self) -> None:
        """A life began: its unit, its files and its companions are to be looked at anew."""
        self._owed = True

    def tend(self, uptime_usec: int) -> None:
        """Ask if something is owed and the last time is long enough ago. Called every few seconds."""
        rested = self._asked_usec is None or uptime_usec - self._asked_usec >= ASK_EVERY_USEC
        if self._owed and rested:
            self._owed, self._asked_usec = False, uptime_usec
            self._start_unit(INSPECT_UNIT)


def _judged(facts: Facts, process: ProcessRef | None) -> Judgement:
    judgement = judge(facts, None if process is None else procfs.read_audit_id(process.pid, "sessionid"))
    return Judgement(reasons=(*judgement.reasons, *_other_account(facts, process)))


def _other_account(facts: Facts, process: ProcessRef | None) -> tuple[str, ...]:
    """Compare the uid that was looked at with the one that runs."""
    if process is None:
        return ()
    try:
        uid = Path(f"/proc/{process.pid}").stat().st_uid
    except OSError:
        return ()  # it has just ended; the next look has another process, or none
    if uid == facts.uid:
        return ()
    return (f"the gateway runs as uid {uid}, and the last look was at uid {facts.uid}",)


def _uid_of(user: str) -> int:
    if not user:
        return os.geteuid()
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return -1
