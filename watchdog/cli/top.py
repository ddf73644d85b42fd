"""`gatedog top`: a screen that stays open and is drawn again when something changes.

Theory of operation. Once a second the daemon is asked; the screen is written only when it reads differently. Keys, a
new size of the window and signals wake the same wait. Asking is bounded, so a daemon that hangs is shown as unreachable
with what it left in status.json, and `q` is answered meanwhile within that bound.

Invariant: however it ends (q, Ctrl-C, Ctrl-Z, SIGTERM, a hang-up), the terminal is as it was. What is not a terminal,
or one that cannot move its cursor, gets the page once, and that is said. Deliberately not here: what is drawn
(report/toppage.py).
"""

import os
import select
import signal
import sys
import termios
import time
import tty
from contextlib import suppress
from types import FrameType
from typing import Any, Self

import click

from watchdog.cli import output
from watchdog.cli.paths import Surroundings
from watchdog.cli.status import about, ask_status
from watchdog.cli.trouble import UNKNOWN, Trouble
from watchdog.report.toppage import Asked, Screen, render_top

EVERY_S = 1.0
TIMEOUT_S = 2.0
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""The alternate screen, without a cursor, without wrapping at the edge."""
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_QUIT = frozenset(b"qQ\x04")
_WOKEN_BY = (signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP, signal.SIGCONT)


@click.command()
@click.argument("gateway", required=False)
@click.option("--every", type=click.FloatRange(min=0.2, max=60), default=EVERY_S, metavar="SECONDS", help="Default: 1.")
@click.pass_obj
def top(surroundings: Surroundings, gateway: str | None, *, every: float) -> int:
    """Keep a screen open: restarts, budgets, probes, memory, incidents, pages. q quits.

    Where there is no terminal the page is written once.
    """
    colour = output.wants_colour(surroundings.environ)
    if not _can_stay(surroundings):
        return _once(surroundings, gateway, colour=colour)
    _gather(surroundings, gateway)  # an unknown gateway is told before the screen is taken
    with _Terminal() as terminal:
        drawn = ""
        while not terminal.is_done:
            reply, asked = _gather(surroundings, gateway)
            width, height = terminal.size()
            text = render_top(reply, asked, Screen(width=width, height=height, colour=colour))
            if text != drawn or terminal.is_fresh:
                terminal.draw(text)
                drawn = text
            terminal.wait(every)
    return terminal.code


def _can_stay(surroundings: Surroundings) -> bool:
    dumb = surroundings.environ.get("TERM", "dumb") in ("", "dumb")
    return sys.stdin.isatty() and sys.stdout.isatty() and not dumb


def _once(surroundings: Surroundings, gateway: str | None, *, colour: bool) -> int:
    reply, asked = _gather(surroundings, gateway)
    screen = Screen(width=output.page_width(), height=None, colour=colour)
    output.say(render_top(reply, asked, screen) + "\n")
    click.echo("gatedog: no terminal to stay on, so this was shown once", err=True)
    click.echo("  next: gatedog events -f", err=True)
    return UNKNOWN if asked.unreachable else 0


def _gather(surroundings: Surroundings, gateway: str | None) -> tuple[dict[str, Any] | None, Asked]:
    """Ask; what cannot be answered is part of the picture. Raises Trouble for a gateway that there is not."""
    now_usec = time.time_ns() // 1000
    try:
        reply, unreachable = ask_status(surroundings, TIMEOUT_S)
    except Trouble as trouble:
        return None, Asked(
            now_usec=now_usec, unreachable=trouble.message, next_command=", ".join(trouble.next_commands)
        )
    if unreachable is None:
        return about(reply, gateway), Asked(now_usec=now_usec)
    return about(reply, gateway), Asked(
        now_usec=now_usec, unreachable=unreachable.why, next_command=unreachable.next_command
    )


class _Terminal:
    """The terminal while it is ours. Signals become bytes in a pipe that the wait looks at, so none is lost."""

    def __init__(self) -> None:
        self.is_fresh = True
        """Whether nothing of ours is on the screen."""
        self.is_done = False
        self.code = 0
        self._input = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._input)
        self._woken, self._wakes = os.pipe()
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        os.set_blocking(self._wakes, False)
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        for number in _WOKEN_BY:
            self._handlers[number] = signal.signal(number, _wake)
        try:
            self._take()
        except BaseException:  # Ctrl-C between the first and the last of it, too
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()
        signal.set_wakeup_fd(-1)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        os.close(self._woken)
        os.close(self._wakes)

    def size(self) -> tuple[int, int]:
        """Return columns and lines as they are now; the plainest terminal's where it does not say."""
        try:
            columns, lines = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            columns, lines = 0, 0
        return columns or 80, lines or 24

    def draw(self, text: str) -> None:
        """Write the screen over the one before, clearing line by line: cleared as a whole first, it would flicker."""
        lines = text.replace("\n", f"{_CLEAR_LINE}\r\n")
        self._write(f"{_HOME}{lines}{_CLEAR_LINE}{_CLEAR_BELOW}")
        self.is_fresh = False

    def wait(self, seconds: float) -> None:
        """Wait for the next turn, a key or a signal."""
        ready, _, _ = select.select([self._input, self._woken], [], [], 0 if self.is_done else seconds)
        if self._woken in ready:
            self._answer(os.read(self._woken, 64))
        if self._input in ready:
            try:
                keys = os.read(self._input, 64)
            except OSError:
                keys = b""
            self.is_done = self.is_done or not keys or any(key in _QUIT for key in keys)

    def _answer(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers or signal.SIGHUP in numbers:
            self.code = 128 + max(number for number in numbers if number in (signal.SIGTERM, signal.SIGHUP))
            self.is_done = True
        elif signal.SIGTSTP in numbers:
            self._give_back()
            os.kill(os.getpid(), signal.SIGSTOP)  # until somebody continues us
            self._take()
        self.is_fresh = True

    def _take(self) -> None:
        tty.setcbreak(self._input, termios.TCSANOW)
        self._write(_ENTER)
        self.is_fresh = True

    def _give_back(self) -> None:
        self._write(_LEAVE)
        with suppress(termios.error):  # hung up: nothing is left to restore
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)

    def _write(self, text: str) -> None:
        try:
            output.say(text)
        except OSError:
            self.is_done = True  # hung up


def _wake(number: int, frame: FrameType | None) -> None:
    """Do nothing: the signal's number is in the pipe by now."""
