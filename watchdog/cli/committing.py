"""What was proposed and committed, and how a committed bundle gets into its place.

Invariant: nothing is put in place but bytes of a digest that was committed, into the folder that this person means and
nobody else can write; whether that is possible is found out before anything is asked.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import click

from watchdog.cli import asking, output
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import NO_PERMISSION, Trouble
from watchdog.policyfile.bundle import POLICY_FILE, Bundle, belongs, bundle_of, read_bundle
from watchdog.policyfile.bundlestore import BundleStore, write_bundle
from watchdog.policyfile.defaults import find_bundle
from watchdog.policyfile.guard import check_folder
from watchdog.policyfile.problems import PolicyProblems

TAKEN_OVER_WITHIN_S = 10.0
PLACED_FOR_S = 1.0
"""In place for so long and not in force: then it takes a restart of gatedog."""
POLL_S = 0.1


def rules_of(surroundings: Surroundings) -> dict[str, Any]:
    """Ask which rules there are. Raises Trouble where there is no bundle."""
    rules: dict[str, Any] = asking.call(surroundings, "Rules")["rules"]
    if not rules["committed"]:
        what = "this gatedog is ruled by a command line: it has no bundle, and nothing to commit"
        raise Trouble(what, code="no-bundle", next_=("gatedog daemon --help",))
    return rules


def name_of(proposal: str) -> str:
    """Return a proposal's name; its number alone will do."""
    return f"PROP-{proposal}" if proposal.isdecimal() else proposal.upper()


def proposal_of(rules: Mapping[str, Any], proposal: str) -> dict[str, Any]:
    """Return a remembered proposal. Raises Trouble."""
    name = name_of(proposal)
    for each in rules["proposals"]:
        if each["proposal"] == name:
            found: dict[str, Any] = each
            return found
    there = ", ".join(each["proposal"] for each in rules["proposals"]) or "none"
    raise Trouble(f"no proposal {name[:40]!r} is remembered (there are: {there})", next_=("gatedog policy proposals",))


def revision_of(rules: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return a remembered revision. Raises Trouble."""
    for each in rules["revisions"]:
        if each["revision"] == number:
            found: dict[str, Any] = each
            return found
    raise Trouble(f"no revision {number} is remembered", next_=("gatedog policy log",))


def text_of(rules: Mapping[str, Any], known: Mapping[str, Any]) -> Bundle:
    """Return the bundle of a proposal, from its copy. Raises Trouble."""
    store = BundleStore(Path(rules["store"]))
    bundle = store.proposal(known["digest"])
    if bundle is None and known["revision"] is not None:
        bundle = store.revision(known["revision"], known["digest"])
    if bundle is None:
        raise no_text(rules, str(known["proposal"]))
    return bundle


def no_text(rules: Mapping[str, Any], what: str) -> Trouble:
    """Say why the text of something cannot be had."""
    store = Path(rules["store"])
    if not os.access(store, os.R_OK | os.X_OK):
        message = f"the text of {what} lies in {store}, which you may not read"
        return Trouble(message, exit_code=NO_PERMISSION, code="no-permission", next_=(f"sudo {_typed()}",))
    return Trouble(f"no copy of {what} is left in {store}", code="no-copy", next_=("gatedog policy log",))


def _typed() -> str:
    context = click.get_current_context()
    words = [str(value) for value in context.params.values() if isinstance(value, str) and value.startswith("PROP-")]
    return " ".join([context.command_path, *words])


def folder_of(surroundings: Surroundings, rules: Mapping[str, Any], config: Path | None) -> Path:
    """Return the bundle's folder: the daemon's, if it is the one that this person means."""
    folder = find_bundle(config, surroundings.environ, surroundings.uid).absolute()
    if str(folder) != rules["folder"]:
        what = f"this gatedog reads its rules from {rules['folder']}, and not from {folder}"
        raise Trouble(what, code="other-folder", next_=(f"{_typed()} --config {quote(rules['folder'])}",))
    return folder


def writable_folder(surroundings: Surroundings, rules: Mapping[str, Any], config: Path | None) -> Path:
    """Return the bundle's folder, once it is known that this person may write it, and nobody else."""
    folder = folder_of(surroundings, rules, config)
    if not os.access(folder, os.W_OK | os.X_OK):
        what = f"you may not write {folder}, so you could commit and not put it in place; nothing was asked"
        can_only_sign = any(each.name == "sign_only" for each in click.get_current_context().command.params)
        ways = (f"sudo {_typed()}", *([f"{_typed()} --sign-only"] if can_only_sign else []))
        raise Trouble(what, exit_code=NO_PERMISSION, code="no-permission", next_=ways)
    if problems := check_folder(folder):
        raise Trouble(PolicyProblems(problems).summary(), code="policy", next_=("gatedog policy check",))
    return folder


def finish(surroundings: Surroundings, place: Path | None, bundle: Bundle | None, digest: str, *, as_json: bool) -> int:
    """Write the files, if that is committed now, and wait until the daemon has taken them over."""
    rules = rules_of(surroundings)
    newest = rules["revisions"][-1]
    if place is None or bundle is None or newest["digest"] != digest or bundle.digest != digest:
        return 0  # it waits for further signatures, or for somebody who may write
    try:
        write_bundle(bundle, place, like=place / POLICY_FILE)
    except OSError as error:
        what = f"revision {newest['revision']} is committed and not yet in place: {error.filename}: {error.strerror}"
        next_ = (f"sudo gatedog policy commit {newest['proposal']}",)
        raise Trouble(what, code="not-in-place", next_=next_) from None
    said = _taken_over(surroundings, newest["revision"])
    if not as_json:
        output.say(f"{said}\n")
    return 0


def _taken_over(surroundings: Surroundings, revision: int) -> str:
    until = time.monotonic() + TAKEN_OVER_WITHIN_S
    while True:
        rules = asking.call(surroundings, "Rules", look=True)["rules"]
        newest = rules["revisions"][-1]
        if rules["in_force"] == revision:
            return f"revision {revision} is in force"
        if newest["placed"] and time.monotonic() > until - TAKEN_OVER_WITHIN_S + PLACED_FOR_S:
            return f"revision {revision} is in place; it takes effect with: sudo systemctl restart gatedog"
        if time.monotonic() > until:
            return f"revision {revision} is written; gatedog takes it over with its next look, within a minute"
        time.sleep(POLL_S)


def is_in_force(surroundings: Surroundings) -> bool:
    """Whether the newest revision is in force, or soon will be without a restart of gatedog."""
    until = time.monotonic() + 2 * PLACED_FOR_S
    while time.monotonic() < until:
        rules = asking.call(surroundings, "Rules", look=True)["rules"]
        if rules["in_force"] == rules["committed"]:
            return True
        time.sleep(POLL_S)
    return False


def lies_as_committed(surroundings: Surroundings, folder: Path) -> bool:
    """Whether the bundle in its place is the committed one, as far as can be told, or there is none.

    Asked before a command changes the bundle: then whatever differs afterwards is that command's doing, and whoever
    typed it has seen it.
    """
    there = (*folder.glob("*"), *folder.glob("*/*"))
    if not any(belongs(str(each.relative_to(folder))) for each in there):
        return True
    try:
        rules = rules_of(surroundings)
        return bool((str(folder), read_bundle(folder).digest) == (rules["folder"], rules["revisions"][-1]["digest"]))
    except (Trouble, PolicyProblems):
        return False


def commit_what_lies_there(surroundings: Surroundings, folder: Path, reason: str, *, is_seen: bool) -> str:
    """Commit a bundle that this command has just changed, if whoever runs it may; return what is left to do.

    `is_seen`: there is nothing in it but what they have seen. If not, somebody else's edit lies there as well, and the
    whole of it is only proposed. Empty: it is committed, or was as it is. Raises Trouble when the daemon cannot be
    asked, or refuses the bundle.
    """
    rules = rules_of(surroundings)
    bundle = read_bundle(folder)
    if str(folder) != rules["folder"] or bundle.digest == rules["revisions"][-1]["digest"]:
        return ""
    enclosed: Any = {"kind": "BundleOffered", "files": _offered(bundle, _committed(rules))}
    asked: dict[str, Any] = {"gateway": "", "reason": reason}
    offered = asking.call(surroundings, "Request", verb="policy-propose", enclosed=enclosed, **asked)
    known = [each for each in rules_of(surroundings)["proposals"] if each["digest"] == bundle.digest]
    if offered["outcome"] != "granted" or not known:
        raise Trouble(offered["message"], rule=offered["rule"], next_=("gatedog policy check",))
    name, reviewed = known[-1]["proposal"], {"kind": "BundleReviewed"}
    reviewed |= {"digest": known[-1]["digest"], "effect": known[-1]["effect"]}
    if not is_seen:
        return f"gatedog policy review {name}"
    if asking.call(surroundings, "WhoAmI")["who"]["origin"] == "human":  # a script that tried would be a page
        asking.call(surroundings, "Request", verb="policy-commit", subject=name, enclosed=reviewed, **asked)
    if rules_of(surroundings)["revisions"][-1]["digest"] != bundle.digest:
        return f"gatedog policy commit {name}"
    return ""


def _offered(bundle: Bundle, committed: Bundle) -> list[list[str]]:
    """Return what is to be offered of a bundle: the files that differ, with no text for one that is gone.

    Raises Trouble for one that is no text: a list of revoked keys may be binary, and cannot be offered then.
    """
    names = {name for name, _ in (*bundle.files, *committed.files) if bundle.read(name) != committed.read(name)}
    try:
        return [[name, (bundle.read(name) or b"").decode()] for name in sorted(names)]
    except UnicodeDecodeError:
        what = "a file of the bundle that was changed is no text, and so nobody can propose it"
        raise Trouble(what, code="no-text", next_=("gatedog policy diff",)) from None


def _committed(rules: Mapping[str, Any]) -> Bundle:
    newest = rules["revisions"][-1]
    copy = BundleStore(Path(rules["store"])).revision(newest["revision"], newest["digest"])
    return bundle_of(()) if copy is None else copy
