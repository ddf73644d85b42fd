"""How a line of a scenario that says who asks for what becomes a request (tests/scenario_language.py)."""

from sensing import QUIET_VERBS
from stage import Stage

from watchdog.core.enclosure import ActionOffered, DrillReported


def ask(stage: Stage, name: str, who: str, verb: str, rest: list[str]) -> None:
    """Let `who` ask; `rest` are the words behind the verb."""
    match [verb, *rest]:
        case ["page-retry"]:
            given_up = stage.state.given_up[-1].page.page if stage.state.given_up else ""
            stage.asks(who, verb, subject=given_up)
        case ["ack" | "unack" | "incident-close", incident, *more]:
            pairs = dict(zip(more[::2], more[1::2], strict=True))
            stage.asks(who, verb, pairs.get("because", ""), incident=incident, lasting=pairs.get("for", ""))
        case [quiet, *more] if quiet in QUIET_VERBS:
            pairs = dict(zip(more[::2], more[1::2], strict=True))
            lasting, about = pairs.get("for", ""), pairs.get("about", "")
            stage.asks(who, verb, pairs.get("because", ""), name=name, lasting=lasting, subject=about)
        case ["page-test", severity]:
            stage.asks(who, verb, severity=severity)
        case ["drill-report", drill]:
            reported = DrillReported(drill=drill, passed=True, live=False, report="passed: 8 steps in 3.0 s")
            stage.asks(who, verb, enclosed=reported)
        case ["gate-check", *argv]:
            offered = ActionOffered(action="exec", argv=tuple(argv), directory="/home/agent/work")
            stage.asks(who, verb, "", name=name, enclosed=offered)
        case ["gate-approve"]:
            waiting = stage.state.waiting_actions[-1].name if stage.state.waiting_actions else "ACT-0"
            stage.asks(who, verb, "", name="", subject=waiting)
        case _:
            stage.asks(who, verb, " ".join(rest), name=name)
