"""pager.toml as typed values: the channels, and who is told in which order.

Invariant: no secret is ever part of these values; a channel names a `credential_file` that pager/ reads when it
delivers. So neither the journal nor `policy show` can leak one. A secret written into the file itself is a problem,
because the file is copied into bundles, diffs and bug reports.
"""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from watchdog.core.policy import EscalationPolicy
from watchdog.core.timeline import HOUR, SECOND, duration_text
from watchdog.policyfile.addresses import has_credentials, is_web_address
from watchdog.policyfile.guard import read_guarded
from watchdog.policyfile.problems import PolicyProblems
from watchdog.policyfile.relations import NAME
from watchdog.policyfile.section import Section, open_document

ACKNOWLEDGE_LIMIT_USEC = 12 * HOUR
TIMEOUT_MAX_USEC = 120 * SECOND
"""One slow channel must not keep a delivery thread for longer."""


class ChannelKind(Enum):
    """The ways out of this machine."""

    EXEC = "exec"
    WEBHOOK = "webhook"
    SMTP = "smtp"
    TERMINAL = "terminal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """One `[channel.NAME]`. A field that its kind does not use stays empty."""

    name: str
    kind: ChannelKind
    argv: tuple[str, ...] = ()
    url: str = ""
    host: str = ""
    port: int = 0
    sender: str = ""
    recipients: tuple[str, ...] = ()
    username: str = ""
    credential_file: str = ""
    tls: str = "starttls"
    """The value of a `Tls`: how a mail connection is protected."""
    timeout_usec: int = 10 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerSettings:
    """The whole of pager.toml, channels sorted by name."""

    channels: tuple[ChannelSettings, ...]
    escalation: EscalationPolicy


TERMINAL = ChannelSettings(name="terminal", kind=ChannelKind.TERMINAL)
"""Needs no settings, so it exists without being written down."""

NO_FILE = PagerSettings(channels=(TERMINAL,), escalation=EscalationPolicy())
"""What holds when there is no pager.toml."""


class Tls(Enum):
    """How a mail connection is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


MAIL_PORTS = {Tls.STARTTLS: 587, Tls.TLS: 465, Tls.NONE: 25}

_INLINE_SECRETS = ("password", "token", "bearer", "secret", "api_key", "authorization")
_KEYS = {
    ChannelKind.EXEC: ("argv",),
    ChannelKind.WEBHOOK: ("url", "credential_file"),
    ChannelKind.SMTP: ("host", "port", "sender", "recipients", "username", "credential_file", "tls"),
    ChannelKind.TERMINAL: (),
}
_NEEDED = {
    ChannelKind.EXEC: ("argv",),
    ChannelKind.WEBHOOK: ("url",),
    ChannelKind.SMTP: ("host", "sender", "recipients"),
    ChannelKind.TERMINAL: (),
}
_EXAMPLES = {
    "argv": 'argv = ["/usr/local/bin/wake-me"]',
    "url": 'url = "https://ntfy.sh/your-topic"',
    "host": 'host = "mail.example.org"',
    "sender": 'sender = "gatedog@example.org"',
    "recipients": 'recipients = ["you@example.org"]',
}


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
    sections = root.sections("channel")
    written = tuple(_channel(section) for section in sections)
    names = {channel.name for channel in written}
    channels = written if TERMINAL.name in names else (*written, TERMINAL)
    escalation = _escalation(root.section("escalation"), names | {TERMINAL.name})
    root.close()
    return PagerSettings(channels=tuple(sorted(channels, key=lambda channel: channel.name)), escalation=escalation)


def _channel(section: Section) -> ChannelSettings:
    kind = section.choice("kind", ChannelKind.TERMINAL)
    if "kind" not in section:
        section.problem("kind", f"{section.named('kind')} is missing", "Choose one of: exec, webhook, smtp, terminal")
    tls = section.choice("tls", Tls.STARTTLS)
    channel = ChannelSettings(
        name=str(section.path[-1]),
        kind=kind,
        argv=section.texts("argv"),
        url=section.text("url"),
        host=section.text("host"),
        port=section.integer("port", MAIL_PORTS[tls] if kind is ChannelKind.SMTP else 0, low=1, high=65_535),
        sender=section.text("sender"),
        recipients=section.texts("recipients"),
        username=section.text("username"),
        credential_file=section.text("credential_file"),
        tls=tls.value,
        timeout_usec=section.duration("timeout", TERMINAL.timeout_usec),
    )
    if not NAME.fullmatch(channel.name):
        what = f'"{channel.name[:40]}" cannot be the name of a channel'
        section.problem("", what, "Use 1 to 31 of a-z, 0-9 and -, beginning with a letter or digit")
    if "kind" in section:
        _check_keys(section, channel)
    _check_secrets(section, channel)
    if channel.timeout_usec > TIMEOUT_MAX_USEC:
        what = f"{section.named('timeout')} is {duration_text(channel.timeout_usec)}"
        section.problem("timeout", what, f'Choose at most "{TIMEOUT_MAX_USEC // SECOND}s"; delivery is retried anyway')
    section.close()
    return channel


def _check_keys(section: Section, channel: ChannelSettings) -> None:
    """A channel has what its kind needs, and nothing its kind would ignore."""
    for key in _NEEDED[channel.kind]:
        if not section.value(key) or section.value(key) == [""]:
            what = f"{section.named(key)} is missing; the kind {channel.kind.value} needs it"
            section.problem("" if key not in section else key, what, f"Write {_EXAMPLES[key]}")
    ours = _KEYS[channel.kind]
    for key in {key: None for keys in _KEYS.values() for key in keys}:
        if key in section and key not in ours:
            what = f"{section.named(key)} means nothing for the kind {channel.kind.value}"
            known = ", ".join((*ours, "timeout"))
            section.problem(key, what, f"Remove it; known here: {known}")


def _check_secrets(section: Section, channel: ChannelSettings) -> None:
    for key in _INLINE_SECRETS:
        if key in section:
            section.value(key)
            what = f"{section.named(key)} is a secret in a file that gets copied around"
            section.problem(key, what, 'Put it in a file of mode 0600 and name that: credential_file = "/etc/..."')
    if channel.credential_file and not channel.credential_file.startswith("/"):
        section.problem("credential_file", f"{section.named('credential_file')} is not absolute", 'Begin it with "/"')
    if channel.username and not channel.credential_file:
        what = f"{section.named('username')} has no password"
        section.problem("username", what, "Put the password in a file and name it as credential_file")
    if channel.credential_file and channel.tls == Tls.NONE.value:
        what = f"{section.named('tls')}: the password would travel in clear text"
        section.problem("tls", what, 'Use tls = "starttls" or tls = "tls"')
    if channel.kind is not ChannelKind.WEBHOOK or not channel.url:
        return
    if not is_web_address(channel.url):
        section.problem("url", f"{section.named('url')} is not an http or https address", f"Write {_EXAMPLES['url']}")
    elif has_credentials(channel.url):
        what = f"{section.named('url')} has credentials in it"
        section.problem("url", what, "Put them in a file and name it as credential_file")


def _escalation(section: Section, known: set[str]) -> EscalationPolicy:
    default = EscalationPolicy()
    escalation = EscalationPolicy(
        tiers=_tiers(section, known),
        notices=section.texts("notices", default.notices),
        escalate_after_usec=section.duration("escalate_after", default.escalate_after_usec),
        repeat_after_usec=section.duration("repeat_after", default.repeat_after_usec),
        acknowledge_for_usec=section.duration("acknowledge_for", default.acknowledge_for_usec),
        acknowledge_max_usec=section.duration("acknowledge_max", default.acknowledge_max_usec),
    )
    for name in escalation.notices:
        _check_name(section, "notices", name, known)
    if escalation.acknowledge_max_usec > ACKNOWLEDGE_LIMIT_USEC:
        what = f"{section.named('acknowledge_max')} is {duration_text(escalation.acknowledge_max_usec)}"
        section.problem("acknowledge_max", what, 'Choose at most "12h": an acknowledgement must not outlive a shift')
    elif escalation.acknowledge_for_usec > escalation.acknowledge_max_usec:
        what = f"{section.named('acknowledge_for')} is longer than acknowledge_max"
        section.problem("acknowledge_for", what, f"Choose at most {duration_text(escalation.acknowledge_max_usec)}")
    section.close()
    return escalation


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
