"""`gatedog metrics`: the numbers for Prometheus, on stdout or as a file for node_exporter's textfile collector.

Invariant: a daemon that does not answer is a metric (`gatedog_up 0`) and no failure: whoever collects must see it.
Deliberately not here: a port. `gatedog web` serves the same text.
"""

import os
import time
from pathlib import Path

import click

from watchdog.cli import output
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import Trouble
from watchdog.control.client import Unreachable
from watchdog.web.asking import Daemon
from watchdog.web.textfile import metrics_text, read_before, replace_file


@click.command()
@click.option(
    "--textfile",
    "path",
    type=click.Path(path_type=Path),
    help="Write this file, whole or not at all; its counters go on from the last time.",
)
@click.pass_obj
def metrics(surroundings: Surroundings, path: Path | None) -> None:
    """Say the numbers for Prometheus: how everything stands, and since the last --textfile what has happened."""
    try:
        daemon = Daemon(surroundings.socket_path(), surroundings.uid)
    except Unreachable as error:
        raise Trouble(str(error.why), code="unreachable", next_=(error.next_command,)) from None
    reading = daemon.read(time.time_ns() // 1000)
    text = metrics_text(daemon, reading, read_before(path) if path is not None else "")
    if path is None:
        output.say(text)
        return
    try:
        replace_file(path, text)
    except OSError as error:
        why = f"{path} cannot be written: {error.strerror}"
        raise Trouble(why, code="unwritable", next_=(f"ls -ld {os.fspath(path.parent)}",)) from None
