"""How long from the death of a gateway to the next one's first instruction, against a real daemon, journal included.

Run: ./check bench, or .venv/bin/python benchmarks/death_to_exec.py. Prints one JSON object; times in milliseconds.
`--against FOLDER` runs a daemon of another checkout beside this one's and kills a child of each in turn, so that both
meet the same noise; what then counts is `saved_ms_median`, the median of the differences between neighbouring rounds.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
POLICY = """
[gateway.bench]
command = {command}
backoff = {{first = "1ms", max = "1ms", stable_after = "200ms"}}
budget = {{windows = ["1000 per 1min"], self_restart = ["1000 per 1min"]}}
spiral = {{page_at = 1000, identical_page_at = 1000, hold_below = "2ms"}}
ready = {{kind = "delay", delay = "10ms"}}
"""
PAGER = """
[channel.none]
kind = "exec"
argv = ["/bin/true"]
[escalation]
tiers = [["none"]]
notices = ["none"]
"""
UP_S = 0.4
"""A life lasts longer than `stable_after`, so that the next start follows at once, and its chores are over."""
BOUND_S = 20.0


class Daemon:
    """A daemon of one checkout, with one gateway that stamps its beginning."""

    def __init__(self, checkout: Path, folder: Path, child: Path) -> None:
        self.stamps_file = folder / "stamps"
        config = folder / "config"
        config.mkdir(mode=0o700, parents=True)
        policy = POLICY.format(command=json.dumps([str(child), str(self.stamps_file)]))
        for file, text in (("policy.toml", policy), ("pager.toml", PAGER)):
            (config / file).write_text(text)
            (config / file).chmod(0o600)
        folders = ["--config", str(config), "--state", f"{folder}/state", "--runtime", f"{folder}/run"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from watchdog.cli.main import main; main()", "daemon", *folders],
            env=os.environ | {"PYTHONPATH": str(checkout)},
            cwd=checkout,
            stderr=subprocess.DEVNULL,
        )

    def stamps(self) -> list[tuple[int, int]]:
        """Return pid and monotonic time in ns of each beginning so far."""
        if not self.stamps_file.exists():
            return []
        return [(int(pid), int(at)) for pid, at in map(str.split, self.stamps_file.read_text().splitlines())]

    def wait_for(self, count: int) -> list[tuple[int, int]]:
        """Wait until the gateway has begun so often."""
        until = time.monotonic() + BOUND_S
        while len(found := self.stamps()) < count:
            if time.monotonic() > until:
                raise SystemExit(f"no restart within {BOUND_S} s; is this checkout sound? {self.stamps_file}")
            time.sleep(0.002)
        return found

    def one_death(self) -> float:
        """Kill the gateway; return the milliseconds until the next one began."""
        before = self.stamps()
        died_ns = time.monotonic_ns()
        os.kill(before[-1][0], signal.SIGKILL)
        return (self.wait_for(len(before) + 1)[-1][1] - died_ns) / 1e6

    def close(self) -> None:
        """End the daemon and its gateway."""
        self.process.terminate()
        self.process.wait(timeout=BOUND_S)
        if found := self.stamps():
            os.kill(found[-1][0], signal.SIGKILL)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--against", type=Path, help="another checkout, to compare with")
    wanted = parser.parse_args()
    checkouts = [HERE] if wanted.against is None else [HERE, wanted.against.resolve()]
    with tempfile.TemporaryDirectory() as name:
        child = Path(name) / "child"
        source = HERE / "benchmarks" / "peers" / "child.c"
        subprocess.run(["/usr/bin/env", "cc", "-O2", "-static", "-o", child, source], check=True)
        daemons = [Daemon(checkout, Path(name) / str(number), child) for number, checkout in enumerate(checkouts)]
        try:
            times = measure(daemons, wanted.rounds)
        finally:
            for daemon in daemons:
                daemon.close()
    found = figures(times[0])
    if len(times) > 1:
        found["against"] = figures(times[1])
        saved = [theirs - ours for ours, theirs in zip(*times, strict=True)]
        found["saved_ms_median"] = round(statistics.median(saved), 2)
    print(json.dumps(found))


def measure(daemons: list[Daemon], rounds: int) -> list[list[float]]:
    """Kill each daemon's gateway in turn; the one that goes first changes from round to round."""
    for daemon in daemons:
        daemon.wait_for(1)
    times: list[list[float]] = [[] for _ in daemons]
    for number in range(rounds):
        order = list(zip(daemons, times, strict=True))
        for daemon, found in order if number % 2 else reversed(order):
            time.sleep(UP_S)
            found.append(daemon.one_death())
    return times


def figures(times: list[float]) -> dict[str, object]:
    """Sum up one daemon's times."""
    ranked = sorted(times)
    return {
        "deaths": len(times),
        "death_to_exec_ms_p50": round(statistics.median(times), 2),
        "death_to_exec_ms_p99": round(ranked[int(len(ranked) * 0.99)], 2),
        "death_to_exec_ms_min": round(ranked[0], 2),
    }


if __name__ == "__main__":
    main()
