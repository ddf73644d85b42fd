"""Ask over HTTP/1.1 and read as much of the answer as the assertions need.

Theory of operation. One GET, one connection, no redirect followed: a redirect is an answer, and where it leads is
somebody else's. The head is bounded by HEAD_BYTES, the body by BODY_BYTES, and everything by the probe's one deadline.
Without an assertion on the body it is not read: 50 MB of it, or one that never ends, costs nothing.

Invariant: what cannot be read as HTTP is Failing, never an exception of another kind. Deliberately not here: cookies,
compression, keep-alive, credentials.
"""

from urllib.parse import SplitResult

from watchdog.core.values import dataclass
from watchdog.sensors.probes.inflow import Inflow, TooMuch
from watchdog.sensors.probes.outcome import ANSWER_BYTES, Failing, Progress, plain
from watchdog.sensors.probes.wire import Wire, ended

HEAD_BYTES = 16 * 1024
BODY_BYTES = 64 * 1024
_CHUNK_LINE_BYTES = 1024
_INTERIM_MAX = 4
_ERROR_STATUS = 400
_GLIMPSE_SECONDS = 0.2
"""How long the first bytes of an error page are waited for, which nobody asserts anything about: they say why."""
_SECRET_HEADERS = frozenset({"set-cookie", "set-cookie2", "authorization", "proxy-authorization"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `headers` are by lower-case name; `body` is None when it was not asked for."""

    status: int
    headers: dict[str, str]
    body: bytes | None

    def summary(self) -> str:
        """Say the status; of a redirect, where it points."""
        where = self.headers.get("location", "") if self.status in _REDIRECTS else ""
        return f"answered {self.status}, a redirect to {plain(where, 80)}" if where else f"answered {self.status}"


async def exchange(wire: Wire, url: SplitResult, progress: Progress, *, wants_body: bool) -> Answer:
    """Send one GET and read its answer. Raises Failing, CannotAsk."""
    progress.stage = "connected, but it did not answer"
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nUser-Agent: gatedog\r\nAccept: */*\r\n"
        "Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
    )
    try:
        await wire.send(request.encode())
    except OSError as error:
        raise ended(error, progress) from error
    inflow = Inflow(wire, progress)
    status, headers = await read_head(inflow, progress)
    progress.answer = _told(status, headers)
    progress.stage = f"answered {status}, but its body did not end"
    body = await _body(inflow, headers, progress) if wants_body and status not in {204, 304} else None
    if body is None and status >= _ERROR_STATUS:
        await inflow.glimpse(_GLIMPSE_SECONDS)
    progress.answer += (body if body is not None else inflow.held)[: ANSWER_BYTES - len(progress.answer)]
    return Answer(status=status, headers=headers, body=body)


def _told(status: int, headers: dict[str, str]) -> bytes:
    """Say the head again, to be kept. Cookies and the like are not: they are keys, and show nothing."""
    shown = [f"{name}: {value}" for name, value in headers.items() if name not in _SECRET_HEADERS]
    return "\n".join([f"HTTP {status}", *shown, "", ""]).encode("latin-1", "replace")[:ANSWER_BYTES]


async def read_head(inflow: Inflow, progress: Progress) -> tuple[int, dict[str, str]]:
    """Read status line and headers, interim answers passed over. Raises Failing."""
    for _ in range(_INTERIM_MAX):
        try:
            raw = await _head(inflow)
        except TooMuch as error:
            raise Failing(f"its headers are longer than {HEAD_BYTES >> 10} KiB") from error
        first, *rest = raw.decode("latin-1").split("\n")
        words = first.split(None, 2)
        if len(words) < 2 or not words[0].startswith("HTTP/") or not _is_status(words[1]):
            raise Failing(f'it does not speak HTTP: "{plain(first, 60)}"')
        status = int(words[1])
        if status >= 200 or status == 101:
            pairs = (line.partition(":") for line in rest if ":" in line)
            return status, {name.strip().lower(): value.strip() for name, _, value in pairs}
        progress.stage = f"answered {status}, and nothing after it"
    raise Failing("it sends one interim answer after another")


async def _head(inflow: Inflow) -> bytes:
    """Read to the empty line. Lines may end in LF alone, which some hand-written servers send."""
    raw = b""
    while True:
        line = await inflow.until(b"\n", HEAD_BYTES - len(raw))
        if not line.strip():
            return raw
        raw += line
        if len(raw) >= HEAD_BYTES:
            raise TooMuch


async def _body(inflow: Inflow, headers: dict[str, str], progress: Progress) -> bytes:
    length = headers.get("content-length", "")
    try:
        if headers.get("transfer-encoding", "").lower().endswith("chunked"):
            return await _chunks(inflow)
        if not length:
            return await inflow.to_end(BODY_BYTES)
        return await inflow.exactly(_announced(length))
    except TooMuch as error:
        what = f"its body is longer than {BODY_BYTES >> 10} KiB"
        raise Failing(f"{progress.stage.partition(',')[0]}, but {what}") from error


def _announced(length: str) -> int:
    if not (length.isascii() and length.isdigit()):
        raise Failing(f'it announces a body of "{plain(length, 30)}" bytes')
    if len(length) > 12 or int(length) > BODY_BYTES:
        raise TooMuch
    return int(length)


async def _chunks(inflow: Inflow) -> bytes:
    body = b""
    while True:
        line = (await inflow.until(b"\n", _CHUNK_LINE_BYTES)).partition(b";")[0].strip()
        try:
            size = int(line, 16)
        except ValueError as error:
            raise Failing(f'its body is broken: "{plain(line.decode("latin-1"), 30)}" is no size of a chunk') from error
        if size < 0 or len(body) + size > BODY_BYTES:
            raise TooMuch
        if size == 0:
            return body
        body += await inflow.exactly(size)
        await inflow.until(b"\n", 2)


def _is_status(word: str) -> bool:
    return len(word) == 3 and word.isascii() and word.isdigit() and word >= "100"
