"""`gatedog break-glass`: becomes the script that needs nothing of ours.

Invariant: nothing is done here. The script is run by the system's Python, so this verb and the script called by its
own name do the same; the latter works when nothing of gatedog does.
"""

import os
from pathlib import Path

import click

from watchdog.cli.trouble import Trouble
from watchdog.setup.shipped import units_folder

INSTALLED = Path("/usr/lib/gatedog/break-glass")
PYTHON = "/usr/bin/python3"


@click.command("break-glass", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="start|stop|unmanage NAME")
def break_glass(words: tuple[str, ...]) -> None:
    """Start, stop or give back a unit that gatedog owns, with no gatedog. Root only; people are told later."""
    script = INSTALLED if INSTALLED.exists() else units_folder() / INSTALLED.name
    try:
        os.execv(PYTHON, [PYTHON, "-I", str(script), *words])  # noqa: S606 - becoming it is the point
    except OSError as error:
        what = f"{PYTHON} cannot be run: {error.strerror}"
        raise Trouble(what, next_=("systemctl start gatedog-start@STEM.target",)) from None
