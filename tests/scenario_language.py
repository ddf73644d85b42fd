"""The language of the golden scenarios in tests/scenarios/*.txt, and the fixture that hands them to tests.

A scenario is a comment that says what is shown and why; settings, one a line; events, one a line, each at a time since
the beginning ("00:10:00") or since the event before ("+31s"); a line of dashes; and what gatedog decided, as
`at  decision  [rule]  because`. Alarms are printed only after the setting `show timers`, so that intent does not drown
in them. Unless a scenario says `begin from nothing`, its gateways were started and ready just before it begins, and
unless it says `starts unanswered`, every ordered start begins a life at once.

    python tests/scenario_language.py FILE...             prints what was decided, without comparing
    python tests/scenario_language.py --digest FILE...    prints a digest of every decision and of the memory, each
"""

import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import pytest
from proving import proves
from ruling import rules
from running import runbook_of
from scenario_asks import ask
from scenario_rows import row
from sensing import happens, with_setting
from stage import MAIN, Stage, gateway_policy, usec
from writing import writes

from watchdog.core.events import (
    Event,
    Failure,
    JournalFailed,
    JournalGapFound,
    JournalRenewed,
    LimitReached,
    PolicyRejected,
)
from watchdog.core.events import SupervisorStopping as Stopping
from watchdog.core.evidence import EvidenceFailed, EvidenceTooOld
from watchdog.core.identity import Seq
from watchdog.core.policy import EscalationPolicy, GatewayPolicy, OnExhausted, QuietHours, Window
from watchdog.core.runbookpolicy import MachineRunbook
from watchdog.core.tables import Moved
from watchdog.core.timeline import SECOND
from watchdog.core.turn import Step

FOLDER = Path(__file__).parent / "scenarios"
DASHES = "----"
PEOPLE = EscalationPolicy(tiers=(("phone",), ("call", "boss")), notices=("mail",))


@dataclass(kw_only=True)
class Settings:
    """What stands above the events."""

    gateway: GatewayPolicy = field(default_factory=gateway_policy)
    escalation: EscalationPolicy = PEOPLE
    others: tuple[str, ...] = ()
    runbooks: tuple[MachineRunbook, ...] = ()
    show_timers: bool = False
    answer_starts: bool = True
    from_nothing: bool = False

    def take(self, line: str) -> None:
        """Take one line of settings in."""
        key, _, value = line.partition(" ")
        rules, people = self.gateway, self.escalation
        match key:
            case "budget" | "self-restart" | "trusted":
                windows = tuple(_window(each) for each in value.split(","))
                account = "windows" if key == "budget" else key.replace("-", "_")
                self.gateway = replace(rules, budget=replace(rules.budget, **{account: windows}))
            case "on-exhausted":
                self.gateway = replace(rules, budget=replace(rules.budget, on_exhausted=OnExhausted(value)))
            case "slow-retry":
                self.gateway = replace(rules, budget=replace(rules.budget, slow_retry_usec=usec(value)))
            case "page-at":
                self.gateway = replace(rules, spiral=replace(rules.spiral, page_at=int(value)))
            case "tiers":
                tiers = tuple(tuple(tier.split()) for tier in value.split("|"))
                self.escalation = replace(people, tiers=tiers)
            case "quiet-hours" | "burst" | "reserve" | "changes":
                self._take_page_rule(key, value)
            case "runbook":
                self.runbooks = (*self.runbooks, runbook_of(value))
            case "also":
                self.others = (*self.others, value)
            case "show" | "starts" | "begin":
                self._take_flag(line)
            case "probe" | "on-degraded" | "signature":
                self.gateway = with_setting(rules, line)
            case _:
                raise ScenarioError(f"no setting is called {key!r}")

    def _take_page_rule(self, key: str, value: str) -> None:
        people = self.escalation
        if key == "quiet-hours":
            begins, ends = (usec(f"{each.replace(':', 'h ')}m") for each in value.split("-"))
            hours = QuietHours(zone="UTC", begins_usec=begins, ends_usec=ends, offsets=())
            self.escalation = replace(people, quiet_hours=hours)
        elif key == "burst":
            self.escalation = replace(people, channel_burst=_window(value))
        else:
            rule = {"critical_reserve": int(value)} if key == "reserve" else {"changes": tuple(value.split())}
            self.escalation = replace(people, **rule)

    def _take_flag(self, line: str) -> None:
        match line:
            case "show timers":
                self.show_timers = True
            case "starts unanswered":
                self.answer_starts = False
            case "begin from nothing":
                self.from_nothing = True
            case _:
                raise ScenarioError(f"no setting reads {line!r}")

    def gateways(self) -> tuple[GatewayPolicy, ...]:
        """Return the rules of every gateway."""
        return (self.gateway, *(replace(self.gateway, name=name) for name in self.others))


class ScenarioError(Exception):
    """A scenario says something that the language does not hold."""


def _window(text: str) -> Window:
    starts, _, per = text.strip().partition(" per ")
    return Window(starts=int(starts), per_usec=usec(per))


@dataclass(kw_only=True)
class Scenario:
    """One file, read and played."""

    path: Path
    story: str
    """Everything above the dashes, as it stands."""
    told: str
    """What the file says was decided."""
    decided: str = ""
    """What was decided now."""
    digest: str = ""
    """Of every decision and of the memory at the end, to compare two runs byte by byte."""
    steps: list[tuple[int, Event, Step]] = field(default_factory=list)
    """Everything that happened, the beginnings of the gateways included: when, what, and what was decided."""
    moves: list[Moved] = field(default_factory=list)
    """The transitions taken on the way, the beginnings of the gateways included."""

    def text(self) -> str:
        """Return the file as it should be."""
        return f"{self.story}{DASHES}\n{self.decided}"


def play(path: Path) -> Scenario:
    """Read a scenario and play it."""
    story, dashes, told = path.read_text(encoding="utf-8").partition(f"{DASHES}\n")
    scenario = Scenario(path=path, story=story if dashes else f"{story.rstrip()}\n", told=told)
    lines = [line.strip() for line in story.splitlines() if line.strip() and not line.startswith("#")]
    settings, stage = Settings(), Stage()
    events = [line for line in lines if re.match(r"[+0-9]", line)]
    for line in lines[: len(lines) - len(events)]:
        settings.take(line)
    stage.answers_starts, stage.runbooks = settings.answer_starts, settings.runbooks
    if not settings.from_nothing:
        _begin(stage, settings)
    before = len(stage.steps)
    for line in events:
        try:
            _happen(stage, settings, line)
        except (ScenarioError, AssertionError, StopIteration, ValueError) as error:
            raise ScenarioError(f"{path.name}: {line}: {error}") from error
    rows = [row(at, each) for at, _, stepped in stage.steps[before:] for each in stepped.decisions]
    kept = [row for row in rows if settings.show_timers or not re.match(r"\S+  (Set|Cancel)Timer", row)]
    scenario.decided = "".join(f"{row}\n" for row in kept)
    scenario.digest = sha256(repr((stage.decisions(), stage.state)).encode()).hexdigest()
    scenario.steps = stage.steps
    scenario.moves = [move for _, _, stepped in stage.steps for move in stepped.moves]
    return scenario


def _begin(stage: Stage, settings: Settings) -> None:
    stage.gatedog_starts()
    stage.policy_loads(*settings.gateways(), escalation=settings.escalation)
    for gateway in settings.gateways():
        stage.looks(gateway.name)
        if not stage.answers_starts:
            stage.begins(gateway.name)
        stage.gets_ready(gateway.name)


# -- events --------------------------------------------------------------------------------------------------------


def _happen(stage: Stage, settings: Settings, line: str) -> None:
    at, *words = shlex.split(line)
    stage.wait(_span(stage, at))
    name = MAIN
    if words[-1].startswith("@"):
        name = words.pop()[1:]
    of_the_world = proves(stage, name, words) or _of_gateway(stage, name, words) or _of_host(stage, words)
    of_the_world = of_the_world or happens(stage, name, words, usec) or rules(stage, words) or writes(stage, words)
    if not (of_the_world or _of_gatedog(stage, settings, words) or _of_people(stage, name, words)):
        raise ScenarioError(f"no event reads {' '.join(words)!r}")


def _span(stage: Stage, at: str) -> int:
    if at.startswith("+"):
        return usec(re.sub(r"(?<=[a-z])(?=\d)", " ", at[1:]))
    hours, minutes, seconds = (int(each) for each in at.split(":"))
    span = ((hours * 60 + minutes) * 60 + seconds) * SECOND - stage.now_usec
    if span < 0:
        raise ScenarioError(f"{at} is in the past")
    return span


def _of_gateway(stage: Stage, name: str, words: list[str]) -> bool:
    match words:
        case ["begins"]:
            stage.begins(name)
        case ["foreign", "start"]:
            stage.begins(name, foreign=True)
        case ["ready"]:
            stage.gets_ready(name)
        case ["exits", *how]:
            pairs = dict(zip(how[::2], how[1::2], strict=True))
            code = int(pairs.pop("code")) if "code" in pairs else None
            stage.ends(name, code=code, **pairs)
        case ["look", "finds", "nothing"]:
            stage.looks(name)
        case ["look", "finds", "ended", "life"]:
            stage.looks(name, life=stage.ordered_life(name))
        case ["look", "finds", "ordered", "life"]:
            stage.looks(name, process=stage.new_process(), life=stage.ordered_life(name))
        case ["look", "finds", "another", "process"]:
            stage.looks(name, process=stage.new_process())
        case ["look", "finds", "untraceable", "life"]:
            stage.looks(name, process=stage.process(name), traceable=False)
        case ["start", "fails", detail]:
            stage.start_fails(detail, name=name)
        case ["start", "not", "journaled"]:
            stage.start_fails("the journal cannot be written", Failure.JOURNAL, name)
        case ["stop", "fails", detail]:
            stage.stop_fails(detail, name=name)
        case ["foreign", "job", job]:
            stage.foreign_job(job, name)
        case ["rivals", *found]:
            stage.rivals(*found, name=name)
        case ["break-glass", verb]:
            stage.break_glass(verb, name=name)
        case ["break-glass", verb, "again"]:
            stage.break_glass(verb, name=name, used_usec=stage.break_glass_usec)
        case ["late", "exit", "report"]:
            stage.ends(name, code=0, process=stage.new_process())
        case _:
            return False
    return True


def _of_gatedog(stage: Stage, settings: Settings, words: list[str]) -> bool:
    match words:
        case ["gatedog", "starts"]:
            stage.gatedog_starts()
        case ["gatedog", "stops"]:
            stage.feed(Stopping(reason="upgrade"))
        case ["policy", "loaded"]:
            stage.policy_loads(*settings.gateways(), escalation=settings.escalation)
        case ["policy", "loaded", "without", name]:
            stage.policy_loads(*(g for g in settings.gateways() if g.name != name), escalation=settings.escalation)
        case ["policy", "loaded", "with", *setting]:
            settings.take(" ".join(setting))
            stage.policy_loads(*settings.gateways(), escalation=settings.escalation)
        case ["policy", "rejected", *problems]:
            stage.feed(PolicyRejected(problems=tuple(problems)))
        case ["limit", limit, dropped]:
            stage.feed(LimitReached(limit=limit, subject="uid 1001", dropped=int(dropped)))
        case ["evidence-overflows", *folders]:
            stage.feed(EvidenceTooOld(folders=tuple(folders)))
        case ["evidence-fails", reason]:
            stage.feed(EvidenceFailed(reason=reason))
        case ["socket", "lost" | "made-again" as became]:
            stage.socket_lost(made_again=became == "made-again")
        case ["journal", "fails", reason]:
            stage.feed(JournalFailed(reason=reason))
        case ["journal", "gap", lost]:
            stage.feed(JournalGapFound(after_seq=Seq(len(stage.steps)), lost=int(lost), reason="the disk was full"))
        case ["journal", "damaged", record, *held]:
            stage.journal_damaged(record, *held)
        case ["journal", "renewed", reason]:
            stage.feed(JournalRenewed(reason=reason, kept_as="/state/journal.moved-1"))
        case _:
            return False
    return True


def _of_host(stage: Stage, words: list[str]) -> bool:
    match words:
        case ["host", "shuts", "down"]:
            stage.host_shuts_down()
        case ["host", "stays", "up"]:
            stage.host_stays_up()
        case ["systemd", "silent" | "answers" as there]:
            stage.manager(reachable=there == "answers")
        case ["host", "reboots", *how]:
            pairs = dict(zip(how[::2], how[1::2], strict=True))
            clock = pairs.get("clock", "synchronised")
            stage.host_reboots(down=pairs.get("after", "1m"), synchronised=clock == "synchronised")
        case ["clock", "steps", delta]:
            stage.clock_steps(delta)
        case ["network", "gone" | "back" as there]:
            stage.network(there=there == "back")
        case ["origin", "rules", "bind"]:
            stage.enforcement(binds=True, uid=1001)
        case ["origin", "rules", "advisory", reason]:
            stage.enforcement(binds=False, reason=reason)
        case ["time", "passes"]:
            pass
        case _:
            return False
    return True


def _of_people(stage: Stage, name: str, words: list[str]) -> bool:
    match words:
        case [channel, "delivers"]:
            stage.delivers(channel)
        case [channel, "fails", detail]:
            stage.channel_fails(channel, detail)
        case [channel, "stuck", detail]:
            stage.is_stuck(channel, detail)
        case [person, "takes", incident]:
            stage.contact_takes(incident, person)
        case [person, "takes", incident, "again"]:
            stage.contact_takes(incident, person, again=True)
        case [person, "took", incident, ago, "ago"]:
            stage.contact_takes(incident, person, ago=ago)
        case [who, "asks", verb, *rest]:
            ask(stage, name, who, verb, rest)
        case _:
            return False
    return True


@pytest.fixture
def scenarios() -> tuple[Path, ...]:
    """Return the golden scenarios, sorted by name."""
    return tuple(sorted(FOLDER.glob("*.txt")))


@pytest.fixture
def play_scenario() -> Callable[[Path], Scenario]:
    """Return the way to play one."""
    return play


if __name__ == "__main__":
    digests = sys.argv[1:2] == ["--digest"]
    for file in sys.argv[1 + digests :]:
        played = play(Path(file))
        sys.stdout.write(f"{played.digest}\n" if digests else played.decided)
