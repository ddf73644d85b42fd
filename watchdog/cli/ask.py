"""`gatedog ask restart`: the only lifecycle verb an agent has.

Invariant: it asks. It is recorded, answered yes or no with a rule, and a human hears of it.
"""

import click

from watchdog.cli import asking
from watchdog.cli.paths import Surroundings
from watchdog.cli.why import why


@click.group()
def ask() -> None:
    """Ask for what only a human may do; the answer names the rule."""


@ask.command("restart")
@click.argument("gateway", required=False)
@why("Shown to a human, as the agent's words.", required=True)
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@click.pass_obj
def ask_restart(surroundings: Surroundings, gateway: str | None, message: str, *, as_json: bool) -> int:
    """Ask for a restart of the gateway."""
    chosen = asking.chosen_gateway(surroundings, gateway)
    return asking.request(surroundings, as_json=as_json, verb="ask-restart", gateway=chosen, reason=message)
