"""A daemon that says what it is told to say, on a real socket: the other end of the command line's tests."""

import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Replies = list[dict[str, Any]]
NOW = time.time_ns() // 1000


class FakeDaemon:
    """Speaks Varlink on a socket: answers each method with the replies set for it, and remembers what was asked."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "control.sock"
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Callable[[dict[str, Any]], Replies]] = {}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def answer(self, method: str, *parameters: dict[str, Any]) -> None:
        """Answer a method with these parameters, one reply each."""
        self.answers[method] = lambda _: [{"parameters": each} for each in parameters]

    def fail(self, method: str, error: str, **parameters: Any) -> None:
        """Answer a method with a Varlink error."""
        self.answers[method] = lambda _: [{"error": error, "parameters": parameters}]

    def close(self) -> None:
        """Stop serving, as a daemon that ends does: the socket's file stays."""
        if self._thread.is_alive():
            self._listener.shutdown(socket.SHUT_RDWR)
            self._thread.join(5)
            self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        text = b""
        while not text.endswith(b"\0"):
            chunk = connection.recv(65536)
            if not chunk:
                return
            text += chunk
        call = json.loads(text[:-1])
        method = call["method"].rpartition(".")[2]
        self.asked.append((method, call["parameters"]))
        replies = self.answers[method](call["parameters"])
        for number, reply in enumerate(replies):
            if call.get("more") and number + 1 < len(replies):
                reply["continues"] = True
            connection.sendall(json.dumps(reply).encode() + b"\0")

    # -- what it may say -----------------------------------------------------------------------------------------------

    @staticmethod
    def gateway(name: str = "openclaw", **changes: Any) -> dict[str, Any]:
        """Build one gateway of a Status reply, well unless changed."""
        return {
            "name": name,
            "word": "READY",
            "phase": "up",
            "hold": "free",
            "since_wall_usec": NOW,
            "since_usec_ago": 1_000_000,
            "pid": 7,
            "life": 3,
            "ready": True,
            "kind": "child",
            "what": "/bin/agent",
            "why": "",
            "hold_rule": None,
            "next_start_in_usec": None,
            "last_exit": None,
            "budget": [],
            "chain": 0,
            "refused": None,
            "enforcement": "unknown",
            "rivals": [],
            "strip": [],
            **changes,
        }

    @staticmethod
    def status(*gateways: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Build a Status reply."""
        return {
            "version": "0.1.0",
            "pid": 1,
            "started_wall_usec": NOW,
            "now_wall_usec": time.time_ns() // 1000,
            "journal": "j",
            "policy_source": "p",
            "policy_digest": "d" * 64,
            "clock_uncertain": False,
            "has_network": True,
            "host_going_down": False,
            "gateways": list(gateways),
            "incidents": [],
            "outbox": [],
            **changes,
        }

    @staticmethod
    def proposal(name: str = "PROP-2", **changes: Any) -> dict[str, Any]:
        """Build a proposal of a Rules reply: an agent's, open."""
        return {
            "proposal": name,
            "who": "node (uid 990)",
            "origin": "supervised",
            "says": "restarts are cheap",
            "digest": "d" * 64,
            "effect": "e" * 64,
            "base": 1,
            "wall_usec": NOW,
            "loosens": [],
            "changes": [],
            "signed": [],
            "needed": 2,
            "revision": None,
            "stale": False,
            **changes,
        }

    @staticmethod
    def revision(number: int = 1, **changes: Any) -> dict[str, Any]:
        """Build a revision of a Rules reply."""
        return {
            "revision": number,
            "digest": f"{number:064x}",
            "effect": "e" * 64,
            "who": "alice (uid 1000)",
            "because": "first",
            "wall_usec": NOW,
            "proposal": "",
            "placed": True,
            **changes,
        }

    @staticmethod
    def rules(**changes: Any) -> dict[str, Any]:
        """Build a Rules reply: one revision, in force, and nothing proposed."""
        told = {
            "folder": "/etc/gatedog",
            "store": "/var/lib/gatedog",
            "committed": 1,
            "in_force": 1,
            "trouble": "",
            "min_signers": 1,
            "revisions": [FakeDaemon.revision()],
            "proposals": [],
        }
        return {"rules": {**told, **changes}}


@contextmanager
def serving() -> Iterator[FakeDaemon]:
    """Serve on a socket in a folder of its own, because socket paths are short; one gateway, and it is well."""
    folder = Path(tempfile.mkdtemp(prefix="gd-"))
    fake = FakeDaemon(folder)
    fake.answer("Status", {"status": fake.status(fake.gateway())})
    try:
        yield fake
    finally:
        fake.close()
        shutil.rmtree(folder)
