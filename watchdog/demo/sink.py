"""The other end of the pager: an HTTP address on this machine that takes pages the way a phone's push service would.

Invariant: it listens on loopback alone, believes nothing it is sent, and keeps a bounded number of pages.
"""

import json
import threading
import time
from dataclasses import field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from watchdog.core.values import dataclass

_BODY_BYTES_MAX = 64 * 1024
_PAGES_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page as it arrived. `arrived` is time.monotonic()."""

    severity: str
    title: str
    text: str
    arrived: float


@dataclass(slots=True, kw_only=True)
class Inbox:
    """What has arrived; written by the server's threads, read by the demo."""

    refuses: bool = False
    """Whether the phone is out of order: it takes nothing."""
    _pages: list[Page] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, page: Page) -> None:
        """Keep a page, unless there are far too many."""
        with self._lock:
            if len(self._pages) < _PAGES_MAX:
                self._pages.append(page)

    def pages(self) -> tuple[Page, ...]:
        """Return the pages so far, first come first."""
        with self._lock:
            return tuple(self._pages)

    def first_critical(self) -> Page | None:
        """Return the page that would have woken somebody."""
        return next((page for page in self.pages() if page.severity == "critical"), None)


class Sink:
    """The HTTP server, while the `with` block lasts."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _reception(self.inbox))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where pages are taken."""
        return f"http://127.0.0.1:{self._server.server_port}/page"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2.0)


def read_page(body: bytes, arrived: float) -> Page | None:
    """Read a page's JSON; None for anything else."""
    try:
        fields = json.loads(body)
        return Page(
            severity=str(fields["severity"]),
            title=str(fields["title"]),
            text=str(fields["text"]),
            arrived=arrived,
        )
    except (ValueError, KeyError, TypeError):
        return None


def _reception(inbox: Inbox) -> type[BaseHTTPRequestHandler]:
    class Reception(BaseHTTPRequestHandler):
        """Takes one POST."""

        timeout = 5

        def do_POST(self) -> None:
            """Keep a page and thank for it."""
            arrived = time.monotonic()
            length = self.headers.get("Content-Length", "")
            size = int(length) if length.isascii() and length.isdigit() and len(length) < 9 else 0
            page = read_page(self.rfile.read(min(size, _BODY_BYTES_MAX)), arrived)
            if page is not None and not inbox.refuses:
                inbox.put(page)
            self.send_response(400 if page is None else 503 if inbox.refuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            """Stay quiet: the terminal belongs to the show."""

    return Reception
