"""`page list` and `page channels` as people see them."""

from typing import Any

from watchdog.core.timeline import HOUR, MINUTE
from watchdog.report.pagerpage import render_channels, render_pages

NOW = 1_774_494_251_000_000


def queued(**changes: Any) -> dict[str, Any]:
    """Build one page of a reply."""
    return {
        "page": "41.2",
        "incident": "INC-7",
        "gateway": "openclaw",
        "severity": "critical",
        "update": "opened",
        "title": "HELD",
        "queued_wall_usec": NOW - HOUR,
        "waiting": ["phone"],
        "delivered": [],
        "failed": [],
        "stuck": [],
        "collapsed": 0,
        **changes,
    }


def channel(**changes: Any) -> dict[str, Any]:
    """Build one channel of a reply."""
    return {
        "name": "phone",
        "kind": "pushover",
        "tiers": [1],
        "notices": False,
        "last_resort": False,
        "waiting": 0,
        "oldest_wall_usec": None,
        "last_ok_wall_usec": NOW - MINUTE,
        "last_error_wall_usec": None,
        "last_error": "",
        "kept_up_wall_usec": None,
        "upkeep_error": "",
        "tested_wall_usec": None,
        "folded": 0,
        "silences": [],
        **changes,
    }


def reply(**changes: Any) -> dict[str, Any]:
    """Build a Pager reply."""
    base = {"now_wall_usec": NOW, "waiting": [], "given_up": [], "delayed": 0, "channels": [], "switches": []}
    return {**base, **changes}


def test_an_empty_outbox_says_so() -> None:
    """In words."""
    assert render_pages(reply(), width=80, colour=False) == "no page waits\n"


def test_what_waits_is_shown_loudest_and_oldest_first() -> None:
    """With who has it, who fails, and how many earlier ones it stands for."""
    notice = queued(page="9.0", severity="info", title="later", incident=None)
    stuck = queued(stuck=["phone"], delivered=["chat"], collapsed=2)
    text = render_pages(reply(waiting=[notice, stuck], delayed=3), width=80, colour=False)

    assert text.index("41.2") < text.index("9.0")
    assert "phone fails, and goes on trying; taken by chat" in text
    assert "with 2 earlier" in text
    assert "3 warning(s) and notice(s) wait" in text


def test_what_was_given_up_names_the_command() -> None:
    """Page and channel."""
    text = render_pages(reply(given_up=[queued(waiting=[], failed=["phone"])]), width=80, colour=False)

    assert "by phone" in text
    assert "gatedog page retry 41.2" in text


def test_o13_a_channel_that_fails_is_shown_with_its_trouble() -> None:
    """Since when, what, how much waits, and what to type; nothing of it can forge a line."""
    failing = channel(
        last_error_wall_usec=NOW,
        last_error="no route\nnext: rm",
        waiting=2,
        oldest_wall_usec=NOW - HOUR,
        folded=4,
        upkeep_error="401",
    )
    text = render_channels(reply(channels=[failing]), width=80, colour=False)

    assert "2 wait, the oldest for 1h" in text
    assert "no route\\nnext: rm" in text
    assert "gatedog page test --channel phone" in text
    assert "4 more were too many" in text


def test_o07_silences_are_shown_and_called_what_they_are() -> None:
    """No acknowledgement."""
    silenced = channel(silences=[{"incident": "INC-7", "by": "agent\x1b"}], last_ok_wall_usec=None, tiers=[])
    text = render_channels(reply(channels=[silenced]), width=80, colour=False)

    assert "INC-7 by agent\\x1b: shown, not an acknowledgement" in text
    assert "nobody is told by it" in text


def test_switches_are_shown_beside_the_channels() -> None:
    """What they were told last, and what went wrong; none at all is worth a line."""
    switch = {"name": "hc", "kind": "healthchecks", "last_ok_wall_usec": None, "last_beat": "", "last_error": "404"}
    text = render_channels(reply(switches=[switch]), width=80, colour=False)

    assert '"nothing yet", last heard never' in text
    assert "404" in text
    assert "no dead-man switch" in render_channels(reply(), width=80, colour=False)
