"""The channels of pager.toml as typed values, one class for each kind of way out of this machine.

Invariant: no secret is ever part of these values; they name files that pager/ reads at the moment of delivery. So
neither the journal nor a repr can leak one. Deliberately not here: reading the file (pagersettings_channels.py).
"""

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from watchdog.core.timeline import HOUR, MINUTE, SECOND
from watchdog.core.values import dataclass

TIMEOUT_USEC = 10 * SECOND
"""One attempt at a delivery, unless the file says otherwise."""

PAGERDUTY_URL = "https://events.pagerduty.com"
NTFY_URL = "https://ntfy.sh"
PUSHOVER_URL = "https://api.pushover.net"
TELEGRAM_URL = "https://api.telegram.org"
OPSGENIE_URL = "https://api.opsgenie.com/v2/alerts"

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts that are this machine: what is sent there crosses no network."""


class ChannelKind(Enum):
    """The ways out of this machine."""

    ALERTMANAGER = "alertmanager"
    EXEC = "exec"
    JOURNAL = "journal"
    NTFY = "ntfy"
    PAGERDUTY = "pagerduty"
    PUSHOVER = "pushover"
    SMTP = "smtp"
    TELEGRAM = "telegram"
    TERMINAL = "terminal"
    WALL = "wall"
    WEBHOOK = "webhook"


class Template(Enum):
    """What a webhook's receiver expects to read."""

    PLAIN = "plain"
    SLACK = "slack"
    DISCORD = "discord"
    INCIDENT_IO = "incident.io"
    GRAFANA_IRM = "grafana-irm"
    OPSGENIE = "opsgenie"


class Tls(Enum):
    """How a mail connection is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


MAIL_PORTS = {Tls.STARTTLS: 587, Tls.TLS: 465, Tls.NONE: 25}


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """How to reach an HTTP server, and how to be believed there."""

    url: str = ""
    url_file: str = ""
    """A file with the address, where the address itself is the password."""
    credential_file: str = ""
    ca_file: str = ""
    """Certificates to believe instead of the system's."""
    insecure: bool = False
    """A human has said that pages may go to another machine in clear text. Credentials never do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerSettings:
    """Prometheus Alertmanager; `web.url` is its base address, `username` turns the credential into basic auth."""

    name: str
    timeout_usec: int = TIMEOUT_USEC
    web: Web = Web()
    username: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSettings:
    """A program of the human's."""

    name: str
    timeout_usec: int = TIMEOUT_USEC
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """The systemd journal of this machine."""

    name: str
    timeout_usec: int = TIMEOUT_USEC


@dataclass(frozen=True, slots=True, kw_only=True)
class NtfySettings:
    """A topic of an ntfy server."""

    name: str
    timeout_usec: int = TIMEOUT_USEC
    web: Web = Web(url=NTFY_URL)
    topic: str = field(default="", repr=False)
    """Not in a repr: on many servers, who knows the topic can read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutySettings:
    """PagerDuty Events v2; the credential is the integration key, `web.url` the base address of a region."""

    name: str
    timeout_usec: int = TIMEOUT_USEC
    web: Web = Web(url=PAGERDUTY_URL)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushoverSettings:
    """Pushover; the credential is the application's token, `user_file` holds the user's or group's key."""

    name: str
    timeout_usec: int = TIMEOUT_USEC
    web: Web = Web(url=PUSHOVER_URL)
    user_file: str = ""
    retry_usec: int = MINUTE
    expire_usec: int = HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """A mail server and the people behind it."""

    name: str
    timeout_usec: int = TIMEOUT_USEC
    host: str = ""
    port: int = 0
    sender: str = ""
    recipients: tuple[str, ...] = ()
    username: str = ""
    credential_file: str = ""
    tls: Tls = Tls.STARTTLS
    ca_file: str = ""
    insecure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramSettings:
    """A Telegram bot and the chat it writes to; the credential is its token."""

    name: str
    timeout_usec: int = TIMEOUT_USEC
    web: Web = Web(url=TELEGRAM_URL)
    chat: str = ""
    contacts: tuple[tuple[str, int], ...] = ()
    """Who may acknowledge: our name for them, their Telegram user id."""
    agent_token_files: tuple[str, ...] = ()
    """Where the supervised agent keeps its own token: gatedog refuses to speak as the same bot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalSettings:
    """The terminal that gatedog itself was started in."""

    name: str
    timeout_usec: int = TIMEOUT_USEC


@dataclass(frozen=True, slots=True, kw_only=True)
class WallSettings:
    """Every terminal of this machine, through wall(1)."""

    name: str
    timeout_usec: int = TIMEOUT_USEC


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """An HTTP address that takes a POST."""

    name: str
    timeout_usec: int = TIMEOUT_USEC
    web: Web = Web()
    template: Template = Template.PLAIN
    signing_file: str = ""


ChannelSettings = (
    AlertmanagerSettings
    | ExecSettings
    | JournalSettings
    | NtfySettings
    | PagerDutySettings
    | PushoverSettings
    | SmtpSettings
    | TelegramSettings
    | TerminalSettings
    | WallSettings
    | WebhookSettings
)


def kind_of(settings: ChannelSettings) -> ChannelKind:
    """Name the kind of a channel."""
    return _KINDS[type(settings)]


_KINDS: Mapping[type[ChannelSettings], ChannelKind] = {
    AlertmanagerSettings: ChannelKind.ALERTMANAGER,
    ExecSettings: ChannelKind.EXEC,
    JournalSettings: ChannelKind.JOURNAL,
    NtfySettings: ChannelKind.NTFY,
    PagerDutySettings: ChannelKind.PAGERDUTY,
    PushoverSettings: ChannelKind.PUSHOVER,
    SmtpSettings: ChannelKind.SMTP,
    TelegramSettings: ChannelKind.TELEGRAM,
    TerminalSettings: ChannelKind.TERMINAL,
    WallSettings: ChannelKind.WALL,
    WebhookSettings: ChannelKind.WEBHOOK,
}
