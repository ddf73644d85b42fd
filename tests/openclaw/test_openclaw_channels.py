"""A real OpenClaw that is up in every way and not doing its work, or not there and answering all the same."""

import os
import pty
import select
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from openclaw_site import ANSWER_S, DEAD_CHANNEL, START_S, Site, is_listening, made

pytestmark = pytest.mark.openclaw

CHANNEL_GRACE_S = 180
"""OpenClaw gives a channel 120 s to connect, and its own look at it is a while apart."""


@contextmanager
def taking_over(site: Site, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let another OpenClaw kill whoever has the port and take it, as --force does on a terminal."""
    state = made(folder / "claw")
    (state / "openclaw.json").write_text((site.claw / "openclaw.json").read_text())
    variables = site.environment() | {
        "HOME": str(made(folder / "home")),
        "OPENCLAW_STATE_DIR": str(state),
        "OPENCLAW_CONFIG_PATH": str(state / "openclaw.json"),
    }
    ours, theirs = pty.openpty()
    other = subprocess.Popen(
        [*site.argv(), "--force"], env=variables, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    over = threading.Event()
    reader = threading.Thread(target=drain, args=(ours, over))
    reader.start()
    try:
        yield other
    finally:
        with suppress(ProcessLookupError):
            os.killpg(other.pid, signal.SIGKILL)
        other.wait()
        over.set()
        reader.join()
        os.close(ours)


def drain(terminal: int, over: threading.Event) -> None:
    """Read what a terminal shows, so that nobody waits to write."""
    while not over.is_set():
        if select.select([terminal], [], [], 0.2)[0]:
            with suppress(OSError):
                os.read(terminal, 65536)


def liveness(site: Site) -> int:
    """Ask the port whether it lives; return the status, 0 for none."""
    try:
        with urlopen(f"http://127.0.0.1:{site.port}/healthz", timeout=5) as answer:
            return int(answer.status)
    except OSError:
        return 0


def test_a_dead_channel_is_told_by_its_name(site: Site) -> None:
    """Telegram does not connect; the port and liveness are green, and the page says which channel it is."""
    site.configure(channels=DEAD_CHANNEL)
    site.start('failing = "20s"')
    site.wait_until_healthy()
    page = site.wait_for_page("FAILS", CHANNEL_GRACE_S + 180)
    now = site.status() or {}

    assert liveness(site) == 200
    assert (now["health"]["word"], now["phase"], now["chain"]) == ("degraded", "up", 0)
    assert (page["severity"], page["rule"]) == ("critical", "health.probe-failing")
    assert "failing is ['telegram'], not []" in page["text"]


def test_an_impostor_is_named_while_the_port_answers_200(site: Site, tmp_path: Path) -> None:
    """Another instance takes the port with --force: gatedog's own is never called ready again, and people hear who."""
    site.start()
    before = site.wait_until_healthy()
    with taking_over(site, tmp_path / "other") as other:
        page = site.wait_for_page("NOT GATEDOG'S ALONE", START_S)
        assert f"port {site.port} is held by pid {other.pid} (openclaw-gatewa)" in page["text"]
        held = site.wait_until(START_S, word="HELD")
        assert liveness(site) == 200
        assert (held["phase"], held["chain"] <= 4) == ("held", True)
    told = site.wait_for_page("HELD", ANSWER_S)["text"]

    assert "address-in-use" in told
    assert "another gateway instance is already listening" in told
    assert not is_listening(site.port)
    ready = [line for line in site.gatedog("events").splitlines() if " is ready (pid " in line]
    assert [f"(pid {before['pid']})" in line for line in ready] == [True], "only its own answer makes it ready"
