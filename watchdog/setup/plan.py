"""From facts to a plan: what is put where, in which order.

Invariant: pure. The gateway's unit is never started, stopped or restarted by a plan; the drop-in binds the running
unit as soon as systemd has read it.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path

from watchdog.policyfile.bundle import POLICY_FILE
from watchdog.policyfile.defaults import SYSTEM_BUNDLE
from watchdog.setup import papercodes, quoting, texts
from watchdog.setup.change import Change, Drop, Plan, Put, PutFile, PutFolder, PutLink, PutMode, Run
from watchdog.setup.facts import Facts
from watchdog.setup.look import HARDENING, OWNERSHIP, UNITS, WRAPPER
from watchdog.setup.objections import notes
from watchdog.setup.policysection import open_trees, section, with_section
from watchdog.setup.shipped import filled, shipped

LIBRARY = Path("/usr/lib/gatedog")
RULES = Path("/etc/polkit-1/rules.d")
PLAIN_UNITS = (
    *("gatedog-start@.target", "gatedog-stop@.target", "gatedog-observe@.service"),
    *("gatedog-retry.service", "gatedog-retry.timer", "gatedog-inspect.timer", "gatedog-lastword@.timer"),
)
FILLED_UNITS = ("gatedog.service", "gatedog-inspect.service", "gatedog-lastword@.service", "gatedog-web.service")
LASTWORD = "gatedog-lastword@gatedog.timer"
TIMERS = ("gatedog-retry.timer", "gatedog-inspect.timer", LASTWORD)
RELOAD = ("systemctl", "daemon-reload")
RESTART = ("systemctl", "restart", "gatedog.service")
SYSUSERS = ("systemd-sysusers", "/etc/sysusers.d/gatedog.conf")
ACCOUNT_FILE = Path(SYSUSERS[1])
PARENTS = (
    *(Path("/etc/tmpfiles.d"), Path("/etc/pam.d"), WRAPPER.parent, RULES.parent, RULES),
    *(UNITS / "multi-user.target.wants", UNITS / "timers.target.wants"),
)
"""What is there on most hosts, and stays as it is then."""


def make_plan(facts: Facts) -> Plan:
    """Make the whole plan."""
    host = (*_account(), *_shared_folders(), *_shared_files(facts), *_shared_links())
    own = tuple(_own(facts))
    account = Run(argv=SYSUSERS)
    first, rest = host[: len(_account())], host[len(_account()) :]
    folders = tuple(each for each in (*rest, *own) if isinstance(each, PutFolder))
    files = tuple(each for each in (*rest, *own) if not isinstance(each, PutFolder))
    changes: tuple[Change, ...] = (*first, account, *folders, *files, *_commands(facts))
    return Plan(gateway=facts.wish.name, unit=facts.unit_name, host=host, own=own, changes=changes, notes=notes(facts))


def _account() -> tuple[Put, ...]:
    folder = PutFolder(path=ACCOUNT_FILE.parent, keep=True)
    return (folder, PutFile(path=ACCOUNT_FILE, body=shipped("sysusers.d/gatedog.conf").encode()))


def _shared_folders() -> Iterator[Put]:
    yield from (PutFolder(path=folder, keep=True) for folder in (LIBRARY, *PARENTS))
    yield PutFolder(path=SYSTEM_BUNDLE, mode=0o750, group="gatedog")
    # Secrets are root's: systemd hands them to the units that need them.
    yield PutFolder(path=SYSTEM_BUNDLE / "credentials", mode=0o700)


def _shared_files(facts: Facts) -> Iterator[Put]:
    program = {"GATEDOG": quoting.command((str(facts.host.program),))}
    yield PutFile(path=Path("/etc/tmpfiles.d/gatedog.conf"), body=shipped("tmpfiles.d/gatedog.conf").encode())
    yield PutFile(path=Path("/etc/pam.d/gatedog-gateway"), body=shipped("pam.d/gatedog-gateway").encode())
    yield PutFile(path=LIBRARY / "break-glass", body=shipped("break-glass").encode(), mode=0o755)
    yield PutFile(path=LIBRARY / "owned.txt", body=shipped("owned.txt").encode())
    if facts.host.wrapper_free:
        yield PutFile(
            path=WRAPPER,
            body=filled("bin/gatedog", {"GATEDOG": shlex.quote(str(facts.host.program))}).encode(),
            mode=0o755,
        )
    for name in PLAIN_UNITS:
        yield PutFile(path=UNITS / name, body=shipped(name).encode())
    for name in FILLED_UNITS:
        yield PutFile(path=UNITS / name, body=filled(name, program).encode())
    if facts.fresh_codes:
        yield papercodes.put(facts.fresh_codes)
    for path in facts.bundle_files:
        yield PutMode(path=path, mode=0o640, owner="root", group="gatedog")


def _shared_links() -> Iterator[Put]:
    yield PutLink(path=UNITS / "multi-user.target.wants/gatedog.service", target=str(UNITS / "gatedog.service"))
    for timer in TIMERS:
        template = timer.replace("@gatedog.", "@.")
        yield PutLink(path=UNITS / "timers.target.wants" / timer, target=str(UNITS / template))


def _own(facts: Facts) -> Iterator[Put]:
    folder = UNITS / f"{facts.unit_name}.d"
    yield PutFolder(path=folder, keep=True)
    observations = [(texts.observe_unit(facts.wish.name, each), each) for each in facts.observations]
    for unit, _ in observations:
        yield PutFolder(path=UNITS / f"{unit}.d", keep=True)
    if facts.unit is None:
        yield PutFile(path=UNITS / facts.unit_name, body=texts.command_unit(facts).encode())
    yield PutFile(path=folder / OWNERSHIP, body=texts.ownership(facts).encode())
    yield PutFile(path=folder / HARDENING, body=texts.hardening(facts).encode())
    for unit, each in observations:
        yield PutFile(path=UNITS / f"{unit}.d" / OWNERSHIP, body=texts.observe_drop_in(facts, each).encode())
    kept = {UNITS / f"{unit}.d" for unit, _ in observations}
    yield from (Drop(path=gone / OWNERSHIP) for gone in facts.earlier_observations if gone not in kept)
    yield PutFile(path=RULES / f"00-gatedog-{facts.wish.name}.rules", body=texts.polkit_rule(facts).encode())
    policy = facts.policy_text
    if facts.ruled is None:
        home = facts.agent.home if facts.agent is not None else ""
        trees = open_trees(facts.unit, facts.wish, home)
        policy = with_section(policy, section(facts.wish, facts.unit_name, trees))
    yield PutFile(path=SYSTEM_BUNDLE / POLICY_FILE, body=policy, mode=0o640, group="gatedog")
    if facts.unit is not None:
        yield from (Drop(path=link) for link in facts.unit.links)


def _commands(facts: Facts) -> Iterator[Change]:
    yield Run(argv=("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/gatedog.conf"))
    yield Run(argv=RELOAD, settle=RELOAD)
    if not facts.wish.start:
        return
    if facts.host.runs:
        # A reload would not take up another gateway. No gateway ends with gatedog.
        yield Run(argv=RESTART, settle=RESTART)
    else:
        yield Run(argv=("systemctl", "start", "gatedog.service"), undo=("systemctl", "stop", "gatedog.service"))
    yield Run(argv=("systemctl", "start", *TIMERS), undo=("systemctl", "stop", *TIMERS))
