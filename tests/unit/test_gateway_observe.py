"""Eyes inside: outputs are bounded, untrusted, and only those of this look."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from watchdog.core.events import TEXT_MAX
from watchdog.core.identity import GatewayName
from watchdog.core.policy import GatewayPolicy
from watchdog.core.timeline import MILLISECOND
from watchdog.gateway.observe import OUTPUT_BYTES_MAX, Glimpse, Observer, keep_glimpses

HEALTH = ("/usr/bin/agent", "health")
HEAD = "# printed under the gateway's own account, unproven: "
POLICY = GatewayPolicy(name=GatewayName("main"), unit="agent.service", observe=(("health", HEALTH),))


class FakeSystemd:
    """Runs what a unit would: `print_` writes the output file."""

    def __init__(self, print_: Callable[[], object]) -> None:
        self.started: list[str] = []
        self._print = print_

    async def start(self, unit: str) -> None:
        self.started.append(unit)
        self._print()


def glimpse(folder: Path, print_: Callable[[], object]) -> Glimpse:
    """Look once."""
    (only,) = asyncio.run(Observer(POLICY, FakeSystemd(print_).start, folder=folder).look())
    return only


def output(folder: Path) -> Path:
    """Where the unit of the one command prints."""
    return folder / "main-health.out"


def test_each_command_is_started_as_its_unit(tmp_path: Path) -> None:
    """In the order of the policy, one after the other; gatedog itself executes nothing."""
    systemd = FakeSystemd(lambda: None)
    policy = GatewayPolicy(name=GatewayName("main"), unit="agent.service", observe=(("b", HEALTH), ("health", HEALTH)))

    asyncio.run(Observer(policy, systemd.start, folder=tmp_path).look())

    assert systemd.started == ["gatedog-observe@main-b.service", "gatedog-observe@main-health.service"]


def test_what_was_printed_is_taken_as_it_is(tmp_path: Path) -> None:
    """Bytes for the evidence, the last line that says something for an event."""
    seen = glimpse(tmp_path, lambda: output(tmp_path).write_bytes(b"first\n\xff\x1b[31m{}\n\n"))

    assert seen.output == b"first\n\xff\x1b[31m{}\n\n"
    assert seen.text == "\ufffd?[31m{}"
    assert not seen.trouble


def test_an_endless_output_is_cut(tmp_path: Path) -> None:
    """What the supervised side prints must not fill our memory."""
    seen = glimpse(tmp_path, lambda: output(tmp_path).write_bytes(b"x" * (OUTPUT_BYTES_MAX + 9)))

    assert len(seen.output) == OUTPUT_BYTES_MAX
    assert seen.is_cut
    assert len(seen.text) == TEXT_MAX


def test_the_output_of_an_earlier_look_is_not_taken(tmp_path: Path) -> None:
    """A command that could not run must not speak through what it said yesterday."""
    output(tmp_path).write_text("healthy")

    seen = glimpse(tmp_path, lambda: None)

    assert seen.output == b""
    assert "nothing was written" in seen.trouble


def _link(folder: Path) -> None:
    output(folder).symlink_to("/etc/hostname")


@pytest.mark.parametrize(
    "make", [_link, lambda folder: os.mkfifo(output(folder)), lambda folder: output(folder).mkdir()]
)
def test_only_a_plain_file_is_read(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """A link, a FIFO or a folder in its place is trouble, and blocks nobody."""
    seen = glimpse(tmp_path, lambda: make(tmp_path))

    assert seen.output == b""
    assert seen.trouble


def test_a_unit_that_cannot_be_started_is_trouble(tmp_path: Path) -> None:
    """Refused by polkit, no bus: the look says so and goes on."""

    def refuse() -> None:
        raise PermissionError("Access denied\nnext: rm")

    assert glimpse(tmp_path, refuse).trouble == "could not be started: Access denied?next: rm"


def test_a_look_ends_in_time(tmp_path: Path) -> None:
    """A service manager that never answers costs a bounded wait."""

    async def hang(unit: str) -> None:
        await asyncio.Event().wait()

    observer = Observer(POLICY, hang, folder=tmp_path, look_usec=MILLISECOND)
    (seen,) = asyncio.run(observer.look())

    assert seen.trouble == "no end in time"


def test_looks_do_not_overlap(tmp_path: Path) -> None:
    """Two incidents at once share no output file."""
    running = 0

    async def start(unit: str) -> None:
        nonlocal running
        assert running == 0
        running += 1
        await asyncio.sleep(0)
        running -= 1

    async def both() -> None:
        observer = Observer(POLICY, start, folder=tmp_path)
        await asyncio.gather(observer.look(), observer.look())

    asyncio.run(both())


def test_glimpses_are_kept_as_somebody_elses_words(tmp_path: Path) -> None:
    """Each in a file of its own, whose first line is ours; together within the limit."""
    glimpses = (
        Glimpse(name="a", argv=("/bin/a", "x\ny"), output=b"all is well\n"),
        Glimpse(name="b", argv=("/bin/b",), trouble="no end in time"),
        Glimpse(name="c", argv=("/bin/c",), output=b"z" * 500, is_cut=True),
    )

    keep_glimpses(glimpses, tmp_path, 300)

    kept = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert kept["observe-a.txt"] == f"{HEAD}/bin/a x?y (whole)\nall is well\n"
    assert kept["observe-b.txt"] == f"{HEAD}/bin/b (nothing: no end in time)\n"
    assert sum(map(len, kept.values())) == 300
