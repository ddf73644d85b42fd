"""The end of everything that belongs to one session.

Killing a process group misses whoever made a group of their own; a session is left only on purpose, by setsid.
Invariant: a signal goes to a process only through a pidfd, after a look that it still is of the session, so a
recycled pid is never hit. The session's leader must not be reaped before: its pid is the session's name.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROUNDS_MAX = 20
"""Looks at /proc; a fork bomb could otherwise keep us here for ever."""


def end_session(leader: int) -> None:
    """Kill all processes of the session named by `leader` (an unreaped child of ours), and nothing else."""
    for _ in range(ROUNDS_MAX):
        members = tuple(_members(leader))
        if not members:
            return
        for pid in members:
            _kill(pid, leader)


def _members(leader: int) -> Iterator[int]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - a few hundred names; Path objects cost ten times as much
        if name.isdigit() and _lives_in(int(name), leader):
            yield int(name)


def _lives_in(pid: int, leader: int) -> bool:
    """Read state and session, fields 3 and 6 of stat. The name before them may hold spaces and brackets."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    state, _, _, session = stat.rpartition(b")")[2].split()[:4]
    return int(session) == leader and state not in (b"Z", b"X")


def _kill(pid: int, leader: int) -> None:
    with suppress(ProcessLookupError):
        pidfd = os.pidfd_open(pid)
        try:
            if _lives_in(pid, leader):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        finally:
            os.close(pidfd)
