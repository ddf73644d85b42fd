"""Every kind of channel in pager.toml: what is read, what is refused, and that the example shows all of it."""

import re
from pathlib import Path

import pytest

from watchdog.core.timeline import HOUR, MINUTE, SECOND
from watchdog.policyfile.pagersettings import TERMINAL, PagerSettings, parse_pager, warnings_of
from watchdog.policyfile.pagersettings_channels import KEYS
from watchdog.policyfile.pagersettings_kinds import (
    AlertmanagerSettings,
    ChannelKind,
    JournalSettings,
    NtfySettings,
    PagerDutySettings,
    PushoverSettings,
    TelegramSettings,
    Template,
    WallSettings,
    Web,
    WebhookSettings,
)
from watchdog.policyfile.problems import PolicyProblems, Problem

EXAMPLE = Path(__file__).parents[2] / "config" / "pager.toml"
TIER = '[escalation]\ntiers = [["terminal"]]\n'


def read(text: str) -> PagerSettings:
    """Read settings that are fine."""
    return parse_pager((TIER + text).encode(), "pager.toml")


def problems_of(text: str) -> tuple[Problem, ...]:
    """Return the problems of settings that must be refused."""
    with pytest.raises(PolicyProblems) as refused:
        parse_pager((TIER + text).encode(), "pager.toml")
    return refused.value.problems


def uncommented(text: str) -> str:
    """Return the example with all its commented channels and switches on."""
    return re.sub(r"^# (?=\[(?:channel|deadman)\.|[a-z_]+ = )", "", text, flags=re.MULTILINE)


FULL = """
[message]
runbook = "https://wiki.example.org/gatedog/"
[channel.alerts]
kind = "alertmanager"
url = "http://127.0.0.1:9093"
username = "ops"
credential_file = "/c/alerts"
[channel.log]
kind = "journal"
[channel.push]
kind = "ntfy"
url = "https://ntfy.example.org"
topic = "ops_pages-1"
credential_file = "/c/ntfy"
ca_file = "/c/ca.pem"
[channel.pager]
kind = "pagerduty"
credential_file = "/c/pd"
[channel.phone]
kind = "pushover"
credential_file = "/c/po"
user_file = "/c/po.user"
retry = "30s"
expire = "3h"
[channel.bot]
kind = "telegram"
credential_file = "/c/bot"
chat = "-1001"
contacts = { bob = "12", alice = "11" }
agent_token_files = []
timeout = "20s"
[channel.everybody]
kind = "wall"
[channel.chat]
kind = "webhook"
template = "slack"
url_file = "/c/slack"
[channel.hook]
kind = "webhook"
url = "http://pager.lan/in"
insecure = true
signing_file = "/c/key"
[channel.genie]
kind = "webhook"
template = "opsgenie"
credential_file = "/c/genie"
"""


def test_every_key_of_every_kind_reaches_the_settings() -> None:
    """What is written is what pages."""
    settings = read(FULL)

    assert settings.runbook == "https://wiki.example.org/gatedog/"
    assert settings.channels == (
        AlertmanagerSettings(
            name="alerts", web=Web(url="http://127.0.0.1:9093", credential_file="/c/alerts"), username="ops"
        ),
        TelegramSettings(
            name="bot",
            timeout_usec=20 * SECOND,
            web=Web(url="https://api.telegram.org", credential_file="/c/bot"),
            chat="-1001",
            contacts=(("alice", 11), ("bob", 12)),
        ),
        WebhookSettings(name="chat", web=Web(url_file="/c/slack"), template=Template.SLACK),
        WallSettings(name="everybody"),
        WebhookSettings(
            name="genie",
            web=Web(url="https://api.opsgenie.com/v2/alerts", credential_file="/c/genie"),
            template=Template.OPSGENIE,
        ),
        WebhookSettings(name="hook", web=Web(url="http://pager.lan/in", insecure=True), signing_file="/c/key"),
        JournalSettings(name="log"),
        PagerDutySettings(name="pager", web=Web(url="https://events.pagerduty.com", credential_file="/c/pd")),
        PushoverSettings(
            name="phone",
            web=Web(url="https://api.pushover.net", credential_file="/c/po"),
            user_file="/c/po.user",
            retry_usec=30 * SECOND,
            expire_usec=3 * HOUR,
        ),
        NtfySettings(
            name="push",
            web=Web(url="https://ntfy.example.org", credential_file="/c/ntfy", ca_file="/c/ca.pem"),
            topic="ops_pages-1",
        ),
        TERMINAL,
    )


def test_what_is_allowed_and_worth_a_second_thought_is_said() -> None:
    """Clear text to another machine and a service that ends: one sentence each, and nothing for the rest."""
    assert warnings_of(read(FULL)) == (
        "channel genie: Opsgenie and its API end on 5 April 2027; choose a successor before",
        "channel hook: insecure = true lets everybody on the way read and change its pages",
    )


PUSHOVER = '[channel.x]\nkind = "pushover"\ncredential_file = "/c"\nuser_file = "/u"\n'
BOT = '[channel.x]\nkind = "telegram"\ncredential_file = "/c"\n'
TELEGRAM = BOT + 'chat = "1"\ncontacts = { a = "1" }\nagent_token_files = []\n'
NTFY = '[channel.x]\nkind = "ntfy"\ntopic = "t"\ncredential_file = "/c"\n'
HOOK = '[channel.x]\nkind = "webhook"\n'
MAIL = '[channel.x]\nkind = "smtp"\nhost = "mx"\nsender = "a@b"\nrecipients = ["c@d"]\n'


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[channel.x]\nkind = "pagerduty"\n', "credential_file is missing"),
        ('[channel.x]\nkind = "pagerduty"\nrouting_key = "t0p"\ncredential_file = "/c"\n', "is a secret in a file"),
        ('[channel.x]\nkind = "pagerduty"\ncredential_file = "/c"\nurl = "http://pd.example"\n', "clear text"),
        ('[channel.x]\nkind = "alertmanager"\n', "url is missing"),
        ('[channel.x]\nkind = "alertmanager"\nurl = "http://am:9093"\n', "pages would travel in clear text"),
        ('[channel.x]\nkind = "alertmanager"\nurl = "http://127.0.0.1:9093"\nusername = "u"\n', "has no password"),
        ('[channel.x]\nkind = "ntfy"\ntopic = "t"\n', "credential_file is missing"),
        (NTFY.replace('"t"', '"t t"'), "characters that cannot be in it"),
        (NTFY + 'token = "t0p"\n', "is a secret in a file"),
        (NTFY + 'insecure = "yes"\n', "neither true nor false"),
        (NTFY + 'ca_file = "ca.pem"\n', "ca_file is not absolute"),
        (NTFY + 'url = "http://ntfy.lan"\ninsecure = true\n', "credential would travel in clear text"),
        (NTFY + 'tpoic = "x"\n', "`tpoic` is not known"),
        (PUSHOVER + 'retry = "29s"\n', "retry is 29s"),
        (PUSHOVER + 'expire = "181min"\n', "expire is 3h 1m"),
        (PUSHOVER + 'user_key = "t0p"\n', "is a secret in a file"),
        (PUSHOVER.replace('user_file = "/u"\n', ""), "user_file is missing"),
        (TELEGRAM.replace('"1"\ncontacts', '"@ops"\ncontacts'), "chat has characters"),
        (TELEGRAM.replace('{ a = "1" }', '{ a = "@alice" }'), "numeric Telegram user id"),
        (TELEGRAM.replace('{ a = "1" }', "{ a = 1 }"), "not a table of texts"),
        (TELEGRAM.replace('{ a = "1" }', "{}"), "contacts is missing"),
        (TELEGRAM.replace("agent_token_files = []\n", ""), "agent_token_files is missing"),
        (TELEGRAM.replace("= []", '= ["token"]'), "is not absolute"),
        (TELEGRAM.replace("= []", '= ["/c"]'), "gatedog's own credential_file"),
        (HOOK, "url is missing"),
        (HOOK + 'url = "https://x"\nurl_file = "/u"\n', "there is a url as well"),
        (HOOK + 'template = "slack"\nurl = "https://hooks.slack.com/t0p"\n', "is its password"),
        (HOOK + 'template = "discord"\nurl = "https://discord.com/t0p"\n', "is its password"),
        (HOOK + 'template = "grafana-irm"\nurl = "https://g.example/t0p"\n', "is its password"),
        (HOOK + 'template = "opsgenie"\n', "Opsgenie needs the API key"),
        (HOOK + 'template = "teams"\nurl = "https://x"\n', 'template is "teams"'),
        (HOOK + 'url = "https://x"\ntopic = "t"\n', "means nothing for the kind webhook"),
        (MAIL + 'tls = "none"\n', "in clear text"),
        ('[channel.x]\nkind = "journal"\nurl = "https://x"\n', "means nothing for the kind journal"),
        ('[channel.x]\nkind = "wall"\nargv = ["x"]\n', "means nothing for the kind wall"),
        ('[message]\nrunbook = "wiki"\n', "not an http or https address"),
        ('[message]\nrunbook = "https://u:t0p@wiki"\n', "has credentials in it"),
        ('[message]\nrunbok = "https://wiki"\n', "`runbok` is not known"),
    ],
)
def test_a_problem_is_named_with_its_line(text: str, what: str) -> None:
    """Each fault by itself, at its place, and without the secret that was typed."""
    found = problems_of(text)

    assert what in found[0].what, [str(problem) for problem in found]
    assert len(found) == 1, [str(problem) for problem in found]
    assert found[0].line >= 3
    assert "t0p" not in str(found)


@pytest.mark.parametrize("text", [PUSHOVER, TELEGRAM, NTFY, MAIL, MAIL + 'tls = "none"\ninsecure = true\n'])
def test_the_texts_above_are_fine_without_their_fault(text: str) -> None:
    """The table above shows its faults, not others."""
    assert len(read(text).channels) == 2


def test_all_problems_come_at_once() -> None:
    """Who mends the first must not meet the second one on the next try."""
    found = problems_of(
        NTFY.replace('"/c"', '"c"') + 'timeout = "9min"\n' + PUSHOVER.replace(".x]", ".y]") + "retry = 1\n"
    )

    assert [(problem.line, problem.what.split("] ")[1].split()[0]) for problem in found] == [
        (6, "credential_file"),
        (7, "timeout"),
        (12, "retry"),
    ]


def test_the_example_has_every_kind_and_every_key_of_it() -> None:
    """One channel of each kind at least, and together they show all that a kind understands."""
    text = EXAMPLE.read_text()
    settings = parse_pager(uncommented(text).encode(), "pager.toml")
    shown = set(re.findall(r"^(?:# )?([a-z_]+) = ", text, re.MULTILINE))

    assert {type(channel) for channel in settings.channels} == {type(each) for each in (*read(FULL).channels,)} | {
        type(channel) for channel in read(f'{MAIL}[channel.z]\nkind = "exec"\nargv = ["x"]\n').channels
    }
    assert {template.value for template in Template} == set(re.findall(r'^# template = "(.+?)"', text, re.MULTILINE))
    assert set(KEYS) == set(ChannelKind)
    assert {key for keys in KEYS.values() for key in keys} - shown == set()


def test_the_example_says_the_defaults() -> None:
    """Where a value can be left out, what stands there is what holds without it."""
    settings = parse_pager(uncommented(EXAMPLE.read_text()).encode(), "pager.toml")
    phone = next(channel for channel in settings.channels if isinstance(channel, PushoverSettings))

    assert (phone.retry_usec, phone.expire_usec) == (MINUTE, HOUR)
    assert phone.web.url == PushoverSettings(name="x").web.url
    for channel in settings.channels:
        if isinstance(channel, NtfySettings | PagerDutySettings | TelegramSettings):
            assert channel.web.url == type(channel)(name="x").web.url
