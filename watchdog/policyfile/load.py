"""policy.toml and the pager.toml beside it -> core.policy.Policy, or all their problems at once.

Invariant: the policy that comes out is complete and possible (relations.py), or nothing comes out. Every default is
taken from core/policy.py; there is no second list of defaults to drift from it. A gateway's table lies over its profile
(profiles.py): what it does not say is read from there. Deliberately not here: probes (probesection.py).
"""

import hashlib
import json
import os
import re
import signal
from dataclasses import replace
from pathlib import Path

from watchdog.core.identity import GatewayName
from watchdog.core.policy import (
    BackoffPolicy,
    BudgetPolicy,
    CommandPolicy,
    EscalationPolicy,
    GatewayPolicy,
    Policy,
    ReadyPolicy,
    SpiralPolicy,
    StopPolicy,
)
from watchdog.core.runbookpolicy import MachineRunbook
from watchdog.core.values import dataclass
from watchdog.core.verbtable import ROWS, Signing
from watchdog.policyfile.bundle import PAGER_FILE, POLICY_FILE, PROFILES, RUNBOOKS, Bundle, read_bundle
from watchdog.policyfile.gatesection import read_gate
from watchdog.policyfile.observe import read_observe
from watchdog.policyfile.pagersettings import NO_FILE, PagerSettings, parse_pager
from watchdog.policyfile.probesection import read_health, read_probes, with_port
from watchdog.policyfile.problems import Findings, PolicyProblems, Problem
from watchdog.policyfile.profiles import Profiles
from watchdog.policyfile.relations import Impossible, find_impossible, find_rivals
from watchdog.policyfile.runbooksection import read_runbooks
from watchdog.policyfile.section import Section, open_document

LOG_BYTES_MIN = 64 * 1024
LOG_BYTES_MAX = 1024 * 1024 * 1024
COUNT_MAX = 1_000
SIGNERS_MAX = 8
"""People who may be asked to sign one change: more are not offered a challenge each."""
_SIGNABLE = tuple(sorted(row.verb.value for row in ROWS if row.signing is Signing.IF_LISTED))
"""Verbs that a policy may want signed."""

_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]{1,247}\.service")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMMAND_ONLY = ("user", "directory", "environment", "log_max")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPolicy:
    """A bundle as read, and what it says; `source` names policy.toml."""

    policy: Policy
    pager: PagerSettings
    bundle: Bundle
    source: str

    @property
    def digest(self) -> str:
        """Of the bundle's names and bytes."""
        return self.bundle.digest


def load_policy(path: Path, *, euid: int | None = None) -> LoadedPolicy:
    """Read the bundle whose policy.toml (or folder) is `path`; raise PolicyProblems with all there is to mend."""
    file = path / POLICY_FILE if os.path.isdir(path) else path  # noqa: PTH112 - Path.is_dir() raises where it may not look
    bundle = read_bundle(file.parent, policy_file=file.name, euid=euid)
    return parse_bundle(bundle, file.parent, policy_file=file.name)


def parse_bundle(bundle: Bundle, folder: Path, *, policy_file: str = POLICY_FILE) -> LoadedPolicy:
    """Read what a bundle says; raise PolicyProblems. `folder` is only how messages call its place."""
    problems: tuple[Problem, ...] = ()
    pager, policy = NO_FILE, None
    runbooks: tuple[MachineRunbook, ...] = ()
    file = str(folder / policy_file)
    profiles = Profiles(folder / PROFILES, own=dict(bundle.below(PROFILES)))
    try:
        if (raw_pager := bundle.read(PAGER_FILE)) is not None:
            pager = parse_pager(raw_pager, str(folder / PAGER_FILE))
    except PolicyProblems as refused:
        problems = refused.problems
    try:
        policy = parse_policy(bundle.read(POLICY_FILE) or b"", file, pager.escalation, profiles)
    except PolicyProblems as refused:
        problems = refused.problems + problems
    try:
        runbooks = read_runbooks(bundle.below(RUNBOOKS), folder / RUNBOOKS)
    except PolicyProblems as refused:
        problems += refused.problems
    if problems or policy is None:
        raise PolicyProblems(problems)
    policy = replace(policy, runbooks=runbooks)
    return LoadedPolicy(policy=policy, pager=pager, bundle=bundle, source=file)


def digest_of(*files: bytes) -> str:
    """Return one SHA-256 for several files; lengths go in, so no byte can move from one file to the next unseen."""
    digest = hashlib.sha256()
    for raw in files:
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()


def parse_policy(
    raw: bytes, file: str, escalation: EscalationPolicy | None = None, profiles: Profiles | None = None
) -> Policy:
    """Read policy.toml's bytes; raise PolicyProblems. `file` is only how messages call it."""
    profiles = profiles or Profiles()
    root, findings = open_document(raw, file)
    policy = read_policy(root, findings, escalation or EscalationPolicy(), profiles)
    if problems := (*findings.sorted(), *profiles.problems()):
        raise PolicyProblems(problems)
    return policy


def read_policy(
    root: Section, findings: Findings, escalation: EscalationPolicy, profiles: Profiles | None = None
) -> Policy:
    """Read an opened document; what is wrong is in `findings`, and in `profiles`, afterwards."""
    known = profiles or Profiles()
    gateways = tuple(_gateway(section.over(known.open(section))) for section in root.sections("gateway"))
    if not gateways and not findings.found:
        what = "The policy names no gateway, so there is nothing to watch"
        root.problem("gateway", what, "Add a table [gateway.NAME] with `unit` or `command`")
    for rival, impossible in find_rivals(gateways):
        _report(root.section("gateway").section(rival.name), impossible)
    if "escalation" in root or "channel" in root:
        key = "escalation" if "escalation" in root else "channel"
        root.value(key)
        root.problem(key, f"{key} does not belong into this file", f"Move it to {PAGER_FILE}, beside this file")
    min_signers = root.integer("min_signers", 1, low=1, high=SIGNERS_MAX)
    root.close()
    return Policy(gateways=gateways, escalation=escalation, min_signers=min_signers)


def _lock(section: Section) -> str:
    path = section.text("lock")
    if path and not path.startswith("/"):
        section.problem("lock", f"{section.named('lock')} is not an absolute path", "Write the path from / on")
    return path


def _signature_for(section: Section) -> tuple[str, ...]:
    verbs = section.texts("signature_for")
    for verb in verbs:
        if verb not in _SIGNABLE:
            what = f'{section.named("signature_for")}: "{verb[:40]}" is nothing that can be made to need a signature'
            section.problem("signature_for", what, f"Choose among: {', '.join(_SIGNABLE)}")
    return tuple(sorted(frozenset(verbs)))


def _gateway(section: Section) -> GatewayPolicy:
    unit = _unit(section)
    port = section.integer("port", 0, low=0, high=65_535)
    observe = read_observe(section.section("observe"))
    gateway = GatewayPolicy(
        name=GatewayName(str(section.path[-1])),
        unit=unit,
        command=_command(section),
        profile=section.text("profile"),
        port=port,
        lock=_lock(section),
        trusted_units=section.texts("trusted_units"),
        signature_for=_signature_for(section),
        signature_touched=section.flag("signature_touched", default=False),
        ready=_ready(section.section("ready"), port),
        stop=_stop(section.section("stop")),
        budget=_budget(section.section("budget")),
        backoff=_backoff(section.section("backoff")),
        spiral=_spiral(section.section("spiral")),
        health=read_health(section.section("health")),
        probes=read_probes(section, unit=unit, port=port, observe=observe),
        observe=observe,
        gate=read_gate(section),
    )
    if gateway.observe and not gateway.unit:
        what = f"{section.named('observe')} needs a unit: a child gateway has no account of its own to look with"
        section.problem("observe", what, "Remove the table, or own the gateway as a unit")
    section.close()
    for impossible in find_impossible(gateway):
        _report(section, impossible)
    return gateway


def _report(section: Section, impossible: Impossible) -> None:
    """Add a broken relation, unless one of its values is known to be wrong already: it would only repeat that."""
    if any(section.is_wrong(*keys) for keys in impossible.keys):
        return
    inner, *last = impossible.keys[0] or ("",)
    target = section.section(inner) if last else section
    target.problem(last[0] if last else inner, impossible.what, impossible.how)


def _unit(section: Section) -> str:
    unit = section.text("unit")
    if unit and not _UNIT.fullmatch(unit):
        section.problem("unit", f'{section.named("unit")}: "{unit[:80]}" is not the name of a service', _UNIT_HOW)
        return ""
    return unit


_UNIT_HOW = 'Write unit = "NAME.service", as `systemctl list-units` prints it'


def _command(section: Section) -> CommandPolicy | None:
    value = section.value("command")
    if isinstance(value, str):
        words = ", ".join(f'"{word}"' for word in value.split())
        what = f"{section.named('command')} is a text; no shell takes it apart here"
        section.problem("command", what, f"Write command = [{words}]")
        argv: tuple[str, ...] = ()
    else:
        argv = section.texts("command")
    if value == [] or argv[:1] == ("",):
        section.problem("command", f"{section.named('command')} names no program", 'Write command = ["/path/to/it"]')
    default = CommandPolicy(argv=argv)
    command = CommandPolicy(
        argv=argv,
        directory=section.text("directory"),
        user=section.text("user"),
        environment=_environment(section),
        log_bytes_max=section.size("log_max", default.log_bytes_max, low=LOG_BYTES_MIN, high=LOG_BYTES_MAX),
    )
    if command.directory and not command.directory.startswith("/"):
        section.problem("directory", f"{section.named('directory')} is not absolute", 'Begin it with "/"')
    if "command" in section:
        return command
    for key in _COMMAND_ONLY:
        if section.says(key) and "unit" in section:
            section.problem(key, f"{section.named(key)} belongs to a command, not to a unit", "Set it in the unit file")
    return None


def _environment(section: Section) -> tuple[tuple[str, str], ...]:
    environment = section.mapping("environment")
    for name, _ in environment:
        if not _VARIABLE.fullmatch(name):
            what = f'{section.named("environment")}: "{name[:40]}" cannot be the name of a variable'
            section.problem("environment", what, "Use letters, digits and _, not beginning with a digit")
    return environment


def profile_environment(name: str, profiles: Profiles) -> tuple[tuple[str, str], ...]:
    """Return the variables that a profile sets, by name: what a unit of that kind needs in its unit file.

    Raises:
        PolicyProblems: there is no such profile, or it cannot be read.
    """
    asking, findings = open_document(f"profile = {json.dumps(name)}".encode(), POLICY_FILE)
    profile = profiles.open(asking)
    environment = () if profile is None else _environment(profile)
    if problems := (*findings.sorted(), *profiles.problems()):
        raise PolicyProblems(problems)
    return environment


def _ready(section: Section, port: int) -> ReadyPolicy:
    default = ReadyPolicy()
    ready = ReadyPolicy(
        kind=section.choice("kind", default.kind),
        target=with_port(section, "target", port),
        delay_usec=section.duration("delay", default.delay_usec, zero=True),
        timeout_usec=section.duration("timeout", default.timeout_usec),
        owned=section.flag("owned", default=default.owned),
    )
    section.close()
    return ready


def _stop(section: Section) -> StopPolicy:
    default = StopPolicy()
    name = section.text("signal", default.signal)
    if name not in signal.Signals.__members__:
        what = f'{section.named("signal")}: "{name[:40]}" is not a signal'
        section.problem("signal", what, 'Write it like "SIGTERM" (`kill -l` lists them)')
    stop = StopPolicy(signal=name, timeout_usec=section.duration("timeout", default.timeout_usec))
    section.close()
    return stop


def _budget(section: Section) -> BudgetPolicy:
    default = BudgetPolicy()
    budget = BudgetPolicy(
        windows=section.windows("windows", default.windows),
        self_restart=section.windows("self_restart", default.self_restart),
        trusted=section.windows("trusted", default.trusted),
        on_exhausted=section.choice("on_exhausted", default.on_exhausted),
        slow_retry_usec=section.duration("slow_retry", default.slow_retry_usec),
    )
    section.close()
    return budget


def _backoff(section: Section) -> BackoffPolicy:
    default = BackoffPolicy()
    backoff = BackoffPolicy(
        first_usec=section.duration("first", default.first_usec),
        max_usec=section.duration("max", default.max_usec),
        stable_after_usec=section.duration("stable_after", default.stable_after_usec),
    )
    section.close()
    return backoff


def _spiral(section: Section) -> SpiralPolicy:
    default = SpiralPolicy()
    spiral = SpiralPolicy(
        gap_max_usec=section.duration("gap_max", default.gap_max_usec),
        page_at=section.integer("page_at", default.page_at, low=2, high=COUNT_MAX),
        identical_page_at=section.integer("identical_page_at", default.identical_page_at, low=0, high=COUNT_MAX),
        identical_within_usec=section.duration("identical_within", default.identical_within_usec),
        hold_below_usec=section.duration("hold_below", default.hold_below_usec, zero=True),
    )
    section.close()
    return spiral
