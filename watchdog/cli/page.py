"""`gatedog page list|channels|test|retry`: what waits for whom, and whether the ways out work.

Invariant: reading is for everybody; a test and a retry are judged by the core, like every request.
"""

import click

from watchdog.cli import asking, output
from watchdog.cli.paths import Surroundings


@click.group()
def page() -> None:
    """Look at the ways by which people are told, and try them."""


@page.command("list")
@click.option("--json", "as_json", is_flag=True, help="The Pager reply, unchanged.")
@click.pass_obj
def page_list(surroundings: Surroundings, *, as_json: bool) -> None:
    """List the pages that wait, and those that a channel gave up."""
    reply = asking.call(surroundings, "Pager")
    if as_json:
        output.say_json(reply)
        return
    from watchdog.report.pagerpage import render_pages  # noqa: PLC0415 - the other commands need none of it

    colour = output.wants_colour(surroundings.environ)
    output.say(render_pages(reply["pager"], width=output.page_width(), colour=colour))


@page.command("channels")
@click.option("--json", "as_json", is_flag=True, help="The Pager reply, unchanged.")
@click.pass_obj
def page_channels(surroundings: Surroundings, *, as_json: bool) -> None:
    """Show how channels and dead-man switches are doing, and who silences what at a receiver."""
    reply = asking.call(surroundings, "Pager")
    if as_json:
        output.say_json(reply)
        return
    from watchdog.report.pagerpage import render_channels  # noqa: PLC0415 - the other commands need none of it

    colour = output.wants_colour(surroundings.environ)
    output.say(render_channels(reply["pager"], width=output.page_width(), colour=colour))


@page.command("test")
@click.option("--severity", type=click.Choice(["critical", "warning", "info"]), default="critical", show_default=True)
@click.option("--channel", metavar="NAME", help="Only this one. Default: every channel of every tier.")
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@click.pass_obj
def page_test(surroundings: Surroundings, severity: str, channel: str | None, *, as_json: bool) -> int:
    """Send a page marked TEST by the real way. See what became of it with: gatedog page channels."""
    return asking.request(surroundings, as_json=as_json, verb="page-test", severity=severity, subject=channel)


@page.command("retry")
@click.argument("identity", metavar="PAGE")
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@click.pass_obj
def page_retry(surroundings: Surroundings, identity: str, *, as_json: bool) -> int:
    """Try a page again on the channels that gave it up; `page list` names it."""
    return asking.request(surroundings, as_json=as_json, verb="page-retry", subject=identity)
