"""Pages in the systemd journal of this machine, by journald's own datagram protocol.

Invariant: each value goes with its length, never as NAME=VALUE with a line end, so no text can end its field and begin
another. Deliberately not here: waking anybody. A page here is for `journalctl -t gatedog`, and for what forwards it.
"""

import errno
import socket
from collections.abc import Mapping

from watchdog.core.decisions import Severity
from watchdog.core.timeline import SECOND
from watchdog.pager.channel import ConfigurationFault, Receipt, TryLater
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings_kinds import JournalSettings

SOCKET = "/run/systemd/journal/socket"

MESSAGE_ID = "b1c6e1f5d9a34c0f9d0d7a5c2f4e8a61"
"""Names pages among all messages of the journal: journalctl MESSAGE_ID=..."""

_PRIORITY = {Severity.CRITICAL: 2, Severity.WARNING: 4, Severity.INFO: 6}
"""As in syslog. Not 0 for critical: journald would write emergencies to every terminal by itself."""


class JournalChannel:
    """journald."""

    def __init__(self, settings: JournalSettings, *, address: str = SOCKET) -> None:
        self.name = settings.name
        self._timeout_usec = settings.timeout_usec
        self._address = address

    def deliver(self, message: Message) -> Receipt:
        """Send one record; that journald took it is all there is to know."""
        record = datagram(message)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as ours:
                ours.settimeout(self._timeout_usec / SECOND)
                ours.connect(self._address)
                ours.send(record)
        except OSError as error:
            if error.errno == errno.EACCES:
                raise ConfigurationFault(f"journal: {error.strerror}: {self._address}") from error
            raise TryLater(f"journal: {error.strerror or type(error).__name__}") from error
        return Receipt(detail="the journal took it")


def datagram(message: Message) -> bytes:
    """Return the record in journald's binary form."""
    fields: Mapping[str, str] = {
        "MESSAGE": message.text.rstrip("\n"),
        "MESSAGE_ID": MESSAGE_ID,
        "PRIORITY": str(_PRIORITY[message.severity]),
        "SYSLOG_IDENTIFIER": "gatedog",
        "GATEDOG_GATEWAY": message.gateway,
        "GATEDOG_SEVERITY": message.severity.value,
        "GATEDOG_UPDATE": message.update.value,
        "GATEDOG_INCIDENT": message.incident,
        "GATEDOG_PAGE": message.page,
        "GATEDOG_RULE": message.rule,
        "GATEDOG_KEY": message.idempotency_key,
    }
    return b"".join(_field(name, value.encode("utf-8", "backslashreplace")) for name, value in fields.items())


def _field(name: str, value: bytes) -> bytes:
    return name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
