"""The state as a Status reply."""

import json
from dataclasses import replace
from typing import Any

import pytest

from watchdog.control.reply import SupervisorFacts, incident_replies, status_object, status_reply
from watchdog.core.decisions import Charge, OriginKind, PageUpdate, QueuePage, Severity
from watchdog.core.endings import ExitRecord, SignalSender
from watchdog.core.identity import (
    FOREIGN_LIFE,
    BootId,
    GatewayName,
    IncidentId,
    LifeId,
    PageId,
    ProcessRef,
    RequestId,
    Seq,
)
from watchdog.core.policy import CommandPolicy, GatewayPolicy, Policy
from watchdog.core.rival import Rival, RivalKind
from watchdog.core.rules import RuleId
from watchdog.core.state import (
    ChainLink,
    GatewayState,
    Hold,
    Incident,
    IncidentPhase,
    LedgerEntry,
    Life,
    PendingPage,
    Phase,
    Refusal,
    State,
    Timer,
)
from watchdog.core.timeline import HOUR, MINUTE, SECOND, Usec
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.verbs import Verb
from watchdog.report.standing import exit_code

NOW = Usec(100 * HOUR)
NAME = GatewayName("openclaw")
PROCESS = ProcessRef(pid=500, start_ticks=1, boot=BootId("b"))
LIFE = Life(life=LifeId(41), process=PROCESS, began_usec=Usec(0), charge=Charge.BOOT)
FACTS = SupervisorFacts(
    version="0.1.0",
    pid=7,
    started_wall_usec=1,
    journal_id="j1",
    now_wall_usec=2,
    now_usec=NOW,
    policy_source="/etc/gatedog/policy.toml",
)
POLICY = Policy(gateways=(GatewayPolicy(name=NAME, command=CommandPolicy(argv=("openclaw", "gateway"))),))
UP = GatewayState(name=NAME, phase=Phase.UP, life=LIFE, since_usec=Usec(NOW - MINUTE), since_wall_usec=Usec(99))
READY = replace(UP, life=replace(LIFE, ready_usec=Usec(1)))


def shown(gateway: GatewayState, **more: Any) -> dict[str, Any]:
    """Return the one gateway of the reply, as JSON."""
    reply = status_reply(State(policy=POLICY, gateways=(gateway,), **more), FACTS)
    found: dict[str, Any] = json.loads(json.dumps(status_object(reply)))["gateways"][0]
    return found


@pytest.mark.parametrize(
    ("gateway", "word", "code"),
    [
        (READY, "READY", 0),
        (UP, "UP", 151),
        (replace(UP, phase=Phase.STARTING), "STARTING", 151),
        (replace(READY, phase=Phase.STOPPING), "STOPPING", 3),
        (GatewayState(name=NAME), "STOPPED", 3),
        (GatewayState(name=NAME, wanted_up=False), "STOPPED", 3),
        (GatewayState(name=NAME, phase=Phase.BACKOFF), "BACKOFF", 3),
        (GatewayState(name=NAME, phase=Phase.SLOW), "SLOW", 3),
        (GatewayState(name=NAME, phase=Phase.HELD, hold=Hold.HELD), "HELD", 3),
        (replace(READY, hold=Hold.HELD), "HELD, RUNNING", 3),
        (replace(READY, hold=Hold.HELD, life=replace(LIFE, life=FOREIGN_LIFE)), "HELD, RUNNING (foreign)", 3),
        (replace(READY, hold=Hold.PROBATION), "READY", 0),
    ],
)
def test_each_state_has_its_word_and_its_exit_code(gateway: GatewayState, word: str, code: int) -> None:
    """People read one word, scripts one number, and both come from the same reply."""
    one = shown(gateway)

    assert one["word"] == word
    assert exit_code([one]) == code


def test_every_phase_is_known_to_the_exit_code() -> None:
    """No phase of the core falls through to "unknown"."""
    codes = [exit_code([shown(replace(UP, phase=phase))]) for phase in Phase]

    assert 4 not in codes


def test_the_exit_code_of_several_gateways_is_the_worst() -> None:
    """Down outweighs unknown, unknown outweighs starting, starting outweighs healthy."""
    ready, starting, down = shown(READY), shown(UP), shown(GatewayState(name=NAME))
    unknown = ready | {"phase": "levitating"}

    assert exit_code([ready, starting]) == 151
    assert exit_code([starting, unknown, ready]) == 4
    assert exit_code([ready, unknown, down]) == 3
    assert exit_code([]) == 4


def test_a_running_gateway_shows_its_process_and_life() -> None:
    """Pid, life and how long the phase lasts come from the state, what it is from the policy."""
    one = shown(READY)

    assert (one["pid"], one["life"], one["ready"]) == (500, 41, True)
    assert (one["since_wall_usec"], one["since_usec_ago"]) == (99, MINUTE)
    assert (one["kind"], one["what"], one["why"]) == ("child", "openclaw gateway", "")
    assert one["last_exit"] is None
    assert one["enforcement"] == "unknown"


def test_the_daemon_may_say_better_what_a_gateway_is() -> None:
    """A text from the daemon stands before the policy's words; a unit is named; without a policy nothing is claimed."""
    facts = replace(FACTS, commands=((NAME, "Example Gateway"),))
    unit = Policy(gateways=(GatewayPolicy(name=NAME, unit="openclaw.service"),))

    assert status_reply(State(policy=POLICY, gateways=(UP,)), facts).gateways[0].what == "Example Gateway"
    named = status_reply(State(policy=unit, gateways=(UP,)), FACTS).gateways[0]
    assert (named.kind, named.what) == ("unit", "openclaw.service")
    bare = status_reply(State(gateways=(UP,)), FACTS).gateways[0]
    assert (bare.kind, bare.what, bare.budget) == ("unknown", "", [])


def test_memory_is_what_the_daemon_measured() -> None:
    """The state knows no memory of the last minutes; what the daemon hands in is shown for its gateway alone."""
    facts = replace(FACTS, memory=((NAME, (0, 412)), (GatewayName("other"), (9,))))

    assert status_reply(State(policy=POLICY, gateways=(UP,)), facts).gateways[0].memory_kib == [0, 412]
    assert shown(UP)["memory_kib"] == []


def test_why_is_the_hold_or_the_last_ending_or_the_wish() -> None:
    """The sentence beside the word is the reason it is so."""
    dead = GatewayState(name=NAME, phase=Phase.BACKOFF, last_exit=ExitRecord(code=1, last_line="boom"))
    held = replace(dead, hold=Hold.HELD, hold_because="budget spent", hold_rule=RuleId.BUDGET_SPENT)

    assert shown(dead)["why"] == "last life ended with code 1 (failed)"
    assert (shown(held)["why"], shown(held)["hold_rule"]) == ("budget spent", "budget.spent")
    assert shown(GatewayState(name=NAME, wanted_up=False))["why"] == "stopped on request"


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (ExitRecord(code=0), "ended with code 0 (clean)"),
        (ExitRecord(signal="SIGKILL"), "ended by SIGKILL (killed)"),
        (ExitRecord(), "ended (status-unknown)"),
        (ExitRecord(host_lost=True), "ended (host-lost)"),
        (
            ExitRecord(signal="SIGKILL", sent_by=SignalSender(signal="SIGKILL", pid=7, comm="bash", unit="x.scope")),
            "ended by SIGKILL from pid 7 (bash) in x.scope (killed)",
        ),
        (
            ExitRecord(code=0, sent_by=SignalSender(signal="SIGTERM", pid=7)),
            "ended with code 0 after SIGTERM from pid 7 (clean)",
        ),
    ],
)
def test_the_last_exit_is_told_with_its_class(record: ExitRecord, text: str) -> None:
    """An ending is said in words, and its parts stand beside them."""
    one = shown(GatewayState(name=NAME, last_exit=record, last_exit_wall_usec=Usec(5)))["last_exit"]

    assert one == {"text": text, "code": record.code, "signal": record.signal, "last_line": "", "wall_usec": 5}


def entry(ago_usec: int, charge: Charge) -> LedgerEntry:
    """Enter a start in the ledger."""
    return LedgerEntry(at_usec=Usec(NOW - ago_usec), charge=charge, life=LifeId(1))


def test_the_budget_counts_what_the_windows_count() -> None:
    """Automatic, self and foreign starts fill the restart windows; only self restarts fill their own; people's none."""
    ledger = (
        entry(11 * MINUTE, Charge.AUTOMATIC),
        entry(9 * MINUTE, Charge.AUTOMATIC),
        entry(8 * MINUTE, Charge.FOREIGN),
        entry(7 * MINUTE, Charge.SELF_RESTART),
        entry(6 * MINUTE, Charge.HUMAN),
        entry(5 * MINUTE, Charge.RELEASE),
        entry(4 * MINUTE, Charge.SELF_RESTART),
    )

    windows = {(one["account"], one["label"]): one for one in shown(replace(UP, ledger=ledger))["budget"]}

    assert windows["restart", "10m"]["used"] == 4
    assert windows["restart", "10m"]["next_free_in_usec"] == MINUTE
    assert windows["restart", "1h"] == {
        "account": "restart",
        "label": "1h",
        "per_usec": HOUR,
        "used": 5,
        "limit": 8,
        "next_free_in_usec": HOUR - 11 * MINUTE,
    }
    assert windows["self_restart", "1h"]["used"] == 2
    assert windows["self_restart", "1h"]["next_free_in_usec"] == HOUR - 7 * MINUTE


def test_what_is_not_told_is_left_out() -> None:
    """A reply for the supervised side says neither when a start is due nor when a window frees, and says that."""
    timers = (Timer(timer=TimerId(kind=TimerKind.START_DUE, subject="openclaw"), due_usec=Usec(NOW + SECOND)),)
    gateway = replace(UP, ledger=(entry(9 * MINUTE, Charge.SELF_RESTART),))
    state = State(policy=POLICY, gateways=(gateway,), timers=timers)
    told, untold = (status_object(status_reply(state, FACTS, due_told=said)) for said in (True, False))

    assert told["due_told"]
    assert told["gateways"][0]["next_start_in_usec"] == SECOND
    assert {window["next_free_in_usec"] > 0 for window in told["gateways"][0]["budget"]} == {True}
    left_out = [{**window, "next_free_in_usec": 0} for window in told["gateways"][0]["budget"]]
    one = {**told["gateways"][0], "next_start_in_usec": None, "budget": left_out}
    assert untold == {**told, "due_told": False, "gateways": [one]}


def test_a_life_has_its_age() -> None:
    """A gateway that is down has none."""
    assert shown(UP)["began_usec_ago"] == NOW
    assert shown(replace(UP, life=None))["began_usec_ago"] is None


def test_the_next_start_is_the_gateways_own_alarm() -> None:
    """Only this gateway's start timer tells when it is tried again, and a due one never lies in the past."""
    timers = (
        Timer(timer=TimerId(kind=TimerKind.STABLE, subject="openclaw"), due_usec=Usec(NOW + 1)),
        Timer(timer=TimerId(kind=TimerKind.START_DUE, subject="other"), due_usec=Usec(NOW + 2)),
        Timer(timer=TimerId(kind=TimerKind.START_DUE, subject="openclaw"), due_usec=Usec(NOW + 3 * SECOND)),
    )

    assert shown(UP, timers=timers)["next_start_in_usec"] == 3 * SECOND
    assert shown(UP, timers=timers[:2])["next_start_in_usec"] is None
    due = (replace(timers[2], due_usec=Usec(NOW - 1)),)
    assert shown(UP, timers=due)["next_start_in_usec"] == 0


def test_refusals_and_enforcement_are_shown() -> None:
    """Status tells what was refused to whom, and whether the origin rules bind."""
    refused = Refusal(
        at_usec=NOW,
        wall_usec=Usec(8),
        request=RequestId("REQ-1"),
        origin=OriginKind.SUPERVISED,
        rule=RuleId.ORIGIN_IN_LIFE,
        verb=Verb.RESTART,
        who="uid 1000, sh",
    )
    one = shown(replace(UP, refused=refused, refused_count=2, enforcing=False, advisory_because="same uid"))

    assert one["refused"] == {
        "count": 2,
        "wall_usec": 8,
        "rule": "origin.in-gateway",
        "origin": "supervised",
        "verb": "restart",
        "who": "uid 1000, sh",
    }
    assert one["enforcement"] == "advisory (same uid)"
    assert shown(replace(UP, enforcing=True))["enforcement"] == "enforcing"


def test_rivals_are_shown() -> None:
    """Status names who else could start or end the gateway, with the evidence."""
    rival = Rival(kind=RivalKind.PORT, subject="127.0.0.1:18789", detail="pid 7 in cron.service")
    one = shown(replace(UP, rivals=(rival,)))

    assert one["rivals"] == ["port: 127.0.0.1:18789 (pid 7 in cron.service)"]


def test_the_strip_holds_two_hours_of_starts_and_exits_in_order() -> None:
    """Starts come from the ledger and exits from the chain, oldest first, nothing older than two hours."""
    link = ChainLink(
        at_usec=Usec(NOW - 30 * MINUTE),
        seq=Seq(1),
        fingerprint="",
        exit=ExitRecord(code=1),
        was_ready=True,
        lived_usec=1,
    )
    ledger = (entry(3 * HOUR, Charge.AUTOMATIC), entry(HOUR, Charge.AUTOMATIC), entry(MINUTE, Charge.AUTOMATIC))
    one = shown(replace(UP, ledger=ledger, chain=(link,)))

    assert [(mark["at_usec_ago"], mark["what"]) for mark in one["strip"]] == [
        (HOUR, "start"),
        (30 * MINUTE, "exit"),
        (MINUTE, "start"),
    ]
    assert one["chain"] == 1


def incident(number: int, phase: IncidentPhase, **more: Any) -> Incident:
    """Build an incident that opened `number` minutes ago."""
    return Incident(
        incident=IncidentId(f"INC-{number}"),
        gateway=NAME,
        fingerprint="f",
        phase=phase,
        severity=Severity.CRITICAL,
        rule=RuleId.BUDGET_SPENT,
        title="held",
        because="budget spent",
        opened_usec=Usec(NOW - number * MINUTE),
        opened_wall_usec=Usec(3),
        changed_usec=NOW,
        **more,
    )


def test_open_incidents_come_newest_first_and_resolved_ones_on_demand() -> None:
    """Status lists what is not over; the full list adds what is."""
    acknowledged = incident(
        9,
        IncidentPhase.ACKNOWLEDGED,
        acknowledged_by="alice",
        acknowledged_until_usec=Usec(NOW + MINUTE),
        paged_usec=NOW,
    )
    state = State(incidents=(acknowledged, incident(5, IncidentPhase.RESOLVED), incident(1, IncidentPhase.OPEN)))

    listed = status_reply(state, FACTS).incidents
    assert [one.id for one in listed] == ["INC-1", "INC-9"]
    assert (listed[1].acknowledged_by, listed[1].acknowledged_until_in_usec, listed[1].paged) == ("alice", MINUTE, True)
    assert (listed[0].acknowledged_until_in_usec, listed[0].paged, listed[0].opened_usec_ago) == (None, False, MINUTE)
    assert [one.id for one in incident_replies(state, NOW, closed=True)] == ["INC-1", "INC-5", "INC-9"]


def test_the_outbox_shows_pages_that_still_wait() -> None:
    """A page that every channel took is no news."""
    page = QueuePage(
        gateway=NAME,
        rule=RuleId.PAGE_TEST,
        because="b",
        page=PageId("P-1"),
        incident=IncidentId("INC-1"),
        severity=Severity.CRITICAL,
        update=PageUpdate.OPENED,
        channels=("mail",),
        title="held",
        did="nothing",
        next_command="gatedog ack INC-1",
    )
    waiting = PendingPage(page=page, queued_wall_usec=Usec(4), waiting=("mail",))
    state = State(outbox=(waiting, replace(waiting, waiting=(), delivered=("mail",))))

    assert [
        (one.page, one.incident, one.waiting, one.queued_wall_usec) for one in status_reply(state, FACTS).outbox
    ] == [("P-1", "INC-1", ["mail"], 4)]


def test_the_reply_of_an_empty_state_is_complete_json() -> None:
    """Before the first event there is still an answer, and it claims nothing."""
    reply = status_object(status_reply(State(), FACTS))

    assert json.loads(json.dumps(reply)) == reply
    assert exit_code(reply["gateways"]) == 4
