"""`gatedog runbook list|show`: what a woken person does about a page, and what a machine does by itself.

Invariant: a runbook for people is shown for a rule, or by its own name, also while nothing else of gatedog works. Only
an incident's needs the daemon, which knows the incident's rule, and those for machines, of which the daemon says which
are in force. Deliberately not here: their runs (runs.py).
"""

from collections.abc import Sequence
from typing import Any

import click

from watchdog.cli import asking, output, runs
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import Trouble
from watchdog.cli.typos import with_guess
from watchdog.core.rules import RuleId
from watchdog.report.escape import visible
from watchdog.report.runbookpage import render_runbook
from watchdog.runbook.shipped import Runbook, read_runbooks, runbooks_folder

_INCIDENT = "INC-"


@click.group()
def runbook() -> None:
    """What to do about a page: one runbook for each family of rules. And what a machine does, step by step."""


for _command in (runs.runs, runs.run, runs.approve, runs.abort, runs.close):
    runbook.add_command(_command)


@runbook.command("list")
@click.option("--json", "as_json", is_flag=True, help="A list of objects.")
@click.pass_obj
def runbook_list(surroundings: Surroundings, *, as_json: bool) -> None:
    """List the runbooks, each with the rules it is for: those for people, and those in force for machines."""
    runbooks = _read()
    machines = _machines(surroundings)
    if as_json:
        output.say_json([*(_summary(each) for each in runbooks), *(_machine_summary(each) for each in machines or ())])
        return
    from watchdog.report.runspage import machine_line  # noqa: PLC0415 - the other commands need none of it

    for each in runbooks:
        output.say(f"{each.name:<20} {each.title}\n{'':<20} {', '.join(each.rules)}\n")
    output.say("\nfor machines:\n")
    for machine in machines or ():
        output.say(machine_line(machine))
    if not machines:
        output.say("none is in force\n" if machines is not None else "gatedog cannot be asked which are in force\n")


@runbook.command("show")
@click.argument("what", metavar="RULE|INC-n")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def runbook_show(surroundings: Surroundings, what: str, *, as_json: bool) -> None:
    """Show the runbook for a rule, or for an incident, whose commands are filled in then.

    The rule stands in brackets in the page; the name of a runbook in `runbook list` does as well.
    """
    runbooks = _read()
    is_for_people = what.upper().startswith(_INCIDENT) or any(what in (*each.rules, each.name) for each in runbooks)
    if not is_for_people and _show_machine(surroundings, what, as_json=as_json):
        return
    rule, gateway, incident = what, "", ""
    if what.upper().startswith(_INCIDENT):
        found = _incident(surroundings, what.upper())
        rule, gateway, incident = str(found["rule"]), visible(found["gateway"]), visible(found["id"])
    chosen = _runbook_for(runbooks, rule)
    text = chosen.about(gateway, incident)
    if as_json:
        output.say_json({**_summary(chosen), "incident": incident or None, "text": text})
    else:
        output.say(render_runbook(text, width=output.page_width()))


def _read() -> tuple[Runbook, ...]:
    try:
        runbooks = read_runbooks()
    except OSError as error:
        raise Trouble(f"the runbooks cannot be read: {error}", next_=("gatedog status",)) from None
    if not runbooks:
        what = f"no runbook is installed in {runbooks_folder()}: this installation is not whole"
        raise Trouble(what, next_=("gatedog version",))
    return runbooks


def _summary(chosen: Runbook) -> dict[str, Any]:
    return {"name": chosen.name, "title": chosen.title, "rules": list(chosen.rules), "for": "people"}


def _machine_summary(machine: dict[str, Any]) -> dict[str, Any]:
    about = {"name": machine["name"], "title": machine["title"], "rules": machine["on"], "for": "machines"}
    return {**about, "breaker": machine["breaker"], "breaker_because": machine["breaker_because"]}


def _machines(surroundings: Surroundings) -> list[dict[str, Any]] | None:
    """Ask which runbooks for machines are in force; None when nobody can be asked."""
    try:
        found: list[dict[str, Any]] = asking.call(surroundings, "Runbooks")["runbooks"]["runbooks"]
    except Trouble:
        return None
    return found


def _show_machine(surroundings: Surroundings, name: str, *, as_json: bool) -> bool:
    """Show the runbook for machines of this name; False when none is in force."""
    machine = next((each for each in _machines(surroundings) or () if each["name"] == name), None)
    if machine is None:
        return False
    if as_json:
        output.say_json(machine)
        return True
    from watchdog.report.runspage import render_machine  # noqa: PLC0415 - the other commands need none of it

    output.say(render_machine(machine, width=output.page_width(), colour=output.wants_colour(surroundings.environ)))
    return True


def _incident(surroundings: Surroundings, identity: str) -> dict[str, Any]:
    """Ask for one incident; the list is asked for because it costs the daemon no look into its journal."""
    known = asking.call(surroundings, "Incidents", all=True)["incidents"]
    for each in known:
        if each["id"] == identity:
            return dict(each)
    raise Trouble(f"no incident {visible(identity)} is remembered", next_=("gatedog incident list --all",))


def _runbook_for(runbooks: Sequence[Runbook], wanted: str) -> Runbook:
    for each in runbooks:
        if wanted in (*each.rules, each.name):
            return each
    if any(wanted == rule.value for rule in RuleId):
        what = f"{wanted} has no runbook: nobody is told of it by itself"
        raise Trouble(what, code="no-runbook", next_=("gatedog explain", "gatedog runbook list"))
    names = [name for each in runbooks for name in (each.name, *each.rules)]
    what = with_guess(f"no rule and no runbook is called {visible(wanted)}", wanted, names)
    raise Trouble(what, code="no-rule", next_=("gatedog runbook list",))
