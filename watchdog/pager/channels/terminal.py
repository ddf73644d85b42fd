"""Pages for the person who runs `gatedog run` in a terminal.

Invariant: every line after the first is indented, so nothing inside a message can pass for a message of its own; one
message is one write, so two never mix.
"""

import errno
from typing import TextIO

from watchdog.core.decisions import Severity
from watchdog.pager.channel import ConfigurationFault, Receipt, TryLater
from watchdog.pager.message import Message

_GONE = frozenset({errno.EIO, errno.EPIPE, errno.EBADF, errno.ENXIO})
"""What a terminal answers after its window was closed: it never comes back under the same descriptor."""

_BELL = "\a"


class TerminalChannel:
    """Writes to an open text stream, such as sys.stderr."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self.name = name
        self._stream = stream

    def deliver(self, message: Message) -> Receipt:
        """Write the message; ring when it is critical and somebody may hear it."""
        try:
            self._stream.write(self._text(message))
            self._stream.flush()
        except ValueError as error:
            raise ConfigurationFault("the terminal was closed") from error
        except OSError as error:
            if error.errno in _GONE:
                raise ConfigurationFault(f"the terminal is gone: {error.strerror}") from error
            raise TryLater(f"the terminal did not take it: {error.strerror}") from error
        return Receipt(detail="written to the terminal")

    def _text(self, message: Message) -> str:
        mark = "notice" if message.severity is Severity.INFO else f"PAGE {message.severity.value}"
        bell = _BELL if message.severity is Severity.CRITICAL and self._stream.isatty() else ""
        first, *rest = message.lines
        text = f"{bell}gatedog {mark}: {first}\n" + "".join(f"    {line}".rstrip() + "\n" for line in rest)
        encoding = self._stream.encoding or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)
