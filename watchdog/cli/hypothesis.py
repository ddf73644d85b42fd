"""`gatedog incident hypothesis`: guesses at why, beside the evidence and never among it.

Invariant: anybody may list and offer, the agent included; only a human judges. What was guessed is shown as a guess,
with who made it and what it rests on.
"""

from pathlib import Path
from typing import Any

import click

from watchdog.cli import asking, output
from watchdog.cli.investigation import state_option
from watchdog.cli.paths import Surroundings
from watchdog.cli.proving import Proof, provable
from watchdog.cli.why import why
from watchdog.core.enclosure import STANDINGS, Enclosed, HypothesisOffered, flaw_of


@click.command("hypothesis")
@click.argument("identity", metavar="ID")
@click.option("--claim", metavar="WORDS", help="Offer one: what you think happened, one line.")
@click.option(
    "--cite", "cites", multiple=True, metavar="EVIDENCE", help='Record "12", or a file of it "12/output.log".'
)
@click.option("--refuted-by", metavar="WORDS", help="What would show that it is wrong, one line.")
@click.option("--judge", nargs=2, type=(str, click.Choice(STANDINGS)), metavar="HYP-n STANDING", help="Humans only.")
@why("Of a judgement: what showed it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@state_option
@provable
@click.pass_obj
def hypothesis(  # noqa: PLR0913, PLR0917 - one option each
    surroundings: Surroundings,
    identity: str,
    claim: str | None,
    cites: tuple[str, ...],
    refuted_by: str | None,
    judge: tuple[str, str] | None,
    message: str,
    state: Path | None,
    *,
    as_json: bool,
    proof: Proof,
) -> int:
    """List the hypotheses of an incident; offer one, or judge one.

    One that is offered cites a record of the incident (see `incident timeline`), and says what would refute it.
    """
    offers = claim is not None or bool(cites) or refuted_by is not None
    if offers and judge is not None:
        raise click.UsageError("Offer a hypothesis or judge one, not both.")
    if offers:
        return _offer(surroundings, identity, claim or "", cites, refuted_by or "", as_json=as_json, proof=proof)
    if judge is not None:
        named, standing = judge
        enclosed = {"kind": "JudgementOffered", "standing": standing}
        return asking.request(
            surroundings, as_json=as_json, verb="hypothesis-judge", incident=identity, subject=named, reason=message,
            enclosed=enclosed, proof=proof,
        )  # fmt: skip
    _list(surroundings, identity, state, as_json=as_json)
    return 0


def _offer(
    surroundings: Surroundings,
    identity: str,
    claim: str,
    cites: tuple[str, ...],
    refuted_by: str,
    *,
    as_json: bool,
    proof: Proof,
) -> int:
    named = tuple(_evidence(cite) for each in cites for cite in each.split(",") if cite.strip())
    offered = HypothesisOffered(claim=claim, cites=named, refuted_by=refuted_by)
    refuse_flawed(offered)
    enclosed = {"kind": "HypothesisOffered", "claim": claim, "cites": list(named), "refuted_by": refuted_by}
    return asking.request(
        surroundings, as_json=as_json, verb="hypothesise", incident=identity, enclosed=enclosed, proof=proof
    )


def refuse_flawed(enclosed: Enclosed) -> None:
    """Raise a usage error that says what the daemon would turn away."""
    flaw = flaw_of(enclosed)
    if flaw:
        raise click.UsageError(f"That holds {flaw}.")


def _evidence(cite: str) -> str:
    """Put the sign before a record's number, which a shell takes for the beginning of a comment."""
    bare = cite.strip()
    return f"#{bare}" if bare[:1].isdecimal() else bare


def _list(surroundings: Surroundings, identity: str, state: Path | None, *, as_json: bool) -> None:
    from watchdog.cli.dossiers import find  # noqa: PLC0415 - asking needs none of it
    from watchdog.report.postmortemlayers import cited_text, guess_lines, papers_in  # noqa: PLC0415 - likewise

    dossier = find(surroundings, identity, state).dossier
    guesses = papers_in(dossier).guesses
    if as_json:
        output.say_json({"incident": identity, "hypotheses": [_object(each) for each in guesses]})
        return
    lines = [line for each in guesses for line in guess_lines(each, lambda cite: cited_text(dossier, cite))]
    if not lines:
        lines = [f"nobody has offered a hypothesis about {identity}"]
    output.say("".join(f"{line}\n" for line in lines))


def _object(guess: Any) -> dict[str, Any]:
    return {
        "hypothesis": guess.hypothesis,
        "standing": guess.standing.value,
        "claim": guess.claim,
        "cites": list(guess.cites),
        "refuted_by": guess.refuted_by,
        "origin": guess.origin,
        "who": guess.who,
        "also": list(guess.also),
        "wall_usec": guess.wall_usec,
        "judged_by": guess.judged_by,
        "judged_because": guess.judged_because,
    }
