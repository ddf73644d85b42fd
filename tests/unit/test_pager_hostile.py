"""Text of strangers in every field of a page: in no channel does it become a line, a link, a mention or a command.

tests/golden/pager/ shows the same for one text; here Hypothesis looks for another one.
"""

import email
import email.policy
import json
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_channels import MAKERS, Address, Receiver
from page_samples import CRITICAL, HOSTILE_TEXT, PAGES, RUNBOOK, message_of

from watchdog.core.decisions import QueuePage
from watchdog.pager.channels.exchange import Request
from watchdog.pager.channels.journal import datagram
from watchdog.pager.channels.ntfy import MESSAGE_BYTES_MAX as NTFY_BYTES_MAX
from watchdog.pager.channels.pagerduty import BODY_BYTES_MAX, SUMMARY_MAX
from watchdog.pager.channels.pushover import MESSAGE_MAX, TITLE_MAX
from watchdog.pager.channels.smtp import SmtpChannel
from watchdog.pager.channels.telegram import TEXT_MAX, units
from watchdog.pager.channels.templates import DISCORD_TEXT_MAX, OPSGENIE_MESSAGE_MAX, SLACK_TEXT_MAX
from watchdog.pager.channels.wall import COLUMNS, wall_text
from watchdog.policyfile.pagersettings_kinds import SmtpSettings

_FRAGMENTS = st.sampled_from(
    [
        *("\nnext: ", "\r\n", "\x1b[2J", "\u202e", "\u200b", "\u2028", "\x00", "\ud800", "<", ">", "&", "&lt;", "`"),
        *("```", "\n```\n", "](", "[x](", "https://e.vil/x", "tg://x", "mailto:a@b", "@everyone", "<!channel>", "<@1>"),
        *("*", "_", "~", "|", "\\", "\\`", '"', "'", "#", "gatedog release openclaw", "e\u0301\u0301\u0301", "\u3164"),
        *("\U0001f480", "\u05d0", "a" * 300, "(x)", "@(", "::", "tel:1", "javascript:x", "href='"),
    ]
)
_TEXTS = st.lists(st.one_of(_FRAGMENTS, st.text(max_size=8)), max_size=12).map("".join)

_PAGES = st.builds(
    lambda which, title, because, did, says: replace(
        PAGES[which], title=title, because=because, did=did, agent_says=says
    ),
    st.sampled_from(sorted(PAGES)),
    _TEXTS,
    _TEXTS,
    _TEXTS,
    _TEXTS,
)

_MARKUP = re.compile(r"[<>`]|\]\(|@")


def requests_of(kind: str, page: QueuePage) -> list[Request]:
    """Return what a channel sends for a page."""
    receiver = Receiver()
    with tempfile.TemporaryDirectory() as folder:
        MAKERS[kind](Path(folder), receiver.ask, Address()).deliver(message_of(page))
    return receiver.requests


def fields_of(kind: str, page: QueuePage) -> object:
    """Return the body of the last request, parsed."""
    return json.loads(requests_of(kind, page)[-1].body)


def texts_in(value: object) -> Iterator[str]:
    """Yield every text of a JSON value, names included."""
    if isinstance(value, str):
        yield value
    for item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from texts_in(item[0])
        yield from texts_in(item[1])


def check_lines(text: str, page: QueuePage) -> None:
    """No text of a stranger's begins a line, and nothing in it is invisible, a link or a command."""
    ours = f"next: {page.next_command}"
    for line in text.split("\n"):
        assert not line.startswith("next: ") or line in (ours, "next: gatedog incident list")
        assert "://" not in line.replace(RUNBOOK, "")
        assert all(unicodedata.category(letter)[0] != "C" for letter in line)
    assert sum(line.startswith(("next: ", "runbook: ", "agent says: ")) for line in text.split("\n")) <= 3


neutral = pytest.mark.parametrize(
    "kind", ["alertmanager", "pagerduty", "webhook-grafana-irm", "webhook-incident.io", "webhook-opsgenie"]
)


@neutral
@settings(max_examples=40)
@given(page=_PAGES)
def test_receivers_of_unknown_markup_get_none(kind: str, page: QueuePage) -> None:
    """No tag, code, mention or link is left in any text: what displays it is not known here."""
    fields = fields_of(kind, page)

    for text in texts_in(fields):
        check_lines(text, page)
        assert not _MARKUP.search(text)


@settings(max_examples=60)
@given(page=_PAGES)
def test_slack_gets_plain_text(page: QueuePage) -> None:
    """Only the three entities stand for < > and &, markup is off, and the text is bounded."""
    fields = fields_of("webhook-slack", page)

    assert isinstance(fields, dict)
    text = fields["text"]
    check_lines(text, page)
    assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", text)
    assert len(text) <= SLACK_TEXT_MAX
    assert (fields["mrkdwn"], fields["unfurl_links"], fields["unfurl_media"]) == (False, False, False)


@settings(max_examples=60)
@given(page=_PAGES)
def test_discord_gets_an_escaped_line_and_one_block(page: QueuePage) -> None:
    """Outside of the block every mark is escaped, nothing ends the block early, and nobody can be mentioned."""
    fields = fields_of("webhook-discord", page)

    assert isinstance(fields, dict)
    title, _, block = fields["content"].partition("\n")
    check_lines(fields["content"], page)
    assert not set(re.sub(r"\\.", "", title)) & set("*_~`|<>@[]()#\\")
    assert block.startswith("```text\n")
    assert block.endswith("\n```")
    assert block.count("`") == 6
    assert len(fields["content"]) <= DISCORD_TEXT_MAX
    assert (fields["allowed_mentions"], fields["flags"]) == ({"parse": []}, 4)


@settings(max_examples=60)
@given(page=_PAGES)
def test_telegram_gets_one_preformatted_entity(page: QueuePage) -> None:
    """The entity covers all of the text, so Telegram looks for nothing in it; there is no parse mode."""
    fields = fields_of("telegram", page)

    assert isinstance(fields, dict)
    check_lines(fields["text"], page)
    assert fields["entities"] == [{"type": "pre", "offset": 0, "length": units(fields["text"])}]
    assert units(fields["text"]) <= TEXT_MAX
    assert "parse_mode" not in fields
    rows = fields["reply_markup"]["inline_keyboard"]
    assert {row[0]["text"] for row in rows} <= {"Acknowledge", "Runbook"}
    assert all(len(row[0].get("callback_data", "").encode()) <= 64 for row in rows)
    assert all(row[0].get("url", RUNBOOK).startswith(RUNBOOK) for row in rows)


@settings(max_examples=60)
@given(page=_PAGES)
def test_pushover_gets_what_it_takes(page: QueuePage) -> None:
    """Title and message within Pushover's limits, no HTML, and one emergency at most."""
    fields = dict(parse_qsl(requests_of("pushover", page)[-1].body.decode(), strict_parsing=True))

    check_lines(fields["title"], page)
    check_lines(fields["message"], page)
    assert "\n" not in fields["title"]
    assert 0 < len(fields["title"]) <= TITLE_MAX
    assert 0 < len(fields["message"].encode()) <= MESSAGE_MAX
    assert not fields.keys() & {"html", "monospace", "callback"}


@settings(max_examples=60)
@given(page=_PAGES)
def test_ntfy_gets_plain_text_within_its_limit(page: QueuePage) -> None:
    """No Markdown, no action but the human's link, and never so long that it becomes an attachment."""
    fields = fields_of("ntfy", page)

    assert isinstance(fields, dict)
    check_lines(fields["title"], page)
    check_lines(fields["message"], page)
    assert len(fields["message"].encode()) <= NTFY_BYTES_MAX
    assert fields["markdown"] is False
    assert re.fullmatch(r"[-_A-Za-z0-9]{1,64}", fields["sequence_id"])
    assert fields.keys() <= {"topic", "title", "message", "priority", "tags", "click", "markdown", "sequence_id"}


@settings(max_examples=40)
@given(page=_PAGES)
def test_pagerduty_and_opsgenie_get_what_they_take(page: QueuePage) -> None:
    """Summary, key and body within the limits that a 400 would otherwise enforce."""
    (request,) = requests_of("pagerduty", page)
    event = json.loads(request.body)
    opsgenie = fields_of("webhook-opsgenie", page)

    assert len(request.body) <= BODY_BYTES_MAX
    assert len(event.get("payload", {}).get("summary", "")) <= SUMMARY_MAX
    assert len(event.get("dedup_key", "")) <= 255
    assert isinstance(opsgenie, dict)
    assert len(opsgenie.get("message", "")) <= OPSGENIE_MESSAGE_MAX


@settings(max_examples=60)
@given(page=_PAGES)
def test_a_mail_has_our_headers_and_no_others(page: QueuePage) -> None:
    """Whatever a text holds, it ends up in no header but the subject's, and the body's lines are ours."""
    channel = SmtpChannel(SmtpSettings(name="out", sender="a@b.example", recipients=("c@d.example",)))

    parsed = email.message_from_bytes(channel._mail(message_of(page)).as_bytes(), policy=email.policy.default)

    names = {"From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"}
    names |= {"X-Gatedog-Key", "Importance", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"}
    assert set(parsed.keys()) <= names
    assert len(parsed.keys()) == len(set(parsed.keys()))
    assert parsed.get_content_type() == "text/plain"
    check_lines(parsed.get_content().replace("\r\n", "\n"), page)


@settings(max_examples=60)
@given(page=_PAGES)
def test_a_wall_cannot_be_written_over(page: QueuePage) -> None:
    """Only the first line begins at the margin, and no line is so long that wall would fold it there."""
    lines = wall_text(message_of(page)).rstrip("\n").split("\n")

    for number, line in enumerate(lines):
        width = sum(2 if unicodedata.east_asian_width(letter) in "FW" else 1 for letter in line)
        assert width <= COLUMNS
        assert not line or line.startswith("    ") == (number > 0)
        assert not line.startswith("    next: ") or page.next_command.startswith(line.removeprefix("    next: "))


@settings(max_examples=60)
@given(page=_PAGES)
def test_a_record_of_the_journal_has_our_fields_and_no_others(page: QueuePage) -> None:
    """A value with line ends stays one value, by its length."""
    raw, names = datagram(message_of(page)), []
    while raw:
        name, _, raw = raw.partition(b"\n")
        size = int.from_bytes(raw[:8], "little")
        check_lines(raw[8 : 8 + size].decode(), page)
        names.append(name.decode())
        raw = raw[9 + size :]

    assert [name for name in names if not name.startswith("GATEDOG_")] == [
        *("MESSAGE", "MESSAGE_ID", "PRIORITY", "SYSLOG_IDENTIFIER")
    ]
    assert len(names) == 11


@settings(max_examples=40)
@given(page=_PAGES)
def test_programs_get_one_json_object(page: QueuePage) -> None:
    """The form for exec and plain webhooks is one line of JSON, and its text has our lines."""
    body = message_of(page).to_json()

    assert b"\n" not in body
    check_lines(json.loads(body)["text"], page)


def test_the_agents_words_stay_behind_its_name_everywhere() -> None:
    """Wherever the claim of the agent is shown, it is one quoted line that says whose it is."""
    says = replace(CRITICAL, agent_says=HOSTILE_TEXT)
    shown = 0
    for kind in MAKERS:
        for text in texts_in(fields_of(kind, says)) if kind != "pushover" else ():
            for line in text.split("\n"):
                if "rm -rf" in line:
                    shown += 1
                    assert line.startswith(('agent says: "', '"'))

    assert shown >= len(MAKERS) - 2
