"""Pages as messages of a Telegram bot, with a button that acknowledges.

The button carries a code made from the bot's token and the page (HMAC), so only who saw this very message can press
it, no code is stored anywhere, and one made up fits no page. A press counts only from the contacts that pager.toml
names by their Telegram user id. Presses are fetched (`keep_up`) while something is open that somebody could take.

Invariants: gatedog never speaks as the bot that the agent uses, because who holds a bot's token can write its pages,
read its buttons and press none the less; a token that could not be compared is used and the receipt says so, since the
agent must not silence this channel by hiding a file. Text is never parsed: the whole message is one preformatted
entity, in which Telegram makes no link, mention or command of anything.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.timeline import SECOND
from watchdog.core.values import dataclass
from watchdog.pager.channel import Acknowledged, ConfigurationFault, Heard, Receipt, Standing, TryLater
from watchdog.pager.channels.agenttoken import compare
from watchdog.pager.channels.exchange import Answer, Ask, exchange, judge, request_to
from watchdog.pager.credential import read_secret
from watchdog.pager.escape import one_line
from watchdog.pager.fit import fit
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings_kinds import TelegramSettings

TEXT_MAX = 4096
"""In UTF-16 units, as Telegram counts."""

UPDATES_MAX = 50
EDITS_MAX = 8
"""Messages of one incident whose button is taken away, the newest."""

WAIT_MAX_USEC = 20 * SECOND
"""How long Telegram may keep a question for presses before it answers "none"."""

_ACK = "ack"
_RUNBOOK = "Runbook"
_BUTTON = "Acknowledge"


class TelegramChannel:
    """One bot and one chat."""

    every_usec = 3 * SECOND

    def __init__(self, settings: TelegramSettings, *, credentials_directory: str = "", ask: Ask = exchange) -> None:
        self.name = settings.name
        self._settings = settings
        self._credentials_directory = credentials_directory
        self._ask = ask
        self._next_update = 0
        self._closed: frozenset[tuple[str, str]] = frozenset()

    def deliver(self, message: Message) -> Receipt:
        """Send one message."""
        token, remark = self._token()
        lines = fit(message, TEXT_MAX, measure=units)
        answer = self._call(token, "sendMessage", body_of(message, lines, code(token, message)) | self._chat())
        result = answer.fields().get("result")
        number = result.get("message_id") if isinstance(result, dict) else None
        if not isinstance(number, int):
            raise TryLater(f"{answer.said}, without the number of a message")
        return Receipt(detail=f"{answer.said}{remark}", reference=str(number))

    def keep_up(self, standings: tuple[Standing, ...]) -> tuple[Heard, ...]:
        """Take buttons away from what needs nobody any more; fetch presses while something does."""
        token, _ = self._token()
        self._close_buttons(token, standings)
        if not any(standing.is_open for standing in standings):
            return ()
        answer = self._call(
            token,
            "getUpdates",
            {
                "offset": self._next_update,
                "limit": UPDATES_MAX,
                "timeout": min(self._settings.timeout_usec // 2, WAIT_MAX_USEC) // SECOND,
                "allowed_updates": ["callback_query"],
            },
        )
        result = answer.fields().get("result")
        heard: list[Heard] = []
        for update in result if isinstance(result, list) else ():
            press = _press(update)
            if press is None:
                continue
            # Telling Telegram that a press was seen happens with the next question, after it was reported.
            self._next_update = max(self._next_update, press.update + 1)
            heard += self._judge_press(token, press, standings)
        return tuple(heard)

    def _judge_press(self, token: str, press: "_Press", standings: tuple[Standing, ...]) -> tuple[Heard, ...]:
        contact = next((name for name, user in self._settings.contacts if user == press.user), "")
        verb, _, rest = press.code.partition(":")
        page, _, given = rest.rpartition(":")
        standing = next((each for each in standings if any(told.page == page for told in each.told)), None)
        if verb != _ACK or standing is None or standing.over_wall_usec is not None:
            said = "There is nothing to acknowledge here any more."
        elif not hmac.compare_digest(given.encode(), code(token, standing.message, page).encode()):
            said = "This button is not gatedog's."
        elif not contact:
            said = "You are not among the contacts in pager.toml; nothing was acknowledged."
        else:
            self._answer(token, press.query, f"{standing.incident}: passed on to gatedog as taken by {contact}.")
            return (Acknowledged(channel=self.name, incident=standing.incident, page=page, by=contact),)
        self._answer(token, press.query, said)
        return ()

    def _answer(self, token: str, query: str, text: str) -> None:
        try:
            self._call(token, "answerCallbackQuery", {"callback_query_id": query, "text": text})
        except (ConfigurationFault, TryLater):
            return  # the press is older than a few minutes, or the line is bad: it counts all the same

    def _close_buttons(self, token: str, standings: tuple[Standing, ...]) -> None:
        done = {
            (told.reference, standing.incident): standing
            for standing in standings
            if not standing.is_open
            for told in standing.told[-EDITS_MAX:]
            if told.reference.isdigit()
        }
        self._closed &= done.keys()
        for key, standing in done.items():
            if key in self._closed:
                continue
            self._edit(token, key[0], standing, is_last=key[0] == standing.told[-1].reference)
            self._closed |= {key}

    def _edit(self, token: str, number: str, standing: Standing, *, is_last: bool) -> None:
        """Take the button off a message; the last one also says who has the incident."""
        where = self._chat() | {"message_id": int(number)}
        buttons: dict[str, object] = {"reply_markup": {"inline_keyboard": _runbook_row(standing.message)}}
        try:
            if is_last and standing.over_wall_usec is None:
                taken = f"taken by {one_line(standing.acknowledged_by)}"
                lines = (*fit(standing.message, TEXT_MAX - units(taken) - 1, measure=units), taken)
                self._call(token, "editMessageText", where | _text(lines) | buttons)
            else:
                self._call(token, "editMessageReplyMarkup", where | buttons)
        except ConfigurationFault:
            return  # too old, gone, or already so: the button does nothing any more in any case

    def _call(self, token: str, method: str, fields: Mapping[str, object]) -> Answer:
        url = f"{self._settings.web.url.rstrip('/')}/bot{token}/{method}"
        answer = self._ask(
            replace(
                request_to(self.name, self._settings.web, url, self._settings.timeout_usec),
                headers=(("Content-Type", "application/json"),),
                body=json.dumps(fields, ensure_ascii=False).encode(),
                secret=True,
                wants_body=True,
            )
        )
        if answer.status == HTTPStatus.CONFLICT:
            raise ConfigurationFault(f"{answer.said}: another program reads this bot's messages; gatedog needs its own")
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise TryLater(answer.said, _asked_quiet_usec(answer))
        judge(answer, self.name)
        return answer

    def _token(self) -> tuple[str, str]:
        """Return the token, and a remark if it could not be compared with all that the agent holds."""
        path = self._settings.web.credential_file
        token = read_secret(path, credentials_directory=self._credentials_directory)
        compared = compare(token, path, self._settings.agent_token_files)
        if compared.same_as:
            what = f"channel {self.name}: {compared.same_as} holds the same bot, so the agent could forge pages"
            raise ConfigurationFault(f"{what}; make gatedog a bot of its own (@BotFather) and use its token")
        unread = ", ".join(compared.unread)
        return token, f"; not compared with {one_line(unread)}, which cannot be read" if unread else ""

    def _chat(self) -> dict[str, object]:
        return {"chat_id": int(self._settings.chat)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Press:
    """Somebody pressed a button."""

    update: int
    query: str
    user: int
    code: str


def body_of(message: Message, lines: tuple[str, ...], secret: str) -> dict[str, object]:
    """Word a page as the parameters of sendMessage, without the chat."""
    rows: list[list[dict[str, str]]] = []
    if _is_takable(message):
        rows.append([{"text": _BUTTON, "callback_data": f"{_ACK}:{message.page}:{secret}"}])
    rows += _runbook_row(message)
    keyboard: dict[str, object] = {"reply_markup": {"inline_keyboard": rows}} if rows else {}
    quiet: dict[str, object] = {"disable_notification": message.severity is Severity.INFO}
    return _text(lines) | quiet | keyboard


def code(token: str, message: Message, page: str = "") -> str:
    """Return the secret of the button of a page, the message's unless another is named.

    22 letters that only who has the token can make; the journal's id keeps pages of one number apart.
    """
    what = f"gatedog acknowledge {message.journal_id} {message.dedup_key} {page or message.page}"
    digest = hmac.new(token.encode(), what.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def units(text: str) -> int:
    """Measure a text in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _text(lines: tuple[str, ...]) -> dict[str, object]:
    text = "\n".join(lines)
    return {
        "text": text,
        "entities": [{"type": "pre", "offset": 0, "length": units(text)}],
        "link_preview_options": {"is_disabled": True},
    }


def _is_takable(message: Message) -> bool:
    ends = message.update in (PageUpdate.RESOLVED, PageUpdate.TEST)
    return bool(message.incident) and not ends


def _runbook_row(message: Message) -> list[list[dict[str, str]]]:
    return [[{"text": _RUNBOOK, "url": message.runbook}]] if message.runbook else []


def _press(update: object) -> _Press | None:
    match update:
        case {
            "update_id": int(number),
            "callback_query": {"id": str(query), "from": {"id": int(user)}, "data": str(given)},
        }:
            return _Press(update=number, query=query[:128], user=user, code=given[:64])
        case _:
            return None


def _asked_quiet_usec(answer: Answer) -> int:
    parameters = answer.fields().get("parameters")
    asked = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return max(asked if isinstance(asked, int) else 0, 30) * SECOND
