"""How many events a second the core decides, and how long a backtest of 100,000 records takes.

Run: ./check bench, or .venv/bin/python benchmarks/core_steps.py. Prints one JSON object.
"""

import json
import tempfile
import time
from pathlib import Path

from watchdog.core.endings import ExitRecord
from watchdog.core.engine import step
from watchdog.core.events import (
    Event,
    GatewayObserved,
    GatewayReady,
    MainProcessExited,
    MainProcessStarted,
    NetworkObserved,
    PolicyLoaded,
    Stamp,
    Stamped,
    Starter,
    SupervisorStarted,
    TimerFired,
)
from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef, Seq
from watchdog.core.policy import CommandPolicy, GatewayPolicy, Policy
from watchdog.core.state import EMPTY, State
from watchdog.core.timeline import HOUR, SECOND, Usec
from watchdog.journal.store import Journal
from watchdog.replay.backtest import backtest

EVENTS = 100_000
BOOT = BootId("bench")
NAME = GatewayName("gateway")
POLICY = Policy(gateways=(GatewayPolicy(name=NAME, command=CommandPolicy(argv=("x",))),))


def main() -> None:
    """Measure and print."""
    history, seconds = record(EVENTS)
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.create(Path(folder), journal_id="bench", machine_id="")
        state = EMPTY
        for stamped in history:
            stepped = step(state, stamped)
            state = stepped.state
            journal.append(stamped)  # without decisions: what is timed is reading, not the disk
        journal.close()
        began = time.perf_counter()
        result = backtest(Path(folder), POLICY)
        backtest_s = time.perf_counter() - began
    print(
        json.dumps(
            {
                "events": EVENTS,
                "core_events_per_s": round(EVENTS / seconds),
                "backtest_records": result.records,
                "backtest_s": round(backtest_s, 2),
            }
        )
    )


def record(count: int) -> tuple[list[Stamped], float]:
    """Step the core over `count` events of a gateway that dies every five hours and is looked at in between."""
    state, history, uptime, spent = EMPTY, [], 0, 0.0

    def feed(event: Event) -> State:
        nonlocal spent
        seq = Seq(len(history) + 1)
        stamp = Stamp(seq=seq, wall_usec=Usec(uptime), boot=BOOT, uptime_usec=Usec(uptime))
        stamped = Stamped(stamp=stamp, event=event)
        history.append(stamped)
        began = time.perf_counter()
        after = step(state, stamped).state
        spent += time.perf_counter() - began
        return after

    state = feed(SupervisorStarted(version="bench", rules=1))
    state = feed(PolicyLoaded(policy=POLICY, digest="bench"))
    state = feed(GatewayObserved(gateway=NAME, process=None))
    pid = 100
    while len(history) < count:
        gateway = state.gateways[0]
        uptime += 20 * SECOND
        due = [timer for timer in state.timers if state.clock.now_usec + 20 * SECOND >= timer.due_usec]
        if due:
            state = feed(TimerFired(timer=due[0].timer))
        elif gateway.start_life is not None:
            pid += 1
            process = ProcessRef(pid=pid, start_ticks=pid, boot=BOOT)
            life = LifeId(gateway.start_life)
            state = feed(MainProcessStarted(gateway=NAME, process=process, life=life, starter=Starter.GATEDOG))
            state = feed(GatewayReady(gateway=NAME, process=process))
        elif gateway.life is not None and len(history) % 50 == 0:
            uptime += 5 * HOUR
            state = feed(MainProcessExited(gateway=NAME, process=gateway.life.process, exit=ExitRecord(code=1)))
        elif len(history) % 2:
            state = feed(NetworkObserved(has_route=True, has_dns=len(history) % 10 > 1))
        else:
            process = gateway.life.process if gateway.life else None
            state = feed(GatewayObserved(gateway=NAME, process=process))
    return history, spent


if __name__ == "__main__":
    main()
