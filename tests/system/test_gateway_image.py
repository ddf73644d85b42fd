"""An exec in place is seen, and nothing else is taken for one."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from watchdog.core.identity import GatewayName, ProcessRef
from watchdog.core.selfrestart import SelfRestartMeans
from watchdog.gateway.image import SETTLE_USEC, ExecWatch, Image, read_image, why_another
from watchdog.gateway.process import read_begin_usec, read_stat
from watchdog.origin.procfs import read_boot

pytestmark = pytest.mark.system

NAME = GatewayName("gw")
ACTOR = """
import ctypes, os, sys
step = int(sys.argv[1])
print(step, flush=True)
for word in sys.stdin:
    if word == "again\\n":
        os.execv(sys.executable, [sys.executable, "-c", sys.orig_argv[2], str(step + 1)])
    if word == "other\\n":
        os.execv("/bin/sh", ["sh", "-c", "echo 1; read rest"])
    ctypes.CDLL(None).prctl(15, b"retitled", 0, 0, 0)
    hoard = [bytearray(1 << 20) for _ in range(64)]
    del hoard
    print("done", flush=True)
"""
"""Does what it is told: executes itself, or another program, or changes its name and grows and shrinks."""


class Actor:
    """A process that does what a test tells it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", ACTOR, "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        stat = read_stat(self.process.pid)
        assert stat is not None
        self.ref = ProcessRef(pid=stat.pid, start_ticks=stat.start_ticks, boot=read_boot())
        self.pidfd = os.pidfd_open(stat.pid)
        self.hear()

    def hear(self) -> str:
        """Wait for a word of it."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, word: str) -> str:
        """Say what to do, and wait until it is done."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        return self.hear()

    def watch(self, known: Image | None = None) -> ExecWatch:
        """Watch it as a life that serves."""
        made = ExecWatch(self.ref, self.pidfd, known)
        made.settle()
        return made

    def end(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.communicate()
        os.close(self.pidfd)


@pytest.fixture
def actor() -> Iterator[Actor]:
    """Give a process that begins in step 0."""
    made = Actor()
    yield made
    made.end()


@pytest.mark.parametrize("program", ["again", "other"])
def test_exec_in_place_is_seen_once(actor: Actor, program: str) -> None:
    """The same program or another one in the same process: one report, and none while nothing more happens."""
    watch = actor.watch()
    assert watch.look(NAME) is None
    assert actor.tell(program) == "1"
    seen = watch.look(NAME)

    assert seen is not None
    assert (seen.process, seen.successor, seen.means) == (actor.ref, None, SelfRestartMeans.EXEC_IN_PLACE)
    assert watch.look(NAME) is None


def test_name_and_size_are_no_exec(actor: Actor) -> None:
    """What a program may do to its own name and memory is not taken for another program."""
    watch = actor.watch()
    watch.look(NAME)
    for _ in range(3):
        assert actor.tell("change") == "done"
        assert watch.look(NAME) is None


def test_exec_while_nobody_looked_is_found_by_what_was_written_down(actor: Actor) -> None:
    """A daemon that starts again compares with the record of the one before it."""
    before = read_image(actor.ref.pid)
    assert actor.tell("again") == "1"

    assert actor.watch(before).look(NAME) is not None
    assert actor.watch(None).look(NAME) is None


def test_programs_that_a_life_begins_with_are_its_start(actor: Actor) -> None:
    """Within the first minute of a life that has not shown that it serves, an exec is a part of starting."""
    watch = ExecWatch(actor.ref, actor.pidfd)
    began = read_begin_usec(actor.ref)
    assert watch.look(NAME, began + SETTLE_USEC - 1) is None
    actor.tell("again")
    assert watch.look(NAME, began + SETTLE_USEC) is None
    actor.tell("again")
    assert watch.look(NAME, began + SETTLE_USEC + 1) is not None


def test_process_that_ended_is_no_exec(actor: Actor) -> None:
    """What is gone has no memory, and its end is somebody else's report."""
    watch = actor.watch()
    watch.look(NAME)
    actor.process.kill()
    actor.process.wait()

    assert watch.look(NAME) is None


@pytest.mark.parametrize(
    ("after", "word"),
    [
        (Image(stack=0, code_kib=12, peak_kib=900), "KiB of code"),
        (Image(stack=0, code_kib=10, peak_kib=99), "peak"),
        (Image(stack=0, code_kib=10, peak_kib=100), ""),
        (Image(stack=0, code_kib=10, peak_kib=5_000), ""),
        (Image(stack=7, code_kib=10, peak_kib=100), ""),
    ],
)
def test_without_the_right_to_trace(after: Image, word: str) -> None:
    """Everybody may know the size of the code and the peak; each of them proves another memory, and growth does not."""
    why = why_another(Image(stack=0, code_kib=10, peak_kib=100), after)

    assert (word in why) if word else not why
