"""`gatedog requests list` and `gatedog whoami`.

Invariant: as statuspage.py: words of the supervised side are quoted, and never stand beside a command.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from watchdog.report.escape import agent_says, visible
from watchdog.report.moments import clock_time
from watchdog.report.rows import Hue, Page

Object = Mapping[str, Any]

_SIGNS = {"granted": ("\u25cf", Hue.GOOD), "refused": ("\u2716", Hue.BAD)}
_OTHER = ("\u25d0", Hue.WARN)
_GRANTABLE = ("start", "stop", "restart", "ask-restart")


def render_requests(requests: Sequence[Object], *, width: int, colour: bool) -> str:
    """Draw the remembered requests, newest first."""
    page = Page(width=width, colour=colour)
    for asked in requests:
        sign, hue = _SIGNS.get(asked["outcome"], _OTHER)
        what = f"{visible(asked['verb'])} {visible(asked['gateway'])}".strip()
        title = f"{visible(asked['request'])}  {what}  {visible(asked['outcome'])}"
        page.headline(sign, hue, title, f"{clock_time(asked['at_wall_usec'])} UTC")
        page.row(
            "who", f"{visible(asked['origin'])} (rule {visible(asked['origin_rule'])}): {visible(asked['trail'], 300)}"
        )
        page.row("answer", f"{visible(asked['because'], 300)} (rule {visible(asked['rule'])})")
        if asked["reason"] and asked["origin"] == "human":
            page.row("reason", visible(asked["reason"]), lines_max=2)
        elif asked["reason"]:
            page.row("", agent_says(asked["reason"]), lines_max=2)
        if asked["granted_by"] is not None:
            page.row("granted", f"by {visible(asked['granted_by'])}")
        elif asked["outcome"] == "refused" and asked["verb"] in _GRANTABLE:
            page.command("agree?", f"gatedog grant {visible(asked['request'])}", "once, while it is fresh")
    return page.text() or "nobody has asked for anything yet\n"


def render_who(who: Object, *, width: int, colour: bool) -> str:
    """Draw what an asker is."""
    page = Page(width=width, colour=colour)
    human = who["origin"] == "human"
    sign, hue = _SIGNS["granted"] if human else _SIGNS["refused"]
    page.headline(sign, hue, f"to gatedog you are: {visible(who['origin'])}{', trusted' if who['trusted'] else ''}")
    page.row("rule", visible(who["rule"]))
    page.row("because", visible(who["because"], 300))
    page.row("seen", visible(who["trail"], 400), lines_max=6)
    page.row("sure", f"as far as this kernel tells: {visible(who['sure'])}")
    if not human:
        page.row("a human", "asks from a terminal of a login from another host or at the console, signs, or has a code")
    return page.text()
