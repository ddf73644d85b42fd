"""`gatedog page list` and `gatedog page channels`.

Invariant: as statuspage.py: what waits longest and loudest stands first, every bad line has a next command, and
nothing from outside is unescaped. A channel of which nothing is known yet is not shown as well.
"""

from collections.abc import Mapping
from typing import Any

from watchdog.core.timeline import duration_text
from watchdog.report.escape import visible
from watchdog.report.moments import ago, since
from watchdog.report.rows import Hue, Page

Object = Mapping[str, Any]

_LOUDNESS = {"critical": 0, "warning": 1, "info": 2}


def render_pages(reply: Object, *, width: int, colour: bool) -> str:
    """Draw the outbox, and what channels gave up."""
    page, now = Page(width=width, colour=colour), reply["now_wall_usec"]
    for queued in sorted(reply["waiting"], key=lambda each: (_loudness(each), each["queued_wall_usec"])):
        hue = Hue.BAD if queued["stuck"] and queued["severity"] == "critical" else Hue.WARN
        _draw_page(page, queued, now, "\u25b2", hue)
        page.row("waits", _waits(queued))
    for queued in reversed(reply["given_up"]):
        _draw_page(page, queued, now, "\u2716", Hue.BAD)
        page.row("given up", f"by {_names(queued['failed'])}")
        page.command("next", f"gatedog page retry {visible(queued['page'])}", "when the channel is mended")
    if reply["delayed"]:
        page.blank()
        page.row("quiet", f"{reply['delayed']} warning(s) and notice(s) wait until the quiet hours are over")
    return page.text() or "no page waits\n"


def render_channels(reply: Object, *, width: int, colour: bool) -> str:
    """Draw the ways out, and the dead-man switches."""
    page, now = Page(width=width, colour=colour), reply["now_wall_usec"]
    for channel in reply["channels"]:
        _draw_channel(page, channel, now)
    for switch in reply["switches"]:
        bad = bool(switch["last_error"]) or switch["last_beat"] == "fail"
        sign, hue = ("\u2716", Hue.BAD) if bad else ("\u25cf", Hue.GOOD)
        page.headline(sign, hue, f"{visible(switch['name'])}  dead-man switch, {visible(switch['kind'])}")
        told = _ago(switch["last_ok_wall_usec"], now)
        page.row("told", f'"{visible(switch["last_beat"]) or "nothing yet"}", last heard {told}')
        if switch["last_error"]:
            page.row("trouble", visible(switch["last_error"]), hue=Hue.WARN)
    if not reply["switches"]:
        page.headline("\u25b2", Hue.WARN, "no dead-man switch: when gatedog is gone, nobody notices")
        page.command("next", "gatedog doctor")
    return page.text()


def _loudness(queued: Object) -> int:
    return _LOUDNESS.get(queued["severity"], 0)


def _draw_page(page: Page, queued: Object, now: int, sign: str, hue: Hue) -> None:
    about = visible(queued["gateway"]) or "gatedog"
    right = f"{visible(queued['incident'] or 'no incident')}  {visible(queued['severity']).upper()}"
    page.headline(sign, hue, f"{visible(queued['page'])}  {about}: {visible(queued['title'], 120)}", right)
    joined = f", with {queued['collapsed']} earlier" if queued["collapsed"] else ""
    page.row("queued", f"{since(queued['queued_wall_usec'], now - queued['queued_wall_usec'])}{joined}")


def _waits(queued: Object) -> str:
    said = f"for {_names(queued['waiting'])}"
    if queued["stuck"]:
        said += f"; {_names(queued['stuck'])} fails, and goes on trying"
    if queued["delivered"]:
        said += f"; taken by {_names(queued['delivered'])}"
    return said


def _names(names: list[str]) -> str:
    return visible(", ".join(names), 200)


def _draw_channel(page: Page, channel: Object, now: int) -> None:
    ok, error = channel["last_ok_wall_usec"], channel["last_error_wall_usec"]
    failing = error is not None and (ok is None or error > ok)
    sign, hue = ("\u2716", Hue.BAD) if failing else ("\u25cf", Hue.GOOD) if ok is not None else ("\u25d0", Hue.DIM)
    page.headline(sign, hue, f"{visible(channel['name'])}  {visible(channel['kind'])}, {_roles(channel)}")
    waits = f"{channel['waiting']} wait" if channel["waiting"] else "nothing waits"
    if channel["oldest_wall_usec"] is not None:
        waits += f", the oldest for {duration_text(max(now - channel['oldest_wall_usec'], 0))}"
    tested = f"last test got through {_ago(channel['tested_wall_usec'], now)}"
    page.row("pages", f"last taken {_ago(ok, now)}; {waits}; {tested}")
    if failing:
        page.row("trouble", f"{_ago(error, now)}: {visible(channel['last_error'])}", hue=Hue.WARN)
        page.command("next", f"gatedog page test --channel {visible(channel['name'])}", "when it is mended")
    if channel["upkeep_error"]:
        page.row("upkeep", visible(channel["upkeep_error"]), hue=Hue.WARN)
    if channel["folded"]:
        page.row("", f"{channel['folded']} more were too many, and will be told as one")
    for silence in channel["silences"]:
        said = f"{visible(silence['incident'])} by {visible(silence['by'], 60)}: shown, not an acknowledgement"
        page.row("silenced", said, hue=Hue.WARN)


def _roles(channel: Object) -> str:
    roles = [f"tier {number}" for number in channel["tiers"]]
    roles += ["notices"] if channel["notices"] else []
    roles += ["last resort"] if channel["last_resort"] else []
    return ", ".join(roles) or "nobody is told by it"


def _ago(wall_usec: int | None, now: int) -> str:
    return "never" if wall_usec is None else ago(max(now - wall_usec, 0))
