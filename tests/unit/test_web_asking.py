"""A daemon asked by the web room and by `gatedog metrics`: its answers, its silence, and counters that go on."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakedaemon import FakeDaemon, serving

from watchdog.cli.main import gatedog
from watchdog.web.asking import Daemon, NoAnswer
from watchdog.web.tally import Tally
from watchdog.web.textfile import read_before, replace_file

PAGER = {"now_wall_usec": 1, "waiting": [], "given_up": [], "delayed": 0, "channels": [], "switches": []}
START = {"kind": "StartCharged", "gateway": "openclaw", "charge": "automatic", "rule": "r", "because": "", "life": 1}


def record(seq: int, *decisions: dict[str, Any]) -> dict[str, Any]:
    """Build a record as it travels."""
    event = {"kind": "HostShutdownBegan"}
    return {
        "seq": seq,
        "wall_usec": 1,
        "boot": "b",
        "uptime_usec": 2,
        "kind": "HostShutdownBegan",
        "event": event,
        "decisions": list(decisions),
    }


def tell(daemon: FakeDaemon, *records: dict[str, Any]) -> None:
    """Let a daemon have these records, and answer for them as a daemon does."""

    def events(parameters: dict[str, Any]) -> list[dict[str, Any]]:
        after = parameters["after_seq"]
        chosen = records[after:] if after < 0 else [each for each in records if each["seq"] > after]
        told = [{"record": each} for each in chosen[: parameters["limit"]]]
        return [{"parameters": each} for each in [*told, {"record": None}]]

    daemon.answers["Events"] = events


@pytest.fixture
def fake_daemon() -> Iterator[FakeDaemon]:
    """Serve a daemon for one test, whose journal has two records."""
    with serving() as fake:
        fake.answer("Pager", {"pager": PAGER})
        fake.answer("Probes", {"probes": []})
        tell(fake, record(1), record(2, START))
        yield fake


def daemon(fake: FakeDaemon) -> Daemon:
    """Ask the fake, as its own user."""
    return Daemon(fake.path, os.geteuid())


def now_usec() -> int:
    """Read the wall clock."""
    return time.time_ns() // 1000


def gd(fake: FakeDaemon, *words: str) -> Result:
    """Run a command line against the fake."""
    return CliRunner().invoke(gatedog, ["--socket", str(fake.path), *words])


def starts(text: str) -> int:
    """Return how many automatic starts a text of metrics counts."""
    wanted = 'gatedog_restarts_total{gateway="openclaw",initiator="gatedog",reason="automatic"} '
    return int(next(line for line in text.splitlines() if line.startswith(wanted)).removeprefix(wanted))


def test_reading_is_everything_that_was_answered(fake_daemon: FakeDaemon) -> None:
    """Status, pager and probes, and none of it stale."""
    found = daemon(fake_daemon).read(now_usec())

    assert (found.stale, found.why, found.pager, found.probes) == (False, "", PAGER, ())
    assert found.status is not None
    assert found.status["gateways"][0]["name"] == "openclaw"


def test_dead_daemon_is_read_from_its_file_and_stale(fake_daemon: FakeDaemon) -> None:
    """What was last known is shown as that, with why nobody answers."""
    left = fake_daemon.status(fake_daemon.gateway(), now_wall_usec=now_usec() - 90_000_000)
    (fake_daemon.path.parent / "status.json").write_text(json.dumps(left))
    fake_daemon.close()
    found = daemon(fake_daemon).read(now_usec())

    assert found.status == {**left, "due_told": False}
    assert found.stale
    assert "has stopped" in found.why
    assert found.next_command
    assert found.age_usec >= 90_000_000


@pytest.mark.parametrize("left", ["{}", "[]", "\x00", '{"gateways": [{}]}'])
def test_file_that_cannot_be_read_is_nothing(fake_daemon: FakeDaemon, left: str) -> None:
    """A status of another shape is no status."""
    (fake_daemon.path.parent / "status.json").write_text(left)
    fake_daemon.close()
    found = daemon(fake_daemon).read(now_usec())

    assert (found.status, found.stale) == (None, True)


def test_reading_never_says_when_a_start_is_due(fake_daemon: FakeDaemon) -> None:
    """Whoever may ask here may be the agent: what gatedog tells us, or left in a file, goes no further."""
    window = {"account": "restart", "label": "1h", "per_usec": 1, "used": 1, "limit": 2, "next_free_in_usec": 9}
    told = fake_daemon.gateway(phase="backoff", next_start_in_usec=5, budget=[window])
    fake_daemon.answer("Status", {"status": fake_daemon.status(told)})
    answered = daemon(fake_daemon).read(now_usec())
    (fake_daemon.path.parent / "status.json").write_text(json.dumps(fake_daemon.status(told)))
    fake_daemon.close()
    left = daemon(fake_daemon).read(now_usec())

    for found in (answered, left):
        assert found.status is not None
        assert found.status["due_told"] is False
        assert found.status["gateways"][0]["next_start_in_usec"] is None
        assert found.status["gateways"][0]["budget"] == [{**window, "next_free_in_usec": 0}]


def test_file_of_a_stranger_is_not_believed(fake_daemon: FakeDaemon) -> None:
    """Neither root's nor ours: anybody could say that all is well."""
    (fake_daemon.path.parent / "status.json").write_text(json.dumps(fake_daemon.status()))
    fake_daemon.close()
    if os.geteuid() == 0:
        os.chown(fake_daemon.path.parent / "status.json", 12345, -1)
        assert daemon(fake_daemon).read(now_usec()).status is None
    else:
        assert Daemon(fake_daemon.path, os.geteuid() + 1).read(now_usec()).status is None


def test_answer_of_another_shape_is_no_answer(fake_daemon: FakeDaemon) -> None:
    """A daemon too far away in version is said to be that."""
    fake_daemon.answer("Incidents", {"incidents": [{"id": 7}]})

    with pytest.raises(NoAnswer, match="cannot be read"):
        daemon(fake_daemon).ask("Incidents", all=True)


def test_refusal_keeps_its_code(fake_daemon: FakeDaemon) -> None:
    """What gatedog says no to is told apart from nobody being there."""
    fake_daemon.fail("Explain", "io.gatedog.Supervisor.UnknownIncident", incident="INC-7")

    with pytest.raises(NoAnswer, match="INC-7") as caught:
        daemon(fake_daemon).ask("Explain", incident="INC-7")
    assert caught.value.code == "UnknownIncident"


def test_status_that_stopped_being_written_is_stale(fake_daemon: FakeDaemon) -> None:
    """A daemon whose status is old answers, and says nothing about now."""
    fake_daemon.answer("Status", {"status": fake_daemon.status(now_wall_usec=now_usec() - 60_000_000)})

    assert daemon(fake_daemon).read(now_usec()).stale


def test_tally_catches_up_in_batches(fake_daemon: FakeDaemon) -> None:
    """More records than one answer holds are all counted, each once."""
    tell(fake_daemon, *(record(number, START) for number in range(1, 2501)))
    tally = Tally("j", 0)
    daemon(fake_daemon).catch_up(tally)

    assert tally.seq == 2500


def test_metrics_are_said_on_stdout(fake_daemon: FakeDaemon) -> None:
    """With counters that begin now, since nobody counted before."""
    result = gd(fake_daemon, "metrics")

    assert result.exit_code == 0
    assert "gatedog_up 1\n" in result.stdout
    assert 'gatedog_counted_record{journal="j"} 2\n' in result.stdout
    assert starts(result.stdout) == 0


def test_dead_daemon_is_a_metric_and_no_failure(fake_daemon: FakeDaemon) -> None:
    """Whoever collects must see it, and not an old file."""
    fake_daemon.close()
    result = gd(fake_daemon, "metrics")

    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "gatedog_up 0")


def test_textfile_counts_on(fake_daemon: FakeDaemon, tmp_path: Path) -> None:
    """Each run counts what was written since the last; while the daemon is dead the counters stand."""
    path = tmp_path / "gatedog.prom"
    assert gd(fake_daemon, "metrics", "--textfile", str(path)).exit_code == 0
    assert starts(path.read_text()) == 0

    tell(fake_daemon, record(1), record(2, START), record(3, START), record(4), record(5, START))
    gd(fake_daemon, "metrics", "--textfile", str(path))
    assert starts(path.read_text()) == 2

    left = fake_daemon.status(fake_daemon.gateway())
    (fake_daemon.path.parent / "status.json").write_text(json.dumps(left))
    fake_daemon.close()
    gd(fake_daemon, "metrics", "--textfile", str(path))
    assert "gatedog_up 0\n" in path.read_text()
    assert starts(path.read_text()) == 2


def test_textfile_is_replaced_whole_and_readable_by_all(tmp_path: Path) -> None:
    """A reader that has the old file open reads it to its end; nothing else is left in the folder."""
    path = tmp_path / "gatedog.prom"
    replace_file(path, "old\n")
    with path.open() as reader:
        replace_file(path, "new\n")
        assert reader.read() == "old\n"

    assert path.read_text() == "new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_failed_textfile_leaves_the_old_one(tmp_path: Path) -> None:
    """A text that cannot be written is no reason to lose the last."""
    path = tmp_path / "gatedog.prom"
    replace_file(path, "old\n")
    with pytest.raises(UnicodeEncodeError):
        replace_file(path, "\udcff")

    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_textfile_in_no_folder_is_explained(fake_daemon: FakeDaemon, tmp_path: Path) -> None:
    """A folder that is not there is told in a sentence."""
    result = gd(fake_daemon, "metrics", "--textfile", str(tmp_path / "none" / "x.prom"))

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize("kind", ["nothing", "folder", "link", "fifo"])
def test_only_a_plain_file_is_gone_on_with(tmp_path: Path, kind: str) -> None:
    """Whatever else is there is not read, and nobody is waited for."""
    path = tmp_path / "gatedog.prom"
    match kind:
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to("/etc/passwd")
        case "fifo":
            os.mkfifo(path)

    assert read_before(path) == ""


def test_metrics_need_no_extra() -> None:
    """Neither the command line nor the metrics load aiohttp."""
    script = (
        "import sys, importlib\n"
        "for name in ('main', 'metrics', 'web', 'status'): importlib.import_module(f'watchdog.cli.{name}')\n"
        "sys.exit('aiohttp' in sys.modules or 'asyncio' in sys.modules)\n"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
