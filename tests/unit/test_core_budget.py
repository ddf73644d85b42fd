"""Restart budgets: sliding windows over lives."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.core.budget import (
    PLAIN_ACCOUNTS,
    SELF_RESTART_ACCOUNTS,
    TRUSTED_ACCOUNTS,
    enter,
    next_free_usec,
    spent,
    used,
    window_text,
)
from watchdog.core.decisions import Charge
from watchdog.core.identity import LifeId
from watchdog.core.policy import BudgetPolicy, Window
from watchdog.core.state import LedgerEntry
from watchdog.core.timeline import DAY, MINUTE, SECOND, Usec

THREE = Window(starts=3, per_usec=10 * MINUTE)


def lives(*minutes: int, charge: Charge = Charge.AUTOMATIC) -> tuple[LedgerEntry, ...]:
    """Make a ledger of lives that began at these minutes."""
    return tuple(LedgerEntry(at_usec=Usec(at * MINUTE), charge=charge, life=LifeId(at)) for at in minutes)


def test_the_window_is_spent_by_as_many_lives_as_it_allows() -> None:
    """Three starts in ten minutes are allowed, a fourth is not."""
    assert spent(lives(0, 1), (THREE,), PLAIN_ACCOUNTS, Usec(2 * MINUTE)) is None
    assert spent(lives(0, 1, 2), (THREE,), PLAIN_ACCOUNTS, Usec(3 * MINUTE)) == THREE


def test_a_life_leaves_the_window_at_its_very_end() -> None:
    """A life is counted until it is as old as the window is long, and not one microsecond more."""
    assert len(used(lives(0, 1, 2), THREE, PLAIN_ACCOUNTS, Usec(10 * MINUTE - 1))) == 3
    assert len(used(lives(0, 1, 2), THREE, PLAIN_ACCOUNTS, Usec(10 * MINUTE))) == 2


def test_the_first_spent_window_is_named() -> None:
    """The sentence for the human names the window that is in the way."""
    day = Window(starts=2, per_usec=DAY)

    assert spent(lives(0, 1), (THREE, day), PLAIN_ACCOUNTS, Usec(2 * MINUTE)) == day


def test_every_account_has_its_own_windows() -> None:
    """What a human or a trusted unit started does not spend the budget of automatic starts, and what it did is kept."""
    for charge in (Charge.HUMAN, Charge.RELEASE, Charge.BOOT, Charge.SLOW, Charge.TRUSTED):
        assert spent(lives(0, 1, 2, charge=charge), (THREE,), PLAIN_ACCOUNTS, Usec(2 * MINUTE)) is None

    for charge in (Charge.AUTOMATIC, Charge.SELF_RESTART, Charge.FOREIGN):
        assert spent(lives(0, 1, 2, charge=charge), (THREE,), PLAIN_ACCOUNTS, Usec(2 * MINUTE)) == THREE

    assert spent(lives(0, 1, 2, charge=Charge.SELF_RESTART), (THREE,), SELF_RESTART_ACCOUNTS, Usec(0)) == THREE
    assert spent(lives(0, 1, 2, charge=Charge.TRUSTED), (THREE,), TRUSTED_ACCOUNTS, Usec(0)) == THREE


def test_next_free_is_when_the_eldest_counted_life_leaves() -> None:
    """A spent window says when it allows a start again, and it is right to the microsecond."""
    now = Usec(4 * MINUTE)
    wait = next_free_usec(lives(0, 1, 2), THREE, PLAIN_ACCOUNTS, now)

    assert wait == 6 * MINUTE
    assert spent(lives(0, 1, 2), (THREE,), PLAIN_ACCOUNTS, Usec(now + wait)) is None
    assert spent(lives(0, 1, 2), (THREE,), PLAIN_ACCOUNTS, Usec(now + wait - 1)) == THREE


def test_next_free_of_an_open_window_is_told_as_soon_as_one_is_used() -> None:
    """Who looks at a budget that is half spent learns when it is whole again; one that is whole has nothing to free."""
    assert next_free_usec(lives(0, 1), THREE, PLAIN_ACCOUNTS, Usec(2 * MINUTE)) == 8 * MINUTE
    assert next_free_usec((), THREE, PLAIN_ACCOUNTS, Usec(2 * MINUTE)) == 0
    assert next_free_usec(lives(0, 1), THREE, SELF_RESTART_ACCOUNTS, Usec(2 * MINUTE)) == 0


def test_next_free_of_an_overdrawn_window_waits_for_all_that_is_too_much() -> None:
    """Foreign starts ask nobody: that one of five leaves a window of three allows nothing yet."""
    ledger, now = lives(0, 1, 2, 3, 4), Usec(5 * MINUTE)
    wait = next_free_usec(ledger, THREE, PLAIN_ACCOUNTS, now)

    assert wait == 7 * MINUTE
    assert spent(ledger, (THREE,), PLAIN_ACCOUNTS, Usec(now + wait)) is None
    assert spent(ledger, (THREE,), PLAIN_ACCOUNTS, Usec(now + wait - 1)) == THREE


def test_the_ledger_forgets_what_no_window_can_see() -> None:
    """Entries older than the longest window are dropped, younger ones never are."""
    policy = BudgetPolicy(windows=(THREE,), self_restart=(THREE,), trusted=(THREE,))
    entry = lives(11)[0]

    assert enter(lives(0, 1, 2), entry, policy) == lives(2, 11)


@pytest.mark.parametrize(("charge", "kept"), [(Charge.FOREIGN, 30), (Charge.TRUSTED, 300), (Charge.HUMAN, 32)])
def test_the_ledger_keeps_of_each_account_what_its_largest_window_counts(charge: Charge, kept: int) -> None:
    """However many lives there were, each account keeps its youngest: enough for every window over it, and no more."""
    ledger: tuple[LedgerEntry, ...] = ()
    for at in range(400):
        entry = LedgerEntry(at_usec=Usec(at * SECOND), charge=charge, life=LifeId(at))
        ledger = enter(ledger, entry, BudgetPolicy())

    assert len(ledger) == kept
    assert ledger[-1].life == 399


def test_a_busy_account_takes_no_room_from_another() -> None:
    """Three hundred trusted restarts do not make the ledger forget an automatic one."""
    first = LedgerEntry(at_usec=Usec(0), charge=Charge.AUTOMATIC, life=LifeId(1))
    ledger: tuple[LedgerEntry, ...] = (first,)
    for at in range(1, 400):
        entry = LedgerEntry(at_usec=Usec(at * SECOND), charge=Charge.TRUSTED, life=LifeId(at))
        ledger = enter(ledger, entry, BudgetPolicy())

    assert ledger[0] == first


def test_a_window_reads_as_people_write_it() -> None:
    """The reason for a hold is readable aloud."""
    assert window_text(THREE) == "3 per 10m"


@settings(derandomize=True, database=None, deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=30), min_size=1, max_size=40))
def test_no_window_ever_admits_more_than_it_says(gaps: list[int]) -> None:
    """Whoever asks before each start never starts more than three in any ten minutes, wherever those begin."""
    ledger: tuple[LedgerEntry, ...] = ()
    now = 0
    for gap in gaps:
        now += gap * MINUTE // 3
        if spent(ledger, (THREE,), PLAIN_ACCOUNTS, Usec(now)) is None:
            ledger = (*ledger, LedgerEntry(at_usec=Usec(now), charge=Charge.AUTOMATIC, life=LifeId(1)))
    times = [entry.at_usec for entry in ledger]

    assert all(sum(1 for other in times if 0 <= other - at < 10 * MINUTE) <= 3 for at in times)
