"""What every channel sends, word for word: tests/golden/pager/, one file for each kind of receiver."""

import email.policy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from page_channels import BOT, MAKERS, USER, Address, Receiver
from page_samples import CANARY, PAGES, message_of

from watchdog.pager.channels.exchange import Request
from watchdog.pager.channels.journal import datagram
from watchdog.pager.channels.smtp import SmtpChannel
from watchdog.pager.channels.terminal import TerminalChannel
from watchdog.pager.channels.wall import wall_text
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings_kinds import SmtpSettings

SECRETS = (BOT, USER, f"key-{CANARY}", CANARY)


def told(request: Request) -> Iterator[str]:
    """Say a request the way a person reads it, without its secrets and what is different every time."""
    target = urlsplit(request.url)
    yield f"{request.method} {target.path}{'?' if target.query else ''}{target.query}"
    for name, value in request.headers:
        yield f"{name}: {value if name != 'X-Gatedog-Signature' else value[:7] + '...'}"
    yield ""
    if dict(request.headers).get("Content-Type") == "application/x-www-form-urlencoded":
        yield from (f"{name} = {value}" for name, value in parse_qsl(request.body.decode(), strict_parsing=True))
    elif request.body:
        yield json.dumps(json.loads(request.body), indent=2, ensure_ascii=False)


def without_secrets(text: str) -> str:
    """Put a word in the place of every secret."""
    for secret in SECRETS:
        text = text.replace(secret, "SECRET")
    return text


def story(sent: Callable[[Message], str]) -> str:
    """Say what is sent for each page, one after the other."""
    return "\n\n".join(f"#### {name}\n{sent(message_of(page))}".rstrip() for name, page in PAGES.items()) + "\n"


@pytest.mark.parametrize("kind", MAKERS)
def test_requests_are_as_agreed(kind: str, tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    """A change of what a receiver gets is a change that somebody looked at."""

    def sent(message: Message) -> str:
        receiver = Receiver()
        MAKERS[kind](tmp_path, receiver.ask, Address()).deliver(message)
        return without_secrets("\n\n".join("\n".join(told(request)) for request in receiver.requests))

    golden(f"pager/{kind}.txt", story(sent))


def test_mails_are_as_agreed(golden: Callable[[str, str], None]) -> None:
    """Headers and body, as the server gets them."""
    settings = SmtpSettings(name="out", sender="gatedog@web1.example", recipients=("alice@example.org",))
    policy = email.policy.default.clone(cte_type="8bit", utf8=True)

    golden(
        "pager/smtp.txt", story(lambda message: SmtpChannel(settings)._mail(message).as_bytes(policy=policy).decode())
    )


def test_records_of_the_journal_are_as_agreed(golden: Callable[[str, str], None]) -> None:
    """Each field by name and length."""

    def sent(message: Message) -> str:
        raw, fields = datagram(message), []
        while raw:
            name, _, raw = raw.partition(b"\n")
            size = int.from_bytes(raw[:8], "little")
            fields.append(f"{name.decode()} ({size}) {raw[8 : 8 + size].decode()}")
            assert raw[8 + size : 9 + size] == b"\n"
            raw = raw[9 + size :]
        return "\n".join(fields)

    golden("pager/journal.txt", story(sent))


def test_lines_on_terminals_are_as_agreed(golden: Callable[[str, str], None]) -> None:
    """Through wall, and in the terminal gatedog was started in."""
    golden("pager/wall.txt", story(wall_text))
    golden("pager/exec.txt", story(lambda message: json.dumps(json.loads(message.to_json()), indent=2)))


def test_every_kind_has_a_golden_file(golden: Callable[[str, str], None]) -> None:
    """No kind is forgotten; the terminal's own test shows its lines."""
    folder = Path(__file__).parents[1] / "golden" / "pager"

    assert TerminalChannel.__module__.endswith("terminal")
    assert {file.stem for file in folder.iterdir()} == {*MAKERS, "smtp", "journal", "wall", "exec"}
