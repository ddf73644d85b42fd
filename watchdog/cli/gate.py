"""`gatedog gate check|approve|report`: what an agent's runtime asks before it acts, and what people see of it.

Invariant: exit code 0 means "go ahead" and nothing else does; whoever cannot reach gatedog gets another code and
decides by itself what that means. Links are followed here, with the asker's own eyes, and what they lead to is offered
beside the names that were given: gatedog never looks into folders that an agent can write.
"""

import os
import time
from dataclasses import asdict
from pathlib import Path

import click

from watchdog.cli import asking, output
from watchdog.cli.durationtype import duration
from watchdog.cli.paths import Surroundings
from watchdog.cli.proving import Proof, provable
from watchdog.cli.trouble import FAILED, REFUSED, USAGE, Trouble
from watchdog.core.action import ANSWERS, GateAnswer, absolute
from watchdog.core.classify import Rulebook, written_paths
from watchdog.core.enclosure import ActionOffered, flaw_of
from watchdog.core.gaterules import SHIPPED
from watchdog.core.rules import RuleId
from watchdog.core.timeline import DAY
from watchdog.report.actionwords import WHOLE, action_words
from watchdog.report.escape import visible

DIGITS_MAX = 18
_SAID = {
    GateAnswer.ALLOW: "go ahead",
    GateAnswer.REFUSE: "refused",
    GateAnswer.ASK_HUMAN: "not yet",
}


@click.group()
def gate() -> None:
    """For an agent's runtime: may this be done? For people: agree to it, and see what was done without asking."""


@gate.command("check")
@click.option("--action", required=True, metavar="NAME", help='The tool\'s own name, such as "exec" or "write".')
@click.option("--path", "paths", multiple=True, metavar="PATH", help="A file that would be written; repeat it.")
@click.option("--directory", metavar="FOLDER", help='Where it would be done. Default: here. "": nobody knows.')
@click.option("--gateway", default="", metavar="NAME", help="Whose agent asks, where that cannot be seen.")
@click.option("--json", "as_json", is_flag=True, help='The answer as one JSON object, with "answer".')
@click.argument("argv", nargs=-1)
@click.pass_obj
def gate_check(
    surroundings: Surroundings,
    action: str,
    paths: tuple[str, ...],
    directory: str | None,
    gateway: str,
    argv: tuple[str, ...],
    *,
    as_json: bool,
) -> int:
    """Ask whether an action may be done. Exit code 0: go ahead; 77: refused, or a human is asked.

    The words behind -- are the command, as it would be executed. When a human agrees, the same question with the same
    words is answered with 0, once.
    """
    folder = _folder_of("." if directory is None else directory)
    offered = _with_real_paths(ActionOffered(action=action, argv=argv, paths=paths, directory=folder))
    if flaw := flaw_of(offered):
        raise Trouble(f"this cannot be judged: {flaw}", exit_code=USAGE, code="usage", next_=("gatedog gate check -h",))
    enclosed = {"kind": "ActionOffered", **asdict(offered)}
    reply = asking.call(
        surroundings,
        "Request",
        asking.REQUEST_TIMEOUT_S,
        verb="gate-check",
        gateway=gateway,
        reason="",
        enclosed=enclosed,
    )
    answer = ANSWERS.get(RuleId(reply["rule"])) if reply["outcome"] != "failed" else None
    if as_json:
        output.say_json({**reply, "answer": None if answer is None else answer.value})
    if answer is not GateAnswer.ALLOW or reply["outcome"] != "granted":
        said = reply["outcome"] if answer is None else _SAID[answer]
        raise Trouble(
            f"{said}: {reply['message']}",
            exit_code=FAILED if reply["outcome"] == "failed" else REFUSED,
            rule=reply["rule"],
            next_=reply["next_commands"],
        )
    if not as_json:
        output.say(f"{_SAID[answer]}: {reply['message']}\n")
    return 0


def _folder_of(directory: str) -> str:
    """Return a folder from / on, its links kept; "" for one that is not there, or that `..` may lead elsewhere."""
    is_plain = ".." not in directory.split("/") and os.path.isdir(directory)  # noqa: PTH112 - takes any text
    return os.path.abspath(directory) if is_plain else ""  # noqa: PTH100 - keeps the links


def _with_real_paths(offered: ActionOffered) -> ActionOffered:
    """Add what links lead to."""
    written = written_paths(offered, Rulebook(shipped=SHIPPED))
    named = {absolute(path, "") for path in written}
    more = tuple(path for path in dict.fromkeys(map(os.path.realpath, written)) if path not in named)
    return ActionOffered(
        action=offered.action, argv=offered.argv, paths=(*offered.paths, *more), directory=offered.directory
    )


@gate.command("approve")
@click.argument("identity", metavar="ACT-n")
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@provable
@click.pass_obj
def gate_approve(surroundings: Surroundings, identity: str, *, as_json: bool, proof: Proof) -> int:
    """Let an action be done once, in the very words that are shown."""
    if not as_json and (offered := _recorded(surroundings, identity)):
        click.echo(f"approving {visible(identity)}, by its agent's own words:\n{_lines_of(offered)}", err=True)
    return asking.request(surroundings, as_json=as_json, verb="gate-approve", subject=identity, proof=proof)


def _recorded(surroundings: Surroundings, identity: str) -> ActionOffered | None:
    """Return what an action is, from the record that it is called by."""
    from watchdog.control.recordreply import record_of  # noqa: PLC0415 - a check needs none of it
    from watchdog.core.events import ActionRequested  # noqa: PLC0415 - likewise

    number = identity.removeprefix("ACT-")
    is_number = number.isascii() and number.isdecimal() and not number.startswith("0")
    if not is_number or len(number) > DIGITS_MAX:
        return None
    replies = asking.stream(surroundings, "Events", after_seq=int(number) - 1, limit=1, follow=False)
    found = [record_of(reply["record"]) for reply in replies if reply.get("record") is not None]
    event = found[0].stamped.event if found and found[0] is not None else None
    return event.enclosed if isinstance(event, ActionRequested) and isinstance(event.enclosed, ActionOffered) else None


def _lines_of(offered: ActionOffered) -> str:
    """Say an action whole, behind a mark on each line: what is cut is not agreed to, and no line of it is ours."""
    return "\n".join(f"  | {visible(line, WHOLE)}" for line in action_words(offered).split("\n"))


@gate.command("report")
@click.option(
    "--since", "since_usec", type=duration, metavar="TIME", help='The last so much, such as "2h". Default: 1d.'
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--journal", "folder", type=click.Path(path_type=Path), help="Read this journal, ask nobody.")
@click.pass_obj
def gate_report(surroundings: Surroundings, *, since_usec: int | None, as_json: bool, folder: Path | None) -> None:
    """List what was done that nobody had let through, each with its record, and what waits for a person."""
    from watchdog.cli.events import journal_records  # noqa: PLC0415 - it brings all that tells stories
    from watchdog.control.recordreply import record_of  # noqa: PLC0415 - a check needs none of it
    from watchdog.report.gatepage import render_gate_report, report_object, report_of  # noqa: PLC0415 - likewise

    now = time.time_ns() // 1000
    replies = journal_records(surroundings, folder, since=now - (since_usec or DAY), count=None, follow=False)
    found = report_of((record for reply in replies if (record := record_of(reply)) is not None), now)
    if as_json:
        output.say_json(report_object(found))
        return
    colour = output.wants_colour(surroundings.environ)
    output.say(render_gate_report(found, width=output.page_width(), colour=colour))
