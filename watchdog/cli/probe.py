"""`gatedog probe list|run|history`: what looks at the gateways, and what it saw.

Invariant: looking is for everybody and changes no gateway; a look that was asked for counts like any other.
"""

import click

from watchdog.cli import asking, output
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import FAILED, Trouble
from watchdog.report.probepage import render_look, render_looks, render_probes

RUN_TIMEOUT_S = 300.0
"""A look may take as long as its probe's timeout, which the policy sets; one under way is waited for first."""


@click.group()
def probe() -> None:
    """Look at what looks at the gateways."""


@probe.command("list")
@click.option("--json", "as_json", is_flag=True, help="The Probes reply, unchanged.")
@click.pass_obj
def probe_list(surroundings: Surroundings, *, as_json: bool) -> None:
    """List the probes of all gateways, each with its last look."""
    reply = asking.call(surroundings, "Probes")
    if as_json:
        output.say_json(reply)
        return
    colour = output.wants_colour(surroundings.environ)
    output.say(render_probes(reply["probes"], width=output.page_width(), colour=colour))


@probe.command("run")
@click.argument("gateway")
@click.argument("name", metavar="PROBE")
@click.option("--json", "as_json", is_flag=True, help="The ProbeRun reply, unchanged.")
@click.pass_obj
def probe_run(surroundings: Surroundings, gateway: str, name: str, *, as_json: bool) -> int:
    """Look once, now. Exits 0 only when the probe passed; what was seen counts like any other look."""
    reply = asking.call(surroundings, "ProbeRun", RUN_TIMEOUT_S, gateway=gateway, probe=name)
    look = reply["look"]
    if as_json:
        output.say_json(reply)
    if look is None:
        what = f"{gateway} has no process that {name} could look at"
        raise Trouble(what, code="no-process", next_=(f"gatedog status {gateway}",))
    if not as_json:
        colour = output.wants_colour(surroundings.environ)
        output.say(render_look(name, look, width=output.page_width(), colour=colour))
    return 0 if look["result"] == "ok" else FAILED


@probe.command("history")
@click.argument("gateway")
@click.argument("name", metavar="PROBE")
@click.option("--json", "as_json", is_flag=True, help="The ProbeHistory reply, unchanged.")
@click.pass_obj
def probe_history(surroundings: Surroundings, gateway: str, name: str, *, as_json: bool) -> None:
    """Show the remembered looks of a probe, newest first: up to a hundred, since gatedog was started."""
    reply = asking.call(surroundings, "ProbeHistory", gateway=gateway, probe=name)
    if as_json:
        output.say_json(reply)
        return
    colour = output.wants_colour(surroundings.environ)
    output.say(render_looks(name, reply["looks"], width=output.page_width(), colour=colour))
