"""Pages as an HTTP POST of JSON, in the shape its receiver reads (templates.py).

Invariants: `Idempotency-Key` names this page on this channel, so a receiver can tell a repetition; the address of a
chat is a secret like any password and comes from a file. With `signing_file` the receiver can check who wrote the
body and when: HMAC-SHA256 over "TIMESTAMP.BODY", so that neither can be exchanged for another's.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace

from watchdog.core.timeline import SECOND
from watchdog.pager.channel import ConfigurationFault, Receipt
from watchdog.pager.channels.exchange import Ask, exchange, judge, request_to
from watchdog.pager.channels.templates import word
from watchdog.pager.clock import wall_clock
from watchdog.pager.credential import read_secret
from watchdog.pager.message import MESSAGE_BYTES_MAX, Message
from watchdog.policyfile.pagersettings_kinds import Template, WebhookSettings


class WebhookChannel:
    """One URL. The answer 2xx is the receipt."""

    def __init__(
        self,
        settings: WebhookSettings,
        *,
        credentials_directory: str = "",
        ask: Ask = exchange,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._credentials_directory = credentials_directory
        self._ask = ask
        self._clock = clock

    def deliver(self, message: Message) -> Receipt:
        """Post the message once."""
        settings = self._settings
        url, told = self._url(), word(settings.template, message)
        if len(told.body) > MESSAGE_BYTES_MAX:
            raise ConfigurationFault(f"the message has {len(told.body)} bytes; at most {MESSAGE_BYTES_MAX} are sent")
        request = replace(
            request_to(self.name, settings.web, url + told.path, settings.timeout_usec),
            headers=(
                ("Content-Type", "application/json; charset=utf-8"),
                ("Idempotency-Key", message.idempotency_key),
                *self._authorization(),
                *self._signature(told.body),
            ),
            body=told.body,
            secret=bool(settings.web.credential_file or settings.web.url_file),
        )
        answer = self._ask(request)
        judge(answer, self.name)
        return Receipt(detail=answer.said)

    def _url(self) -> str:
        web = self._settings.web
        return self._secret(web.url_file) if web.url_file else web.url

    def _authorization(self) -> tuple[tuple[str, str], ...]:
        if not self._settings.web.credential_file:
            return ()
        scheme = "GenieKey" if self._settings.template is Template.OPSGENIE else "Bearer"
        return (("Authorization", f"{scheme} {self._secret(self._settings.web.credential_file)}"),)

    def _signature(self, body: bytes) -> tuple[tuple[str, str], ...]:
        if not self._settings.signing_file:
            return ()
        timestamp = str(self._clock() // SECOND)
        key = self._secret(self._settings.signing_file).encode()
        digest = hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return (("X-Gatedog-Timestamp", timestamp), ("X-Gatedog-Signature", f"sha256={digest}"))

    def _secret(self, path: str) -> str:
        return read_secret(path, credentials_directory=self._credentials_directory)
