"""One `[channel.NAME]` of pager.toml, read into the settings of its kind.

Invariant: a key that its kind would ignore is a problem, and so is a secret written into the file; the file is copied
into bundles, diffs and bug reports. What is returned after a problem is never used. Deliberately not here: whether a
file with a secret exists, because that changes while pager.toml does not (pager/credential.py looks at each delivery).
"""

import re
from typing import assert_never
from urllib.parse import urlsplit

from watchdog.core.timeline import HOUR, MINUTE, SECOND, duration_text
from watchdog.policyfile.addresses import has_credentials, is_web_address
from watchdog.policyfile.pagersettings_kinds import (
    LOOPBACK,
    MAIL_PORTS,
    NTFY_URL,
    OPSGENIE_URL,
    PAGERDUTY_URL,
    PUSHOVER_URL,
    TELEGRAM_URL,
    TIMEOUT_USEC,
    AlertmanagerSettings,
    ChannelKind,
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
    Tls,
    WallSettings,
    Web,
    WebhookSettings,
)
from watchdog.policyfile.relations import NAME
from watchdog.policyfile.section import Section

TIMEOUT_MAX_USEC = 120 * SECOND
"""One slow channel must not keep a delivery thread for longer."""

PUSHOVER_RETRY_MIN_USEC = 30 * SECOND
PUSHOVER_EXPIRE_MAX_USEC = 3 * HOUR
"""Pushover refuses more: 10800 s."""

_WEB = ("url", "credential_file", "ca_file", "insecure")

KEYS = {
    ChannelKind.ALERTMANAGER: (*_WEB, "username"),
    ChannelKind.EXEC: ("argv",),
    ChannelKind.JOURNAL: (),
    ChannelKind.NTFY: (*_WEB, "topic"),
    ChannelKind.PAGERDUTY: _WEB,
    ChannelKind.PUSHOVER: (*_WEB, "user_file", "retry", "expire"),
    ChannelKind.SMTP: (
        *("host", "port", "tls", "sender", "recipients", "username", "credential_file", "ca_file", "insecure"),
    ),
    ChannelKind.TELEGRAM: (*_WEB, "chat", "contacts", "agent_token_files"),
    ChannelKind.TERMINAL: (),
    ChannelKind.WALL: (),
    ChannelKind.WEBHOOK: (*_WEB, "url_file", "template", "signing_file"),
}
"""What each kind understands, besides `kind` and `timeout`."""

_NEEDED = {
    ChannelKind.ALERTMANAGER: ("url",),
    ChannelKind.EXEC: ("argv",),
    ChannelKind.NTFY: ("topic", "credential_file"),
    ChannelKind.PAGERDUTY: ("credential_file",),
    ChannelKind.PUSHOVER: ("credential_file", "user_file"),
    ChannelKind.SMTP: ("host", "sender", "recipients"),
    ChannelKind.TELEGRAM: ("credential_file", "chat", "contacts", "agent_token_files"),
}
_EXAMPLES = {
    "agent_token_files": 'agent_token_files = ["/home/agent/.config/telegram.token"], or [] if the agent has no bot',
    "argv": 'argv = ["/usr/local/bin/wake-me"]',
    "chat": 'chat = "123456789"',
    "contacts": 'contacts = { alice = "123456789" }',
    "credential_file": 'credential_file = "/etc/gatedog/NAME.token"',
    "host": 'host = "mail.example.org"',
    "recipients": 'recipients = ["you@example.org"]',
    "sender": 'sender = "gatedog@example.org"',
    "topic": 'topic = "your-topic"',
    "url": 'url = "https://pager.example.org/gatedog"',
    "user_file": 'user_file = "/etc/gatedog/pushover.user"',
}
_MAY_BE_EMPTY = ("agent_token_files",)

_SECRET_ADDRESSES = (Template.SLACK, Template.DISCORD, Template.GRAFANA_IRM)
"""Receivers that know the sender by nothing but the address."""

_INLINE_SECRETS = (
    *("password", "token", "bearer", "secret", "api_key", "authorization", "routing_key", "integration_key"),
    *("user_key", "signing_key", "bot_token"),
)
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
_CHAT = re.compile(r"-?[0-9]{1,20}")
_USER = re.compile(r"[0-9]{1,20}")


def read_channel(section: Section) -> ChannelSettings:
    """Read one channel; what is wrong is in the section's findings afterwards."""
    kind = section.choice("kind", ChannelKind.TERMINAL)
    if "kind" not in section:
        kinds = ", ".join(each.value for each in ChannelKind)
        section.problem("kind", f"{section.named('kind')} is missing", f"Choose one of: {kinds}")
    name = str(section.path[-1])
    if not NAME.fullmatch(name):
        what = f'"{name[:40]}" cannot be the name of a channel'
        section.problem("", what, "Use 1 to 31 of a-z, 0-9 and -, beginning with a letter or digit")
    settings = _settings(section, kind, name, _timeout(section))
    if "kind" in section:
        _check_keys(section, kind)
    _check_secrets(section)
    section.close()
    return settings


def _settings(section: Section, kind: ChannelKind, name: str, timeout_usec: int) -> ChannelSettings:
    match kind:
        case ChannelKind.ALERTMANAGER:
            username = section.text("username")
            web = _web(section)
            _check_password(section, username, web.credential_file)
            return AlertmanagerSettings(name=name, timeout_usec=timeout_usec, web=web, username=username)
        case ChannelKind.EXEC | ChannelKind.JOURNAL | ChannelKind.TERMINAL | ChannelKind.WALL:
            return _local(section, kind, name, timeout_usec)
        case ChannelKind.NTFY:
            topic = _matching(section, "topic", _TOPIC, "1 to 64 of A-Z, a-z, 0-9, _ and -")
            return NtfySettings(name=name, timeout_usec=timeout_usec, web=_web(section, NTFY_URL), topic=topic)
        case ChannelKind.PAGERDUTY:
            return PagerDutySettings(name=name, timeout_usec=timeout_usec, web=_web(section, PAGERDUTY_URL))
        case ChannelKind.PUSHOVER:
            return _pushover(section, name, timeout_usec)
        case ChannelKind.SMTP:
            return _smtp(section, name, timeout_usec)
        case ChannelKind.TELEGRAM:
            return _telegram(section, name, timeout_usec)
        case ChannelKind.WEBHOOK:
            return _webhook(section, name, timeout_usec)
        case _ as never:
            assert_never(never)


def _local(section: Section, kind: ChannelKind, name: str, timeout_usec: int) -> ChannelSettings:
    """Read a channel that stays on this machine."""
    if kind is ChannelKind.EXEC:
        return ExecSettings(name=name, timeout_usec=timeout_usec, argv=section.texts("argv"))
    if kind is ChannelKind.JOURNAL:
        return JournalSettings(name=name, timeout_usec=timeout_usec)
    if kind is ChannelKind.WALL:
        return WallSettings(name=name, timeout_usec=timeout_usec)
    return TerminalSettings(name=name, timeout_usec=timeout_usec)


def _timeout(section: Section) -> int:
    timeout_usec = section.duration("timeout", TIMEOUT_USEC)
    if timeout_usec > TIMEOUT_MAX_USEC:
        what = f"{section.named('timeout')} is {duration_text(timeout_usec)}"
        section.problem("timeout", what, f'Choose at most "{TIMEOUT_MAX_USEC // SECOND}s"; delivery is retried anyway')
    return timeout_usec


def _pushover(section: Section, name: str, timeout_usec: int) -> PushoverSettings:
    settings = PushoverSettings(
        name=name,
        timeout_usec=timeout_usec,
        web=_web(section, PUSHOVER_URL),
        user_file=_file(section, "user_file"),
        retry_usec=section.duration("retry", MINUTE),
        expire_usec=section.duration("expire", HOUR),
    )
    if settings.retry_usec < PUSHOVER_RETRY_MIN_USEC:
        what = f"{section.named('retry')} is {duration_text(settings.retry_usec)}; Pushover rings no faster than 30s"
        section.problem("retry", what, 'Choose at least "30s"')
    if settings.expire_usec > PUSHOVER_EXPIRE_MAX_USEC:
        what = f"{section.named('expire')} is {duration_text(settings.expire_usec)}; Pushover rings for at most 3h"
        section.problem("expire", what, 'Choose at most "3h"; gatedog itself pages again after that')
    return settings


def _smtp(section: Section, name: str, timeout_usec: int) -> SmtpSettings:
    tls = section.choice("tls", Tls.STARTTLS)
    settings = SmtpSettings(
        name=name,
        timeout_usec=timeout_usec,
        host=section.text("host"),
        port=section.integer("port", MAIL_PORTS[tls], low=1, high=65_535),
        sender=section.text("sender"),
        recipients=section.texts("recipients"),
        username=section.text("username"),
        credential_file=_file(section, "credential_file"),
        tls=tls,
        ca_file=_file(section, "ca_file"),
        insecure=_switch(section, "insecure"),
    )
    _check_password(section, settings.username, settings.credential_file)
    if settings.tls is not Tls.NONE:
        return settings
    if settings.credential_file:
        what = f"{section.named('tls')}: the password would travel in clear text"
        section.problem("tls", what, 'Use tls = "starttls" or tls = "tls"')
    elif settings.host and settings.host not in LOOPBACK and not settings.insecure:
        what = f"{section.named('tls')}: pages would travel to {settings.host[:80]} in clear text"
        section.problem("tls", what, 'Use tls = "starttls", or write insecure = true if everybody may read them')
    return settings


def _telegram(section: Section, name: str, timeout_usec: int) -> TelegramSettings:
    contacts = section.mapping("contacts")
    for contact, user in contacts:
        if not _USER.fullmatch(user) or not NAME.fullmatch(contact):
            what = f'{section.named("contacts")}: "{contact[:40]}" is not a name with a numeric Telegram user id'
            section.problem("contacts", what, f"Write {_EXAMPLES['contacts']}")
    files = section.texts("agent_token_files")
    web = _web(section, TELEGRAM_URL)
    for file in files:
        if not file.startswith("/"):
            what = f"{section.named('agent_token_files')}: {file[:80]!r} is not absolute"
            section.problem("agent_token_files", what, 'Begin it with "/"')
        elif file == web.credential_file:
            what = f"{section.named('agent_token_files')} names gatedog's own credential_file"
            section.problem("agent_token_files", what, "Name the file of the agent; gatedog needs a bot of its own")
    return TelegramSettings(
        name=name,
        timeout_usec=timeout_usec,
        web=web,
        chat=_matching(section, "chat", _CHAT, "the number of the chat, negative for a group"),
        contacts=tuple((contact, int(user)) for contact, user in contacts if _USER.fullmatch(user)),
        agent_token_files=files,
    )


def _webhook(section: Section, name: str, timeout_usec: int) -> WebhookSettings:
    template = section.choice("template", Template.PLAIN)
    web = _web(section, OPSGENIE_URL if template is Template.OPSGENIE else "", url_file=_file(section, "url_file"))
    if template in _SECRET_ADDRESSES and "url" in section:
        what = f"{section.named('url')}: the address of a {template.value} webhook is its password"
        section.problem("url", what, 'Put it in a file of mode 0600 and name that: url_file = "/etc/gatedog/..."')
    elif "url" in section and "url_file" in section:
        what = f"{section.named('url_file')}: there is a url as well"
        section.problem("url_file", what, "Keep one of the two")
    elif not web.url and not web.url_file and "url" not in section:
        what = f"{section.named('url')} is missing; the kind webhook needs it, or a url_file"
        section.problem("", what, f"Write {_EXAMPLES['url']}")
    if template is Template.OPSGENIE and "credential_file" not in section:
        what = f"{section.named('credential_file')} is missing; Opsgenie needs the API key of an integration"
        section.problem("", what, f"Write {_EXAMPLES['credential_file']}")
    return WebhookSettings(
        name=name,
        timeout_usec=timeout_usec,
        web=web,
        template=template,
        signing_file=_file(section, "signing_file"),
    )


def _web(section: Section, default_url: str = "", *, url_file: str = "") -> Web:
    web = Web(
        url=section.text("url", "" if url_file else default_url),
        url_file=url_file,
        credential_file=_file(section, "credential_file"),
        ca_file=_file(section, "ca_file"),
        insecure=_switch(section, "insecure"),
    )
    if "url" not in section or not web.url:
        return web
    if not is_web_address(web.url):
        section.problem("url", f"{section.named('url')} is not an http or https address", f"Write {_EXAMPLES['url']}")
    elif has_credentials(web.url):
        what = f"{section.named('url')} has credentials in it"
        section.problem("url", what, "Put them in a file and name it as credential_file")
    elif urlsplit(web.url).scheme == "http" and urlsplit(web.url).hostname not in LOOPBACK:
        _check_clear(section, web)
    return web


def _check_clear(section: Section, web: Web) -> None:
    if web.credential_file:
        what = f"{section.named('url')}: the credential would travel in clear text"
        section.problem("url", what, "Use an https:// address; a certificate of your own is believed with ca_file")
    elif not web.insecure:
        what = f"{section.named('url')}: pages would travel in clear text"
        section.problem("url", what, "Use an https:// address, or write insecure = true if everybody may read them")


def _check_keys(section: Section, kind: ChannelKind) -> None:
    """A channel has what its kind needs, and nothing its kind would ignore."""
    for key in _NEEDED.get(kind, ()):
        empty = key in section and section.value(key) in ("", [], [""], {}) and key not in _MAY_BE_EMPTY
        if empty or key not in section:
            what = f"{section.named(key)} is missing; the kind {kind.value} needs it"
            section.problem(key if key in section else "", what, f"Write {_EXAMPLES[key]}")
    ours = KEYS[kind]
    for key in {key: None for keys in KEYS.values() for key in keys}:
        if key in section and key not in ours:
            section.value(key)
            what = f"{section.named(key)} means nothing for the kind {kind.value}"
            section.problem(key, what, f"Remove it; known here: {', '.join((*ours, 'timeout'))}")


def _check_secrets(section: Section) -> None:
    for key in _INLINE_SECRETS:
        if key in section:
            section.value(key)
            what = f"{section.named(key)} is a secret in a file that gets copied around"
            section.problem(key, what, 'Put it in a file of mode 0600 and name that: credential_file = "/etc/..."')


def _check_password(section: Section, username: str, credential_file: str) -> None:
    if username and not credential_file:
        what = f"{section.named('username')} has no password"
        section.problem("username", what, "Put the password in a file and name it as credential_file")


def _file(section: Section, key: str) -> str:
    path = section.text(key)
    if path and not path.startswith("/"):
        section.problem(key, f"{section.named(key)} is not absolute", 'Begin it with "/"')
    return path


def _switch(section: Section, key: str) -> bool:
    value = section.value(key)
    if value is None or isinstance(value, bool):
        return bool(value)
    section.problem(key, f"{section.named(key)} is neither true nor false", f"Write {key} = true, or leave it out")
    return False


def _matching(section: Section, key: str, pattern: re.Pattern[str], how: str) -> str:
    text = section.text(key)
    if text and not pattern.fullmatch(text):
        section.problem(key, f"{section.named(key)} has characters that cannot be in it", f"Write {how}")
    return text
