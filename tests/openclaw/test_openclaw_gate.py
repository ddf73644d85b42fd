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
from typing import Any

import pytest
from openclaw_install import Installation
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


WORDS = """
const { wordsFor } = await import(process.argv[1]);
const [event, environment] = JSON.parse(process.argv[2]);
console.log(JSON.stringify(wordsFor(event, "/home/agent/work", environment)));
"""


def words_for(installation: Installation, tool: str, environment: dict[str, str] | None = None, **params: Any) -> Any:
    """Return the words by which the plugin would ask about one tool call."""
    event = {"toolName": tool, "params": params, **({"derivedPaths": []} if tool == "apply_patch" else {})}
    told = json.dumps([event, environment or {}])
    command = [str(installation.node), "--input-type=module", "-e", WORDS, str(EXAMPLE / "index.js"), told]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=ANSWER_S).stdout)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("notes/of today.txt", "notes/of today.txt"),
        ("/home/agent/work/caf\u00e9.md", "/home/agent/work/caf\u00e9.md"),
        ("./.ssh/authorized_keys", "./.ssh/authorized_keys"),
        ("~/.ssh/authorized_keys", ""),
        ("@/home/agent/.ssh/authorized_keys", ""),
        ("file:///home/agent/.ssh/authorized_keys", ""),
        ("openclaw.json</arg_value>>", ""),
        ("notes.txt ", ""),
        ("a\u00a0b", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_path_that_openclaw_may_change_is_unknown(installation: Installation, path: str | None, asked: str) -> None:
    """Only what is opened as it is written is asked about; a write to nowhere is one to anywhere."""
    for tool in ("write", "edit", "apply_patch"):
        words = words_for(installation, tool, path=path)
        assert words[words.index("--path") :] == ["--path", asked]


@pytest.mark.parametrize(
    ("workdir", "asked"),
    [
        (None, "/home/agent/work"),
        (".", "/home/agent/work"),
        ("sub", "/home/agent/work/sub"),
        ("/srv", "/srv"),
        (" /home/agent/.ssh", "/home/agent/.ssh"),
        ("/srv</arg_value>>", ""),
        ("~", ""),
    ],
)
def test_the_folder_is_the_one_that_openclaw_takes(installation: Installation, workdir: str | None, asked: str) -> None:
    """Blanks around it go; what OpenClaw may make another folder of is unknown."""
    words = words_for(installation, "exec", workdir=workdir, command="ls")
    assert words[words.index("--directory") + 1] == asked


@pytest.mark.parametrize(
    ("shell", "asked"),
    [
        ("/bin/zsh", "/bin/zsh"),
        ("/usr/bin/fish", "bash"),
        ("/usr/sbin/nologin", "sh"),
        (" /bin/bash ", "/bin/bash"),
        ("", "sh"),
    ],
)
def test_a_line_is_judged_by_the_shell_that_runs_it(installation: Installation, shell: str, asked: str) -> None:
    """Each shell makes its own of a line."""
    words = words_for(installation, "exec", {"SHELL": shell}, command="ls")
    assert words[words.index("--") + 1 :] == [asked, "-c", "ls"]


def test_no_way_of_writing_a_path_leads_past_the_gate(site: Site, model: int) -> None:
    """The tools of a real agent, given paths that they make others of, wait for a person and write nothing."""
    with_plugin(site, model)
    site.start()
    site.wait_until_healthy()
    keys = site.home / ".ssh" / "authorized_keys"
    said = [
        turn(site, "write", path=path, content="a key")
        for path in ("~/.ssh/authorized_keys", f"@{keys}", f"file://{keys}", f"{keys}</arg_value>>")
    ]
    plain = turn(site, "write", path="notes.txt", content="a note")

    assert [each for each in said if "gatedog asks a human first" not in each] == []
    assert not keys.exists()
    assert (site.home / "work" / "notes.txt").exists(), plain


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
