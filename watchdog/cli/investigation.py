"""`gatedog incident timeline|evidence|verify|export`: an incident's facts, checked, and taken along.

Invariant: nothing here changes an incident, and what is exported has been through redaction, always. Light imports: the
commands beside these (`incidents.py`) are typed at night and need none of the rest.
"""

from pathlib import Path

import click

from watchdog.cli import output
from watchdog.cli.paths import Surroundings

state_option = click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), help="Read this state folder, ask nobody."
)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("timeline")
@click.argument("identity", metavar="ID")
@state_option
@click.pass_obj
def timeline(surroundings: Surroundings, identity: str, state: Path | None) -> None:
    """Tell the machine facts in order, with wall clock, uptime, and whether the clock was synchronised."""
    from watchdog.cli.dossiers import find  # noqa: PLC0415 - as the module says
    from watchdog.report.timeline import render_timeline  # noqa: PLC0415 - likewise

    output.say(render_timeline(find(surroundings, identity, state).dossier))


@click.command("evidence")
@click.argument("identity", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@state_option
@click.pass_obj
def evidence(surroundings: Surroundings, identity: str, state: Path | None, *, as_json: bool) -> int:
    """List the files that were kept, each folder compared with its digest. Exits 1 when one does not fit."""
    from watchdog.cli.dossiers import find, need_evidence  # noqa: PLC0415 - as the module says
    from watchdog.report.dossier import evidence_object  # noqa: PLC0415 - likewise
    from watchdog.report.timeline import render_evidence  # noqa: PLC0415 - likewise

    found = find(surroundings, identity, state, around=False)
    folders = need_evidence(found)
    if as_json:
        told = {"incident": identity, "evidence": [evidence_object(each) for each in folders]}
        output.say_json({**told, "owed": list(found.owed)})
    else:
        output.say(render_evidence(identity, folders, found.owed))
    return 1 if any(each.problems for each in folders) else 0


@click.command("verify")
@click.argument("identity", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@state_option
@click.pass_obj
def verify(surroundings: Surroundings, identity: str, state: Path | None, *, as_json: bool) -> int:
    """Check the journal's chain and the evidence's digests, and name what does not fit. Exits 1 when there is such."""
    from watchdog.cli.dossiers import check_in_place  # noqa: PLC0415 - as the module says
    from watchdog.report.dossier import evidence_object  # noqa: PLC0415 - likewise
    from watchdog.report.escape import visible  # noqa: PLC0415 - likewise

    checked, folders = check_in_place(surroundings, identity, state)
    if as_json:
        told = {"incident": identity, "intact": not checked.problems, "summary": checked.summary}
        output.say_json(
            {**told, "problems": list(checked.problems), "evidence": [evidence_object(each) for each in folders]}
        )
    else:
        lines = [f"{'DOES NOT FIT' if checked.problems else 'OK'}  {identity}", f"  {checked.summary}"]
        lines += [f"  {visible(problem)}" for problem in checked.problems]
        output.say("".join(f"{line}\n" for line in lines))
    return 1 if checked.problems else 0


@click.command("export")
@click.argument("identity", metavar="ID")
@click.option("--md", "markdown", type=_FILE, metavar="FILE", help="Markdown, for a ticket.")
@click.option("--html", type=_FILE, metavar="FILE", help="One HTML page with a picture; loads nothing.")
@click.option("--tar", type=_FILE, metavar="FILE", help="Records, evidence, verification and both pages.")
@state_option
@click.pass_obj
def export(
    surroundings: Surroundings,
    identity: str,
    markdown: Path | None,
    html: Path | None,
    tar: Path | None,
    state: Path | None,
) -> None:
    """Write an incident to files, known shapes of secrets taken out. None of the files may be there already."""
    from watchdog.cli.exporting import write_export  # noqa: PLC0415 - as the module says

    if not (markdown or html or tar):
        raise click.UsageError("Say what to write: --md FILE, --html FILE or --tar FILE.")
    for line in write_export(surroundings, identity, state, markdown=markdown, html=html, tar=tar):
        output.say(f"{line}\n")
