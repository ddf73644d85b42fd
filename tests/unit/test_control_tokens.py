"""Token buckets: who asks too often."""

from hypothesis import given
from hypothesis import strategies as st

from watchdog.control.tokens import Rate, TokenBuckets
from watchdog.core.timeline import HOUR, SECOND

RATE = Rate(burst=3, per_second=2)


def taken(buckets: TokenBuckets, uid: int, now_usec: int, times: int) -> int:
    """Take so many tokens at once; return how many were there."""
    return sum(buckets.take(uid, now_usec) == 0 for _ in range(times))


def test_a_burst_passes_and_the_next_call_is_told_how_long_to_wait() -> None:
    """After the burst a call waits exactly until the next token."""
    buckets = TokenBuckets(RATE)

    assert taken(buckets, 7, 0, 3) == 3
    assert buckets.take(7, 0) == SECOND // 2
    assert buckets.take(7, SECOND // 2 - 1) == 1
    assert buckets.take(7, SECOND // 2) == 0


def test_a_rested_bucket_holds_no_more_than_its_burst() -> None:
    """A day of silence buys no more than one burst."""
    buckets = TokenBuckets(RATE)
    taken(buckets, 7, 0, 3)

    assert taken(buckets, 7, 86_400 * SECOND, 10) == 3


def test_each_uid_has_its_own_bucket() -> None:
    """One account's flood takes nothing from another."""
    buckets = TokenBuckets(RATE)
    taken(buckets, 7, 0, 100)

    assert taken(buckets, 8, 0, 3) == 3


def test_a_clock_that_went_back_gives_nothing_away() -> None:
    """An earlier time than the last one neither refills nor breaks anything."""
    buckets = TokenBuckets(RATE)
    taken(buckets, 7, 10 * SECOND, 3)

    assert buckets.take(7, 0) > 0
    assert taken(buckets, 7, 11 * SECOND, 3) == 2


def test_what_costs_more_takes_more() -> None:
    """Several tokens are taken at once or not at all; more than a full bucket holds takes all of it."""
    buckets = TokenBuckets(RATE)
    assert buckets.take(7, 0, 2) == 0
    assert buckets.take(7, 0, 2) == SECOND // 2
    assert buckets.take(7, 0, 1) == 0
    assert buckets.take(8, 0, 1_000_000) == 0
    assert buckets.take(8, 0, 1_000_000) == 3 * SECOND // 2


def test_drops_are_reported_at_once_and_then_once_an_hour() -> None:
    """The first turned-away call is told at once, the later ones together: each report is a record, and a notice."""
    buckets = TokenBuckets(RATE)
    taken(buckets, 7, 0, 4)

    assert buckets.drops_to_report(7, 0) == 1
    taken(buckets, 7, 0, 5)
    assert buckets.drops_to_report(7, HOUR - 1) == 0
    assert buckets.drops_to_report(7, HOUR) == 5
    assert buckets.drops_to_report(7, 2 * HOUR) == 0


def test_more_uids_than_buckets_share_one_and_root_keeps_its_own() -> None:
    """Borrowed uids beyond the limit drain a common bucket, while root still gets through."""
    buckets = TokenBuckets(RATE, uids_max=2)
    for uid in (1, 2):
        taken(buckets, uid, 0, 3)

    assert sum(taken(buckets, uid, 0, 3) for uid in range(100, 200)) == 3
    assert taken(buckets, 0, 0, 3) == 3


def test_rested_buckets_make_room() -> None:
    """A bucket that is full again says nothing and is forgotten for a newcomer."""
    buckets = TokenBuckets(RATE, uids_max=1)
    taken(buckets, 1, 0, 1)

    assert taken(buckets, 2, 10 * SECOND, 3) == 3
    assert taken(buckets, 3, 10 * SECOND, 3) == 3
    assert taken(buckets, 4, 10 * SECOND, 3) == 0


@given(st.lists(st.integers(0, 3 * SECOND), max_size=60))
def test_no_stretch_of_time_lets_more_pass_than_burst_and_rate(steps: list[int]) -> None:
    """Whatever the rhythm, at most burst plus rate times elapsed calls pass."""
    buckets = TokenBuckets(RATE)
    now_usec, passed = 0, 0
    for step in steps:
        now_usec += step
        passed += buckets.take(7, now_usec) == 0

    assert passed <= RATE.burst + RATE.per_second * now_usec / SECOND
