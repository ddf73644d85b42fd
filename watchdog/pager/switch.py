"""One dead man's switch: what it is told, how, and how that went.

Invariant: a telling that fails is noted and tried again, one at a time; only a bug is kept to be raised. Loaded only
where a switch is configured, because it brings HTTP and TLS along. Deliberately not here: when to tell (deadman.py).
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

from watchdog.core.timeline import SECOND
from watchdog.pager.attempt import Threads
from watchdog.pager.channel import ConfigurationFault, TryLater
from watchdog.pager.channels.exchange import Ask, Request, exchange, judge, request_to
from watchdog.pager.crashes import Crashes
from watchdog.pager.credential import read_secret
from watchdog.pager.deadman import RETRY_USEC, Beat, SwitchHealth, Words
from watchdog.pager.escape import disarm, one_line
from watchdog.policyfile.pagersettings_deadman import SwitchKind, SwitchSettings


class Switch:
    """One switch: what it was told last, and the thread that tells it."""

    def __init__(
        self,
        settings: SwitchSettings,
        host: str,
        credentials_directory: str,
        clock: Callable[[], int],
        ask: Ask | None = None,
    ) -> None:
        self._settings = settings
        self._host = host
        self._credentials_directory = credentials_directory
        self._ask = ask or exchange
        self._clock = clock
        # Connecting and talking are each bounded by the timeout; this only ends what escapes both.
        self._threads = Threads(settings.name, limit_usec=3 * settings.timeout_usec)
        self._next_s = 0.0
        self._was_fault = False
        self.task: asyncio.Task[None] | None = None
        self.crashes = Crashes()
        self.health = SwitchHealth(name=settings.name, kind=settings.kind.value, every_usec=settings.every_usec)

    def is_due(self, now_s: float, fault: str) -> bool:
        """Say whether it wants to hear something: its time has come, or all is suddenly not well (or well again)."""
        return self.task is None and (now_s >= self._next_s or bool(fault) != self._was_fault)

    def tell(self, beat: Beat, fault: str, now_s: float) -> None:
        """Tell it, in a thread."""
        self._next_s = now_s + self._settings.every_usec / SECOND
        is_new = bool(fault) and not self._was_fault
        self._was_fault = bool(fault)
        words = Words(host=self._host, fault=one_line(disarm(fault), 200), is_new=is_new)
        self.task = asyncio.get_running_loop().create_task(self._tell(beat, words, now_s))
        self.task.add_done_callback(self._forget)
        self.crashes.watch(self.task)

    async def _tell(self, beat: Beat, words: Words, now_s: float) -> None:
        try:
            await self._threads.call(lambda: self._send(beat, words))
        except (TryLater, ConfigurationFault) as error:
            self.health = replace(self.health, last_beat=beat.value, last_error=one_line(error.detail))
            self._next_s = min(self._next_s, now_s + RETRY_USEC / SECOND)
            return
        self.health = replace(self.health, last_ok_wall_usec=self._clock(), last_beat=beat.value, last_error="")

    def _send(self, beat: Beat, words: Words) -> None:
        for request in requests_of(self._settings, beat, words, self._credentials_directory):
            judge(self._ask(request), self._settings.name)

    def _forget(self, _: asyncio.Task[None]) -> None:
        self.task = None


def requests_of(
    settings: SwitchSettings, beat: Beat, words: Words, credentials_directory: str = ""
) -> tuple[Request, ...]:
    """Word a beat for the receiver. Raises like a delivery."""
    if settings.kind is SwitchKind.NTFY:
        return _to_ntfy(settings, words, credentials_directory)
    address = read_secret(settings.web.url_file, credentials_directory=credentials_directory).rstrip("/")
    if settings.kind is SwitchKind.HEALTHCHECKS:
        path = {Beat.START: "/start", Beat.OK: "", Beat.FAIL: "/fail"}[beat]
        request = request_to(settings.name, settings.web, address + path, settings.timeout_usec)
        return (replace(request, body=words.text.encode(), secret=True),)
    # Dead Man's Snitch: the status is a number, everything but 0 is a failure.
    url = f"{address}?s={1 if beat is Beat.FAIL else 0}"
    return (replace(request_to(settings.name, settings.web, url, settings.timeout_usec), method="GET", secret=True),)


def _to_ntfy(settings: SwitchSettings, words: Words, credentials_directory: str) -> tuple[Request, ...]:
    token = read_secret(settings.web.credential_file, credentials_directory=credentials_directory)
    sequence = f"gd-{hashlib.sha256(f'{settings.name}:{words.host}'.encode()).hexdigest()[:24]}"
    silent = {
        "title": "gatedog has gone silent",
        "message": f"gatedog on {words.host}: no sign of life. Look at the host; then: systemctl status gatedog",
        "delay": f"{settings.after_usec // SECOND}s",
        "sequence_id": sequence,
    }
    alarm = {"title": "gatedog: all is not well", "message": words.text, "sequence_id": f"{sequence}-fail"}
    messages = (silent, alarm) if words.is_new else (silent,)
    headers = (("Content-Type", "application/json"), ("Authorization", f"Bearer {token}"))
    request = request_to(settings.name, settings.web, settings.web.url.rstrip("/") + "/", settings.timeout_usec)
    common = {"topic": settings.topic, "priority": 5, "tags": ["rotating_light"], "markdown": False}
    return tuple(
        replace(request, headers=headers, secret=True, body=json.dumps(common | each).encode()) for each in messages
    )
