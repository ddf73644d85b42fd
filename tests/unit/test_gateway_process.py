"""Processes held by pidfd: identity and status, of children and of strangers."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from watchdog.core.identity import ProcessRef
from watchdog.gateway.process import (
    Status,
    has_ended,
    open_pidfd,
    peek_status,
    read_age_usec,
    read_stat,
    reap,
)
from watchdog.origin.procfs import read_boot

BOUND_MSEC = 20_000


def identify(pid: int) -> ProcessRef:
    """Name a living process for ever."""
    stat = read_stat(pid)
    assert stat is not None
    return ProcessRef(pid=pid, start_ticks=stat.start_ticks, boot=read_boot())


def wait(pidfd: int) -> None:
    """Wait for the end of a process, within a bound."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    assert poll.poll(BOUND_MSEC)


@contextmanager
def child(script: str) -> Iterator[tuple[ProcessRef, int]]:
    """Start a shell that waits for a line and then runs `script`; gives its identity and a pidfd."""
    process = subprocess.Popen(["/bin/sh", "-c", f"read -r go; {script}"], stdin=subprocess.PIPE)
    pidfd = os.pidfd_open(process.pid)
    try:
        assert process.stdin is not None
        reference = identify(process.pid)
        process.stdin.write(b"go\n")
        process.stdin.close()
        yield reference, pidfd
    finally:
        os.close(pidfd)
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("script", "expected"),
    [("exit 0", Status(code=0)), ("exit 42", Status(code=42)), ("kill -TERM $$", Status(signal="SIGTERM"))],
)
def test_status_of_a_child_is_read_without_reaping_it(script: str, expected: Status) -> None:
    """Peeking twice tells the same, and only reap() makes the kernel forget."""
    with child(script) as (process, pidfd):
        wait(pidfd)

        assert (peek_status(pidfd, process), peek_status(pidfd, process)) == (expected, expected)
        assert has_ended(pidfd)
        reap(pidfd)
        assert read_stat(process.pid) is None


def test_status_of_a_running_process_is_not_known() -> None:
    """A living process has no status, child or stranger."""
    own = identify(os.getpid())
    pidfd = os.pidfd_open(own.pid)

    assert peek_status(pidfd, own) is None
    assert not has_ended(pidfd)
    os.close(pidfd)


@pytest.mark.parametrize(("script", "expected"), [("exit 7", Status(code=7)), ("kill -9 $$", Status(signal="SIGKILL"))])
def test_status_of_a_zombie_that_is_not_our_child_is_known(script: str, expected: Status) -> None:
    """As long as its parent has not reaped it, a stranger's status is read from /proc."""
    parent = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen(['/bin/sh', '-c', 'read -r go; {script}'], stdin=0)\n"
        "print(child.pid, flush=True)\nimport signal; signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        process = identify(int(keeper.stdout.readline()))
        pidfd = os.pidfd_open(process.pid)
        keeper.stdin.write(b"go\n")
        keeper.stdin.flush()
        wait(pidfd)
        status = peek_status(pidfd, process)
        os.close(pidfd)
        keeper.kill()

    assert status == expected


def test_pidfd_is_refused_for_another_process_of_that_pid() -> None:
    """Neither another start time nor another boot is the same process."""
    own = identify(os.getpid())
    boot = read_boot()

    pidfd = open_pidfd(own, boot)
    assert pidfd is not None
    os.close(pidfd)
    assert open_pidfd(replace(own, start_ticks=own.start_ticks + 1), boot) is None
    assert open_pidfd(own, type(boot)("another boot")) is None


def test_name_of_a_process_cannot_fake_its_fields() -> None:
    """A process whose name holds parentheses and spaces is read like any other."""
    with child("printf ') Z 1 1' > /proc/$$/comm; kill -STOP $$") as (process, _):
        for _ in range(100_000):
            stat = read_stat(process.pid)
            assert stat is not None
            if stat.state == "T":
                break
            os.sched_yield()

        assert (stat.state, stat.parent, stat.start_ticks) == ("T", os.getpid(), process.start_ticks)


def test_age_counts_from_the_start() -> None:
    """A process is as old as the time since it started, at least 0."""
    with child("exit 0") as (process, _):
        assert 0 <= read_age_usec(process) < 20 * 1_000_000
    assert read_age_usec(replace(process, start_ticks=process.start_ticks + 10**9)) == 0
