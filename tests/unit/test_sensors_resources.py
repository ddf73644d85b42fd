"""What a process uses, and never what a stranger with its pid uses."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

from watchdog.core.identity import BootId, ProcessRef
from watchdog.sensors.clocks import read_boot_id
from watchdog.sensors.resources import measure


def ref(pid: int) -> ProcessRef:
    """Refer to a living process."""
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return ProcessRef(pid=pid, start_ticks=int(fields[19]), boot=read_boot_id())


def test_a_living_process_is_measured() -> None:
    """This very process has memory, descriptors, threads, time spent, and the child it just started."""
    with subprocess.Popen(["sleep", "600"]) as child:
        found = measure(ref(os.getpid()))
        child.kill()

    assert found is not None
    assert found.rss_bytes > 1_000_000
    assert found.open_files is not None
    assert found.open_files >= 3
    assert found.threads >= 1
    assert found.cpu_usec > 0
    assert found.children >= 1


def test_a_stranger_with_the_same_pid_is_not_measured() -> None:
    """Another start time or another boot is another process."""
    ours = ref(os.getpid())

    assert measure(replace(ours, start_ticks=ours.start_ticks + 1)) is None
    assert measure(replace(ours, boot=BootId("another"))) is None


def test_a_process_that_ended_is_not_measured() -> None:
    """Neither as a zombie nor after it is gone."""
    with subprocess.Popen(["sleep", "600"]) as child:
        ended = ref(child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert measure(ended) is None

    assert measure(ended) is None
