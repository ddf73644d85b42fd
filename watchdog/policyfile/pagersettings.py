"""pager.toml as typed values: the channels, who is told in which order, and what every page links to.

Invariant: no secret is ever part of these values; a channel names files that pager/ reads when it delivers. So
neither the journal nor `policy show` can leak one. A secret written into the file itself is a problem, because the
file is copied into bundles, diffs and bug reports. The kinds of channels are in pagersettings_kinds.py, the reading
of one is in pagersettings_channels.py.
"""

from pathlib import Path
from typing import assert_never

from watchdog.core.policy import EscalationPolicy, Window
from watchdog.core.timeline import HOUR, duration_text
from watchdog.core.values import dataclass
from watchdog.policyfile.addresses import has_credentials, is_web_address
from watchdog.policyfile.durations import parse_window
from watchdog.policyfile.guard import read_guarded
from watchdog.policyfile.pagersettings_channels import read_channel
from watchdog.policyfile.pagersettings_deadman import SwitchSettings, read_switch
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
    Template,
    TerminalSettings,
    WallSettings,
    WebhookSettings,
)
from watchdog.policyfile.problems import PolicyProblems
from watchdog.policyfile.section import Section, open_document
from watchdog.policyfile.zone import read_quiet_hours

ACKNOWLEDGE_LIMIT_USEC = 12 * HOUR
RESERVE_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerSettings:
    """The whole of pager.toml, channels sorted by name. `runbook` is what links to runbooks begin with, or ""."""

    channels: tuple[ChannelSettings, ...]
    escalation: EscalationPolicy
    runbook: str = ""
    deadman: tuple[SwitchSettings, ...] = ()
    """Dead-man switches, sorted by name."""


TERMINAL = TerminalSettings(name="terminal")
"""Needs no settings, so it exists without being written down."""

NO_FILE = PagerSettings(channels=(TERMINAL,), escalation=EscalationPolicy())
"""What holds when there is no pager.toml."""


def load_pager(path: Path, *, euid: int | None = None) -> PagerSettings:
    """Read pager.toml; raise PolicyProblems with everything that is wrong in it."""
    return parse_pager(read_guarded(path, euid=euid), str(path))


def parse_pager(raw: bytes, file: str) -> PagerSettings:
    """Read pager.toml's bytes; raise PolicyProblems. `file` is only how messages call it."""
    root, findings = open_document(raw, file)
    settings = read_pager(root)
    if findings.found:
        raise PolicyProblems(findings.sorted())
    return settings


def read_pager(root: Section) -> PagerSettings:
    """Read an opened document; what is wrong is in its findings afterwards."""
    written = tuple(read_channel(section) for section in root.sections("channel"))
    names = {channel.name for channel in written}
    channels = written if TERMINAL.name in names else (*written, TERMINAL)
    escalation = _escalation(root.section("escalation"), names | {TERMINAL.name})
    runbook = _runbook(root.section("message"))
    deadman = tuple(read_switch(section) for section in root.sections("deadman"))
    root.close()
    ordered = tuple(sorted(channels, key=lambda channel: channel.name))
    return PagerSettings(channels=ordered, escalation=escalation, runbook=runbook, deadman=deadman)


def warnings_of(settings: PagerSettings) -> tuple[str, ...]:
    """Say what is allowed and still worth a second thought, one sentence for each; for `policy check` and the start."""
    return tuple(warning for channel in settings.channels for warning in _warnings(channel))


def _warnings(channel: ChannelSettings) -> tuple[str, ...]:
    match channel:
        case WebhookSettings(template=Template.OPSGENIE, name=name, web=web):
            ends = f"channel {name}: Opsgenie and its API end on 5 April 2027; choose a successor before"
            return (ends, *_clear(name, insecure=web.insecure))
        case (
            AlertmanagerSettings(name=name, web=web)
            | NtfySettings(name=name, web=web)
            | PagerDutySettings(name=name, web=web)
            | PushoverSettings(name=name, web=web)
            | TelegramSettings(name=name, web=web)
            | WebhookSettings(name=name, web=web)
        ):
            return _clear(name, insecure=web.insecure)
        case SmtpSettings(name=name, insecure=insecure):
            return _clear(name, insecure=insecure)
        case ExecSettings() | JournalSettings() | TerminalSettings() | WallSettings():
            return ()
        case _ as never:
            assert_never(never)


def _clear(name: str, *, insecure: bool) -> tuple[str, ...]:
    sentence = f"channel {name}: insecure = true lets everybody on the way read and change its pages"
    return (sentence,) if insecure else ()


def _runbook(section: Section) -> str:
    runbook = section.text("runbook")
    section.close()
    if not runbook:
        return ""
    if not is_web_address(runbook) or not runbook.isascii() or " " in runbook:
        what = f"{section.named('runbook')} is not an http or https address"
        section.problem("runbook", what, 'Write runbook = "https://wiki.example.org/gatedog/"; "spiral.md" follows it')
    elif has_credentials(runbook):
        what = f"{section.named('runbook')} has credentials in it"
        section.problem("runbook", what, "Leave them out: it is sent to everybody who gets a page")
    return runbook


def _escalation(section: Section, known: set[str]) -> EscalationPolicy:
    default = EscalationPolicy()
    escalation = EscalationPolicy(
        tiers=_tiers(section, known),
        notices=section.texts("notices", default.notices),
        escalate_after_usec=section.duration("escalate_after", default.escalate_after_usec),
        repeat_after_usec=section.duration("repeat_after", default.repeat_after_usec),
        acknowledge_for_usec=section.duration("acknowledge_for", default.acknowledge_for_usec),
        acknowledge_max_usec=section.duration("acknowledge_max", default.acknowledge_max_usec),
        quiet_hours=read_quiet_hours(section, "quiet_hours"),
        channel_burst=_burst(section, default.channel_burst),
        critical_reserve=section.integer("critical_reserve", default.critical_reserve, low=1, high=RESERVE_MAX),
        last_resort=section.texts("last_resort", default.last_resort),
        changes=section.texts("changes", default.changes),
    )
    for key in ("notices", "last_resort", "changes"):
        for name in getattr(escalation, key):
            _check_name(section, key, name, known)
    if escalation.acknowledge_max_usec > ACKNOWLEDGE_LIMIT_USEC:
        what = f"{section.named('acknowledge_max')} is {duration_text(escalation.acknowledge_max_usec)}"
        section.problem("acknowledge_max", what, 'Choose at most "12h": an acknowledgement must not outlive a shift')
    elif escalation.acknowledge_for_usec > escalation.acknowledge_max_usec:
        what = f"{section.named('acknowledge_for')} is longer than acknowledge_max"
        section.problem("acknowledge_for", what, f"Choose at most {duration_text(escalation.acknowledge_max_usec)}")
    section.close()
    return escalation


def _burst(section: Section, default: Window) -> Window:
    text = section.text("burst")
    if not text:
        return default
    try:
        return parse_window(text)
    except ValueError as error:
        section.problem("burst", f'{section.named("burst")}: "{text[:40]}" {error}', 'Write burst = "10 per 5min"')
        return default


def _tiers(section: Section, known: set[str]) -> tuple[tuple[str, ...], ...]:
    value = section.value("tiers")
    if value is None or value == []:
        what = f"{section.named('tiers')}: there is no tier at all, so nobody would be paged"
        section.problem("tiers", what, 'Write tiers = [["terminal"]], or name your channels')
        return ()
    if not isinstance(value, list) or not all(_is_tier(tier) for tier in value):
        names = value if isinstance(value, list) else [value]
        shown = ", ".join(f'["{name}"]' for name in names if isinstance(name, str)) or '["terminal"], ["boss"]'
        what = f"{section.named('tiers')} is not a list of lists of channel names, none of them empty"
        section.problem("tiers", what, f"Write tiers = [{shown}]")
        return ()
    for tier in value:
        for name in tier:
            _check_name(section, "tiers", name, known)
    return tuple(tuple(tier) for tier in value)


def _is_tier(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)


def _check_name(section: Section, key: str, name: str, known: set[str]) -> None:
    if name not in known:
        what = f'{section.named(key)} names the channel "{name[:40]}", which does not exist'
        section.problem(key, what, f"Add [channel.{name[:40]}], or use one of: {', '.join(sorted(known))}")
