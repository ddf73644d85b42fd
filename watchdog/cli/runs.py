"""`gatedog runbook run|runs|approve|abort|close`: what people do about runbooks for machines.

Invariant: an approval carries the argv that was shown, and the host whose it is: of anything else it is none. Whether
it counts is the daemon's to say. Deliberately not here: `list` and `show` (runbook.py), which work without a daemon.
"""

from shlex import join
from typing import Any

import click

from watchdog.cli import asking, output
from watchdog.cli.paths import Surroundings
from watchdog.cli.proving import Proof, provable
from watchdog.cli.trouble import USAGE, Trouble
from watchdog.cli.why import why
from watchdog.report.escape import visible

_RUNS = "gatedog runbook runs"
DIGEST_MIN = 8
"""Fewer digits of a digest would be no check."""

_json = click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")


@click.command("runs")
@click.option("--json", "as_json", is_flag=True, help="The Runbooks reply, unchanged.")
@click.pass_obj
def runs(surroundings: Surroundings, *, as_json: bool) -> None:
    """List the runs that are remembered, newest first, and what waits for a person."""
    reply = asking.call(surroundings, "Runbooks")
    if as_json:
        output.say_json(reply)
        return
    from watchdog.report.runspage import render_runs  # noqa: PLC0415 - the other commands need none of it

    colour = output.wants_colour(surroundings.environ)
    output.say(render_runs(reply["runbooks"]["runs"], width=output.page_width(), colour=colour))


@click.command("run")
@click.argument("name", metavar="NAME")
@click.option("--incident", metavar="INC-n", help="What it is run for.")
@click.option(
    "--gateway", default="", metavar="NAME", help="What it is run on. Default: the incident's, or the only one."
)
@why()
@_json
@provable
@click.pass_obj
def run(
    surroundings: Surroundings,
    name: str,
    incident: str | None,
    gateway: str,
    message: str,
    *,
    as_json: bool,
    proof: Proof,
) -> int:
    """Run a runbook for machines now. What is destabilising in it waits for an approval all the same."""
    return asking.request(
        surroundings,
        as_json=as_json,
        verb="runbook-run",
        gateway=gateway,
        reason=message,
        incident=None if incident is None else incident.upper(),
        subject=name,
        proof=proof,
    )


@click.command("approve")
@click.argument("what", metavar="RUN-n/STEP")
@click.option(
    "--argv-sha256", "digest", default="", metavar="HEX", help="Only if the argv has this digest (or begins so)."
)
@why()
@_json
@provable
@click.pass_obj
def approve(surroundings: Surroundings, what: str, digest: str, message: str, *, as_json: bool, proof: Proof) -> int:
    """Have a destabilising step taken that waits for a person: exactly the command that is shown, once."""
    reply = asking.call(surroundings, "Runbooks")["runbooks"]
    waiting = _waiting(reply["runs"], what)
    _check_digest(waiting, digest)
    if not as_json:
        click.echo(f"approving, on {visible(reply['host'])}: {visible(join(waiting['argv']), 2000)}", err=True)
    return asking.request(
        surroundings,
        as_json=as_json,
        verb="runbook-approve",
        gateway=waiting["gateway"],
        reason=message,
        subject=what.upper(),
        enclosed={"kind": "StepReviewed", "argv": waiting["argv"], "host": reply["host"]},
        proof=proof,
    )


@click.command("abort")
@click.argument("what", metavar="RUN-n")
@why()
@_json
@provable
@click.pass_obj
def abort(surroundings: Surroundings, what: str, message: str, *, as_json: bool, proof: Proof) -> int:
    """Give a run up: its program is ended, and nothing more of it is run."""
    return asking.request(
        surroundings, as_json=as_json, verb="runbook-abort", reason=message, subject=what.upper(), proof=proof
    )


@click.command("close")
@click.argument("name", metavar="NAME")
@why()
@_json
@provable
@click.pass_obj
def close(surroundings: Surroundings, name: str, message: str, *, as_json: bool, proof: Proof) -> int:
    """Close the breaker of a runbook that failed or ran too often: it answers incidents again."""
    return asking.request(
        surroundings, as_json=as_json, verb="runbook-close", reason=message, subject=name, proof=proof
    )


def _waiting(known: list[dict[str, Any]], what: str) -> dict[str, Any]:
    """Find the run whose step is named; whether that step still waits is for the daemon to say."""
    name = what.upper().partition("/")[0]
    for each in known:
        if each["run"] == name:
            return each
    raise Trouble(f"no run {visible(name)} is remembered", code="no-run", next_=(_RUNS,))


def _check_digest(waiting: dict[str, Any], digest: str) -> None:
    wanted = digest.lower()
    if wanted and (len(wanted) < DIGEST_MIN or not waiting["argv_sha256"].startswith(wanted)):
        what = f"what waits has the digest {waiting['argv_sha256'][:16] or '(none)'}, not {visible(digest, 64)}"
        raise Trouble(what, exit_code=USAGE, code="other-argv", next_=(_RUNS,))
