"""What it costs to know who sent a signal: one kill(2) with and without, and from the signal until we hear of it.

    sudo .venv/bin/python benchmarks/kill_attribution.py [SIGNALS]

Three prices of a kill(2) of SIGUSR1, which the target handles: nobody looks; somebody looks at another process, as most
signals of a host meet it; somebody looks at this one. Then the latency from the kernel's stamp to the callback on an
idle loop, and what it costs to tell the kernel of a new main process. Mounts tracefs for a moment where nobody did. Run
it on a quiet machine: what is measured is microseconds.
"""

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from watchdog.sensors.signals.perf import HostTrace, PerfRefused
from watchdog.sensors.signals.samples import parse_sample
from watchdog.sensors.signals.tracepoints import TRACEFS, find_tracepoints

TARGET = "import signal, time; signal.signal(signal.SIGUSR1, print); print(flush=True)\nwhile True: time.sleep(60)"
LATENCIES = 300
ARMINGS = 100


def read_tracepoint() -> int:
    """Read the kernel's number of signal_generate, from a mount of our own where there is none."""
    try:
        return find_tracepoints()[0]
    except PerfRefused:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["/bin/mount", "-t", "tracefs", "tracefs", folder], check=True)
            try:
                return find_tracepoints((*TRACEFS, Path(folder)))[0]
            finally:
                subprocess.run(["/bin/umount", folder], check=True)


def start_target() -> "subprocess.Popen[bytes]":
    """Start a process that takes SIGUSR1."""
    process = subprocess.Popen([sys.executable, "-c", TARGET], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if process.stdout is not None:
        process.stdout.readline()
        process.stdout.close()
    return process


def price_usec(pid: int, count: int) -> float:
    """Return the median price of one kill(2), in rounds of a hundred."""
    rounds = []
    for _ in range(max(1, count // 100)):
        begin = time.perf_counter_ns()
        for _ in range(100):
            os.kill(pid, signal.SIGUSR1)
        rounds.append((time.perf_counter_ns() - begin) / 100_000)
    return statistics.median(rounds)


def arming_usec(trace: HostTrace, pid: int) -> float:
    """Return the median price of telling the kernel what to look for."""
    prices = []
    for _ in range(ARMINGS):
        begin = time.perf_counter_ns()
        trace.arm(f"pid=={pid}")
        prices.append((time.perf_counter_ns() - begin) / 1000)
    return statistics.median(prices)


async def latencies_usec(trace: HostTrace, pid: int) -> list[float]:
    """Return how long after each signal we have it, in order."""
    heard: asyncio.Queue[float] = asyncio.Queue()

    def hear() -> None:
        now = time.monotonic_ns() / 1000
        for record in trace.read(64):
            sample = parse_sample(record)
            if sample is not None:
                heard.put_nowait(now - sample.at_usec)

    list(trace.read(10_000))
    for descriptor in trace.descriptors:
        asyncio.get_running_loop().add_reader(descriptor, hear)
    found = []
    for _ in range(LATENCIES):
        os.kill(pid, signal.SIGUSR1)
        found.append(await asyncio.wait_for(heard.get(), 5))
    return sorted(found)


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    target, other = start_target(), start_target()
    trace = HostTrace(read_tracepoint())
    try:
        print(f"kill(2), nobody looks:           {price_usec(target.pid, count):7.2f} us")
        trace.arm(f"pid=={other.pid}")
        print(f"kill(2), another is looked at:   {price_usec(target.pid, count):7.2f} us")
        print(f"the kernel is told anew:         {arming_usec(trace, target.pid):7.0f} us, {os.cpu_count()} processors")
        print(f"kill(2), this one is looked at:  {price_usec(target.pid, count):7.2f} us")
        found = asyncio.run(latencies_usec(trace, target.pid))
        print(f"signal -> callback:              {statistics.median(found):7.0f} us p50, {found[-3]:.0f} us p99")
    finally:
        trace.close()
        for each in (target, other):
            each.kill()
            each.wait()


if __name__ == "__main__":
    main()
