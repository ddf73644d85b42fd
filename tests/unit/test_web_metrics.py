"""Replies as Prometheus' text: every name, every state, and what is not known left out."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakedaemon import FakeDaemon

from watchdog.control.recordreply import record_reply
from watchdog.core.decisions import AnswerRequest, Charge, OriginJudged, OriginKind, Outcome, StartCharged
from watchdog.core.deliveries import PageDelivered, PageFailed, PageStuck
from watchdog.core.events import Event, HostShutdownBegan, Stamp, Stamped
from watchdog.core.identity import BootId, GatewayName, LifeId, PageId, RequestId, Seq
from watchdog.core.rules import RuleId
from watchdog.core.timeline import Usec
from watchdog.journal.reader import Record
from watchdog.report.standing import Standing, standing_of
from watchdog.web import metrics, tally
from watchdog.web.asking import Reading
from watchdog.web.exposition import Family, Kind, Samples, whole_samples
from watchdog.web.metrics import STATES, render_metrics
from watchdog.web.tally import INITIATORS, Tally, read_back

NOW = 1_800_000_000_250_000
SECOND = 1_000_000
GATEWAY = GatewayName("openclaw")


def window(account: str, label: str, used: int, limit: int) -> dict[str, Any]:
    """Build one window of a budget."""
    return {
        "account": account,
        "label": label,
        "per_usec": 600 * SECOND,
        "used": used,
        "limit": limit,
        "next_free_in_usec": 90 * SECOND if used else 0,
    }


def gateway(**changes: Any) -> dict[str, Any]:
    """Build one gateway of a Status reply."""
    probe = {"name": "http", "phase": "passing", "since_usec_ago": 1, "lost_sight": False, "flapping": False}
    health = {"word": "healthy", "probes": [{**probe, "cause": "unknown", "detail": ""}]}
    windows = [window("restart", "10m", 2, 5), window("self_restart", "1h", 3, 2)]
    base = {"since_wall_usec": NOW - 5 * SECOND, "budget": windows, "enforcement": "enforcing", "health": health}
    return FakeDaemon.gateway(**{**base, "began_usec_ago": 7 * SECOND, **changes})


def status(*gateways: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Build a Status reply of a fixed moment."""
    base = {"started_wall_usec": NOW - 3600 * SECOND, "now_wall_usec": NOW, "evidence_bytes": 4096}
    return FakeDaemon.status(*(gateways or (gateway(),)), **{**base, **changes})


def incident(severity: str, phase: str = "open", about: str = "openclaw") -> dict[str, Any]:
    """Build as much of an incident as is measured."""
    return {"gateway": about, "severity": severity, "phase": phase}


def channel(name: str, waiting: int = 0, oldest: int | None = None, ok: int | None = None) -> dict[str, Any]:
    """Build as much of a channel as is measured."""
    return {"name": name, "waiting": waiting, "oldest_wall_usec": oldest, "last_ok_wall_usec": ok}


PAGER = {
    "now_wall_usec": NOW,
    "channels": [channel("mail", 2, NOW - 400 * SECOND), channel("sink", ok=NOW - 7 * SECOND)],
    "given_up": [{}],
    "switches": [{"name": "hc", "last_ok_wall_usec": NOW - 30 * SECOND}, {"name": "new", "last_ok_wall_usec": None}],
}
TOOK = {"bounds_usec": [5_000, SECOND, 2_500_000], "counts": [3, 1, 0, 2], "sum_usec": 61_254_200}
NO_LOOK = {"bounds_usec": [5_000], "counts": [0, 0], "sum_usec": 0}
PROBES = (
    {"gateway": "openclaw", "name": "http", "last": {"result": "ok", "at_usec_ago": 2 * SECOND}, "took": TOOK},
    {"gateway": "openclaw", "name": "tcp", "last": {"result": "failed", "at_usec_ago": SECOND}},
    {"gateway": "openclaw", "name": "odd", "last": {"result": "error", "at_usec_ago": SECOND}, "took": NO_LOOK},
    {"gateway": "openclaw", "name": "new", "last": None, "took": NO_LOOK},
)


HELD = {"pid": None, "phase": "held", "hold": "held"}


def reading(**changes: Any) -> Reading:
    """Build a reading of everything."""
    return replace(Reading(now_usec=NOW, status=status(), pager=PAGER, probes=PROBES), **changes)


def record(seq: int, event: Event, *decisions: Any) -> Any:
    """Build a record as it travels."""
    stamp = Stamp(seq=Seq(seq), wall_usec=Usec(NOW), boot=BootId("b"), uptime_usec=Usec(1))
    return record_reply(Record(stamped=Stamped(stamp=stamp, event=event), decisions=decisions, digest=b""))


def charged(charge: Charge) -> StartCharged:
    """Decide that a start goes to an account."""
    life = LifeId(1)
    return StartCharged(gateway=GATEWAY, rule=RuleId.BUDGET_CHARGED, because="", life=life, charge=charge)


def values(text: str) -> dict[str, float]:
    """Read samples back, by their name and labels."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_metrics_look_as_agreed(golden: Callable[[str, str], None]) -> None:
    """Names, labels and units are a contract with dashboards and rules."""
    left = (
        incident("critical"),
        incident("warning", "acknowledged"),
        incident("info", "resolved"),
        incident("info", about=""),
    )
    told = reading(status=status(gateway(), gateway(name="b", began_usec_ago=None, **HELD), incidents=list(left)))
    tally = Tally("j", 7)
    tally.count([record(8, HostShutdownBegan(reason="r"), charged(Charge.AUTOMATIC))])

    golden("web/metrics.prom", render_metrics(told, tally))


def test_dead_daemon_leaves_nothing_that_looks_well() -> None:
    """What was last known is no measurement: only that nobody answers, since when, and what was counted."""
    tally = Tally("j", 7)
    tally.count([record(8, HostShutdownBegan(reason="r"), charged(Charge.BOOT))])
    text = render_metrics(Reading(now_usec=NOW, status=status(), stale=True, why="gone"), tally)
    found = values(text)

    assert found["gatedog_up"] == 0
    assert found["gatedog_loop_last_run_timestamp_seconds"] == NOW / SECOND
    assert not [name for name in found if "gateway_" in name or "budget" in name or "incidents" in name]
    assert found['gatedog_restarts_total{gateway="openclaw",initiator="gatedog",reason="boot"}'] == 1


def test_nothing_known_is_one_line() -> None:
    """Without a daemon and without a status file there is one number."""
    assert values(render_metrics(Reading(now_usec=NOW, status=None, stale=True), None)) == {"gatedog_up": 0}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "ready"),
        ({"phase": "starting", "ready": False}, "starting"),
        ({"phase": "backoff", "pid": None, "ready": False}, "down"),
        ({"phase": "held", "pid": None, "ready": False, "hold": "held"}, "held"),
        ({"hold": "held"}, "held"),
        ({"health": {"word": "degraded", "probes": []}}, "degraded"),
        ({"maintenance": {"subject": ""}}, "maintenance"),
        ({"phase": "of a later version"}, "unknown"),
    ],
)
def test_exactly_one_state_is_one(changes: dict[str, Any], state: str) -> None:
    """A gateway is in one state, the one that status shows."""
    found = values(render_metrics(reading(status=status(gateway(**changes))), None))
    states = {each: found[f'gatedog_gateway_state{{gateway="openclaw",state="{each}"}}'] for each in STATES}

    assert states == {each: float(each == state) for each in STATES}
    assert standing_of(gateway(**changes)).name.lower() in {state, "down"}


def test_every_standing_is_a_state() -> None:
    """A standing that is added gets a series."""
    assert {standing.name.lower() for standing in Standing} | {"held"} == set(STATES)


def test_probe_that_could_not_look_is_neither_well_nor_ill() -> None:
    """No data is no success and no failure: the series ends."""
    found = values(render_metrics(reading(), None))

    assert found['gatedog_probe_success{gateway="openclaw",probe="http"}'] == 1
    assert found['gatedog_probe_success{gateway="openclaw",probe="tcp"}'] == 0
    assert 'gatedog_probe_success{gateway="openclaw",probe="odd"}' not in found
    assert not [name for name in found if 'probe="new"' in name]


def test_looks_are_counted_by_how_long_they_took() -> None:
    """Each bound counts all that took at most so long, and the last of them all there were."""
    found = values(render_metrics(reading(), None))
    buckets = {name.rpartition('le="')[2][:-2]: count for name, count in found.items() if 'probe="http",le=' in name}

    assert buckets == {"0.005": 3, "1": 4, "2.5": 4, "+Inf": 6}
    assert found['gatedog_probe_duration_seconds_count{gateway="openclaw",probe="http"}'] == 6
    assert found['gatedog_probe_duration_seconds_sum{gateway="openclaw",probe="http"}'] == 61.2542
    assert not [name for name in found if "duration" in name and 'probe="tcp"' in name]


def test_life_of_a_gateway_has_its_begin() -> None:
    """To the second, so that it stands still from one look to the next; while there is no life there is none."""
    found = values(render_metrics(reading(status=status(gateway(), gateway(name="b", began_usec_ago=None))), None))

    assert found['gatedog_gateway_start_time_seconds{gateway="openclaw"}'] == NOW // SECOND - 7
    assert 'gatedog_gateway_start_time_seconds{gateway="b"}' not in found


def test_nobody_reads_here_when_a_budget_frees() -> None:
    """Loopback is open to the agent as well: what is left is a number, and when there is more is not."""
    assert not re.search("free|due|next", render_metrics(reading(), Tally("j", 1)))


def test_evidence_that_was_not_measured_is_no_number() -> None:
    """Nothing is said before the first look at the folder, and nothing by a daemon that does not know of it."""
    assert values(render_metrics(reading(), None))["gatedog_evidence_bytes"] == 4096
    assert "evidence" not in render_metrics(reading(status=status(evidence_bytes=None)), None)


def test_overdrawn_budget_has_nothing_left() -> None:
    """More used than allowed is 0 left, and no negative number."""
    found = values(render_metrics(reading(), None))
    labels = '{gateway="openclaw",account="self_restart",window="1h"}'

    assert found[f"gatedog_restart_budget_remaining{labels}"] == 0


def test_strangers_text_cannot_forge_a_sample() -> None:
    """A name with quotes, newlines and half a character stays one label of one line."""
    name = 'a"} 1\ngatedog_up 1\n\\\udcff'
    text = render_metrics(reading(status=status(gateway(name=name)), stale=False), None)

    assert text.encode("utf-8")
    assert [line for line in text.splitlines() if line.startswith("gatedog_up ")] == ["gatedog_up 1"]
    assert all(line.startswith(("# ", "gatedog_")) for line in text.splitlines())


def test_no_label_grows_without_bound() -> None:
    """Incidents, processes and reasons are in no label."""
    tally = Tally("j", 0)
    tally.count([record(1, HostShutdownBegan(reason="r"), charged(Charge.AUTOMATIC))])
    named = set(re.findall(r'[{,]([a-z_]+)="', render_metrics(reading(), tally)))

    allowed = {"account", "channel", "digest", "gateway", "initiator", "journal", "outcome", "probe", "reason"}
    assert named <= allowed | {"le", "requester", "rule", "severity", "state", "switch", "version", "window"}


def test_what_happened_is_counted_once() -> None:
    """Starts by initiator, refusals by origin and rule, pages by outcome; a record that comes twice counts once."""
    answer = AnswerRequest(
        gateway=GATEWAY,
        rule=RuleId.REQUEST_HUMANS_ONLY,
        because="",
        request=RequestId("REQ-1"),
        outcome=Outcome.REFUSED,
    )
    judged = OriginJudged(
        gateway=GATEWAY,
        rule=RuleId.REQUEST_HUMANS_ONLY,
        because="",
        request=RequestId("REQ-1"),
        origin=OriginKind.SUPERVISED,
    )
    page = PageId("PAGE-1")
    records = [
        record(1, HostShutdownBegan(reason="r"), charged(Charge.AUTOMATIC)),
        record(2, HostShutdownBegan(reason="r"), judged, answer),
        record(3, HostShutdownBegan(reason="r"), judged, replace(answer, outcome=Outcome.GRANTED)),
        record(4, PageDelivered(page=page, channel="sink")),
        record(5, PageFailed(page=page, channel="sink", detail="no")),
        record(6, PageStuck(page=page, channel="sink", detail="no")),
    ]
    tally = Tally("j", 0)
    tally.count(records)
    tally.count(records)
    samples = Samples()
    tally.add_to(samples, (), ())
    refused = {"gateway": GATEWAY, "requester": "supervised", "rule": RuleId.REQUEST_HUMANS_ONLY.value}

    assert sorted((name, count) for name, _, count in whole_samples(samples.text()) if count) == [
        ("gatedog_counted_record", 6),
        ("gatedog_page_attempts_total", 1),
        ("gatedog_page_attempts_total", 1),
        ("gatedog_page_attempts_total", 1),
        ("gatedog_restart_requests_refused_total", 1),
        ("gatedog_restarts_total", 1),
    ]
    assert ("gatedog_restart_requests_refused_total", refused, 1) in list(whole_samples(samples.text()))


def test_every_account_has_an_initiator() -> None:
    """A charge that is added gets its word."""
    assert {charge.value for charge in Charge} == set(INITIATORS)


def test_counters_are_read_back_as_written() -> None:
    """A text of metrics holds all that is needed to go on counting, whatever the names in it."""
    tally = Tally('j"\\', 0)
    odd = replace(charged(Charge.SLOW), gateway=GatewayName('o"\\,}=d'))
    tally.count(
        [record(1, HostShutdownBegan(reason="r"), odd), record(9, PageDelivered(page=PageId("P"), channel="mail"))]
    )
    text = render_metrics(reading(), tally)
    again = read_back(text, 'j"\\')

    assert again is not None
    assert render_metrics(reading(), again) == text
    assert read_back(text, "another") is None


@pytest.mark.parametrize("text", ["", "gatedog_counted_record 7", "\x00\xff{", 'gatedog_counted_record{journal="j"} x'])
def test_text_of_others_is_not_gone_on_with(text: str) -> None:
    """A file that holds no count of this journal begins anew."""
    assert read_back(text, "j") is None


def test_every_metric_is_explained() -> None:
    """docs/metrics.md names each with its labels, and none that there is not."""
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    rows = dict(re.findall(r"^\| `(gatedog_\w+)` \| ([\w, ]*?) *\|", page, re.MULTILINE))
    families = {each.name for module in (metrics, tally) for each in vars(module).values() if isinstance(each, Family)}
    text = (Path(__file__).parents[1] / "golden" / "web" / "metrics.prom").read_text()
    text = re.sub(r"(seconds)_(?:bucket|sum|count)\{", r"\1{", text).replace(',le="', ',"')
    labels = {
        name: ", ".join(re.findall(r'(\w+)="', said))
        for name, said in re.findall(r"^(\w+)\{(.*)\}", text, re.MULTILINE)
    }

    assert rows.keys() == families
    assert {name: rows[name] for name in labels} == labels


def test_first_of_two_equal_samples_counts() -> None:
    """Two windows of one length are one series, because two would make the text invalid."""
    samples, family = Samples(), Family(name="a_total", kind=Kind.COUNTER, means="A.")
    samples.number(family, 1, x="y")
    samples.number(family, 2, x="y")
    samples.seconds(family, -1_500_000, x="z")

    assert samples.text() == '# HELP a_total A.\n# TYPE a_total counter\na_total{x="y"} 1\na_total{x="z"} -1.500000\n'
