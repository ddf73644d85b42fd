"""`gatedog simulate`, `verify`, `backtest`: the same core, over histories instead of over the world.

Invariant: nothing here starts, stops or writes anything, and what a backtest can only guess is called speculative.
"""

from pathlib import Path

import click

from watchdog.cli import output
from watchdog.cli.paths import Surroundings
from watchdog.cli.policy import load_or_explain
from watchdog.cli.recorded import JOURNAL_FOLDER, journal_trouble
from watchdog.cli.trouble import Trouble
from watchdog.core.rules import RULES_VERSION
from watchdog.journal.errors import JournalError
from watchdog.replay import backtest as other_policy
from watchdog.replay import verification
from watchdog.replay.recording import RecordingError
from watchdog.replay.simulation import SimulationResult, simulate_file
from watchdog.replay.summary import loop_words
from watchdog.report.escape import visible

SPECULATIVE_SHOWN = 10
_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_POLICY = click.Path(path_type=Path, exists=True)


@click.command()
@click.argument("traces", nargs=-1, required=True, type=_FILE, metavar="TRACE...")
@click.option("--policy", type=_POLICY, help="Rules to play under: the first gateway of a policy.toml.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a trace.")
def simulate(traces: tuple[Path, ...], policy: Path | None, *, as_json: bool) -> None:
    """Play recorded histories to gatedog's core: what would it have paged, refused and held?

    A recording is JSON Lines: a header {"trace": NAME}, then events with "t" in seconds and "ev".
    """
    rules = load_or_explain(policy).policy if policy is not None else None
    refused: list[str] = []
    for path in traces:
        try:
            result = simulate_file(path, rules)
        except RecordingError as error:
            refused.append(str(error))  # told at the end: one bad file must not cost the answers about the others
            continue
        if as_json:
            output.say_json(result.to_json())
        else:
            output.say(_simulation_text(result))
    if refused:
        count = "it" if len(traces) == 1 else f"{len(refused)} of {len(traces)} files"
        problems = "\n".join(f"  {each}" for each in refused)
        message = f"{count} could not be played\n{problems}"
        raise Trouble(message, code="recording", next_=("gatedog simulate --help",))


@click.command()
@click.argument("folder", required=False, type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def verify(surroundings: Surroundings, folder: Path | None, *, as_json: bool) -> int:
    """Decide a journal again by the same rules and compare, decision for decision. Exits 1 on a difference."""
    chosen = _journal_folder(surroundings, folder)
    try:
        found = verification.verify(chosen)
    except JournalError as error:
        raise journal_trouble(error) from None
    differences = [
        {
            "seq": each.seq,
            "event": each.event,
            "recorded": [f"{type(one).__name__} [{one.rule.value}]" for one in each.recorded],
            "decided": [f"{type(one).__name__} [{one.rule.value}]" for one in each.decided],
        }
        for each in found.differences
    ]
    if as_json:
        output.say_json(
            {
                "same": not found.differences,
                "records": found.records,
                "other_rules": found.other_rules,
                "rules": RULES_VERSION,
                "differences": differences,
            }
        )
    else:
        output.say(_verification_text(found, differences))
    return 1 if found.differences else 0


@click.command()
@click.argument("folder", required=False, type=_FOLDER)
@click.option("--policy", type=_POLICY, required=True, help="The policy to try.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def backtest(surroundings: Surroundings, folder: Path | None, policy: Path, *, as_json: bool) -> None:
    """Try another policy on a journal. The first divergence is a fact, all after it is speculative."""
    chosen = _journal_folder(surroundings, folder)
    rules = load_or_explain(policy).policy
    try:
        result = other_policy.backtest(chosen, rules)
    except JournalError as error:
        raise journal_trouble(error) from None
    if as_json:
        first = _divergence_object(result.first) if result.first is not None else None
        speculative = [_divergence_object(each) for each in result.speculative]
        loops = [_loop_object(each) for each in result.loops]
        output.say_json({"records": result.records, "first": first, "speculative": speculative, "loops": loops})
    else:
        output.say(_backtest_text(result))


def _journal_folder(surroundings: Surroundings, folder: Path | None) -> Path:
    return folder or surroundings.state_folder() / JOURNAL_FOLDER


def _simulation_text(result: SimulationResult) -> str:
    lines = [visible(result.trace)]
    lines += [
        f"  {_clock(t)}  page     {severity}  {incident}  [{rule}]" for t, incident, severity, rule in result.pages
    ]
    lines += [f"  {_clock(t)}  refused  [{rule}]" for t, rule in result.refusals]
    if result.held_t is not None:
        lines.append(f"  {_clock(result.held_t)}  stopped restarting; {result.restarts_avoided} restarts avoided")
    if len(lines) == 1:
        lines.append("  nothing to tell anybody")
    return "\n".join(lines) + "\n"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours:3d}:{minutes:02d}:{rest:06.3f}"


def _verification_text(found: verification.Verification, differences: list[dict[str, object]]) -> str:
    word = "DIFFERENT" if differences else "OK"
    lines = [f"{word}  {found.records} records decided again by rules {RULES_VERSION}"]
    if found.other_rules:
        lines.append(f"  {found.other_rules} of them were written under other rules, and were not compared")
    for each in differences:
        lines += [
            f"  record {each['seq']} {each['event']}",
            f"    then {each['recorded']}",
            f"    now  {each['decided']}",
        ]
    return "\n".join(lines) + "\n"


def _backtest_text(result: other_policy.Backtest) -> str:
    if result.first is None:
        return f"no difference on {result.records} records\n"
    lines = [f"FACT  first divergence, of {result.records} records", *_divergence_lines(result.first)]
    lines += [f"SPECULATIVE  {visible(loop_words(each))}" for each in result.loops]
    if result.speculative:
        count = len(result.speculative)
        lines.append(f"SPECULATIVE  {count} more, each had the history gone on as recorded until then")
        for each in result.speculative[:SPECULATIVE_SHOWN]:
            lines += _divergence_lines(each)
        if count > SPECULATIVE_SHOWN:
            lines.append(f"  and {count - SPECULATIVE_SHOWN} more: gatedog backtest --json ...")
    return "\n".join(lines) + "\n"


def _divergence_lines(each: other_policy.Divergence) -> list[str]:
    about = f"  ({', '.join(each.incidents)})" if each.incidents else ""
    lines = [f"  record {each.seq} {each.event}{about}"]
    lines += [f"    was    {visible(line)}" for line in each.recorded or ("nothing",)]
    lines += [f"    would  {visible(line)}" for line in each.other or ("do nothing",)]
    return lines


def _loop_object(each: other_policy.LoopChange) -> dict[str, object]:
    """Say it in figures and in words. Exactly one of "more" and "fewer" is not null."""
    more = each.more
    return {
        "seq": each.seq,
        "gateway": each.gateway,
        "incident": each.incident,
        "more": None
        if more is None
        else {
            "cycles": more.cycles,
            "span_usec": more.span_usec,
            "lived_usec": more.lived_usec,
            "stopped_by": None if more.stopped_by is None else more.stopped_by.value,
        },
        "fewer": each.fewer,
        "says": loop_words(each),
    }


def _divergence_object(each: other_policy.Divergence) -> dict[str, object]:
    return {
        "seq": each.seq,
        "wall_usec": each.wall_usec,
        "event": each.event,
        "incidents": list(each.incidents),
        "recorded": list(each.recorded),
        "other": list(each.other),
    }
