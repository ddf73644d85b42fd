"""What a command does to the world: the one scale by which steps of runbooks and actions of agents are judged.

Invariant: whatever does not say, or is not known, is judged as the worst. Deliberately not here: who judges
(core/classify.py for actions; a human who commits a runbook for its steps).
"""

from enum import Enum


class Effect(Enum):
    """What a step does to the world. A step that does not say is DESTABILISING."""

    OBSERVE = "observe"
    REVERSIBLE = "reversible"
    DESTABILISING = "destabilising"
