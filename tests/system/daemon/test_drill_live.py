"""The one drill on a gateway in service: a person types its name, and it is killed until gatedog holds it."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from insiders import GATEDOG, Insider

from watchdog.core.enclosure import DrillReported
from watchdog.core.events import ActionRequested, MainProcessExited
from watchdog.journal.store import Journal

pytestmark = pytest.mark.system

NAME = "gateway"
LIVE = ("drill", "kill-loop", "--live", NAME)
USAGE, REFUSED = 2, 77
WAIT_S = 30


@pytest.fixture
def agent(site: Any) -> Insider:
    """Let a gateway serve, with an agent in it."""
    made = Insider(site)
    site.start()
    site.wait_until(ready=True)
    return made


def deaths(site: Any) -> list[MainProcessExited]:
    """Return every end of a life that is on record."""
    with Journal.read(site.state / "journal") as journal:
        events = [record.stamped.event for record in journal.records()]
    return [event for event in events if isinstance(event, MainProcessExited)]


def on_record(site: Any) -> set[tuple[str, bool, bool]]:
    """Return what gatedog holds about drills: which, live, passed."""
    with Journal.read(site.state / "journal") as journal:
        events = [record.stamped.event for record in journal.records()]
    reports = [event.enclosed for event in events if isinstance(event, ActionRequested)]
    return {(each.drill, each.live, each.passed) for each in reports if isinstance(each, DrillReported)}


def filed(site: Any) -> list[dict[str, Any]]:
    """Return the reports that were filed."""
    return [json.loads(file.read_text()) for file in sorted((site.folder / "drills").glob("*.json"))]


def test_a_person_who_types_its_name_has_it_killed_held_paged_and_released(site: Any, agent: Insider) -> None:
    """Every life that serves is killed, gatedog holds it and tells people, and its runbook's command brings it back."""
    code, said = site.human(*LIVE, "--to", str(site.folder / "drills"), types=f"{NAME}\n")

    assert code == 0, said
    (report,) = filed(site)
    assert [step["what"] for step in report["steps"]] == ["it serves", "held", "killed", "people were told"]
    assert (report["drill"], report["live"], report["passed"]) == ("kill-loop", True, True)
    assert site.status()["hold"] == "held"
    assert site.wait_for_pages("HELD")[0]["severity"] == "critical"
    killed = deaths(site)
    assert len(killed) >= 3
    assert report["steps"][2]["said"] == f"{len(killed)} times"
    assert {each.exit.signal for each in killed} == {"SIGKILL"}
    assert on_record(site) == {("kill-loop", True, True)}
    assert f'next: gatedog release {NAME} -m "drill"' in said
    recovered_by_its_runbook(site)


def recovered_by_its_runbook(site: Any) -> None:
    """What the drill, the page and the runbook tell to type is the same, and works."""
    shown = site.cli("runbook", "show", "INC-1").stdout
    assert f"gatedog release {NAME}" in shown
    assert site.human("release", NAME, "-m", "drill")[0] == 0
    site.wait_until(ready=True)


def test_what_a_person_is_told_before_it_begins(site: Any, agent: Insider) -> None:
    """What will be done and for how long it lasts; another name, and it is left alone."""
    code, said = site.human(*LIVE, types="gatevvay\n")

    assert code == 1, said
    assert "this kills gateway again and again" in said
    assert "It stays down until released" in said
    assert "nothing was done" in said
    left_alone(site)


def test_a_person_who_changes_their_mind_ends_it(site: Any, agent: Insider) -> None:
    """An empty line is not its name, and no line at all is an end."""
    answers = [site.human(*LIVE, types=typed)[0] for typed in ("\n", "\x04")]

    assert answers == [1, 130]
    left_alone(site)


def test_it_takes_a_terminal(site: Any, agent: Insider) -> None:
    """A name out of a pipe was typed by nobody, and what has no terminal is no person."""
    piped = f"echo {NAME} | {shlex.join([*map(str, (GATEDOG, '--socket', site.socket)), *LIVE])}"
    by_pipe = site.at_terminal("/bin/sh", "-c", piped)
    by_program = site.cli(*LIVE)

    assert (by_pipe[0], by_program.returncode) == (REFUSED, REFUSED), (by_pipe, by_program)
    assert "a person at a terminal" in by_pipe[1]
    assert "a person at a terminal" in by_program.stderr
    left_alone(site)


def test_the_agent_is_refused_and_people_hear_of_it(site: Any, agent: Insider) -> None:
    """By the rule for agents, before anything is asked of it."""
    code, said = agent.does(*LIVE)

    assert code == REFUSED, said
    assert "request.agent-never" in said
    assert "refused" in site.wait_for_pages("refused")[0]["title"]
    left_alone(site)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("drill", "hang", "--live", NAME), "Only kill-loop can be held live"),
        (("drill", "--live", NAME), "Name the drill"),
        (("drill", "kill-loop", "--live", "mail"), "no gateway mail"),
    ],
)
def test_nothing_else_is_done_to_a_gateway_in_service(
    site: Any, agent: Insider, words: tuple[str, ...], why: str
) -> None:
    """Not another drill, not one that was not named, not to a gateway that is none; the name is not even asked for."""
    code, said = site.human(*words, types=f"{NAME}\n")

    assert (code, "Type the gateway" in said) == (USAGE, False), said
    assert why in said
    left_alone(site)


def test_without_gatedog_nothing_is_killed(site: Any, agent: Insider) -> None:
    """Nobody would hold it."""
    pid = site.status()["pid"]
    (daemon,) = site._daemons
    daemon.terminate()
    daemon.wait(WAIT_S)
    code, said = site.human(*LIVE, types=f"{NAME}\n")

    assert code == REFUSED, said
    assert "gatedog must be running" in said
    assert Path(f"/proc/{pid}").exists()


def left_alone(site: Any) -> None:
    """Nothing was killed, filed or put on record as a drill."""
    assert deaths(site) == []
    assert site.status()["ready"]
    assert filed(site) == []
    assert {each for each in on_record(site) if each[2]} == set()
