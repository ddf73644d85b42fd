"""`gatedog top`: what stands on a screen of a given size, and that it fits."""

import re
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from watchdog.control.wire import (
    BudgetWindow,
    ExitStatus,
    GatewayStatus,
    HealthStatus,
    IncidentStatus,
    PageStatus,
    ProbeStatus,
    QuietStatus,
    RefusalStatus,
    StatusReply,
    StripMark,
)
from watchdog.core.timeline import DAY, HOUR, MINUTE, SECOND
from watchdog.report.screenlines import fitted, pad
from watchdog.report.toppage import Asked, Screen, render_top, size_text

NOW = 1_795_317_017_000_000
"""2026-11-22 03:10:17 UTC."""
PLAIN = Screen(width=80, height=24, colour=False)

HEALTHY = HealthStatus(
    word="healthy",
    since_wall_usec=NOW - DAY,
    since_usec_ago=DAY,
    probes=[],
    signs=[],
    stale_code=[],
    measured=True,
    hours_known=168,
)


def window(label: str, used: int, limit: int, *, frees: int = 0, account: str = "restart") -> BudgetWindow:
    """Build one window of a budget."""
    return BudgetWindow(account=account, label=label, per_usec=HOUR, used=used, limit=limit, next_free_in_usec=frees)


def probe(name: str, phase: str, **changes: Any) -> ProbeStatus:
    """Build one probe that has been in its phase for six minutes."""
    plain = ProbeStatus(
        name=name, phase=phase, since_usec_ago=6 * MINUTE, lost_sight=False, flapping=False, cause="local", detail="x"
    )
    return replace(plain, **changes)


READY = GatewayStatus(
    name="mail",
    word="READY",
    phase="up",
    hold="free",
    since_wall_usec=NOW - 13 * DAY,
    since_usec_ago=13 * DAY,
    pid=4242,
    life=17,
    ready=True,
    kind="child",
    what="/usr/bin/agent",
    why="",
    hold_rule=None,
    next_start_in_usec=None,
    last_exit=None,
    budget=[window("10m", 0, 5), window("1h", 1, 8, frees=57 * MINUTE)],
    chain=0,
    refused=None,
    enforcement="enforcing",
    rivals=[],
    strip=[],
    health=HEALTHY,
    memory_kib=[412_000] * 40,
)
HELD = replace(
    READY,
    name="openclaw",
    word="HELD",
    phase="held",
    hold="held",
    since_usec_ago=6 * MINUTE,
    pid=None,
    life=None,
    ready=False,
    why="restart budget spent: 5 per 10m",
    last_exit=ExitStatus(text="ended with code 1", code=1, signal=None, last_line="boom", wall_usec=NOW),
    budget=[
        window("10m", 5, 5, frees=41 * SECOND),
        window("1h", 6, 8, frees=50 * MINUTE + 41 * SECOND),
        window("1d", 7, 20, frees=19 * HOUR + 4 * MINUTE),
        window("1h", 1, 2, frees=51 * MINUTE, account="self_restart"),
    ],
    chain=5,
    refused=RefusalStatus(
        count=2,
        wall_usec=NOW - 7 * MINUTE,
        rule="origin.in-gateway",
        origin="supervised",
        verb="restart",
        who="supervised uid 1000 (node)",
    ),
    strip=[StripMark(at_usec_ago=minutes * MINUTE, what=what) for minutes in (80, 13, 9) for what in ("start", "exit")],
    health=replace(
        HEALTHY,
        probes=[
            probe("ws", "passing"),
            probe("http", "failing"),
            probe("bot", "unknown", lost_sight=True, since_usec_ago=None),
            probe("synthetic", "passing", flapping=True),
        ],
    ),
    memory_kib=[0] * 5 + [400_000 + 45_000 * cell for cell in range(33)] + [0, 0],
)
BACKOFF = replace(
    READY,
    name="notes",
    word="BACKOFF",
    phase="backoff",
    pid=None,
    ready=False,
    next_start_in_usec=12 * SECOND,
    maintenance=QuietStatus(
        subject="", who="alice", because="update", until_wall_usec=NOW + HOUR, until_in_usec=20 * MINUTE
    ),
)
INCIDENT = IncidentStatus(
    id="INC-1",
    gateway="openclaw",
    phase="open",
    severity="critical",
    rule="budget.spent",
    title="HELD - not restarting",
    because="restart budget spent",
    opened_wall_usec=NOW - 8 * MINUTE,
    opened_usec_ago=8 * MINUTE,
    facts=3,
    paged=True,
    acknowledged_by="",
    acknowledged_until_in_usec=None,
    next_command="gatedog release openclaw",
)
TAKEN = replace(INCIDENT, id="INC-2", gateway="", severity="warning", phase="acknowledged", acknowledged_by="alice")
WAITING = PageStatus(
    page="90.4",
    incident="INC-1",
    severity="critical",
    title="HELD - not restarting",
    waiting=["pagerduty"],
    queued_wall_usec=NOW - 2 * MINUTE,
)


def status(*gateways: GatewayStatus, **changes: Any) -> dict[str, Any]:
    """Build a Status reply as the socket answers it."""
    reply = StatusReply(
        version="0.1.0",
        pid=311,
        started_wall_usec=NOW - DAY,
        now_wall_usec=NOW,
        journal="6f1e0d",
        policy_source="/etc/gatedog/policy.toml",
        policy_digest="9f3c" * 16,
        clock_uncertain=False,
        has_network=True,
        host_going_down=False,
        gateways=list(gateways),
        incidents=[],
        outbox=[],
    )
    return asdict(replace(reply, **changes))


def untold(gateway: GatewayStatus) -> GatewayStatus:
    """Leave out when anything is due or frees, as for whoever may be the supervised side."""
    windows = [replace(window, next_free_in_usec=0) for window in gateway.budget]
    return replace(gateway, next_start_in_usec=None, budget=windows)


TROUBLE = status(READY, HELD, BACKOFF, incidents=[INCIDENT, TAKEN], outbox=[WAITING])
MANY = status(HELD, *[replace(READY, name=f"gateway-{number}") for number in range(40)], has_network=False)
DEAD = Asked(now_usec=NOW + 90 * SECOND, unreachable="nobody listens on the socket", next_command="gatedog run")

SCREENS: dict[str, str] = {
    "24": render_top(TROUBLE, Asked(now_usec=NOW), PLAIN),
    "50": render_top(TROUBLE, Asked(now_usec=NOW), Screen(width=200, height=50, colour=False)),
    "many": render_top(MANY, Asked(now_usec=NOW), PLAIN),
    "dead": render_top(status(untold(READY), untold(HELD), due_told=False), DEAD, PLAIN),
    "nothing": render_top(None, DEAD, PLAIN),
    "pipe": render_top(TROUBLE, Asked(now_usec=NOW), Screen(width=80, height=None, colour=False)),
}


@pytest.mark.parametrize("name", SCREENS)
def test_the_screens_are_as_they_were_read(name: str, golden: Callable[[str, str], None]) -> None:
    """Each screen of the golden folder is drawn again letter for letter."""
    golden(f"top-{name}.txt", SCREENS[name] + "\n")


@pytest.mark.parametrize("width", [1, 20, 40, 79, 80, 132, 200])
@pytest.mark.parametrize("height", [1, 5, 10, 24, 50])
@pytest.mark.parametrize("reply", [TROUBLE, MANY, status(), None], ids=["trouble", "many", "none", "nothing"])
def test_a_screen_never_scrolls(width: int, height: int, reply: dict[str, Any] | None) -> None:
    """No line is longer than the screen is wide, and there are never more of them than it has."""
    for asked in (Asked(now_usec=NOW), DEAD):
        lines = render_top(reply, asked, Screen(width=width, height=height, colour=False)).split("\n")

        assert len(lines) <= max(height, 4)
        assert max(map(len, lines)) <= max(width, 20)


@pytest.mark.parametrize("height", [10, 14, 24])
def test_the_worst_is_shown_first_and_the_rest_is_counted(height: int) -> None:
    """Of more gateways than fit those in trouble keep their place, and nobody is left out in silence."""
    text = render_top(MANY, Asked(now_usec=NOW), Screen(width=80, height=height, colour=False))
    shown = len(re.findall(r"^\u25cf gateway-", text, re.MULTILINE))

    assert text.index("openclaw") < text.index(" more, at worst ready")
    assert f"and {40 - shown} more" in text


def test_what_is_stale_is_never_shown_as_well() -> None:
    """Once nobody answers every gateway is unknown, whatever its last word was."""
    text = render_top(status(READY), DEAD, PLAIN)

    assert "\u25cf" not in text
    assert "UNKNOWN (was READY)" in text
    assert "1 unknown" in text


def test_an_old_answer_is_stale_without_an_error() -> None:
    """A reply that was made a minute ago says nothing about now."""
    text = render_top(status(READY), Asked(now_usec=NOW + MINUTE), PLAIN)

    assert "UNREACHABLE - what follows was written 1m ago" in text


def test_colour_changes_no_letter() -> None:
    """Without its colours a coloured screen is the plain one."""
    plain, coloured = (
        render_top(TROUBLE, Asked(now_usec=NOW), Screen(width=80, height=24, colour=colour)) for colour in (False, True)
    )

    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_strangers_cannot_draw() -> None:
    """Names and reasons of others hold no escape sequence and no line break by the time they are on the screen."""
    evil = "\x1b[2J\nnext gatedog release"
    hostile = replace(HELD, name=evil, word=evil, why=evil, health=replace(HEALTHY, probes=[probe(evil, evil)]))
    text = render_top(status(hostile, incidents=[replace(INCIDENT, title=evil)]), Asked(now_usec=NOW), PLAIN)

    assert "\x1b" not in text
    assert not any(line.startswith("next") for line in text.split("\n"))


def test_no_window_is_cut_off() -> None:
    """A budget that is longer than a line goes on below it; what frees when is read whole."""
    lines = render_top(status(HELD), Asked(now_usec=NOW), PLAIN).split("\n")
    begins = next(number for number, line in enumerate(lines) if line.startswith("  budget"))

    assert lines[begins].endswith("1h [######--] 6/8 frees in 50m 41s")
    assert lines[begins + 1] == "           1d 7/20 frees in 19h 4m"


def test_nothing_is_said_of_what_was_not_told() -> None:
    """A reply to the supervised side draws no time to wait for."""
    text = render_top(status(untold(BACKOFF), untold(HELD), due_told=False), Asked(now_usec=NOW), PLAIN)

    assert not re.search(r"frees|next start", text)


def test_restarts_and_memory_share_their_minutes() -> None:
    """The bar of a minute stands below the letter of that minute."""
    marked = replace(HELD, phase="up", strip=[StripMark(at_usec_ago=7 * MINUTE, what="exit")])
    cells = [1] * 37 + [900_000, 1, 1]
    lines = render_top(status(replace(marked, memory_kib=cells)), Asked(now_usec=NOW), PLAIN).split("\n")
    strip, memory = (next(line for line in lines if line.startswith(f"  {label}")) for label in ("last 2h", "memory"))

    assert strip.index("x") == memory.index("\u2588")


def test_a_status_of_an_earlier_version_has_no_memory_and_no_health() -> None:
    """What a daemon before this one does not say is left out, not made up."""
    reply = status(HELD)
    del reply["gateways"][0]["memory_kib"], reply["gateways"][0]["health"]
    text = render_top(reply, Asked(now_usec=NOW), PLAIN)

    assert "memory" not in text
    assert "probes" not in text


@pytest.mark.parametrize(
    ("kib", "text"),
    [(0, "0K"), (999, "999K"), (412_000, "402M"), (2_000_000, "1.9G"), (2**40, "1P"), (2**50, "1024P")],
)
def test_memory_is_said_in_few_digits(kib: int, text: str) -> None:
    """An amount of memory takes up four or five letters."""
    assert size_text(kib) == text


def test_wide_letters_count_twice() -> None:
    """A line of letters that take two columns is cut by columns, not by letters."""
    assert pad("\u4e2d\u6587\u4e2d", 5) == "\u4e2d\u6587\u2026"
    assert fitted([("ab", None), ("\u4e2d\u6587", None)], 5, colour=False) == "ab\u4e2d\u2026"
