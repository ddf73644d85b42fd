"""How many pages a channel, and all together, are given: token buckets with a reserve that only critical pages draw on.

Theory of operation. Each page moves the time until which the channel's pages are paid for by one interval, from now or
from where it stood. A page is admitted while that time lies within the burst; a critical one also while it lies within
the reserve behind it. So one integer is the whole bucket, it refills by itself, and a storm of warnings cannot spend
what a critical page needs. What is not admitted is counted, and told as one page, "+n more", when there is room. One
more bucket stands for all channels together: many of them must not make a flood of what each takes calmly.

Invariant: nothing is dropped here: a page is admitted or counted. Pure values; core/outbox.py puts them to use.
"""

from watchdog.core.decisions import Severity
from watchdog.core.policy import EscalationPolicy
from watchdog.core.state import ChannelMemory
from watchdog.core.timeline import Usec
from watchdog.core.values import replace

ALL = "*"
"""The bucket of all channels together; no channel can be called so."""

CHANGES = "* changes"
"""The bucket of what only tells of a change: it never costs a page its room."""

ALL_TIMES = 3
"""So many times what one channel is given, and its reserve, is for all of them."""

_LOUDNESS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


def admit(
    memory: ChannelMemory, rules: EscalationPolicy, now_usec: Usec, severity: Severity, *, always: bool = False
) -> ChannelMemory | None:
    """Return a bucket's memory with one more page paid for; None when there is no room, unless `always`."""
    interval = _interval(memory, rules)
    spent = max(memory.spent_until_usec, now_usec) + interval
    if not always and spent - now_usec > _room(memory, rules, severity):
        return None
    # Beyond the reserve a page that must go costs nothing more: a debt without bound would silence for days.
    spent = min(spent, now_usec + _room(memory, rules, Severity.CRITICAL))
    return replace(memory, spent_until_usec=Usec(spent))


def room_in_usec(memory: ChannelMemory, rules: EscalationPolicy, now_usec: Usec, severity: Severity) -> int:
    """Say how long until a page of this severity is admitted; 0 is now."""
    spent = max(memory.spent_until_usec, now_usec) + _interval(memory, rules)
    return max(spent - now_usec - _room(memory, rules, severity), 0)


def fold(memory: ChannelMemory, now_usec: Usec, severity: Severity, title: str) -> ChannelMemory:
    """Count a page that was not admitted; the first of the loudest gives the others its title."""
    is_first = memory.folded == 0
    is_louder = is_first or _LOUDNESS[severity] > _LOUDNESS[memory.folded_severity]
    return replace(
        memory,
        folded=memory.folded + 1,
        folded_severity=severity if is_louder else memory.folded_severity,
        folded_title=title if is_louder else memory.folded_title,
        folded_since_usec=now_usec if is_first else memory.folded_since_usec,
    )


def unfold(memory: ChannelMemory) -> ChannelMemory:
    """Forget what was counted: it is being told."""
    return replace(memory, folded=0, folded_severity=Severity.INFO, folded_title="", folded_since_usec=Usec(0))


def _interval(memory: ChannelMemory, rules: EscalationPolicy) -> int:
    return rules.channel_burst.per_usec // (rules.channel_burst.starts * _times(memory))


def _room(memory: ChannelMemory, rules: EscalationPolicy, severity: Severity) -> int:
    pages = rules.channel_burst.starts + (rules.critical_reserve if severity is Severity.CRITICAL else 0)
    return pages * _times(memory) * _interval(memory, rules)


def _times(memory: ChannelMemory) -> int:
    return ALL_TIMES if memory.channel == ALL else 1
