"""Restart budgets: a ledger of lives and the sliding windows over it.

Theory of operation. Each life that begins is one ledger entry with the account it is charged to. A window allows a
further start when fewer than `starts` entries of its accounts are younger than `per_usec`. The window slides: keep
the timestamps, drop the old, count (OTP's restart intensity). A tumbling window, which systemd's rate limiter uses,
admits up to twice its burst around an edge. Lives are counted, not decisions: a decision that a crash swallowed
started nothing, and one that was performed twice by mistake started two.

Invariant: the ledger is in time order, bounded, and keeps every entry that can still decide a window.
"""

from watchdog.core.decisions import Charge
from watchdog.core.policy import BudgetPolicy, Window
from watchdog.core.state import LedgerEntry
from watchdog.core.timeline import Usec, duration_text

UNCOUNTED_KEPT = 32
"""Entries kept of an account that no window counts (human, boot, ...): they are only shown."""

PLAIN_ACCOUNTS = (Charge.AUTOMATIC, Charge.SELF_RESTART, Charge.FOREIGN)
SELF_RESTART_ACCOUNTS = (Charge.SELF_RESTART,)
TRUSTED_ACCOUNTS = (Charge.TRUSTED,)


def enter(ledger: tuple[LedgerEntry, ...], entry: LedgerEntry, policy: BudgetPolicy) -> tuple[LedgerEntry, ...]:
    """Add an entry, and drop what no window can count any more: too old for all, or more than the largest holds."""
    horizon = max(window.per_usec for window in (*policy.windows, *policy.self_restart, *policy.trusted))
    kept = tuple(other for other in ledger if entry.at_usec - other.at_usec < horizon)
    largest = max((window.starts for window in _windows_over(entry.charge, policy)), default=UNCOUNTED_KEPT)
    same = tuple(other for other in kept if other.charge is entry.charge)
    excess = same[: max(0, len(same) + 1 - largest)]
    return (*(other for other in kept if other not in excess), entry)


def _windows_over(charge: Charge, policy: BudgetPolicy) -> tuple[Window, ...]:
    plain = policy.windows if charge in PLAIN_ACCOUNTS else ()
    own = policy.self_restart if charge in SELF_RESTART_ACCOUNTS else ()
    trusted = policy.trusted if charge in TRUSTED_ACCOUNTS else ()
    return (*plain, *own, *trusted)


def used(
    ledger: tuple[LedgerEntry, ...], window: Window, accounts: tuple[Charge, ...], now_usec: Usec
) -> tuple[LedgerEntry, ...]:
    """Return the entries that count against a window now."""
    return tuple(entry for entry in ledger if entry.charge in accounts and now_usec - entry.at_usec < window.per_usec)


def spent(
    ledger: tuple[LedgerEntry, ...], windows: tuple[Window, ...], accounts: tuple[Charge, ...], now_usec: Usec
) -> Window | None:
    """Return the first window that allows no further start, None if all do."""
    for window in windows:
        if len(used(ledger, window, accounts, now_usec)) >= window.starts:
            return window
    return None


def next_free_usec(
    ledger: tuple[LedgerEntry, ...], window: Window, accounts: tuple[Charge, ...], now_usec: Usec
) -> int:
    """Return how long until the window allows one start more than it does now; 0 when it allows them all.

    That is when the eldest counted entry leaves it; of a window that holds more than it allows, so many more with it.
    """
    counted = used(ledger, window, accounts, now_usec)
    if not counted:
        return 0
    freed = counted[max(len(counted) - window.starts, 0)]
    return freed.at_usec + window.per_usec - now_usec


def window_text(window: Window) -> str:
    """Say a window as people write it: "5 per 10m"."""
    return f"{window.starts} per {duration_text(window.per_usec)}"
