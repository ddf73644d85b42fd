"""`page retry`: a human has mended a channel, and a page that it gave up is given to it again.

Invariant: what is given again is the newest word on its incident; an older one would tell people what is no longer so,
after they have read what is. It keeps its id, so a channel that took it after all can tell.
"""

from watchdog.core import outbox
from watchdog.core.decisions import PageRetried
from watchdog.core.identity import PageId
from watchdog.core.rules import RuleId
from watchdog.core.state import PendingPage
from watchdog.core.turn import Turn
from watchdog.core.values import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """The channels that get the page again, or why none does."""

    channels: tuple[str, ...] = ()
    why_not: str = ""


def give_again(turn: Turn, page: PageId, *, who: str) -> Retried:
    """Put the channels that gave a page up back among those it waits for."""
    pending = outbox.find(turn, page)
    if pending is None:
        pending = next((each for each in turn.state.given_up if each.page.page == page), None)
    if pending is None or not pending.failed:
        return Retried(why_not=f"no channel has given up a page {page or 'of that name'}")
    newer = _newer(turn, pending)
    if newer:
        return Retried(why_not=f"page {newer} tells more of {pending.page.incident}")
    channels = pending.failed
    name, because = pending.page.gateway, f"asked for by {who}"
    rule = RuleId.PAGE_RETRIED
    turn.decide(PageRetried(gateway=name, rule=rule, because=because, page=page, channels=channels))
    again = replace(pending, waiting=(*pending.waiting, *channels), failed=())
    given_up = tuple(each for each in turn.state.given_up if each.page.page != page)
    kept = tuple(each for each in turn.state.outbox if each.page.page != page)
    turn.state = replace(turn.state, outbox=(*kept, again), given_up=given_up)
    return Retried(channels=channels)


def _newer(turn: Turn, pending: PendingPage) -> PageId | None:
    """Return a later page of the same incident."""
    for story in turn.state.incidents:
        if story.incident == pending.page.incident and story.latest is not None:
            latest = story.latest.page.page
            return latest if latest != pending.page.page else None
    return None
