"""`requests list`, `grant`, `permit`: what was asked, and what a human lets others do.

Invariant: reading is for everybody; a grant and a permit are requests themselves, and judged like every other.
"""

import pwd

import click

from watchdog.cli import asking, output
from watchdog.cli.durationtype import duration
from watchdog.cli.paths import Surroundings
from watchdog.cli.proving import Proof, provable
from watchdog.cli.why import SAY_WHY, why


@click.group()
def requests() -> None:
    """Look at what was asked of gatedog."""


@requests.command("list")
@click.option("--json", "as_json", is_flag=True, help="The Requests reply, unchanged.")
@click.pass_obj
def requests_list(surroundings: Surroundings, *, as_json: bool) -> None:
    """List the requests that are remembered, newest first, with who asked and where they came from."""
    reply = asking.call(surroundings, "Requests")
    if as_json:
        output.say_json(reply)
        return
    from watchdog.report.askedpage import render_requests  # noqa: PLC0415 - the other commands need none of it

    colour = output.wants_colour(surroundings.environ)
    output.say(render_requests(reply["requests"], width=output.page_width(), colour=colour))


@click.command()
@click.argument("request", metavar="REQ-n")
@why()
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@provable
@click.pass_obj
def grant(surroundings: Surroundings, request: str, message: str, *, as_json: bool, proof: Proof) -> int:
    """Grant a request that was refused, once, within half an hour. See them with: gatedog requests list."""
    return asking.request(surroundings, as_json=as_json, verb="grant", reason=message, subject=request, proof=proof)


@click.command()
@click.argument("gateway", required=False)
@click.option("--for", "for_usec", type=duration, metavar="TIME", help='How long, such as "30m". At most 12h.')
@click.option("--starts", type=click.IntRange(1, 20), default=1, show_default=True, help="How many starts or restarts.")
@click.option("--user", metavar="NAME", help="The account that is let in. Default: yours.")
@click.option("--end", "ends", is_flag=True, help="End every permit on the gateway now.")
@why("Kept in the journal; needed to begin one.")
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@provable
@click.pass_obj
def permit(  # noqa: PLR0913 - click hands over each option by its name
    surroundings: Surroundings,
    gateway: str | None,
    for_usec: int | None,
    starts: int,
    user: str | None,
    message: str,
    *,
    ends: bool,
    as_json: bool,
    proof: Proof,
) -> int:
    """Let an account start or restart a gateway a few times without a terminal, as deploy tools do.

    The agent is refused with a permit as without one; what is started goes to the budget of trusted units.
    """
    chosen = asking.chosen_gateway(surroundings, gateway)
    if ends:
        return asking.request(
            surroundings, as_json=as_json, verb="permit-end", gateway=chosen, reason=message, proof=proof
        )
    if for_usec is None:
        raise click.UsageError("Say for how long, such as --for 30m.")
    if not message:
        raise click.UsageError(SAY_WHY)
    return asking.request(
        surroundings,
        as_json=as_json,
        verb="permit",
        gateway=chosen,
        reason=message,
        for_usec=for_usec,
        starts=starts,
        uid=None if user is None else _uid_of(user),
        proof=proof,
    )


def _uid_of(user: str) -> int:
    if user.isdecimal():
        return int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise click.UsageError(f"There is no account {user} on this host.") from None
