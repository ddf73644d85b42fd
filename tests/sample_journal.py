"""A small journal and the events that go into it, for the tests of the journal room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from watchdog.core.decisions import Decision, IncidentOpened, NothingDone, Severity
from watchdog.core.events import Event, HostShutdownBegan, Stamp, Stamped
from watchdog.core.identity import BootId, GatewayName, IncidentId, Seq
from watchdog.core.rules import RuleId
from watchdog.core.timeline import Usec
from watchdog.journal.store import Journal

BOOT = BootId("6e0f9c1e-1b5c-4f0e-9c58-0d6a4d2f7f10")
WALL = 1_774_500_000_000_000
RULE = next(iter(RuleId))
MAIN = GatewayName("main")
NOTHING = NothingDone(gateway=MAIN, rule=RULE, because="nothing changed")


def stamped(seq: int, event: Event | None = None, *, wall_usec: int | None = None, boot: BootId = BOOT) -> Stamped:
    """Stamp an event, one second after the one before."""
    stamp = Stamp(
        seq=Seq(seq),
        wall_usec=Usec(WALL + seq * 1_000_000 if wall_usec is None else wall_usec),
        boot=boot,
        uptime_usec=Usec(seq * 1_000_000),
        synchronised=seq % 2 == 0,
    )
    return Stamped(stamp=stamp, event=event or HostShutdownBegan(reason=f"event {seq}"))


def opened(number: int) -> Decision:
    """Open an incident."""
    return IncidentOpened(
        gateway=MAIN,
        rule=RULE,
        because="again",
        incident=IncidentId(f"INC-{number}"),
        severity=Severity.CRITICAL,
    )


def make(folder: Path) -> Journal:
    """Make a journal."""
    return Journal.create(folder, journal_id="j-1", machine_id="m-1")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Give an empty journal, open for writing."""
    with make(tmp_path / "state") as made:
        yield made
