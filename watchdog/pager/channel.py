"""What a channel is: one blocking call that takes a message, or says why not; and, for some, the care that follows.

Most channels are done when a message was taken. A living channel is not: an Alertmanager forgets an alert that is
not sent again, a Pushover receipt must be asked whether somebody acknowledged. Such a channel is shown, every few
seconds or minutes, how the incidents stand that it was told of (`keep_up`), and answers with what it heard.

Invariants: a channel is called in threads of its own, ends within its time limit, never retries, never decides, and
lets no secret into what it returns or raises. It remembers nothing that it could not afford to forget: what must
outlive gatedog comes back to it through `Told.reference`, from the journal. Retrying, order and giving up are
pager/route.py; when to keep up is pager/upkeep.py.
"""

from typing import Protocol, runtime_checkable

from watchdog.core.values import dataclass
from watchdog.pager.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The channel took the message. `detail` says who took it, for the person who asks whether the page went out.

    `reference` is the receiver's own name for what it took (a receipt, a message id), "" where it has none. It is
    journaled, so it is never anything that gives access to something.
    """

    detail: str
    reference: str = ""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One page that the channel took, and what the receiver calls it."""

    page: str
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one incident stands, for a channel that was told of it. `message` is its latest page, worded for the channel.

    `told` is what this channel took of it, oldest first. `acknowledged_by` is "" while nobody has it;
    `over_wall_usec` is None while it is not over.
    """

    incident: str
    message: Message
    told: tuple[Told, ...]
    acknowledged_by: str = ""
    over_wall_usec: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody should still do something."""
        return not self.acknowledged_by and self.over_wall_usec is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """A person took the incident on the channel itself, and the channel vouches for who it was.

    `wall_usec` is when, by the receiver's clock, None where it does not say. The same may be heard more than once.
    """

    channel: str
    incident: str
    page: str
    by: str
    wall_usec: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Silenced:
    """Somebody made the receiver keep quiet about the incident.

    Shown to people, never counted as acknowledgement: whoever reaches the receiver can do that, the supervised agent
    included.
    """

    channel: str
    incident: str
    by: str


Heard = Acknowledged | Silenced


@runtime_checkable
class LivingChannel(Channel, Protocol):
    """A channel with something to keep up while an incident it was told of is not forgotten."""

    every_usec: int
    """How long after one round the next is due."""

    def keep_up(self, standings: tuple[Standing, ...]) -> tuple[Heard, ...]:
        """Do what is due, and say what was heard. Raises like `deliver`. What was done already may be done again."""
        ...


class UnknownChannel:
    """Stands in for a name that pager.toml does not have (any more), so that its pages fail loudly at once."""

    def __init__(self, name: str) -> None:
        self.name = name

    def deliver(self, message: Message) -> Receipt:
        """Refuse."""
        del message
        raise ConfigurationFault(f"pager.toml has no channel {self.name!r}; add it, then run: gatedog policy check")
