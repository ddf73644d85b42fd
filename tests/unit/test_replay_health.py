"""Degradations in recorded histories: found in time, also when they are told a little differently."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from watchdog.core.observations import Measure
from watchdog.replay.recording import parse_recording
from watchdog.replay.simulation import simulate
from watchdog.replay.soundings import probes_of

PERTURB = Path(__file__).parent.parent / "traces" / "perturb.py"


@pytest.fixture(scope="module")
def perturb() -> ModuleType:
    """Return the script that tells recorded histories differently."""
    spec = importlib.util.spec_from_file_location("perturb", PERTURB)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "at_least"),
    [("rates x 2", 18), ("10 % lost", 18), ("noise 20 %", 18)],
)
def test_degradations_are_found_however_they_are_told(name: str, at_least: int, perturb: ModuleType) -> None:
    """Other rates, gaps and noise change nothing: found in time, and no false page by health."""
    rows = list(perturb.verdicts(perturb.CHANGES[name]))
    found = [trace for kind, trace, verdict in rows if kind == "degradation" and verdict == "ok"]
    false = [trace for kind, trace, verdict in rows if kind == "benign" and verdict != "ok"]

    assert len(found) >= at_least
    assert false in ([], ["b-human-edits-config-3x"])


def story(*rows: dict[str, Any]) -> bytes:
    """Return a recording's bytes: a gateway that is up after eight seconds, and what else happened."""
    begins = [{"trace": "story"}, {"t": 0, "ev": "start", "by": "systemd"}, {"t": 8, "ev": "ready"}]
    return "\n".join(json.dumps(row) for row in [*begins, *rows]).encode()


def rules(raw: bytes) -> list[str]:
    """Return the rules of all pages."""
    return [rule for _, _, _, rule in simulate(parse_recording(raw, "story"), None).pages]


def probe(t: float, *, ok: object, name: str = "rpc", detail: str = "timeout") -> dict[str, Any]:
    """Return one recorded probe."""
    return {"t": t, "ev": "probe", "name": name, "ok": ok, "detail": detail}


def test_each_recorded_probe_is_one_of_the_policy_at_its_own_pace() -> None:
    """The median gap is its period; one that samples slowly is asked twice and not three times."""
    rows = [probe(30.0 * n, ok=True) for n in range(5)] + [probe(600.0 * n, ok=True, name="health") for n in range(5)]
    slow, fast = probes_of(parse_recording(story(*rows), "story"))

    assert (slow.name, slow.period_usec, slow.failures, slow.liveness_only) == ("health", 600_000_000, 2, True)
    assert (fast.name, fast.period_usec, fast.failures, fast.liveness_only) == ("rpc", 30_000_000, 3, False)


def test_a_recorded_probe_that_fails_is_told() -> None:
    """After a quarter of an hour, once for the probe."""
    rows = [probe(60.0 * n, ok=n < 20) for n in range(1, 60)]

    assert rules(story(*rows))[0] == "health.probe-failing"


def test_words_of_a_provider_are_waited_for() -> None:
    """Half an hour of 503 is nobody's page."""
    rows = [probe(60.0 * n, ok=not 20 < n < 50, name="channel:x", detail="503; retry") for n in range(1, 80)]

    assert rules(story(*rows)) == []


def test_stale_code_is_a_notice_and_no_page() -> None:
    """A probe of the version is not a probe of health."""
    rows = [probe(60.0 * n, ok=n < 20, name="code-version", detail="disk newer") for n in range(1, 200)]

    assert rules(story(*rows)) == []


@pytest.mark.parametrize(
    "row",
    [
        {"t": 70, "ev": "weather", "value": "rain"},
        {"t": 70, "ev": "metric"},
        {"t": 70, "ev": "metric", "name": 7, "value": 1},
        {"t": 70, "ev": "metric", "name": "moon_phase", "value": 1},
        {"t": 70, "ev": "metric", "name": "rss_mb", "value": None},
        {"t": 70, "ev": "metric", "name": "rss_mb", "value": True},
        {"t": 70, "ev": "metric", "name": "rss_mb", "value": -1},
        {"t": 70, "ev": "metric", "name": "rss_mb", "value": 1e300},
        {"t": 70, "ev": "metric", "name": "rss_mb", "value": float("nan")},
        {"t": 70, "ev": "probe"},
        {"t": 70, "ev": "probe", "name": "", "ok": True},
        {"t": 70, "ev": "probe", "name": "x", "ok": "yes", "detail": 5},
        {"t": 70, "ev": "probe", "name": "x", "ok": [1], "detail": {"a": 1}},
        {"t": 70, "ev": "probe", "name": "disk", "ok": True, "detail": "999% used"},
    ],
)
def test_a_row_that_makes_no_sense_is_passed_over(row: dict[str, Any]) -> None:
    """Kinds, names and values that this version does not know are no error and no finding."""
    assert rules(story({"t": 60, "ev": "metric", "name": "rss_mb", "value": 400}, row, probe(400, ok=True))) == []


def test_other_words_for_a_metric_are_understood() -> None:
    """Whatever a recorder called it: what fell silent is found."""
    rows: list[dict[str, Any]] = []
    for minute in range(1, 200):
        sockets = 4 if minute < 120 else 0
        rows.append({"t": 60.0 * minute, "ev": "metric", "name": "tcp_connections", "value": sockets})

    assert rules(story(*rows)) != []
    assert Measure.SOCKETS.value == "sockets"
