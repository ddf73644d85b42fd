"""When each probe of each gateway looks, and what becomes of it.

Theory of operation. A probe is one timer: it looks, reports one outcome, and sets the timer for its next turn. Turns
of different probes are spread over the period by arithmetic on their names, and each turn is moved a little by its
number, so that neither probes nor gateways march in step. A look runs under one deadline for all it does, and the next
turn is set when it is over: two looks of one probe never overlap, however it hangs. Probes look only while the gateway
has a process; a look that a life did not live to see the end of is dropped.

Good outcomes are folded further on and look like silence there, so silence is said here: a probe without an outcome for
as long as `silence_usec` reports an ERROR.

Invariant: nothing raises into the loop, and nothing here judges; memory is HISTORY_MAX looks for each probe.
"""

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace

from watchdog.core.events import Event
from watchdog.core.healthpolicy import ProbePolicy
from watchdog.core.identity import GatewayName, ProcessRef
from watchdog.core.observations import ProbeCause, ProbeObserved, ProbeResult
from watchdog.core.policy import GatewayPolicy
from watchdog.core.timeline import MINUTE, SECOND, duration_text
from watchdog.core.values import dataclass
from watchdog.origin.listener import Listeners
from watchdog.origin.marks import LifeMark
from watchdog.sensors.aside import Aside
from watchdog.sensors.durations import Durations
from watchdog.sensors.probes.outcome import CannotAsk, Failing, Progress, plain
from watchdog.sensors.probes.program import Runner
from watchdog.sensors.probes.question import Means, Question, Subject
from watchdog.sensors.probes.words import AskPulse, Words

HISTORY_MAX = 100
FIRST_WITHIN_USEC = 5 * SECOND
"""The first looks of a life come soon: how long it takes to pass is learned from them."""
_SHIFT_PART = 20
"""A turn comes up to so much of its period early."""
_SILENCE_PERIODS = 5
_SILENCE_USEC_MIN = 2 * MINUTE
_UPTIME_SLACK_S = 1.0
_CLEAR_SECONDS = 3.0
"""What a look may take to give everything back after its deadline (exec: killing all that came of it)."""

FindMark = Callable[[], LifeMark | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One outcome, as `gatedog probe history` shows it. `at_usec` is CLOCK_BOOTTIME at its begin."""

    at_usec: int
    took_usec: int
    result: ProbeResult
    cause: ProbeCause
    detail: str
    answer: bytes = b""
    """What came back, of the last looks only: see Prober.witnessed. Untrusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeStanding:
    """One row of `gatedog probe list`. `due_usec` is None while the gateway has no process."""

    gateway: GatewayName
    policy: ProbePolicy
    last: Look | None
    due_usec: int | None
    durations: Durations


@dataclass(slots=True, kw_only=True, eq=False)
class _Probe:
    gateway: GatewayName
    question: Question
    looks: deque[Look] = field(default_factory=lambda: deque(maxlen=HISTORY_MAX))
    answered: Look | None = None
    """The last look at which all was well. Of this one and the next the answers are kept."""
    unwell: Look | None = None
    """The last look at which not all was well."""
    durations: Durations = field(default_factory=Durations)
    """Of the looks that found something out."""
    turn: int = 0
    timer: asyncio.TimerHandle | None = None
    due_usec: int = 0
    running: asyncio.Task[Look] | None = None
    outcome_s: float = 0.0
    """By the loop's clock, which stands still in a suspended host: sleep is not silence."""
    said: "_Said | None" = None
    """Of its last look that was told an uptime."""
    doubted: tuple[float, str] | None = None
    """When the gateway may have begun again, and why it seems so; the next look decides."""

    @property
    def policy(self) -> ProbePolicy:
        return self.question.policy


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What the gateway said of its uptime, and when, by the loop's clock; all in seconds."""

    uptime_s: float
    asked_s: float
    told_s: float

    @property
    def begun_s(self) -> float:
        """When it began, or up to `blur_s` before that."""
        return self.told_s - self.uptime_s

    @property
    def blur_s(self) -> float:
        return self.told_s - self.asked_s + _UPTIME_SLACK_S

    def is_of_another_life(self, before: "_Said") -> bool:
        """Say whether it began later than was said before, and after that was said.

        The second half keeps a step of the wall clock, by which some programs count, from looking like a restart.
        """
        is_later = self.begun_s - self.blur_s > before.begun_s
        return is_later and self.begun_s + _UPTIME_SLACK_S >= before.asked_s


@dataclass(slots=True, kw_only=True, eq=False)
class _Life:
    process: ProcessRef
    find_mark: FindMark
    words: Words
    restarted_s: float | None = None
    """When it last restarted in place, by the loop's clock: each probe notices, and it is told once."""


class Prober:
    """All probes of all gateways. Lives on the loop it is made in."""

    def __init__(
        self,
        report: Callable[[Event], None],
        now_usec: Callable[[], int],
        *,
        runners: Mapping[GatewayName, Runner] | None = None,
        pulses: Mapping[GatewayName, AskPulse] | None = None,
        on_restart: Callable[[GatewayName, ProcessRef, str], None] | None = None,
        aside: Aside | None = None,
    ) -> None:
        """`now_usec` reads CLOCK_BOOTTIME; `on_restart` hears of an uptime that drops under one process, in words."""
        self._report = report
        self._now_usec = now_usec
        self._runners = runners or {}
        self._pulses = pulses or {}
        self._on_restart = on_restart
        self._means = Means(aside=aside or Aside(), listeners=Listeners(), now_usec=now_usec)
        self._loop = asyncio.get_running_loop()
        self._probes: dict[tuple[GatewayName, str], _Probe] = {}
        self._lives: dict[GatewayName, _Life] = {}

    # -- what to look at -------------------------------------------------------------------------------------------

    def adopt(self, gateways: Iterable[GatewayPolicy]) -> None:
        """Take up the probes of a policy; one that did not change goes on with its history."""
        wanted = {(gateway.name, probe.name): probe for gateway in gateways for probe in gateway.probes}
        for key, probe in tuple(self._probes.items()):
            if wanted.get(key) != probe.policy:
                self._halt(probe)
                del self._probes[key]
        for key, policy in wanted.items():
            if key not in self._probes:
                self._probes[key] = _Probe(gateway=key[0], question=Question(policy, self._means))
                if key[0] in self._lives:
                    self._begin(self._probes[key])

    def life_began(self, gateway: GatewayName, process: ProcessRef, find_mark: FindMark) -> None:
        """Look at this life from now on, in place of an earlier one."""
        known = self._lives.get(gateway)
        if known is not None and known.process == process:
            return
        self._lives[gateway] = _Life(process=process, find_mark=find_mark, words=Words(self._now_usec()))
        for probe in self._of(gateway):
            self._begin(probe)

    def life_ended(self, gateway: GatewayName) -> None:
        """Look no more until another life begins."""
        if self._lives.pop(gateway, None) is not None:
            for probe in self._of(gateway):
                self._halt(probe)

    def hear(self, gateway: GatewayName, message: bytes) -> None:
        """Take what a process of the present life sent to its notify socket."""
        life = self._lives.get(gateway)
        if life is not None:
            life.words.hear(message, self._now_usec())

    # -- what people ask -------------------------------------------------------------------------------------------

    def standings(self) -> tuple[ProbeStanding, ...]:
        """List all probes, sorted by gateway and name."""
        return tuple(
            ProbeStanding(
                gateway=gateway,
                policy=probe.policy,
                last=probe.looks[-1] if probe.looks else None,
                due_usec=probe.due_usec if probe.timer is not None else None,
                durations=probe.durations,
            )
            for (gateway, _), probe in sorted(self._probes.items())
        )

    def history(self, gateway: GatewayName, name: str) -> tuple[Look, ...] | None:
        """Return the looks that are remembered, oldest first; None when there is no such probe."""
        probe = self._probes.get((gateway, name))
        return None if probe is None else tuple(probe.looks)

    def witnessed(self, gateway: GatewayName) -> dict[str, tuple[Look, ...]]:
        """Return what the probes of a gateway saw, oldest first, by name, with the answers of the last good and bad."""
        found: dict[str, tuple[Look, ...]] = {}
        for probe in self._of(gateway):
            looks = {look.at_usec: look for look in probe.looks}
            looks |= {look.at_usec: look for look in (probe.answered, probe.unwell) if look is not None}
            found[probe.policy.name] = tuple(looks[at_usec] for at_usec in sorted(looks))
        return found

    async def look_now(self, gateway: GatewayName, name: str) -> Look | None:
        """Look once, now, and return the outcome; one under way is waited for. None: no such probe, or no process.

        The outcome is shown and remembered, and reported like any other: a human's look is as good as a timer's.
        """
        probe = self._probes.get((gateway, name))
        if probe is None or gateway not in self._lives:
            return None
        if probe.running is None:
            self._look(probe)
        running = probe.running
        if running is None:
            return None
        done, _ = await asyncio.wait([running])
        return None if running.cancelled() else done.pop().result()

    async def close(self) -> None:
        """Look no more and wait until everything is given back."""
        running = [probe.running for probe in self._probes.values() if probe.running is not None]
        self._lives.clear()
        for probe in self._probes.values():
            self._halt(probe)
        if running:
            await asyncio.wait(running, timeout=_CLEAR_SECONDS)

    # -- turns -----------------------------------------------------------------------------------------------------

    def _of(self, gateway: GatewayName) -> list[_Probe]:
        return [probe for (name, _), probe in self._probes.items() if name == gateway]

    def _begin(self, probe: _Probe) -> None:
        self._halt(probe)
        probe.turn, probe.said, probe.doubted, probe.outcome_s = 0, None, None, self._loop.time()
        self._set(probe, first_delay_usec(probe.gateway, probe.policy))

    def _halt(self, probe: _Probe) -> None:
        if probe.timer is not None:
            probe.timer.cancel()
            probe.timer = None
        if probe.running is not None:
            probe.running.cancel()

    def _set(self, probe: _Probe, delay_usec: int) -> None:
        probe.due_usec = self._now_usec() + delay_usec
        probe.timer = self._loop.call_later(delay_usec / SECOND, self._turn, probe)

    def _turn(self, probe: _Probe) -> None:
        probe.turn += 1
        self._set(probe, next_delay_usec(probe.gateway, probe.policy, probe.turn))
        if probe.running is None:
            self._look(probe)
        if (self._loop.time() - probe.outcome_s) * SECOND > silence_usec(probe.policy):
            silent = f"no outcome for {duration_text(silence_usec(probe.policy))}"
            self._tell(probe, ProbeResult.ERROR, ProbeCause.UNKNOWN, silent)

    def _look(self, probe: _Probe) -> None:
        life = self._lives.get(probe.gateway)
        mark = None if life is None else life.find_mark()
        if life is None or mark is None or mark.process != life.process:
            return  # its end, or its begin, is being reported at this moment
        runner, pulse = self._runners.get(probe.gateway), self._pulses.get(probe.gateway)
        subject = Subject(mark=mark, words=life.words, runner=runner, pulse=pulse)
        asked_s = self._loop.time()
        probe.running = self._loop.create_task(self._ask(probe, subject))
        probe.running.add_done_callback(lambda task: self._take(probe, life, task, asked_s))

    async def _ask(self, probe: _Probe, subject: Subject) -> Look:
        progress, begin_usec = Progress(), self._now_usec()
        result, cause, detail = ProbeResult.OK, ProbeCause.UNKNOWN, ""
        timeout_usec = probe.policy.timeout_usec
        try:
            async with asyncio.timeout(timeout_usec / SECOND):
                detail = await probe.question.put(subject, progress)
        except TimeoutError:
            result, cause = ProbeResult.FAILED, progress.cause
            detail = f"{progress.stage} within {duration_text(timeout_usec)}"
        except Failing as failing:
            result, cause, detail = ProbeResult.FAILED, failing.cause, failing.detail
        except CannotAsk as cannot:
            result, detail = ProbeResult.ERROR, cannot.detail
        except (OSError, ValueError) as error:  # a name that IDNA does not know is a ValueError
            result, detail = ProbeResult.ERROR, f"the probe could not be run: {error}"
        except Exception as error:  # noqa: BLE001 - told like any other: nobody shall wait for a look that broke
            result, detail = ProbeResult.ERROR, f"the probe itself broke: {type(error).__name__}: {error}"
        took_usec = max(0, self._now_usec() - begin_usec)
        return Look(
            at_usec=begin_usec,
            took_usec=took_usec,
            result=result,
            cause=cause,
            detail=plain(detail),
            answer=progress.answer,
        )

    def _take(self, probe: _Probe, life: _Life, task: asyncio.Task[Look], asked_s: float) -> None:
        probe.running = None
        if (
            self._lives.get(probe.gateway) is not life
            or self._probes.get((probe.gateway, probe.policy.name)) is not probe
        ):
            return
        if task.cancelled():  # by nobody here, who would have ended the life or the probe first
            self._tell(probe, ProbeResult.ERROR, ProbeCause.UNKNOWN, "the look was cut off")
            return
        look = task.result()
        probe.looks.append(replace(look, answer=b""))
        if look.result is not ProbeResult.ERROR:
            probe.durations.add(look.took_usec)
        if look.result is ProbeResult.OK:
            probe.answered = look
        else:
            probe.unwell = look
        probe.outcome_s = self._loop.time()
        self._tell(probe, look.result, look.cause, look.detail)
        self._compare_uptime(probe, life, asked_s)

    def _tell(self, probe: _Probe, result: ProbeResult, cause: ProbeCause, detail: str) -> None:
        name = probe.policy.name
        self._report(ProbeObserved(gateway=probe.gateway, probe=name, result=result, cause=cause, detail=detail))

    def _compare_uptime(self, probe: _Probe, life: _Life, asked_s: float) -> None:
        """Tell of a restart in place: the gateway began after the last look, by its own word.

        An uptime that dropped says so at once. One that only grew too little is that of a young life that began again,
        or of an answer that is kept for a while: the next look must name the same beginning.
        """
        now_s, before, uptime_s = self._loop.time(), probe.said, probe.question.uptime
        if uptime_s is None or (before is not None and before.uptime_s == uptime_s):
            return
        said = probe.said = _Said(uptime_s=uptime_s, asked_s=asked_s, told_s=now_s)
        doubted, probe.doubted = probe.doubted, None
        if doubted is not None and abs(said.begun_s - doubted[0]) <= said.blur_s:
            self._tell_restart(probe, life, said, doubted[1])
        elif before is not None and said.is_of_another_life(before):
            earlier = f"{now_s - before.asked_s:.0f}s ago for {before.uptime_s:.0f}s"
            evidence = f"by probe {probe.policy.name} up for {uptime_s:.0f}s; {earlier}"
            if uptime_s + _UPTIME_SLACK_S < before.uptime_s:
                self._tell_restart(probe, life, said, evidence)
            else:
                probe.doubted = (said.begun_s, evidence)

    def _tell_restart(self, probe: _Probe, life: _Life, said: _Said, evidence: str) -> None:
        if life.restarted_s is not None and said.begun_s - life.restarted_s < said.blur_s:
            return
        life.restarted_s = said.begun_s
        if self._on_restart is not None:
            self._on_restart(probe.gateway, life.process, evidence)


def first_delay_usec(gateway: GatewayName, policy: ProbePolicy) -> int:
    """Return how long after a life's begin a probe looks first: soon, and not all at once."""
    within = min(policy.period_usec, FIRST_WITHIN_USEC)
    return within // 5 + _spread(f"{gateway}/{policy.name}", within - within // 5)


def next_delay_usec(gateway: GatewayName, policy: ProbePolicy, turn: int) -> int:
    """Return the time from one turn to the next: the period, less a share that differs by probe and turn."""
    return policy.period_usec - _spread(f"{gateway}/{policy.name}/{turn}", policy.period_usec // _SHIFT_PART)


def silence_usec(policy: ProbePolicy) -> int:
    """Return after which time without an outcome a probe is said to be silent."""
    return max(_SILENCE_PERIODS * policy.period_usec, _SILENCE_USEC_MIN)


def _spread(key: str, below: int) -> int:
    """Return a number in [0, below) that looks like chance and is arithmetic: a replay and a test see the same."""
    return zlib.crc32(key.encode()) % max(1, below)
