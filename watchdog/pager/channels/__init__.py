"""The ways out of this machine, one file each; `build` makes one from its settings.

Invariant: a channel needs nothing but its settings and the message; what is wrong with the settings is found when a
page goes out, at the latest, and then told as a ConfigurationFault, never by a crash.
Deliberately not here: chat bots that share an account with the agent; whoever can speak as the agent's bot could
also forge gatedog's pages.
"""

from typing import TextIO, assert_never

from watchdog.pager.channel import Channel
from watchdog.policyfile.pagersettings import ChannelKind, ChannelSettings


def build(settings: ChannelSettings, *, terminal: TextIO, credentials_directory: str = "") -> Channel:
    """Make the channel. `terminal` is where a terminal channel writes, `credentials_directory` as systemd gave it.

    The imports stand inside because HTTP and SMTP cost 3 MB of memory that a gatedog without them need not pay.
    """
    match settings.kind:
        case ChannelKind.EXEC:
            from watchdog.pager.channels.exec import ExecChannel  # noqa: PLC0415 - see the docstring

            return ExecChannel(settings)
        case ChannelKind.WEBHOOK:
            from watchdog.pager.channels.webhook import WebhookChannel  # noqa: PLC0415 - see the docstring

            return WebhookChannel(settings, credentials_directory=credentials_directory)
        case ChannelKind.SMTP:
            from watchdog.pager.channels.smtp import SmtpChannel  # noqa: PLC0415 - see the docstring

            return SmtpChannel(settings, credentials_directory=credentials_directory)
        case ChannelKind.TERMINAL:
            from watchdog.pager.channels.terminal import TerminalChannel  # noqa: PLC0415 - see the docstring

            return TerminalChannel(settings.name, terminal)
        case _ as never:
            assert_never(never)
