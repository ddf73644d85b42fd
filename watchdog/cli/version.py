"""`gatedog version`."""

import click

from watchdog import __version__
from watchdog.cli import output


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def version(*, as_json: bool) -> None:
    """Say which version this is."""
    if as_json:
        output.say_json({"version": __version__})
    else:
        output.say(f"gatedog {__version__}\n")
