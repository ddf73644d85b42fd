"""The demo with real processes: the spiral spins, gatedog ends it, and nothing is left."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watchdog.demo.lives import SERVICE, Lives
from watchdog.demo.sink import Sink
from watchdog.demo.stage import Stage
from watchdog.gateway.gatewaylock import lock_folder

pytestmark = pytest.mark.system

GATEDOG = (sys.executable, "-m", "watchdog.cli")
WAIT_SECONDS = 30.0

ABANDONED = """
import sys, time
from watchdog.demo.stage import Stage
stage = Stage()
folder = stage.make_folder("night")
stage.start_keeper(folder, "service", 0.1)
stage.start_leashed((sys.executable, "-c", "import time; time.sleep(60)", str(stage.folder)), folder / "log")
while not (folder / "roster").exists():
    time.sleep(0.01)
print("ready", flush=True)
time.sleep(60)
"""


def wait_for(condition: Callable[[], bool]) -> bool:
    """Wait until the condition holds; False when it does not in time."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def processes_about(text: str) -> list[str]:
    """Return the command lines of living processes that hold `text`."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Return a folder for TMPDIR whose path leaves room for the path of a socket, as pytest's own do not."""
    folder = Path(tempfile.mkdtemp(prefix="gd-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def demo(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start the demo with its folders below `folder`."""
    return subprocess.Popen(
        (*GATEDOG, "demo", *options),
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def locks_of(pid: int) -> list[Path]:
    """Return the gateway locks that a demo with this pid has left."""
    return [file for file in lock_folder().glob("*.lock") if f'"demo-{pid}"' in file.read_text(encoding="utf-8")]


def test_whole_demo_shows_what_it_promises(short_folder: Path) -> None:
    """At least 20 cycles without gatedog, at most 5 with it, held, paged, refused; and nothing stays behind."""
    began = time.monotonic()
    with demo(short_folder, "--json") as process:
        out, err = process.communicate(timeout=90)
    took = time.monotonic() - began

    assert process.returncode == 0, err
    figures = json.loads(out.splitlines()[-1])
    assert figures["cycles_without"] >= 20
    assert figures["cycles_with"] <= 5
    assert figures["held"]
    assert figures["paged"]
    assert figures["self_restart_refused"]
    assert 0 < figures["seconds_to_page"] < 60
    assert took < 60
    assert err == ""
    assert list(short_folder.iterdir()) == []
    assert processes_about(str(short_folder)) == []
    assert locks_of(process.pid) == []


def test_terminated_demo_leaves_nothing(short_folder: Path) -> None:
    """A demo that is stopped in the middle of the spiral ends everything it started before it goes."""

    def is_spinning() -> bool:
        return any(len(roster.read_text().splitlines()) > 4 for roster in short_folder.glob("*/without/roster"))

    with demo(short_folder) as process:
        assert wait_for(is_spinning)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=WAIT_SECONDS)

    assert process.returncode == 130
    assert "Everything it started has ended" in err
    assert list(short_folder.iterdir()) == []
    assert processes_about(str(short_folder)) == []


def test_killed_demo_leaves_no_process(short_folder: Path) -> None:
    """Even SIGKILL on the demo ends its gateways, their keepers and what is on the leash."""
    environment = {**os.environ, "TMPDIR": str(short_folder)}
    with subprocess.Popen((sys.executable, "-c", ABANDONED), env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert len(processes_about(str(short_folder))) >= 3
        process.kill()

    assert wait_for(lambda: processes_about(str(short_folder)) == [])


def test_new_code_kills_the_other_instance() -> None:
    """After the update, an instance kills the one it finds in the lock, and the loop starts that again."""
    with Stage() as stage:
        folder = stage.make_folder("night")
        lives = Lives(folder / "roster")
        deaths = 0
        (folder / "update").touch()
        for owner in (SERVICE, "left-behind"):
            stage.start_keeper(folder, owner, 0.02)
        end = time.monotonic() + WAIT_SECONDS
        while deaths < 3 and time.monotonic() < end:
            deaths += sum(not seen.up for seen in lives.look(0.02))
        lives.close()
        log = (folder / f"{SERVICE}.log").read_text(encoding="utf-8")

    assert deaths >= 3
    assert lives.begun >= 3
    assert "duplicate gateway: killing stale pid " in log


def test_old_code_kills_nobody() -> None:
    """Before the update two instances live beside each other: it is the update that makes the spiral."""
    with Stage() as stage:
        folder = stage.make_folder("night")
        lives = Lives(folder / "roster")
        for owner in (SERVICE, "left-behind"):
            stage.start_keeper(folder, owner, 0.02)
        roster = folder / "roster"
        assert wait_for(lambda: roster.exists() and len(roster.read_text().splitlines()) == 2)
        seen = [each.up for each in lives.look(0.3)]
        lives.close()

    assert seen == [True]


def test_stage_ends_what_was_daemonised() -> None:
    """A process that left its session and its parent is ended with the stage all the same."""
    sleeper = f"sleep 61.{os.getpid()}"
    with Stage() as stage:
        log = stage.folder / "log"
        stage.start_leashed(("/bin/sh", "-c", f"setsid {sleeper} & echo up"), log)
        assert wait_for(lambda: log.read_text(encoding="utf-8") == "up\n")
        assert wait_for(lambda: bool(processes_about(sleeper)))

    assert processes_about(sleeper) == []
    assert not stage.folder.exists()


def test_sink_takes_a_page() -> None:
    """What is posted to the sink arrives, and what is no page is turned away."""
    with Sink() as sink:
        host, _, path = sink.url.removeprefix("http://").partition("/")
        answers = []
        for body in (json.dumps({"severity": "critical", "title": "a", "text": "b"}), "no page"):
            connection = http.client.HTTPConnection(host, timeout=5)
            connection.request("POST", f"/{path}", body=body)
            answers.append(connection.getresponse().status)
            connection.close()
        pages = sink.inbox.pages()

    assert answers == [200, 400]
    assert [page.title for page in pages] == ["a"]
