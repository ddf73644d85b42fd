"""`page`, `doctor` and `ack --until` against a daemon that answers."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakedaemon import NOW, FakeDaemon, serving

from watchdog.cli.main import gatedog
from watchdog.cli.untiltype import span_until
from watchdog.core.timeline import HOUR, MINUTE

GRANTED = {
    "request": "REQ-1",
    "outcome": "granted",
    "rule": "r",
    "message": "on its way",
    "next_commands": [],
    "challenge": "",
}


@pytest.fixture
def fake_daemon() -> Iterator[FakeDaemon]:
    """Serve a daemon for one test, whose pager is empty."""
    with serving() as fake:
        fake.answer("Pager", {"pager": pager()})
        fake.answer("Request", GRANTED)
        yield fake


def pager(**changes: Any) -> dict[str, Any]:
    """Build a Pager reply."""
    base = {"now_wall_usec": NOW, "waiting": [], "given_up": [], "delayed": 0, "channels": [], "switches": []}
    return {**base, **changes}


def gd(daemon: FakeDaemon, *words: str) -> Result:
    """Run a command line against the fake."""
    return CliRunner().invoke(gatedog, ["--socket", str(daemon.path), *words], env={"NO_COLOR": "1"})


@pytest.mark.parametrize(
    ("words", "parameters"),
    [
        (["test"], {"verb": "page-test", "severity": "critical"}),
        (
            ["test", "--channel", "phone", "--severity", "info"],
            {"verb": "page-test", "severity": "info", "subject": "phone"},
        ),
        (["retry", "41.2"], {"verb": "page-retry", "subject": "41.2"}),
    ],
)
def test_o10_a_test_and_a_retry_are_requests(
    fake_daemon: FakeDaemon, words: list[str], parameters: dict[str, str]
) -> None:
    """Judged by the core like every other; they change something, so they are for humans."""
    result = gd(fake_daemon, "page", *words)

    assert result.exit_code == 0
    assert fake_daemon.asked == [("Request", {"gateway": "", "reason": "", **parameters})]


@pytest.mark.parametrize("command", ["list", "channels"])
def test_looking_is_a_reply_unchanged(fake_daemon: FakeDaemon, command: str) -> None:
    """As --json promises; and for people it is a page."""
    assert json.loads(gd(fake_daemon, "page", command, "--json").stdout) == {"pager": pager()}
    assert gd(fake_daemon, "page", command).exit_code == 0


def test_a_daemon_of_another_version_is_a_sentence(fake_daemon: FakeDaemon) -> None:
    """Not a traceback."""
    fake_daemon.answer("Pager", {"pager": {"now_wall_usec": 1}})
    result = gd(fake_daemon, "page", "list")

    assert result.exit_code == 1
    assert "cannot be read" in result.stderr


# -- doctor ----------------------------------------------------------------------------------------------------------


def doctor(daemon: FakeDaemon, folder: Path, *words: str) -> Result:
    """Let the doctor look."""
    return gd(daemon, "doctor", "--config", str(folder), *words)


def test_the_doctor_fails_a_fresh_installation(fake_daemon: FakeDaemon, tmp_path: Path) -> None:
    """Nobody but a terminal is told, nothing was tested, nobody notices a dead gatedog."""
    result = doctor(fake_daemon, tmp_path, "--json")
    found = json.loads(result.stdout)
    failed = {each["id"] for each in found["checks"] if each["verdict"] == "fail"}

    assert result.exit_code == 2
    assert not found["ok"]
    assert failed == {"channel-independent", "page-test", "dead-man", "policy"}
    assert all(each["fix"] for each in found["checks"] if each["verdict"] != "ok")


def test_the_doctor_looks_without_a_daemon(fake_daemon: FakeDaemon, tmp_path: Path) -> None:
    """And says that it is missing, as a finding among others."""
    fake_daemon.close()
    result = doctor(fake_daemon, tmp_path)

    assert result.exit_code == 2
    assert "daemon" in result.stdout
    assert "cannot be reached" in result.stdout


def test_the_doctor_names_a_pager_toml_that_cannot_be_read(fake_daemon: FakeDaemon, tmp_path: Path) -> None:
    """Its problems are the first finding."""
    (tmp_path / "pager.toml").write_text("[escalation]\ntiers = []\n")
    found = json.loads(doctor(fake_daemon, tmp_path, "--json").stdout)

    assert (found["checks"][0]["id"], found["checks"][0]["verdict"]) == ("pager-toml", "fail")


# -- until -----------------------------------------------------------------------------------------------------------

AT_ELEVEN = datetime(2026, 3, 26, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("23:30", 30 * MINUTE),
        ("07:30", 8 * HOUR + 30 * MINUTE),
        ("23:00", 24 * HOUR),
        ("2026-03-27T01:00", 2 * HOUR),
        ("2026-03-27T01:00+01:00", HOUR),
        ("2026-03-26T22:00", -HOUR),
        ("noon", None),
        ("25:00", None),
    ],
)
def test_o07_until_is_the_next_time_by_the_clock_of_who_types(text: str, span: int | None) -> None:
    """A time of day, or an instant; anything else is none."""
    assert span_until(text, AT_ELEVEN) == span


def test_o07_an_acknowledgement_until_a_time_is_asked_for_as_a_span(fake_daemon: FakeDaemon) -> None:
    """The core cuts it at twelve hours."""
    assert gd(fake_daemon, "ack", "INC-1", "--until", "9999-01-01T00:00").exit_code == 0
    assert fake_daemon.asked[0][1]["for_usec"] > HOUR


@pytest.mark.parametrize("words", [["--until", "soon"], ["--until", "2020-01-01"], ["--until", "07:30", "--for", "1h"]])
def test_an_until_that_cannot_be_is_a_usage_error(fake_daemon: FakeDaemon, words: list[str]) -> None:
    """Nothing is asked."""
    assert gd(fake_daemon, "ack", "INC-1", *words).exit_code == 2
    assert fake_daemon.asked == []
