"""The one restart that a degradation may get.

Theory of operation. A degradation pages, and that is all, unless the human's policy says `on_degraded = "restart"`.
Even then a restart must be likely to help and hard to provoke: two probes that look through different eyes fail for a
cause on this host, nobody was refused a restart within the last half hour (an agent that is told "no" could break its
own health next), no hold, no maintenance, and the account it goes to is not spent. It comes once per degradation. Its
ending answers nobody's request, so it is charged and chained like any that nobody asked for: on self_restart, if the
gateway could have faked what it is for.

Invariant: at most one restart until the gateway has been well for as long as a stable life takes.
"""

from watchdog.core import budget
from watchdog.core.decisions import NothingDone, OriginKind
from watchdog.core.findings import failing_locally
from watchdog.core.healthpolicy import OnDegraded
from watchdog.core.identity import GatewayName
from watchdog.core.orders import order_stop
from watchdog.core.rules import RuleId
from watchdog.core.state import GatewayState, Hold, Phase
from watchdog.core.turn import Turn
from watchdog.core.values import replace

EYES_MIN = 2


def intended(turn: Turn, name: GatewayName) -> str:
    """Say in a few words what will be done about a degradation, for its page."""
    objection = _objection_now(turn, name)
    if objection is None:
        return "restarted nothing: it runs"
    return f"not restarted: {objection}" if objection else "restarts it, once"


def carry_out(turn: Turn, name: GatewayName, *, news: bool) -> None:
    """Restart a degraded gateway if everything speaks for it; say why not, when something new was found."""
    objection = _objection_now(turn, name)
    if objection is None:
        return
    if objection:
        if news:
            turn.decide(NothingDone(gateway=name, rule=RuleId.DEGRADED_LEFT, because=f"not restarted: {objection}"))
        return
    gateway = turn.gateway(name)
    causes = failing_locally(gateway.health, turn.policy_of(name), turn.now_usec)
    fakeable = any(fake for _, fake in causes)
    turn.put(replace(gateway, health=replace(gateway.health, mended=True, mending=True, fakeable=fakeable)))
    sources = ", ".join(dict.fromkeys(source for source, _ in causes))
    because = f"{sources} fail for a cause on this host, and the policy says restart"
    order_stop(turn, name, None, because, rule=RuleId.DEGRADED_RESTART)


def _objection_now(turn: Turn, name: GatewayName) -> str | None:
    """Return what speaks against a restart, "" when nothing does; None: none was ever meant."""
    gateway, policy = turn.gateway(name), turn.policy_of(name)
    if policy.health.on_degraded is not OnDegraded.RESTART or gateway.health.mended or gateway.phase is not Phase.UP:
        return None
    causes = failing_locally(gateway.health, policy, turn.now_usec)
    fakeable = any(fake for _, fake in causes)
    return _objection(turn, gateway, len({source for source, _ in causes}), fakeable=fakeable)


def _objection(turn: Turn, gateway: GatewayState, eyes: int, *, fakeable: bool) -> str:
    rules = turn.policy_of(gateway.name).budget
    refused = gateway.refused
    agents = (OriginKind.SUPERVISED, OriginKind.UNKNOWN)
    if eyes < EYES_MIN:
        return "no two probes of different sources see a cause on this host"
    if gateway.hold is not Hold.FREE:
        return f"it is {gateway.hold.value}"
    if turn.state.host_going_down:
        return "the host goes down"
    if gateway.maintenance is not None:
        return "it is in maintenance"
    if (
        refused is not None
        and refused.origin in agents
        and turn.now_usec - refused.at_usec <= rules.refused_ask_shadow_usec
    ):
        return f"{refused.request} was refused shortly before"
    windows = rules.self_restart if fakeable else rules.windows
    accounts = budget.SELF_RESTART_ACCOUNTS if fakeable else budget.PLAIN_ACCOUNTS
    window = budget.spent(gateway.ledger, windows, accounts, turn.now_usec)
    return "" if window is None else f"{'self-restart' if fakeable else 'restart'} budget spent"
