"""`maintenance` and `silence`: times in which a human wants no pages.

Invariant: each is one request, and none is for ever: without --for there is no quiet, and the core cuts what is too
long. Deliberately not here: who may ask. The daemon decides that on who asks; quiet is for humans.
"""

import click

from watchdog.cli import asking
from watchdog.cli.durationtype import duration
from watchdog.cli.paths import Surroundings
from watchdog.cli.proving import Proof, provable
from watchdog.cli.why import why


@click.command()
@click.argument("gateway", required=False)
@click.option("--for", "for_usec", type=duration, metavar="TIME", help='How long, such as "2h". At most a day.')
@click.option("--end", "ends", is_flag=True, help="End it now.")
@why("Kept in the journal; needed to begin one.")
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@provable
@click.pass_obj
def maintenance(
    surroundings: Surroundings,
    gateway: str | None,
    for_usec: int | None,
    message: str,
    *,
    ends: bool,
    as_json: bool,
    proof: Proof,
) -> int:
    """Work on a gateway: its health is not judged, and pages wait, until the time is over."""
    _check(for_usec, message, ends=ends)
    chosen = asking.chosen_gateway(surroundings, gateway)
    verb = "maintenance-end" if ends else "maintenance"
    return asking.request(
        surroundings, as_json=as_json, verb=verb, gateway=chosen, reason=message, for_usec=for_usec, proof=proof
    )


@click.command()
@click.argument("gateway")
@click.argument("what", required=False)
@click.option("--for", "for_usec", type=duration, metavar="TIME", help='How long, such as "1h". At most seven days.')
@click.option("--end", "ends", is_flag=True, help="End it now; without WHAT, every silence of the gateway.")
@why("Kept in the journal; needed to begin one.")
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@provable
@click.pass_obj
def silence(
    surroundings: Surroundings,
    gateway: str,
    what: str | None,
    for_usec: int | None,
    message: str,
    *,
    ends: bool,
    as_json: bool,
    proof: Proof,
) -> int:
    """Let pages about a gateway wait; what happens is recorded as ever.

    WHAT is a matter, such as "degradation", the name of a probe, or "everything" about the gateway, the default.
    """
    _check(for_usec, message, ends=ends)
    verb = "silence-end" if ends else "silence"
    return asking.request(
        surroundings,
        as_json=as_json,
        verb=verb,
        gateway=gateway,
        reason=message,
        for_usec=for_usec,
        subject=what,
        proof=proof,
    )


def _check(for_usec: int | None, message: str, *, ends: bool) -> None:
    if ends and for_usec is not None:
        raise click.UsageError("Say --for or --end, not both.")
    if not ends and for_usec is None:
        raise click.UsageError("Say --for how long: no quiet is for ever.")
    if not ends and not message.strip():
        raise click.UsageError('Say why, with -m "why": it is shown as long as the quiet lasts.')
