"""What stands against owning a unit, and what a human should know before.

Invariant: pure; everything wrong is said at once, and each with the command or the edit that mends it. Deliberately
nothing here is guessed in favour of an install: what cannot be known is an objection.
"""

import shlex
from collections.abc import Iterator

from watchdog.approval.signers import SIGNERS_FILE
from watchdog.core.values import dataclass
from watchdog.policyfile.relations import NAME
from watchdog.setup import papercodes
from watchdog.setup.facts import Facts, UnitFacts
from watchdog.setup.texts import waits_for_ever

SYSTEMD_MIN = 252
OWN_ACCOUNT = "gatedog"
MAKE_ONE = "gatedog setup systemd --name NAME --user USER --command COMMAND"

REFUSED_BY_UNIT = {
    "UpheldBy": "starts it again whenever it is down (Upholds=)",
    "BoundBy": "pulls it in and ends with it (BindsTo=)",
    "RequiredBy": "pulls it in and fails without it (Requires=)",
    "TriggeredBy": "starts it by itself",
    "OnFailureOf": "starts it when it fails (OnFailure=)",
    "OnSuccessOf": "starts it when it is done (OnSuccess=)",
}
TOLD_OF_UNIT = {
    "BindsTo": "when that stops, systemd stops the gateway as well (BindsTo=): a foreign stop",
    "PartOf": "a stop or restart of that stops the gateway as well (PartOf=): a foreign stop",
    "StopPropagatedFrom": "a stop of that stops the gateway as well (PropagatesStopTo=): a foreign stop",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """One reason against. With `yields`, --advisory overrules it: the rules are applied, and could be got round."""

    what: str
    how: str
    yields: bool = False

    def __str__(self) -> str:
        """Say it as one line."""
        return f"{self.what}. {self.how}"


def objections(facts: Facts) -> tuple[Objection, ...]:
    """Return every reason against; without one the plan may be made."""
    found = [*_host(facts), *_wish(facts)]
    if facts.unit is not None:
        found += _unit(facts, facts.unit)
    else:
        found += _new_unit(facts)
    if facts.unit is None or facts.unit.text("LoadState") == "loaded":
        found += _agent(facts)
    return tuple(each for each in found if not (each.yields and facts.wish.advisory))


def _host(facts: Facts) -> Iterator[Objection]:
    host = facts.host
    if not host.systemd_runs or not host.systemd:
        yield Objection(
            what="systemd does not run this machine, so there is no unit to own",
            how="Supervise the gateway as a child: gatedog run -- COMMAND",
        )
        return
    if host.systemd < SYSTEMD_MIN:
        what = f"systemd {host.systemd} is older than {SYSTEMD_MIN}, and lacks what an owned unit needs"
        yield Objection(what=what, how="Upgrade to Debian 12 or newer, or: gatedog run -- COMMAND")
    if not host.bus:
        what = "There is no system bus (D-Bus), by which gatedog asks systemd"
        yield Objection(what=what, how="Run: apt-get install dbus && systemctl start dbus")
    if not host.polkit:
        what = "polkit is not there: gatedog would have no right on the unit, and anybody with sudo all of them"
        yield Objection(what=what, how="Run: apt-get install polkitd")
    if host.exposed:
        shown = "; ".join(host.exposed[:3])
        yield Objection(
            what=f"gatedog's own program could be replaced by somebody other than root: {shown}",
            how="Install it into a root-owned place and run setup from there, as docs/install.md has it: the Debian "
            "package, or in a checkout: sudo pipx install --global '.[systemd,web]'",
        )


def _wish(facts: Facts) -> Iterator[Objection]:
    wish = facts.wish
    if not NAME.fullmatch(wish.name):
        what = f'"{wish.name[:40]}" cannot be the name of a gateway'
        yield Objection(
            what=what, how="Name it with --name: 1 to 31 of a-z, 0-9 and -, beginning with a letter or digit"
        )
    if facts.policy is None:
        return
    for gateway in facts.policy.gateways:
        if gateway.name == wish.name and gateway.unit != facts.unit_name:
            owns = f"the unit {gateway.unit}" if gateway.unit else "a command"
            what = f"policy.toml has a gateway {wish.name} already, and it owns {owns}"
            yield Objection(what=what, how="Choose another name with --name, or change that section first")
        elif gateway.name != wish.name and gateway.unit == facts.unit_name:
            what = f"policy.toml gives {gateway.unit} to the gateway {gateway.name} already"
            yield Objection(what=what, how=f"Use that name: --name {gateway.name}")


def _unit(facts: Facts, unit: UnitFacts) -> Iterator[Objection]:
    name = unit.name
    match unit.text("LoadState"):
        case "loaded":
            yield from _loaded(unit)
        case "masked":
            yield Objection(what=f"{name} is masked, so nobody can start it", how=f"Run: systemctl unmask {name}")
        case "not-found":
            yield from _missing(facts, name)
        case "":
            yield Objection(what=f"systemctl does not answer about {name}", how="Look: systemctl status")
        case state:
            why = unit.text("LoadError") or state
            yield Objection(what=f"systemd cannot load {name} ({why})", how=f"Look: systemctl status {name}")


def _missing(facts: Facts, name: str) -> Iterator[Objection]:
    if not facts.user_units:
        how = f"Look: systemctl list-units --type=service --all. To make a unit: {MAKE_ONE}"
        yield Objection(what=f"There is no unit {name}", how=how)
    for found in facts.user_units:
        command = shlex.quote(shlex.join(found.argv)) if found.argv else "COMMAND"
        user = found.user or "USER"
        yield Objection(
            what=f"{name} is a unit of {user}'s own service manager ({found.path}): who runs it restarts it, the agent "
            "included, and gatedog cannot own it there",
            how=f"Move it: as {user}, systemctl --user disable --now {name}; then: sudo gatedog setup systemd "
            f"--name {facts.wish.name} --user {user} --command {command}. Or stay advisory, as {user}: gatedog run -- "
            f"{shlex.join(found.argv) or 'COMMAND'}",
        )


def _loaded(unit: UnitFacts) -> Iterator[Objection]:
    name = unit.name
    if unit.text("Type") == "oneshot":
        what = f"{name} is a oneshot unit: it has done its work when it ends, so there is no life to watch"
        yield Objection(what=what, how="Own the long-running service instead")
    if not unit.text("FragmentPath") or unit.text("FragmentPath").startswith("/run/systemd/transient"):
        what = f"{name} is transient: it has no unit file, and is gone when it stops"
        yield Objection(what=what, how=f"Make a unit: {MAKE_ONE}")
    for key, does in REFUSED_BY_UNIT.items():
        for other in unit.names(key):
            if any(link.parent.name.rpartition(".")[0] == other for link in unit.links):
                continue
            how = f"Edit {other} (After= alone orders it), or run: systemctl disable --now {other}"
            yield Objection(what=f"{other} {does}, so {name} would have two owners", how=how)


def _new_unit(facts: Facts) -> Iterator[Objection]:
    wish = facts.wish
    if not wish.command:
        yield Objection(what="There is no command to make a unit of", how="Write --command 'PROGRAM ARGUMENT...'")
        return
    program = wish.command[0]
    if not program.startswith("/") or "$" in program:
        what = f'"{program[:80]}" is not an absolute path; a unit has no PATH of yours'
        yield Objection(what=what, how=f"Write where it is; look: command -v {shlex.quote(program)}")
    elif f"{program} is not there" in facts.exposed:
        yield Objection(what=f"There is no program {program}", how="Write where it is")
    if any(not word.isprintable() for word in wish.command):
        yield Objection(what="The command holds letters that cannot be printed", how="Put it into a script")
    if not wish.user:
        yield Objection(what="A unit of its own needs an account of its own", how="Name it: --user USER")
    elif facts.agent is None:
        how = f"Make it: useradd --system --create-home --shell /usr/sbin/nologin {shlex.quote(wish.user)}"
        yield Objection(what=f'There is no account "{wish.user[:40]}"', how=how)
    if facts.taken:
        what = f"{facts.taken} is there already, and not of gatedog's making"
        yield Objection(what=what, how=f"Own that unit: --unit {facts.unit_name}; or choose another --name")


def _agent(facts: Facts) -> Iterator[Objection]:
    """Say what makes the gateway's rights too large for the rules to bind."""
    account = "root" if facts.agent is None else facts.agent.name
    if facts.agent is not None and (facts.agent.uid == 0 or account == OWN_ACCOUNT):
        yield Objection(
            what=f"The gateway runs as {account}, so the agent could undo all of this",
            how="Give it an account of its own (User= in the unit), or accept that with --advisory",
            yields=True,
        )
    missing = {
        f"{word} is not there" for word in (facts.wish.command[:1] or (facts.unit.program if facts.unit else "",))
    }
    exposed = [fault for fault in facts.exposed if fault not in missing]
    if exposed:
        shown = "; ".join(exposed[:3])
        yield Objection(
            what=f"The gateway's unit or program can be rewritten by others than root: {shown}",
            how="Run: chown root: and chmod go-w on it, or accept that with --advisory",
            yields=True,
        )


def notes(facts: Facts) -> tuple[str, ...]:
    """Return what a human should know, in the order of the plan."""
    return (*_notes(facts), *_bundle_notes(facts))


def _notes(facts: Facts) -> Iterator[str]:
    unit = facts.unit
    if unit is None:
        yield f"{facts.unit_name} is new; gatedog starts it as soon as it runs"
        return
    if facts.wish.unit != unit.name:
        yield f"{facts.wish.unit} is another name of {unit.name}; that one is owned"
    if unit.text("ActiveState") in ("active", "activating", "reloading"):
        yield "the gateway runs on through this; audit mark and hardening bind from its next start on"
    if unit.text("Restart") not in ("no", ""):
        yield f"its own Restart={unit.text('Restart')} is overruled: gatedog alone restarts it"
    if unit.text("Type") in ("forking", "notify", "notify-reload", "dbus"):
        yield f"Type={unit.text('Type')}: systemd says which process is the main one, and when it is ready"
    if waits_for_ever(facts):
        yield f"Type=exec becomes Type=simple: systemd {facts.host.systemd} hangs on it together with an audit mark"
    if unit.text("UnitFileState") == "static" or not unit.links:
        yield "it is not enabled by a link of its own, so there is none to take over; gatedog starts it at boot"
    if facts.agent is None and unit.text("DynamicUser") == "yes":
        yield "DynamicUser=yes: its account has no fixed name, so polkit is told of none"
    for other in unit.names("WantedBy"):
        if not any(link.parent.name == f"{other}.wants" for link in unit.links):
            yield f"{other} pulls it in by a line that setup does not own (Wants=): that start will fail and be told"
    for key, does in TOLD_OF_UNIT.items():
        yield from (f"{other}: {does}" for other in unit.names(key))


def _bundle_notes(facts: Facts) -> Iterator[str]:
    there = {path.name for path in facts.bundle_files}
    if "pager.toml" not in there:
        yield "there is no /etc/gatedog/pager.toml: pages go nowhere but gatedog's own log; try: gatedog page test"
    if SIGNERS_FILE not in there:
        yield papercodes.SIGNERS_NOTE
