"""Whose pid stands in the gateway's lock file."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from watchdog.core.rival import RivalKind
from watchdog.origin import procfs
from watchdog.sensors.lockowner import look_at_lock, named_pid

ELSEWHERE = ("/system.slice/agent-gateway.service",)


@pytest.mark.parametrize(
    ("text", "pid"),
    [
        ("4242\n", 4242),
        ('{"pid": 4242, "startTime": 7}      ', 4242),
        ("4242 host.example\n", 4242),
        ('{"pid": "4242"}', 0),
        ('{"pid": -1}', 0),
        ("[4242]", 0),
        ("", 0),
        ("locked", 0),
        ("\x00\xff", 0),
        ("99999999999", 0),
    ],
)
def test_the_pid_in_a_lock_is_read_as_data(text: str, pid: int) -> None:
    """Plain or JSON; anything else names nobody."""
    assert named_pid(text) == pid


def test_a_living_holder_outside_of_the_gateway_is_a_rival(tmp_path: Path) -> None:
    """It is named with pid, program, start and cgroup; within the gateway's own cgroup it is the gateway."""
    lock = tmp_path / "gateway.lock"
    lock.write_text(json.dumps({"pid": os.getpid()}))
    (rival,) = look_at_lock(str(lock), ELSEWHERE)

    assert (rival.kind, rival.subject) == (RivalKind.LOCK, str(lock))
    assert f"pid {os.getpid()}" in rival.detail
    assert look_at_lock(str(lock), (procfs.read_cgroup(os.getpid()),)) == ()


def test_a_stale_lock_is_nobodys(tmp_path: Path) -> None:
    """A dead pid, or one that was handed out again after the lock was written, convicts nobody."""
    lock = tmp_path / "gateway.lock"
    child = subprocess.Popen(["/bin/true"])
    lock.write_text(str(child.pid))
    child.wait()
    dead = look_at_lock(str(lock), ELSEWHERE)
    lock.write_text(str(os.getpid()))
    os.utime(lock, (1, 1))

    assert (dead, look_at_lock(str(lock), ELSEWHERE)) == ((), ())


def test_what_is_no_lock_is_nobodys(tmp_path: Path) -> None:
    """A missing file, a folder, a link, a pipe: no look blocks or raises."""
    (tmp_path / "link").symlink_to(tmp_path / "lock")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "lock").write_text(str(os.getpid()))

    for name in ("missing", "link", "pipe", "."):
        assert look_at_lock(str(tmp_path / name), ELSEWHERE) == ()
    assert look_at_lock("", ELSEWHERE) == look_at_lock(str(tmp_path / "lock"), ()) == ()
