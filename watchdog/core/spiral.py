"""When a row of endings is one story: the detectors.

Theory of operation. Unasked endings are chained by the gap between one and the next (up to `gap_max`, four hours),
never by a fixed window: a 60 s window never sees a 150 s cycle, a 5 min window misses a third of the recorded loops,
and every window can be outwaited. Two things end a chain: a stable life longer than the gap, and a human closing the
incident. Asked endings and readiness neither count nor reset: 39 of 75 recorded loops reach "ready" on the way.

The chain is looked at by several detectors, each with its own rule and its own sentence. The plain one counts to
four. The others may speak a little sooner, or add a name to what is already known; none of them looks at metrics or
at anything else the gateway could fake by staying quiet.

    alternating   the new instance kills the old: three of the last four endings. Always a hold: both sides win.
    second owner  somebody else's manager ends it: three of the last four.
    identical     the last three endings are the same, within 15 minutes.
    never ready   the last three lives never served, within 15 minutes.
    chain         four in a row, whatever they look like.
    cadence       the same gap again and again: some timer does this.

A finding says hold as well when the median gap is under five minutes: waiting for a human is then cheaper than the
next kill. Rejected: page on a rate per hour (AUC 0.978 against 0.994 for the chain on the recorded loops).

Invariant: pure; judges only the chain it is given.
"""

from itertools import pairwise

from watchdog.core.endings import EndingClass, Sender, classify
from watchdog.core.policy import SpiralPolicy
from watchdog.core.rules import RuleId
from watchdog.core.state import ChainLink
from watchdog.core.timeline import duration_text, median
from watchdog.core.values import dataclass

CHAIN_MAX = 64
"""Links kept: enough for any detector and for the incident page."""

FIGHT_WINDOW = 4
FIGHT_COUNT = 3
CADENCE_TOLERANCE_PERCENT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SpiralFinding:
    """One detector's conclusion. `hold` asks for a hold on top of the page."""

    rule: RuleId
    because: str
    hold: bool


def extend(chain: tuple[ChainLink, ...], link: ChainLink, policy: SpiralPolicy) -> tuple[ChainLink, ...]:
    """Append an unasked ending, or begin a new chain when the gap before it was too long."""
    if chain and link.at_usec - chain[-1].at_usec > policy.gap_max_usec:
        return (link,)
    return (*chain, link)[-CHAIN_MAX:]


def findings(chain: tuple[ChainLink, ...], policy: SpiralPolicy) -> tuple[SpiralFinding, ...]:
    """Return what the detectors see in a chain, the most telling first."""
    pace = gap_median_usec(chain)
    fast = len(chain) > 1 and pace < policy.hold_below_usec
    said = (
        _alternating(chain),
        _second_owner(chain),
        _identical(chain, policy),
        _never_ready(chain, policy),
        _row(chain, policy, pace),
        _cadence(chain, policy, pace),
    )
    return tuple(
        SpiralFinding(rule=rule, because=because, hold=fast or rule is RuleId.SPIRAL_ALTERNATING)
        for rule, because in (sentence for sentence in said if sentence is not None)
    )


def gap_median_usec(chain: tuple[ChainLink, ...]) -> int:
    """Return the median gap between neighbouring endings, in microseconds; 0 for fewer than two."""
    return median(_gaps(chain[-(FIGHT_WINDOW * 2) :]))


def _gaps(chain: tuple[ChainLink, ...]) -> tuple[int, ...]:
    return tuple(after.at_usec - before.at_usec for before, after in pairwise(chain))


def _alternating(chain: tuple[ChainLink, ...]) -> tuple[RuleId, str] | None:
    recent = chain[-FIGHT_WINDOW:]
    count = sum(1 for link in recent if classify(link.exit) is EndingClass.DUPLICATE)
    if count < FIGHT_COUNT:
        return None
    return RuleId.SPIRAL_ALTERNATING, f"a newer instance ended the older one in {count} of the last {len(recent)} lives"


def _second_owner(chain: tuple[ChainLink, ...]) -> tuple[RuleId, str] | None:
    recent = chain[-FIGHT_WINDOW:]
    count = sum(1 for link in recent if link.exit.by in (Sender.SECOND_MANAGER, Sender.WATCHDOG))
    if count < FIGHT_COUNT:
        return None
    return RuleId.SPIRAL_SECOND_MANAGER, f"something else that manages it ended {count} of the last {len(recent)} lives"


def _identical(chain: tuple[ChainLink, ...], policy: SpiralPolicy) -> tuple[RuleId, str] | None:
    recent = _close_together(chain, policy)
    if len({link.fingerprint for link in recent}) != 1:
        return None
    return RuleId.SPIRAL_IDENTICAL, f"{len(recent)} identical endings within {duration_text(_spread(recent))}"


def _never_ready(chain: tuple[ChainLink, ...], policy: SpiralPolicy) -> tuple[RuleId, str] | None:
    recent = _close_together(chain, policy)
    if not recent or any(link.was_ready for link in recent):
        return None
    return RuleId.SPIRAL_NEVER_READY, f"{len(recent)} lives in a row ended before they were ready"


def _close_together(chain: tuple[ChainLink, ...], policy: SpiralPolicy) -> tuple[ChainLink, ...]:
    """Return the latest endings, if there are so many as the policy looks at, within its time; none of 0."""
    wanted = policy.identical_page_at
    recent = chain[-wanted:] if 0 < wanted <= len(chain) else ()
    return recent if recent and _spread(recent) <= policy.identical_within_usec else ()


def _row(chain: tuple[ChainLink, ...], policy: SpiralPolicy, pace: int) -> tuple[RuleId, str] | None:
    if len(chain) < policy.page_at:
        return None
    row = f"{len(chain)} endings in a row that nobody asked for"
    return RuleId.SPIRAL_CHAIN, f"{row}, about {duration_text(pace)} apart"


def _cadence(chain: tuple[ChainLink, ...], policy: SpiralPolicy, pace: int) -> tuple[RuleId, str] | None:
    gaps = _gaps(chain[-policy.page_at :])
    if len(chain) < policy.page_at or pace == 0:
        return None
    if any(abs(gap - pace) * 100 > pace * CADENCE_TOLERANCE_PERCENT for gap in gaps):
        return None
    return RuleId.SPIRAL_CADENCE, f"the gap is {duration_text(pace)} every time: look for a timer of that period"


def _spread(links: tuple[ChainLink, ...]) -> int:
    return links[-1].at_usec - links[0].at_usec
