"""Six hours without a network, on virtual time: what people hear when it is back."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from faults import CHANNELS
from people import a_human_asks, an_agent_asks
from programs import FAST
from simulation import Simulation

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.timeline import HOUR, MINUTE
from watchdog.core.verbs import Verb

pytestmark = pytest.mark.system

BEGINS_USEC, ENDS_USEC = HOUR, 7 * HOUR
REPEATED_AFTER_USEC = 10 * MINUTE
"""Less than what a repetition takes: what rings by then was waiting for the network."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that is fast and gone afterwards."""
    memory = Path("/dev/shm")  # noqa: S108 - a file system in memory; a made-up disk needs no real one
    made = Path(tempfile.mkdtemp(prefix="gatedog-", dir=memory if memory.is_dir() else None))
    yield made
    shutil.rmtree(made)


def bad_night(story: Simulation, chance: Random) -> None:
    """Enter on the agenda what goes on while nothing gets out: loops, releases, asks, deaths, a reboot."""

    def gets_worse() -> None:
        for program in story.programs.values():
            program.nature = chance.choice(FAST)
            if program.process is not None:
                program.end(program.process, program.nature.ends)

    def somebody_does_something() -> None:
        name = chance.choice(tuple(story.programs))
        boot = story.time.boot
        story.ask(chance.choice((a_human_asks(name, Verb.RELEASE, boot), an_agent_asks(name, boot))))

    def network_goes() -> None:
        story.phones.down.update(CHANNELS)
        story.around.has_network = False

    def network_comes() -> None:
        story.phones.down.clear()
        story.around.has_network = True

    story.time.after(BEGINS_USEC, network_goes)
    story.time.after(BEGINS_USEC + MINUTE, gets_worse)
    for _ in range(20):
        story.time.after(chance.randint(BEGINS_USEC + 10 * MINUTE, ENDS_USEC - 10 * MINUTE), somebody_does_something)
    for _ in range(3):
        story.time.after(chance.randint(BEGINS_USEC + 10 * MINUTE, ENDS_USEC - 20 * MINUTE), story.kill_daemon)
    boots = chance.randint(BEGINS_USEC + HOUR, ENDS_USEC - HOUR)
    story.time.after(boots, lambda: story.reboot(announced=True, down_usec=MINUTE, clock_lost=False))
    story.time.after(ENDS_USEC, network_comes)


@pytest.mark.parametrize("seed", range(1, 13))
def test_o04_six_hours_offline_end_in_one_message_for_each_incident(seed: int, folder: Path) -> None:
    """Nothing critical is lost, nothing overtakes, and each telephone rings once for a story (and hears of its end)."""
    story = Simulation(seed, folder / "journal")
    story.phones.is_lossy = story.around.is_unsteady = False
    try:
        story.start_daemon()
        bad_night(story, Random(seed))  # noqa: S311 - a seeded story, no secret
        story.time.run_until(ENDS_USEC)
        assert story.daemon is not None
        before = len(story.observer.rings)
        waited = story.daemon.supervisor.state.outbox
        story.time.run_until(ENDS_USEC + REPEATED_AFTER_USEC)
    finally:
        story.close()

    told = [message for _, message in story.observer.rings[before:]]
    late = [message for message in told if any(message.page == each.page.page for each in waited)]
    rang = Counter(
        (each.channel, each.incident or each.page) for each in late if each.update is not PageUpdate.RESOLVED
    )
    critical = {each.page.incident for each in waited if each.page.severity is Severity.CRITICAL}
    assert critical, "nothing happened in this night"
    assert {message.incident for message in late if message.severity is Severity.CRITICAL} >= critical
    assert [pair for pair, times in rang.items() if times > 1] == []
    assert story.observer.missing_pages(ENDS_USEC - MINUTE) == []
