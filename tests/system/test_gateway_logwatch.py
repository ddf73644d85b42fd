"""Noticing writes to a log, with the real inotify."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from watchdog.gateway.logwatch import LogWatch

pytestmark = pytest.mark.system

BOUND_SECONDS = 20


async def until(reached) -> None:
    """Wait for a condition, at most BOUND_SECONDS."""
    async with asyncio.timeout(BOUND_SECONDS):
        while not reached():  # noqa: ASYNC110 - a file is watched, and no event of ours
            await asyncio.sleep(0.01)


def test_each_log_that_is_written_is_looked_at_and_no_other(tmp_path: Path) -> None:
    """A thousand writes are a few looks at that file; a file nobody writes is never looked at."""

    async def play() -> None:
        seen: Counter[str] = Counter()
        watch = LogWatch(asyncio.get_running_loop())
        for name in ("busy", "quiet"):
            (tmp_path / name).touch()
            watch.add(tmp_path / name, lambda name=name: seen.update([name]))
        with (tmp_path / "busy").open("ab", buffering=0) as log:
            for _ in range(1000):
                log.write(b"x")
        await until(lambda: seen["busy"] > 0)
        with (tmp_path / "busy").open("ab", buffering=0) as log:
            log.write(b"again")
        await until(lambda: seen["busy"] > 1)

        assert seen["quiet"] == 0
        assert seen["busy"] < 500
        watch.close()

    asyncio.run(play())


def test_a_removed_file_is_forgotten_and_a_missing_one_is_not_watched(tmp_path: Path) -> None:
    """Logs come and go; the watch keeps nothing of those that went."""

    async def play() -> None:
        watch = LogWatch(asyncio.get_running_loop())
        watch.add(tmp_path / "missing", lambda: None)
        (tmp_path / "log").touch()
        watch.add(tmp_path / "log", lambda: None)
        assert len(watch._looks) == 1
        (tmp_path / "log").unlink()
        await until(lambda: not watch._looks)
        watch.close()
        watch.close()

    asyncio.run(play())
