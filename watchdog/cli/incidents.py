"""`incident list|show|close`, `ack`, `unack`: the stories, and who has taken them.

What is done with an incident's facts afterwards is in investigation.py.
"""

import click

from watchdog.cli import asking, investigation, output
from watchdog.cli.durationtype import duration
from watchdog.cli.hypothesis import hypothesis
from watchdog.cli.likeness import alike, seen_before
from watchdog.cli.paths import Surroundings
from watchdog.cli.proving import Proof, provable
from watchdog.cli.trouble import Trouble
from watchdog.cli.untiltype import until
from watchdog.cli.why import why
from watchdog.report.incidentpage import render_list, render_show

STORY_RECORDS = 8
"""Records at the end of `incident show`; `explain` tells all of them."""


@click.group()
def incident() -> None:
    """List, show, examine, export and close incidents."""


@incident.command("list")
@click.option("--all", "with_resolved", is_flag=True, help="The remembered resolved ones, too.")
@click.option("--like", metavar="ID", help="Only those about the same as this one, resolved ones, too.")
@click.option("--json", "as_json", is_flag=True, help="The Incidents reply, unchanged but for --like.")
@click.pass_obj
def incident_list(surroundings: Surroundings, *, with_resolved: bool, like: str | None, as_json: bool) -> None:
    """List open incidents, loudest first."""
    reply = asking.call(surroundings, "Incidents", all=with_resolved or like is not None)
    if like is not None:
        found = alike(reply["incidents"], like)
        if found is None:
            raise Trouble(
                f"no incident that is remembered is called {like}",
                code="UnknownIncident",
                next_=("gatedog incident list --all",),
            )
        reply = {**reply, "incidents": found}
    if as_json:
        output.say_json(reply)
        return
    if like is not None and not reply["incidents"]:
        output.say(f"none like {like}\n")
        return
    colour = output.wants_colour(surroundings.environ)
    output.say(render_list(reply["incidents"], width=output.page_width(), colour=colour))


@incident.command("show")
@click.argument("identity", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="The Explain reply, unchanged.")
@click.pass_obj
def incident_show(surroundings: Surroundings, identity: str, *, as_json: bool) -> None:
    """Show one incident and the newest of its records."""
    reply = asking.call(surroundings, "Explain", incident=identity)
    if as_json:
        output.say_json(reply)
        return
    from watchdog.cli.recorded import story_of  # noqa: PLC0415 - the list needs none of it
    from watchdog.control.recordreply import record_of  # noqa: PLC0415 - likewise
    from watchdog.report.postmortempapers import papers_of  # noqa: PLC0415 - likewise

    papers = papers_of(reply["incident"]["id"], filter(None, map(record_of, reply["records"])))
    output.say(
        render_show(
            reply["incident"],
            width=output.page_width(),
            colour=output.wants_colour(surroundings.environ),
            story="\n".join(story_of(record) for record in reply["records"][-STORY_RECORDS:]),
            seen=seen_before(surroundings, reply["incident"]),
            guesses=papers.guesses_line if papers.guesses else "",
            cause=papers.cause_line if papers.signed else "",
        )
    )


for command in (hypothesis, investigation.timeline, investigation.evidence, investigation.verify, investigation.export):
    incident.add_command(command)


@incident.command("close")
@click.argument("identity", metavar="ID")
@why()
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@provable
@click.pass_obj
def incident_close(surroundings: Surroundings, identity: str, message: str, *, as_json: bool, proof: Proof) -> int:
    """Close an incident: a human has looked, and what comes next is a new story."""
    return asking.request(
        surroundings, as_json=as_json, verb="incident-close", reason=message, incident=identity, proof=proof
    )


@click.command()
@click.argument("identity", metavar="ID")
@click.option("--for", "for_usec", type=duration, metavar="TIME", help='How long pages rest, such as "60m".')
@click.option("--until", "until_usec", type=until, metavar="TIME", help='Or until when, such as "07:30". At most 12h.')
@why()
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@provable
@click.pass_obj
def ack(
    surroundings: Surroundings,
    identity: str,
    for_usec: int | None,
    until_usec: int | None,
    message: str,
    *,
    as_json: bool,
    proof: Proof,
) -> int:
    """Take an incident: its pages rest for a while, or until a new fact."""
    if for_usec is not None and until_usec is not None:
        raise click.UsageError("Say --for or --until, not both.")
    lasting = until_usec if for_usec is None else for_usec
    return asking.request(
        surroundings, as_json=as_json, verb="ack", reason=message, incident=identity, for_usec=lasting, proof=proof
    )


@click.command()
@click.argument("identity", metavar="ID")
@why()
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@provable
@click.pass_obj
def unack(surroundings: Surroundings, identity: str, message: str, *, as_json: bool, proof: Proof) -> int:
    """Give an acknowledgement back: people are paged again."""
    return asking.request(surroundings, as_json=as_json, verb="unack", reason=message, incident=identity, proof=proof)
