"""The scratchpad of one step.

A step touches several machines and ledgers; threading the frozen state through every function's return value hid the
story in plumbing. So one `Turn` lives for exactly one call of `engine.step`: functions read `turn.state`, put back a
changed part, and append decisions in the order the shell must perform them. Invariant: a Turn never outlives its
step, and nothing outside core/ sees one.
"""

from watchdog.core.decisions import CancelTimer, Decision, SetTimer
from watchdog.core.events import Stamp
from watchdog.core.identity import ActionId, GatewayName, action_id
from watchdog.core.policy import EscalationPolicy, GatewayPolicy
from watchdog.core.rules import RuleId
from watchdog.core.state import GatewayState, Incident, State, Timer
from watchdog.core.tables import Moved
from watchdog.core.timeline import Usec
from watchdog.core.timer import TimerId
from watchdog.core.values import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one event led to: the new memory, what to do and record, and the transitions taken on the way."""

    state: State
    decisions: tuple[Decision, ...]
    moves: tuple[Moved, ...] = ()


class Turn:
    """State, stamp, and the decisions so far."""

    __slots__ = ("decisions", "moves", "stamp", "state")

    def __init__(self, state: State, stamp: Stamp) -> None:
        self.state = state
        self.stamp = stamp
        self.decisions: list[Decision] = []
        self.moves: list[Moved] = []

    @property
    def now_usec(self) -> Usec:
        """Now, on the core's own timeline."""
        return self.state.clock.now_usec

    def decide(self, decision: Decision) -> None:
        """Append a decision; order is the order of performance."""
        self.decisions.append(decision)

    def next_action(self) -> ActionId:
        """Name the decision that is appended next."""
        return action_id(self.stamp.seq, len(self.decisions))

    def done(self) -> Step:
        """Close the turn."""
        return Step(state=self.state, decisions=tuple(self.decisions), moves=tuple(self.moves))

    # -- parts of the state ----------------------------------------------------------------------------------------

    def gateway(self, name: GatewayName) -> GatewayState:
        """Return the gateway's state; KeyError for a name no policy ever held."""
        for gateway in self.state.gateways:
            if gateway.name == name:
                return gateway
        raise KeyError(name)

    def knows(self, name: GatewayName) -> bool:
        """Say whether a policy holds this gateway."""
        policy = self.state.policy
        if policy is not None:
            for gateway in policy.gateways:
                if gateway.name == name:
                    return True
        return False

    def put(self, changed: GatewayState) -> None:
        """Replace a gateway's state."""
        self.state = replace(
            self.state,
            gateways=tuple(changed if gateway.name == changed.name else gateway for gateway in self.state.gateways),
        )

    def replace_story(self, changed: Incident) -> None:
        """Replace an incident that is remembered; core/incident.py adds them, and lets them go."""
        incidents = tuple(changed if each.incident == changed.incident else each for each in self.state.incidents)
        self.state = replace(self.state, incidents=incidents)

    def policy_of(self, name: GatewayName) -> GatewayPolicy:
        """Return the human's rules for a gateway that `knows`."""
        policy = self.state.policy
        if policy is not None:
            for gateway in policy.gateways:
                if gateway.name == name:
                    return gateway
        raise KeyError(name)

    @property
    def escalation(self) -> EscalationPolicy:
        """Return the escalation rules in force, defaults before the first policy."""
        return self.state.policy.escalation if self.state.policy is not None else EscalationPolicy()

    # -- timers ----------------------------------------------------------------------------------------------------

    def set_timer(self, timer: TimerId, delay_usec: int, *, gateway: GatewayName, rule: RuleId, because: str) -> None:
        """Set or replace an alarm `delay_usec` from now."""
        due = Usec(self.now_usec + max(0, delay_usec))
        others = tuple(other for other in self.state.timers if other.timer != timer)
        self.state = replace(self.state, timers=(*others, Timer(timer=timer, due_usec=due)))
        self.decide(SetTimer(gateway=gateway, rule=rule, because=because, timer=timer, due_usec=due))

    def cancel_timer(self, timer: TimerId, *, gateway: GatewayName, rule: RuleId, because: str) -> None:
        """Forget an alarm if it is set; deciding nothing when it is not keeps the journal quiet."""
        if self.timer_due(timer) is None:
            return
        self.drop_timer(timer)
        self.decide(CancelTimer(gateway=gateway, rule=rule, because=because, timer=timer))

    def drop_timer(self, timer: TimerId) -> None:
        """Take a fired alarm off the list."""
        self.state = replace(self.state, timers=tuple(other for other in self.state.timers if other.timer != timer))

    def timer_due(self, timer: TimerId) -> Usec | None:
        """Return when an alarm is due, None if it is not set."""
        for other in self.state.timers:
            if other.timer == timer:
                return other.due_usec
        return None
