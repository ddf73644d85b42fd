"""How long from the decision to page to the request on the wire: a real daemon, its journal included.

Run as root: ./check bench, or .venv/bin/python benchmarks/page_on_wire.py [UIDS]. A person at a terminal sends test
pages (as many uids, because each has a limited rate); the receiver compares when a request reached it with when the
page was decided, which the page itself says. Prints one JSON object; times in milliseconds.
"""

import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from watchdog.control.client import call

GATEDOG = str(Path(sys.executable).with_name("gatedog"))
FIRST_UID = 61_000
PAGES_PER_UID = 18
"""Below the burst that one uid may send at once."""
PAUSE_S = 0.1
"""Between two pages: each is followed by its end, and neither is to wait for the other."""
BAR_MS = 100
PAGER = """
[channel.wire]
kind = "webhook"
url = "http://127.0.0.1:{port}/"
[escalation]
tiers = [["wire"]]
notices = ["wire"]
burst = "1000 per 1min"
"""


def main() -> None:
    """Measure and print."""
    uids = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    if os.geteuid() != 0:
        sys.exit("page_on_wire: needs root, to ask as several uids")
    waits_ms: list[float] = []
    server = receiver(waits_ms)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        daemon = start(folder, server.server_address[1])
        socket = folder / "run" / "control.sock"
        try:
            status = wait_for(socket)
            ask_as_people(socket, uids)
            wait_until_all_arrived(waits_ms, uids * PAGES_PER_UID)
        finally:
            daemon.terminate()
            daemon.wait()
            server.shutdown()
        os.kill(status["gateways"][0]["pid"], 9)
    waits_ms.sort()
    print(
        json.dumps(
            {
                "pages": len(waits_ms),
                "decision_to_wire_ms_p50": round(statistics.median(waits_ms), 2),
                "decision_to_wire_ms_p99": round(waits_ms[int(len(waits_ms) * 0.99)], 2),
                "bar_ms_p99": BAR_MS,
            }
        )
    )


def receiver(waits_ms: list[float]) -> ThreadingHTTPServer:
    """Serve in a thread: note for each test page how long it took to get here."""

    class Asked(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            here_ns = time.time_ns()
            page = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if page["update"] == "test":
                waits_ms.append((here_ns / 1_000 - page["queued_wall_usec"]) / 1_000)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def start(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start a daemon with one gateway that lives."""
    config = folder / "config"
    config.mkdir(mode=0o700)
    texts = {"policy.toml": '[gateway.bench]\ncommand = ["sleep", "600"]\n', "pager.toml": PAGER.format(port=port)}
    for name, text in texts.items():
        (config / name).write_text(text)
        (config / name).chmod(0o600)
    folders = ["--config", str(config), "--state", f"{folder}/state", "--runtime", f"{folder}/run"]
    return subprocess.Popen([GATEDOG, "daemon", *folders], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(socket: Path) -> dict[str, list[dict[str, int]]]:
    """Wait until the gateway runs; return the status."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if socket.exists():
            status: dict[str, list[dict[str, int]]] = call(socket, "io.gatedog.Supervisor.Status")["status"]
            if status["gateways"][0]["pid"]:
                return status
        time.sleep(0.05)
    sys.exit("page_on_wire: the daemon did not start")


def ask_as_people(socket: Path, uids: int) -> None:
    """Ask for test pages on a terminal of our own, as one uid after the other."""
    pid, terminal = pty.fork()
    if pid == 0:
        for uid in range(FIRST_UID, FIRST_UID + uids):
            child = os.fork()
            if child == 0:
                os.setuid(uid)
                ask(socket)
                os._exit(0)
            os.waitpid(child, 0)
        os._exit(0)
    while True:
        try:
            if said := os.read(terminal, 65_536):
                sys.stderr.write(said.decode())
        except OSError:  # the other side of the terminal is closed: all have asked
            break
    os.close(terminal)
    os.waitpid(pid, 0)


def ask(socket: Path) -> None:
    """Send test pages."""
    asked = {"verb": "page-test", "gateway": "", "reason": "bench", "severity": "critical"}
    for _ in range(PAGES_PER_UID):
        answer = call(socket, "io.gatedog.Supervisor.Request", asked)
        if answer["outcome"] != "granted":
            print(answer["message"])
        time.sleep(PAUSE_S)


def wait_until_all_arrived(waits_ms: list[float], pages: int) -> None:
    """Wait until the last page is here."""
    until = time.monotonic() + 20
    while len(waits_ms) < pages and time.monotonic() < until:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
