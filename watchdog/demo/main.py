"""`gatedog demo`: both nights, one after the other, and what they came to.

Invariant: the process that plays becomes a reaper of orphans, so it is the command's own; whatever happens, Ctrl-C and
SIGTERM included, the stage is cleared before it returns.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from watchdog.demo.nights import WithGatedog, WithoutGatedog, deaths_text, play_with, play_without
from watchdog.demo.outcome import Outcome
from watchdog.demo.show import Show
from watchdog.demo.sink import Sink
from watchdog.demo.stage import CannotPlay, Stage
from watchdog.report.escape import visible

_INTERRUPTED = 130
_COLUMNS_MAX = 100

_STORY = """\
gatedog demo: the night of 26 March in half a minute. The processes and the kills are real; 28 s of that night are half
a second here.

An update makes a gateway kill its other instance as a stale duplicate, and two owners start theirs again each time.
"up" is a start of the gateway, "x" its death.
"""


def run(as_json: bool) -> int:
    """Play the demo on this terminal; return 0 when it showed what it is meant to show, else 1, 130 when stopped."""
    show = _open_show(as_json=as_json)
    try:
        with _ended_by_signals(), Stage() as stage, Sink() as sink:
            for text in _STORY.split("\n\n"):
                show.say(text)
            show.gap()
            without = play_without(stage, sink.inbox, show)
            show.gap()
            within = play_with(stage, sink.inbox, sink.url, show)
    except BrokenPipeError:
        raise  # the reader has gone; the command line knows what that means
    except (CannotPlay, OSError) as error:
        _tell_trouble(visible(str(error)), as_json=as_json)
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ngatedog demo: stopped. Everything it started has ended.\n")
        return _INTERRUPTED
    outcome = judge(without, within)
    show.close(summary(without, within), "./gatedog run -- your-gateway")
    if as_json:
        sys.stdout.write(outcome.to_json() + "\n")
        sys.stdout.flush()
    missing = outcome.shortcomings()
    if missing:
        _tell_trouble(f"it did not show what it should: {'; '.join(missing)}", as_json=as_json)
    return 1 if missing else 0


def judge(without: WithoutGatedog, within: WithGatedog) -> Outcome:
    """Bring both nights into the figures of the contract."""
    seconds = within.seconds_to_page
    return Outcome(
        cycles_without=without.deaths,
        cycles_with=within.deaths,
        held=within.held,
        paged=within.page is not None,
        self_restart_refused=within.refused,
        seconds_to_page=None if seconds is None else round(seconds, 3),
    )


def summary(without: WithoutGatedog, within: WithGatedog) -> tuple[tuple[str, str], ...]:
    """Say in a few labelled sentences what happened."""
    first = f"{deaths_text(without.deaths)} in {without.seconds:.0f} s, {without.pages} pages, and no end to it. "
    first += "On the real night: about 60 in 40 minutes."
    second = f"{deaths_text(within.deaths)}, then held, so nothing starts it again: {within.because}."
    asked = within.answer.strip().partition("\n")[0].removeprefix("gatedog: ") or "no answer"
    heard = " That page arrived, too." if within.told_of_refusal else ""
    told = "Nobody."
    if within.page is not None and within.seconds_to_page is not None:
        after = f"{within.seconds_to_page:.1f} s after the first death"
        told = f'A human (here: a webhook on this machine), {after}: "{within.page.title}"'
    return (
        ("without", first),
        ("with", visible(second if within.held else f"{deaths_text(within.deaths)}, and it was not held.")),
        ("refused", visible(f'The agent\'s "gatedog ask restart" got: "{asked}".{heard}')),
        ("told", visible(told)),
    )


def _tell_trouble(message: str, *, as_json: bool) -> None:
    if as_json:
        error = {"code": "demo", "message": message, "next": ["gatedog demo"]}
        sys.stderr.write(json.dumps({"error": error}) + "\n")
    else:
        sys.stderr.write(f"gatedog demo: {message}\n")


def _open_show(*, as_json: bool) -> Show:
    stream = sys.stderr if as_json else sys.stdout
    terminal = stream.isatty() and os.environ.get("TERM", "") != "dumb"
    columns = min(shutil.get_terminal_size((_COLUMNS_MAX, 24)).columns, _COLUMNS_MAX)
    return Show(
        None if as_json and not terminal else stream,
        live=terminal,
        colour=terminal and not os.environ.get("NO_COLOR"),
        columns=columns,
    )


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the demo the way Ctrl-C does."""

    def interrupt(number: int, frame: object) -> NoReturn:
        del number, frame
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, action in previous.items():
            signal.signal(number, action)
