"""Signs that something is wrong which no probe gave: from what was counted, and from what the gateway logged.

Theory of operation. Each reading is compared with what is usual (core/normal.py). The first that is out of the ordinary
begins a sign, which forms until it has lasted, been seen often enough, and outweighs chance: it is not the time that
counts for work and log lines but how many were expected in it. One ordinary reading ends a sign that only forms, and
its readings are learned after all; a sign that stands needs two, and is not learned. So a fall freezes the normal that
it is measured against, and a slow evening moves the normal along with itself.

A sign is weak: it makes nobody's page alone. Some are strong when they go on: no work where there was steady work, no
connection where there always was one, a log that stopped in the middle of its stream, a flood of it, memory or
handles that have tripled in a straight line. Log lines are texts of the supervised side: they raise, and never lower.

Rejected: mean and deviation (one burst blinds them for hours), a fixed rate (every gateway has its own), the share
of zeros (depends on how often one looks).

Invariant: pure; judges only what it is given, and every threshold is a ratio, a count or a length of time.
"""

from collections.abc import Mapping

from watchdog.core.healthpolicy import HealthPolicy
from watchdog.core.healthstate import Normal, Sign, SignKind, Slot
from watchdog.core.normal import (
    FIRST,
    LEVELS,
    STEADY_USEC,
    due_this_hour,
    learn,
    longest_lull_usec,
    paused,
    quantile,
    reach_usec,
    usual_this_hour,
    values,
)
from watchdog.core.observations import LogClass, Measure
from watchdog.core.timeline import DAY, HOUR, MINUTE, Usec
from watchdog.core.values import replace

STANDS_USEC = 20 * MINUTE
"""A sign must last this long: clients reconnect, providers hiccup, people have lunch for less time."""
FLOOD_USEC = 15 * MINUTE
TIMES_MIN = 3
TIMES_ALONE = 6
GOOD_READINGS = 2
PROOF_USEC = 2 * HOUR
"""Work that fell must be worth a finding by then: what was usual two hours ago is no measure of an evening."""
NORMAL_MIN = 5
NORMAL_USEC = 15 * MINUTE
"""Fewer readings, or readings over less time, are no normal to compare with."""
HELD_MAX = 24

THOUSANDTHS = 1_000
WORK_EXPECTED = 15 * THOUSANDTHS
WORK_EXPECTED_ALONE = 50 * THOUSANDTHS
LINES_EXPECTED = 20 * THOUSANDTHS
LINES_EXPECTED_ALONE = 60 * THOUSANDTHS
WORK_BY_WEEK = 100 * THOUSANDTHS
BY_WEEK_USEC = 2 * HOUR
FELL_PERCENT = 35
STOPPED_PERCENT = 3
FLOOD_TIMES = 20
FLOOD_MIN = 1_000 * THOUSANDTHS
BUSY_MIN = 900
ACCEPTED_USEC = DAY
LOG_SAID_USEC = 30 * MINUTE
LOG_SAID_STEP_USEC = 10 * MINUTE
"""How exactly the last time of a log class is remembered: to the minute would be a record a minute."""
DOUBLED_PERCENT = 200
DOUBLED_USEC = 90 * MINUTE
GROWN_FOR = ((10, 90 * MINUTE), (6, 3 * HOUR), (3, 6 * HOUR))
"""(times the policy's growth divided by three, how long it must have grown): the less, the longer."""
PEAK_PERCENT = 120
LEVEL_PERCENT = 125
"""A level that is not higher than this has not begun to grow: what rises and falls within an hour is a burst."""

TELLING = frozenset(
    {
        LogClass.GAVE_UP.value,
        LogClass.AUTH_EXPIRED.value,
        LogClass.DISK_FULL.value,
        LogClass.CHANNELS_OFF.value,
    }
)
"""What a gateway says that nothing but a human mends; the other classes are weak signs."""

_KINDS: Mapping[Measure, tuple[SignKind, ...]] = {
    Measure.WORK: (SignKind.WORK_FELL,),
    Measure.SOCKETS: (SignKind.SOCKETS_FELL,),
    Measure.LOG_LINES: (SignKind.LOG_SILENT, SignKind.LOG_FLOOD),
    Measure.CPU: (SignKind.BUSY,),
    Measure.DISK: (SignKind.DISK_FULL,),
}


def take_in(
    signs: tuple[Sign, ...], normal: Normal, slot: Slot, wall_usec: int, health: HealthPolicy
) -> tuple[tuple[Sign, ...], Normal]:
    """Return signs and normal after a reading."""
    normal = paused(normal, slot)
    if normal.measure in LEVELS:
        learned = learn(normal, slot, wall_usec)
        return _with(signs, SignKind.GROWING, normal.measure.value, _growing(learned)), learned
    formed = False
    for kind in _KINDS[normal.measure]:
        before = find(signs, kind, normal.measure.value)
        after, given_back = _followed(before, kind, normal, slot, wall_usec, health)
        signs = _with(signs, kind, normal.measure.value, after)
        formed = formed or after is not None
        for held in given_back:
            normal = learn(normal, held, wall_usec - (slot.at_usec - held.at_usec))
    return signs, normal if formed else learn(normal, slot, wall_usec)


def hear(signs: tuple[Sign, ...], log_class: LogClass, line: str, now_usec: Usec) -> tuple[Sign, ...]:
    """Return the signs after a line of a known class was logged."""
    known = find(signs, SignKind.LOG_SAID, log_class.value)
    if known is None:
        since = Sign(
            kind=SignKind.LOG_SAID, subject=log_class.value, since_usec=now_usec, last_usec=now_usec, detail=line
        )
        return _with(signs, SignKind.LOG_SAID, log_class.value, since)
    if now_usec - known.last_usec < LOG_SAID_STEP_USEC:
        return signs
    return _with(signs, SignKind.LOG_SAID, log_class.value, replace(known, last_usec=now_usec, times=known.times + 1))


def accept(signs: tuple[Sign, ...], now_usec: Usec) -> tuple[Sign, ...]:
    """Return the signs without those that stood for a day and made nobody's page: it is how things are now."""
    return tuple(
        sign
        for sign in signs
        if sign.kind not in (SignKind.SOCKETS_FELL, SignKind.LOG_SILENT, SignKind.BUSY)
        or now_usec - sign.since_usec < ACCEPTED_USEC
    )


def expire(signs: tuple[Sign, ...], now_usec: Usec) -> tuple[Sign, ...]:
    """Return the signs without log classes that were not heard of for a while."""
    if not any(sign.kind is SignKind.LOG_SAID for sign in signs):
        return signs
    return tuple(
        sign for sign in signs if sign.kind is not SignKind.LOG_SAID or now_usec - sign.last_usec < LOG_SAID_USEC
    )


def stands(sign: Sign) -> bool:
    """Say whether a sign is more than an accident."""
    lasted = sign.last_usec - sign.since_usec
    if sign.kind is SignKind.LOG_SAID:
        return True
    if sign.kind is SignKind.GROWING:
        return lasted >= DOUBLED_USEC
    if sign.kind is SignKind.DISK_FULL:
        return sign.times > 1
    needs = FLOOD_USEC if sign.kind is SignKind.LOG_FLOOD else STANDS_USEC
    if lasted < needs or sign.times < TIMES_MIN:
        return False
    if sign.kind is SignKind.WORK_FELL:
        return sign.expected >= WORK_EXPECTED and sign.seen * 100 < sign.expected * FELL_PERCENT
    return sign.kind is not SignKind.LOG_SILENT or sign.expected >= LINES_EXPECTED


def is_strong(sign: Sign, normal: Normal | None, now_usec: Usec, wall_usec: int, health: HealthPolicy) -> bool:
    """Say whether a sign that stands is a finding by itself."""
    match sign.kind:
        case SignKind.LOG_FLOOD | SignKind.DISK_FULL:
            return True
        case SignKind.LOG_SAID:
            return sign.subject in TELLING
        case SignKind.GROWING:
            return _has_grown(sign, now_usec, health)
        case SignKind.BUSY:
            return False
        case SignKind.WORK_FELL | SignKind.SOCKETS_FELL | SignKind.LOG_SILENT:
            pass
    if sign.seen * 100 > sign.expected * STOPPED_PERCENT or _is_usual_now(sign, normal, wall_usec):
        return False
    lasted = sign.last_usec - sign.since_usec
    if sign.by_week:
        return lasted >= BY_WEEK_USEC and sign.expected >= WORK_BY_WEEK
    if not sign.steady or (normal is not None and lasted < longest_lull_usec(normal)):
        return False
    return _has_stopped(sign, lasted, health)


def _has_stopped(sign: Sign, lasted: int, health: HealthPolicy) -> bool:
    match sign.kind:
        case SignKind.SOCKETS_FELL:
            return lasted >= health.sockets_gone_after_usec
        case SignKind.WORK_FELL:
            needs, enough = health.idle_after_usec, WORK_EXPECTED_ALONE
        case _:
            needs, enough = health.log_silent_after_usec, LINES_EXPECTED_ALONE
    return sign.times >= TIMES_ALONE and lasted >= needs and sign.expected >= enough


def is_known(normal: Normal) -> bool:
    """Say whether enough was read to call anything usual."""
    return len(normal.slots) >= NORMAL_MIN and reach_usec(normal) >= NORMAL_USEC


def find(signs: tuple[Sign, ...], kind: SignKind, subject: str) -> Sign | None:
    """Return a sign, None when there is none of that kind and subject."""
    return next((sign for sign in signs if sign.kind is kind and sign.subject == subject), None)


# -- one reading ---------------------------------------------------------------------------------------------------


def _followed(
    sign: Sign | None, kind: SignKind, normal: Normal, slot: Slot, wall_usec: int, health: HealthPolicy
) -> tuple[Sign | None, tuple[Slot, ...]]:
    """Return the sign after a reading, and the readings to learn because it came to nothing."""
    usual = sign.before if sign is not None and sign.kind is not SignKind.WORK_FELL else _usual(kind, normal, wall_usec)
    odd = _is_odd(kind, normal, slot, usual, health)
    if sign is not None and _is_unproven(sign, slot):
        return None, (*sign.held, slot) if odd else sign.held
    if odd:
        begun = sign or Sign(
            kind=kind,
            subject=normal.measure.value,
            since_usec=Usec(slot.at_usec - slot.span_usec),
            times=0,
            before=usual,
            by_week=quantile(values(normal), 25) == 0,
            steady=reach_usec(normal) >= STEADY_USEC,
            flat=quantile(values(normal), 10) == quantile(values(normal), 85),
        )
        return _grown(begun, slot, usual), ()
    if sign is None:
        return None, ()
    stood, good = stands(sign), sign.good + 1
    if good >= GOOD_READINGS or not (stood or _is_tolerant(sign)):
        return None, () if stood else sign.held
    weighed = _grown(sign, slot, usual) if _is_tolerant(sign) else sign
    return replace(weighed, good=good, last_usec=sign.last_usec), ()


def _is_tolerant(sign: Sign) -> bool:
    """Say whether one good reading may be weighed with the rest: a trickle is not the stream that it was."""
    return sign.kind is SignKind.WORK_FELL and sign.times >= TIMES_MIN


def _is_unproven(sign: Sign, slot: Slot) -> bool:
    if sign.kind is not SignKind.WORK_FELL or sign.by_week:
        return False
    proven = sign.expected >= WORK_EXPECTED_ALONE and sign.times >= TIMES_ALONE
    return slot.at_usec - sign.since_usec > PROOF_USEC and not proven


def _grown(sign: Sign, slot: Slot, usual: int) -> Sign:
    """Return the sign with one more reading. The first is not weighed: it holds some of the time before, too."""
    weighed_usec = slot.span_usec if sign.times else 0
    return replace(
        sign,
        times=sign.times + 1,
        expected=sign.expected + usual * weighed_usec // MINUTE,
        seen=sign.seen + slot.value * weighed_usec // MINUTE,
        last=slot.value,
        last_usec=Usec(slot.at_usec),
        good=0,
        held=(*sign.held, slot)[-HELD_MAX:],
    )


def _usual(kind: SignKind, normal: Normal, wall_usec: int) -> int:
    """Return what a reading is compared with; 0 when nothing is known to be usual."""
    if kind is SignKind.DISK_FULL:
        return 0
    known, read = is_known(normal), values(normal)
    match kind:
        case SignKind.WORK_FELL:
            recent = quantile(read, 25) if known else 0
            return recent or due_this_hour(normal, wall_usec)
        case SignKind.SOCKETS_FELL:
            return quantile(read, 25) if known else 0
        case SignKind.LOG_SILENT:
            return quantile(read, 50) if known and quantile(read, 10) > 0 else 0
        case _:
            return quantile(read, 50) if known else 0


def _is_odd(kind: SignKind, normal: Normal, slot: Slot, usual: int, health: HealthPolicy) -> bool:
    if kind is SignKind.DISK_FULL:
        return slot.value >= health.disk_full_percent * 10
    if usual == 0:
        return False
    match kind:
        case SignKind.WORK_FELL:
            return slot.value * 2 < max(usual, quantile(values(normal), 50))
        case SignKind.SOCKETS_FELL:
            least = quantile(values(normal), 10)
            return slot.value == 0 or (slot.value < least and (usual - slot.value) * 5 >= usual)
        case SignKind.LOG_SILENT:
            return slot.value * 20 < usual
        case SignKind.LOG_FLOOD:
            return slot.value >= max(FLOOD_MIN, FLOOD_TIMES * usual)
        case _:
            return slot.value >= BUSY_MIN and usual * 2 < slot.value


def _is_usual_now(sign: Sign, normal: Normal | None, wall_usec: int) -> bool:
    expected = usual_this_hour(normal, wall_usec) if normal is not None else None
    return expected is not None and expected * 100 < sign.before * FELL_PERCENT


# -- growth --------------------------------------------------------------------------------------------------------


def _growing(normal: Normal) -> Sign | None:
    """Return the sign of a level that has doubled since the life began, and goes on rising."""
    slots = normal.slots
    if len(slots) < 2 * FIRST or reach_usec(normal) < DOUBLED_USEC:
        return None
    base = max(1, quantile(tuple(slot.value for slot in slots[:FIRST]), 50))
    last = quantile(tuple(slot.value for slot in slots[-FIRST:]), 50)
    if last * 100 < base * DOUBLED_PERCENT or last * 100 < normal.peak * PEAK_PERCENT:
        return None
    if _bends(slots, base, last) or last * 100 < 95 * max(slot.value for slot in slots[:-FIRST]):
        return None
    level = [slot.at_usec for slot in slots if slot.value * 100 <= base * LEVEL_PERCENT]
    return Sign(
        kind=SignKind.GROWING,
        subject=normal.measure.value,
        since_usec=Usec(max(level, default=slots[0].at_usec)),
        before=base,
        last=last,
        last_usec=Usec(slots[-1].at_usec),
    )


def _bends(slots: tuple[Slot, ...], base: int, last: int) -> bool:
    """Say whether the second half of a growth is flatter than the first by more than a quarter."""
    middle_usec = (slots[0].at_usec + slots[-1].at_usec) // 2
    middle = next(slot for slot in slots if slot.at_usec >= middle_usec)
    before_usec, after_usec = middle.at_usec - slots[1].at_usec, slots[-2].at_usec - middle.at_usec
    return (last - middle.value) * before_usec * 4 < (middle.value - base) * after_usec * 3


def _has_grown(sign: Sign, now_usec: Usec, health: HealthPolicy) -> bool:
    grown_for = now_usec - sign.since_usec
    return any(
        grown_for >= needs and sign.last * 300 >= sign.before * times * health.growth_percent
        for times, needs in GROWN_FOR
    )


def _with(signs: tuple[Sign, ...], kind: SignKind, subject: str, sign: Sign | None) -> tuple[Sign, ...]:
    known = find(signs, kind, subject)
    if known is sign:
        return signs
    others = tuple(one for one in signs if one is not known)
    if sign is None:
        return others
    return tuple(sorted((*others, sign), key=lambda one: (one.kind.value, one.subject)))
