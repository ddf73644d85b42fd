"""What all evidence takes up is measured now and then, beside the loop, and never for who asks."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from watchdog.daemon.evidencesize import EVERY_S, SETTLE_S, EvidenceSize


def keep(folder: Path, name: str, size: int) -> None:
    """Lay down a folder of evidence with one file."""
    place = folder / "INC-1" / name
    place.mkdir(parents=True)
    (place / "why.txt").write_bytes(b"x" * size)


class Clock:
    """A loop's clock that is put forward by hand."""

    now_s = 1000.0


def play(folder: Path, story: Callable[[EvidenceSize, Clock], Awaitable[None]]) -> None:
    """Run a story."""

    async def run() -> None:
        clock = Clock()
        await story(EvidenceSize(folder, lambda: clock.now_s), clock)

    asyncio.run(run())


def test_evidence_is_measured_at_the_start_and_after_a_change(tmp_path: Path) -> None:
    """Before the first walk nothing is known; a change is seen once it has settled, and no turn in between walks."""

    async def story(size: EvidenceSize, clock: Clock) -> None:
        keep(tmp_path, "1.1", 100)
        assert size.size_bytes is None
        size.tend()
        await size.close()
        assert size.size_bytes == 100

        keep(tmp_path, "2.1", 11)
        size.tend()
        await size.close()
        assert size.size_bytes == 100

        size.changed()
        clock.now_s += SETTLE_S
        size.tend()
        await size.close()
        assert size.size_bytes == 111

    play(tmp_path, story)


def test_evidence_is_measured_hourly(tmp_path: Path) -> None:
    """What people remove is noticed without a word from the collector; a folder that is not there holds nothing."""

    async def story(size: EvidenceSize, clock: Clock) -> None:
        size.tend()
        await size.close()
        assert size.size_bytes == 0
        keep(tmp_path / "incidents", "1.1", 7)
        clock.now_s += EVERY_S
        size.tend()
        await size.close()
        assert size.size_bytes == 7

    play(tmp_path / "incidents", story)


def test_what_cannot_be_measured_is_not_known(tmp_path: Path) -> None:
    """A folder that is no folder is no number, and no end of the daemon."""

    async def story(size: EvidenceSize, _: Clock) -> None:
        size.tend()
        await size.close()
        assert size.size_bytes is None

    (tmp_path / "incidents").write_text("")
    play(tmp_path / "incidents", story)
