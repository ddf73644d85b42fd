"""How long `gatedog status` takes, and how long a refused request: against a real daemon, journal included.

Run: ./check bench, or .venv/bin/python benchmarks/asking.py (as root: the requests come from many uids, because each
uid has a limited rate). Prints one JSON object; times in milliseconds.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from watchdog.control.client import call

GATEDOG = str(Path(sys.executable).with_name("gatedog"))
PAGER = """
[channel.none]
kind = "exec"
argv = ["/bin/true"]
[escalation]
tiers = [["none"]]
notices = ["none"]
"""
STATUS_RUNS = 30
UIDS = range(61_000, 61_025)
ASKS_PER_UID = 20
"""The burst that one uid may send at once."""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        config = folder / "config"
        config.mkdir(mode=0o700)
        policy = config / "policy.toml"
        policy.write_text('[gateway.bench]\ncommand = ["sleep", "600"]\n')
        policy.chmod(0o600)
        pager = config / "pager.toml"
        pager.write_text(PAGER)
        pager.chmod(0o600)
        folders = ["--config", str(config), "--state", f"{folder}/state", "--runtime", f"{folder}/run"]
        daemon = subprocess.Popen([GATEDOG, "daemon", *folders], stderr=subprocess.DEVNULL)
        socket = folder / "run" / "control.sock"
        try:
            wait_for(socket)
            status = [timed_status(socket) for _ in range(STATUS_RUNS)]
            asks = [ms for uid in UIDS for ms in ask_as(uid, socket)] if os.geteuid() == 0 else []
        finally:
            reply = call(socket, "io.gatedog.Supervisor.Status")
            daemon.terminate()
            daemon.wait()
            os.kill(reply["status"]["gateways"][0]["pid"], 9)
    print(
        json.dumps(
            {
                "status_wall_ms_p50": round(statistics.median(status), 1),
                "refused_ask_ms_p50": round(statistics.median(asks), 2) if asks else None,
                "refused_ask_ms_p99": round(sorted(asks)[int(len(asks) * 0.99)], 2) if asks else None,
                "asks": len(asks),
            }
        )
    )


def wait_for(socket: Path) -> None:
    """Wait until the daemon listens."""
    until = time.monotonic() + 20
    while not socket.exists() and time.monotonic() < until:
        time.sleep(0.05)


def timed_status(socket: Path) -> float:
    """Time one `gatedog status`, from start to end of the process."""
    began = time.perf_counter()
    subprocess.run([GATEDOG, "--socket", str(socket), "status"], stdout=subprocess.DEVNULL, check=False)
    return (time.perf_counter() - began) * 1_000


def ask_as(uid: int, socket: Path) -> list[float]:
    """Time requests from a process of another uid; all of them are refused."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.setuid(uid)
        asked = {"verb": "restart", "gateway": "bench", "reason": "bench"}
        times = []
        for _ in range(ASKS_PER_UID):
            began = time.perf_counter()
            call(socket, "io.gatedog.Supervisor.Request", asked)
            times.append((time.perf_counter() - began) * 1_000)
        os.write(write, json.dumps(times).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answers:
        text = answers.read()
    os.waitpid(child, 0)
    found: list[float] = json.loads(text)
    return found


if __name__ == "__main__":
    main()
