"""`gatedog journal`: is it what was once written, and what can be saved when it is not."""

from pathlib import Path

import click

from watchdog.cli import output
from watchdog.cli.paths import Surroundings
from watchdog.cli.recorded import JOURNAL_FOLDER, journal_trouble
from watchdog.cli.salvage import Salvaged, salvage
from watchdog.journal.errors import JournalError
from watchdog.journal.verification import Verification, verify
from watchdog.report.escape import visible


@click.group()
def journal() -> None:
    """Check the journal's chain, and save what can be saved."""


@journal.command("verify")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def journal_verify(surroundings: Surroundings, folder: Path | None, *, as_json: bool) -> int:
    """Walk the whole chain and name every record that is not as it was written. Exits 1 when there is one."""
    chosen = folder or surroundings.state_folder() / JOURNAL_FOLDER
    try:
        found = verify(chosen)
    except JournalError as error:
        raise journal_trouble(error) from None
    if as_json:
        output.say_json(_object(chosen, found))
    else:
        output.say(_text(chosen, found))
    return 0 if found.intact else 1


@journal.command("salvage")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--to", "target", type=click.Path(path_type=Path), help="The new folder. Default: FOLDER.salvaged")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def journal_salvage(folder: Path, target: Path | None, *, as_json: bool) -> int:
    """Make a new journal from all of a damaged one that can be verified, and say what is lost.

    The damaged journal is not changed. The daemon need not be told: it has begun a new journal of its own.
    """
    chosen = target or folder.absolute().with_name(f"{folder.absolute().name}.salvaged")
    found = salvage(folder, chosen)
    if as_json:
        lost = [{"first": each.first, "last": each.last, "why": each.why} for each in found.lost]
        facts = {"journal_id": found.journal_id, "salvaged_from": found.old_id, "lost": lost}
        output.say_json({**facts, "folder": str(chosen), "stepped": found.stepped, "kept": found.kept})
    else:
        output.say(_salvage_text(folder, chosen, found))
    return 0


def _salvage_text(folder: Path, target: Path, found: Salvaged) -> str:
    lines = [f"SALVAGED  {folder} -> {target}", f"  journal {found.old_id or '(unknown)'} -> {found.journal_id}"]
    lines.append(f"  {found.stepped} records before the damage, chained anew")
    lines.append(f"  {found.kept} records kept one by one: behind the damage, or for an incident")
    for each in found.lost:
        span = f"record {each.first}" if each.first == each.last else f"records {each.first} to {each.last}"
        lines.append(f"  lost: {span}: {visible(each.why)}")
    if not found.lost:
        lines.append("  lost: no record")
    lines.append(f"  next: gatedog journal verify {target}")
    return "\n".join(lines) + "\n"


def _text(folder: Path, found: Verification) -> str:
    word = "OK" if found.intact else "DAMAGED"
    count = f"{found.records} records ({found.first_seq} to {found.last_seq}), {found.segments} sealed segments"
    lines = [f"{word}  {folder}", f"  {count}, {found.kept} kept for incidents", f"  head {found.head.hex()}"]
    lines += [f"  gap: {skip.lost} after {skip.after_seq} could not be stored at the time" for skip in found.skips]
    lines += [f"  {_place(problem.record)}: {visible(problem.what)}" for problem in found.problems]
    return "\n".join(lines) + "\n"


def _place(record: int | None) -> str:
    return "file" if record is None else f"record {record}"


def _object(folder: Path, found: Verification) -> dict[str, object]:
    return {
        "intact": found.intact,
        "folder": str(folder),
        "records": found.records,
        "kept": found.kept,
        "segments": found.segments,
        "first_seq": found.first_seq,
        "last_seq": found.last_seq,
        "head": found.head.hex(),
        "skips": [{"after_seq": skip.after_seq, "lost": skip.lost} for skip in found.skips],
        "problems": [{"record": problem.record, "what": problem.what} for problem in found.problems],
    }
