"""Health in words: what a person reads on the status page and in the record."""

from typing import Any

import pytest

from watchdog.core.decisions import HealthChanged, PageWithheld, QuietEnded, QuietGranted
from watchdog.core.healthstate import Health
from watchdog.core.identity import BootId, GatewayName, IncidentId, ProcessRef
from watchdog.core.observations import (
    CodeObserved,
    LogClass,
    LogClassSeen,
    Measure,
    MeasuresObserved,
    ProbeCause,
    ProbeObserved,
    ProbeResult,
    Reading,
)
from watchdog.core.rules import RuleId
from watchdog.core.timeline import HOUR, MINUTE, Usec
from watchdog.report.decisionwords import what_text
from watchdog.report.eventwords import event_text
from watchdog.report.healthrows import draw_health
from watchdog.report.rows import Page

MAIN = GatewayName("main")
PROCESS = ProcessRef(pid=7, start_ticks=1, boot=BootId("b"))


def probe(**changes: Any) -> dict[str, Any]:
    """Return one probe of a reply, passing unless changed."""
    return {
        "name": "health",
        "phase": "passing",
        "since_usec_ago": HOUR,
        "lost_sight": False,
        "flapping": False,
        "cause": "unknown",
        "detail": "",
        **changes,
    }


def drawn(*probes: dict[str, Any], well: bool = False, pid: int | None = 7, **changes: Any) -> str:
    """Draw the rows of a gateway."""
    health = {
        "word": "degraded",
        "since_wall_usec": 1,
        "since_usec_ago": 5 * MINUTE,
        "probes": list(probes),
        "signs": [],
        "stale_code": [],
        "measured": True,
        "hours_known": 40,
    }
    more = {key: changes.pop(key) for key in ("maintenance", "silences") if key in changes}
    page = Page(width=100, colour=False)
    draw_health(page, {"pid": pid, "health": health | changes, **more}, well=well)
    return page.text()


def test_a_failing_probe_is_named_with_what_the_gateway_said() -> None:
    """The passing ones are a number; the text of the supervised side is quoted."""
    text = drawn(probe(), probe(name="channel:x", phase="failing", cause="local", detail="state: closed"))

    assert "degraded for 5m   1 of 2 probes pass" in text
    assert "channel:x failing for 1h, local cause" in text
    assert "state: closed" in text
    assert "agent says" in text


def test_what_is_not_known_is_said() -> None:
    """No measure yet, a normal that still warms up, a probe that cannot be run."""
    lost = probe(phase="unknown", since_usec_ago=None, lost_sight=True)

    assert "nothing measured yet" in drawn(lost, measured=False)
    assert "normal known for 40 of 168 hours of the week" in drawn(lost)
    assert "health unknown, cannot be run" in drawn(lost)


def test_signs_and_stale_code_have_rows_of_their_own() -> None:
    """Told before anybody restarts."""
    text = drawn(signs=["0 connections for 30m, 4 are usual"], stale_code=["dist/main.js"])

    assert "0 connections for 30m, 4 are usual" in text
    assert "the next restart runs different code: dist/main.js" in text
    assert "no probe in the policy" in text


def test_a_gateway_that_is_well_needs_one_row() -> None:
    """And none when no probe looks at it: readiness is said elsewhere."""
    assert drawn(probe(), well=True, word="healthy").count("\n") == 1
    assert drawn(well=True, word="unknown") == ""
    assert drawn(probe(), pid=None) == ""


def test_maintenance_and_silences_are_shown_with_their_end() -> None:
    """Nobody may forget that pages are off."""
    quiet = {
        "subject": "degradation",
        "who": "human uid 1000 (bash)",
        "because": "new disk",
        "until_wall_usec": 2 * HOUR,
        "until_in_usec": HOUR,
    }
    text = drawn(pid=None, maintenance=quiet, silences=[quiet])

    assert "until 02:00" in text
    assert "1h left; by human uid 1000 (bash): new disk" in text
    assert "degradation, until" in text


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            ProbeObserved(
                gateway=MAIN, probe="rpc", result=ProbeResult.FAILED, cause=ProbeCause.LOCAL, detail="timeout"
            ),
            "main: probe rpc said failed (local cause): timeout",
        ),
        (ProbeObserved(gateway=MAIN, probe="rpc", result=ProbeResult.OK), "main: probe rpc said ok"),
        (
            LogClassSeen(gateway=MAIN, log_class=LogClass.GAVE_UP, line="no more", count=3),
            'main logged gave-up 3 times; agent says: "no more"',
        ),
        (
            MeasuresObserved(
                gateway=MAIN,
                process=PROCESS,
                span_usec=5 * MINUTE,
                readings=(Reading(measure=Measure.SOCKETS, value=4),),
            ),
            "main was measured over 5m: sockets 4",
        ),
        (CodeObserved(gateway=MAIN, process=PROCESS), "main runs the code that is on disk"),
        (
            CodeObserved(gateway=MAIN, process=PROCESS, changed=("main.js",)),
            "main: the code on disk is newer than the process: main.js",
        ),
    ],
)
def test_what_was_seen_is_one_line(event: Any, words: str) -> None:
    """Past tense, and the supervised side quoted."""
    assert event_text(event) == words


def test_what_was_concluded_is_one_line() -> None:
    """Each verdict about health and quiet says what it means."""
    base: dict[str, Any] = {"gateway": MAIN, "rule": RuleId.HEALTH_WELL, "because": "x"}

    assert what_text(HealthChanged(**base, health=Health.DEGRADED)) == "main is degraded"
    assert what_text(QuietGranted(**base, subject="", until_usec=Usec(1))) == "no pages about main for a while"
    assert what_text(QuietEnded(**base, subject="channel:x")) == "pages about channel:x again"
    withheld = PageWithheld(**base, incident=IncidentId("INC-1"), until_usec=Usec(1))
    assert what_text(withheld) == "INC-1 waits until the quiet is over"
