"""`gatedog lastword`: page when the daemon itself is dead, once, and say when it is back.

Run by a timer. Invariant: it needs no daemon, no journal and no socket; it exits 1 when somebody could not be told.
"""

import asyncio
import socket
import sys
import time
from pathlib import Path

import click

from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import Trouble
from watchdog.pager import lastword as last
from watchdog.pager.channels import build
from watchdog.policyfile.bundle import PAGER_FILE, is_written
from watchdog.policyfile.defaults import find_bundle
from watchdog.policyfile.pagersettings import NO_FILE, PagerSettings, load_pager
from watchdog.policyfile.problems import PolicyProblems

RUN = Path("/run")
STATE = Path("/var/lib/gatedog-lastword")
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("lastword")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="All daemons that have, or had, a folder in /run.")
@click.option("--config", type=_FOLDER, help="The bundle. Default: /etc/gatedog.")
@click.option("--run", "run_folder", type=_FOLDER, default=RUN, show_default=True, help="Where NAME/status.json is.")
@click.option("--state", type=_FOLDER, help="Where outages are put on record.")
@click.pass_obj
def lastword(
    surroundings: Surroundings,
    names: tuple[str, ...],
    *,
    every: bool,
    config: Path | None,
    run_folder: Path,
    state: Path | None,
) -> int:
    """Look at the age of /run/NAME/status.json (NAME: gatedog), and tell people when it stands still."""
    folder = state or Path(surroundings.environ.get("STATE_DIRECTORY") or STATE)
    chosen = (*names, *(_known(run_folder, folder) if every else ()))
    if not chosen:
        raise click.UsageError("Name a daemon (gatedog), or say --all.")
    if any("/" in name or name in ("", ".", "..") for name in chosen):
        raise click.UsageError("A name is the name of a folder in /run.")
    troubles: list[str] = []
    try:
        for name in dict.fromkeys(chosen):
            troubles += _say(surroundings, name, find_bundle(config, surroundings.environ, 0), run_folder, folder)
    except OSError as error:
        raise Trouble(f"the outage cannot be put on record in {folder}: {error}", next_=(f"ls -ld {folder}",)) from None
    for trouble in troubles:
        click.echo(f"gatedog: last word: {trouble}", err=True)
    return 1 if troubles else 0


def _known(run_folder: Path, folder: Path) -> tuple[str, ...]:
    living = {path.parent.name for path in run_folder.glob("gatedog*/status.json")}
    return tuple(sorted(living | {path.stem for path in folder.glob("*.json")}))


def _say(surroundings: Surroundings, name: str, bundle: Path, run_folder: Path, folder: Path) -> list[str]:
    record = last.Record(folder=folder, name=name)
    before = record.read()
    sight = last.look(
        run_folder / name / "status.json",
        now_usec=time.time_ns() // 1000,
        uptime_usec=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000,
    )
    settings = _settings(bundle)
    after = last.step(before, sight, settings.escalation)
    if after != before:
        record.write(after)
    if after is None or not after.waiting:
        return []
    credentials = surroundings.environ.get("CREDENTIALS_DIRECTORY", "")
    channels = {
        each.name: build(each, terminal=sys.stderr, credentials_directory=credentials)
        for each in settings.channels
        if each.name in after.waiting
    }
    sent, troubles = asyncio.run(last.send(record, after, channels, socket.gethostname()))
    if sent.kind is last.Kind.BACK and not sent.waiting:
        record.write(None)
    return list(troubles)


def _settings(bundle: Path) -> PagerSettings:
    file = bundle / PAGER_FILE
    if not is_written(file):
        return NO_FILE
    try:
        return load_pager(file)
    except PolicyProblems as refused:
        message = f"nobody can be told: {refused}"
        raise Trouble(message, code="policy", next_=(f"gatedog policy check {bundle}",)) from None
