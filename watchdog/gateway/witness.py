"""Who sees signals being sent: what the backends ask for, and sensors/ knows.

Invariant: a witness only names a sender. It never fails, and what it has not seen is unknown.
"""

from typing import Protocol

from watchdog.core.endings import Sender, SignalSender
from watchdog.core.identity import ProcessRef
from watchdog.origin.marks import LifeMark


class Witness(Protocol):
    """Watches the main processes of lives."""

    def watch(self, process: ProcessRef) -> None:
        """Look for signals to this main process from now on. Cheap: a start follows on a death."""
        ...

    def judge(self, mark: LifeMark, uid: int, ended_by: str | None) -> tuple[Sender, SignalSender | None]:
        """Say who ended a life, by a signal or (None) with a status; `uid` is the account it ran under, -1: unknown."""
        ...

    def forget(self, process: ProcessRef) -> None:
        """Look for signals to it no more."""
        ...


class NoWitness:
    """Nobody looks. Implements `Witness`."""

    def watch(self, process: ProcessRef) -> None:
        """See `Witness.watch`."""

    def judge(
        self,
        mark: LifeMark,  # noqa: ARG002 - of Witness
        uid: int,  # noqa: ARG002 - of Witness
        ended_by: str | None,  # noqa: ARG002 - of Witness
    ) -> tuple[Sender, SignalSender | None]:
        """See `Witness.judge`."""
        return Sender.UNKNOWN, None

    def forget(self, process: ProcessRef) -> None:
        """See `Witness.forget`."""
