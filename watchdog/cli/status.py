"""`gatedog status`: asked of the daemon, or read from the file that it left.

Invariant: loads no journal, no event loop and none of the core's machinery; a person types this first and waits for it.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from watchdog import __version__
from watchdog.cli import output
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import UNKNOWN, Trouble
from watchdog.control import client
from watchdog.control.client import Refused, Unreachable
from watchdog.control.lastknown import SYSTEM_FOLDER, read_last_known
from watchdog.control.shapes import misfit
from watchdog.report.standing import STALE_AFTER_USEC, exit_code
from watchdog.report.statuspage import render, render_short

_CLEAR_SCREEN = "\x1b[H\x1b[2J"
TIMEOUT_S = 5.0


@click.command()
@click.argument("gateway", required=False)
@click.option("--json", "as_json", is_flag=True, help="The Status reply, unchanged.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 whatever is found.")
@click.option("-o", "form", type=click.Choice(["page", "short"]), default="page", help="short: one line each.")
@click.option("--watch", type=click.FloatRange(min=0.2), metavar="SECONDS", help="Show it again and again.")
@click.pass_obj
def status(
    surroundings: Surroundings, gateway: str | None, *, as_json: bool, exit_zero: bool, form: str, watch: float | None
) -> int:
    """Say how everything stands: worst first, with what to type next.

    Exits 0 healthy, 3 down or held, 4 unknown or unreachable, 150 degraded, 151 starting, 152 maintenance.
    """
    code = 0
    for _ in _rounds(watch):
        if watch is not None and sys.stdout.isatty():
            output.say(_CLEAR_SCREEN)
        code = _show(surroundings, gateway, as_json=as_json, form=form)
    return 0 if exit_zero else code


def _rounds(watch: float | None) -> Iterator[None]:
    yield
    while watch is not None:
        time.sleep(watch)
        yield


def _show(surroundings: Surroundings, gateway: str | None, *, as_json: bool, form: str) -> int:
    reply, unreachable = ask_status(surroundings, TIMEOUT_S)
    shown = about(reply, gateway)
    now_usec = time.time_ns() // 1000
    if as_json:
        output.say_json(reply)
        if unreachable is not None:
            click.echo(f"gatedog: {unreachable}; this is what was last known", err=True)
    else:
        output.say(_text(shown, form, now_usec, unreachable, surroundings))
    stale = unreachable is not None or now_usec - reply["now_wall_usec"] > STALE_AFTER_USEC
    return UNKNOWN if stale else exit_code(shown["gateways"])


def about(reply: dict[str, Any], gateway: str | None) -> dict[str, Any]:
    """Return what a reply says of one gateway, or all of it. Raises Trouble when there is no such gateway."""
    if gateway is None:
        return reply
    chosen = [each for each in reply["gateways"] if each["name"] == gateway]
    if not chosen:
        known = ", ".join(each["name"] for each in reply["gateways"]) or "none"
        message = f"no gateway of the name {gateway}; known: {known}"
        raise Trouble(message, exit_code=UNKNOWN, code="UnknownGateway", next_=("gatedog status",))
    return {
        **reply,
        "gateways": chosen,
        "incidents": [each for each in reply["incidents"] if each["gateway"] == gateway],
    }


def _text(
    reply: dict[str, Any], form: str, now_usec: int, unreachable: Unreachable | None, surroundings: Surroundings
) -> str:
    why = unreachable.why if unreachable is not None else ""
    if form == "short":
        return render_short(reply, now_usec=now_usec, unreachable=why)
    return render(
        reply,
        width=output.page_width(),
        colour=output.wants_colour(surroundings.environ),
        now_usec=now_usec,
        unreachable=why,
        next_=unreachable.next_command if unreachable is not None else "",
        installed=__version__ if unreachable is None else "",
    )


def _checked(reply: dict[str, Any]) -> dict[str, Any]:
    """Return a status that can be read, or raise Trouble: who wrote it may be of a version too far from ours."""
    if found := misfit("Status", reply):
        message = f"this status cannot be read ({found}); another version wrote it"
        raise Trouble(message, exit_code=UNKNOWN, code="unreadable-status", next_=("gatedog version",))
    status: dict[str, Any] = reply["status"]
    return status


def ask_status(surroundings: Surroundings, timeout_s: float) -> tuple[dict[str, Any], Unreachable | None]:
    """Return a status, and why it is only the last one known. Raises Trouble when nothing is known at all."""
    try:
        path = surroundings.socket_path()
        answered: dict[str, Any] = client.call(path, "Status", {}, timeout_s)
    except Unreachable as error:
        folders = [SYSTEM_FOLDER] if surroundings.socket is None else []
        folders.insert(0, Path(error.path).parent)
        found = read_last_known(folders, surroundings.uid)
        if found is None:
            message = f"{error.why} ({error.path}), and no status file was left there: how it stands is not known"
            raise Trouble(message, exit_code=UNKNOWN, code="unreachable", next_=(error.next_command,)) from None
        return _checked({"status": found}), error
    except Refused as error:
        raise Trouble(str(error), exit_code=UNKNOWN, code=error.code, next_=("gatedog whoami",)) from None
    return _checked(answered), None
