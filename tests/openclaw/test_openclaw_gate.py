"""gatedog's gate in a real OpenClaw: the example's plugin, loaded by its own loader, asked before real tool calls.

The turns are those of a real agent in a real gateway; only the model is a script on loopback that calls the tool which
the message names.
"""

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from openclaw_site import ANSWER_S, GATEDOG, TOKEN, Site
from scripted_model import MARK, serving

pytestmark = pytest.mark.openclaw

EXAMPLE = Path(__file__).parents[2] / "config" / "examples" / "openclaw-gate"


@pytest.fixture
def model() -> Iterator[int]:
    """Serve a model that does as it is told; give its port."""
    with serving() as port:
        yield port


def with_plugin(site: Site, model: int, **config: object) -> None:
    """Install the example's plugin as its README says, and give the agent a model."""
    plugin = site.folder / "openclaw-gate"
    shutil.copytree(EXAMPLE, plugin)
    entry = {"enabled": True, "config": {"program": GATEDOG, "socket": str(site.folder / "run/control.sock"), **config}}
    described = {
        "id": "script",
        "name": "script",
        "reasoning": False,
        "input": ["text"],
        "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
        "contextWindow": 196_608,
        "maxTokens": 8192,
    }
    provider = {"baseUrl": f"http://127.0.0.1:{model}/v1", "apiKey": "none", "api": "openai-completions"}
    site.configure(
        gateway={
            "mode": "local",
            "bind": "loopback",
            "port": site.port,
            "auth": {"mode": "token", "token": TOKEN},
        },
        plugins={"load": {"paths": [str(plugin)]}, "entries": {"gatedog-gate": entry}},
        tools={"profile": "full", "exec": {"host": "gateway", "security": "full", "ask": "off"}},
        models={"mode": "merge", "providers": {"scripted": {**provider, "models": [described]}}},
        agents={"defaults": {"model": {"primary": "scripted/script"}, "workspace": str(site.home / "work")}},
    )


def turn(site: Site, tool: str, **args: object) -> str:
    """Let the agent call one tool; return all that was said in its turn."""
    order = MARK + json.dumps({"tool": tool, "args": args})
    done = site.openclaw("agent", "--agent", "main", "--message", order, "--json")
    return done.stdout + done.stderr


def at_a_terminal(site: Site, *words: str) -> tuple[int, str]:
    """Run a command of gatedog's on a terminal, below this test, which is older than the gateway."""
    line = shlex.join([GATEDOG, "--socket", str(site.folder / "run" / "control.sock"), *words])
    done = subprocess.run(
        ["script", "-qec", line, "/dev/null"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=ANSWER_S,
        check=False,
    )
    return done.returncode, done.stdout


def test_tool_calls_are_checked_before_they_run(site: Site, model: int) -> None:
    """What only looks runs; a kill of its own gateway is blocked with gatedog's words; what is unknown waits."""
    with_plugin(site, model)
    site.start()
    before = site.wait_until_healthy()
    looked = turn(site, "exec", command="echo hello; ls /")
    refused = turn(site, "exec", command=f"kill {before['pid']}")
    asked = turn(site, "exec", command="touch ran; frobnicate", workdir=str(site.home))
    after = site.status() or {}

    assert "the tool said: hello" in looked, looked
    assert "gatedog refuses this" in refused, refused
    assert "gatedog asks a human first" in asked, asked
    assert not (site.home / "ran").exists()
    assert (after["pid"], after["chain"]) == (before["pid"], 0)
    page = site.wait_for_page("its agent is about to harm it", ANSWER_S)
    assert "agent says" in page["text"]


def test_a_person_agrees_and_the_same_call_goes_on(site: Site, model: int) -> None:
    """The agent reads which command a person types; once it was typed, the very same call runs, once."""
    with_plugin(site, model)
    site.start()
    site.wait_until_healthy()
    command = {"command": "touch ran; rm ran; touch done", "workdir": str(site.home)}
    first = turn(site, "exec", **command)
    waiting = json.loads(site.gatedog("gate", "report", "--json"))["waiting"][0]["name"]
    code, said = at_a_terminal(site, "gate", "approve", waiting)
    second = turn(site, "exec", **command)
    was_done = (site.home / "done").exists()
    third = turn(site, "exec", **command)

    assert f"gatedog gate approve {waiting}" in first, first
    assert (code, was_done) == (0, True), (said, second)
    assert "gatedog asks a human first" in third, third


def test_without_gatedog_an_agent_only_looks(site: Site, model: int) -> None:
    """A gate that cannot be asked blocks what could change anything, and lets a file be read."""
    with_plugin(site, model, socket=str(site.folder / "nowhere.sock"))
    (site.home / "work").mkdir()
    (site.home / "work" / "notes.txt").write_text("a note\n")
    site.start()
    site.wait_until_healthy()
    run = turn(site, "exec", command="echo hello")
    read = turn(site, "read", path="notes.txt")

    assert "gatedog could not be asked" in run, run
    assert "a note" in read, read
