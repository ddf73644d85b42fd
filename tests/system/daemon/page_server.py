"""A receiver of pages over HTTP that keeps what it got, and can stop anybody in the middle of a conversation."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD = b'{"ok": true, "status": 1, "receipt": "r1", "result": {"message_id": 7}}'
"""What receivers that are asked for more than a status answer."""

Hook = Callable[[], None]


def _nothing() -> None:
    """Let the conversation go on."""


@dataclass(slots=True, kw_only=True)
class PageServer:
    """What arrived whole, in order, with its key; and what happens to whoever is sending."""

    url: str = ""
    arrived: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    heard: str = ""
    """Everything it was told so far: paths, headers, bodies."""
    status: int = 200
    """What it answers; what it answers with anything else has not arrived."""
    half_way: Hook = _nothing
    """Called when half of a body has been read."""
    before_answer: Hook = _nothing
    """Called when a page has arrived whole and has not been answered."""

    def pages(self, incident: str) -> list[dict[str, Any]]:
        """Return what arrived about an incident."""
        return [page for page in self.arrived if page["incident"] == incident]


@contextmanager
def serving() -> Iterator[PageServer]:
    """Serve on a free port of loopback."""
    kept = PageServer()

    class Asked(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            body = self.rfile.read(length // 2)
            kept.half_way()
            body += self.rfile.read(length - length // 2)
            kept.heard += f"{self.path}\n{self.headers}\n{body.decode(errors='replace')}\n"
            if kept.status == 200 and self.headers["Idempotency-Key"]:
                kept.arrived.append(json.loads(body))
                kept.keys.append(self.headers["Idempotency-Key"])
            status = kept.status
            kept.before_answer()
            self.send_response(status)
            self.send_header("Content-Length", str(len(GOOD)))
            self.end_headers()
            self.wfile.write(GOOD)

        do_GET = do_PUT = do_POST  # noqa: N815 - the names are http.server's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that dies in the middle is what the tests are about."""

    server = Server(("127.0.0.1", 0), Asked)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
