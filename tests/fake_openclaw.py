"""A gateway that behaves as OpenClaw 2026.9 was seen to, small enough for tests.

    python fake_openclaw.py STATE PORT

STATE holds `config.json`, the lock, the hand-off record, and the switches a test sets as empty files: `dead-channel`
(telegram does not connect), `slow-stop` (SIGTERM closes the port, and the process lives on). Seen and kept: liveness is
200 with every channel dead; unknown paths are 200 with a page; code 78 means a broken configuration as well as a held
lock; SIGUSR2 restarts in place, or ends with 0 behind a hand-off record in external mode; SIGHUP ends it without a
word. It says that it has run for an hour when it starts, so that a restart in place shows however slow the host is.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

UNCLEAN_MAX = 3
CONFIG_ERROR = 78
SLOW_STOP_SECONDS = 600


def say(text: str) -> None:
    """Log one line as the real one does."""
    sys.stdout.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} [gateway] {text}\n")
    sys.stdout.flush()


class Gateway:
    """One process."""

    def __init__(self, state: Path, port: int) -> None:
        self.state = state
        self.port = port
        self.began = time.monotonic() - 3600
        self.suppressed: list[str] = []
        self.over = asyncio.Event()
        self.code = 0

    def page(self, path: str) -> tuple[int, str, str]:
        """Return status, type and body for a path."""
        uptime = int((time.monotonic() - self.began) * 1000)
        failing = ["telegram"] if (self.state / "dead-channel").exists() and not self.suppressed else []
        match path:
            case "/healthz" | "/health":
                return 200, "application/json", json.dumps({"ok": True, "status": "live"})
            case "/startupz":
                return 200, "application/json", json.dumps({"ok": True, "status": "started", "uptimeMs": uptime})
            case "/readyz":
                body: dict[str, object] = {"ready": not failing, "failing": failing, "uptimeMs": uptime}
                if self.suppressed:
                    body["suppressed"] = self.suppressed
                return (503 if failing else 200), "application/json", json.dumps(body)
            case "/api/health":
                return 404, "application/json", "{}"
            case _:
                return 200, "text/html", "<html><body>OpenClaw</body></html>"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            method, path, *_ = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split()
            status, kind, body = self.page(path) if method == "GET" else (405, "text/plain", "")
            writer.write(
                f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )
        writer.close()

    def restart(self) -> None:
        """Obey SIGUSR2."""
        if os.environ.get("OPENCLAW_SUPERVISOR_MODE") == "external":
            record = {
                "pid": os.getpid(),
                "reason": "gateway.restart",
                "source": "signal",
                "restartKind": "full-process",
            }
            (self.state / "handoff.json").write_text(json.dumps(record))
            say("admission closed: restart (SIGUSR2: gateway.restart)")
            say("received SIGUSR2; restarting")
            say("restart mode: full process restart (supervisor restart)")
            self.over.set()
            return
        say("restart mode: in-process restart")
        self.began = time.monotonic()
        say("ready")

    def stop(self) -> None:
        """Obey SIGTERM."""
        say("received SIGTERM; shutting down")
        self.over.set()

    def count_boots(self) -> None:
        """After three boots that were not ended cleanly, start without channels."""
        boots = self.state / "unclean"
        count = int(boots.read_text()) if boots.exists() else 0
        if count >= UNCLEAN_MAX:
            self.suppressed = ["telegram"]
            say(
                f"restart-loop breaker tripped: {count} unclean boot(s) within 300000ms; suppressing channel auto-start"
            )
        boots.write_text(str(count + 1))

    async def live(self) -> int:
        """Serve until told to end."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        loop.add_signal_handler(signal.SIGUSR2, self.restart)
        loop.add_signal_handler(signal.SIGUSR1, lambda: say("Debugger listening on ws://127.0.0.1:9229/"))
        try:
            server = await asyncio.start_server(self.answer, "127.0.0.1", self.port)
        except OSError:
            say(f"another gateway instance is already listening on ws://127.0.0.1:{self.port}: EADDRINUSE")
            say(f"Port {self.port} is already in use.")
            say(f"- pid 1 root: somebody (127.0.0.1:{self.port})")
            return 1
        self.count_boots()
        say("http server listening (14 plugins; 0.1s)")
        say("ready")
        await self.over.wait()
        server.close()
        if (self.state / "slow-stop").exists():
            await asyncio.sleep(SLOW_STOP_SECONDS)
            say("shutdown deadline reached")
            return 1
        (self.state / "unclean").unlink()
        say("completed cleanly")
        return 0


def refuses(state: Path) -> str:
    """Say why it does not start; "" when it does."""
    try:
        config = json.loads((state / "config.json").read_text())
    except FileNotFoundError:
        return "Missing config. Run `openclaw setup` first."
    except ValueError:
        config = {}
    if "mode" not in config.get("gateway", {}):
        return "Gateway start blocked: existing config is missing gateway.mode"
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        os.kill(json.loads((state / "lock").read_text())["pid"], 0)
        return "requires state migration, and another OpenClaw process owns gateway-lifecycle"
    return ""


def main(folder: str, port: str) -> int:
    """Start, or say why not."""
    state = Path(folder)
    refused = refuses(state)
    if refused:
        say(refused)
        say("Config write audit: SQLite diagnostic_events/config-audit state")
        return CONFIG_ERROR
    (state / "lock").write_text(json.dumps({"pid": os.getpid(), "port": int(port)}))
    code = asyncio.run(Gateway(state, int(port)).live())
    if code == 0:
        (state / "lock").unlink()
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
