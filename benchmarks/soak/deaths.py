"""Does gatedog grow? Ten thousand deaths of a real child gateway under a real daemon, with a sample every so often.

Run: .venv/bin/python benchmarks/soak/deaths.py (about ten minutes, as root for the cgroups). Prints one JSON line for
each sample and a verdict as the last one; ends with 1 when something grew. A short form is part of ./check
(tests/system/test_soak_short.py).

The gateway ends in five ways by turns: with a code, by SIGKILL of its own, leaving a process of another session
behind, writing more than its log may hold, and cleanly. The policy forgives all of it, so that each death is followed
by a start.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from watchdog.journal.errors import JournalMissing
from watchdog.journal.store import Journal
from watchdog.journal.verification import verify

GATEDOG = str(Path(sys.executable).with_name("gatedog"))
PROGRAM = """
case $(( $$ % 5 )) in
0) exit 3 ;;
1) kill -9 $$ ;;
2) setsid sleep 600 & exit 4 ;;
3) head -c 100000 /dev/zero | tr '\\0' x; echo; exit 5 ;;
4) exit 0 ;;
esac
"""
POLICY = """
[gateway.soak]
command = {command}
log_max = "64KB"
backoff = {{first = "1ms", max = "1ms", stable_after = "5ms"}}
budget = {{windows = ["1000 per 1s"], self_restart = ["1000 per 1s"], trusted = ["1000 per 1s"]}}
spiral = {{page_at = 1000, identical_page_at = 1000, hold_below = "2ms"}}
stop = {{timeout = "1s"}}
ready = {{kind = "delay", delay = "10ms"}}
"""
"""No window of it fills: a life takes at least some milliseconds."""
PAGER = """
[channel.none]
kind = "exec"
argv = ["/bin/true"]
[escalation]
tiers = [["none"]]
notices = ["none"]
"""
SETTLED_FROM = 4
"""Samples before this one are warming up: caches, the kept lives, the restart ledger and the chain fill."""
STALLED_S = 60.0
RSS_GROWTH_PERCENT = 5.0
"""Between the second and the last quarter of a run, by the medians of resident memory: it moves in steps of whole
arenas, so a line fitted through it says more about one step than about the run."""
MOST = {"fds": 30, "threads": 6, "cgroups": 30, "lives_files": 60, "log_files": 120, "log_kib": 4_000}
"""What there may be of the rest at any time: twenty lives are kept, and a sample meets chores half done."""
SPREAD = {"fds": 8, "threads": 2}
"""How far the last settled sample may lie above the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the daemon and its folders hold after so many deaths."""

    deaths: int
    seconds: float
    rss_kib: int
    pss_kib: int
    fds: int
    threads: int
    cgroups: int
    journal_kib: int
    journal_bytes_per_death: int
    lives_files: int
    log_files: int
    log_kib: int


def main() -> int:
    """Soak, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deaths", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=500, help="deaths between two samples")
    parser.add_argument("--forgive-rss", action="store_true", help="do not judge memory: for soaks too short for it")
    wanted = parser.parse_args()
    if wanted.deaths < SETTLED_FROM * wanted.every:
        parser.error(f"--deaths must be at least {SETTLED_FROM} times --every")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        daemon = start_daemon(folder)
        try:
            samples = soak(daemon, folder, wanted.deaths, wanted.every)
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(timeout=STALLED_S)
        verdict = judge(samples, forgive_rss=wanted.forgive_rss) | afterwards(folder)
    verdict["flat"] = not verdict["grew"] and not verdict["left"] and verdict["journal_intact"]
    print(json.dumps({"verdict": verdict}))
    return 0 if verdict["flat"] else 1


def start_daemon(folder: Path) -> "subprocess.Popen[bytes]":
    """Start a daemon with the forgiving policy."""
    config = folder / "config"
    config.mkdir(mode=0o700)
    command = json.dumps(["/bin/sh", "-c", PROGRAM, name_of(folder)])
    for file, text in (("policy.toml", POLICY.format(command=command)), ("pager.toml", PAGER)):
        (config / file).write_text(text)
        (config / file).chmod(0o600)
    folders = ["--config", str(config), "--state", f"{folder}/state", "--runtime", f"{folder}/run"]
    return subprocess.Popen([GATEDOG, "daemon", *folders], stdin=subprocess.DEVNULL)


def name_of(folder: Path) -> str:
    """Mark the gateway's processes, so that they can be told from another soak's."""
    return f"gatedog-soak-{folder.name}"


def soak(daemon: "subprocess.Popen[bytes]", folder: Path, deaths: int, every: int) -> list[Sample]:
    """Wait for the deaths and sample on the way."""
    began = moved = time.monotonic()
    samples: list[Sample] = []
    counted = seq = 0
    while counted < deaths:
        time.sleep(0.1)
        if daemon.poll() is not None:
            raise SystemExit(f"the daemon ended with {daemon.returncode} after {counted} deaths")
        fresh, seq = count_deaths(folder / "state" / "journal", seq)
        counted += fresh
        if fresh:
            moved = time.monotonic()
        elif time.monotonic() - moved > STALLED_S:
            raise SystemExit(f"no death for {STALLED_S:.0f} s, after {counted} of them")
        if counted >= (len(samples) + 1) * every:
            samples.append(look(daemon.pid, folder, counted, time.monotonic() - began))
            print(json.dumps(asdict(samples[-1])), flush=True)
    return samples


def count_deaths(journal: Path, after: int) -> tuple[int, int]:
    """Count the deaths on record after a sequence number; return the last one looked at, too."""
    try:
        with Journal.read(journal) as opened:
            kinds = [(row.seq, row.kind) for row, _ in opened.rows(after)]
    except JournalMissing:
        return 0, after
    return sum(kind == "MainProcessExited" for _, kind in kinds), max((seq for seq, _ in kinds), default=after)


def look(pid: int, folder: Path, deaths: int, seconds: float) -> Sample:
    """Take one sample."""
    memory = dict(line.split()[:2] for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    state = folder / "state"
    journal = sum(file.stat().st_size for file in (state / "journal").glob("journal.db*"))
    logs = sizes(state / "log" / "soak")
    return Sample(
        deaths=deaths,
        seconds=round(seconds, 1),
        rss_kib=int(memory["Rss:"]),
        pss_kib=int(memory["Pss:"]),
        fds=len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208 - numbers, not paths
        threads=len(os.listdir(f"/proc/{pid}/task")),  # noqa: PTH208 - likewise
        cgroups=len(cgroups_of(pid)),
        journal_kib=journal // 1024,
        journal_bytes_per_death=journal // deaths,
        lives_files=len(sizes(state / "lives" / "soak")),
        log_files=len(logs),
        log_kib=sum(logs) // 1024,
    )


def sizes(folder: Path) -> list[int]:
    """List the sizes of the files in a folder, some of which may go meanwhile."""
    found = []
    for file in folder.glob("*"):
        try:
            found.append(file.stat().st_size)
        except FileNotFoundError:
            continue
    return found


def cgroups_of(pid: int) -> list[Path]:
    """List the cgroups of lives below the daemon's own; none where there is no cgroup2."""
    own = next((line[3:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines() if line[:3] == "0::"), "/")
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup2 " in line]
    return [life for mount in mounts for life in Path(mount[4] + own).glob("gatedog-soak-*/life-*")]


def judge(samples: list[Sample], *, forgive_rss: bool) -> dict[str, object]:
    """Say what grew between the first settled sample and the last, and what was too much at any time."""
    settled = samples[SETTLED_FROM - 1 :]
    most = {name: max(getattr(each, name) for each in samples) for name in MOST}
    grew = [f"{name}: {most[name]}, at most {bound} are expected" for name, bound in MOST.items() if most[name] > bound]
    for name, spread in SPREAD.items():
        first, last = getattr(settled[0], name), getattr(settled[-1], name)
        if last > first + spread:
            grew.append(f"{name}: from {first} to {last}")
    growth = growth_percent([each.rss_kib for each in samples])
    if growth > RSS_GROWTH_PERCENT and not forgive_rss:
        grew.append(f"rss: {growth:.1f} % from the second to the last quarter")
    return {"deaths": samples[-1].deaths, "rss_growth_percent": round(growth, 1), "most": most, "grew": grew}


def growth_percent(sizes: list[int]) -> float:
    """Compare the medians of the second and the last quarter; 0 for fewer than eight."""
    quarter = len(sizes) // 4
    if quarter < 2:
        return 0.0
    early, late = median(sizes[quarter : 2 * quarter]), median(sizes[-quarter:])
    return 100 * (late - early) / early


def afterwards(folder: Path) -> dict[str, object]:
    """Say what the daemon left when it was told to stop, end the last life, and check the journal."""
    mark = name_of(folder).encode()
    newest = max((int(file.stem) for file in (folder / "state" / "lives" / "soak").glob("*.json")), default=0)
    left = []
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        ours = [word for word in environment.split(b"\0") if word.startswith(b"GATEDOG_LIFE=soak/")]
        socket = f"GATEDOG_SOCKET={folder}/run/control.sock".encode()
        if socket in environment.split(b"\0") or mark in command:
            if not ours or f"/{newest}@".encode() not in ours[0]:  # the last life goes on, as it should
                left.append(f"pid {pid}: {command[:80]!r}")
            os.kill(pid, signal.SIGKILL)
    return {"left": left, "journal_intact": verify(folder / "state" / "journal").intact}


if __name__ == "__main__":
    sys.exit(main())
