"""From inside the supervised process, every verb: it may look, ask, guess, draft and propose; a human holds the pen."""

import json
import os
import re
import signal
import sys
from typing import Any

import pytest
from insiders import Insider
from web_process import web_process

from watchdog.core.verbs import Verb

pytestmark = pytest.mark.system

REFUSED = 77
TIMES = re.compile(r"frees?\b|next start|is due|again in|try again|next_free")
FOR_ANYBODY = (Verb.HYPOTHESISE, Verb.PROPOSE_POLICY, Verb.CHECK_ACTION)
RAW = """
import json, socket, time
answers, verbs = {{}}, {verbs}
while verbs:
    verb = verbs.pop()
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect({socket!r})
        named = dict(gateway="gateway", reason="x", incident="INC-1", subject="RUN-1")
        call = dict(method="io.gatedog.Supervisor.Request", parameters=dict(verb=verb, **named))
        asked.sendall(json.dumps(call).encode() + bytes(1))
        answer = b""
        while not answer.endswith(bytes(1)):
            answer += asked.recv(65536)
    reply = json.loads(answer[:-1])
    if reply.get("error", "").endswith(".Busy"):
        verbs.append(verb)
        time.sleep(reply["parameters"]["retry_after_usec"] / 1e6)
        continue
    answers[verb] = reply["parameters"].get("rule", str(reply))
print(json.dumps(answers))
"""
LOOKS = (
    ("status",),
    ("events", "-n", "5"),
    ("incident", "list"),
    ("incident", "show", "INC-1"),
    ("explain", "INC-1"),
    ("requests", "list"),
    ("probe", "list"),
    ("page", "list"),
    ("page", "channels"),
    ("policy", "proposals"),
    ("policy", "show"),
    ("policy", "log"),
    ("runbook", "list"),
    ("runbook", "show", "INC-1"),
    ("incident", "hypothesis", "INC-1"),
    ("whoami",),
    ("drill", "--list"),
    ("version",),
)
SEEN = {"status": (0, 151), "whoami": (REFUSED,)}
"""Exit codes that speak of the gateway, or of the asker, and not of a refusal."""
HELD_BACK = (
    ("ask", "restart", "--reason", "update"),
    ("start", "gateway"),
    ("stop", "gateway"),
    ("restart", "gateway"),
    ("hold", "gateway", "-m", "x"),
    ("release", "gateway", "-m", "x"),
    ("reset-budget", "gateway", "-m", "x"),
    ("ack", "INC-1"),
    ("unack", "INC-1"),
    ("incident", "close", "INC-1", "-m", "x"),
    ("maintenance", "gateway", "--for", "1h", "-m", "x"),
    ("silence", "gateway", "--for", "1h", "-m", "x"),
    ("grant", "REQ-1"),
    ("permit", "gateway", "--for", "1h", "-m", "x"),
    ("page", "test"),
    ("page", "retry", "PAGE-1"),
    ("runbook", "run", "tidy"),
    ("runbook", "abort", "RUN-1"),
    ("runbook", "close", "tidy"),
    ("gate", "approve", "ACT-1"),
    ("incident", "hypothesis", "INC-1", "--judge", "HYP-1", "supported", "-m", "x"),
    ("drill", "kill-loop"),
)


@pytest.fixture
def insider(site: Any) -> Insider:
    """Give an agent whose first request was refused, so that there is an incident."""
    made = Insider(site)
    site.start()
    site.wait_until(ready=True)
    assert made.does("ask", "restart", "--reason", "first")[0] == REFUSED
    return made


def test_an_agent_may_look_at_everything(insider: Insider) -> None:
    """No look is refused; what it is not told is in the tests below."""
    said = {words: insider.does(*words) for words in LOOKS}

    assert {words: answer for words, answer in said.items() if answer[0] not in SEEN.get(words[0], (0,))} == {}


@pytest.fixture
def restarted(insider: Insider) -> Insider:
    """Give an agent whose gateway died once, so each window counts a start, and people read when it frees."""
    site = insider.site
    pid = site.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    site.wait(lambda: (site.status() or {}).get("pid") not in (None, pid), "another life")
    site.wait_until(ready=True)
    windows = site.status()["budget"]

    assert all(window["used"] == 1 and window["next_free_in_usec"] > 0 for window in windows), windows
    assert len(re.findall(r"next frees in \d", site.cli("status").stdout)) >= 2
    assert re.search(r"frees in \d", site.cli("top").stdout)
    return insider


def times(status: dict[str, Any]) -> set[int | None]:
    """Return every time that a status says a start to be due or a window to free in."""
    windows = [window for gateway in status["gateways"] for window in gateway["budget"]]
    return {gateway["next_start_in_usec"] for gateway in status["gateways"]} | {
        window["next_free_in_usec"] for window in windows
    }


def test_nobody_inside_is_told_when_the_budget_frees(restarted: Insider) -> None:
    """Neither by a status, in any form, nor by the answer to a request; and nothing else is said in its place."""
    _, told = restarted.does("status", "--json")
    status = json.loads(told)
    said = [restarted.does(*words)[1] for words in (("status",), ("top",), ("metrics",))]
    said += [restarted.does("ask", "restart", "--reason", "please", *more)[1] for more in ((), ("--json",))]

    assert (status["due_told"], times(status)) == (False, {None, 0})
    assert {window["used"] for gateway in status["gateways"] for window in gateway["budget"]} == {1}
    assert "1/5" in said[0]
    assert "request.agent-never" in said[3]
    assert [TIMES.findall(text) for text in said] == [[]] * len(said)


def test_what_lies_open_does_not_say_when_the_budget_frees(restarted: Insider) -> None:
    """The status file, the page and the metrics have no asker to be looked at, so they tell nobody."""
    site = restarted.site
    code, left = restarted.runs(f"cat {site.runtime / 'status.json'}")
    with web_process(site.socket) as web:
        shown = [web.get(path)[2] for path in ("/", "/metrics")]

    assert (code, times(json.loads(left))) == (0, {None, 0})
    assert "1 of 5 used" in shown[0]
    assert 'gatedog_restart_budget_remaining{gateway="gateway",account="restart",window="10m"} 4' in shown[1]
    assert [TIMES.findall(text) for text in shown] == [[], []]


def test_an_agent_may_draft_guess_and_propose(insider: Insider) -> None:
    """Nothing follows from it but a word to people."""
    site = insider.site
    records = json.loads(site.cli("explain", "INC-1", "--json").stdout)["records"]
    record = str(records[0]["seq"])
    offered = insider.does(
        "incident", "hypothesis", "INC-1",
        "--claim", "the update wants a restart", "--cite", record, "--refuted-by", "it runs on without one",
    )  # fmt: skip
    draft = insider.does("postmortem", "draft", "INC-1")
    (insider.folder / "policy.toml").write_text(
        (site.config / "policy.toml").read_text() + '\n[gateway.gateway.stop]\ntimeout = "20s"\n'
    )
    proposed = insider.does("policy", "propose", str(insider.folder / "policy.toml"), "--reason", "slower")

    assert (offered[0], draft[0], proposed[0]) == (0, 0, 0), (offered, draft, proposed)
    assert "UNSIGNED" in draft[1]


def test_whatever_is_for_people_is_refused_in_any_form(insider: Insider) -> None:
    """An agent need not use our command line: every verb on the wire, with everything it could name."""
    site = insider.site
    script = insider.folder / "raw.py"
    script.write_text(
        RAW.format(socket=str(site.socket), verbs=[verb.value for verb in Verb if verb not in FOR_ANYBODY])
    )
    code, said = insider.runs(f"{sys.executable} {script}")
    answers = json.loads(said)

    assert code == 0
    assert {verb: rule for verb, rule in answers.items() if rule != "request.agent-never"} == {}


def test_everything_else_is_refused_and_told(insider: Insider) -> None:
    """By the rule for agents, whatever the verb; the gateway is left alone, and people hear of it."""
    site = insider.site
    pid = site.status()["pid"]
    answers = {words: insider.does(*words) for words in HELD_BACK}

    wrong = {
        words: said for words, said in answers.items() if said[0] != REFUSED or "request.agent-never" not in said[1]
    }
    assert sorted(wrong) == []
    assert site.status()["pid"] == pid
    assert site.status()["hold"] == "free"
    assert site.status()["refused"]["origin"] == "supervised"
    site.wait_for_pages("its own agent asked")
