"""`gatedog page test`: a page through the real path, marked as a test."""

import click

from watchdog.cli import asking
from watchdog.cli.paths import Surroundings


@click.group()
def page() -> None:
    """Try the ways by which people are told."""


@page.command("test")
@click.option("--severity", type=click.Choice(["critical", "warning", "info"]), default="critical", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@click.pass_obj
def page_test(surroundings: Surroundings, severity: str, *, as_json: bool) -> int:
    """Send a page marked TEST to every channel. See what became of it with: gatedog events -f."""
    return asking.request(surroundings, as_json=as_json, verb="page-test", severity=severity)
