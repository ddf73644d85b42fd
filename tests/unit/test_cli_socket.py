"""The command line against a daemon that answers: what is asked, what is said, and with which exit code it ends."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakedaemon import NOW, FakeDaemon, serving

from watchdog.cli.main import COMMANDS, gatedog


@pytest.fixture
def fake_daemon() -> Iterator[FakeDaemon]:
    """Serve a daemon for one test."""
    with serving() as fake:
        yield fake


def gd(daemon: FakeDaemon, *words: str) -> Result:
    """Run a command line against the fake."""
    return CliRunner().invoke(gatedog, ["--socket", str(daemon.path), *words], env={"NO_COLOR": "1"})


def answer(outcome: str, rule: str = "request.granted", message: str = "openclaw is being restarted") -> dict[str, Any]:
    """Build a Request reply."""
    commands = ["gatedog status openclaw"]
    return {
        "request": "REQ-1",
        "outcome": outcome,
        "rule": rule,
        "message": message,
        "next_commands": commands,
        "challenge": "",
    }


# -- asking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "parameters"),
    [
        (["start"], {"verb": "start", "gateway": "openclaw", "reason": ""}),
        (["stop", "openclaw"], {"verb": "stop", "gateway": "openclaw", "reason": ""}),
        (["restart", "-m", "new key"], {"verb": "restart", "gateway": "openclaw", "reason": "new key"}),
        (["hold", "-m", "look"], {"verb": "hold", "gateway": "openclaw", "reason": "look"}),
        (["release", "-m", "ok"], {"verb": "release", "gateway": "openclaw", "reason": "ok"}),
        (["reset-budget", "-m", "ok"], {"verb": "reset-budget", "gateway": "openclaw", "reason": "ok"}),
        (["ask", "restart", "--reason", "x"], {"verb": "ask-restart", "gateway": "openclaw", "reason": "x"}),
        (
            ["ack", "INC-1", "--for", "60m", "-m", "mine"],
            {"verb": "ack", "gateway": "", "reason": "mine", "incident": "INC-1", "for_usec": 3_600_000_000},
        ),
        (["ack", "INC-1"], {"verb": "ack", "gateway": "", "reason": "", "incident": "INC-1"}),
        (["unack", "INC-1"], {"verb": "unack", "gateway": "", "reason": "", "incident": "INC-1"}),
        (
            ["incident", "close", "INC-1", "-m", "key"],
            {"verb": "incident-close", "gateway": "", "reason": "key", "incident": "INC-1"},
        ),
        (
            ["page", "test", "--severity", "info"],
            {"verb": "page-test", "gateway": "", "reason": "", "severity": "info"},
        ),
    ],
)
def test_verb_asks_once(fake_daemon: FakeDaemon, words: list[str], parameters: dict[str, Any]) -> None:
    """Each writing command is one Request with exactly these parameters."""
    fake_daemon.answer("Request", answer("granted"))
    result = gd(fake_daemon, *words)

    assert result.exit_code == 0
    assert [asked for method, asked in fake_daemon.asked if method == "Request"] == [parameters]


def test_granted_says_what_is_done(fake_daemon: FakeDaemon) -> None:
    """The answer goes to stdout, the next command to stderr."""
    fake_daemon.answer("Request", answer("granted"))
    result = gd(fake_daemon, "restart")

    assert result.stdout == "openclaw is being restarted\n"
    assert result.stderr == "  next: gatedog status openclaw\n"


@pytest.mark.parametrize(("outcome", "code"), [("granted", 0), ("refused", 77), ("failed", 1)])
def test_outcome_is_an_exit_code(fake_daemon: FakeDaemon, outcome: str, code: int) -> None:
    """Granted, refused and failed are told apart by the exit code."""
    fake_daemon.answer("Request", answer(outcome))

    assert gd(fake_daemon, "restart").exit_code == code


def test_refusal_names_its_rule_and_the_way_on(fake_daemon: FakeDaemon) -> None:
    """A refusal says why, by which rule, and what would work."""
    fake_daemon.answer("Request", answer("refused", "request.agent-never", "it is the agent\x1b[2J"))
    result = gd(fake_daemon, "restart")

    assert "[request.agent-never]" in result.stderr
    assert "next: gatedog status openclaw" in result.stderr
    assert "\x1b" not in result.stderr


def test_refusal_as_json(fake_daemon: FakeDaemon) -> None:
    """With --json the reply is on stdout unchanged and the error object on stderr."""
    reply = answer("refused", "request.agent-never", "no")
    fake_daemon.answer("Request", reply)
    result = gd(fake_daemon, "restart", "--json")

    assert json.loads(result.stdout) == reply
    assert json.loads(result.stderr) == {
        "error": {"rule": "request.agent-never", "message": "refused: no", "next": ["gatedog status openclaw"]}
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [("Busy", 75), ("UnknownGateway", 1), ("UnknownIncident", 1), ("Failed", 1)],
)
def test_error_is_an_exit_code(fake_daemon: FakeDaemon, error: str, code: int) -> None:
    """A daemon that cannot take the request is told apart from one that refuses."""
    fake_daemon.fail("Request", f"io.gatedog.Supervisor.{error}", message="sorry")
    result = gd(fake_daemon, "restart", "openclaw")

    assert result.exit_code == code
    assert "next: " in result.stderr


def test_several_gateways_need_a_name(fake_daemon: FakeDaemon) -> None:
    """Without a name, one among several is not guessed."""
    fake_daemon.answer(
        "Status", {"status": fake_daemon.status(fake_daemon.gateway("mail"), fake_daemon.gateway("notes"))}
    )
    result = gd(fake_daemon, "restart")

    assert result.exit_code == 2
    assert "mail, notes" in result.stderr
    assert [method for method, _ in fake_daemon.asked] == ["Status"]


def test_hold_needs_a_reason(fake_daemon: FakeDaemon) -> None:
    """A hold without a reason is a usage error before anything is asked."""
    assert gd(fake_daemon, "hold").exit_code == 2
    assert fake_daemon.asked == []


def test_usage_error_as_json(fake_daemon: FakeDaemon) -> None:
    """A usage error is an error object, too."""
    result = gd(fake_daemon, "ack", "INC-1", "--for", "60", "--json")

    assert result.exit_code == 2
    assert json.loads(result.stderr)["error"]["code"] == "usage"


def test_request_to_nobody_fails(fake_daemon: FakeDaemon) -> None:
    """A request that could not be asked is not done."""
    fake_daemon.close()
    result = gd(fake_daemon, "restart", "openclaw")

    assert result.exit_code == 1
    assert "cannot be reached" in result.stderr


# -- reading -------------------------------------------------------------------------------------------------------


def travelling(seq: int, wall_usec: int = NOW, event: dict[str, Any] | None = None) -> dict[str, Any]:
    """Build a record as it travels."""
    told = event or {"kind": "SupervisorStopping", "reason": f"number {seq}"}
    kind = told["kind"]
    return {
        "seq": seq,
        "wall_usec": wall_usec,
        "boot": "b",
        "uptime_usec": seq,
        "kind": kind,
        "event": told,
        "decisions": [],
    }


def serve_journal(fake_daemon: FakeDaemon, *records: dict[str, Any]) -> None:
    """Answer Events as the daemon does: a negative after_seq counts from the newest, the last reply is empty."""

    def events(parameters: dict[str, Any]) -> list[dict[str, Any]]:
        after, limit = parameters["after_seq"], parameters["limit"]
        first = max(len(records) + after, 0) if after < 0 else sum(1 for each in records if each["seq"] <= after)
        chosen = [*records[first : first + limit], None]
        return [{"parameters": {"record": each}} for each in chosen]

    fake_daemon.answers["Events"] = events


def test_events_tell_the_newest(fake_daemon: FakeDaemon) -> None:
    """Without an option the newest fifty are told, oldest of them first."""
    serve_journal(fake_daemon, *(travelling(seq) for seq in range(1, 81)))
    lines = [line for line in gd(fake_daemon, "events").stdout.splitlines() if "number" in line]

    assert len(lines) == 50
    assert "number 31" in lines[0]
    assert "number 80" in lines[-1]


def test_events_since_an_instant(fake_daemon: FakeDaemon) -> None:
    """--since finds the first record of that time, whatever gaps the numbers have."""
    minute, now = 60_000_000, time.time_ns() // 1_000  # not the module's NOW: the suite may have run for minutes
    serve_journal(fake_daemon, *(travelling(seq * 7, now - (100 - seq) * minute) for seq in range(1, 100)))
    found = [
        json.loads(line)["seq"] for line in gd(fake_daemon, "events", "--since", "10m30s", "--json").stdout.splitlines()
    ]

    assert found == [seq * 7 for seq in range(90, 100)]


def test_events_of_an_empty_journal(fake_daemon: FakeDaemon) -> None:
    """Nothing happened yet: no line, no error."""
    serve_journal(fake_daemon)

    assert (gd(fake_daemon, "events").exit_code, gd(fake_daemon, "events", "--since", "1h").stdout) == (0, "")


def test_event_of_a_newer_version_is_named(fake_daemon: FakeDaemon) -> None:
    """A record that cannot be read is shown as such, not left out."""
    serve_journal(fake_daemon, travelling(1, event={"kind": "MoonRose"}))

    assert "MoonRose (record 1: a newer gatedog wrote it)" in gd(fake_daemon, "events").stdout


def test_explain_takes_the_newest_open_incident(fake_daemon: FakeDaemon) -> None:
    """Without an incident the newest open one is explained."""
    fake_daemon.answer("Incidents", {"incidents": [incident("INC-3", "resolved"), incident("INC-2", "open")]})
    fake_daemon.answer("Explain", {"incident": incident("INC-2", "open"), "records": [travelling(4)]})
    result = gd(fake_daemon, "explain")

    assert ("Explain", {"incident": "INC-2"}) in fake_daemon.asked
    assert "number 4" in result.stdout


def incident(identity: str, phase: str) -> dict[str, Any]:
    """Build one incident of a reply."""
    return {
        "id": identity,
        "gateway": "openclaw",
        "phase": phase,
        "severity": "critical",
        "rule": "budget.spent",
        "title": "HELD",
        "because": "it is",
        "opened_wall_usec": NOW,
        "opened_usec_ago": 5,
        "facts": 1,
        "paged": True,
        "acknowledged_by": "",
        "acknowledged_until_in_usec": None,
        "next_command": "",
    }


def test_incident_list_and_show(fake_daemon: FakeDaemon) -> None:
    """Incidents are listed, and one is shown with the end of its story."""
    fake_daemon.answer("Incidents", {"incidents": [incident("INC-2", "open")]})
    fake_daemon.answer("Explain", {"incident": incident("INC-2", "open"), "records": [travelling(4)]})

    assert "INC-2  openclaw  HELD" in gd(fake_daemon, "incident", "list").stdout
    assert "number 4" in gd(fake_daemon, "incident", "show", "INC-2").stdout
    assert json.loads(gd(fake_daemon, "incident", "list", "--json").stdout)["incidents"][0]["id"] == "INC-2"


def test_no_incident_to_explain(fake_daemon: FakeDaemon) -> None:
    """Nothing to explain is an answer with a next command."""
    fake_daemon.answer("Incidents", {"incidents": []})
    result = gd(fake_daemon, "explain", "openclaw")

    assert result.exit_code == 1
    assert "next: gatedog events" in result.stderr


def test_help_lists_every_command() -> None:
    """The overview names every command without loading one."""
    listed = CliRunner().invoke(gatedog, ["-h"]).stdout

    assert [name for name, entry in COMMANDS.items() if not entry.hidden and f"  {name} " not in listed] == []
