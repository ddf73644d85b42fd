"""What ended a task of the pager that was to go on.

Invariant: the first one is kept and raised to whoever turns to the pager next: a pager that lost a part of itself must
not look alive. Cancelling a task is no crash.
"""

import asyncio


class Crashes:
    """Watches tasks."""

    def __init__(self) -> None:
        self._first: BaseException | None = None

    def watch(self, task: asyncio.Task[None]) -> None:
        """Note it when this task ends by an exception."""
        task.add_done_callback(self._note_end)

    def raise_first(self) -> None:
        """Raise what ended a task, if anything did."""
        if self._first is not None:
            raise self._first

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._first = self._first or task.exception()
