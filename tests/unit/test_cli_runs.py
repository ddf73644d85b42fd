"""`gatedog runbook runs|approve|abort|close|run`: what is shown, and what is sent."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakedaemon import NOW, FakeDaemon, serving

from watchdog.cli.main import gatedog
from watchdog.control.runsreply import argv_sha256

ARGV = ["/usr/bin/touch", "/srv/a b"]
RUN = {
    "run": "RUN-3",
    "runbook": "mend",
    "gateway": "main",
    "incident": "INC-1",
    "who": "gatedog",
    "phase": "waiting",
    "because": "step 2 is destabilising: it waits 15m for a person",
    "step": 2,
    "argv": ARGV,
    "argv_sha256": argv_sha256(tuple(ARGV)),
    "began_wall_usec": NOW,
    "ended_wall_usec": None,
    "until_wall_usec": NOW,
    "taken": [{"number": 1, "ended": "exited with 0", "said": "all \x1b[2J well"}],
}
STEP = {
    "number": 1,
    "title": "look",
    "argv": ["/bin/look"],
    "effect": "observe",
    "precondition": [],
    "phases": ["up"],
    "holds": [],
    "timeout_usec": 1_000_000,
    "success": "exit 0",
    "stop_if": "",
    "preview": "",
    "blast_radius": "",
    "costs_starts": 0,
}
BOOK = {
    "name": "mend",
    "title": "Mend it",
    "on": ["spiral.chain"],
    "steps": [STEP],
    "at_most": 3,
    "per_usec": 3_600_000_000,
    "recent": 1,
    "breaker": "open",
    "breaker_because": "RUN-2: step 1 exited with 1",
}
GRANTED = {
    "request": "REQ-7",
    "outcome": "granted",
    "rule": "request.granted",
    "message": "done",
    "next_commands": [],
    "challenge": "",
}


@pytest.fixture
def fake_daemon() -> Iterator[FakeDaemon]:
    """Serve a daemon with one runbook and one run that waits."""
    with serving() as fake:
        fake.answer("Runbooks", {"runbooks": {"host": "gw1", "runbooks": [BOOK], "runs": [RUN]}})
        fake.answer("Request", GRANTED)
        yield fake


def gd(fake: FakeDaemon, *words: str) -> Result:
    """Run a command line against the daemon."""
    return CliRunner().invoke(gatedog, ["--socket", str(fake.path), "runbook", *words], env={"COLUMNS": "100"})


def sent(fake: FakeDaemon) -> dict[str, Any]:
    """Return the one request that was sent."""
    (parameters,) = [parameters for method, parameters in fake.asked if method == "Request"]
    return parameters


def test_the_runs_are_shown_with_what_waits(fake_daemon: FakeDaemon) -> None:
    """The whole command, its digest, and the two commands of a person; output of programs is made harmless."""
    said = gd(fake_daemon, "runs").stdout

    assert "/usr/bin/touch '/srv/a b'" in said
    assert "gatedog runbook approve RUN-3/2" in said
    assert "gatedog runbook abort RUN-3" in said
    assert RUN["argv_sha256"][:16] in said
    assert "\x1b" not in said


def test_an_approval_carries_what_was_shown(fake_daemon: FakeDaemon) -> None:
    """The argv and the host, and the gateway whose rules say whether it must be signed."""
    done = gd(fake_daemon, "approve", "run-3/2", "-m", "go")

    assert done.exit_code == 0, done.stderr
    assert "/usr/bin/touch '/srv/a b'" in done.stderr
    asked = sent(fake_daemon)
    assert (asked["verb"], asked["subject"], asked["gateway"]) == ("runbook-approve", "RUN-3/2", "main")
    assert asked["enclosed"] == {"kind": "StepReviewed", "argv": ARGV, "host": "gw1"}


@pytest.mark.parametrize(
    "words", [("RUN-9/1",), ("RUN-3/2", "--argv-sha256", "0" * 16), ("RUN-3/2", "--argv-sha256", "ab")]
)
def test_an_approval_of_what_is_not_there_is_not_sent(words: tuple[str, ...], fake_daemon: FakeDaemon) -> None:
    """A run that nobody remembers; an argv with another digest; a digest too short to be one."""
    assert gd(fake_daemon, "approve", *words).exit_code != 0
    assert "Request" not in [method for method, _ in fake_daemon.asked]


@pytest.mark.parametrize(
    ("words", "verb", "subject"),
    [
        (("run", "mend", "--incident", "inc-1"), "runbook-run", "mend"),
        (("abort", "run-3"), "runbook-abort", "RUN-3"),
        (("close", "mend"), "runbook-close", "mend"),
    ],
)
def test_each_verb_is_one_request(words: tuple[str, ...], verb: str, subject: str, fake_daemon: FakeDaemon) -> None:
    """Names of runs and incidents may be typed in small letters."""
    assert gd(fake_daemon, *words).exit_code == 0
    asked = sent(fake_daemon)
    assert (asked["verb"], asked["subject"], asked.get("incident")) == (
        verb,
        subject,
        "INC-1" if verb.endswith("run") else None,
    )


def test_a_runbook_for_machines_is_listed_and_shown(fake_daemon: FakeDaemon) -> None:
    """Beside those for people, with its breaker and how to close it."""
    listed = json.loads(gd(fake_daemon, "list", "--json").stdout)
    shown = gd(fake_daemon, "show", "mend").stdout

    assert [each["name"] for each in listed if each["for"] == "machines"] == ["mend"]
    assert "BREAKER OPEN" in gd(fake_daemon, "list").stdout
    assert "gatedog runbook close mend" in shown
    assert "only if phase is up" in shown
    assert "/bin/look" in shown
