"""pager.toml to settings, or to all of its problems."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.core.policy import EscalationPolicy
from watchdog.core.timeline import HOUR, MINUTE, SECOND
from watchdog.policyfile.pagersettings import (
    NO_FILE,
    TERMINAL,
    PagerSettings,
    load_pager,
    parse_pager,
)
from watchdog.policyfile.pagersettings_kinds import ExecSettings, SmtpSettings, Tls, Web, WebhookSettings
from watchdog.policyfile.problems import PolicyProblems, Problem

TIER = '[escalation]\ntiers = [["terminal"]]\n'


def problems_of(text: str) -> tuple[Problem, ...]:
    """Return the problems of settings that must be refused."""
    with pytest.raises(PolicyProblems) as refused:
        parse_pager(text.encode(), "pager.toml")
    return refused.value.problems


FULL = """
[channel.script]
kind = "exec"
argv = ["/usr/local/bin/wake", "me"]
timeout = "30s"
[channel.hook]
kind = "webhook"
url = "https://ntfy.example.org/ops"
credential_file = "/etc/gatedog/hook.token"
[channel.mail]
kind = "smtp"
host = "mail.example.org"
sender = "gatedog@example.org"
recipients = ["boss@example.org"]
username = "gatedog"
credential_file = "/etc/gatedog/mail.password"
tls = "tls"
[escalation]
tiers = [["hook", "script"], ["mail"]]
notices = ["mail"]
escalate_after = "2min"
repeat_after = "1h"
acknowledge_for = "30min"
acknowledge_max = "6h"
"""


def test_every_key_reaches_the_settings(tmp_path: Path) -> None:
    """What is written is what pages."""
    tmp_path.chmod(0o755)
    file = tmp_path / "pager.toml"
    file.write_text(FULL)
    file.chmod(0o600)

    assert load_pager(file) == PagerSettings(
        channels=(
            WebhookSettings(
                name="hook",
                web=Web(url="https://ntfy.example.org/ops", credential_file="/etc/gatedog/hook.token"),
            ),
            SmtpSettings(
                name="mail",
                host="mail.example.org",
                port=465,
                sender="gatedog@example.org",
                recipients=("boss@example.org",),
                username="gatedog",
                credential_file="/etc/gatedog/mail.password",
                tls=Tls.TLS,
            ),
            ExecSettings(name="script", argv=("/usr/local/bin/wake", "me"), timeout_usec=30 * SECOND),
            TERMINAL,
        ),
        escalation=EscalationPolicy(
            tiers=(("hook", "script"), ("mail",)),
            notices=("mail",),
            escalate_after_usec=2 * MINUTE,
            repeat_after_usec=HOUR,
            acknowledge_for_usec=30 * MINUTE,
            acknowledge_max_usec=6 * HOUR,
        ),
    )


def test_smallest_file_is_the_same_as_none() -> None:
    """Naming the terminal only changes nothing."""
    assert parse_pager(TIER.encode(), "pager.toml") == NO_FILE


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "there is no tier at all"),
        ("[escalation]\ntiers = []", "there is no tier at all"),
        ("[escalation]\ntiers = [[]]", "none of them empty"),
        ('[escalation]\ntiers = ["terminal"]', "not a list of lists"),
        ('[escalation]\ntiers = [["bos"]]', 'names the channel "bos", which does not exist'),
        (TIER + 'notices = ["x"]', 'names the channel "x"'),
        (TIER + 'changes = ["x"]', 'names the channel "x"'),
        (TIER + 'acknowledge_max = "13h"', "acknowledge_max is 13h"),
        (TIER + 'acknowledge_for = "2h"\nacknowledge_max = "1h"', "longer than acknowledge_max"),
        (TIER + 'repeat_after = "0s"', "repeat_after is zero"),
        (TIER + "repeat = 1", "`repeat` is not known"),
        (TIER + '[chanel.x]\nkind = "exec"', "`chanel` is not known"),
        (TIER + "[channel.x]", "kind is missing"),
        (TIER + '[channel.x]\nkind = "pigeon"', 'kind is "pigeon"'),
        (TIER + '[channel."X y"]\nkind = "terminal"', "cannot be the name of a channel"),
        (TIER + '[channel.x]\nkind = "exec"', "argv is missing"),
        (TIER + '[channel.x]\nkind = "exec"\nargv = "wall hello"', "argv is a text"),
        (TIER + '[channel.x]\nkind = "exec"\nargv = ["a"]\ntimeout = "10min"', "timeout is 10m"),
        (TIER + '[channel.x]\nkind = "exec"\nargv = ["a"]\nurl = "https://x"', "means nothing for the kind exec"),
        (TIER + '[channel.x]\nkind = "webhook"\nurl = "ntfy.sh/x"', "not an http or https address"),
        (TIER + '[channel.x]\nkind = "webhook"\nurl = "https://a:b@c/d"', "has credentials in it"),
        (TIER + '[channel.x]\nkind = "webhook"\nurl = "https://c"\ntoken = "t0p"', "is a secret in a file"),
        (TIER + '[channel.x]\nkind = "webhook"\nurl = "https://c"\ncredential_file = "t"', "is not absolute"),
    ],
)
def test_problem_is_named(text: str, what: str) -> None:
    """Each fault is named; what was typed as a secret is not repeated."""
    found = problems_of(text + "\n")

    assert what in found[0].what, [str(problem) for problem in found]
    assert "t0p" not in str(found)


MAIL = TIER + '[channel.m]\nkind = "smtp"\nhost = "h"\nsender = "a@b"\nrecipients = ["c@d"]\n'


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ('username = "u"', "has no password"),
        ('username = "u"\ncredential_file = "/x"\ntls = "none"', "clear text"),
        ('tls = "ssl"', 'tls is "ssl"'),
        ("port = 0", "port is 0"),
        ('password = "p"', "is a secret"),
    ],
)
def test_mail_is_checked(row: str, what: str) -> None:
    """Mail needs a host, both ends, and a password that nobody can overhear."""
    parse_pager(MAIL.encode(), "pager.toml")

    (problem,) = problems_of(MAIL + row + "\n")

    assert what in problem.what


def test_flat_tiers_show_what_was_meant() -> None:
    """The usual slip is answered with the line to write."""
    (problem,) = problems_of('[escalation]\ntiers = ["a", "b"]\n')

    assert problem.how == 'Write tiers = [["a"], ["b"]]'
    assert re.match(r"pager\.toml:2: ", str(problem))


_ROWS = st.sampled_from(
    [
        "[escalation]",
        "[channel.x]",
        "[channel]",
        "[[channel]]",
        'kind = "smtp"',
        'kind = "webhook"',
        "kind = 1",
        "tiers = [[1]]",
        'tiers = [["x"]]',
        "tiers = 5",
        'url = "http://["',
        'argv = [""]',
        "port = 1.5",
        "tls = []",
        'notices = ["x"]',
        'timeout = "1d"',
        "acknowledge_max = true",
        'recipients = "x"',
        "password = 1",
    ]
)


@given(st.lists(_ROWS, max_size=10))
def test_arbitrary_rows_are_settings_or_problems(rows: list[str]) -> None:
    """Nothing but PolicyProblems ever comes out."""
    found: tuple[Problem, ...] | None = None
    try:
        parse_pager("\n".join(rows).encode(), "pager.toml")
    except PolicyProblems as refused:
        found = refused.problems

    assert found is None or found
