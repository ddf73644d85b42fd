"""The figures of the demo: how they are read, judged and told."""

import json
from dataclasses import replace

import pytest

from watchdog.core.identity import BootId, ProcessRef
from watchdog.demo.lives import Life, read_roster
from watchdog.demo.main import judge, summary
from watchdog.demo.nights import WithGatedog, WithoutGatedog
from watchdog.demo.outcome import Outcome
from watchdog.demo.sink import Inbox, Page, read_page

BOOT = BootId("boot")
GOOD = Outcome(cycles_without=24, cycles_with=3, held=True, paged=True, self_restart_refused=True, seconds_to_page=1.5)
PAGE = Page(severity="critical", title="demo-1: HELD - not restarting", text="...", arrived=11.5)
WITHOUT = WithoutGatedog(deaths=24, seconds=10.2, pages=0)
WITH = WithGatedog(
    deaths=3,
    held=True,
    because="3 identical endings within 1s",
    refused=True,
    answer="gatedog: refused: for humans [request.agent-never]\n  next: gatedog status\n",
    told_of_refusal=True,
    page=PAGE,
    first_death=10.0,
)


def test_object_has_exactly_the_agreed_fields() -> None:
    """Other programs read the last line: its fields are a contract."""
    assert json.loads(GOOD.to_json()) == {
        "cycles_without": 24,
        "cycles_with": 3,
        "held": True,
        "paged": True,
        "self_restart_refused": True,
        "seconds_to_page": 1.5,
    }


def test_good_demo_has_no_shortcoming() -> None:
    """A demo that showed everything has nothing to explain, at the edges too."""
    assert GOOD.shortcomings() == ()
    assert replace(GOOD, cycles_without=20, cycles_with=5, seconds_to_page=59.9).shortcomings() == ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (replace(GOOD, cycles_without=19), "19 cycles"),
        (replace(GOOD, cycles_with=6), "died 6 times"),
        (replace(GOOD, held=False), "did not hold"),
        (replace(GOOD, paged=False, seconds_to_page=None), "no page"),
        (replace(GOOD, self_restart_refused=False), "not refused"),
        (replace(GOOD, seconds_to_page=60.0), "within 60 s"),
        (replace(GOOD, seconds_to_page=None), "within 60 s"),
    ],
)
def test_each_shortcoming_is_named(changed: Outcome, words: str) -> None:
    """What the demo failed to show is said in a sentence of its own."""
    (sentence,) = changed.shortcomings()

    assert words in sentence


def test_seconds_count_from_the_first_death_to_the_page() -> None:
    """The figure is about the human: from the first death until their telephone rings."""
    assert judge(WITHOUT, WITH) == GOOD


def test_unmeasured_figure_is_none() -> None:
    """Without a page there is no time to the page."""
    outcome = judge(WITHOUT, replace(WITH, page=None))

    assert not outcome.paged
    assert outcome.seconds_to_page is None


def test_summary_says_what_each_night_came_to() -> None:
    """The reader learns the deaths, the reason of the hold, the agent's answer and the page."""
    told = dict(summary(WITHOUT, WITH))

    assert "24 deaths in 10 s, 0 pages" in told["without"]
    assert "held, so nothing starts it again: 3 identical endings" in told["with"]
    assert '"refused: for humans [request.agent-never]"' in told["refused"]
    assert "1.5 s after the first death" in told["told"]
    assert PAGE.title in told["told"]


def test_summary_does_not_embellish() -> None:
    """What did not happen is told as it was."""
    told = dict(summary(WITHOUT, replace(WITH, held=False, page=None, told_of_refusal=False, answer="")))

    assert "was not held" in told["with"]
    assert told["told"] == "Nobody."
    assert "no answer" in told["refused"]
    assert "arrived" not in told["refused"]


def test_roster_is_read_line_by_line() -> None:
    """Every instance signs with its owner and its process."""
    assert read_roster("service 12:345\nleft-behind 13:346\n", BOOT) == (
        Life(owner="service", process=ProcessRef(pid=12, start_ticks=345, boot=BOOT)),
        Life(owner="left-behind", process=ProcessRef(pid=13, start_ticks=346, boot=BOOT)),
    )


def test_page_is_read() -> None:
    """The sink understands what the webhook channel sends."""
    body = json.dumps({"severity": "critical", "title": PAGE.title, "text": "...", "more": 1}).encode()

    assert read_page(body, 11.5) == PAGE


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b'{"title": "x"}', b"\xff"])
def test_anything_else_is_no_page(body: bytes) -> None:
    """The sink believes nothing it is sent."""
    assert read_page(body, 0.0) is None


def test_first_critical_page_is_the_one_that_wakes() -> None:
    """A warning before it does not count as the page."""
    inbox = Inbox()
    inbox.put(replace(PAGE, severity="warning"))
    assert inbox.first_critical() is None
    inbox.put(PAGE)
    inbox.put(replace(PAGE, title="later"))

    assert inbox.first_critical() == PAGE
