"""One attempt at a delivery, or one round of upkeep, in a thread that nothing else waits for.

A thread cannot be ended from outside. A pool would let a hung channel occupy its workers one by one, and the
interpreter joins pool threads when it exits, so a hung mail server would hold up gatedog's own end. Each attempt
therefore has a daemon thread of its own, is abandoned when its time is over, and the number of abandoned threads is
bounded. An abandoned attempt may still succeed: the page is then delivered twice, with the same keys.

Invariant: `run` and `call` end within their limit with a result or with one of the two errors of pager/channel.py.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from watchdog.core.timeline import SECOND, duration_text
from watchdog.pager.channel import Channel, ConfigurationFault, Receipt, TryLater
from watchdog.pager.message import Message

ABANDONED_MAX = 4
"""Threads of one channel that may hang at once."""

_Result = TypeVar("_Result")


class Threads:
    """The threads of one receiver, named after it."""

    def __init__(self, name: str, *, limit_usec: int) -> None:
        self._name = name
        self._limit_usec = limit_usec
        self._abandoned: list[threading.Thread] = []

    async def call(self, work: Callable[[], _Result]) -> _Result:
        """Do one thing in a thread, in at most the limit. Raises TryLater or ConfigurationFault."""
        self._abandoned = [thread for thread in self._abandoned if thread.is_alive()]
        if len(self._abandoned) >= ABANDONED_MAX:
            raise TryLater(f"{len(self._abandoned)} earlier attempts still hang")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Result | Exception] = loop.create_future()
        thread = threading.Thread(target=_work, args=(work, loop, answer), name=f"page-{self._name}", daemon=True)
        thread.start()
        try:
            # Not wait_for: up to Python 3.11 it swallows a cancellation that meets the answer, and `close` would hang.
            async with asyncio.timeout(self._limit_usec / SECOND):
                outcome = await answer
        except TimeoutError:
            self._abandoned.append(thread)
            raise TryLater(f"no answer within {duration_text(self._limit_usec)}") from None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Attempts(Threads):
    """The attempts of one channel."""

    def __init__(self, channel: Channel, *, limit_usec: int) -> None:
        super().__init__(channel.name, limit_usec=limit_usec)
        self._channel = channel

    async def run(self, message: Message) -> Receipt:
        """Deliver once, in at most the limit. Raises TryLater or ConfigurationFault."""
        return await self.call(lambda: self._channel.deliver(message))


def _work(
    work: Callable[[], _Result], loop: asyncio.AbstractEventLoop, answer: asyncio.Future[_Result | Exception]
) -> None:
    outcome: _Result | Exception
    try:
        outcome = work()
    except (TryLater, ConfigurationFault) as error:
        outcome = error
    except Exception as error:  # noqa: BLE001 - a channel's bug must become a fact in the journal, not a lost page
        # Only the type: the text of a stranger exception may hold a credential.
        outcome = ConfigurationFault(f"the channel itself broke ({type(error).__name__}); this is a bug in gatedog")
    # A closed loop: gatedog ends, and the page is still in the outbox for the next start.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(_set, answer, outcome)


def _set(answer: asyncio.Future[_Result | Exception], outcome: _Result | Exception) -> None:
    """Answer, unless the attempt has been abandoned meanwhile."""
    if not answer.done():
        answer.set_result(outcome)
