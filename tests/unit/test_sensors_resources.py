"""What a process uses, and never what a stranger with its pid uses."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

from watchdog.core.identity import BootId, ProcessRef
from watchdog.origin.procfs import read_boot
from watchdog.sensors.resources import Resources, cpu_between, measure


def ref(pid: int) -> ProcessRef:
    """Refer to a living process."""
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return ProcessRef(pid=pid, start_ticks=int(fields[19]), boot=read_boot())


def test_a_living_life_is_measured() -> None:
    """This very process and the child it just started have memory, descriptors, threads and time spent."""
    with subprocess.Popen(["sleep", "600"]) as child:
        alone = measure(ref(os.getpid()))
        found = measure(ref(os.getpid()), (os.getpid(), child.pid))
        child.kill()

    assert alone is not None
    assert found is not None
    assert found.rss_bytes > alone.rss_bytes > 1_000_000
    assert found.open_files is not None
    assert found.open_files >= 3
    assert (alone.processes, found.processes) == (1, 2)
    assert found.threads > alone.threads >= 1
    assert dict(found.cpu_usec)[os.getpid()] > 0


def test_processor_time_is_counted_by_process() -> None:
    """A process that ended between two measurements takes nothing away, and one that came adds what it spent."""
    before = Resources(rss_bytes=1, open_files=1, threads=1, processes=2, cpu_usec=((1, 100), (2, 900)))
    after = Resources(rss_bytes=1, open_files=1, threads=1, processes=2, cpu_usec=((1, 150), (3, 7)))

    assert cpu_between(before, after) == 57


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
