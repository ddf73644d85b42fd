"""Telegram: a button that only a contact's press of this very page makes count, and never the agent's own bot."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from page_channels import BOT, Address, Receiver, answer
from page_samples import CRITICAL, PAGES, WALL, message_of, secret_file

from watchdog.core.timeline import SECOND
from watchdog.pager.channel import Acknowledged, ConfigurationFault, Standing, Told, TryLater
from watchdog.pager.channels.telegram import TelegramChannel, code
from watchdog.policyfile.pagersettings_kinds import TelegramSettings

ALICE, EVE = 11, 66
MESSAGE = message_of(CRITICAL)


def channel(folder: Path, receiver: Receiver, *agent_files: Path) -> TelegramChannel:
    """Make a channel that talks to the receiver, with alice as its contact."""
    settings = TelegramSettings(
        name="out",
        web=Address().web(credential_file=secret_file(folder, "bot", BOT)),
        chat="-1001",
        contacts=(("alice", ALICE),),
        agent_token_files=tuple(str(file) for file in agent_files),
    )
    return TelegramChannel(settings, ask=receiver.ask)


def pressed(data: str, user: int = ALICE, number: int = 5) -> bytes:
    """Make Telegram's list of one press."""
    query = {"id": "q-1", "from": {"id": user, "first_name": "alice"}, "data": data}
    return json.dumps({"ok": True, "result": [{"update_id": number, "callback_query": query}]}).encode()


def button_of(receiver: Receiver) -> str:
    """Return the code of the button that was sent."""
    rows = json.loads(receiver.requests[0].body)["reply_markup"]["inline_keyboard"]
    return str(rows[0][0]["callback_data"])


def standing(by: str = "", over: int | None = None) -> Standing:
    """Make an incident that this channel was told of twice."""
    told = (Told(page="40.0", reference="6"), Told(page="41.2", reference="7"))
    return Standing(incident="INC-7", message=MESSAGE, told=told, acknowledged_by=by, over_wall_usec=over)


def called(receiver: Receiver) -> list[str]:
    """Return the methods that were called, in order."""
    return [request.url.rpartition("/")[2] for request in receiver.requests]


def test_a_press_by_a_contact_is_an_acknowledgement(tmp_path: Path) -> None:
    """The button of the message, pressed by somebody whom pager.toml names, under the name it gives."""
    receiver = Receiver()
    out = channel(tmp_path, receiver)
    out.deliver(MESSAGE)
    receiver.answers = [answer(body=pressed(button_of(receiver))), answer()]

    heard = out.keep_up((standing(),))

    assert heard == (Acknowledged(channel="out", incident="INC-7", page="41.2", by="alice"),)
    assert called(receiver) == ["sendMessage", "getUpdates", "answerCallbackQuery"]


@pytest.mark.parametrize(
    ("data", "user", "said"),
    [
        (f"ack:41.2:{code(BOT, MESSAGE)}", EVE, "not among the contacts"),
        ("ack:41.2:AAAAAAAAAAAAAAAAAAAAAA", ALICE, "not gatedog's"),
        (f"ack:40.0:{code(BOT, MESSAGE)}", ALICE, "not gatedog's"),
        (f"ack:99.0:{code(BOT, MESSAGE, '99.0')}", ALICE, "nothing to acknowledge"),
        (f"ack:41.2:{code('123456789:other', MESSAGE)}", ALICE, "not gatedog's"),
        ("release:41.2:x", ALICE, "nothing to acknowledge"),
        ("", ALICE, "nothing to acknowledge"),
        ("ack:41.2:\u00e9", ALICE, "not gatedog's"),
    ],
    ids=["a stranger", "guessed", "another page", "unknown page", "another bot", "another verb", "empty", "no ASCII"],
)
def test_no_other_press_counts(tmp_path: Path, data: str, user: int, said: str) -> None:
    """Wrong person, wrong page or wrong code: the one who pressed is told, and nothing is acknowledged."""
    receiver = Receiver(answers=[answer(body=pressed(data, user)), answer()])

    assert channel(tmp_path, receiver).keep_up((standing(),)) == ()
    assert said in json.loads(receiver.requests[-1].body)["text"]


def test_the_code_is_another_for_every_page_and_history() -> None:
    """A screenshot of one page acknowledges no other, and a journal that began anew makes other codes."""
    codes = {
        code(BOT, MESSAGE),
        code(BOT, MESSAGE, "42.0"),
        code(BOT, replace(MESSAGE, journal_id="j2")),
        code(f"{BOT}x", MESSAGE),
    }

    assert len(codes) == 4
    assert all(len(each) == 22 for each in codes)


def test_presses_are_fetched_once(tmp_path: Path) -> None:
    """The next question tells Telegram which presses were seen."""
    receiver = Receiver(answers=[answer(body=pressed("", number=5)), answer(), answer(body=b'{"result": []}')])
    out = channel(tmp_path, receiver)

    out.keep_up((standing(),))
    out.keep_up((standing(),))

    asked = [json.loads(request.body) for request in receiver.requests if request.url.endswith("getUpdates")]
    assert [each["offset"] for each in asked] == [0, 6]
    assert {tuple(each["allowed_updates"]) for each in asked} == {("callback_query",)}


@pytest.mark.parametrize(
    "body",
    [
        b'{"result": 7}',
        b'{"result": [7, {}, {"update_id": "x"}, {"update_id": 1, "message": {"text": "ack"}}]}',
        b'{"result": [{"update_id": 1, "callback_query": {"id": 7, "from": {}, "data": null}}]}',
    ],
)
def test_nonsense_is_no_press(tmp_path: Path, body: bytes) -> None:
    """What a server sends is a stranger's."""
    assert channel(tmp_path, Receiver(answers=[answer(body=body)])).keep_up((standing(),)) == ()


def test_what_somebody_has_loses_its_buttons_once(tmp_path: Path) -> None:
    """The last message says who took it; older ones only lose the button; nobody is asked any more."""
    receiver = Receiver()
    out = channel(tmp_path, receiver)

    for _ in range(2):
        out.keep_up((standing("alice\x1b[1m"),))

    assert called(receiver) == ["editMessageReplyMarkup", "editMessageText"]
    edited = json.loads(receiver.requests[1].body)
    assert edited["message_id"] == 7
    assert edited["text"].endswith("\ntaken by alice\\x1b[1m")
    assert [row[0]["text"] for row in edited["reply_markup"]["inline_keyboard"]] == ["Runbook"]


def test_a_message_that_cannot_be_edited_is_left_alone(tmp_path: Path) -> None:
    """After two days Telegram refuses; the button does nothing any more in any case."""
    receiver = Receiver(answers=[answer(400)])
    out = channel(tmp_path, receiver)

    out.keep_up((standing(over=WALL),))
    out.keep_up((standing(over=WALL),))

    assert called(receiver) == ["editMessageReplyMarkup", "editMessageReplyMarkup"]


@pytest.mark.parametrize("name", ["resolve", "test page", "notice"])
def test_only_what_can_be_taken_has_a_button(tmp_path: Path, name: str) -> None:
    """The end, a test and a notice need nobody."""
    receiver = Receiver()

    channel(tmp_path, receiver).deliver(message_of(PAGES[name]))

    rows = json.loads(receiver.requests[0].body)["reply_markup"]["inline_keyboard"]
    assert [row[0]["text"] for row in rows] == ["Runbook"]


def test_o05_the_quiet_that_telegram_asks_for_is_kept(tmp_path: Path) -> None:
    """It stands in the body, not in a header; and it is never less than 30 s."""
    for asked, kept in ((5, 30), (90, 90)):
        body = json.dumps({"ok": False, "parameters": {"retry_after": asked}}).encode()
        with pytest.raises(TryLater) as caught:
            channel(tmp_path, Receiver(answers=[answer(429, body)])).deliver(MESSAGE)
        assert caught.value.after_usec == kept * SECOND


def test_a_bot_that_somebody_else_reads_is_a_fault(tmp_path: Path) -> None:
    """409: presses would go to the other program at random."""
    with pytest.raises(ConfigurationFault, match="another program reads"):
        channel(tmp_path, Receiver(answers=[answer(409)])).keep_up((standing(),))


def test_half_an_answer_is_tried_again(tmp_path: Path) -> None:
    """Without the number of the message its button could never be taken away."""
    for body in (b'{"ok": true, "resu', b'{"ok": true, "result": {}}', b"[]"):
        with pytest.raises(TryLater):
            channel(tmp_path, Receiver(answers=[answer(body=body)])).deliver(MESSAGE)


@pytest.mark.parametrize(
    "content",
    [
        BOT,
        f'{{"telegram": {{"botToken": "{BOT}"}}}}',
        f"TELEGRAM_TOKEN='{BOT}'\n",
        f"x\n{BOT.partition(':')[0]}:renewed-token-of-the-same-bot-xyz\n",
    ],
    ids=["bare", "in JSON", "in a shell file", "renewed"],
)
def test_o11_the_agents_own_bot_is_refused(tmp_path: Path, content: str) -> None:
    """Who holds a bot's token can write its pages and press its buttons, so the agent's bot is nobody's pager."""
    receiver, theirs = Receiver(), tmp_path / "agent.json"
    theirs.write_text(content)

    with pytest.raises(ConfigurationFault, match=r"agent\.json holds the same bot") as caught:
        channel(tmp_path, receiver, theirs).deliver(MESSAGE)
    assert receiver.requests == []
    assert BOT not in caught.value.detail


def test_o11_another_bot_of_the_agents_is_fine(tmp_path: Path) -> None:
    """Only the bot is compared."""
    theirs = tmp_path / "agent.json"
    theirs.write_text("1123456789:another-bot-whose-number-ends-alike\n987654321:another-bot-of-the-agents\n")

    assert "not compared" not in channel(tmp_path, Receiver(), theirs).deliver(MESSAGE).detail


def test_o11_the_agent_cannot_silence_the_channel_by_its_file(tmp_path: Path) -> None:
    """Missing, a pipe, a folder, or a path that leads to gatedog's own file: the page goes out and says so."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "bot")
    (tmp_path / "via").symlink_to(tmp_path, target_is_directory=True)
    for file in ("missing", "folder", "pipe", "link", "via/bot"):
        receipt = channel(tmp_path, Receiver(), tmp_path / file).deliver(MESSAGE)

        assert f"not compared with {tmp_path / file}" in receipt.detail
        assert receipt.reference == "7"
