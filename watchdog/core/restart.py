"""What follows an unasked ending: again, later, slowly, or not at all.

Theory of operation. Page and hold are two decisions. Whether people are told depends on the detectors
(core/spiral.py) and on what is done; whether another start follows is decided here, in this order:

    1. a hold is in force                       -> no start
    2. nobody wants it up                       -> no start
    3. it was released and is on probation      -> hold again
    4. safe mode, and its one start was made    -> hold
    5. it refused its configuration             -> hold   (another start would read the same)
    6. a detector asks for a hold, or a window of the restart budget is spent
         and it fails by itself on a host without network -> slow   (a hold would outlast the outage)
         and only a plain window, and the policy says so   -> slow
         otherwise                                         -> hold
    7. it was a slow try that did not last      -> slow again
    8. otherwise                                -> again: at once the first time, then after a growing delay

Giving up by clean exit, being killed from inside, restarting in place and dying soon after a refused ask are all ways
by which a supervised agent restarts itself; they share the small `self_restart` account.

Invariant: every branch leaves a decision with its reason behind, the branches without a start included.
"""

from enum import Enum

from watchdog.core import budget, endings, incident, safemode, spiral
from watchdog.core.decisions import Charge, HoldPlaced, OriginKind, Severity, SlowEntered, StartWithheld
from watchdog.core.endings import EndingClass, ExitRecord, Sender, classify, ending_text, fingerprint
from watchdog.core.hold import HoldMove
from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef
from watchdog.core.incident import Finding, Matter
from watchdog.core.machines import move_hold, move_phase
from watchdog.core.orders import START_DEADLINE_USEC, charge_life, order_start
from watchdog.core.phase import PhaseMove
from watchdog.core.policy import BackoffPolicy, GatewayPolicy, OnExhausted
from watchdog.core.rules import RuleId
from watchdog.core.spiral import SpiralFinding
from watchdog.core.state import ChainLink, GatewayState, Hold, Life, Phase
from watchdog.core.timeline import MINUTE, duration_text
from watchdog.core.timer import TimerId, TimerKind
from watchdog.core.turn import Turn
from watchdog.core.values import dataclass, replace

_NO_PROCESS = ProcessRef(pid=0, start_ticks=0, boot=BootId(""))
"""Stands in for the process of a start that made none."""

_BY_ITSELF = frozenset({EndingClass.FAILED, EndingClass.CRASHED, EndingClass.TIMED_OUT, EndingClass.CLEAN})

UNJOURNALED_START_USEC = 10 * MINUTE
"""While the journal cannot be written, starts are at least this far apart (law 3)."""

REFUSED_CONFIGURATION = "it refused its configuration, and another start would read the same"


class Course(Enum):
    """What follows."""

    NOTHING = "nothing"
    HOLD = "hold"
    SLOW = "slow"
    AGAIN = "again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """A course with the rule and the sentence for it."""

    course: Course
    rule: RuleId
    because: str


def after_unasked(turn: Turn, name: GatewayName, life: Life, record: ExitRecord, *, follow: bool) -> None:
    """Chain the ending of a life and decide what follows."""
    gateway = turn.gateway(name)
    policy = turn.policy_of(name)
    link = ChainLink(
        at_usec=turn.now_usec,
        seq=turn.stamp.seq,
        fingerprint=fingerprint(record),
        exit=record,
        was_ready=life.ready_usec is not None,
        lived_usec=turn.now_usec - life.began_usec,
    )
    steady = link.lived_usec >= policy.backoff.stable_after_usec
    turn.put(
        replace(
            gateway,
            chain=spiral.extend(gateway.chain, link, policy.spiral),
            failures=1 if steady else gateway.failures + 1,
            start_charge=_account(turn, gateway, policy, record),
            restart_request=None,
        )
    )
    _follow(turn, name, life, record, follow=follow)


def after_failed_start(turn: Turn, name: GatewayName, record: ExitRecord) -> None:
    """Chain a start that made no life, or none that anybody saw, and decide what follows."""
    gateway = turn.gateway(name)
    began = Life(
        life=gateway.start_life or LifeId(turn.stamp.seq),
        process=_NO_PROCESS,
        began_usec=turn.now_usec,
        charge=gateway.start_charge,
    )
    if gateway.phase is Phase.STARTING:
        gateway = move_phase(turn, gateway, PhaseMove.START_FAILED)
    turn.put(
        replace(
            gateway,
            start_action=None,
            start_life=None,
            last_exit=record,
            last_exit_wall_usec=turn.stamp.wall_usec,
        )
    )
    timer = TimerId(kind=TimerKind.START_DEADLINE, subject=name)
    turn.cancel_timer(timer, gateway=name, rule=RuleId.START_FAILED, because="the start has failed")
    after_unasked(turn, name, began, record, follow=True)


def after_unanswered_start(turn: Turn, name: GatewayName) -> None:
    """A start was ordered and no life came: tell a human, and count it as a failed start."""
    gateway = turn.gateway(name)
    because = f"no process {duration_text(START_DEADLINE_USEC)} after the start was ordered"
    charge_life(turn, name, gateway.start_life or LifeId(turn.stamp.seq), gateway.start_charge)
    incident.report(
        turn,
        Finding(
            gateway=name,
            matter=Matter.START,
            severity=Severity.CRITICAL,
            rule=RuleId.START_UNANSWERED,
            title="DOWN - a start was ordered and nothing came up",
            because=because,
            did="counts it as a failed start",
            next_command=f"gatedog status {name}",
        ),
    )
    after_failed_start(turn, name, ExitRecord(launch_failed=True, detail=because))


def postpone(turn: Turn, name: GatewayName, because: str) -> None:
    """The journal could not take a start, so it was not made: no life, no charge, and another try in ten minutes."""
    gateway = move_phase(turn, turn.gateway(name), PhaseMove.START_FAILED)
    turn.put(safemode.give_start_back(replace(gateway, start_action=None, start_life=None)))
    deadline = TimerId(kind=TimerKind.START_DEADLINE, subject=name)
    turn.cancel_timer(deadline, gateway=name, rule=RuleId.JOURNAL_UNWRITABLE, because=because)
    if gateway.hold is Hold.HELD:
        settle_held(turn, name)  # a human held it while the start was on its way
        return
    turn.put(move_phase(turn, turn.gateway(name), PhaseMove.DELAY))
    due = TimerId(kind=TimerKind.START_DUE, subject=name)
    turn.set_timer(due, UNJOURNALED_START_USEC, gateway=name, rule=RuleId.JOURNAL_UNWRITABLE, because=because)


def place_hold(turn: Turn, name: GatewayName, rule: RuleId, because: str) -> None:
    """No automatic start from here until a human releases; a running life is left alone."""
    gateway = turn.gateway(name)
    held = replace(move_hold(turn, gateway, HoldMove.PLACE), hold_rule=rule, hold_because=because)
    turn.put(held)
    turn.decide(HoldPlaced(gateway=name, rule=rule, because=because))
    timer = TimerId(kind=TimerKind.START_DUE, subject=name)
    turn.cancel_timer(timer, gateway=name, rule=rule, because="held")


def settle_held(turn: Turn, name: GatewayName) -> None:
    """Bring the phase of a held gateway without a process to `held`."""
    gateway = turn.gateway(name)
    if gateway.hold is Hold.HELD and gateway.phase in (Phase.STOPPED, Phase.BACKOFF, Phase.SLOW):
        turn.put(move_phase(turn, gateway, PhaseMove.HOLD))


def report_foreign_during_hold(turn: Turn, name: GatewayName) -> None:
    """Somebody else started a held gateway: gatedog does not fight, it tells."""
    incident.report(
        turn,
        Finding(
            gateway=name,
            matter=Matter.RESTARTS,
            severity=Severity.CRITICAL,
            rule=RuleId.LIFE_FOREIGN,
            title="HELD, but RUNNING - somebody else started it",
            because="a process began that carries no start of gatedog's",
            did="left it running; the hold stays for its next ending",
            next_command=f"gatedog status {name}",
        ),
    )


def on_start_due(turn: Turn, name: GatewayName) -> None:
    """The delay is over."""
    gateway = turn.gateway(name)
    if turn.state.host_going_down and gateway.phase in (Phase.SLOW, Phase.BACKOFF):
        turn.put(move_phase(turn, gateway, PhaseMove.ORDER_STOP))
        because = "the host goes down; gatedog starts it again after the boot"
        turn.decide(StartWithheld(gateway=name, rule=RuleId.HOST_GOING_DOWN, because=because))
    elif gateway.phase is Phase.SLOW:
        order_start(turn, name, Charge.SLOW, RuleId.SLOW_TRY, "one try; the page stays open")
    elif gateway.phase is Phase.BACKOFF:
        order_start(turn, name, gateway.start_charge, RuleId.RESTART_DUE, "the delay is over")


def backoff_usec(failures: int, policy: BackoffPolicy) -> int:
    """Return the delay before the start that follows the failures-th unasked ending in a row."""
    if failures <= 1:
        return 0
    return min(policy.max_usec, policy.first_usec << min(failures - 2, 40))


# -- deciding ------------------------------------------------------------------------------------------------------


def _follow(turn: Turn, name: GatewayName, life: Life, record: ExitRecord, *, follow: bool) -> None:
    gateway, policy = turn.gateway(name), turn.policy_of(name)
    found = spiral.findings(gateway.chain, policy.spiral)
    conclusion = _conclude(turn, gateway, policy, life, record, found)
    if _runs_on(record) and conclusion.course is Course.SLOW:
        conclusion = replace(conclusion, course=Course.AGAIN)  # there is no start to slow down
    match conclusion.course:
        case Course.NOTHING:
            turn.decide(StartWithheld(gateway=name, rule=conclusion.rule, because=conclusion.because))
            settle_held(turn, name)
        case Course.HOLD:
            place_hold(turn, name, conclusion.rule, conclusion.because)
            if follow:
                settle_held(turn, name)
        case Course.SLOW:
            _go_slow(turn, name, conclusion)
        case Course.AGAIN:
            if follow:
                _start_again(turn, name, gateway.failures, policy)
    _tell(turn, name, life, record, found, conclusion)


def _conclude(
    turn: Turn,
    gateway: GatewayState,
    policy: GatewayPolicy,
    life: Life,
    record: ExitRecord,
    found: tuple[SpiralFinding, ...],
) -> Conclusion:
    if gateway.hold is Hold.HELD:
        return Conclusion(course=Course.NOTHING, rule=RuleId.HELD_NO_START, because="held until a human releases it")
    if not gateway.wanted_up:
        return Conclusion(course=Course.NOTHING, rule=RuleId.RESTART_WHILE_DOWN, because="a human stopped it")
    if gateway.hold is Hold.PROBATION:
        because = f"ended {duration_text(turn.now_usec - life.began_usec)} into its probation: {ending_text(record)}"
        return Conclusion(course=Course.HOLD, rule=RuleId.PROBATION_FAILED, because=because)
    if safemode.start_is_spent(turn, gateway):
        return Conclusion(course=Course.HOLD, rule=RuleId.SAFE_MODE, because=safemode.SPENT)
    if life.ready_usec is None and endings.refuses_configuration(record):
        return Conclusion(course=Course.HOLD, rule=RuleId.CONFIGURATION_REFUSED, because=REFUSED_CONFIGURATION)
    exhausted = _exhausted(turn, gateway, policy, found)
    if exhausted is not None:
        return _hold_or_slow(turn, policy, record, exhausted)
    if _was_slow_try(turn, life, policy):
        return Conclusion(course=Course.SLOW, rule=RuleId.SLOW_TRY, because="the slow try ended as well")
    return Conclusion(course=Course.AGAIN, rule=RuleId.RESTART_BACKOFF, because="within the restart budget")


def _was_slow_try(turn: Turn, life: Life, policy: GatewayPolicy) -> bool:
    """Say whether the life was one try of a slow row; one that stayed up for long has ended the row."""
    return life.charge is Charge.SLOW and turn.now_usec - life.began_usec < policy.backoff.stable_after_usec


def _exhausted(
    turn: Turn, gateway: GatewayState, policy: GatewayPolicy, found: tuple[SpiralFinding, ...]
) -> Conclusion | None:
    for finding in found:
        if finding.hold:
            fight = finding.rule is RuleId.SPIRAL_ALTERNATING
            rule = finding.rule if fight else RuleId.SPIRAL_FAST
            return Conclusion(course=Course.HOLD, rule=rule, because=finding.because)
    if gateway.start_charge is Charge.SELF_RESTART:
        window = budget.spent(gateway.ledger, policy.budget.self_restart, budget.SELF_RESTART_ACCOUNTS, turn.now_usec)
        if window is not None:
            because = f"self-restart budget spent: {budget.window_text(window)}"
            return Conclusion(course=Course.HOLD, rule=RuleId.SELF_RESTART_SPENT, because=because)
    window = budget.spent(gateway.ledger, policy.budget.windows, budget.PLAIN_ACCOUNTS, turn.now_usec)
    if window is None:
        return None
    because = f"restart budget spent: {budget.window_text(window)}"
    return Conclusion(course=Course.HOLD, rule=RuleId.BUDGET_SPENT, because=because)


def _hold_or_slow(turn: Turn, policy: GatewayPolicy, record: ExitRecord, exhausted: Conclusion) -> Conclusion:
    by_itself = classify(record) in _BY_ITSELF and record.by in (Sender.UNKNOWN, Sender.SELF)
    if by_itself and not turn.state.has_network:
        because = f"{exhausted.because}; the host has no network, so it is tried slowly instead of held"
        return Conclusion(course=Course.SLOW, rule=RuleId.ENVIRONMENT_SLOW, because=because)
    if exhausted.rule is RuleId.BUDGET_SPENT and policy.budget.on_exhausted is OnExhausted.SLOW:
        return Conclusion(course=Course.SLOW, rule=RuleId.POLICY_SLOW, because=exhausted.because)
    return exhausted


def _account(turn: Turn, gateway: GatewayState, policy: GatewayPolicy, record: ExitRecord) -> Charge:
    if gateway.health.mending:  # gatedog ended it for a degradation, which the gateway may have faked
        return Charge.SELF_RESTART if gateway.health.fakeable else Charge.AUTOMATIC
    ending, by = classify(record), record.by
    left = ending is EndingClass.CLEAN and by in (Sender.UNKNOWN, Sender.SELF)
    killed_inside = by is Sender.SUPERVISED or (by is Sender.SELF and record.signal is not None)
    if left or killed_inside or ending is EndingClass.REPLACED:
        return Charge.SELF_RESTART
    refused = gateway.refused
    if refused is None or refused.origin not in (OriginKind.SUPERVISED, OriginKind.UNKNOWN):
        return Charge.AUTOMATIC
    in_shadow = turn.now_usec - refused.at_usec <= policy.budget.refused_ask_shadow_usec
    return Charge.SELF_RESTART if in_shadow else Charge.AUTOMATIC


# -- doing and telling ---------------------------------------------------------------------------------------------


def _go_slow(turn: Turn, name: GatewayName, conclusion: Conclusion) -> None:
    gateway = turn.gateway(name)
    turn.put(move_phase(turn, gateway, PhaseMove.SLOW_DOWN))
    turn.decide(SlowEntered(gateway=name, rule=conclusion.rule, because=conclusion.because))
    timer = TimerId(kind=TimerKind.START_DUE, subject=name)
    delay = turn.policy_of(name).budget.slow_retry_usec
    turn.set_timer(timer, delay, gateway=name, rule=conclusion.rule, because="one try then")


def _start_again(turn: Turn, name: GatewayName, failures: int, policy: GatewayPolicy) -> None:
    gateway = turn.gateway(name)
    delay = backoff_usec(failures, policy.backoff)
    if delay == 0:
        because = "the first unasked ending since it was stable"
        order_start(turn, name, gateway.start_charge, RuleId.RESTART_AT_ONCE, because)
        return
    turn.put(move_phase(turn, gateway, PhaseMove.DELAY))
    because = f"unasked ending {failures} in a row: start in {duration_text(delay)}"
    timer = TimerId(kind=TimerKind.START_DUE, subject=name)
    turn.set_timer(timer, delay, gateway=name, rule=RuleId.RESTART_BACKOFF, because=because)


def _tell(
    turn: Turn,
    name: GatewayName,
    life: Life,
    record: ExitRecord,
    found: tuple[SpiralFinding, ...],
    conclusion: Conclusion,
) -> None:
    newly_slow = conclusion.course is Course.SLOW and not _was_slow_try(turn, life, turn.policy_of(name))
    stopped = conclusion.course is Course.HOLD or newly_slow
    if not found and not stopped:
        return
    title, did, command = _words_in_place(name, conclusion) if _runs_on(record) else _words(turn, name, conclusion)
    said = tuple(each.because for each in found)
    reasons = tuple(dict.fromkeys((conclusion.because, *said) if stopped else said))
    incident.report(
        turn,
        Finding(
            gateway=name,
            matter=Matter.RESTARTS,
            severity=Severity.CRITICAL,
            rule=found[0].rule if found else conclusion.rule,
            title=title,
            because=f"{'; '.join(reasons)}; last: {ending_text(record)}",
            did=did,
            next_command=command,
            life=life.on_record,
            agent_says=record.last_line,
            tell_anyway=stopped,
        ),
    )


def _runs_on(record: ExitRecord) -> bool:
    """Say whether the gateway restarted itself in place: what a start would bring runs already."""
    return record.replaced and record.by is Sender.SELF


def _words_in_place(name: GatewayName, conclusion: Conclusion) -> tuple[str, str, str]:
    if conclusion.course is Course.HOLD:
        did = "left it running; no start after its next ending until a human releases it"
        return "HELD, but RUNNING - it restarts itself", did, f'gatedog release {name} -m "why"'
    return "RESTARTS ITSELF AGAIN AND AGAIN", "left it running", f'gatedog hold {name} -m "why"'


def _words(turn: Turn, name: GatewayName, conclusion: Conclusion) -> tuple[str, str, str]:
    if conclusion.course is Course.HOLD:
        title = "HELD - not restarting"
        return title, "holds it: no start until a human releases it", f'gatedog release {name} -m "why"'
    if conclusion.course is Course.SLOW:
        every = duration_text(turn.policy_of(name).budget.slow_retry_usec)
        return f"DOWN - trying once every {every}", f"one start every {every}", f"gatedog status {name}"
    if conclusion.course is Course.NOTHING:
        return "DOWN - ended again, and stays down", "starts nothing", f"gatedog status {name}"
    return "ENDS AGAIN AND AGAIN - still restarting", "restarts within its budget", f'gatedog hold {name} -m "why"'
