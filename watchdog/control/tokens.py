"""Who asks too often: one token bucket for each uid, before anything is parsed into the journal.

A supervised agent that may write one journal record for each request could fill the disk, or bury a person's request
among its own. Invariant: no clock is read here, time comes in with each call; and the number of buckets is bounded: an
account with many subordinate uids gets one shared bucket for all that do not fit.
"""

from watchdog.core.timeline import HOUR, SECOND
from watchdog.core.values import dataclass

_TOKEN = SECOND
"""A token is counted in microseconds of waiting, times the rate, so that refilling stays integer arithmetic."""

UIDS_MAX = 1024
STRANGERS = -1
"""The bucket of all uids beyond UIDS_MAX."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`burst` at once, then `per_second`."""

    burst: int
    per_second: int


REQUEST_RATE = Rate(burst=20, per_second=2)
READ_RATE = Rate(burst=50, per_second=20)


@dataclass(slots=True, kw_only=True)
class _Bucket:
    level: int
    at_usec: int
    dropped: int = 0
    reported_usec: int | None = None


class TokenBuckets:
    """The buckets of one kind of call."""

    def __init__(self, rate: Rate, *, report_every_usec: int = HOUR, uids_max: int = UIDS_MAX) -> None:
        self._rate = rate
        self._report_every_usec = report_every_usec
        self._uids_max = uids_max
        self._buckets: dict[int, _Bucket] = {}

    def take(self, uid: int, now_usec: int, count: int = 1) -> int:
        """Take a token, or `count` of them: 0 when they were there, else the microseconds until they are.

        More than the burst is never there: a full bucket is emptied by it.
        """
        wanted = min(count, max(self._rate.burst, 1)) * _TOKEN
        bucket = self._find(uid, now_usec)
        bucket.level = self._level(bucket, now_usec)
        bucket.at_usec = max(bucket.at_usec, now_usec)
        if bucket.level >= wanted:
            bucket.level -= wanted
            return 0
        bucket.dropped += 1
        return -(-(wanted - bucket.level) // self._rate.per_second)

    def drops_to_report(self, uid: int, now_usec: int) -> int:
        """Return how many calls were turned away since the last report, at most once in a while; else 0."""
        bucket = self._find(uid, now_usec)
        waited = bucket.reported_usec is None or now_usec - bucket.reported_usec >= self._report_every_usec
        if not bucket.dropped or not waited:
            return 0
        bucket.reported_usec = now_usec
        dropped, bucket.dropped = bucket.dropped, 0
        return dropped

    def _find(self, uid: int, now_usec: int) -> _Bucket:
        found = self._buckets.get(uid)
        if found is not None:
            return found
        if len(self._buckets) >= self._uids_max:
            self._forget_full(now_usec)
        # Root always gets its own: a person with sudo must be heard while an agent floods from borrowed uids.
        crowded = uid != 0 and len(self._buckets) >= self._uids_max
        full = _Bucket(level=self._rate.burst * _TOKEN, at_usec=now_usec)
        return self._buckets.setdefault(STRANGERS if crowded else uid, full)

    def _forget_full(self, now_usec: int) -> None:
        """Drop the buckets that say nothing: full again, and nothing left to report."""
        full = self._rate.burst * _TOKEN
        for uid, bucket in tuple(self._buckets.items()):
            if self._level(bucket, now_usec) == full and not bucket.dropped:
                del self._buckets[uid]

    def _level(self, bucket: _Bucket, now_usec: int) -> int:
        waited_usec = max(now_usec - bucket.at_usec, 0)
        return min(self._rate.burst * _TOKEN, bucket.level + waited_usec * self._rate.per_second)
