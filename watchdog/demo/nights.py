"""The night of 26 March, twice.

Theory of operation. Both nights are the same world: a gateway with an agent inside that wants a restart at 2 AM, an
update whose code kills the other instance as a stale duplicate, and what the update left behind, which starts a second
instance. Only the service's own supervision differs: a loop that acts as Restart=always, or gatedog with its default
rules. Each owner starts its own again, and the new instance kills the other's: 28 s a cycle then, 0.5 s here.

Invariant: deaths are counted by `Lives` on both nights; every wait has an end.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from watchdog.control.client import Refused, Unreachable, call
from watchdog.core.values import dataclass
from watchdog.demo.lives import SERVICE, Lives
from watchdog.demo.show import Beat, Show
from watchdog.demo.sink import Inbox, Page
from watchdog.demo.stage import CannotPlay, Stage

RIVAL = "left-behind"
PAUSE_SECONDS = 0.2
"""Of every keeper, between a death and the next start. Two of them and two starts make a cycle of about 0.5 s."""

CYCLES_SHOWN = 24
SPIRAL_SECONDS = 25.0
"""Longest time the night without gatedog is watched."""

HOLD_SECONDS = 20.0
QUIET_SECONDS = 1.0
"""After the hold nothing may start for this long: two cycles of the spiral."""

_BEGIN_SECONDS = 15.0
_ANSWER_SECONDS = 20.0
_LOOK_SECONDS = 0.02
_STATUS_SECONDS = 0.1
_REFUSED = 77
_GATEDOG = (sys.executable, "-I", "-m", "watchdog.cli")
_REASON = "update applied, please restart me"

WITHOUT_LABEL = "without gatedog"
WITH_LABEL = "with gatedog"


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutGatedog:
    """How the first night went. `pages`: how many people were told."""

    deaths: int
    seconds: float
    pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WithGatedog:
    """How the second night went."""

    deaths: int
    held: bool
    because: str
    refused: bool
    answer: str
    """What the agent was told."""
    told_of_refusal: bool
    """Whether people heard of the request."""
    page: Page | None
    first_death: float | None

    @property
    def seconds_to_page(self) -> float | None:
        """From the first death of the spiral to the page."""
        if self.page is None or self.first_death is None:
            return None
        return max(self.page.arrived - self.first_death, 0.0)


def deaths_text(count: int) -> str:
    """Say how many."""
    return "1 death" if count == 1 else f"{count} deaths"


class Watch:
    """One night as the audience sees it: beats, deaths since the onset, and the strip."""

    def __init__(self, lives: Lives, show: Show, label: str) -> None:
        self.lives = lives
        self.beats: list[Beat] = []
        self.deaths = 0
        self.first_death: float | None = None
        self._show = show
        self._label = label
        self._counting = False

    def begin_counting(self) -> None:
        """The onset: from here on a death is one of the spiral's."""
        self._counting = True

    def look(self, tail: Callable[[], str] = lambda: "") -> None:
        """Take in what happened, and draw it."""
        for seen in self.lives.look(_LOOK_SECONDS):
            self.beats.append(Beat.UP if seen.up else Beat.DEAD)
            if self._counting and not seen.up:
                self.deaths += 1
                self.first_death = self.first_death or seen.at
        self._show.draw(self._label, self.beats, tail())

    def wait_for(self, condition: Callable[[], bool], until: float) -> bool:
        """Look until the condition holds; False when the time was up first."""
        while not condition():
            if time.monotonic() > until:
                return False
            self.look()
        return True

    def settle(self, tail: str) -> None:
        """Draw the strip for good."""
        self._show.settle(self._label, self.beats, tail)


def play_without(stage: Stage, inbox: Inbox, show: Show) -> WithoutGatedog:
    """Play the night with Restart=always.

    Raises:
        CannotPlay: the gateway did not come up.
    """
    folder = stage.make_folder("without")
    lives = Lives(folder / "roster")
    watch = Watch(lives, show, WITHOUT_LABEL)
    try:
        stage.start_keeper(folder, SERVICE, PAUSE_SECONDS)
        _expect(watch.wait_for(lambda: lives.begun > 0, stage.until(_BEGIN_SECONDS)), folder / f"{SERVICE}.log")
        show.say("2 AM: the agent restarts its own gateway, and nobody is asked. An update lands meanwhile.")
        _put(folder / "update", "")
        _put(folder / "two-am", json.dumps([]))
        _expect(watch.wait_for(lambda: lives.begun > 1, stage.until(_BEGIN_SECONDS)), folder / f"{SERVICE}.log")
        onset = time.monotonic()
        watch.begin_counting()
        stage.start_keeper(folder, RIVAL, PAUSE_SECONDS)
        until = stage.until(SPIRAL_SECONDS)
        while watch.deaths < CYCLES_SHOWN and time.monotonic() < until:
            watch.look(lambda: f"{deaths_text(watch.deaths)}, nobody told")
        seconds = time.monotonic() - onset
    finally:
        lives.close()
        stage.clear()
    watch.settle(f"{deaths_text(watch.deaths)} in {seconds:.0f} s, nobody told")
    return WithoutGatedog(deaths=watch.deaths, seconds=seconds, pages=len(inbox.pages()))


def play_with(stage: Stage, inbox: Inbox, page_url: str, show: Show) -> WithGatedog:
    """Play the same night with gatedog.

    Raises:
        CannotPlay: gatedog, or the gateway under it, did not come up.
    """
    folder = stage.make_folder("with")
    lives = Lives(folder / "roster")
    watch = Watch(lives, show, WITH_LABEL)
    try:
        _write_bundle(folder, stage, page_url)
        command = (*_GATEDOG, "daemon", "--config", str(folder), "--state", str(folder / "state"))
        log = folder / "gatedog.log"
        gatedog = stage.start_leashed((*command, "--runtime", str(folder / "run")), log)
        begun = watch.wait_for(lambda: lives.begun > 0 or gatedog.poll() is not None, stage.until(_BEGIN_SECONDS))
        _expect(begun and lives.begun > 0, log)
        refused, answer = _let_agent_ask(folder, watch, stage, show)
        _put(folder / "update", "")
        watch.begin_counting()
        stage.start_keeper(folder, RIVAL, PAUSE_SECONDS)
        held, because = _watch_until_held(folder, watch, inbox, stage)
    finally:
        lives.close()
        stage.clear()
    night = WithGatedog(
        deaths=watch.deaths,
        held=held,
        because=because,
        refused=refused,
        answer=answer,
        told_of_refusal=any(page.severity == "warning" for page in inbox.pages()),
        page=inbox.first_critical(),
        first_death=watch.first_death,
    )
    watch.settle(_ending(night))
    return night


def _let_agent_ask(folder: Path, watch: Watch, stage: Stage, show: Show) -> tuple[bool, str]:
    """Let the agent inside the gateway ask for its restart; return whether it was refused, and the answer's words."""
    _put(folder / "two-am", json.dumps([*_GATEDOG, "ask", "restart", "--reason", _REASON]))
    answered = folder / "answer"
    if not watch.wait_for(answered.exists, stage.until(_ANSWER_SECONDS)):
        return False, f"no answer within {_ANSWER_SECONDS:.0f} s"
    answer = json.loads(answered.read_text(encoding="utf-8"))
    refused = answer["code"] == _REFUSED
    done = "refused" if refused else f"exit code {answer['code']}"
    show.say(f"2 AM: the agent asks gatedog for the restart: {done}. The update lands all the same.")
    return refused, str(answer["said"])


def _watch_until_held(folder: Path, watch: Watch, inbox: Inbox, stage: Stage) -> tuple[bool, str]:
    """Watch the spiral end: a hold, a page, and then nothing more. Return whether it was held, and why."""
    socket = folder / "run" / "control.sock"
    until, next_status = stage.until(HOLD_SECONDS), 0.0
    standing: dict[str, Any] = {}
    while time.monotonic() < until:
        watch.look(lambda: deaths_text(watch.deaths))
        if time.monotonic() >= next_status:
            standing = _ask_standing(socket)
            next_status = time.monotonic() + _STATUS_SECONDS
        if standing.get("hold") == "held" and inbox.first_critical() is not None:
            break
    else:
        return standing.get("hold") == "held", str(standing.get("why", ""))
    begun = watch.lives.begun
    watch.beats.append(Beat.HELD)
    watch.wait_for(lambda: watch.lives.begun > begun, stage.until(QUIET_SECONDS))
    return watch.lives.begun == begun, str(standing["why"])


def _ask_standing(socket: Path) -> dict[str, Any]:
    """Ask gatedog how the gateway stands; nothing while it does not answer."""
    try:
        reply: dict[str, Any] = call(socket, "Status", timeout=2.0)
        standing: dict[str, Any] = reply["status"]["gateways"][0]
    except (Unreachable, Refused):
        return {}
    return standing


def _ending(night: WithGatedog) -> str:
    if night.seconds_to_page is None:
        return f"{deaths_text(night.deaths)}, and no page"
    return f"{deaths_text(night.deaths)}, paged after {night.seconds_to_page:.1f} s"


def _write_bundle(folder: Path, stage: Stage, page_url: str) -> None:
    """Write what a human would have written: the command, and whom to tell. All the rest are gatedog's defaults."""
    argv = json.dumps(stage.gateway_command(folder, SERVICE), ensure_ascii=False)
    _put(folder / "policy.toml", f"[gateway.{stage.name}]\ncommand = {argv}\n")
    tiers = '[escalation]\ntiers = [["phone"]]\nnotices = ["phone"]\n'
    _put(folder / "pager.toml", f'{tiers}[channel.phone]\nkind = "webhook"\nurl = "{page_url}"\n')


def _put(file: Path, text: str) -> None:
    """Write a file that somebody is waiting for: it is there whole, or not at all."""
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.rename(file)


def _expect(begun: bool, log: Path) -> None:
    """Go on only if the gateway came up; else let its log speak, for it is gone with the stage."""
    if begun:
        return
    said = log.read_text(encoding="utf-8", errors="replace").strip() if log.exists() else ""
    raise CannotPlay(f"the gateway did not come up. {log.name} says: {said[-600:] or '(nothing)'}")
