"""The pages of incidents."""

from collections.abc import Callable
from dataclasses import asdict, replace

from watchdog.control.wire import IncidentStatus
from watchdog.core.timeline import HOUR, MINUTE
from watchdog.report.incidentpage import render_list, render_show

Golden = Callable[[str, str], None]

OPEN = IncidentStatus(
    id="INC-7",
    gateway="openclaw",
    phase="open",
    severity="critical",
    rule="budget.spent",
    title="HELD - not restarting",
    because="restart budget spent: 5 per 10m; last: killed (SIGKILL)",
    opened_wall_usec=1_795_316_651_000_000,
    opened_usec_ago=6 * MINUTE,
    facts=3,
    paged=True,
    acknowledged_by="",
    acknowledged_until_in_usec=None,
    next_command='gatedog release openclaw -m "why"',
)
TAKEN = replace(
    OPEN,
    id="INC-6",
    phase="acknowledged",
    acknowledged_by="human uid 1001 (bash)",
    acknowledged_until_in_usec=HOUR,
    opened_usec_ago=2 * HOUR,
)
RESOLVED = replace(OPEN, id="INC-5", phase="resolved", gateway="", title="the journal has a gap", facts=1)
WARNING = replace(OPEN, id="INC-4", severity="warning", title="refused: its own agent asked for restart")


def test_list_looks_as_agreed(golden: Golden) -> None:
    """Open before acknowledged before resolved, loud before quiet."""
    found = [asdict(each) for each in (RESOLVED, TAKEN, WARNING, OPEN)]

    golden("incident-list.txt", render_list(found, width=80, colour=False))


def test_empty_list_says_so() -> None:
    """No incident is a sentence, not silence."""
    assert render_list([], width=80, colour=False) == "no incident\n"


def test_show_looks_as_agreed(golden: Golden) -> None:
    """One incident with its reason, its people, its next commands and the end of its story."""
    golden("incident-show.txt", render_show(asdict(OPEN), width=80, colour=False, story="03:04:11.204  it ended"))


def test_resolved_incident_asks_for_nothing() -> None:
    """What is over offers its explanation only."""
    shown = render_show(asdict(RESOLVED), width=80, colour=False)

    assert "gatedog explain INC-5" in shown
    assert "gatedog ack" not in shown
    assert "close" not in shown


def test_acknowledged_incident_names_who_has_it() -> None:
    """An incident that was taken says by whom and for how long."""
    assert "taken by human uid 1001 (bash); pages rest for 1h" in render_show(asdict(TAKEN), width=100, colour=False)


def test_words_in_a_title_cannot_draw() -> None:
    """A title holds a program's name at times, which its owner chose."""
    assert "\x1b" not in render_show(asdict(replace(OPEN, title="\x1b[2J")), width=80, colour=False)
