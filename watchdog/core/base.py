"""What every decision carries.

A module of its own, so that a vocabulary of decisions may stand beside core/decisions.py and be part of its union.
"""

from watchdog.core.identity import GatewayName
from watchdog.core.rules import RuleId
from watchdog.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """About whom, by which rule, and why in a sentence for the person on call."""

    gateway: GatewayName
    rule: RuleId
    because: str
