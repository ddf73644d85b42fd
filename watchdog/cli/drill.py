"""`gatedog drill`: break a copy on purpose, see that gatedog notices, and put it on record.

Invariant: the agent holds none, and a gateway in service is touched only for a person who typed its name.
"""

import sys
import time
from pathlib import Path
from typing import Any

import click

from watchdog.cli import asking, output
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import REFUSED, Trouble
from watchdog.cli.typos import did_you_mean
from watchdog.control import client
from watchdog.control.client import Refused, Unreachable
from watchdog.report.escape import visible

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("name", required=False)
@click.option("--list", "lists", is_flag=True, help="Say which drills there are.")
@click.option("--live", metavar="GATEWAY", help="kill-loop only: kill this gateway in service. Asks for its name.")
@click.option("--to", "folder", type=_FOLDER, help="Where the report is filed. Default: drills, in the state folder.")
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
@click.pass_obj
def drill(
    surroundings: Surroundings, name: str | None, live: str | None, folder: Path | None, *, lists: bool, as_json: bool
) -> int:
    """Cause a failure on a sacrificial copy, check that it is seen, paged and recovered from, and file a report.

    Nothing but the copy is touched, unless --live names a gateway.
    """
    from watchdog.drill import live as living  # noqa: PLC0415 - it brings most of gatedog along
    from watchdog.drill.catalogue import DRILLS, find  # noqa: PLC0415 - as above
    from watchdog.drill.main import file, play  # noqa: PLC0415 - as above
    from watchdog.drill.record import Step  # noqa: PLC0415 - as above

    if live is not None and name is None:
        raise click.UsageError(f"Name the drill, too: gatedog drill {living.NAME} --live {live}")
    if lists or name is None:
        for each in DRILLS:
            output.say(f"{each.name:<16}{each.what}\n")
        return 0
    chosen = find(name)
    if chosen is None:
        meant = did_you_mean(name, [each.name for each in DRILLS])
        raise click.UsageError(f"There is no drill {visible(name)!r}.{meant} See them with: gatedog drill --list")
    origin = _origin(surroundings)
    if origin == "supervised":
        return _refused(surroundings, chosen.name)

    def show(step: Step) -> None:
        mark = "ok" if step.passed else "NO"
        click.echo(f"  {mark}  {step.seconds:6.1f} s  {step.what}{f': {step.said}' if step.said else ''}", err=as_json)

    if live is not None:
        _make_sure(surroundings, chosen.name, live, origin)
        report = living.play(surroundings.socket_path(), live, show)
    else:
        click.echo(f"drill {chosen.name}: {chosen.what}. On a copy; it is gone afterwards.", err=as_json)
        report = play(chosen, show)
    if as_json:
        output.say(report.to_json() + "\n")
    else:
        output.say(f"{chosen.name} {visible(report.line)}{f' ({visible(report.trouble)})' if report.trouble else ''}\n")
    if live is not None and living.is_held_after(report):
        click.echo(f'  next: gatedog release {live} -m "drill"', err=True)
    words = {"drill": report.drill, "passed": report.passed, "live": report.live, "report": report.line}
    _put_on_record(surroundings, origin, words)  # before it is filed: a full disk must not hide what was done
    try:
        written = file(report, folder or surroundings.state_folder() / "drills")
    except OSError as error:
        what = f"{report.line}; the report could not be filed: {error}"
        raise Trouble(what, next_=(f"gatedog drill {chosen.name} --to FOLDER",)) from None
    click.echo(f"  report: {written}", err=True)
    return 0 if report.passed else 1


def _origin(surroundings: Surroundings) -> str:
    """Say who we are to the daemon; "" when none can be asked."""
    try:
        reply: dict[str, Any] = client.call(surroundings.socket_path(), "WhoAmI", {}, 10.0)
    except (Unreachable, Refused):
        return ""
    return str(reply["who"]["origin"])


def _refused(surroundings: Surroundings, name: str) -> int:
    """Have an agent's drill refused where it is recorded and told to people."""
    words = {"drill": name, "passed": False, "live": False, "report": "not begun"}
    return asking.request(surroundings, as_json=False, **_report(words))


def _put_on_record(surroundings: Surroundings, origin: str, words: dict[str, object]) -> None:
    if origin != "human":
        click.echo("  not put on record with gatedog: that takes its daemon, and a person", err=True)
        return
    asked: dict[str, Any] = {"gateway": "", "reason": "", **_report(words)}
    reply = asking.call(surroundings, "Request", asking.REQUEST_TIMEOUT_S, **asked)
    click.echo(f"  {visible(reply['message'])}", err=True)


def _report(words: dict[str, object]) -> dict[str, Any]:
    return {"verb": "drill-report", "subject": words["drill"], "enclosed": {"kind": "DrillReported", **words}}


def _make_sure(surroundings: Surroundings, name: str, gateway: str, origin: str) -> None:
    """Let nobody but a person at a terminal, who typed the gateway's name, begin a live drill."""
    from watchdog.drill import live as living  # noqa: PLC0415 - it brings most of gatedog along

    if name != living.NAME:
        raise click.UsageError(f"Only {living.NAME} can be held live; the others break what others use, too.")
    if origin != "human" or not sys.stdin.isatty():
        raise Trouble(
            "a live drill is for a person at a terminal, and gatedog must be running",
            exit_code=REFUSED, code="live-drill", next_=("gatedog whoami",),
        )  # fmt: skip
    known = [str(each["name"]) for each in asking.call(surroundings, "Status")["status"]["gateways"]]
    if gateway not in known:
        raise click.UsageError(f"gatedog watches no gateway {gateway}; known: {', '.join(known) or 'none'}.")
    at = time.strftime("%H:%M:%S", time.gmtime())
    click.echo(
        f"At {at} UTC this kills {gateway} again and again until gatedog holds it. It stays down until released."
    )
    if click.prompt("Type the gateway's name to begin", default="", show_default=False) != gateway:
        raise Trouble("that is not its name; nothing was done", code="live-drill", next_=("gatedog drill --list",))
