"""Which drills there are.

Invariant: every name is a module of this room with a function `play`, and its sentence says what is broken on purpose.
"""

from collections.abc import Callable

from watchdog.core.values import dataclass
from watchdog.drill import corruptjournal, deadchannel, deadwatchdog, hang, killloop, pageroutage, portthief
from watchdog.drill.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One drill."""

    name: str
    what: str
    play: Callable[[Site], None]


DRILLS = (
    Drill(name="kill-loop", what="the gateway is killed whenever it serves", play=killloop.play),
    Drill(name="hang", what="the gateway's process is there and answers nobody", play=hang.play),
    Drill(name="dead-channel", what="the first phone takes no pages", play=deadchannel.play),
    Drill(name="port-thief", what="another program sits on the gateway's port", play=portthief.play),
    Drill(
        name="pager-outage",
        what="no phone can be reached, and gatedog is started again meanwhile",
        play=pageroutage.play,
    ),
    Drill(name="corrupt-journal", what="a letter of the journal is changed", play=corruptjournal.play),
    Drill(name="dead-watchdog", what="gatedog itself is killed", play=deadwatchdog.play),
)


def find(name: str) -> Drill | None:
    """Return the drill of that name."""
    return next((drill for drill in DRILLS if drill.name == name), None)
