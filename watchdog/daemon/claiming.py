"""Claim what a daemon must have alone: its folders, the gateways' locks, its journal.

Theory of operation. The rules that were found name the gateways, and their locks are taken before anything is made, so
that a second gatedog leaves no trace. But what was found may not be what counts: that is for the journal to say. Then
the locks are those of the rules in force, and whatever stands in a changed file keeps nobody from going on.

Invariant: what was claimed is given back in the opposite order, whatever happens.
"""

import os
import stat
import sys
from contextlib import ExitStack
from pathlib import Path

from watchdog.daemon.options import CannotRun, DaemonOptions
from watchdog.daemon.recovery import Memory, remember
from watchdog.daemon.revisions import has_committed_rules, rules_in_force
from watchdog.gateway.gatewaylock import GatewayLock, GatewayLocked, acquire_gateway_lock
from watchdog.gateway.lives import LifeFolder
from watchdog.journal.errors import JournalError

JOURNAL = "journal"
"""The journal's folder, below the state folder."""


def claim(options: DaemonOptions, ending: ExitStack) -> tuple[DaemonOptions, Memory]:
    """Return the options with the rules that count, and the memory; `ending` gives back what was claimed.

    Raises GatewayLocked, JournalError, CannotRun or OSError.
    """
    locks: list[GatewayLock] = []
    ending.callback(_release, locks)
    barred = _lock_what_was_found(options, locks)
    _make_folders(options)
    memory = _remember(options, barred)
    ending.callback(_close_journal, memory)
    ruled = rules_in_force(options, memory.state)
    if barred is not None or ruled is not options:
        _release(locks)
        locks.extend(acquire_gateway_lock(gateway) for gateway in ruled.policy.gateways)
    return ruled, memory


def no_place(error: OSError, options: DaemonOptions) -> CannotRun:
    """Say that a folder or a disk keeps gatedog from beginning."""
    places = f"{options.state_folder} {options.runtime_folder}"
    return CannotRun(f"cannot begin: {error}. Look at: ls -ld {places}; df {places}")


def _lock_what_was_found(options: DaemonOptions, locks: list[GatewayLock]) -> GatewayLocked | None:
    """Take the locks before anything is made; return who has one, where what was found may not be what counts."""
    try:
        locks.extend(acquire_gateway_lock(gateway) for gateway in options.policy.gateways)
    except GatewayLocked as locked:
        if not has_committed_rules(options):
            raise
        return locked
    return None


def _remember(options: DaemonOptions, barred: GatewayLocked | None) -> Memory:
    try:
        return remember(options.state_folder / JOURNAL, newest_life=_newest_life(options.state_folder))
    except JournalError:
        if barred is not None:
            raise barred from None  # whoever has the journal has the gateway, and that says more
        raise


def _newest_life(state_folder: Path) -> int:
    folders = [LifeFolder(folder=folder) for folder in (state_folder / "lives").glob("*")]
    return max((life for folder in folders for life in folder.lives()), default=0)


def _make_folders(options: DaemonOptions) -> None:
    for folder, mode in ((options.state_folder, 0o700), (options.runtime_folder, 0o755)):
        try:
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
        except OSError as error:
            raise CannotRun(f"cannot make {folder}: {error.strerror}. Try: ls -ld {folder.parent}") from error
    status = options.state_folder.stat()
    if status.st_uid not in {0, os.geteuid()} or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        # The records of lives in there say which processes are ours to kill.
        what = f"{options.state_folder} is not yours alone (uid {status.st_uid}, mode {stat.S_IMODE(status.st_mode):o})"
        how = f"look at what is in it, then: chown {os.geteuid()}: and chmod 700, or choose another with --state"
        raise CannotRun(f"{what}, so others could write what gatedog believes; {how}")


def _close_journal(memory: Memory) -> None:
    try:
        memory.journal.close()
    except JournalError as error:
        sys.stderr.write(f"gatedog: what was last seen could not be put on disk: {error}\n")


def _release(locks: list[GatewayLock]) -> None:
    for lock in locks:
        lock.release()
    locks.clear()
