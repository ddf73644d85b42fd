"""The dead-man switches of pager.toml: who, far from this machine, notices that gatedog has gone silent.

Invariant: as for channels: no secret is part of these values. The address of a check is its password, so it stands in a
file of its own. Deliberately not here: when a switch is told what (pager/deadman.py).
"""

import re
from dataclasses import field
from enum import Enum

from watchdog.core.timeline import HOUR, MINUTE, SECOND, duration_text
from watchdog.core.values import dataclass
from watchdog.policyfile.addresses import has_credentials, is_web_address
from watchdog.policyfile.pagersettings_kinds import NTFY_URL, TIMEOUT_USEC, Web
from watchdog.policyfile.relations import NAME
from watchdog.policyfile.section import Section

EVERY_MIN_USEC = 20 * SECOND
"""gatedog looks at its gateways so often, and a sign of life without a look behind it is worth nothing."""

EVERY_MAX_USEC = HOUR
TIMEOUT_MAX_USEC = 60 * SECOND


class SwitchKind(Enum):
    """Who can notice."""

    HEALTHCHECKS = "healthchecks"
    SNITCH = "snitch"
    NTFY = "ntfy"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSettings:
    """One dead-man switch. `after_usec` is how long an ntfy server waits before it rings."""

    name: str
    kind: SwitchKind = SwitchKind.HEALTHCHECKS
    every_usec: int = MINUTE
    after_usec: int = 5 * MINUTE
    timeout_usec: int = TIMEOUT_USEC
    web: Web = field(default_factory=Web)
    topic: str = field(default="", repr=False)


_KEYS = {
    SwitchKind.HEALTHCHECKS: ("url_file",),
    SwitchKind.SNITCH: ("url_file",),
    SwitchKind.NTFY: ("topic", "credential_file"),
}
"""What each kind needs."""

_FOREIGN = {
    SwitchKind.HEALTHCHECKS: ("topic", "credential_file", "url", "after"),
    SwitchKind.SNITCH: ("topic", "credential_file", "url", "after"),
    SwitchKind.NTFY: ("url_file",),
}
_EXAMPLES = {
    "url_file": 'url_file = "/etc/gatedog/credentials/deadman.url"',
    "topic": 'topic = "ops-deadman"',
    "credential_file": 'credential_file = "/etc/gatedog/credentials/ntfy.token"',
}
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")


def read_switch(section: Section) -> SwitchSettings:
    """Read one [deadman.NAME]; what is wrong is in the section's findings afterwards."""
    kind = section.choice("kind", SwitchKind.HEALTHCHECKS)
    if "kind" not in section:
        kinds = ", ".join(each.value for each in SwitchKind)
        section.problem("kind", f"{section.named('kind')} is missing", f"Choose one of: {kinds}")
    default = SwitchSettings(name=str(section.path[-1]))
    if not NAME.fullmatch(default.name):
        what = f'"{default.name[:40]}" cannot be the name of a switch'
        section.problem("", what, "Use 1 to 31 of a-z, 0-9 and -, beginning with a letter or digit")
    settings = SwitchSettings(
        name=default.name,
        kind=kind,
        every_usec=section.duration("every", default.every_usec),
        after_usec=section.duration("after", default.after_usec),
        timeout_usec=section.duration("timeout", default.timeout_usec),
        web=Web(
            url=section.text("url", NTFY_URL if kind is SwitchKind.NTFY else ""),
            url_file=section.text("url_file"),
            credential_file=section.text("credential_file"),
            ca_file=section.text("ca_file"),
        ),
        topic=section.text("topic"),
    )
    if "kind" in section:
        _check_keys(section, settings)
    _check_values(section, settings)
    section.close()
    return settings


def _check_keys(section: Section, settings: SwitchSettings) -> None:
    for key in _KEYS[settings.kind]:
        if not section.text(key):
            what = f"{section.named(key)} is missing; the kind {settings.kind.value} needs it"
            section.problem(key if key in section else "", what, f"Write {_EXAMPLES[key]}")
    for key in _FOREIGN[settings.kind]:
        if key in section:
            what = f"{section.named(key)} means nothing for the kind {settings.kind.value}"
            section.problem(key, what, "Remove it; the address is a password and stands in a file: url_file")


def _check_values(section: Section, settings: SwitchSettings) -> None:
    for key in ("url_file", "credential_file", "ca_file"):
        path = section.text(key)
        if path and not path.startswith("/"):
            section.problem(key, f"{section.named(key)} is not absolute", 'Begin it with "/"')
    if not EVERY_MIN_USEC <= settings.every_usec <= EVERY_MAX_USEC:
        what = f"{section.named('every')} is {duration_text(settings.every_usec)}"
        section.problem("every", what, 'Choose from "20s" to "1h"')
    elif settings.kind is SwitchKind.NTFY and settings.after_usec < 2 * settings.every_usec:
        what = f"{section.named('after')} is less than two signs of life"
        section.problem("after", what, 'Choose more, such as "5min" for every = "1min"')
    if settings.timeout_usec > TIMEOUT_MAX_USEC:
        what = f"{section.named('timeout')} is {duration_text(settings.timeout_usec)}"
        section.problem("timeout", what, 'Choose at most "60s"')
    if settings.topic and not _TOPIC.fullmatch(settings.topic):
        what = f"{section.named('topic')} has characters that cannot be in it"
        section.problem("topic", what, "Write 1 to 64 of A-Z, a-z, 0-9, _ and -")
    if settings.web.url and (not is_web_address(settings.web.url) or has_credentials(settings.web.url)):
        what = f"{section.named('url')} is not an http or https address without credentials"
        section.problem("url", what, f'Write url = "{NTFY_URL}"')
