"""A backtest in the words of whoever reviews a policy.

Invariant: a fact is said as a fact, and every guess says on its own line that it is one.
"""

from typing import Any

from watchdog.core.timeline import duration_text
from watchdog.replay.backtest import Backtest, Divergence, LoopChange
from watchdog.replay.continuation import CYCLES_MAX


def summary_of(found: Backtest) -> dict[str, Any]:
    """Return {"records", "fact", "guesses", "others"}: sentences, and how many further differences there are."""
    return {
        "records": found.records,
        "fact": [] if found.first is None else _divergence(found.first),
        "guesses": [loop_words(each) for each in found.loops],
        "others": len(found.speculative),
    }


def _divergence(each: Divergence) -> list[str]:
    about = f" ({', '.join(each.incidents)})" if each.incidents else ""
    return [
        f"the first difference is at record {each.seq}{about}",
        *(f"then: gatedog {line}" for line in each.recorded or ("does nothing",)),
        *(f"with these rules: gatedog {line}" for line in each.other or ("does nothing",)),
    ]


def loop_words(loop: LoopChange) -> str:
    """Say in one sentence how much longer, or shorter, a loop would have run."""
    subject = loop.incident or loop.gateway
    if loop.more is None:
        lives = "one cycle" if loop.fewer == 1 else f"{loop.fewer} cycles"
        return f"{subject} would have been stopped {lives} earlier"
    more = loop.more
    count = f"at least {CYCLES_MAX}" if more.cycles >= CYCLES_MAX and more.stopped_by is None else str(more.cycles)
    cycles = "1 more cycle" if more.cycles == 1 else f"{count} more cycles"
    end = f"until {more.stopped_by.value} stops it" if more.stopped_by is not None else "and would still go on"
    each = f"each ending like the last on record, after {duration_text(more.lived_usec)}"
    return f"{subject} would have run {cycles} within {duration_text(more.span_usec)}, {end}; {each}"
