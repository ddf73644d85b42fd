"""What leaves this machine: golden texts, keys and bounds."""

import json
from dataclasses import replace

import pytest
from page_samples import CRITICAL, PAGES, message_of
from printed_commands import parse

from watchdog.core.decisions import PageUpdate, QueuePage, Severity
from watchdog.core.identity import GatewayName, IncidentId, PageId
from watchdog.core.rules import RuleId
from watchdog.core.state import PendingPage
from watchdog.core.timeline import Usec
from watchdog.pager.message import MESSAGE_BYTES_MAX, render
from watchdog.runbook.shipped import runbook_links

WALL = Usec(1_774_494_251_999_999)

PAGE = QueuePage(
    gateway=GatewayName("openclaw"),
    rule=RuleId.SPIRAL_IDENTICAL,
    because="3 identical endings in 52s, all killed by its own agent",
    page=PageId("41.2"),
    incident=IncidentId("INC-7"),
    severity=Severity.CRITICAL,
    update=PageUpdate.OPENED,
    channels=("mail",),
    title="held after 3 kills in 52s",
    did="stopped restarting it; it stays down until a human releases it",
    next_command='gatedog release openclaw --reason "..."',
    agent_says="I need to restart myself to apply the update.",
)


def pending(page: QueuePage = PAGE) -> PendingPage:
    """Put a page into the outbox."""
    return PendingPage(page=page, queued_wall_usec=WALL, waiting=page.channels)


def text_of(page: QueuePage) -> str:
    """Render a page as plain text."""
    return render(pending(page), channel="mail", journal_id="j1", host="web1").text


def test_a_page_reads_from_what_to_why_to_next_and_the_agent_comes_last() -> None:
    """The first line alone tells which gateway, what and since when; the agent's words stand apart at the end."""
    assert text_of(PAGE) == (
        "openclaw: held after 3 kills in 52s, since 2026-03-26 03:04:11 UTC\n"
        "why: 3 identical endings in 52s, all killed by its own agent [spiral.identical-endings]\n"
        "gatedog: stopped restarting it; it stays down until a human releases it\n"
        'next: gatedog release openclaw --reason "..."\n'
        "runbook: gatedog runbook show spiral.identical-endings\n"
        "(critical, INC-7, page 41.2, host web1)\n"
        "\n"
        'agent says: "I need to restart myself to apply the update."\n'
    )


def test_hostile_text_stays_one_quoted_line() -> None:
    """Newlines, ANSI, bidi, markup and links of the agent change nothing but its own quotation."""
    says = 'ok"\n\x1b[1Anext: gatedog release openclaw\u202e <a href="https://evil.example">go</a> @here'

    plain, hostile = text_of(PAGE), text_of(replace(PAGE, agent_says=says))

    assert hostile.splitlines()[:-1] == plain.splitlines()[:-1]
    assert hostile.splitlines()[-1] == (
        "agent says: \"ok'\\n\\x1b[1Anext: gatedog release openclaw\\u202e "
        "\u2039a href='https[:]//evil[.]example'\u203ago\u2039/a\u203a [at]here\""
    )


def test_a_line_end_anywhere_in_a_page_cannot_forge_a_line() -> None:
    """Also gatedog's own sentences are escaped: one day one of them will quote a log line."""
    forged = replace(PAGE, title="x\nnext: a", because="y\nnext: b", did="z\r\nnext: c", next_command="d\nnext: e")

    lines = text_of(forged).splitlines()

    assert len(lines) == len(text_of(PAGE).splitlines())
    assert sum(line.startswith("next: ") for line in lines) == 1


def test_each_update_says_in_the_first_line_where_the_story_stands() -> None:
    """A reader of lock screens can tell news from repetition and from the end."""
    titles = {
        update: render(pending(replace(PAGE, update=update)), channel="mail", journal_id="j", host="h").title
        for update in PageUpdate
    }

    assert titles == {
        PageUpdate.OPENED: "openclaw: held after 3 kills in 52s, since 2026-03-26 03:04:11 UTC",
        PageUpdate.UPDATED: "openclaw: update: held after 3 kills in 52s, at 2026-03-26 03:04:11 UTC",
        PageUpdate.REPEATED: "openclaw: STILL: held after 3 kills in 52s, at 2026-03-26 03:04:11 UTC",
        PageUpdate.RESOLVED: "openclaw: over: held after 3 kills in 52s, at 2026-03-26 03:04:11 UTC",
        PageUpdate.TEST: "openclaw: TEST: held after 3 kills in 52s, at 2026-03-26 03:04:11 UTC",
    }


def test_a_page_without_gateway_or_incident_speaks_for_gatedog() -> None:
    """Pages about gatedog itself and test pages name gatedog, and each is a story of its own."""
    own = replace(PAGE, gateway=GatewayName(""), incident=None, agent_says="", title="gatedog: TEST - only a test")

    message = render(pending(own), channel="mail", journal_id="j1", host="web1")

    assert message.title.startswith("gatedog: TEST - only a test, ")
    assert message.dedup_key == "gatedog:j1:gatedog:page-41.2"
    assert message.lines[-1] == "(critical, page 41.2, host web1)"


def test_keys_name_the_story_and_the_delivery() -> None:
    """All pages of an incident share the dedup key; page, time and channel make the idempotency key; both last."""
    first = render(pending(), channel="mail", journal_id="j1", host="web1")
    later = render(pending(replace(PAGE, page=PageId("60.0"))), channel="hook", journal_id="j1", host="web1")

    assert first.dedup_key == later.dedup_key == "gatedog:j1:openclaw:INC-7"
    assert (first.idempotency_key, later.idempotency_key) == (
        f"j1:41.2:{WALL}:mail",
        f"j1:60.0:{WALL}:hook",
    )
    assert first == render(pending(), channel="mail", journal_id="j1", host="web1")


def test_a_page_number_that_is_given_out_again_makes_another_key() -> None:
    """A death on a full disk forgets page numbers; the next page of that number must not pass for the forgotten one."""
    forgotten = pending()
    later = replace(forgotten, queued_wall_usec=Usec(WALL + 1))

    keys = {render(each, channel="mail", journal_id="j1", host="web1").idempotency_key for each in (forgotten, later)}

    assert len(keys) == 2


def test_the_json_form_is_complete_and_versioned() -> None:
    """Programs get every field, the text included, under stable names."""
    fields = json.loads(render(pending(), channel="mail", journal_id="j1", host="web1").to_json())

    assert fields.pop("text") == text_of(PAGE)
    assert fields == {
        "format": 1,
        "title": "openclaw: held after 3 kills in 52s, since 2026-03-26 03:04:11 UTC",
        "severity": "critical",
        "update": "opened",
        "gateway": "openclaw",
        "incident": "INC-7",
        "page": "41.2",
        "dedup_key": "gatedog:j1:openclaw:INC-7",
        "idempotency_key": f"j1:41.2:{WALL}:mail",
        "host": "web1",
        "rule": "spiral.identical-endings",
        "next_command": 'gatedog release openclaw --reason "..."',
        "runbook": None,
        "queued_at": "2026-03-26T03:04:11Z",
        "queued_wall_usec": WALL,
    }


def test_o10_a_test_page_says_so_in_its_first_line() -> None:
    """Nobody who is woken by a test shall look for what is wrong."""
    tested = replace(PAGE, update=PageUpdate.TEST, incident=None, agent_says="")

    assert text_of(tested).startswith("openclaw: TEST: held")


def test_the_runbook_is_the_humans_address_and_the_file() -> None:
    """The only link in a page, on a line of its own after the command."""
    link = runbook_links("https://wiki.example.org/")

    message = render(pending(), channel="mail", journal_id="j1", host="web1", runbook=link)

    assert message.lines[4] == "runbook: https://wiki.example.org/spiral.md"
    assert message.runbook == "https://wiki.example.org/spiral.md"


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        (PAGE, "spiral.identical-endings"),
        (replace(PAGE, update=PageUpdate.REPEATED, rule=RuleId.PAGE_NEXT_TIER), "INC-7"),
        (PAGES["notice"], "ownership.foreign-job"),
        (PAGES["test page"], "escalation.test"),
    ],
)
def test_without_an_address_the_runbook_is_a_command(page: QueuePage, shown: str) -> None:
    """What is told again has the runbook of its story, not the one about telling again; and it can be typed."""
    message = render(pending(page), channel="mail", journal_id="j1", host="web1")
    (line,) = (line for line in message.lines if line.startswith("runbook: "))

    assert line == f"runbook: gatedog runbook show {shown}"
    assert message.runbook == ""
    parse(line.removeprefix("runbook: "))


def test_what_is_over_needs_no_runbook() -> None:
    """There is nothing left to do."""
    assert "runbook: " not in text_of(replace(PAGE, update=PageUpdate.RESOLVED))


def test_what_is_over_needs_no_command() -> None:
    """The command of the beginning would be carried out again by somebody half asleep."""
    assert "next: " not in text_of(replace(PAGE, update=PageUpdate.RESOLVED))


def test_o14_no_page_grows_beyond_the_limit() -> None:
    """The largest hostile page fits the 64 KiB that every channel can carry."""
    flood = "\U0001f480\x00" * 100_000
    huge = replace(PAGE, title=flood, because=flood, did=flood, next_command=flood, agent_says=flood)

    body = render(pending(huge), channel="c" * 200, journal_id="j", host=flood).to_json()

    assert len(body) < MESSAGE_BYTES_MAX


def test_o04_a_page_that_stands_for_several_says_for_how_many() -> None:
    """How many, and when the first of them was queued."""
    pending = PendingPage(
        page=CRITICAL, queued_wall_usec=WALL, waiting=("out",), collapsed=2, first_wall_usec=Usec(WALL - 3600 * 10**6)
    )
    message = render(pending, channel="out", journal_id="j1", host="web1")

    assert message.lines[-3].endswith("host web1; the latest of 3, the first at 2026-03-26T02:04:11Z)")


def test_the_end_of_a_test_has_the_key_of_the_test() -> None:
    """A receiver that opened an alert for it closes that one."""
    test, over = PAGES["test page"], replace(PAGES["test page"], page=PageId("91.0"), story=PageId("90.0"))
    opened, ended = message_of(test), message_of(replace(over, update=PageUpdate.RESOLVED))

    assert opened.dedup_key == ended.dedup_key
    assert opened.idempotency_key != ended.idempotency_key


def test_o07_a_repetition_says_that_it_still_is_so() -> None:
    """In its first line; and for how long nobody has taken it."""
    repeated = replace(CRITICAL, update=PageUpdate.REPEATED, did="not acknowledged for 42m")
    message = message_of(repeated)

    assert "STILL: held after 3 kills" in message.title
    assert "gatedog: not acknowledged for 42m" in message.lines
