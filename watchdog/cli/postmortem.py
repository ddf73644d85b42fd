"""`gatedog postmortem draft|edit|sign|verify`: machines gather, a person writes and puts their name under it.

Invariant: anybody may draft, because drafting is reading; writing and signing are asked of the daemon, which knows a
person. An editor gets the person's own sections and nothing that the supervised side wrote: text can do things to an
editor. Known shapes of secrets are taken out of a draft, as of every export.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import click

from watchdog.cli import asking, output
from watchdog.cli.investigation import state_option
from watchdog.cli.paths import Surroundings
from watchdog.cli.proving import Proof, how_to_sign, provable
from watchdog.cli.trouble import COMMAND_MAX, REFUSED, Trouble
from watchdog.core.identity import IncidentId
from watchdog.core.rules import RuleId

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def postmortem() -> None:
    """Draft, write, sign and verify what is said about an incident."""


@postmortem.command("draft")
@click.argument("identity", metavar="ID")
@click.option("--to", "target", type=_FILE, metavar="FILE", help="A new file; else standard output.")
@state_option
@click.pass_obj
def draft(surroundings: Surroundings, identity: str, target: Path | None, state: Path | None) -> None:
    """Fill the usual template in Markdown with what was recorded; causes stay empty until a person writes them."""
    from watchdog.cli.dossiers import checked, find  # noqa: PLC0415 - as everywhere: light imports
    from watchdog.cli.exporting import redacted, write_new  # noqa: PLC0415 - likewise
    from watchdog.report.postmortem import render_draft  # noqa: PLC0415 - likewise
    from watchdog.report.redaction import Redactor  # noqa: PLC0415 - likewise

    text = render_draft(redacted(checked(find(surroundings, identity, state)).dossier, Redactor()))
    if target is None:
        output.say(text)
    else:
        write_new(target, text.encode())
        output.say(f"wrote {target}\n")


@postmortem.command("edit")
@click.argument("identity", metavar="ID")
@click.option("--from", "source", metavar="FILE", help='Take the sections from a file, "-" from standard input.')
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@provable
@click.pass_obj
def edit(surroundings: Surroundings, identity: str, source: str | None, *, as_json: bool, proof: Proof) -> int:
    """Write cause, trigger, lessons and actions, in $EDITOR or from a file. Humans only; it is UNSIGNED."""
    from watchdog.cli.hypothesis import refuse_flawed  # noqa: PLC0415 - light imports
    from watchdog.cli.sections import parse, template  # noqa: PLC0415 - likewise

    if source is None:
        known = _papers(identity, _records(surroundings, identity)).written
        written = _edited(template(identity, None if known is None else known.text))
    else:
        written = _read(source)
    text = parse(written)
    refuse_flawed(text)
    try:
        return asking.request(
            surroundings, as_json=as_json, verb="postmortem-edit", incident=identity, enclosed=_enclosed(text),
            proof=proof,
        )  # fmt: skip
    except Trouble:
        if source is None:
            click.echo(f"gatedog: your text lies in {_keep(written)}", err=True)
        raise


@postmortem.command("sign")
@click.argument("identity", metavar="ID")
@click.option(
    "--evidence", "read_up_to", metavar="RECORD", help="The last record that you have read; a draft names it."
)
@click.option("--challenge", "target", type=_FILE, metavar="FILE", help="Write what is to be signed to a new file.")
@click.option("--yes", is_flag=True, help="Do not ask whether this is the text you mean.")
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@provable
@click.pass_obj
def sign(
    surroundings: Surroundings,
    identity: str,
    read_up_to: str | None,
    target: Path | None,
    *,
    yes: bool,
    as_json: bool,
    proof: Proof,
) -> int:
    """Put your name under the cause, together with the evidence that you have read. Humans only.

    What was recorded after RECORD is not signed, and counts as new since; without RECORD all that there is now is.
    Where signers are listed, only a signature does: sign what is shown, then hand it in with --signature. Where none
    are, a person at a terminal attests, and it is called that.
    """
    records = _records(surroundings, identity)
    known = _papers(identity, records).written
    text = None if known is None else known.text
    evidence = _evidence(records, read_up_to)
    enclosed = {"kind": "PostmortemOffered"} if text is None else {**_enclosed(text), "evidence_head": evidence.named}
    parameters: dict[str, Any] = {"verb": "postmortem-sign", "incident": identity, "enclosed": enclosed, **proof}
    if text is not None and not proof.get("signature"):
        _show(identity, text, evidence, ask=not yes and not as_json)
    reply = asking.call(surroundings, "Request", asking.REQUEST_TIMEOUT_S, gateway="", reason="", **parameters)
    if as_json:
        output.say_json(reply)
    if reply["outcome"] == "granted":
        if not as_json:
            asking.tell_granted(reply)
        return 0
    raise _refusal(reply, identity, target, empty=text is None or not text.cause.strip())


@postmortem.command("verify")
@click.argument("identity", metavar="ID")
@click.option("--bundle", type=click.Path(path_type=Path, file_okay=False), help="Where revoked_keys lies now.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@state_option
@click.pass_obj
def verify(surroundings: Surroundings, identity: str, bundle: Path | None, state: Path | None, *, as_json: bool) -> int:
    """Check the signed cause, without the daemon: text, evidence, signature. Exits 1 when something does not fit."""
    from watchdog.cli.signedcause import verify_cause  # noqa: PLC0415 - light imports

    found = verify_cause(surroundings, identity, state, bundle)
    if as_json:
        output.say_json(found.as_object())
    else:
        output.say("".join(f"{line}\n" for line in found.lines()))
    return 1 if found.problems else 0


class _Evidence(NamedTuple):
    """What the name is put under: evidence up to a record, "#345", or "" for none; `newer` records came after it."""

    named: str
    newer: int


def _records(surroundings: Surroundings, identity: str) -> list[Any]:
    from watchdog.control.recordreply import record_of  # noqa: PLC0415 - light imports

    reply = asking.call(surroundings, "Explain", incident=identity)
    return list(filter(None, map(record_of, reply["records"])))


def _papers(identity: str, records: list[Any]) -> Any:
    from watchdog.report.postmortempapers import papers_of  # noqa: PLC0415 - light imports

    return papers_of(IncidentId(identity), records)


def _evidence(records: list[Any], read_up_to: str | None) -> _Evidence:
    from watchdog.core.papers import record_cited  # noqa: PLC0415 - light imports
    from watchdog.journal.evidencehead import is_evidence  # noqa: PLC0415 - likewise

    seqs = [record.stamped.stamp.seq for record in records if is_evidence(record)]
    if read_up_to is None:
        return _Evidence(named=f"#{seqs[-1]}" if seqs else "", newer=0)
    named = f"#{read_up_to.removeprefix('#')}"
    last = record_cited(named)
    if last is None or "/" in named:
        raise click.UsageError(f"{read_up_to} is no record; write its number, such as 118.")
    return _Evidence(named=named, newer=sum(seq > last for seq in seqs))


def _enclosed(text: Any) -> dict[str, Any]:
    sections = {name: getattr(text, name) for name in ("cause", "trigger", "lessons", "actions")}
    return {"kind": "PostmortemOffered", **{name: said for name, said in sections.items() if said}}


def _edited(text: str) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal for an editor; use --from FILE, or --from - for standard input.")
    written = click.edit(text, extension=".md")
    if written is None:
        raise Trouble("the text was not changed; nothing was kept", code="unchanged", next_=("gatedog postmortem -h",))
    return written


def _keep(text: str) -> str:
    descriptor, name = tempfile.mkstemp(prefix="gatedog-postmortem-", suffix=".md")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return name


def _read(source: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        return raw.decode()
    except OSError as error:
        why = f"{source} cannot be read: {error.strerror}"
        raise Trouble(why, code="unreadable", next_=(f"ls -l {source}",)) from None
    except UnicodeDecodeError:
        raise Trouble(f"{source} is no UTF-8 text", code="unreadable", next_=(f"file {source}",)) from None


def _show(identity: str, text: Any, evidence: _Evidence, *, ask: bool) -> None:
    from watchdog.cli.sections import shown  # noqa: PLC0415 - light imports

    newer = f"; {evidence.newer} newer records are no part of it" if evidence.newer else ""
    click.echo(f"{shown(text)}\n\nEvidence: up to record {evidence.named or '(none)'}{newer}\n", err=True)
    if ask and sys.stdin.isatty():
        click.confirm(f"Is this what you put your name under, as the cause of {identity}?", abort=True, err=True)


def _refusal(reply: dict[str, Any], identity: str, target: Path | None, *, empty: bool) -> Trouble:
    if empty and reply["rule"] == RuleId.REQUEST_NEEDS_SIGNATURE.value:
        why = "there is no cause to sign: a human writes it first"
        return Trouble(why, rule=RuleId.CAUSE_EMPTY.value, next_=(f"gatedog postmortem edit {identity}",))
    refused = reply["outcome"] == "refused"
    ways = asking.in_order(reply["next_commands"], _ways_to_sign(reply, identity, target))
    return Trouble(
        f"{reply['outcome']}: {reply['message']}", exit_code=REFUSED if refused else 1, rule=reply["rule"], next_=ways
    )


def _ways_to_sign(reply: dict[str, Any], identity: str, target: Path | None) -> tuple[str, ...]:
    from watchdog.cli.exporting import write_new  # noqa: PLC0415 - light imports

    challenge = reply["challenge"]
    if not challenge:
        return ()
    if target is not None:
        write_new(target, f"{challenge}\n".encode())
        namespace = json.loads(challenge)["kind"]
        signs = f"ssh-keygen -Y sign -n {namespace} -f ~/.ssh/id_ed25519 < {target} > {reply['request']}.sig"
        return (signs,)
    ways = how_to_sign(challenge, reply["request"])
    if any(len(way) > COMMAND_MAX for way in ways):
        return (f"gatedog postmortem sign {identity} --challenge FILE",)  # half a challenge cannot be signed
    return ways
