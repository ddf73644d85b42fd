"""What a channel is: one blocking call that takes a message, or says why not.

Invariant: a channel keeps no memory between messages, never retries and never decides; it is called in a thread of
its own, ends within its time limit, and lets no secret into what it returns or raises. Retrying, order and giving up
are pager/route.py.
"""

from dataclasses import dataclass
from typing import Protocol

from watchdog.pager.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The channel took the message. `detail` says who took it, for the person who asks whether the page went out."""

    detail: str


class TryLater(Exception):  # noqa: N818 - an instruction to the caller, not a description of what broke
    """Passing trouble. `after_usec`: the other side asked the whole channel for this much quiet."""

    def __init__(self, detail: str, after_usec: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.after_usec = after_usec


class ConfigurationFault(Exception):  # noqa: N818 - named after the page that it leads to
    """Trouble that only a human's change ends. `detail` says what, and what to change."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Channel(Protocol):
    """One way out of this machine."""

    name: str

    def deliver(self, message: Message) -> Receipt:
        """Hand the message over, or raise TryLater or ConfigurationFault. Blocks; called in a worker thread."""
        ...


class UnknownChannel:
    """Stands in for a name that pager.toml does not have (any more), so that its pages fail loudly at once."""

    def __init__(self, name: str) -> None:
        self.name = name

    def deliver(self, message: Message) -> Receipt:
        """Refuse."""
        del message
        raise ConfigurationFault(f"pager.toml has no channel {self.name!r}; add it, then run: gatedog policy check")
