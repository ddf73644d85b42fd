"""`gatedog doctor`: each check fails when it should, and says what to do."""

from dataclasses import replace
from typing import Any

import pytest

from watchdog.core.policy import EscalationPolicy
from watchdog.core.timeline import DAY, HOUR, MINUTE
from watchdog.policyfile.pagersettings import NO_FILE, PagerSettings, parse_pager
from watchdog.report.checkup import Check, Findings, Verdict, examine, exit_code
from watchdog.report.checkuppage import render_checkup

NOW = 1_774_494_251_000_000

GOOD = """
[escalation]
tiers = [["phone"], ["mail"]]
[channel.phone]
kind = "pushover"
credential_file = "/c/t"
user_file = "/c/u"
[channel.mail]
kind = "smtp"
host = "mail.example.org"
sender = "g@example.org"
recipients = ["a@example.org"]
[deadman.hc]
kind = "healthchecks"
url_file = "/c/hc"
"""


def settings(text: str = GOOD) -> PagerSettings:
    """Read a pager.toml."""
    return parse_pager(text.encode(), "pager.toml")


def channel(name: str, tested: int | None = NOW - DAY) -> dict[str, Any]:
    """Build one channel of a Pager reply."""
    return {"name": name, "tiers": [1], "tested_wall_usec": tested}


def pager(**changes: Any) -> dict[str, Any]:
    """Build a Pager reply."""
    switch = {
        "name": "hc",
        "every_usec": MINUTE,
        "last_ok_wall_usec": NOW - MINUTE,
        "last_beat": "ok",
        "last_error": "",
    }
    channels = [channel("phone"), channel("mail")]
    return {"waiting": [], "given_up": [], "channels": channels, "switches": [switch], **changes}


def found(**changes: Any) -> Findings:
    """Gather what is well, but for the changes."""
    well = Findings(
        settings=settings(),
        pager=pager(),
        status={"pid": 7, "version": "1", "incidents": []},
        unreachable="",
        synchronised=True,
        now_wall_usec=NOW,
        installed="1",
    )
    return replace(well, **changes)


def check(identity: str, **changes: Any) -> Check:
    """Make one check."""
    return next(each for each in examine(found(**changes)) if each.id == identity)


def test_a_daemon_that_was_not_restarted_after_an_upgrade_is_to_look_at() -> None:
    """The version that runs and the one on disk are both named, with the command that makes them one."""
    seen = check("daemon", installed="2")

    assert (seen.verdict, seen.fix) == (Verdict.WARN, "sudo systemctl restart gatedog")
    assert "runs version 1; installed is 2" in seen.evidence


def test_when_all_is_well_nothing_is_to_do() -> None:
    """Every check is well, and the exit code says so."""
    checks = examine(found())

    assert [each for each in checks if each.verdict is not Verdict.OK] == []
    assert exit_code(checks) == 0
    assert all(each.evidence and not each.fix for each in checks)


@pytest.mark.parametrize(
    "text",
    [
        '[escalation]\ntiers = [["terminal"]]\n',
        GOOD.replace("mail.example.org", "localhost").replace('[["phone"], ["mail"]]', '[["mail"]]'),
        '[escalation]\ntiers = [["am"]]\n[channel.am]\nkind = "alertmanager"\nurl = "http://127.0.0.1:9093"\n',
    ],
)
def test_o11_channels_that_all_end_on_this_machine_are_a_failure(text: str) -> None:
    """Its own terminal, a mail server or an Alertmanager at its own address."""
    independent = check("channel-independent", settings=settings(text))

    assert independent.verdict is Verdict.FAIL
    assert independent.fix


def test_o11_a_program_may_lead_anywhere() -> None:
    """Where to, cannot be seen from here: that is said, not guessed."""
    text = '[escalation]\ntiers = [["out"]]\n[channel.out]\nkind = "exec"\nargv = ["/usr/local/bin/wake"]\n'

    assert check("channel-independent", settings=settings(text)).verdict is Verdict.WARN


def test_o11_one_provider_is_one_way_out() -> None:
    """Two channels by the same server go down together."""
    text = GOOD.replace('[["phone"], ["mail"]]', '[["mail", "mail2"]]') + (
        '[channel.mail2]\nkind = "smtp"\nhost = "mail.example.org"\nsender = "g@x"\nrecipients = ["b@x"]\n'
    )
    redundant = check("channel-redundant", settings=settings(text))

    assert (redundant.verdict, "mail.example.org" in redundant.evidence) == (Verdict.WARN, True)


def test_o11_a_bot_that_the_agent_may_share_is_named() -> None:
    """Nobody has said where the agent keeps its token."""
    text = GOOD.replace('[["phone"], ["mail"]]', '[["tg", "mail"]]') + (
        '[channel.tg]\nkind = "telegram"\ncredential_file = "/c/b"\nchat = "1"\ncontacts = { a = "1" }\n'
        "agent_token_files = []\n"
    )

    assert "agent_token_files" in check("channel-redundant", settings=settings(text)).evidence


@pytest.mark.parametrize(
    ("tiers", "verdict"), [('[["am"], ["mail"]]', Verdict.FAIL), ('[["am", "mail"]]', Verdict.WARN)]
)
def test_o11_a_tier_that_anybody_can_silence_is_none(tiers: str, verdict: Verdict) -> None:
    """An Alertmanager without a password is silenced by whoever reaches it, the agent included."""
    text = GOOD.replace('[["phone"], ["mail"]]', tiers)
    text += '[channel.am]\nkind = "alertmanager"\nurl = "https://am.example.org"\n'

    assert check("tier-silenceable", settings=settings(text)).verdict is verdict


def test_o11_pages_in_clear_can_be_held_back_on_the_way() -> None:
    """It is a warning and, alone in its tier, a failure."""
    text = '[escalation]\ntiers = [["hook"]]\n[channel.hook]\nkind = "webhook"\n'
    text += 'url = "http://h.example"\ninsecure = true\n'
    checks = {each.id: each.verdict for each in examine(found(settings=settings(text)))}

    assert (checks["tier-silenceable"], checks["settings"]) == (Verdict.FAIL, Verdict.WARN)


@pytest.mark.parametrize(
    ("channels", "verdict"),
    [
        ([channel("phone", None)], Verdict.FAIL),
        ([channel("phone", NOW - 31 * DAY)], Verdict.FAIL),
        ([channel("phone"), channel("mail", NOW - 31 * DAY)], Verdict.WARN),
        ([channel("phone"), {"name": "log", "tiers": [], "tested_wall_usec": None}], Verdict.OK),
    ],
)
def test_o10_a_test_page_must_have_got_through_within_thirty_days(channels: list[Any], verdict: Verdict) -> None:
    """By every channel of a tier; what only notices go to is not asked."""
    assert check("page-test", pager=pager(channels=channels)).verdict is verdict


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"switches": []}, Verdict.FAIL),
        ({"last_ok_wall_usec": None}, Verdict.FAIL),
        ({"last_ok_wall_usec": NOW - HOUR}, Verdict.FAIL),
        ({"last_beat": "fail"}, Verdict.WARN),
    ],
)
def test_a_dead_man_switch_must_be_told(changes: dict[str, Any], verdict: Verdict) -> None:
    """Configured, and heard of within three of its times."""
    replied = pager()
    if "switches" in changes:
        replied = pager(switches=[])
    else:
        replied["switches"][0].update(changes)

    assert check("dead-man", pager=replied).verdict is verdict


def test_without_a_dead_man_switch_nobody_notices() -> None:
    """That is a failure, whatever else is well."""
    without = replace(settings(), deadman=())

    assert check("dead-man", settings=without).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("severity", "age", "verdict"),
    [("critical", HOUR, Verdict.FAIL), ("critical", MINUTE, Verdict.OK), ("warning", HOUR, Verdict.OK)],
)
def test_o13_a_critical_page_that_waits_is_a_failure(severity: str, age: int, verdict: Verdict) -> None:
    """After five minutes; a warning may wait."""
    page = {"severity": severity, "queued_wall_usec": NOW - age, "waiting": ["phone"]}

    assert check("pages", pager=pager(waiting=[page])).verdict is verdict


def test_a_page_that_was_given_up_is_to_look_at() -> None:
    """Somebody mends the channel and has it tried again."""
    assert "page retry" in check("pages", pager=pager(given_up=[{}])).fix


def test_a_daemon_that_does_not_answer_tells_nobody() -> None:
    """All that rests on its word fails with it."""
    checks = examine(found(pager=None, status=None, unreachable="no socket"))
    failed = {each.id for each in checks if each.verdict is Verdict.FAIL}

    assert failed == {"daemon", "journal", "page-test", "pages", "dead-man"}
    assert exit_code(checks) == 2


def test_journal_and_clock_are_looked_at() -> None:
    """A journal in trouble is a failure, a clock without a master a warning."""
    broken = {"id": "INC-3", "rule": "journal.unwritable", "phase": "open", "title": "cannot write"}
    checks = examine(found(status={"pid": 7, "version": "1", "incidents": [broken]}, synchronised=False))

    assert {each.id: each.verdict for each in checks if each.verdict is not Verdict.OK} == {
        "journal": Verdict.FAIL,
        "clock": Verdict.WARN,
    }


def test_warnings_alone_are_exit_code_one() -> None:
    """Something to look at is not something broken."""
    assert exit_code(examine(found(synchronised=False))) == 1


def test_the_page_shows_what_fails_first_and_what_to_do() -> None:
    """Each bad line is followed by a command, and what a stranger says is made harmless."""
    text = render_checkup(examine(found(pager=None, unreachable="x\x1b[2J")), width=80, colour=False)

    assert "FAIL" in text.splitlines()[0]
    assert text.index("FAIL") < text.index("  OK")
    assert text.count("next") == text.count("FAIL") + text.count("WARN")
    assert "\x1b" not in text


def test_without_a_file_the_doctor_says_what_holds() -> None:
    """The terminal, and nobody else."""
    assert NO_FILE.escalation == EscalationPolicy()
    assert check("channel-independent", settings=NO_FILE).verdict is Verdict.FAIL
