"""What a channel or a dead-man switch reaches, in words: for whoever reviews that it comes, changes or goes.

Invariant: no secret is shown. Of an address its host is said and not its path, which is the password of many a
webhook; of a file its name. Words of a program are said whole, and quoted as a shell would want them: what a proposal
hides behind the first sixty characters is what it is about. Deliberately not here: what a change of it means.
"""

from shlex import join
from urllib.parse import urlsplit

from watchdog.policyfile.pagersettings_deadman import SwitchSettings
from watchdog.policyfile.pagersettings_kinds import (
    ChannelSettings,
    ExecSettings,
    JournalSettings,
    PushoverSettings,
    SmtpSettings,
    TelegramSettings,
    TerminalSettings,
    WallSettings,
    Web,
    kind_of,
)
from watchdog.policyfile.policywords import shown

WORDS_MAX = 100_000
"""More than a proposal can hold: nothing is cut here. The journal takes its first two hundred characters."""


Row = ChannelSettings | SwitchSettings


def reached_by(row: Row) -> str:
    """Say the kind of a channel or switch, and what it runs or whom it reaches."""
    return shown(_said(row), WORDS_MAX)


def _said(row: Row) -> str:
    match row:
        case ExecSettings(argv=argv):
            return f"exec, which runs {join(argv)}"
        case SmtpSettings(host=host, port=port, recipients=recipients):
            return f"smtp to {', '.join(recipients)} by {host}:{port}"
        case TelegramSettings(web=web, contacts=contacts):
            names = ", ".join(name for name, _ in contacts)
            return f"telegram at {_place(web)}" + (f"; {names} may acknowledge" if names else "")
        case PushoverSettings(web=web):
            return f"pushover at {_place(web)}; whoever gets it may acknowledge"
        case JournalSettings() | TerminalSettings() | WallSettings():
            return kind_of(row).value
        case SwitchSettings(kind=kind, web=web):
            return f"{kind.value} at {_place(web)}"
        case _:
            return f"{kind_of(row).value} at {_place(row.web)}"


def _place(web: Web) -> str:
    return web.url_file or urlsplit(web.url).netloc
