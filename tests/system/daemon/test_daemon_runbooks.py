"""Runbooks for machines in a real daemon: what it runs by itself, what waits for a person, and what nobody may."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system

GATEWAY = ["/bin/sh", "-c", "while :; do sleep 1; done"]
HEAD = 'on = ["request.humans-only"]\nat_most = "9 per 1h"\n'


def write(site: Any, name: str, *steps: str, head: str = HEAD) -> None:
    """Add a runbook to the bundle; each step is the TOML of one."""
    folder = site.config / "runbooks"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / f"{name}.toml").write_text(head + "".join(f"[[step]]\n{step}\n" for step in steps))
    (folder / f"{name}.toml").chmod(0o600)


def begin(site: Any) -> None:
    """Let the daemon run its gateway."""
    site.write_policy(GATEWAY)
    site.start()
    site.wait_until(phase="up")


def runs(site: Any) -> list[dict[str, Any]]:
    """Return the runs that are remembered, newest first."""
    found: list[dict[str, Any]] = json.loads(site.cli("runbook", "runs", "--json").stdout)["runbooks"]["runs"]
    return found


def wait_for(site: Any, phase: str, run: str = "RUN-1") -> dict[str, Any]:
    """Wait until a run is in this phase."""
    seen: list[dict[str, Any]] = []

    def reached() -> bool:
        seen[:] = [each for each in runs(site) if each["run"] == run]
        return any(each["phase"] == phase for each in seen)

    site.wait(reached, f"{run} to be {phase}; last seen: {seen}")
    return seen[0]


def test_an_incident_is_looked_at_and_mended_when_a_person_approves(site: Any, tmp_path: Path) -> None:
    """It looks by itself, pages what it would do, waits, is refused to everybody but a person, and does it once."""
    mended = tmp_path / "mended"
    write(
        site,
        "mend",
        'argv = ["gatedog", "status", "--json"]\neffect = "observe"\nsuccess = { output = "gateways" }',
        f'argv = ["/usr/bin/touch", "{mended}"]\nblast_radius = "one file"',
        f'argv = ["/usr/bin/test", "-e", "{mended}"]\neffect = "observe"',
    )
    begin(site)
    assert site.cli("restart", "gateway").returncode == 77  # nobody's word: that is the incident
    run = wait_for(site, "waiting")
    assert run["taken"][0]["ended"] == "exited with 0"
    (page,) = site.wait_for_pages("RUN-1 WAITS FOR YOU")
    assert page["next_command"] == "gatedog runbook approve RUN-1/2"
    assert f"/usr/bin/touch {mended}" in page["text"]
    assert "one file" in page["text"]

    refused = site.cli("runbook", "approve", "RUN-1/2")
    assert refused.returncode == 77, refused.stderr
    assert not mended.exists()
    assert site.human("runbook", "approve", "RUN-1/2", "--argv-sha256", "0123456789")[0] == 2
    code, said = site.human("runbook", "approve", "RUN-1/2", "--argv-sha256", run["argv_sha256"][:12])
    assert code == 0, said
    assert f"/usr/bin/touch {mended}" in said

    finished = wait_for(site, "finished")
    assert mended.exists()
    assert [each["number"] for each in finished["taken"]] == [1, 2, 3]
    kept = list((site.state / "incidents").rglob("step-output.txt"))
    assert len(kept) == 3
    assert any('"gateways"' in each.read_text() for each in kept)


def test_a_run_that_fails_opens_its_breaker_until_a_person_closes_it(site: Any) -> None:
    """People are told, the next incident's page says that it is theirs alone, and `close` lets it answer again."""
    write(site, "mend", 'argv = ["/usr/bin/test", "-e", "/nonexistent"]\neffect = "observe"')
    begin(site)
    site.cli("restart", "gateway")
    wait_for(site, "failed")
    site.wait_for_pages("RUN-1 FAILED at step 1 of mend")
    assert "BREAKER OPEN" in site.cli("runbook", "list").stdout
    assert "BREAKER" in site.cli("runbook", "show", "mend").stdout.upper()
    code, said = site.human("runbook", "run", "mend")
    assert code == 1, said
    assert site.cli("runbook", "close", "mend").returncode == 77
    assert site.human("runbook", "close", "mend")[0] == 0
    assert site.human("runbook", "run", "mend", "--incident", "INC-1")[0] == 0
    wait_for(site, "failed", "RUN-2")


def test_gatedogs_own_steps_are_no_person(site: Any) -> None:
    """A step that asks for what is for humans is refused as everybody is, although a person approved of the step."""
    write(
        site,
        "grab",
        'argv = ["gatedog", "release", "gateway", "-m", "a runbook says so"]',
        head='on = ["lifecycle.stop-failed"]\n',
    )
    write(
        site,
        "permit",
        'argv = ["gatedog", "runbook", "close", "grab"]',
        head='on = ["lifecycle.stop-failed"]\n',
    )
    begin(site)
    assert site.human("hold", "gateway", "-m", "look")[0] == 0
    for number, name in ((1, "grab"), (2, "permit")):
        assert site.human("runbook", "run", name)[0] == 0
        wait_for(site, "waiting", f"RUN-{number}")
        assert site.human("runbook", "approve", f"RUN-{number}/1")[0] == 0
        failed = wait_for(site, "failed", f"RUN-{number}")
        assert failed["taken"][-1]["ended"] == "exited with 77"
    assert site.status()["hold"] == "held"
    asked = json.loads(site.cli("requests", "list", "--json").stdout)["requests"]
    judged = {each["verb"]: each["origin"] for each in asked if each["outcome"] == "refused"}
    assert judged.keys() >= {"release", "runbook-close"}
    assert judged["release"] != "human"


def test_a_step_that_is_given_up_is_ended_with_its_program(site: Any) -> None:
    """The person's word counts while the program runs."""
    write(site, "long", 'argv = ["/usr/bin/sleep", "600"]\neffect = "observe"\ntimeout = "10min"')
    begin(site)
    assert site.human("runbook", "run", "long")[0] == 0
    wait_for(site, "running")
    assert site.human("runbook", "abort", "RUN-1")[0] == 0
    site.wait(lambda: bool(runs(site)[0]["taken"]), "the program to be ended")
    assert runs(site)[0]["phase"] == "aborted"
    assert runs(site)[0]["taken"][0]["ended"].endswith("was killed")


def test_a_step_under_way_when_gatedog_was_killed_is_not_taken_again(site: Any, tmp_path: Path) -> None:
    """The next gatedog says that nobody knows, and opens the breaker."""
    counted = tmp_path / "counted"
    script = tmp_path / "count"
    script.write_text(f"#!/bin/sh\necho taken >> {counted}\nexec sleep 3\n")
    script.chmod(0o755)
    write(site, "once", f'argv = ["{script}"]\neffect = "reversible"')
    begin(site)
    assert site.human("runbook", "run", "once")[0] == 0
    site.wait(counted.exists, "the step to begin")
    (daemon,) = site._daemons
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait()
    site.start()
    wait_for(site, "lost")
    site.wait_for_pages("RUN-1 is LOST")
    assert counted.read_text() == "taken\n"
    assert site.human("runbook", "run", "once")[0] == 1


def test_what_others_can_write_is_not_run(site: Any, tmp_path: Path) -> None:
    """Law 11: the run fails before anything of the program was run."""
    proof = tmp_path / "ran"
    script = tmp_path / "mend"
    script.write_text(f"#!/bin/sh\ntouch {proof}\n")
    script.chmod(0o777)
    write(site, "shared", f'argv = ["{script}"]\neffect = "observe"')
    begin(site)
    assert site.human("runbook", "run", "shared")[0] == 0
    failed = wait_for(site, "failed")
    assert "can be written by others" in failed["because"]
    assert not proof.exists()


def test_a_step_gets_next_to_nothing_of_its_surroundings(site: Any, tmp_path: Path) -> None:
    """A fixed PATH, no input, no terminal, and no more of its output than a page of it."""
    script, seen = tmp_path / "look", tmp_path / "seen"
    script.write_text(
        f"#!/bin/sh\nenv | cut -d= -f1 | sort | tr '\\n' ' ' >{seen}\nwc -c >>{seen}\n"
        f"( : </dev/tty ) 2>/dev/null && echo terminal >>{seen}\nhead -c 1000000 /dev/zero | tr '\\0' x\n"
    )
    script.chmod(0o755)
    write(site, "look", f'argv = ["{script}"]\neffect = "observe"', head=HEAD)
    begin(site)
    site.cli("restart", "gateway")
    wait_for(site, "finished")
    (kept,) = (site.state / "incidents").rglob("step-output.txt")
    assert len(kept.read_bytes()) == 64 * 1024
    assert seen.read_text().split() == ["GATEDOG_SOCKET", "LANG", "PATH", "PWD", "0"]
