"""The read-only application: which address answers what, to whom, and under which headers.

Invariant: it only shows. Methods other than GET and HEAD are refused before anything else; so is a request that names
another host than ours, for that is a stranger's page that had its name point here (DNS rebinding). Every answer, errors
included, carries the same strict headers: nothing is loaded but our style, script and icon, no page may frame ours, no
other origin may read it. Deliberately not here: a login. Who can connect may read what everybody on this host may ask.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from aiohttp import web

from watchdog.report.pagestyle import STYLE
from watchdog.web.asking import NoAnswer, Reading
from watchdog.web.exposition import CONTENT_TYPE
from watchdog.web.gatewaypage import render_gateways
from watchdog.web.incidentpages import gather, render_incident, render_incidents, render_trouble
from watchdog.web.metrics import render_metrics
from watchdog.web.policypage import HERE as POLICY
from watchdog.web.policypage import find_policy, find_rules, render_policy
from watchdog.web.watch import Watch

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Server": "gatedog",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
STREAMS_MAX: Final = 32
"""Pages that are kept live at once; more look again by themselves."""
TICK_S: Final = 15.0
"""A page looks again after this long without news, so that ages are right, and learns whether we are still there."""
TURNS_MAX: Final = 16
"""Readers that wait for an incident or the policy; more are sent away."""
TURN_S: Final = 0.25
"""Between two of these. The daemon bounds what one account may ask in a second: whoever hammers on our door must not
use that up, because then the page would call a living daemon dead."""
_INCIDENT: Final = re.compile(r"INC-[1-9][0-9]{0,17}")
_FOLDER: Final = Path(__file__).parent

Asked = TypeVar("Asked")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """The pages about one daemon. `hosts` are the names by which this site may be called, in lower case."""

    def __init__(self, watch: Watch, hosts: frozenset[str]) -> None:
        self._watch = watch
        self._hosts = hosts
        self._streams = 0
        self._turn = asyncio.Lock()
        self._turns = 0
        self._next_turn = 0.0
        self._files = {
            "/style.css": ("text/css", f"{STYLE}\n{(_FOLDER / 'style.css').read_text(encoding='utf-8')}"),
            "/live.js": ("text/javascript", (_FOLDER / "live.js").read_text(encoding="utf-8")),
            "/icon.svg": ("image/svg+xml", (_FOLDER / "icon.svg").read_text(encoding="utf-8")),
        }

    def application(self) -> web.Application:
        """Make the application."""
        made = web.Application(middlewares=[self._guard])
        made.on_response_prepare.append(_add_headers)
        made.router.add_get("/", self._gateways)
        made.router.add_get("/incidents", self._incidents)
        made.router.add_get("/incidents/{incident}", self._incident)
        made.router.add_get(POLICY, self._policy)
        made.router.add_get("/metrics", self._metrics)
        made.router.add_get("/live", self._live)
        for path in self._files:
            made.router.add_get(path, self._file)
        return made

    @web.middleware
    async def _guard(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            raise web.HTTPMethodNotAllowed(request.method, ["GET", "HEAD"], text="This page only shows.\n")
        named = request.headers.getall("Host", [])
        if len(named) != 1 or host_of(named[0]) not in self._hosts:
            why = "This page is not known by that name. If it should be: gatedog web --host NAME\n"
            raise web.HTTPMisdirectedRequest(text=why)
        return await handler(request)

    # -- pages -----------------------------------------------------------------------------------------------------

    async def _gateways(self, _: web.Request) -> web.Response:
        return _page(render_gateways(await self._watch.reading()))

    async def _incidents(self, _: web.Request) -> web.Response:
        reading = await self._watch.reading()
        incidents = list(reading.status["incidents"]) if reading.status is not None else []
        if not reading.stale:
            try:
                incidents = (await self._in_turn(lambda: self._watch.daemon.ask("Incidents", all=True)))["incidents"]
            except NoAnswer as trouble:
                return _trouble(reading, "Incidents", trouble)
        return _page(render_incidents(reading, incidents))

    async def _incident(self, request: web.Request) -> web.Response:
        identity = request.match_info["incident"]
        reading = await self._watch.reading()
        if _INCIDENT.fullmatch(identity) is None:
            trouble = NoAnswer(
                "An incident is named like this: INC-1.", "gatedog incident list --all", "UnknownIncident"
            )
            return _trouble(reading, "No such incident", trouble)
        journal = "" if reading.status is None else str(reading.status["journal"])
        try:
            dossier = await self._in_turn(lambda: gather(self._watch.daemon, identity, journal))
        except NoAnswer as trouble:
            return _trouble(reading, identity, trouble)
        return _page(await asyncio.to_thread(render_incident, reading, dossier))

    async def _policy(self, _: web.Request) -> web.Response:
        reading = await self._watch.reading()
        try:
            record = await self._in_turn(lambda: find_policy(self._watch.daemon))
            committed = await asyncio.to_thread(find_rules, self._watch.daemon)
        except NoAnswer as trouble:
            return _trouble(reading, "Policy", trouble, POLICY)
        return _page(render_policy(reading, record, committed))

    async def _in_turn(self, ask: Callable[[], Asked]) -> Asked:
        """Ask in a thread: one reader at a time, and not too fast."""
        if self._turns >= TURNS_MAX:
            raise web.HTTPServiceUnavailable(text="Too many readers at once.\n", headers={"Retry-After": "2"})
        self._turns += 1
        try:
            async with self._turn:
                clock = asyncio.get_running_loop().time
                await asyncio.sleep(max(self._next_turn - clock(), 0))
                self._next_turn = clock() + TURN_S
                return await asyncio.to_thread(ask)
        finally:
            self._turns -= 1

    # -- what is no page -------------------------------------------------------------------------------------------

    async def _metrics(self, _: web.Request) -> web.Response:
        text = render_metrics(await self._watch.reading(), self._watch.tally)
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _file(self, request: web.Request) -> web.Response:
        kind, text = self._files[request.path]
        return web.Response(text=text, content_type=kind, charset="utf-8")

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """Say "changed" when something did, and "tick" when nothing did for a while, for as long as somebody reads."""
        if self._streams >= STREAMS_MAX:
            raise web.HTTPServiceUnavailable(text="Too many pages are open.\n", headers={"Retry-After": "60"})
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        self._streams += 1
        try:
            await stream.prepare(request)
            version = self._watch.version
            if request.method == "HEAD":
                return stream
            await stream.write(b"retry: 2000\nevent: tick\ndata: 0\n\n")
            while True:
                now = await self._watch.newer_than(version, TICK_S)
                word = "changed" if now > version else "tick"
                version = now
                await stream.write(f"event: {word}\ndata: {version}\n\n".encode())
        except ConnectionError:
            return stream  # whoever read it has gone
        finally:
            self._streams -= 1


def host_of(named: str) -> str:
    """Return the name in a Host header, in lower case and without its port."""
    name = named.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def _trouble(reading: Reading, title: str, trouble: NoAnswer, here: str = "/incidents") -> web.Response:
    status = 404 if trouble.code == "UnknownIncident" else 503
    return _page(render_trouble(reading, title, trouble, here), status)
