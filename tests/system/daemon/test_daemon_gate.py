"""The gate, by a real daemon: an agent asks before it acts, a person agrees, and what is done all the same."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from watchdog.journal.store import Journal

pytestmark = pytest.mark.system

AGENT = """
mkdir -p "$0/do"; echo $$ >"$0/pid"; echo up
while :; do
  for script in "$0"/do/*.sh; do
    [ -e "$script" ] || continue
    mv "$script" "$script.begun"
    sh "$script.begun" >"$script.out" 2>"$script.err"
    echo $? >"$script.code"
  done
  sleep 0.05
done
"""
"""A gateway that runs what is put into a folder, as an agent's runtime runs tools: inside of its life."""
GATEDOG = Path(sys.executable).with_name("gatedog")


class Agent:
    """The agent inside the gateway of a site."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self._count = 0

    def runs(self, script: str) -> subprocess.CompletedProcess[str]:
        """Let the agent run a shell script inside of its gateway; return how it ended."""
        self._count += 1
        file = self.site.folder / "do" / f"{self._count:03}.sh"
        file.with_suffix(".new").write_text(script)
        file.with_suffix(".new").rename(file)
        code = Path(f"{file}.code")
        self.site.wait(lambda: code.exists() and bool(code.read_text().strip()), f"the agent to run {script!r}")
        out, err = (Path(f"{file}.{name}").read_text() for name in ("out", "err"))
        return subprocess.CompletedProcess(script, int(code.read_text()), out, err)

    def gatedog(self, words: str) -> subprocess.CompletedProcess[str]:
        """Let the agent run a command of gatedog's."""
        return self.runs(f"cd {self.site.folder} && exec {GATEDOG} --socket {self.site.socket} {words}")

    def check(self, words: str, options: str = "--action exec") -> tuple[int, dict[str, Any]]:
        """Let the agent's runtime ask about a command; return the exit code and the answer."""
        done = self.gatedog(f"gate check --json {options} -- {words}")
        assert done.stdout.startswith("{"), done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, found


@pytest.fixture
def agent(site: Any) -> Agent:
    """Start a daemon whose gateway runs what the agent wants."""
    site.write_policy(["/bin/sh", "-c", AGENT])
    site.start()
    site.wait_until(ready=True)
    return Agent(site)


def records(site: Any) -> int:
    """Count the records of the journal."""
    with Journal.read(site.state / "journal") as journal:
        return sum(1 for _ in journal.rows())


def test_an_agent_asks_before_it_acts(site, agent: Agent) -> None:
    """It may look and change its own files; its own lifecycle is refused; what nobody knows waits for a person."""
    pid = site.status()["pid"]
    looks = agent.check("ls -la")
    changes = agent.check("mkdir drafts")
    ends = agent.check(f"kill {pid}")
    unknown = agent.check("frobnicate --all")

    assert (looks[0], looks[1]["answer"], looks[1]["rule"]) == (0, "allow", "gate.observe")
    assert (changes[0], changes[1]["answer"], changes[1]["rule"]) == (0, "allow", "gate.reversible")
    assert (ends[0], ends[1]["answer"], ends[1]["rule"]) == (77, "refuse", "gate.refused")
    assert (unknown[0], unknown[1]["answer"], unknown[1]["rule"]) == (77, "ask-human", "gate.unknown")
    page = site.wait_for_pages("refused: its agent is about to harm it")[0]
    assert f'agent says: "exec: kill {pid}"' in page["text"]


def test_what_only_looks_leaves_no_record(site, agent: Agent) -> None:
    """A hundred looks cost the journal nothing; the request ids of all else show that it is on record."""
    agent.check("mkdir drafts")
    before = records(site)
    answers = [agent.check("ls")[1] for _ in range(3)]
    after = records(site)
    changed = agent.check("mkdir more")[1]

    assert [answer["request"] for answer in answers] == ["", "", ""]
    assert after == before
    assert changed["request"].startswith("REQ-")


def test_a_person_agrees_once(site, agent: Agent) -> None:
    """By the command that is printed; then the very same question is answered with yes, once, and no other is."""
    command = agent.check("frobnicate --all")[1]["next_commands"][0]
    words = command.partition("  #")[0].split()[1:]
    from_inside = agent.gatedog(" ".join(words))
    from_nowhere = site.cli(*words)
    other_before = agent.check("frobnicate --all --force")[0]
    code, said = site.human(*words)
    other_after = agent.check("frobnicate --all --force")[0]
    first, second = agent.check("frobnicate --all"), agent.check("frobnicate --all")

    assert (from_inside.returncode, from_nowhere.returncode) == (77, 77)
    assert "request.agent-never" in from_inside.stderr
    site.wait_for_pages("its own agent asked for gate-approve")
    assert code == 0, said
    assert (other_before, other_after) == (77, 77)
    assert (first[0], first[1]["rule"]) == (0, "gate.approved")
    assert (second[0], second[1]["rule"]) == (77, "gate.unknown")


def test_a_link_does_not_lead_past_the_gate(site, agent: Agent) -> None:
    """What a name leads to is judged beside the name, for tools and for commands."""
    (site.folder / "notes").symlink_to("/etc/gatedog")
    by_tool = agent.check("", f"--action write --path {site.folder}/notes/policy.toml")
    by_command = agent.check("tee notes/policy.toml")
    plain = agent.check("tee other.toml")

    assert [each[1]["answer"] for each in (by_tool, by_command, plain)] == ["refuse", "refuse", "allow"]


def test_who_is_asked_hears_which_processes_are_the_gateways(site, agent: Agent) -> None:
    """A worker of it, by whatever shell; a stranger's pid waits for a person as well, and nothing is said of it."""
    worker = agent.runs("sleep 600 >/dev/null 2>&1 & echo $!").stdout.strip()
    answers = [agent.check(f"{words} {worker}")[1] for words in ("kill", "kill -9 --")]
    answers.append(agent.check(f"sh -c 'kill -TERM {worker}'")[1])
    stranger = agent.check(f"kill {os.getpid()}")[1]

    assert int(worker) != site.status()["pid"]
    assert {each["answer"] for each in (*answers, stranger)} == {"ask-human"}
    assert all(f"of the gateway's life in it: {worker}" in each["message"] for each in answers), answers
    assert "life in it" not in stranger["message"]
    assert Path(f"/proc/{worker}").exists(), "asking ends nothing"


def test_what_is_done_all_the_same_is_reported(site, agent: Agent) -> None:
    """The agent is refused, kills its gateway, and the report cites both records."""
    first = site.status()["pid"]
    refused = agent.check(f"kill -9 {first}")[1]
    script = site.folder / "do" / "999.sh"
    script.write_text(f"kill -9 {first}")
    site.wait(lambda: (site.status() or {}).get("pid") not in (None, first), "the next life")
    agent.check("frobnicate")
    report = json.loads(site.cli("gate", "report", "--json").stdout)
    shown = site.cli("gate", "report").stdout
    of_the_dead = site.cli("gate", "report", "--json", "--journal", str(site.state / "journal"))

    ended = next(each for each in report["ungated"] if each["refused_by"])
    assert ended["refused_by"] == int(refused["request"].removeprefix("REQ-"))
    assert ended["gateway"] == "gateway"
    assert f"in record {ended['record']}" in shown
    assert "gatedog gate approve ACT-" in shown
    assert [each["action"] for each in report["waiting"]] == [f"exec: frobnicate (in {site.folder})"]
    assert json.loads(of_the_dead.stdout)["ungated"] == report["ungated"]


def test_nobody_to_ask_is_not_a_yes(site) -> None:
    """Without a daemon the exit code is another than 0, and than that of a refusal."""
    done = site.cli("gate", "check", "--action", "exec", "--", "ls")

    assert done.returncode == 1
    assert "cannot be reached" in done.stderr


@pytest.mark.parametrize("words", [["x" * 5000], ["a"] * 65, ["\x1b[2J"]], ids=["long", "many", "escape"])
def test_what_cannot_be_shown_cannot_be_judged(site, agent: Agent, words: list[str]) -> None:
    """A person could not read what they approve: a usage error, and never a yes."""
    done = site.cli("gate", "check", "--json", "--action", "exec", "--", *words)

    assert done.returncode == 2
    assert "this cannot be judged" in json.loads(done.stderr)["error"]["message"]
