"""`whoami`: who you are to gatedog.

Invariant: it asks and changes nothing; the answer is the judgement that a request made now would get.
"""

import click

from watchdog.cli import asking, output
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import REFUSED


@click.command()
@click.argument("gateway", required=False)
@click.option("--json", "as_json", is_flag=True, help="The WhoAmI reply, unchanged.")
@click.pass_obj
def whoami(surroundings: Surroundings, gateway: str | None, *, as_json: bool) -> int:
    """Say who you are to gatedog, by which rule, and how sure that is. Exits 0 for a human, else 77."""
    reply = asking.call(surroundings, "WhoAmI", gateway=gateway or "")
    who = reply["who"]
    if as_json:
        output.say_json(reply)
    else:
        from watchdog.report.askedpage import render_who  # noqa: PLC0415 - with --json it is not needed

        colour = output.wants_colour(surroundings.environ)
        output.say(render_who(who, width=output.page_width(), colour=colour))
    return 0 if who["origin"] == "human" else REFUSED
