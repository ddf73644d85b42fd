"""Looks that may block for ever, each in a daemon thread of its own.

Theory of operation. getaddrinfo, a stat on a dead network disk and a walk through a large folder cannot be cancelled.
In the loop's own pool of threads, which is small and also contains new lives, a few that hang would stop every start.
Here a hanging look costs one thread and is not asked again until it has come back.

Invariant: at most one thread for each key, at most THREADS_MAX in all; the thread is a daemon, so it never holds up the
end of the process.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

THREADS_MAX = 16

_Found = TypeVar("_Found")


class Busy(Exception):  # noqa: N818 - said of the look
    """An earlier look of this key, or too many others, have not come back."""


class Aside:
    """The threads that look. One for the daemon."""

    def __init__(self) -> None:
        self._running: set[str] = set()

    async def run(self, key: str, look: Callable[[], _Found]) -> _Found:
        """Return what `look` returns or raises; whoever is cancelled meanwhile leaves it to end alone.

        Raises:
            Busy: it was not begun.
        """
        if key in self._running or len(self._running) >= THREADS_MAX:
            raise Busy(key)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Found] = loop.create_future()
        self._running.add(key)

        def deliver(found: _Found | None, error: BaseException | None) -> None:
            self._running.discard(key)
            if answer.done():
                return
            if error is None:
                answer.set_result(found)  # type: ignore[arg-type]  # without an error there is a result
            else:
                answer.set_exception(error)

        def work() -> None:
            found: _Found | None = None
            failure: BaseException | None = None
            try:
                found = look()
            except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
                failure = error
            try:
                loop.call_soon_threadsafe(deliver, found, failure)
            except RuntimeError:
                return  # the loop has ended meanwhile

        try:
            threading.Thread(target=work, name=f"aside {key}", daemon=True).start()
        except RuntimeError as error:  # no thread can be made
            self._running.discard(key)
            raise Busy(key) from error
        return await answer
