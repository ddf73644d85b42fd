"""The gate: what an agent is answered before it acts, and the one action that a person approves once."""

from dataclasses import replace
from typing import Any

import pytest
from stage import gateway_policy

from watchdog.core.action import ASKED_FOR_USEC, WAITING_MAX, WAITING_PER_UID_MAX, ActionRule
from watchdog.core.decisions import AnswerRequest, Charge, NothingDone, Outcome, QueuePage, Severity, StartCharged
from watchdog.core.effect import Effect
from watchdog.core.enclosure import ActionOffered, DrillReported
from watchdog.core.events import ActionRequested
from watchdog.core.gate import answer_at_once
from watchdog.core.identity import GatewayName
from watchdog.core.permission import REQUESTS_MAX
from watchdog.core.policy import CommandPolicy
from watchdog.core.rules import RuleId
from watchdog.core.timeline import duration_text
from watchdog.core.verbs import Verb

LATER = duration_text(ASKED_FOR_USEC)
WORK = "/home/agent/work"
NONCE = "0f" * 16


def offered(line: str) -> ActionOffered:
    """Describe a command that an agent would run in its folder."""
    return ActionOffered(action="exec", argv=tuple(line.split()), directory=WORK)


def check(play: Any, line: str, who: str = "agent", **fields: Any) -> AnswerRequest:
    """Let somebody ask whether they may, and return the answer."""
    play.asks(who, "gate-check", "", enclosed=offered(line), **fields)
    answer = play.decided(AnswerRequest)
    assert isinstance(answer, AnswerRequest)
    return answer


def approve(play: Any, answer: AnswerRequest, who: str = "human", **fields: Any) -> AnswerRequest:
    """Let somebody approve what waits by this answer."""
    name = answer.next_commands[0].split()[3]
    play.asks(who, "gate-approve", "", name="", subject=name, **fields)
    given = play.decided(AnswerRequest)
    assert isinstance(given, AnswerRequest)
    return given


def test_what_only_looks_is_let_through(play: Any) -> None:
    """And nobody is told."""
    play.given()
    check(play, "ls -la")
    play.decided(AnswerRequest, rule=RuleId.GATE_OBSERVE, outcome=Outcome.GRANTED)
    play.decided_often(QueuePage, 0)


def test_what_can_be_undone_is_let_through(play: Any) -> None:
    """And nobody is told."""
    play.given()
    check(play, "mkdir drafts")
    play.decided(AnswerRequest, rule=RuleId.GATE_REVERSIBLE, outcome=Outcome.GRANTED)
    play.decided_often(QueuePage, 0)


def test_the_own_lifecycle_is_refused_and_told(play: Any) -> None:
    """A warning names the rule, and the agent's words stand apart, marked."""
    play.given()
    check(play, f"kill -9 {play.process().pid} mischief")
    play.decided(AnswerRequest, rule=RuleId.GATE_REFUSED, outcome=Outcome.REFUSED)
    page = play.decided(QueuePage, severity=Severity.WARNING)
    assert page.agent_says == f"exec: kill -9 {play.process().pid} mischief"
    assert "mischief" not in page.title + page.because + page.did + page.next_command


def test_who_is_asked_hears_that_a_process_is_the_gateways_own(play: Any) -> None:
    """Such a process may be a worker, or what the agent itself started: a person tells them apart, and sees the pid."""
    play.given()
    action = ActionOffered(action="exec", argv=("kill", "4711"), directory=WORK)
    play.asks("agent", "gate-check", "", enclosed=action, own_pids=(4711,))
    answer = play.decided(AnswerRequest, rule=RuleId.GATE_DESTABILISING, outcome=Outcome.REFUSED)
    page = play.decided(QueuePage, severity=Severity.WARNING)

    assert "of the gateway's life in it: 4711" in answer.because
    assert "4711" in page.because


def test_an_ending_after_a_refusal_is_charged_to_the_agent(play: Any) -> None:
    """Who was told no and does it all the same pays from the small budget."""
    play.given()
    check(play, f"kill {play.process().pid}")
    play.after("1m").ends(signal="SIGSEGV")
    play.decided(StartCharged, charge=Charge.SELF_RESTART)


def test_what_upsets_waits_for_a_person(play: Any) -> None:
    """The answer names what to approve, and so does the warning."""
    play.given()
    answer = check(play, "systemctl restart nginx")
    play.decided(AnswerRequest, rule=RuleId.GATE_DESTABILISING, outcome=Outcome.REFUSED)
    page = play.decided(QueuePage, severity=Severity.WARNING)
    assert answer.next_commands[0] == f"{page.next_command}  # by a human"
    assert page.next_command == f"gatedog gate approve {play.state.waiting_actions[0].name}"


def test_what_is_unknown_waits_for_a_person(play: Any) -> None:
    """It is told without waking anybody: agents do things that no rule knows all day."""
    play.given()
    check(play, "frobnicate --all")
    play.decided(AnswerRequest, rule=RuleId.GATE_UNKNOWN, outcome=Outcome.REFUSED)
    play.decided(QueuePage, severity=Severity.INFO)


def test_an_approved_action_is_let_through_once(play: Any) -> None:
    """The very same words, and only the first time."""
    play.given()
    approve(play, check(play, "frobnicate --all"))
    play.decided(NothingDone, rule=RuleId.GATE_APPROVAL_GIVEN)
    check(play, "frobnicate --all")
    play.decided(AnswerRequest, rule=RuleId.GATE_APPROVED, outcome=Outcome.GRANTED)
    check(play, "frobnicate --all")
    play.decided(AnswerRequest, rule=RuleId.GATE_UNKNOWN, outcome=Outcome.REFUSED)


@pytest.mark.parametrize(
    "other",
    [
        replace(offered("frobnicate --all"), argv=("frobnicate", "--all", "--force")),
        replace(offered("frobnicate --all"), argv=("frobnicate",)),
        replace(offered("frobnicate --all"), directory="/etc"),
        replace(offered("frobnicate --all"), paths=("/home/agent/x",)),
        replace(offered("frobnicate --all"), action="process"),
    ],
    ids=["more words", "fewer words", "another folder", "a path", "another tool"],
)
def test_an_approval_is_for_nothing_else(other: ActionOffered, play: Any) -> None:
    """Whatever differs, it is another action."""
    play.given()
    approve(play, check(play, "frobnicate --all"))
    play.asks("agent", "gate-check", "", enclosed=other)
    play.decided(AnswerRequest, rule=RuleId.GATE_UNKNOWN, outcome=Outcome.REFUSED)
    check(play, "frobnicate --all")
    play.decided(AnswerRequest, rule=RuleId.GATE_APPROVED)


def test_an_approval_is_for_nobody_else(play: Any) -> None:
    """Neither another account nor the agent of another gateway may use it."""
    play.given("second")
    approve(play, check(play, "frobnicate --all"))
    check(play, "frobnicate --all", "stranger")
    play.decided(AnswerRequest, rule=RuleId.GATE_UNKNOWN, outcome=Outcome.REFUSED)
    check(play, "frobnicate --all", "agent", name="second")
    play.decided(AnswerRequest, rule=RuleId.GATE_UNKNOWN, outcome=Outcome.REFUSED)


def test_an_approval_ends_by_time(play: Any) -> None:
    """Later the world is another, and a person has to look again."""
    play.given()
    approve(play, check(play, "frobnicate --all"))
    play.after(LATER)
    check(play, "frobnicate --all")
    play.decided(AnswerRequest, rule=RuleId.GATE_UNKNOWN, outcome=Outcome.REFUSED)


def test_an_ask_ends_by_time(play: Any) -> None:
    """What waited too long can no longer be approved."""
    play.given()
    answer = check(play, "frobnicate --all")
    play.after(LATER)
    approve(play, answer)
    play.decided(AnswerRequest, rule=RuleId.GATE_NOT_APPROVABLE, outcome=Outcome.FAILED)


def test_an_action_is_approved_once(play: Any) -> None:
    """A second approval finds nothing that waits."""
    play.given()
    answer = check(play, "frobnicate --all")
    approve(play, answer)
    approve(play, answer)
    play.decided(AnswerRequest, rule=RuleId.GATE_NOT_APPROVABLE)


def test_what_is_refused_cannot_be_approved(play: Any) -> None:
    """No number is given to it."""
    play.given()
    check(play, f"kill {play.process().pid}")
    assert play.state.waiting_actions == ()


@pytest.mark.parametrize("who", ["agent", "stranger", "cron", "reserved-account", "backup"])
def test_only_a_human_approves(who: str, play: Any) -> None:
    """The agent may ask, and never answer itself; a human is told that it tried."""
    play.given()
    answer = check(play, "frobnicate --all")
    given = approve(play, answer, who)
    assert given.outcome is Outcome.REFUSED
    play.decided(QueuePage)
    check(play, "frobnicate --all")
    play.decided(AnswerRequest, rule=RuleId.GATE_UNKNOWN)


def test_the_same_question_again_is_the_same_matter(play: Any) -> None:
    """It gets the same number, and people are not told twice."""
    play.given()
    first = check(play, "frobnicate --all")
    again = check(play, "frobnicate --all")
    play.decided_often(QueuePage, 0)
    assert again.next_commands == first.next_commands


def test_many_questions_are_told_once_an_hour(play: Any) -> None:
    """They merge into one story, which is over when none came for hours."""
    play.given()
    for number in range(20):
        check(play, f"frobnicate {number}")
    play.decided_often(QueuePage, 0)
    play.after("61m")
    check(play, "frobnicate again")
    play.decided(QueuePage)
    play.after("5h")
    play.decided(QueuePage, severity=Severity.INFO)


def test_a_human_who_tries_the_gate_is_not_paged_about(play: Any) -> None:
    """They have read the answer."""
    play.given()
    check(play, "reboot", "human")
    play.decided_often(QueuePage, 0)


def test_anybody_may_ask(play: Any) -> None:
    """Also an agent that runs as a unit which nobody listed as trusted."""
    play.given()
    for who in ("agent", "stranger", "backup", "deploy", "cron", "human"):
        check(play, "ls", who)
        play.decided(AnswerRequest, rule=RuleId.GATE_OBSERVE)


def test_what_waits_is_bounded_and_approvals_stay(play: Any) -> None:
    """An agent that asks for a hundred things pushes out its own questions, and not what a person approved."""
    play.given()
    approve(play, check(play, "frobnicate first"))
    for number in range(2 * WAITING_MAX):
        check(play, f"frobnicate {number}")
    assert len(play.state.waiting_actions) == WAITING_PER_UID_MAX
    check(play, "frobnicate first")
    play.decided(AnswerRequest, rule=RuleId.GATE_APPROVED)


def test_nobody_pushes_out_what_another_account_waits_for(play: Any) -> None:
    """However often it asks; and when many accounts do, the one that has most gives way."""
    play.given()
    answer = check(play, "frobnicate mine", "human")
    for number in range(WAITING_MAX):
        check(play, f"frobnicate {number}")
        check(play, f"frobnicate {number}", "stranger")
    waiting = play.state.waiting_actions
    assert len(waiting) == WAITING_MAX
    assert answer.next_commands[0].split()[3] in [each.name for each in waiting]
    assert check(play, "frobnicate mine", "human").next_commands == answer.next_commands


def test_checks_push_no_request_out_that_may_be_granted(play: Any) -> None:
    """Who asks at the gate all day must not make people's list useless."""
    play.given()
    play.asks("agent", "ask-restart", "I leak")
    play.decided(AnswerRequest)
    for _ in range(REQUESTS_MAX + 1):
        check(play, "ls")
    assert [each.verb for each in play.state.requests] == [Verb.ASK_RESTART]


def test_a_check_without_an_action_fails(play: Any) -> None:
    """There is nothing to be judged."""
    play.given()
    play.asks("agent", "gate-check", "")
    play.decided(AnswerRequest, outcome=Outcome.FAILED)
    play.asks("agent", "gate-check", "", enclosed=DrillReported(drill="x", passed=True, live=False, report=""))
    play.decided(AnswerRequest, outcome=Outcome.FAILED)


def test_the_rules_are_those_of_where_the_asker_runs(play: Any) -> None:
    """Who names another gateway, with milder rules, gets its own."""
    mild = ActionRule(name="mild", effect=Effect.OBSERVE, lenient=True, programs=("frobnicate",), options=("*",))
    play.given("second")
    play.policy_loads(gateway_policy(), gateway_policy("second", gate=(mild,)))
    peer = play.peer("agent")
    event = ActionRequested(
        gateway=GatewayName("second"), verb=Verb.CHECK_ACTION, reason="", peer=peer, enclosed=offered("frobnicate x")
    )
    play.feed(event)
    play.decided(AnswerRequest, rule=RuleId.GATE_UNKNOWN)
    check(play, "frobnicate x", name="second")
    play.decided(AnswerRequest, rule=RuleId.GATE_OBSERVE)


def test_who_is_nobodys_gets_every_suspicion_and_no_leniency(play: Any) -> None:
    """Of several gateways' rules the suspicious ones hold for an asker that could belong to any."""
    mild = ActionRule(name="mild", effect=Effect.OBSERVE, lenient=True, programs=("frobnicate",), options=("*",))
    strict = ActionRule(name="strict", effect=Effect.DESTABILISING, refuse=True, programs=("git",))
    play.given("second")
    play.policy_loads(gateway_policy(gate=(strict,)), gateway_policy("second", gate=(mild,)))
    check(play, "frobnicate x", "stranger", name="")
    play.decided(AnswerRequest, rule=RuleId.GATE_UNKNOWN)
    check(play, "git status", "stranger", name="")
    play.decided(AnswerRequest, rule=RuleId.GATE_REFUSED)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("systemctl stop claw", RuleId.GATE_REFUSED),
        ("systemctl stop claw.service", RuleId.GATE_REFUSED),
        ("tee /etc/systemd/system/claw.service.d/x.conf", RuleId.GATE_DESTABILISING),
        ("pkill main.mjs", RuleId.GATE_REFUSED),
        ("tee /srv/bot/main.mjs", RuleId.GATE_DESTABILISING),
        ("tee /srv/bot/lib/x.js", RuleId.GATE_DESTABILISING),
        ("tee /home/agent/work/x.js", RuleId.GATE_REVERSIBLE),
    ],
)
def test_a_gateway_is_known_by_unit_and_program(line: str, rule: RuleId, play: Any) -> None:
    """What the policy says of every gateway is guarded, whichever of them the asker belongs to."""
    command = CommandPolicy(argv=("/usr/bin/node", "/srv/bot/main.mjs"))
    play.given("second")
    unit = replace(gateway_policy("second"), command=None, unit="claw.service")
    play.policy_loads(replace(gateway_policy(), command=command), unit)
    assert check(play, line).rule is rule


@pytest.mark.parametrize(
    "command",
    [
        CommandPolicy(argv=("node", "dist/index.js"), directory="/srv/bot"),
        CommandPolicy(argv=("/usr/bin/env", "A=b", "node", "/srv/bot/dist/index.js")),
        CommandPolicy(argv=("/bin/sh", "-c", "cd /srv/bot && exec node dist/index.js")),
        CommandPolicy(argv=("node", "--require", "/srv/bot/dist/first.js", "/usr/lib/bot.js")),
    ],
    ids=["relative", "env", "shell", "option"],
)
def test_the_program_of_a_child_is_guarded_however_it_is_written(command: CommandPolicy, play: Any) -> None:
    """Its folder may be neither written nor moved away, whichever word of the command line leads there."""
    play.given()
    play.policy_loads(replace(gateway_policy(), command=command))
    assert check(play, "cp evil /srv/bot/dist/index.js").rule is RuleId.GATE_DESTABILISING
    assert check(play, "mv /srv/bot /tmp").rule is RuleId.GATE_UNKNOWN
    assert check(play, "touch /srv/bot/notes").rule is RuleId.GATE_REVERSIBLE


# -- answers that cost nothing -------------------------------------------------------------------------------------


def request(play: Any, line: str, verb: Verb = Verb.CHECK_ACTION) -> ActionRequested:
    """Make the agent's request, without letting it happen."""
    return ActionRequested(
        gateway=GatewayName("main"), verb=verb, reason="", peer=play.peer("agent"), enclosed=offered(line)
    )


def test_looking_is_answered_from_the_rules_alone(play: Any) -> None:
    """No record is made for it, and the answer is the one that a record would hold."""
    play.given()
    at_once = answer_at_once(play.state, request(play, "ls -la"))
    recorded = check(play, "ls -la")
    assert at_once is not None
    assert (at_once.rule, at_once.outcome, at_once.because) == (recorded.rule, recorded.outcome, recorded.because)


@pytest.mark.parametrize("line", ["mkdir x", "frobnicate", "reboot", "pkill gatedog", "tee /etc/gatedog/x"])
def test_nothing_but_looking_is_answered_without_a_record(line: str, play: Any) -> None:
    """What is done, refused or asked stands in the journal before the answer is given."""
    play.given()
    assert answer_at_once(play.state, request(play, line)) is None
    assert answer_at_once(play.state, request(play, "ls", Verb.APPROVE_ACTION)) is None
    play.record_only()
    play.decided_nothing()


# -- approvals by signature ----------------------------------------------------------------------------------------


def test_an_approval_is_signed_where_the_policy_says_so(play: Any) -> None:
    """A terminal is not enough, and what is signed holds the action itself."""
    play.given(signature_for=("gate-approve",))
    answer = check(play, "frobnicate --all")
    given = approve(play, answer, nonce=NONCE, signers=("alice",), signable=True)
    play.decided(AnswerRequest, rule=RuleId.REQUEST_NEEDS_SIGNATURE)
    assert any("--signature" in command for command in given.next_commands)
    assert play.state.challenges[-1].enclosed == offered("frobnicate --all")
    check(play, "frobnicate --all")
    play.decided(AnswerRequest, rule=RuleId.GATE_UNKNOWN)
