"""`gatedog doctor`: would anybody be told tonight? Each check has an id, what was seen, and the one thing to do.

Theory of operation. Everything needed is passed in: the settings as they stand in the bundle, the daemon's own replies,
and whether the kernel calls the clock synchronised. A check that lacks its evidence fails: nobody is told by a daemon
that does not answer. A path counts as leaving this machine by what is written in pager.toml; what is behind a name, or
inside a program of the human's own, cannot be seen from here, and is said so.

Invariant: pure, total over any replies of the right shape, and no secret is looked at. Deliberately not here: mending.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from watchdog.core.timeline import DAY, MINUTE, duration_text
from watchdog.core.values import dataclass
from watchdog.policyfile.pagersettings import PagerSettings, warnings_of
from watchdog.policyfile.pagersettings_kinds import (
    LOOPBACK,
    AlertmanagerSettings,
    ChannelSettings,
    ExecSettings,
    JournalSettings,
    SmtpSettings,
    TelegramSettings,
    TerminalSettings,
    WallSettings,
    WebhookSettings,
)

TEST_AGE_USEC = 30 * DAY
BEATS_MISSED = 3
UNDELIVERED_USEC = 5 * MINUTE

Object = Mapping[str, Any]


class Verdict(Enum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. `fix` is a command or a line to write; "" when all is well."""

    id: str
    verdict: Verdict
    evidence: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was gathered. `pager` and `status` are the daemon's replies, None when it did not answer."""

    settings: PagerSettings
    pager: Object | None
    status: Object | None
    unreachable: str
    synchronised: bool
    now_wall_usec: int
    installed: str = ""
    """The version that would run from the next start of the daemon."""


def examine(found: Findings) -> tuple[Check, ...]:
    """Make all checks, in the order in which a page travels."""
    return (
        _daemon(found),
        _journal(found),
        _clock(found),
        _independent(found.settings),
        _redundant(found.settings),
        *_silenceable(found.settings),
        _settings(found.settings),
        _tested(found),
        _undelivered(found),
        _dead_man(found),
    )


def exit_code(checks: Sequence[Check]) -> int:
    """Say the whole in one number: 0 all well, 1 something to look at, 2 somebody may not be told."""
    worst = {check.verdict for check in checks}
    return 2 if Verdict.FAIL in worst else 1 if Verdict.WARN in worst else 0


# -- gatedog and its host ------------------------------------------------------------------------------------------


def _daemon(found: Findings) -> Check:
    if found.status is None:
        return Check(
            id="daemon",
            verdict=Verdict.FAIL,
            evidence=found.unreachable,
            fix="systemctl status gatedog; gatedog status",
        )
    answers, runs = f"pid {found.status['pid']} answers", found.status["version"]
    if found.installed not in ("", runs):
        evidence = f"{answers}, and runs version {runs}; installed is {found.installed}"
        return Check(id="daemon", verdict=Verdict.WARN, evidence=evidence, fix="sudo systemctl restart gatedog")
    return Check(id="daemon", verdict=Verdict.OK, evidence=answers)


def _journal(found: Findings) -> Check:
    if found.status is None:
        return Check(id="journal", verdict=Verdict.FAIL, evidence="not known: nobody answers", fix="gatedog status")
    for incident in found.status["incidents"]:
        if str(incident["rule"]).startswith("journal.") and incident["phase"] != "resolved":
            fix = f"gatedog incident show {incident['id']}; df -h"
            return Check(id="journal", verdict=Verdict.FAIL, evidence=str(incident["title"]), fix=fix)
    return Check(id="journal", verdict=Verdict.OK, evidence="written, and no incident says otherwise")


def _clock(found: Findings) -> Check:
    if found.synchronised:
        return Check(id="clock", verdict=Verdict.OK, evidence="the kernel calls it synchronised")
    evidence = "not synchronised: certificates, quiet hours and times in pages rest on it"
    return Check(id="clock", verdict=Verdict.WARN, evidence=evidence, fix="timedatectl set-ntp true")


# -- the ways out --------------------------------------------------------------------------------------------------


def _paging(settings: PagerSettings) -> list[ChannelSettings]:
    named = {name for tier in settings.escalation.tiers for name in tier}
    return [channel for channel in settings.channels if channel.name in named]


def provider_of(channel: ChannelSettings) -> str:
    """Name who must be up for a page to get out by a channel; "" for nobody but this machine.

    An address in a file, or a program, may lead anywhere: it is its own provider.
    """
    match channel:
        case TerminalSettings() | JournalSettings() | WallSettings():
            return ""
        case ExecSettings(name=name):
            return f"the program of {name}"
        case SmtpSettings(host=host):
            return "" if host in LOOPBACK else host
        case WebhookSettings(name=name, web=web) if web.url_file:
            return f"the address of {name}"
        case _ as over_http:
            host = urlsplit(over_http.web.url).hostname or ""
            return "" if host in LOOPBACK else host


def _independent(settings: PagerSettings) -> Check:
    outside = [channel for channel in _paging(settings) if provider_of(channel)]
    seen = [channel for channel in outside if not isinstance(channel, ExecSettings)]
    fix = "add a channel that leaves this machine (ntfy, pushover, pagerduty, smtp) to pager.toml and its tiers"
    if not outside:
        evidence = "every channel of the tiers ends on this machine: when it is in trouble, nobody hears"
        return Check(id="channel-independent", verdict=Verdict.FAIL, evidence=evidence, fix=fix)
    if not seen:
        evidence = "only programs lead out; where to, cannot be seen from here"
        return Check(id="channel-independent", verdict=Verdict.WARN, evidence=evidence, fix="gatedog page test")
    named = ", ".join(f"{channel.name} by {provider_of(channel)}" for channel in seen)
    return Check(id="channel-independent", verdict=Verdict.OK, evidence=named)


def _redundant(settings: PagerSettings) -> Check:
    providers = sorted({provider_of(channel) for channel in _paging(settings)} - {""})
    bots = [each for each in _paging(settings) if isinstance(each, TelegramSettings) and not each.agent_token_files]
    if len(providers) < 2:
        evidence = f"one way out: {', '.join(providers) or 'none'}; when that is down, nobody hears"
        fix = "add a channel by somebody else to [escalation] tiers"
        return Check(id="channel-redundant", verdict=Verdict.WARN, evidence=evidence, fix=fix)
    if bots:
        evidence = f"{bots[0].name}: agent_token_files is empty, so the agent could speak as the same bot"
        fix = "name the files in which the agent keeps its token"
        return Check(id="channel-redundant", verdict=Verdict.WARN, evidence=evidence, fix=fix)
    return Check(id="channel-redundant", verdict=Verdict.OK, evidence=f"by {', '.join(providers)}")


def _silenceable(settings: PagerSettings) -> Iterator[Check]:
    """A tier that anybody can silence without a password is no tier: the supervised agent is anybody, too."""
    channels = {channel.name: channel for channel in settings.channels}
    found = False
    for number, tier in enumerate(settings.escalation.tiers, 1):
        open_ones = [name for name in tier if name in channels and _can_be_silenced(channels[name])]
        if not open_ones:
            continue
        found = True
        alone = len(open_ones) == len(tier)
        evidence = f"tier {number}: whoever reaches {', '.join(open_ones)} can silence it without a password"
        yield Check(
            id="tier-silenceable",
            verdict=Verdict.FAIL if alone else Verdict.WARN,
            evidence=evidence,
            fix="give it a credential_file, or add a channel with one to the tier",
        )
    if not found:
        yield Check(id="tier-silenceable", verdict=Verdict.OK, evidence="no channel of a tier is open to everybody")


def _can_be_silenced(channel: ChannelSettings) -> bool:
    match channel:
        case AlertmanagerSettings(web=web):
            return not web.credential_file
        case SmtpSettings(insecure=insecure):
            return insecure
        case TerminalSettings() | JournalSettings() | WallSettings() | ExecSettings():
            return False
        case _ as over_http:
            return over_http.web.insecure


def _settings(settings: PagerSettings) -> Check:
    warnings = warnings_of(settings)
    if warnings:
        return Check(id="settings", verdict=Verdict.WARN, evidence="; ".join(warnings), fix="gatedog policy check")
    return Check(id="settings", verdict=Verdict.OK, evidence="nothing in pager.toml is worth a second thought")


def _tested(found: Findings) -> Check:
    if found.pager is None:
        return Check(id="page-test", verdict=Verdict.FAIL, evidence="not known: nobody answers", fix="gatedog status")
    ages = {
        each["name"]: None if each["tested_wall_usec"] is None else found.now_wall_usec - each["tested_wall_usec"]
        for each in found.pager["channels"]
        if each["tiers"]
    }
    fresh = [name for name, age in ages.items() if age is not None and age <= TEST_AGE_USEC]
    stale = [name for name in ages if name not in fresh]
    fix = "gatedog page test"
    if not fresh:
        evidence = f"no test page got through in the last {duration_text(TEST_AGE_USEC)}"
        return Check(id="page-test", verdict=Verdict.FAIL, evidence=evidence, fix=fix)
    if stale:
        evidence = f"no test page got through {', '.join(stale)} in the last {duration_text(TEST_AGE_USEC)}"
        return Check(id="page-test", verdict=Verdict.WARN, evidence=evidence, fix=fix)
    oldest = max(age for age in ages.values() if age is not None)
    return Check(
        id="page-test", verdict=Verdict.OK, evidence=f"each channel took one, at most {duration_text(oldest)} ago"
    )


def _undelivered(found: Findings) -> Check:
    if found.pager is None:
        return Check(id="pages", verdict=Verdict.FAIL, evidence="not known: nobody answers", fix="gatedog status")
    old = [
        page
        for page in found.pager["waiting"]
        if page["severity"] == "critical" and found.now_wall_usec - page["queued_wall_usec"] >= UNDELIVERED_USEC
    ]
    if old:
        names = ", ".join(sorted({name for page in old for name in page["waiting"]}))
        evidence = f"{len(old)} critical page(s) wait for {names} since more than {duration_text(UNDELIVERED_USEC)}"
        return Check(id="pages", verdict=Verdict.FAIL, evidence=evidence, fix="gatedog page channels")
    if found.pager["given_up"]:
        evidence = f"{len(found.pager['given_up'])} page(s) were given up by a channel"
        return Check(
            id="pages", verdict=Verdict.WARN, evidence=evidence, fix="gatedog page list; gatedog page retry ID"
        )
    return Check(id="pages", verdict=Verdict.OK, evidence="none waits for long, and none was given up")


def _dead_man(found: Findings) -> Check:
    fix = "add a [deadman.NAME] to pager.toml; see config/pager.toml"
    if not found.settings.deadman:
        evidence = "none: when gatedog and this machine are gone, nobody notices"
        return Check(id="dead-man", verdict=Verdict.FAIL, evidence=evidence, fix=fix)
    if found.pager is None:
        return Check(id="dead-man", verdict=Verdict.FAIL, evidence="not known: nobody answers", fix="gatedog status")
    quiet, failing = [], []
    for switch in found.pager["switches"]:
        last = switch["last_ok_wall_usec"]
        if last is None or found.now_wall_usec - last > BEATS_MISSED * switch["every_usec"]:
            quiet.append(f"{switch['name']} ({switch['last_error'] or 'not told yet'})")
        elif switch["last_beat"] == "fail":
            failing.append(str(switch["name"]))
    if quiet or not found.pager["switches"]:
        evidence = f"not told of a sign of life: {', '.join(quiet) or 'gatedog runs with older settings'}"
        return Check(id="dead-man", verdict=Verdict.FAIL, evidence=evidence, fix="gatedog page channels")
    if failing:
        evidence = f"{', '.join(failing)} is being told that all is not well"
        return Check(id="dead-man", verdict=Verdict.WARN, evidence=evidence, fix="gatedog incident list")
    names = ", ".join(str(switch["name"]) for switch in found.pager["switches"])
    return Check(id="dead-man", verdict=Verdict.OK, evidence=f"{names} was told that all is well")
