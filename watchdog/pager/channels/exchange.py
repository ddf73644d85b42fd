"""One HTTP exchange: a request goes out, a bounded answer comes back, or the trouble is told in the pager's two words.

Invariants: no redirect is followed and no proxy variable is read, because either would let somebody else choose who
gets the page and its password; credentials go only over TLS, or to this very machine; nothing is sent to a server
that did not prove its name. The whole conversation is bounded in time and in bytes. Neither an address nor a header
nor a body is ever repeated in an error: with many receivers the path of the address is itself the secret.
"""

import errno
import http
import http.client
import json
from collections.abc import Callable
from dataclasses import field
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urlsplit

from watchdog import __version__
from watchdog.core.timeline import SECOND
from watchdog.core.values import dataclass
from watchdog.pager.channel import ConfigurationFault, TryLater
from watchdog.pager.channels.cutoff import cut_off
from watchdog.pager.channels.trust import reason, tls_context
from watchdog.policyfile.pagersettings_kinds import LOOPBACK, TIMEOUT_USEC, Web

ANSWER_BYTES_MAX = 256 * 1024
"""Longest answer that is read, where one is read at all."""

TOO_MANY_QUIET_USEC = 30 * SECOND
"""Least quiet after a 429, whatever Retry-After says."""

_PASSING = frozenset({408, 425, 429})
"""The 4xx that say "not now"; every other says "not like this"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to send, and to whom. Nothing of it is in its repr, for any of it may be secret."""

    channel: str
    url: str = field(repr=False)
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    secret: bool = False
    """Whether it holds something that must not cross a network in clear text."""
    wants_body: bool = False
    """Whether the answer's body matters. What is not wanted is not read, and cannot hurt."""
    ca_file: str = ""
    insecure: bool = False
    timeout_usec: int = TIMEOUT_USEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. Only the receiver's words are in `body`: a stranger's text."""

    host: str
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def said(self) -> str:
        """The answer in a few words, none of them the server's: its reason phrase is a stranger's text."""
        try:
            return f"{self.host} answered {self.status} {http.HTTPStatus(self.status).phrase}"
        except ValueError:
            return f"{self.host} answered {self.status}"

    @property
    def is_good(self) -> bool:
        """Whether the request was taken."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str:
        """Return a header's value, "" when it is not there."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def fields(self) -> dict[str, object]:
        """Return the JSON object in the body; half an answer is passing trouble."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            raise TryLater(f"{self.said}, and no whole JSON object with it")
        return parsed


Ask = Callable[[Request], Answer]
"""How a channel talks to the world; tests give it another one."""


def request_to(channel: str, web: Web, url: str, timeout_usec: int) -> Request:
    """Make the request that a channel's settings lead to."""
    return Request(channel=channel, url=url, ca_file=web.ca_file, insecure=web.insecure, timeout_usec=timeout_usec)


def exchange(request: Request) -> Answer:
    """Send once and return the answer, whatever its status. Raises TryLater or ConfigurationFault."""
    target = _target(request)
    host = str(target.hostname)
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    ours = {"User-Agent": f"gatedog/{__version__}", "Connection": "close"}
    connection = _connection(request, target)
    try:
        connection.connect()
        with cut_off(connection.sock, request.timeout_usec) as was_cut:
            connection.request(request.method, path, body=request.body or None, headers=ours | dict(request.headers))
            answer = connection.getresponse()
            body = answer.read(ANSWER_BYTES_MAX + 1) if request.wants_body else b""
            # Asked with a limit, http.client does not mind an early end: `length` is what is still owed.
            is_half = request.wants_body and bool(answer.length) and len(body) <= ANSWER_BYTES_MAX
            answer.close()  # status and headers stay readable
            if was_cut.is_set():
                raise TimeoutError(errno.ETIMEDOUT, "no complete answer in time")
            if is_half:
                raise ConnectionError(errno.ECONNRESET, "the answer ended half-way")
    except (OSError, http.client.HTTPException) as error:
        # From None for what is not the system's own error: http.client repeats what it could not read or send.
        raise TryLater(f"{host}: {reason(error)}") from (error if isinstance(error, OSError) else None)
    finally:
        connection.close()
    if len(body) > ANSWER_BYTES_MAX:
        raise TryLater(f"{host} answered with more than {ANSWER_BYTES_MAX} bytes")
    return Answer(host=host, status=answer.status, headers=tuple(answer.getheaders()), body=body)


def judge(answer: Answer, channel: str) -> None:
    """Return if the request was taken; otherwise raise what a status means to most receivers."""
    if answer.is_good:
        return
    if answer.status >= 500 or answer.status in _PASSING:
        raise TryLater(answer.said, _quiet_usec(answer))
    if 300 <= answer.status < 400:
        raise ConfigurationFault(f"{answer.said}; redirects are not followed: name the final address")
    raise ConfigurationFault(f"{answer.said}; mend channel {channel} in pager.toml or its credential, {TRY_IT}")


TRY_IT = "then: gatedog page test"


def _target(request: Request) -> SplitResult:
    try:
        target = urlsplit(request.url)
        valid = target.scheme in ("http", "https") and bool(target.hostname) and target.port != 0
    except ValueError:
        valid = False
    # http.client refuses these too, but with the whole URL in its error.
    if not valid or not request.url.isascii() or not request.url.isprintable() or " " in request.url:
        raise ConfigurationFault(f"channel {request.channel}: the address is not a plain http:// or https:// one")
    if target.username is not None:
        raise ConfigurationFault(f"channel {request.channel}: put the secret into credential_file, not into the url")
    if target.scheme == "http" and target.hostname not in LOOPBACK:
        if request.secret:
            what = "a credential would go out in clear; use an https:// address"
            raise ConfigurationFault(f"channel {request.channel}: {what}")
        if not request.insecure:
            what = "the page would go out in clear; use an https:// address, or write insecure = true"
            raise ConfigurationFault(f"channel {request.channel}: {what}")
    return target


def _connection(request: Request, target: SplitResult) -> http.client.HTTPConnection:
    timeout_s = request.timeout_usec / SECOND
    host = str(target.hostname)
    if target.scheme == "https":
        context = tls_context(request.channel, request.ca_file)
        return http.client.HTTPSConnection(host, target.port or 443, timeout=timeout_s, context=context)
    # The port is always given: without one http.client reads the address ::1 as host ":" and port 1.
    return http.client.HTTPConnection(host, target.port or 80, timeout=timeout_s)


def _quiet_usec(answer: Answer) -> int | None:
    asked = _retry_after_usec(answer)
    if answer.status != http.HTTPStatus.TOO_MANY_REQUESTS:
        return asked
    return max(asked or 0, TOO_MANY_QUIET_USEC)


def _retry_after_usec(answer: Answer) -> int | None:
    """Read Retry-After: seconds, or a date that is taken against the server's own Date, never against our clock."""
    value = answer.header("Retry-After").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return int(value) * SECOND
    try:
        until = parsedate_to_datetime(value)
        since = parsedate_to_datetime(answer.header("Date"))
        return max(int((until - since).total_seconds()), 0) * SECOND
    except (ValueError, TypeError):
        return None
