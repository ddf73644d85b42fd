"""The ways out of this machine, one file each; `build` makes one from its settings.

Invariant: a channel needs nothing but its settings and the message; what is wrong with the settings is found when a
page goes out, at the latest, and then told as a ConfigurationFault, never by a crash.
Deliberately not here: chat bots that share an account with the agent; whoever can speak as the agent's bot could
also forge gatedog's pages. telegram.py refuses to.
"""

from typing import TextIO, assert_never

from watchdog.pager.channel import Channel
from watchdog.policyfile.pagersettings_kinds import (
    AlertmanagerSettings,
    ChannelSettings,
    ExecSettings,
    JournalSettings,
    NtfySettings,
    PagerDutySettings,
    PushoverSettings,
    SmtpSettings,
    TelegramSettings,
    TerminalSettings,
    WallSettings,
    WebhookSettings,
)


def build(settings: ChannelSettings, *, terminal: TextIO, credentials_directory: str = "") -> Channel:
    """Make the channel. `terminal` is where a terminal channel writes, `credentials_directory` as systemd gave it.

    The imports stand inside because HTTP and SMTP cost 3 MB of memory that a gatedog without them need not pay.
    """
    match settings:
        case ExecSettings():
            from watchdog.pager.channels.exec import ExecChannel  # noqa: PLC0415 - see the docstring

            return ExecChannel(settings)
        case JournalSettings():
            from watchdog.pager.channels.journal import JournalChannel  # noqa: PLC0415 - see the docstring

            return JournalChannel(settings)
        case SmtpSettings():
            from watchdog.pager.channels.smtp import SmtpChannel  # noqa: PLC0415 - see the docstring

            return SmtpChannel(settings, credentials_directory=credentials_directory)
        case TerminalSettings():
            from watchdog.pager.channels.terminal import TerminalChannel  # noqa: PLC0415 - see the docstring

            return TerminalChannel(settings.name, terminal)
        case WallSettings():
            from watchdog.pager.channels.wall import WallChannel  # noqa: PLC0415 - see the docstring

            return WallChannel(settings)
        case _ as over_http:
            return _build_over_http(over_http, credentials_directory)


def _build_over_http(
    settings: AlertmanagerSettings
    | NtfySettings
    | PagerDutySettings
    | PushoverSettings
    | TelegramSettings
    | WebhookSettings,
    credentials_directory: str,
) -> Channel:
    match settings:
        case AlertmanagerSettings():
            from watchdog.pager.channels.alertmanager import AlertmanagerChannel  # noqa: PLC0415 - see `build`

            return AlertmanagerChannel(settings, credentials_directory=credentials_directory)
        case NtfySettings():
            from watchdog.pager.channels.ntfy import NtfyChannel  # noqa: PLC0415 - see `build`

            return NtfyChannel(settings, credentials_directory=credentials_directory)
        case PagerDutySettings():
            from watchdog.pager.channels.pagerduty import PagerDutyChannel  # noqa: PLC0415 - see `build`

            return PagerDutyChannel(settings, credentials_directory=credentials_directory)
        case PushoverSettings():
            from watchdog.pager.channels.pushover import PushoverChannel  # noqa: PLC0415 - see `build`

            return PushoverChannel(settings, credentials_directory=credentials_directory)
        case TelegramSettings():
            from watchdog.pager.channels.telegram import TelegramChannel  # noqa: PLC0415 - see `build`

            return TelegramChannel(settings, credentials_directory=credentials_directory)
        case WebhookSettings():
            from watchdog.pager.channels.webhook import WebhookChannel  # noqa: PLC0415 - see `build`

            return WebhookChannel(settings, credentials_directory=credentials_directory)
        case _ as never:
            assert_never(never)
