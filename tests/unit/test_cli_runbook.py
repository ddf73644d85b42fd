"""`gatedog runbook`: for a rule with nothing else at work, for an incident with its names filled in."""

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from fakedaemon import NOW, FakeDaemon, serving

from watchdog.cli.main import gatedog

INCIDENT = {
    "id": "INC-7",
    "gateway": "my agent",
    "phase": "open",
    "severity": "critical",
    "rule": "spiral.chain",
    "title": "HELD - not restarting",
    "because": "4 endings",
    "opened_wall_usec": NOW,
    "opened_usec_ago": 1,
    "facts": 1,
    "paged": True,
    "acknowledged_by": "",
    "acknowledged_until_in_usec": None,
    "next_command": "gatedog status",
}


def gd(*words: str) -> Result:
    """Run a command line where no daemon is."""
    return CliRunner().invoke(gatedog, ["--socket", "/nonexistent/control.sock", *words], env={"COLUMNS": "80"})


@pytest.fixture
def fake_daemon() -> Iterator[FakeDaemon]:
    """Serve a daemon for one test, which remembers one incident."""
    with serving() as fake:
        fake.answer("Incidents", {"incidents": [INCIDENT]})
        yield fake


@pytest.mark.parametrize("named", ["spiral.chain", "spiral.identical-endings", "spiral"])
def test_a_rule_and_a_name_show_the_runbook_without_a_daemon(named: str) -> None:
    """What is in brackets in the page is enough, also when nothing of gatedog runs."""
    result = gd("runbook", "show", named)

    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("# It ends again and again\n")
    assert "gatedog status NAME" in result.stdout
    assert "rules: " not in result.stdout


def test_an_incident_shows_the_runbook_of_its_rule_filled_in(fake_daemon: FakeDaemon) -> None:
    """Its commands can be pasted as they are; a gateway's name with a space stays one word."""
    for typed in ("INC-7", "inc-7"):
        words = ["--socket", str(fake_daemon.path), "runbook", "show", typed]
        result = CliRunner().invoke(gatedog, words, env={"COLUMNS": "80"})

        assert result.exit_code == 0, result.stderr
        assert "gatedog ack INC-7 --for 60m" in result.stdout
        assert "gatedog status 'my agent'" in result.stdout
        assert "NAME" not in result.stdout
        assert "INC-n" not in result.stdout


def test_an_incident_that_nobody_remembers_is_told(fake_daemon: FakeDaemon) -> None:
    """With where to look."""
    result = CliRunner().invoke(gatedog, ["--socket", str(fake_daemon.path), "runbook", "show", "INC-8"])

    assert result.exit_code == 1
    assert "no incident INC-8 is remembered" in result.stderr
    assert "next: gatedog incident list --all" in result.stderr


def test_an_incident_needs_the_daemon() -> None:
    """Only it knows the incident's rule."""
    result = gd("runbook", "show", "INC-7")

    assert result.exit_code == 1
    assert "cannot be reached" in result.stderr


@pytest.mark.parametrize(
    ("named", "said"),
    [("restart.at-once", "nobody is told of it by itself"), ("spiral.chian\x1b[2J", "is called spiral.chian\\x1b[2J")],
)
def test_what_has_no_runbook_is_told(named: str, said: str) -> None:
    """A rule that wakes nobody is told from a typing mistake."""
    result = gd("runbook", "show", named)

    assert result.exit_code == 1
    assert said in result.stderr
    assert "next: gatedog runbook list" in result.stderr


def test_the_list_names_every_runbook_and_its_rules() -> None:
    """A person who has only a rule finds the runbook, and the other way round."""
    listed = json.loads(gd("runbook", "list", "--json").stdout)
    told = gd("runbook", "list").stdout

    assert len(listed) > 20
    for each in listed:
        assert each["name"] in told
        assert each["title"] in told
        assert all(rule in told for rule in each["rules"])


def test_a_runbook_as_json_is_whole() -> None:
    """For tools that show it elsewhere: the Markdown itself."""
    shown = json.loads(gd("runbook", "show", "spiral.chain", "--json").stdout)

    assert shown["name"] == "spiral"
    assert "spiral.identical-endings" in shown["rules"]
    assert shown["incident"] is None
    assert "| if you see | do |" in shown["text"]
