"""`gatedog policy propose|proposals|review|commit|revert|show|diff|log`: who changes the rules, and how.

Theory of operation. The daemon remembers what was committed and keeps copies; it may not write the bundle. So a commit
is two steps: the daemon grants it, on the word or the signature of a human, and then this command, with the rights of
who runs it, puts the files in their place. Whether it has those rights is found out first. Died in between, the same
command finishes; until then the rules before stay in force.

Invariant: nothing is put in place but bytes of the digest that was reviewed and committed. Words of an agent are shown
as its words and never beside a command.
"""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import click

from watchdog.cli import asking, output
from watchdog.cli.committing import (
    finish,
    folder_of,
    name_of,
    no_text,
    proposal_of,
    revision_of,
    rules_of,
    text_of,
    writable_folder,
)
from watchdog.cli.paths import Surroundings
from watchdog.cli.proving import Proof, provable
from watchdog.cli.trouble import USAGE, Trouble
from watchdog.cli.why import why
from watchdog.policyfile.bundle import FILES_MAX, POLICY_FILE, belongs, read_bundle
from watchdog.policyfile.bundlestore import BundleStore
from watchdog.policyfile.guard import SIZE_MAX
from watchdog.policyfile.problems import PolicyProblems

_CONFIG = click.Path(path_type=Path, file_okay=False)
_PATH = click.Path(path_type=Path)

_why = why("Kept in the journal, and shown to people.")
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_config = click.option("--config", type=_CONFIG, help="The bundle's folder, where it is not the usual one.")


@click.command()
@click.argument("path", required=False, type=_PATH, metavar="FILE|FOLDER")
@click.option("--as", "name", metavar="NAME", help='Which file of the bundle it is, such as "profiles/mine.toml".')
@click.option("--remove", "removed", multiple=True, metavar="NAME", help="Take a file out of the bundle.")
@click.option("--again", metavar="PROP-n", help="Propose once more what another commit made stale.")
@_why
@_json
@click.pass_obj
def propose(
    surroundings: Surroundings,
    path: Path | None,
    name: str | None,
    removed: tuple[str, ...],
    again: str | None,
    message: str,
    *,
    as_json: bool,
) -> int:
    """Propose other rules: a FILE of the bundle, or a FOLDER of them. Everybody may, agents too; a human commits.

    What is not named stays as it is committed.
    """
    files = dict.fromkeys(removed, "")
    if again is not None:
        files |= _again(rules_of(surroundings), name_of(again))
    elif path is not None:
        files |= _texts(path, name)
    if not files:
        raise click.UsageError("Name a FILE or a FOLDER, or --remove NAME, or --again PROP-n.")
    pairs = [[each, files[each]] for each in sorted(files)]
    enclosed = {"kind": "BundleOffered", "files": pairs}
    return asking.request(surroundings, as_json=as_json, verb="policy-propose", reason=message, enclosed=enclosed)


@click.command()
@click.option("--all", "everything", is_flag=True, help="Those that were committed, too.")
@click.option("--json", "as_json", is_flag=True, help="The Rules reply, unchanged.")
@click.pass_obj
def proposals(surroundings: Surroundings, *, everything: bool, as_json: bool) -> None:
    """List what is proposed, newest first."""
    reply = asking.call(surroundings, "Rules")
    if as_json:
        output.say_json(reply)
        return
    from watchdog.report.policypage import render_proposals  # noqa: PLC0415 - the other commands need none of it

    output.say(render_proposals(reply["rules"], everything=everything))


@click.command()
@click.argument("proposal", metavar="PROP-n")
@_json
@click.pass_obj
def review(surroundings: Surroundings, proposal: str, *, as_json: bool) -> None:
    """Say in words and lines what a proposal would change, and what it would have changed in the recorded history."""
    from watchdog.cli.differences import in_full  # noqa: PLC0415 - the other commands need none of it

    rules = rules_of(surroundings)
    known, lines = in_full(rules, proposal_of(rules, proposal))
    tried, why_not = _tried(rules, known)
    if as_json:
        output.say_json({"proposal": known, "lines": lines, "backtest": tried, "no_backtest": why_not})
        return
    from watchdog.report.policypage import render_review  # noqa: PLC0415 - the other commands need none of it

    output.say(render_review(rules, known, tried, why_not, lines=lines))


@click.command()
@click.argument("proposal", metavar="PROP-n")
@click.option("--reviewed", metavar="DIGEST", default="", help="What `review` said its digest is; else what it is now.")
@click.option("--sign-only", is_flag=True, help="Only sign; somebody who may write the bundle puts it in place.")
@_config
@_why
@_json
@provable
@click.pass_obj
def commit(
    surroundings: Surroundings,
    proposal: str,
    reviewed: str,
    config: Path | None,
    message: str,
    *,
    sign_only: bool,
    as_json: bool,
    proof: Proof,
) -> int:
    """Put a proposal in force: for humans, signed where signers are listed. Done again, it finishes what was begun."""
    rules = rules_of(surroundings)
    known = proposal_of(rules, proposal)
    if not known["digest"].startswith(reviewed):
        what = f"{known['proposal']} is {known['digest'][:12]}, and not what was reviewed"
        raise Trouble(what, code="not-reviewed", next_=(f"gatedog policy review {known['proposal']}",))
    is_committed = known["revision"] is not None
    if is_committed and known["revision"] != rules["committed"]:
        what = f"{known['proposal']} was committed as revision {known['revision']}; {rules['committed']} followed it"
        raise Trouble(what, code="superseded", next_=("gatedog policy log",))
    place = None if sign_only else writable_folder(surroundings, rules, config)
    bundle = None if sign_only else text_of(rules, known)
    if not is_committed:
        enclosed = {"kind": "BundleReviewed", "digest": known["digest"], "effect": known["effect"]}
        name = known["proposal"]
        asked = {"verb": "policy-commit", "subject": name, "reason": message, "enclosed": enclosed}
        asking.request(surroundings, as_json=as_json, proof=proof, **asked)
    return finish(surroundings, place, bundle, known["digest"], as_json=as_json)


@click.command()
@_config
@_why
@_json
@provable
@click.pass_obj
def revert(surroundings: Surroundings, config: Path | None, message: str, *, as_json: bool, proof: Proof) -> int:
    """Put the revision before the newest in force again, as a new one: for humans, like a commit."""
    rules = rules_of(surroundings)
    if len(rules["revisions"]) < 2:
        raise Trouble("there is no revision before this one", next_=("gatedog policy log",))
    place = writable_folder(surroundings, rules, config)
    before = rules["revisions"][-2]
    bundle = BundleStore(Path(rules["store"])).revision(before["revision"], before["digest"])
    if bundle is None:
        raise no_text(rules, f"revision {before['revision']}")
    asking.request(surroundings, as_json=as_json, verb="policy-revert", reason=message, proof=proof)
    return finish(surroundings, place, bundle, before["digest"], as_json=as_json)


@click.command()
@click.argument("revision", required=False, type=int, metavar="N")
@_json
@click.pass_obj
def show(surroundings: Surroundings, revision: int | None, *, as_json: bool) -> None:
    """Show the rules in force, or a revision: who committed it, and its files."""
    rules = rules_of(surroundings)
    known = revision_of(rules, revision or rules["in_force"])
    bundle = BundleStore(Path(rules["store"])).revision(known["revision"], known["digest"])
    if bundle is None:
        raise no_text(rules, f"revision {known['revision']}")
    texts = {name: raw.decode("utf-8", "backslashreplace") for name, raw in bundle.files}
    if as_json:
        output.say_json({"revision": known, "files": texts})
        return
    from watchdog.report.policypage import render_revision  # noqa: PLC0415 - the other commands need none of it

    output.say(render_revision(rules, known, texts))


@click.command()
@_config
@_json
@click.pass_obj
def diff(surroundings: Surroundings, config: Path | None, *, as_json: bool) -> int:
    """Say in words how what lies in the bundle's folder differs from the rules in force. Exits 1 when it does."""
    from watchdog.policyfile.bundlechange import compare_bundles, differing  # noqa: PLC0415 - only this needs it
    from watchdog.policyfile.load import parse_bundle  # noqa: PLC0415 - likewise
    from watchdog.report.policypage import render_difference  # noqa: PLC0415 - likewise

    rules = rules_of(surroundings)
    known = revision_of(rules, rules["in_force"])
    folder = folder_of(surroundings, rules, config)
    was = BundleStore(Path(rules["store"])).revision(known["revision"], known["digest"])
    if was is None:
        raise no_text(rules, f"revision {known['revision']}")
    try:
        there = read_bundle(folder)
        changes = compare_bundles(parse_bundle(was, folder), parse_bundle(there, folder))
    except PolicyProblems as refused:
        raise Trouble(refused.summary(), code="policy", next_=(f"gatedog policy check {quote(str(folder))}",)) from None
    words = [(each.direction.value, each.what) for each in changes]
    if as_json:
        output.say_json({"revision": known["revision"], "files": list(differing(was, there)), "changes": words})
    else:
        output.say(render_difference(str(folder), known, differing(was, there), words))
    return 1 if was != there else 0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The Rules reply, unchanged.")
@click.pass_obj
def log(surroundings: Surroundings, *, as_json: bool) -> None:
    """List the revisions, newest first: when, by whom, why."""
    if as_json:
        output.say_json(asking.call(surroundings, "Rules"))
        return
    from watchdog.report.policypage import render_log  # noqa: PLC0415 - the other commands need none of it

    output.say(render_log(rules_of(surroundings)))


# -- what is offered ---------------------------------------------------------------------------------------------


def _texts(path: Path, name: str | None) -> dict[str, str]:
    """Read what is proposed, with the rights of who proposes it."""
    if path.is_dir():
        inside = [each for each in (*path.glob("*"), *path.glob("*/*.toml")) if each.is_file()]
        files = {str(each.relative_to(path)): each for each in inside if belongs(str(each.relative_to(path)))}
    else:
        files = {name or _name_of(path): path}
    if not path.exists():
        what = f"{path} cannot be read: No such file or directory"
        raise Trouble(what, code="unreadable", next_=(f"ls -ld {quote(str(path.absolute().parent))}",))
    strange = [each for each in files if not belongs(each)]
    if strange or not files or len(files) > FILES_MAX:
        what = f"{strange[0] if strange else path} is no file of a bundle"
        how = f"gatedog policy propose {quote(str(path))} --as {POLICY_FILE}"
        raise Trouble(what, exit_code=USAGE, code="no-bundle-file", next_=(how,))
    return {each: _read(file) for each, file in files.items()}


def _name_of(path: Path) -> str:
    """Guess which file of the bundle a file is, by its name and that of its folder."""
    below = f"{path.absolute().parent.name}/{path.name}"
    return below if belongs(below) else path.name


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            raw = opened.read(SIZE_MAX + 1)
        text = raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Trouble(
            f"{file} cannot be read: {why}", code="unreadable", next_=(f"ls -l {quote(str(file))}",)
        ) from None
    if len(raw) > SIZE_MAX:
        what = f"{file} is larger than {SIZE_MAX >> 10} KiB, the most that a file of a bundle may be"
        raise Trouble(what, code="too-large", next_=(f"ls -l {quote(str(file))}",))
    return text


def _again(rules: Mapping[str, Any], proposal: str) -> dict[str, str]:
    known = proposal_of(rules, proposal)
    bundle = text_of(rules, known)
    names = BundleStore(Path(rules["store"])).offered_names(known["digest"])
    return {each: (bundle.read(each) or b"").decode("utf-8", "replace") for each in names}


def _tried(rules: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Try a proposal on the recorded history. Returns the result, or why there is none."""
    from watchdog.journal.errors import JournalError  # noqa: PLC0415 - only a review needs them
    from watchdog.policyfile.load import parse_bundle  # noqa: PLC0415 - likewise
    from watchdog.replay.backtest import backtest  # noqa: PLC0415 - likewise
    from watchdog.replay.summary import summary_of  # noqa: PLC0415 - likewise

    try:
        bundle = text_of(rules, known)
        policy = parse_bundle(bundle, Path(rules["folder"])).policy
        return summary_of(backtest(Path(rules["store"]) / "journal", policy)), ""
    except (Trouble, JournalError, PolicyProblems) as error:
        return None, str(error.message if isinstance(error, Trouble | JournalError) else error)
