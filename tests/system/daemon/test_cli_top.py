"""`gatedog top` on a real terminal before a real daemon: it follows, it fits, and it gives the terminal back."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

GATEDOG = str(Path(sys.executable).with_name("gatedog"))
LIVES = ["/bin/sh", "-c", "exec sleep 600"]
WAIT_S = 30.0
_PIECE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|(\r\n)|([^\x1b\r\n]+)")
# Whoever runs the tests in the background has SIGINT ignored, and children inherit that.
BEGIN = (
    "import fcntl, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from watchdog.cli.main import main; sys.exit(main())"
)


class Top:
    """The command on a terminal of its own, and that terminal's screen, as far as its few sequences go."""

    def __init__(self, socket: Path, *words: str, columns: int = 80, lines: int = 24, **environ: str) -> None:
        self.terminal, theirs = pty.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(theirs)
        self.command = subprocess.Popen(
            [sys.executable, "-c", BEGIN, "--socket", str(socket), "top", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", **environ},
            start_new_session=True,
        )
        self.theirs = theirs
        self.raw = ""
        self.screen: list[str] = []
        self.is_alternate = False
        self._row = 0

    def resize(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.terminal, keys)

    def read(self, seconds: float) -> None:
        """Read what was written within so long, and keep the screen."""
        while select.select([self.terminal], [], [], seconds)[0]:
            seconds = 0.05
            try:
                text = os.read(self.terminal, 65536).decode()
            except OSError:  # nobody has it open any more
                return
            self.raw += text
            for sequence, letter, newline, letters in _PIECE.findall(text):
                self._take(sequence, letter, newline, letters)

    def _take(self, sequence: str, letter: str, newline: str, letters: str) -> None:
        if (sequence, letter) in (("?1049", "h"), ("?1049", "l")):
            self.is_alternate, self.screen, self._row = letter == "h", [], 0
        elif letter == "H":
            self._row = 0
            self.screen = self.screen[:1] and ["", *self.screen[1:]]
        elif letter == "J":
            del self.screen[self._row + 1 :]
        elif newline:
            self._row += 1
            if len(self.screen) > self._row:
                self.screen[self._row] = ""
        elif letters:
            self.screen += [""] * (self._row + 1 - len(self.screen))
            self.screen[self._row] += letters

    def wait(self, reached: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + WAIT_S
        while not reached():
            assert time.monotonic() < until, f"waited for {what}; the screen: {self.screen}; all: {self.raw[-2000:]}"
            self.read(0.1)

    def shows(self, text: str) -> bool:
        return any(text in line for line in self.screen)

    def ended(self) -> tuple[int, list[object]]:
        """Wait for the end; return the exit code and the terminal's settings."""
        self.wait(lambda: self.command.poll() is not None, "the end")
        self.read(0.05)
        return self.command.returncode, termios.tcgetattr(self.theirs)

    def close(self) -> None:
        if self.command.poll() is None:
            self.command.kill()
        self.command.wait()
        os.close(self.theirs)
        os.close(self.terminal)


@pytest.fixture
def opened() -> Iterator[Callable[..., Top]]:
    """Return a function that opens a screen; each is closed at the end."""
    screens: list[Top] = []

    def open_one(*words: object, **more: object) -> Top:
        screens.append(Top(*words, **more))
        return screens[-1]

    yield open_one
    for each in screens:
        each.close()


def test_the_screen_follows_the_daemon(site, opened) -> None:
    """A hold shows up by itself; when the daemon dies everything is unknown; a new daemon is well again."""
    site.write_policy(LIVES)
    daemon = site.start()
    site.wait_until(ready=True)
    top = opened(site.socket)
    top.wait(lambda: top.shows("\u25cf gateway          READY") and top.shows("memory"), "a gateway that is well")
    assert top.is_alternate
    assert site.human("hold", "gateway", "-m", "looking")[0] == 0
    top.wait(lambda: top.shows("\u2716 gateway          HELD, RUNNING"), "the hold")
    daemon.kill()
    daemon.wait()
    top.wait(lambda: top.shows("UNREACHABLE") and top.shows("? gateway          UNKNOWN (was HELD"), "its death")
    assert not top.shows("\u25cf")
    site.start()
    top.wait(lambda: top.shows("\u2716 gateway") and not top.shows("UNREACHABLE"), "the new daemon")
    top.type(b"q")
    code, settings = top.ended()

    assert (code, settings, top.is_alternate) == (0, top.before, False)
    assert "Traceback" not in top.raw


def test_a_new_size_is_drawn_at_once(site, opened) -> None:
    """After a change of the window every line fits the new one, and a large one has room for more."""
    site.write_policy(LIVES)
    site.start()
    site.wait_until(ready=True)
    top = opened(site.socket, "--every", "60")
    top.wait(lambda: top.shows("more: gatedog status"), "the first screen")
    for columns, lines in ((200, 50), (80, 24), (31, 7), (80, 24)):
        top.resize(columns, lines)
        top.wait(lambda: len(top.screen) == top.lines, f"{lines} lines")  # 60 s between two turns: the signal did it

        assert max(map(len, top.screen)) <= columns
        assert top.shows("gateway ")


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (b"q", 0), (b"\x03", 130)]
)
def test_every_end_gives_the_terminal_back(site, opened, how: signal.Signals | bytes, code: int) -> None:
    """q, Ctrl-C and signals leave the settings, the cursor and the screen of before, and no traceback."""
    top = opened(site.socket)  # nobody answers there
    top.wait(lambda: top.shows("UNKNOWN - nobody answers"), "the screen")
    if isinstance(how, bytes):
        top.type(how)
    else:
        top.command.send_signal(how)
    ended, settings = top.ended()

    assert (ended, settings, top.is_alternate) == (code, top.before, False)
    assert top.raw.rindex("\x1b[?25h") > top.raw.rindex("\x1b[?25l")
    assert "Traceback" not in top.raw


def test_ctrl_z_gives_the_terminal_back_until_it_is_continued(site, opened) -> None:
    """Suspended, the shell has its terminal; continued, the screen is drawn anew."""
    top = opened(site.socket)
    top.wait(lambda: top.shows("UNKNOWN - nobody answers"), "the screen")
    top.command.send_signal(signal.SIGTSTP)
    top.wait(lambda: not top.is_alternate, "the shell's screen")
    top.wait(lambda: _state(top.command.pid) == "T", "the stop")
    settings = termios.tcgetattr(top.theirs)
    top.command.send_signal(signal.SIGCONT)
    top.wait(lambda: top.is_alternate and top.shows("UNKNOWN - nobody answers"), "the screen again")
    top.type(b"q")

    assert (settings, top.ended()) == (top.before, (0, top.before))


def test_colour_only_where_it_is_wanted(site, opened) -> None:
    """NO_COLOR leaves the cursor's sequences and no colour; without it there is some."""
    plain, coloured = opened(site.socket, NO_COLOR="1"), opened(site.socket, NO_COLOR="")
    for top in (plain, coloured):
        top.wait(lambda top=top: top.shows("UNKNOWN - nobody answers"), "the screen")

    assert re.search(r"\x1b\[[0-9;]+m", coloured.raw)
    assert not re.search(r"\x1b\[[0-9;]*m", plain.raw)


def test_what_is_no_terminal_gets_it_once(site, opened) -> None:
    """In a pipe, or on a terminal that cannot move its cursor, the page is written once, and that is said."""
    site.write_policy(LIVES)
    site.start()
    site.wait_until(ready=True)
    piped = site.cli("top")
    dumb = opened(site.socket, TERM="dumb")

    assert (piped.returncode, "\x1b" in piped.stdout) == (0, False)
    assert "\u25cf gateway          READY" in piped.stdout
    assert "this was shown once" in piped.stderr
    assert dumb.ended()[0] == 0
    assert "\x1b" not in dumb.raw
    assert "this was shown once" in dumb.raw


def test_an_unknown_gateway_is_told_before_the_screen_is_taken(site) -> None:
    """A name that nobody has is an error like any other, not a screen."""
    site.write_policy(LIVES)
    site.start()
    site.wait_until(ready=True)

    assert site.cli("top", "nobody").returncode == 4
    assert "known: gateway" in site.cli("top", "nobody").stderr


def test_the_status_holds_the_memory_of_the_last_two_hours(site) -> None:
    """What a life uses is measured from its begin, on a grid of 40 cells, the present one last."""
    site.write_policy(LIVES)
    site.start()
    site.wait_until(ready=True)
    site.wait(lambda: bool((site.status() or {}).get("memory_kib")), "a first sample")
    cells = json.loads(site.cli("status", "--json").stdout)["gateways"][0]["memory_kib"]

    assert len(cells) == 40
    assert cells[-1] > 100 or cells[-2] > 100
    assert cells[0] == 0


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
