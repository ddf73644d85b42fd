"""`gatedog status`: what is shown, and with which exit code it ends."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakedaemon import NOW, FakeDaemon, serving

from watchdog.cli.main import gatedog

HELD = {"word": "HELD", "phase": "held", "hold": "held", "ready": False, "pid": None}


@pytest.fixture
def fake_daemon() -> Iterator[FakeDaemon]:
    """Serve a daemon for one test."""
    with serving() as fake:
        yield fake


def gd(daemon: FakeDaemon, *words: str) -> Result:
    """Run a command line against the fake."""
    return CliRunner().invoke(gatedog, ["--socket", str(daemon.path), *words], env={"NO_COLOR": "1"})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        (HELD, 3),
        ({"phase": "backoff", "ready": False}, 3),
        ({"phase": "hibernating"}, 4),
        ({"phase": "starting", "ready": False}, 151),
    ],
)
def test_status_exits_as_it_stands(fake_daemon: FakeDaemon, changes: dict[str, Any], code: int) -> None:
    """The exit code of `status` is the gateway's standing."""
    fake_daemon.answer("Status", {"status": fake_daemon.status(fake_daemon.gateway(**changes))})

    assert gd(fake_daemon, "status").exit_code == code


def test_status_exit_zero(fake_daemon: FakeDaemon) -> None:
    """With --exit-zero only the page tells how it stands."""
    fake_daemon.answer("Status", {"status": fake_daemon.status(fake_daemon.gateway(**HELD))})
    result = gd(fake_daemon, "status", "--exit-zero")

    assert (result.exit_code, "HELD" in result.stdout) == (0, True)


def test_status_as_json_is_the_reply(fake_daemon: FakeDaemon) -> None:
    """--json prints the reply object unchanged."""
    reply = fake_daemon.status(fake_daemon.gateway())
    fake_daemon.answer("Status", {"status": reply})

    assert json.loads(gd(fake_daemon, "status", "--json").stdout) == reply


def test_status_of_one_among_several(fake_daemon: FakeDaemon) -> None:
    """A named gateway alone decides page and exit code."""
    fake_daemon.answer(
        "Status", {"status": fake_daemon.status(fake_daemon.gateway("mail"), fake_daemon.gateway("notes", **HELD))}
    )
    result = gd(fake_daemon, "status", "mail", "-o", "short")

    assert result.exit_code == 0
    assert result.stdout.startswith("mail: READY since ")
    assert "notes" not in result.stdout


def test_status_of_an_unknown_gateway(fake_daemon: FakeDaemon) -> None:
    """A name nobody has is unknown, and those that are known are named."""
    result = gd(fake_daemon, "status", "nobody")

    assert result.exit_code == 4
    assert "known: openclaw" in result.stderr


def test_status_of_a_dead_daemon_is_stale(fake_daemon: FakeDaemon) -> None:
    """When nobody answers the last status is shown as unknown, with its age and the next command."""
    (fake_daemon.path.parent / "status.json").write_text(
        json.dumps({**fake_daemon.status(fake_daemon.gateway()), "written_at": NOW})
    )
    fake_daemon.close()
    result = gd(fake_daemon, "status")

    assert result.exit_code == 4
    assert "UNREACHABLE" in result.stdout
    assert "UNKNOWN - was READY" in result.stdout
    assert "next      gatedog run -- COMMAND" in result.stdout


def test_status_without_any_trace(fake_daemon: FakeDaemon) -> None:
    """No daemon and no file: unknown, why, and the next command; as JSON too."""
    fake_daemon.close()
    plain, told = gd(fake_daemon, "status"), gd(fake_daemon, "status", "--json")

    assert plain.exit_code == told.exit_code == 4
    assert "next: " in plain.stderr
    assert json.loads(told.stderr)["error"]["code"] == "unreachable"
    assert told.stdout == ""


@pytest.mark.parametrize("text", ["", "[]", '{"gateways": []}', "{", '{"gateways": [{}]' + "}" * 40])
def test_status_file_of_garbage_is_no_status(fake_daemon: FakeDaemon, text: str) -> None:
    """A torn status file is no status and no traceback."""
    (fake_daemon.path.parent / "status.json").write_text(text)
    fake_daemon.close()
    result = gd(fake_daemon, "status")

    assert result.exit_code == 4
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_status_file_of_a_stranger_is_not_believed(fake_daemon: FakeDaemon) -> None:
    """A status file that belongs to another user is not shown."""
    file = fake_daemon.path.parent / "status.json"
    file.write_text(json.dumps(fake_daemon.status(fake_daemon.gateway())))
    if os.geteuid() != 0:
        pytest.skip("giving a file away takes root")
    os.chown(file, 65534, 65534)
    fake_daemon.close()

    assert "READY" not in gd(fake_daemon, "status").stdout


def test_status_of_another_version_is_told(fake_daemon: FakeDaemon) -> None:
    """A reply that lacks what the page needs is unknown, with words instead of a traceback."""
    fake_daemon.answer("Status", {"status": {"gateways": [fake_daemon.gateway()], "now_wall_usec": 1, "incidents": []}})
    result = gd(fake_daemon, "status")

    assert result.exit_code == 4
    assert "another version" in result.stderr
