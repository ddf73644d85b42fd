"""How a probe ends: well, failing, or not asked at all.

Theory of operation. A probe's code returns what it saw when all is well, raises `Failing` when the gateway did not do
what it should, and `CannotAsk` when the fault may be ours: no descriptor left, no route, no permission, a resolver that
is silent. To take the second for the first would page somebody for our own trouble, and later restart a gateway for it.

Invariant: every text is one line of at most TEXT_MAX printable characters.
"""

import errno
import os
from dataclasses import dataclass

from watchdog.core.events import TEXT_MAX
from watchdog.core.observations import ProbeCause

_OURS = frozenset(
    {
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS),
        *(errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL),
        *(errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT),
    }
)
"""What the kernel says when a question cannot be put from here."""


ANSWER_BYTES = 4 * 1024
"""So much of an answer is remembered."""


class Failing(Exception):  # noqa: N818 - the gateway fails, not this program
    """The gateway was asked, and did not do what it should."""

    def __init__(self, detail: str, cause: ProbeCause = ProbeCause.UNKNOWN) -> None:
        super().__init__(detail)
        self.detail = plain(detail)
        self.cause = cause


class CannotAsk(Exception):  # noqa: N818 - as above
    """The question could not be put: nothing is known about the gateway."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = plain(detail)


@dataclass(slots=True)
class Progress:
    """How far a probe has come; when its time is up, this is what is told."""

    stage: str = "no answer"
    cause: ProbeCause = ProbeCause.UNKNOWN
    answer: bytes = b""
    """What came back, at most ANSWER_BYTES of it: evidence, and untrusted."""


def plain(text: str, length_max: int = TEXT_MAX) -> str:
    """Make untrusted text safe to show: one line, printable, at most `length_max` characters."""
    cut = text[: 4 * length_max]
    return " ".join("".join(letter if letter.isprintable() else " " for letter in cut).split())[:length_max]


def is_ours(error: OSError) -> bool:
    """Tell whether a system call failed for want of something on our side."""
    return error.errno in _OURS


def reason(error: OSError) -> str:
    """Say an error without what changes from one time to the next, such as descriptors and ports."""
    known = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else ""
    return (known or error.strerror or str(error) or type(error).__name__).lower()
