"""`probe list|run|history` against a daemon that answers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakedaemon import FakeDaemon, serving

from watchdog.cli.main import gatedog

SECOND = 1_000_000


@pytest.fixture
def fake_daemon() -> Iterator[FakeDaemon]:
    """Serve a daemon for one test."""
    with serving() as fake:
        yield fake


def gd(daemon: FakeDaemon, *words: str) -> Result:
    """Run a command line against the fake."""
    return CliRunner().invoke(gatedog, ["--socket", str(daemon.path), *words], env={"NO_COLOR": "1", "COLUMNS": "100"})


def look(result: str = "ok", **changes: Any) -> dict[str, Any]:
    """Build one look."""
    base = {"at_usec_ago": 90 * SECOND, "took_usec": 4_200, "result": result, "cause": "unknown", "detail": ""}
    return {**base, **changes}


def row(name: str, last: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    """Build one row of the Probes reply."""
    base = {
        "gateway": "openclaw",
        "name": name,
        "kind": "http",
        "what": "http://127.0.0.1:1/healthz",
        "period_usec": 30 * SECOND,
        "timeout_usec": 5 * SECOND,
        "due_in_usec": 12 * SECOND,
        "last": last,
    }
    return {**base, **changes}


def test_probes_are_listed_with_their_last_look(fake_daemon: FakeDaemon) -> None:
    """What fails stands first, with a command; what never looked is not called well."""
    failed = look("failed", cause="local", detail="connection\nrefused")
    rows = [row("a", look()), row("b", None, due_in_usec=None), row("c", failed)]
    fake_daemon.answer("Probes", {"probes": rows})
    result = gd(fake_daemon, "probe", "list")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "✖ openclaw c  http http://127.0.0.1:1/healthz",
        '  last      1m 30s ago: failed in 4 ms, local cause; agent says: "connection\\nrefused"',
        "  next      in 12s; every 30s",
        "  try       gatedog probe run openclaw c       look now",
        "◐ openclaw b  http http://127.0.0.1:1/healthz",
        "  last      no look yet",
        "  next      not looking: there is no process; every 30s",
        "● openclaw a  http http://127.0.0.1:1/healthz",
        "  last      1m 30s ago: ok in 4 ms",
        "  next      in 12s; every 30s",
    ]


@pytest.mark.parametrize(("outcome", "code"), [("ok", 0), ("failed", 1), ("error", 1)])
def test_a_run_ends_with_what_was_seen(fake_daemon: FakeDaemon, outcome: str, code: int) -> None:
    """A script can wait for a gateway with it."""
    fake_daemon.answer("ProbeRun", {"look": look(outcome)})
    result = gd(fake_daemon, "probe", "run", "openclaw", "health")

    assert result.exit_code == code
    assert "health  " in result.stdout
    assert fake_daemon.asked == [("ProbeRun", {"gateway": "openclaw", "probe": "health"})]


def test_without_a_process_there_is_nothing_to_look_at(fake_daemon: FakeDaemon) -> None:
    """That is no outcome of the probe."""
    fake_daemon.answer("ProbeRun", {"look": None})
    result = gd(fake_daemon, "probe", "run", "openclaw", "health")

    assert result.exit_code == 1
    assert "has no process" in result.stderr
    assert "next: gatedog status openclaw" in result.stderr


def test_a_history_is_newest_first(fake_daemon: FakeDaemon) -> None:
    """The last look is what somebody wants to see."""
    looks = [look("failed", at_usec_ago=60 * SECOND, detail="refused"), look(at_usec_ago=30 * SECOND)]
    fake_daemon.answer("ProbeHistory", {"looks": looks})
    lines = gd(fake_daemon, "probe", "history", "openclaw", "health").stdout.splitlines()

    assert lines == ["● 30s ago  ok in 4 ms", "✖ 1m ago  failed in 4 ms", '            agent says: "refused"']


def test_nothing_seen_is_said(fake_daemon: FakeDaemon) -> None:
    """Rather than an empty screen."""
    fake_daemon.answer("ProbeHistory", {"looks": []})
    fake_daemon.answer("Probes", {"probes": []})

    assert gd(fake_daemon, "probe", "history", "openclaw", "health").stdout == "health has not looked yet\n"
    assert gd(fake_daemon, "probe", "list").stdout == "the policy has no probe\n"


@pytest.mark.parametrize(
    ("words", "method", "reply"),
    [
        (["list"], "Probes", {"probes": [row("a", look())]}),
        (["run", "openclaw", "a"], "ProbeRun", {"look": look()}),
        (["history", "openclaw", "a"], "ProbeHistory", {"looks": [look()]}),
    ],
)
def test_json_is_the_reply_unchanged(
    fake_daemon: FakeDaemon, words: list[str], method: str, reply: dict[str, Any]
) -> None:
    """As --json promises."""
    fake_daemon.answer(method, reply)

    assert json.loads(gd(fake_daemon, "probe", *words, "--json").stdout) == reply


def test_a_probe_nobody_knows(fake_daemon: FakeDaemon) -> None:
    """It is said, with the way to the names there are."""
    fake_daemon.fail("ProbeRun", "io.gatedog.Supervisor.UnknownProbe", gateway="openclaw", probe="helth")
    result = gd(fake_daemon, "probe", "run", "openclaw", "helth")

    assert result.exit_code == 1
    assert "openclaw has no probe helth" in result.stderr
    assert "next: gatedog probe list" in result.stderr
