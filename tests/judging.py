"""How the tests of the gate judge: one agent in its folder, the shipped rules, and words for what comes out."""

from watchdog.core.action import ActionJudged, Own
from watchdog.core.classify import Rulebook, judge_action
from watchdog.core.enclosure import ActionOffered
from watchdog.core.gaterules import SHIPPED

OWN = Own(
    words=("main", "main.service", "4711", "-4711", "claw.mjs"),
    unit_files=("main.service", "main.service.d"),
    trees=("/srv/claw",),
)
BOOK = Rulebook(shipped=SHIPPED, own=OWN)
WORK = "/home/agent/work"
OBSERVE, REVERSIBLE, UNKNOWN, DESTABILISING, REFUSED = "observe", "reversible", "unknown", "destabilising", "refused"
MILD = (OBSERVE, REVERSIBLE)


def judged(argv: list[str], *paths: str, action: str = "exec", book: Rulebook = BOOK) -> ActionJudged:
    """Judge an action of an agent that works in its folder."""
    return judge_action(ActionOffered(action=action, argv=tuple(argv), paths=paths, directory=WORK), book)


def word(found: ActionJudged) -> str:
    """Say a judgement in the words of these tables."""
    if found.refused:
        return REFUSED
    return UNKNOWN if found.effect is None else found.effect.value
