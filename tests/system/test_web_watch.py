"""News of a daemon for readers in an event loop: a burst is one piece of news, and so are its end and a new journal."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from fakedaemon import FakeDaemon, serving

from watchdog.web.asking import Daemon
from watchdog.web.watch import Watch

pytestmark = pytest.mark.system

WAIT_S = 20.0


def record(seq: int) -> dict[str, Any]:
    """Build a record in which a page was delivered."""
    event = {"kind": "PageDelivered", "channel": "mail"}
    return {
        "seq": seq,
        "wall_usec": 1,
        "boot": "b",
        "uptime_usec": 2,
        "kind": "PageDelivered",
        "event": event,
        "decisions": [],
    }


class Journal:
    """What the fake daemon has on record; it answers for it as a daemon does, but for waiting."""

    def __init__(self, fake: FakeDaemon) -> None:
        self.fake = fake
        self.records: list[dict[str, Any]] = [record(1)]
        fake.answers["Events"] = self._events
        fake.answer(
            "Pager", {"pager": {"now_wall_usec": 1, "waiting": [], "given_up": [], "delayed": 0, "channels": []}}
        )

    def _events(self, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        after = parameters["after_seq"]
        chosen = self.records[after:] if after < 0 else [each for each in self.records if each["seq"] > after]
        return [{"parameters": {"record": each}} for each in [*chosen, None]]


@pytest.fixture
def journal() -> Iterator[Journal]:
    """Serve a daemon with one record."""
    with serving() as fake:
        yield Journal(fake)


def watched(fake: FakeDaemon, story: Callable[[Watch], Awaitable[None]]) -> None:
    """Run a story in an event loop in which the daemon is watched."""

    async def run() -> None:
        watch = Watch(Daemon(fake.path, os.geteuid()), lambda: time.time_ns() // 1000)
        watch.start()
        try:
            await watch.newer_than(0, WAIT_S)
            await story(watch)
        finally:
            watch.stop()

    asyncio.run(run())


def counted(watch: Watch) -> tuple[str, int]:
    """Return which journal is counted, and up to where."""
    assert watch.tally is not None
    return watch.tally.journal, watch.tally.seq


def test_burst_is_little_news(journal: Journal) -> None:
    """Readers are woken once for what happens together, and not for each record; all of it is counted."""

    async def story(watch: Watch) -> None:
        assert counted(watch) == ("j", 1)
        before = watch.version
        journal.records += [record(number) for number in range(2, 52)]
        while counted(watch) != ("j", 51):
            assert await watch.newer_than(watch.version, WAIT_S) < before + 25

    watched(journal.fake, story)


def test_other_journal_is_counted_anew(journal: Journal) -> None:
    """Its counters are another's; nothing of the old one is carried into it."""

    async def story(watch: Watch) -> None:
        before = watch.version
        journal.records = [record(7)]
        journal.fake.answer("Status", {"status": journal.fake.status(journal.fake.gateway(), journal="another")})
        await watch.newer_than(before, WAIT_S)
        assert counted(watch) == ("another", 7)

    watched(journal.fake, story)


def test_end_of_the_daemon_is_news(journal: Journal) -> None:
    """Readers learn it by being woken, and find it in their next reading."""

    async def story(watch: Watch) -> None:
        before = watch.version
        assert not (await watch.reading()).stale
        journal.fake.close()
        assert await watch.newer_than(before, WAIT_S) > before
        assert (await watch.reading()).stale

    watched(journal.fake, story)


def test_silence_is_no_news(journal: Journal) -> None:
    """Waiting has a bound; nothing that happened is the same version as before."""

    async def story(watch: Watch) -> None:
        before = watch.version
        assert await watch.newer_than(before, 0.05) == before

    watched(journal.fake, story)
