"""The status page: what a person who was woken at three sees."""

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
    RefusalStatus,
    StatusReply,
    StripMark,
)
from watchdog.core.timeline import DAY, HOUR, MINUTE, SECOND
from watchdog.report.statuspage import render, render_short

NOW = 1_795_317_017_000_000
"""2026-11-22 03:10:17 UTC."""

Golden = Callable[[str, str], None]


def windows(*used: int, own: int = 0, frees: int = 0) -> list[BudgetWindow]:
    """Build the four default windows with so many starts used; the first frees in `frees`, each other in its time."""
    sizes = (("10m", 10 * MINUTE, 5), ("1h", HOUR, 8), ("1d", DAY, 20), ("7d", 7 * DAY, 30))
    plain = [
        BudgetWindow(
            account="restart",
            label=label,
            per_usec=per,
            used=count,
            limit=limit,
            next_free_in_usec=frees if frees and label == "10m" else per * 7 // 10 if count else 0,
        )
        for (label, per, limit), count in zip(sizes, used, strict=True)
    ]
    return [
        *plain,
        BudgetWindow(
            account="self_restart",
            label="1h",
            per_usec=HOUR,
            used=own,
            limit=2,
            next_free_in_usec=HOUR * 7 // 10 if own else 0,
        ),
    ]


READY = GatewayStatus(
    name="openclaw",
    word="READY",
    phase="up",
    hold="free",
    since_wall_usec=NOW - 13 * DAY,
    since_usec_ago=13 * DAY,
    pid=4242,
    life=17,
    ready=True,
    kind="child",
    what="/usr/bin/openclaw gateway --port 18789",
    why="",
    hold_rule=None,
    next_start_in_usec=None,
    last_exit=None,
    budget=windows(0, 0, 1, 2),
    chain=0,
    refused=None,
    enforcement="unknown",
    rivals=[],
    strip=[],
    health=HealthStatus(
        word="healthy",
        since_wall_usec=NOW - 13 * DAY,
        since_usec_ago=13 * DAY,
        probes=[],
        signs=[],
        stale_code=[],
        measured=True,
        hours_known=168,
    ),
    maintenance=None,
    silences=[],
)

CONFIG_INVALID = ExitStatus(
    text="ended with code 1 (bad-configuration)",
    code=1,
    signal=None,
    last_line='Config invalid: tools.web.search: Unrecognized key "x"',
    wall_usec=NOW - 6 * MINUTE,
)

HELD = replace(
    READY,
    word="HELD",
    phase="held",
    hold="held",
    since_wall_usec=NOW - 6 * MINUTE,
    since_usec_ago=6 * MINUTE,
    pid=None,
    life=None,
    ready=False,
    why="restart budget spent: 5 per 10m",
    hold_rule="budget.spent",
    last_exit=CONFIG_INVALID,
    budget=windows(5, 5, 6, 7, frees=41 * SECOND),
    chain=5,
    strip=[
        StripMark(at_usec_ago=80 * MINUTE, what="start"),
        *[StripMark(at_usec_ago=minutes * MINUTE, what="exit") for minutes in (13, 11, 9, 8, 6)],
        *[StripMark(at_usec_ago=minutes * MINUTE, what="start") for minutes in (13, 11, 9, 8)],
    ],
)

INCIDENT = IncidentStatus(
    id="INC-1",
    gateway="openclaw",
    phase="open",
    severity="critical",
    rule="budget.spent",
    title="HELD - not restarting",
    because="restart budget spent: 5 per 10m; 5 unasked endings in a row, gaps of 1m to 2m; last: bad-configuration"
    " (exit status 1)",
    opened_wall_usec=NOW - 8 * MINUTE,
    opened_usec_ago=8 * MINUTE,
    facts=3,
    paged=True,
    acknowledged_by="",
    acknowledged_until_in_usec=None,
    next_command='gatedog release openclaw -m "why"',
)

REFUSED = RefusalStatus(
    count=2,
    wall_usec=NOW - 7 * MINUTE,
    rule="origin.in-gateway",
    origin="supervised",
    verb="restart",
    who="supervised uid 1000 (node)",
)

BACKOFF = replace(
    HELD,
    word="BACKOFF",
    phase="backoff",
    hold="free",
    hold_rule=None,
    why="last life ended by SIGKILL (killed)",
    next_start_in_usec=2 * SECOND,
    since_wall_usec=NOW - 500_000,
    since_usec_ago=500_000,
    last_exit=ExitStatus(
        text="ended by SIGKILL (killed)", code=None, signal="SIGKILL", last_line="", wall_usec=NOW - 500_000
    ),
    budget=windows(3, 3, 4, 5, own=1),
    chain=3,
    strip=[StripMark(at_usec_ago=MINUTE, what="exit"), StripMark(at_usec_ago=MINUTE, what="start")],
)

SLOW = replace(
    BACKOFF,
    word="SLOW",
    phase="slow",
    since_wall_usec=NOW - 3 * HOUR,
    since_usec_ago=3 * HOUR,
    next_start_in_usec=12 * MINUTE,
)


def status(*gateways: GatewayStatus, incidents: tuple[IncidentStatus, ...] = (), **changes: Any) -> dict[str, Any]:
    """Build a Status reply as the socket answers it."""
    reply = StatusReply(
        version="0.1.0",
        pid=311,
        started_wall_usec=NOW - 13 * DAY - HOUR,
        now_wall_usec=NOW,
        journal="6f1e0d",
        policy_source="/etc/gatedog/policy.toml",
        policy_digest="9f3c5a77d012" + "0" * 52,
        clock_uncertain=False,
        has_network=True,
        host_going_down=False,
        gateways=list(gateways),
        incidents=list(incidents),
        outbox=[],
    )
    return asdict(replace(reply, **changes))


def page(reply: dict[str, Any], **changes: Any) -> str:
    """Render at the width of a plain terminal."""
    arguments: dict[str, Any] = {"width": 80, "colour": False, "now_usec": NOW, **changes}
    return render(reply, **arguments)


def untold(gateway: GatewayStatus) -> GatewayStatus:
    """Leave out when anything is due or frees, as for whoever may be the supervised side."""
    windows = [replace(window, next_free_in_usec=0) for window in gateway.budget]
    return replace(gateway, next_start_in_usec=None, budget=windows)


WAITING = PageStatus(
    page="90.4",
    incident="INC-1",
    severity="critical",
    title="HELD - not restarting",
    waiting=["pagerduty"],
    queued_wall_usec=NOW - 2 * MINUTE,
)

TAKEN = replace(
    INCIDENT,
    phase="acknowledged",
    acknowledged_by="human uid 1001 (bash)",
    acknowledged_until_in_usec=43 * MINUTE,
)

FOREIGN = replace(
    HELD,
    word="HELD, RUNNING (foreign)",
    phase="up",
    pid=977,
    life=0,
    ready=True,
    since_wall_usec=NOW - MINUTE,
    since_usec_ago=MINUTE,
    rivals=["other-unit: gw-copy.service (starts the same program, as uid 1001)"],
)

FOREIGN_INCIDENT = replace(
    INCIDENT, title="HELD, but RUNNING - somebody else started it", because="a process began that carries no start"
)

ASKED = replace(
    INCIDENT,
    id="INC-2",
    severity="warning",
    rule="request.agent-never",
    title="refused: its own agent asked for restart",
    because="the peer is inside the gateway's cgroup (origin.in-gateway)",
    next_command="gatedog incident list",
)

GAP = replace(
    INCIDENT,
    id="INC-3",
    gateway="",
    severity="warning",
    title="the journal has a gap",
    because="3 record(s) after 41 could not be stored: No space left on device",
    paged=False,
    next_command="gatedog journal verify",
)

PAGES: dict[str, str] = {
    "healthy": page(status(READY)),
    "held": page(
        status(replace(HELD, refused=REFUSED), incidents=(INCIDENT, ASKED), outbox=[WAITING]),
    ),
    "acknowledged": page(status(HELD, incidents=(TAKEN,))),
    "slow": page(status(SLOW, incidents=(replace(INCIDENT, title="DOWN - trying"),), has_network=False)),
    "backoff": page(status(BACKOFF)),
    "inside": page(status(untold(BACKOFF), due_told=False)),
    "foreign": page(status(FOREIGN, incidents=(FOREIGN_INCIDENT,))),
    "stale": page(
        status(untold(HELD), incidents=(INCIDENT,), due_told=False),
        now_usec=NOW + 3 * MINUTE,
        unreachable="nobody listens on the socket, so gatedog has stopped",
        next_="systemctl status gatedog",
    ),
    "several": page(
        status(
            replace(READY, name="mail"),
            replace(READY, name="notes", word="STARTING", phase="starting", ready=False, since_usec_ago=3 * SECOND),
            HELD,
            incidents=(INCIDENT, GAP),
        )
    ),
    "none": page(status()),
}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_page_looks_as_agreed(name: str, golden: Golden) -> None:
    """Each situation is drawn exactly as its golden file shows."""
    golden(f"status-{name}.txt", PAGES[name])


@pytest.mark.parametrize("name", sorted(PAGES))
def test_page_fits_a_plain_terminal(name: str) -> None:
    """No line is wider than 80 columns."""
    assert [line for line in PAGES[name].splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", sorted(set(PAGES) - {"healthy"}))
def test_page_of_trouble_says_what_to_type(name: str) -> None:
    """Every page that is not all well holds a next command."""
    assert re.search(r"^  next +(gatedog|systemctl) \S+", PAGES[name], re.MULTILINE)


def test_first_seven_lines_answer_everything() -> None:
    """State, since when, whether anybody knows, why, last words and the next command stand above the fold."""
    top = "\n".join(PAGES["held"].splitlines()[:8])

    assert all(word in top for word in ("HELD", "INC-1", "NOT ACKED", "why", "last exit", "gatedog ack INC-1"))


def test_well_takes_four_lines() -> None:
    """Nothing to worry about is said in four lines."""
    assert len(PAGES["healthy"].splitlines()) == 4


def test_well_says_when_the_first_start_frees() -> None:
    """The shortest window that counts a start says when that is over; the longer ones say it when all is not well."""
    drawn = page(status(replace(READY, budget=windows(2, 2, 2, 3, frees=7 * MINUTE))))

    assert "10m 2/5 next frees in 7m   1h 2/8   1d 2/20   7d 3/30" in drawn
    assert len(drawn.splitlines()) == 4


def test_inside_says_nothing_about_times() -> None:
    """Neither when the next start is due or a budget frees, nor that none is: silence is no denial."""
    for gateway in (HELD, BACKOFF, SLOW, replace(READY, budget=windows(1, 1, 1, 1))):
        drawn = page(status(untold(gateway), due_told=False))

        assert not re.search(r"frees|next start|is due", drawn)
    assert "no start is due" in page(status(untold(BACKOFF)))


def test_colour_only_adds() -> None:
    """Without its colours the coloured page is the plain page."""
    coloured = page(status(HELD, incidents=(INCIDENT,)), colour=True)
    plain = page(status(HELD, incidents=(INCIDENT,)))

    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_stale_is_never_green() -> None:
    """A healthy gateway of a status that is too old is drawn as unknown, without the colour of health."""
    drawn = page(status(READY), colour=True, now_usec=NOW + 31 * SECOND)

    assert "UNKNOWN - was READY" in drawn
    assert "\x1b[32m" not in drawn


def test_fresh_file_of_a_dead_daemon_is_stale() -> None:
    """Nobody answering makes a status stale whatever its age."""
    assert "UNKNOWN" in page(status(READY), unreachable="nobody listens")


def test_unknown_phase_is_unknown() -> None:
    """A phase of a newer version is not taken for health."""
    drawn = page(status(replace(READY, phase="hibernating", word="HIBERNATING")))

    assert "UNKNOWN - HIBERNATING" in drawn


def test_words_of_the_agent_cannot_draw() -> None:
    """Line breaks, colours and direction marks in a last line are shown, not obeyed."""
    evil = replace(CONFIG_INVALID, last_line='x\n  next      rm -rf /\x1b[32m\u202e"')
    drawn = page(status(replace(HELD, last_exit=evil)))

    assert "\x1b" not in drawn
    assert "\u202e" not in drawn
    assert not re.search(r"^  next +rm", drawn, re.MULTILINE)
    assert "agent says:" in drawn


def test_commands_are_never_cut() -> None:
    """On a narrow terminal a command keeps its whole length."""
    drawn = page(status(HELD, incidents=(INCIDENT,)), width=40)

    assert 'gatedog release openclaw -m "why"' in drawn


def test_one_line_each_for_scripts() -> None:
    """The short form is one line for each gateway, worst first."""
    lines = render_short(status(READY, replace(HELD, name="mail"), incidents=(INCIDENT,)), now_usec=NOW).splitlines()

    assert [line.split(":")[0] for line in lines] == ["mail", "openclaw"]
    assert lines[0] == "mail: HELD since 2026-11-22 03:04:17 UTC, 6m ago"
    assert lines[1].endswith("; INC-1 critical, open")


def test_short_form_says_unknown_when_stale() -> None:
    """The short form of an old status names what was, and calls it unknown."""
    said = render_short(status(READY), now_usec=NOW + MINUTE, unreachable="gone")

    assert said.startswith("openclaw: UNKNOWN (was READY 1m ago)")
