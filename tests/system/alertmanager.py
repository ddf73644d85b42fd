#!/usr/bin/env python3
"""Debian's own Alertmanager, for tests: where its program is, how it is run, and what it would have told people.

Run as a program it fetches the package when there is none and prints where it is. Where the package is installed, that
one is used; otherwise root unpacks it (unpacked.py). The program reads a template below /usr/share, so it runs in a
mount namespace of its own, in which the folder of the package stands there.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from unpacked import Unavailable, unpacked

PACKAGE = "prometheus-alertmanager"
TEMPLATE = Path("/usr/share/prometheus/alertmanager/default.tmpl")
INSIDE = 'mount --bind "$0/usr/share" /usr/share && exec "$0/usr/bin/prometheus-alertmanager" "$@"'
WAIT_S = 30.0
"""Bound of every wait; nothing here takes that long."""

CONFIG = """
route: {{ receiver: sink, group_by: [incident, severity], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }}
receivers: [{{ name: sink, webhook_configs: [{{ url: "{url}", send_resolved: true }}] }}]
"""


def command() -> list[str]:
    """Return what begins the command line of an Alertmanager; fetch it first when it is missing."""
    if (installed := shutil.which(PACKAGE)) and TEMPLATE.exists():
        return [installed]
    return ["unshare", "--mount", "sh", "-c", INSIDE, str(unpacked(PACKAGE))]


@dataclass(slots=True, kw_only=True)
class Alertmanager:
    """One that can be restarted on the same storage; `argv` begins its command line."""

    folder: Path
    argv: list[str]
    sink_url: str
    told: list[tuple[str, str, str]] = field(default_factory=list)
    """What people would have been told: status, severity and incident ("" for none), in order."""
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        (self.folder / "am.yml").write_text(CONFIG.format(url=self.sink_url))
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        words = [f"--config.file={self.folder}/am.yml", f"--storage.path={self.folder}/kept"]
        words += [f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="]
        said = (self.folder / "am.log").open("ab")
        with said:
            self.process = subprocess.Popen([*self.argv, *words], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        until(self._is_ready)

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "am.log").read_text()[-2000:]
        return self.ask("GET", "/-/ready")[0] == 200

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(WAIT_S)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        """Ask its API; status 0 while nobody listens."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            given = None if body is None else json.dumps(body)
            connection.request(method, path, body=given, headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            raw = answer.read()
        except OSError:
            return 0, None
        finally:
            connection.close()
        return answer.status, json.loads(raw) if raw[:1] in (b"[", b"{") else raw

    def listed(self) -> list[dict[str, dict[str, str]]]:
        """Return what is active, as it says it."""
        listed = self.ask("GET", "/api/v2/alerts")[1]
        assert isinstance(listed, list)
        return listed

    def alerts(self) -> list[tuple[str, str]]:
        """Return incident and severity of what is active."""
        return sorted((each["labels"]["incident"], each["labels"]["severity"]) for each in self.listed())

    def silence(self, incident: str, author: str) -> None:
        """Silence an incident for years, as whoever reaches it can."""
        silence = {
            "matchers": [{"name": "incident", "value": incident, "isRegex": False}],
            "startsAt": "2020-01-01T00:00:00Z",
            "endsAt": "2099-01-01T00:00:00Z",
            "createdBy": author,
            "comment": "all is well",
        }
        assert self.ask("POST", "/api/v2/silences", silence)[0] == 200

    def resolve(self) -> None:
        """End every alert that is active, as whoever reaches it can."""
        ends = [{"labels": each["labels"], "endsAt": "2020-01-01T00:00:01Z"} for each in self.listed()]
        assert self.ask("POST", "/api/v2/alerts", ends)[0] == 200


@contextmanager
def running(folder: Path, argv: list[str]) -> Iterator[Alertmanager]:
    """Run one on a free port of loopback, whose only receiver is here."""
    told: list[tuple[str, str, str]] = []

    class Asked(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            labelled = [(alert["status"], alert["labels"]) for alert in said["alerts"]]
            told.extend((status, labels["severity"], labels.get("incident", "")) for status, labels in labelled)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    made = Alertmanager(folder=folder, argv=argv, sink_url=f"http://127.0.0.1:{server.server_address[1]}/", told=told)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        server.shutdown()
        server.server_close()
        thread.join()


def until(condition: Callable[[], bool]) -> None:
    """Wait for the condition, within the bound."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def main() -> int:
    """Make sure that there is one, and print how it is run."""
    try:
        print(*command())
    except Unavailable as error:
        print(f"alertmanager: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
