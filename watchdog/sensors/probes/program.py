"""Exec probes: what a program said that was run with the gateway's eyes.

Theory of operation. The program, and whatever it loads, may be written by the agent. So it is run by the room that owns
the gateway (`Runner`), under the gateway's account and with its rights at most; here its end and its output are read,
as bytes of a stranger. The runner ends all of it when it is cancelled.

Invariant: nothing is started here.
"""

from typing import Protocol

from watchdog.sensors.probes.outcome import ANSWER_BYTES, CannotAsk, Failing, Progress, plain

OUTPUT_BYTES = 64 * 1024
_NOT_STARTED = (126, 127)
"""How a shell, and our launcher, say that the program cannot be run at all."""


class ProgramEnd(Protocol):
    """How a program ended: a code or the name of a signal; neither where only its output can be seen."""

    @property
    def code(self) -> int | None:
        """Its exit code."""
        ...

    @property
    def signal(self) -> str | None:
        """The signal that ended it."""
        ...

    @property
    def output(self) -> bytes:
        """What it printed, at most OUTPUT_BYTES."""
        ...

    @property
    def overflowed(self) -> bool:
        """Whether it printed more, and was ended for that."""
        ...


class Runner(Protocol):
    """Runs programs beside one gateway."""

    async def run(self, name: str, argv: tuple[str, ...]) -> ProgramEnd:
        """Run to the end. Cancelled, it ends the program and all that came of it.

        Raises:
            OSError: it could not be started; the text is one line for people.
        """
        ...


async def ask_program(runner: Runner, name: str, argv: tuple[str, ...], progress: Progress) -> str:
    """Run the program and return what it printed; its end stays in `progress`. Raises Failing, CannotAsk."""
    try:
        end = await runner.run(name, argv)
    except OSError as error:
        raise CannotAsk(str(error)) from error
    progress.answer = end.output[-ANSWER_BYTES:]
    text = end.output.decode("utf-8", "replace")
    if end.overflowed:
        raise Failing(f"it printed more than {OUTPUT_BYTES >> 10} KiB")
    if end.signal is not None:
        raise Failing(f"it was ended by {end.signal}{_last_words(text)}")
    if end.code in _NOT_STARTED:
        raise CannotAsk(f"its program cannot be run (code {end.code}){_last_words(text)}")
    if end.code:
        raise Failing(f"it ended with {end.code}{_last_words(text)}")
    return text


def _last_words(text: str) -> str:
    line = next((found for line in reversed(text.splitlines()[-64:]) if (found := plain(line, 120))), "")
    return f': "{line}"' if line else ""
