"""`gatedog setup systemd`, `setup remove` and `setup codes`: print exactly what would change; with --apply, do it.

Invariant: without --apply nothing is changed. With it, everything on the list is, or nothing. No gateway is started,
stopped or restarted by any of them. Release codes are printed after everything else succeeded, and kept nowhere.
"""

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace

import click

from watchdog.approval.codes import make
from watchdog.cli import output
from watchdog.cli.committing import commit_what_lies_there, is_in_force, lies_as_committed
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import NO_PERMISSION, TRY_LATER, Trouble
from watchdog.cli.typos import with_guess
from watchdog.policyfile.defaults import SYSTEM_BUNDLE
from watchdog.policyfile.load import parse_policy
from watchdog.policyfile.problems import PolicyProblems
from watchdog.report.escape import visible
from watchdog.setup import manifest as manifests
from watchdog.setup import papercodes
from watchdog.setup.apply import NotApplied, carry_out
from watchdog.setup.change import Change, Plan, PutFile
from watchdog.setup.diff import described, needed
from watchdog.setup.facts import Facts, Wish
from watchdog.setup.host import Host
from watchdog.setup.look import gather, profiles_on
from watchdog.setup.manifest import SHARED, ManifestUnusable
from watchdog.setup.objections import objections
from watchdog.setup.plan import RESTART, make_plan
from watchdog.setup.removal import POLICY, make_removal

_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]{1,247}")
NAME_MAX = 31


@click.group()
def setup() -> None:
    """Own a unit of systemd, or give it back. Prints what would change; --apply does it."""


@setup.command()
@click.option("--unit", metavar="UNIT", help="The service that gatedog is to own.")
@click.option("--command", metavar="COMMAND", help="Instead: make a unit that runs this. No shell takes part.")
@click.option("--name", metavar="NAME", help="The gateway's name. Default: the unit's.")
@click.option("--user", metavar="USER", help="Only with --command: the account to run it under.")
@click.option("--profile", metavar="PROFILE", default="", help="A known kind of gateway, for its policy.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Where it listens, if its profile asks there.")
@click.option("--no-hardening", metavar="REASON", help="Leave the agent the rights of its account.")
@click.option("--advisory", is_flag=True, help="Accept that the agent could get round the rules.")
@click.option("--no-start", is_flag=True, help="Install, and do not start gatedog.")
@click.option("--apply", "is_applied", is_flag=True, help="Do it. Without this nothing is changed.")
@click.pass_obj
def systemd(surroundings: Surroundings, /, *, is_applied: bool, **words: object) -> int:
    """Let gatedog own a unit: its starts, its stops, its restarts."""
    host = Host(uid=os.geteuid())
    wish = _wish(words)
    try:
        facts = gather(wish, host)
    except PolicyProblems as refused:
        raise Trouble(str(refused), code="policy", next_=("gatedog policy check /etc/gatedog",)) from None
    except PermissionError as error:
        raise _needs_root(f"{error.filename} cannot be read") from None
    _refuse(facts)
    fresh = None if papercodes.PLACE in facts.bundle_files else make()
    plan = make_plan(facts if fresh is None else replace(facts, fresh_codes=fresh.file_text.encode()))
    _check_policy(plan, host)
    changes = needed(plan.changes, host)
    _show(plan, changes, host)
    if not is_applied or not changes:
        return _dry(changes, is_applied=is_applied)
    is_seen = lies_as_committed(surroundings, SYSTEM_BUNDLE)
    _apply(changes, host, plan)
    if fresh is not None:
        output.say(f"\n{papercodes.page(fresh, plan.gateway)}")
    _commit(surroundings, host, f"setup of {plan.gateway}", is_seen=is_seen)
    output.say(f"\ndone. {plan.unit} is owned as gateway {plan.gateway}. Next: gatedog status\n")
    return 0


@setup.command()
@click.argument("name", required=False)
@click.option("--apply", "is_applied", is_flag=True, help="Do it. Without this nothing is changed.")
@click.pass_obj
def remove(surroundings: Surroundings, name: str | None, *, is_applied: bool) -> int:
    """Give a unit back, and put every file back as it was. NAME may be left out when there is one gateway."""
    host = Host(uid=os.geteuid())
    if host.uid != 0:
        raise _needs_root("what was there before is kept where only root can read it")
    known = manifests.gateways(host)
    chosen = to_be_removed(name, known)
    try:
        own, shared = manifests.load(chosen, host), manifests.load(SHARED, host)
    except ManifestUnusable as error:
        place = manifests.place_of(chosen, host)
        raise Trouble(str(error), code="manifest", next_=(f"ls -l {place}", "gatedog version")) from None
    plan = make_removal(own, shared, host, last=known == (chosen,))
    changes = needed(plan.changes, host) or plan.changes
    _show(plan, changes, host)
    if not is_applied:
        return _dry(changes, is_applied=False)
    is_seen = lies_as_committed(surroundings, SYSTEM_BUNDLE)
    _apply(changes, host, None)
    manifests.place_of(chosen, host).unlink(missing_ok=True)
    if known == (chosen,):
        manifests.place_of(SHARED, host).unlink(missing_ok=True)
        with manifests.only_one_setup(host):
            pass  # its folder goes when nothing is left in it
    else:
        _commit(surroundings, host, f"removal of {chosen}", is_seen=is_seen)
    output.say(f"\ndone. {plan.unit} is systemd's again.\n")
    return 0


@setup.command()
@click.option("--apply", "is_applied", is_flag=True, help="Do it. Without this nothing is changed.")
def codes(*, is_applied: bool) -> int:
    """Make ten new release codes, shown once; those of before are void."""
    host = Host(uid=os.geteuid())
    need_bundle(host)
    fresh = make()
    change = papercodes.put(fresh.file_text.encode())
    plan = _codes_plan(change, host)
    _show(plan, plan.changes, host)
    if not is_applied:
        return _dry(plan.changes, is_applied=False)
    _apply(plan.changes, host, plan if plan.gateway else None)
    output.say(f"\n{papercodes.page(fresh, plan.gateway or 'NAME')}")
    return 0


def to_be_removed(name: str | None, known: Sequence[str]) -> str:
    """Return the gateway that is meant: the one that was named, or the only one. Raises Trouble."""
    if not known:
        what = "no gateway was set up here, so there is nothing to give back"
        raise Trouble(what, code="unknown-gateway", next_=("gatedog setup systemd --help",))
    chosen = name or (known[0] if len(known) == 1 else "")
    if chosen not in known:
        what = f"no gateway {visible(chosen)} was set up here" if chosen else "several gateways were set up: say which"
        ways = tuple(f"gatedog setup remove {each}" for each in known)
        raise Trouble(with_guess(what, chosen, known), code="unknown-gateway", next_=ways)
    return chosen


def need_bundle(host: Host) -> None:
    """Raise Trouble where nothing was set up."""
    if host.look(SYSTEM_BUNDLE).kind != "folder":
        what = f"there is no {SYSTEM_BUNDLE}: gatedog owns nothing on this host"
        raise Trouble(what, code="not-set-up", next_=("gatedog setup systemd --help",))


def _codes_plan(change: PutFile, host: Host) -> Plan:
    """Put the file there as a part of what setup shares, so that it goes with the last gateway."""
    try:
        known = manifests.gateways(host)
    except PermissionError:
        known = ()
    name = known[0] if known else ""
    return Plan(gateway=name, unit="", host=(change,), own=(), changes=(change,))


def _wish(words: dict[str, object]) -> Wish:
    """Read the options, or raise a usage error."""
    unit, command = str(words["unit"] or ""), str(words["command"] or "")
    if bool(unit) == bool(command):
        raise click.UsageError("Say which: --unit UNIT, or --command COMMAND with --name and --user.")
    if command and not words["name"]:
        raise click.UsageError("--command needs a --name for the gateway and its unit.")
    if words["user"] and unit:
        raise click.UsageError("--user belongs to --command; a unit's account is its own User=.")
    if words["no_hardening"] is not None and not str(words["no_hardening"]).strip():
        raise click.UsageError("--no-hardening needs the REASON, for whoever reads the drop-in later.")
    unit = _unit_name(unit) if unit else ""
    return Wish(
        name=str(words["name"] or _name_for(unit)),
        unit=unit,
        command=_split("--command", command),
        user=str(words["user"] or ""),
        profile=str(words["profile"]),
        port=int(str(words["port"] or 0)),
        no_hardening=str(words["no_hardening"] or ""),
        advisory=bool(words["advisory"]),
        start=not words["no_start"],
    )


def _unit_name(given: str) -> str:
    unit = given if re.search(r"\.(service|timer|socket|target|path|mount|scope|slice)$", given) else f"{given}.service"
    if not unit.endswith(".service") or not _UNIT.fullmatch(unit):
        raise click.UsageError(f"{given!r} is not the name of a service; write it as `systemctl list-units` prints it.")
    if unit.endswith("@.service"):
        raise click.UsageError(f"{unit} is a template; name one instance of it: {unit.replace('@.', '@INSTANCE.')}")
    if unit.startswith("gatedog"):
        raise click.UsageError(f"{unit} is gatedog's own; it cannot own itself.")
    return unit


def _name_for(unit: str) -> str:
    """Make a gateway's name of a unit's, letter by letter; a name that results in nothing is asked for."""
    return re.sub(r"[^a-z0-9]+", "-", unit.removesuffix(".service").lower()).strip("-")[:NAME_MAX]


def _split(option: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from None


def _refuse(facts: Facts) -> None:
    found = objections(facts)
    if not found:
        return
    lines = "\n".join(f"  {each}" for each in found)
    message = f"{facts.unit_name} cannot be owned; nothing was changed\n{lines}"
    raise Trouble(message, code="setup", next_=("gatedog setup systemd --help",))


def _check_policy(plan: Plan, host: Host) -> None:
    """Read the policy that would result, before it is anywhere."""
    for change in plan.own:
        if isinstance(change, PutFile) and change.path == POLICY:
            try:
                parse_policy(change.body, str(POLICY), profiles=profiles_on(host))
            except PolicyProblems as refused:
                why = f"the policy would not be valid, so nothing was changed\n{refused}"
                raise Trouble(why, code="policy", next_=("gatedog policy check /etc/gatedog",)) from None


def _show(plan: Plan, changes: Sequence[Change], host: Host) -> None:
    lines = [*described(changes, host), *(f"note: {visible(note)}" for note in plan.notes)]
    output.say("\n".join(lines) + "\n" if lines else "")


def _dry(changes: Sequence[Change], *, is_applied: bool) -> int:
    if not changes:
        output.say("nothing to change.\n")
    elif not is_applied:
        output.say("\nnothing was changed. To do it, add --apply.\n")
    return 0


def _apply(changes: Sequence[Change], host: Host, plan: Plan | None) -> None:
    """Carry changes out. `plan` is remembered first; a removal has nothing to remember."""
    if host.uid != 0:
        raise _needs_root("only root can change this")
    try:
        with manifests.only_one_setup(host), manifests.remembered(plan, host):
            carry_out(changes, host)
    except BlockingIOError:
        why = "another gatedog setup is at work; nothing was changed"
        raise Trouble(why, exit_code=TRY_LATER, code="busy", next_=("pgrep -af 'gatedog setup'",)) from None
    except (NotApplied, ManifestUnusable) as error:
        raise Trouble(str(error), code="not-applied", next_=("journalctl -u gatedog -n 30",)) from None
    except OSError as error:
        why = f"{error.filename}: {error.strerror}; nothing was changed"
        raise Trouble(why, code="not-applied", next_=(f"ls -ld {error.filename}",)) from None


def _commit(surroundings: Surroundings, host: Host, reason: str, *, is_seen: bool) -> None:
    """Commit the rules that were changed, where a gatedog runs by others and whoever types this may; else say how."""
    try:
        left = commit_what_lies_there(surroundings, SYSTEM_BUNDLE, reason, is_seen=is_seen)
        if not left and not is_in_force(surroundings):
            host.run(RESTART)  # another gateway takes one; it ends none
    except Trouble as error:
        if error.code != "unreachable":
            output.say(f"\nnote: the changed rules are not in force: {visible(error.message)}\n")
        return
    if left and not is_seen:
        output.say("\nnote: the rules in /etc/gatedog held more than was committed, so they are only proposed\n")
    if left:
        output.say(f"\nnote: the changed rules are not in force; they wait for a human: {left}\n")


def _needs_root(why: str) -> Trouble:
    words = click.get_current_context().command_path
    return Trouble(
        f"{why}; nothing was changed", exit_code=NO_PERMISSION, code="not-root", next_=(f"sudo {words} ...",)
    )
