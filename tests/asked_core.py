"""What the core answers to whoever asks, as replies of a daemon that only passes them on."""

from collections.abc import Callable
from typing import Any

from stage import Stage, gateway_policy

from watchdog.core.asks import HOST
from watchdog.core.decisions import AnswerRequest
from watchdog.core.enclosure import Enclosed
from watchdog.core.events import ActionRequested
from watchdog.core.identity import GatewayName, IncidentId
from watchdog.core.policy import EscalationPolicy
from watchdog.core.verbs import Verb
from watchdog.journal.codec import decode

NAME = "openclaw"
THIS_HOST = "box"


def answering(who: str) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    """Answer requests as those of this asker (tests/askers.py), each to a core whose one gateway serves."""

    def answer(asked: dict[str, Any]) -> list[dict[str, Any]]:
        stage = Stage()
        stage.answers_starts = True
        stage.gatedog_starts()
        stage.policy_loads(gateway_policy(NAME), escalation=EscalationPolicy(tiers=(("phone",),)))
        stage.looks(NAME)
        stage.gets_ready(NAME)
        enclosed: Enclosed | None = decode(Enclosed, asked["enclosed"]) if "enclosed" in asked else None
        incident = asked.get("incident")
        stage.feed(
            ActionRequested(
                gateway=GatewayName(asked["gateway"]),
                verb=Verb(asked["verb"]),
                reason=asked["reason"],
                peer=stage.peer(who, NAME),
                incident=IncidentId(incident) if incident else None,
                subject=asked.get("subject") or "",
                for_usec=asked.get("for_usec"),
                enclosed=enclosed,
            )
        )
        found = next(each for each in reversed(stage.decisions()) if isinstance(each, AnswerRequest))
        reply = {
            "request": found.request,
            "outcome": found.outcome.value,
            "rule": found.rule.value,
            "message": found.because,
            "next_commands": [each.replace(HOST, THIS_HOST) for each in found.next_commands],
            "challenge": "",
        }
        return [{"parameters": reply}]

    return answer
