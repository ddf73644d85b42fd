"""What a check at the gate costs: the judgement alone, the answer over the socket, and the whole command.

Run: .venv/bin/python benchmarks/gate_check.py. A real daemon on this host, journal included, is asked about what only
looks (answered from the rules, no record) and about what can be undone (on record before the answer). Prints one JSON
object; times in milliseconds. The asks over the socket stay below the rate that one account has.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE / "tests"))

from left_lives import end_lives  # noqa: E402 - a module of the tests, which is no package

from watchdog.control.client import Unreachable, call  # noqa: E402 - after the folder above was added
from watchdog.core.action import Own  # noqa: E402 - likewise
from watchdog.core.classify import Rulebook, judge_action  # noqa: E402 - likewise
from watchdog.core.enclosure import ActionOffered  # noqa: E402 - likewise
from watchdog.core.gaterules import SHIPPED  # noqa: E402 - likewise

GATEDOG = str(Path(sys.executable).with_name("gatedog"))
LINES = (
    "ls -la",
    "sudo -n timeout 5 systemctl restart main",
    "cd /srv && git status | head -n 5; ls *.txt 2>/dev/null",
)
ASKS = 18
PAUSE_S = 0.6
START_S = 20.0


def timed(work: Callable[[], object], runs: int, pause_s: float = 0.0) -> dict[str, float]:
    """Return the median and the worst of some runs."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1_000)
        time.sleep(pause_s)
    return {"p50": round(statistics.median(times), 3), "worst": round(max(times), 3)}


def asked(socket: Path, *argv: str) -> None:
    """Ask the daemon once, as `gatedog gate check` does."""
    enclosed = {"kind": "ActionOffered", "action": "exec", "argv": list(argv), "paths": [], "directory": "/srv/bench"}
    reply = call(socket, "Request", {"verb": "gate-check", "gateway": "", "reason": "", "enclosed": enclosed})
    if reply["outcome"] != "granted":
        raise ValueError(reply)


def started(folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """Start a daemon for a gateway that only sleeps, and wait for its socket."""
    socket = folder / "run" / "control.sock"
    bundle = folder / "config"
    bundle.mkdir(mode=0o700)
    (bundle / "policy.toml").write_text('[gateway.bench]\ncommand = ["/bin/sleep", "60"]\n')
    (bundle / "policy.toml").chmod(0o600)
    folders = ("--config", str(bundle), "--state", str(folder / "state"), "--runtime", str(folder / "run"))
    daemon = subprocess.Popen([GATEDOG, "daemon", *folders], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            call(socket, "Status")
        except Unreachable:
            time.sleep(0.1)
        else:
            return daemon, socket
    daemon.kill()
    daemon.wait()
    raise TimeoutError("the daemon did not answer")


def main() -> None:
    """Measure, and print."""
    book = Rulebook(shipped=SHIPPED, own=Own(words=("main",)))
    offers = [ActionOffered(action="exec", argv=("sh", "-c", line), directory="/srv") for line in LINES]
    found: dict[str, object] = {
        "judge": {offer.argv[-1]: timed(lambda offer=offer: judge_action(offer, book), 2_000) for offer in offers}
    }
    with tempfile.TemporaryDirectory() as folder:
        daemon, socket = started(Path(folder))
        try:
            found["looks, over the socket"] = timed(lambda: asked(socket, "ls"), ASKS, PAUSE_S)
            found["changes, over the socket"] = timed(lambda: asked(socket, "mkdir", "x"), ASKS, PAUSE_S)
            command = [GATEDOG, "--socket", str(socket), "gate", "check", "--json", "--action", "exec", "--", "ls"]
            found["command"] = timed(lambda: subprocess.run(command, check=True, capture_output=True), 10, PAUSE_S)
        finally:
            daemon.terminate()
            daemon.wait()
            end_lives(Path(folder) / "state")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
