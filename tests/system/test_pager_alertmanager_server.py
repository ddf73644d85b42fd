"""The alertmanager channel against Debian's own Alertmanager: fire, forget nothing, silence, end."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from page_samples import PAGES, message_of

from watchdog.core.decisions import Severity
from watchdog.pager.channel import Acknowledged, Silenced, Standing, Told
from watchdog.pager.channels.alertmanager import AlertmanagerChannel
from watchdog.pager.clock import wall_clock
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings_kinds import AlertmanagerSettings, Web

PROGRAM = "prometheus-alertmanager"
TEMPLATE = Path("/usr/share/prometheus/alertmanager/default.tmpl")
WAIT_S = 30.0
"""Bound of every wait; nothing here takes that long."""

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        shutil.which(PROGRAM) is None or not TEMPLATE.exists(), reason="needs Debian's prometheus-alertmanager"
    ),
]

CONFIG = """
route: {{ receiver: sink, group_by: [incident, severity], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }}
receivers: [{{ name: sink, webhook_configs: [{{ url: "{url}", send_resolved: true }}] }}]
"""


@dataclass(slots=True, kw_only=True)
class Sink:
    """What people would have been told: status, severity and incident, in order."""

    told: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Running:
    """An Alertmanager that can be restarted on the same storage."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        command = [PROGRAM, f"--config.file={self.folder}/am.yml", f"--storage.path={self.folder}/kept"]
        command += [f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: self.ask("GET", "/-/ready")[0] == 200)

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

    def alerts(self) -> list[tuple[str, str]]:
        """Return incident and severity of what is active."""
        listed = self.ask("GET", "/api/v2/alerts")[1]
        assert isinstance(listed, list)
        return sorted((each["labels"]["incident"], each["labels"]["severity"]) for each in listed)

    def channel(self) -> AlertmanagerChannel:
        """Make a channel that uses it."""
        web = Web(url=f"http://127.0.0.1:{self.port}")
        return AlertmanagerChannel(AlertmanagerSettings(name="alerts", web=web))


def until(condition: Callable[[], bool]) -> None:
    """Wait for the condition, within the bound."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.fixture
def sink() -> Iterator[tuple[Sink, str]]:
    """An address that takes notifications."""
    kept = Sink()

    class Asked(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for alert in told["alerts"]:
                kept.told.append((alert["status"], alert["labels"]["severity"], alert["labels"]["incident"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield kept, f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def alertmanager(tmp_path: Path, sink: tuple[Sink, str]) -> Iterator[Running]:
    """An Alertmanager of our own on loopback, on a free port."""
    (tmp_path / "am.yml").write_text(CONFIG.format(url=sink[1]))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Running(folder=tmp_path, port=port)
    running.start()
    yield running
    running.stop()


def now(name: str = "critical trigger") -> Message:
    """Return a page that was queued just now."""
    return replace(message_of(PAGES[name]), queued_wall_usec=wall_clock())


def standing(message: Message, over: int | None = None) -> Standing:
    """Make an incident that this channel was told of."""
    return Standing(incident="INC-7", message=message, told=(Told(page="41.2"),), over_wall_usec=over)


def test_an_incident_fires_once_survives_a_restart_and_ends(alertmanager: Running, sink: tuple[Sink, str]) -> None:
    """People hear of it once, however often it is sent; a restart forgets it and the next round brings it back."""
    told = sink[0].told
    channel, page = alertmanager.channel(), now()

    channel.deliver(page)
    until(lambda: told == [("firing", "critical", "INC-7")])
    channel.keep_up((standing(page),))
    alertmanager.stop()
    alertmanager.start()
    forgotten = alertmanager.alerts()
    channel.keep_up((standing(page),))
    back = alertmanager.alerts()
    channel.deliver(now("resolve"))
    until(lambda: len(told) > 1)

    assert forgotten == []
    assert back == [("INC-7", "critical")]
    assert told == [("firing", "critical", "INC-7"), ("resolved", "critical", "INC-7")]


def test_a_louder_page_takes_the_place_of_the_quieter(alertmanager: Running, sink: tuple[Sink, str]) -> None:
    """The warning ends in the same request in which the critical alert begins."""
    channel, page = alertmanager.channel(), now()

    channel.deliver(replace(page, severity=Severity.WARNING))
    until(lambda: alertmanager.alerts() == [("INC-7", "warning")])
    channel.deliver(page)
    until(lambda: alertmanager.alerts() == [("INC-7", "critical")])
    until(lambda: len(sink[0].told) == 3)

    assert sorted(sink[0].told) == [
        ("firing", "critical", "INC-7"),
        ("firing", "warning", "INC-7"),
        ("resolved", "warning", "INC-7"),
    ]


def test_o07_a_silence_posted_by_the_agent_acknowledges_nothing(alertmanager: Running) -> None:
    """Whoever reaches an Alertmanager can silence it: it is shown with its author's word and counts for nothing."""
    channel, page = alertmanager.channel(), now()
    channel.deliver(page)
    silence = {
        "matchers": [{"name": "incident", "value": "INC-7", "isRegex": False}],
        "startsAt": "2020-01-01T00:00:00Z",
        "endsAt": "2099-01-01T00:00:00Z",
        "createdBy": "openclaw",
        "comment": "all is well",
    }
    assert alertmanager.ask("POST", "/api/v2/silences", silence)[0] == 200

    heard: list[object] = []
    until(lambda: bool(heard.extend(channel.keep_up((standing(page),))) or heard))

    assert heard[0] == Silenced(channel="alerts", incident="INC-7", by="openclaw")
    assert not any(isinstance(each, Acknowledged) for each in heard)
