"""The rest of `gatedog doctor`: gateways, their one owner, the bundle, people, and the machine.

Theory of operation and invariant: as checkup.py. What only root may look at is None in the findings where nobody else
was let in, and such a check says so: it is not known, which is never fine.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from watchdog.core.timeline import DAY, SECOND, duration_text
from watchdog.core.values import dataclass
from watchdog.report.checkup import Check, Verdict

Object = Mapping[str, Any]

DRILL_AGE_USEC = 90 * DAY
STOP_MARGIN_USEC = 10 * SECOND
"""systemd must wait longer than gatedog for a gateway's end, else it kills what was still ending in good order."""
DISK_FREE_BYTES = 512 * 1024 * 1024
DISK_FREE_PERCENT = 5

_AS_ROOT = "only root may look"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFinding:
    """What systemd says of a gateway's unit. `stop_timeout_usec` None: it waits for ever."""

    gateway: str
    unit: str
    restart: str
    manual_start_refused: bool
    stop_timeout_usec: int | None
    policy_stop_timeout_usec: int
    drop_in: bool
    """Whether gatedog's own drop-in is in force."""
    open_trees: tuple[str, ...] = ()
    """Where its program lies, as far as no rule of the gate asks a person before an agent writes there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFindings:
    """What was gathered beside the daemon's replies. None: nobody was allowed to look."""

    bundle: str
    bundle_problems: tuple[str, ...] | None
    signers: tuple[str, ...] | None
    signer_faults: tuple[str, ...]
    has_codes: bool | None
    credential_faults: tuple[str, ...] | None
    credentials: int
    units: tuple[UnitFinding, ...]
    is_system: bool
    """Whether it is the host's gatedog, and not one that somebody runs for themselves."""
    exposed: tuple[str, ...]
    """Own files and folders that somebody besides root could change, a sentence each."""
    state_folder: str
    free_bytes: int | None
    total_bytes: int
    versions: str


def examine_host(found: HostFindings, status: Object | None, now_wall_usec: int) -> tuple[Check, ...]:
    """Make the checks, in the order: gateways, rules, people, machine."""
    return (
        *_gateways(status),
        *(check for unit in found.units for check in _unit(unit)),
        _rules(found, status),
        _credentials(found),
        _people(found),
        _drills(status, now_wall_usec),
        _own_files(found),
        _disk(found),
        Check(id="versions", verdict=Verdict.OK, evidence=found.versions),
    )


# -- gateways ------------------------------------------------------------------------------------------------------


def _gateways(status: Object | None) -> Iterator[Check]:
    if status is None:
        yield Check(id="owner", verdict=Verdict.FAIL, evidence="not known: nobody answers", fix="gatedog status")
        return
    for gateway in status["gateways"]:
        name, rivals = str(gateway["name"]), [str(each) for each in gateway["rivals"]]
        fix = "gatedog runbook show ownership.rival-found"
        if rivals:
            evidence = f"{name}: also started or ended by {'; '.join(rivals)}"
            yield Check(id="owner", verdict=Verdict.FAIL, evidence=evidence, fix=fix)
        else:
            yield Check(id="owner", verdict=Verdict.OK, evidence=f"{name}: gatedog alone")
        yield _enforcing(name, str(gateway["enforcement"]))


def _enforcing(name: str, word: str) -> Check:
    if word == "enforcing":
        return Check(id="enforcing", verdict=Verdict.OK, evidence=f"{name}: the origin rules bind")
    fix = "gatedog runbook show policy.enforcement-lost"
    evidence = f"{name}: {word}: its agent could get round the rules, and would only be noticed"
    return Check(id="enforcing", verdict=Verdict.WARN, evidence=evidence, fix=fix)


def _unit(unit: UnitFinding) -> Iterator[Check]:
    again = f"sudo gatedog setup systemd --unit {unit.unit} --name {unit.gateway} --apply"
    wrong = []
    if unit.restart not in ("no", ""):
        wrong.append(f"Restart={unit.restart}")
    if not unit.manual_start_refused:
        wrong.append("anybody may start it")
    if not unit.drop_in:
        wrong.append("gatedog's drop-in is not in force")
    evidence = f"{unit.unit}: {', '.join(wrong) or 'systemd restarts nothing, and starts it for gatedog alone'}"
    verdict = Verdict.FAIL if wrong else Verdict.OK
    yield Check(id="second-manager", verdict=verdict, evidence=evidence, fix=again if wrong else "")
    least = unit.policy_stop_timeout_usec + STOP_MARGIN_USEC
    if unit.stop_timeout_usec is not None and unit.stop_timeout_usec < least:
        waits = duration_text(unit.stop_timeout_usec)
        evidence = f"{unit.unit}: systemd waits {waits} for its end, and gatedog wants at least {duration_text(least)}"
        yield Check(id="stop-timeout", verdict=Verdict.WARN, evidence=evidence, fix=again)
    else:
        evidence = f"{unit.unit}: systemd waits longer than gatedog"
        yield Check(id="stop-timeout", verdict=Verdict.OK, evidence=evidence)
    if unit.open_trees:
        rule = f'[[gateway.{unit.gateway}.gate]] with name = "program" and paths = {json.dumps(unit.open_trees)}'
        evidence = f"{unit.unit}: nobody is asked before its agent writes over its program; the policy needs {rule}"
        yield Check(
            id="gate", verdict=Verdict.WARN, evidence=evidence, fix='gatedog policy propose FILE --reason "why"'
        )


# -- rules and people ----------------------------------------------------------------------------------------------


def _rules(found: HostFindings, status: Object | None) -> Check:
    for incident in [] if status is None else status["incidents"]:
        rule = str(incident["rule"])
        if rule.startswith("policy.") and rule != "policy.enforcement-lost":
            fix = str(incident["next_command"]) or f"gatedog incident show {incident['id']}"
            return Check(id="policy", verdict=Verdict.FAIL, evidence=str(incident["title"]), fix=fix)
    if found.bundle_problems is None:
        return Check(
            id="policy", verdict=Verdict.WARN, evidence=f"{found.bundle}: {_AS_ROOT}", fix="sudo gatedog doctor"
        )
    if found.bundle_problems:
        evidence = "; ".join(found.bundle_problems)
        return Check(id="policy", verdict=Verdict.FAIL, evidence=evidence, fix=f"gatedog policy check {found.bundle}")
    evidence = f"{found.bundle} is read without a problem, and only its owners can write it"
    return Check(id="policy", verdict=Verdict.OK, evidence=evidence)


def _credentials(found: HostFindings) -> Check:
    if found.credential_faults is None:
        return Check(id="credentials", verdict=Verdict.WARN, evidence=_AS_ROOT, fix="sudo gatedog doctor")
    if found.credential_faults:
        evidence = "; ".join(found.credential_faults)
        return Check(id="credentials", verdict=Verdict.FAIL, evidence=evidence, fix=f"ls -l {found.bundle}/credentials")
    evidence = f"{found.credentials} secret(s) can be read by gatedog alone" if found.credentials else "none is needed"
    return Check(id="credentials", verdict=Verdict.OK, evidence=evidence)


def _people(found: HostFindings) -> Check:
    if found.signers is None or found.has_codes is None:
        return Check(id="signatures", verdict=Verdict.WARN, evidence=_AS_ROOT, fix="sudo gatedog doctor")
    if found.signer_faults:
        evidence = f"allowed_signers: {'; '.join(found.signer_faults)}"
        return Check(
            id="signatures", verdict=Verdict.FAIL, evidence=evidence, fix=f"sudoedit {found.bundle}/allowed_signers"
        )
    codes = "release codes are made" if found.has_codes else "no release codes"
    if not found.signers:
        evidence = (
            f"nobody is listed as a signer, and {codes}: who has no terminal of this host gets through by nothing"
        )
        if found.has_codes:
            evidence = f"nobody is listed as a signer; {codes}"
        fix = f"list each person in {found.bundle}/allowed_signers; sudo gatedog setup codes --apply"
        return Check(id="signatures", verdict=Verdict.WARN, evidence=evidence, fix=fix)
    return Check(id="signatures", verdict=Verdict.OK, evidence=f"{', '.join(found.signers)} may sign; {codes}")


def _drills(status: Object | None, now_wall_usec: int) -> Check:
    if status is None:
        return Check(id="drill", verdict=Verdict.FAIL, evidence="not known: nobody answers", fix="gatedog status")
    last = status.get("drilled_wall_usec")
    if last is None or now_wall_usec - last > DRILL_AGE_USEC:
        evidence = f"none has passed in the last {duration_text(DRILL_AGE_USEC)}"
        return Check(id="drill", verdict=Verdict.WARN, evidence=evidence, fix="gatedog drill kill-loop")
    ago = duration_text(max(now_wall_usec - last, 0))
    return Check(id="drill", verdict=Verdict.OK, evidence=f"the last that passed was held {ago} ago")


# -- the machine ---------------------------------------------------------------------------------------------------


def _own_files(found: HostFindings) -> Check:
    if found.exposed:
        evidence = "; ".join(found.exposed[:3])
        fix = "install gatedog where only root writes: docs/install.md"
        verdict = Verdict.FAIL if found.is_system else Verdict.WARN
        return Check(id="own-files", verdict=verdict, evidence=evidence, fix=fix)
    evidence = "program and libraries can be written by their owner alone"
    return Check(id="own-files", verdict=Verdict.OK, evidence=evidence)


def _disk(found: HostFindings) -> Check:
    if found.free_bytes is None:
        return Check(
            id="disk", verdict=Verdict.WARN, evidence=f"{found.state_folder}: {_AS_ROOT}", fix="sudo gatedog doctor"
        )
    percent = 100 * found.free_bytes // max(found.total_bytes, 1)
    evidence = f"{found.free_bytes // (1024 * 1024)} MiB ({percent} %) are free at {found.state_folder}"
    if found.free_bytes < DISK_FREE_BYTES or percent < DISK_FREE_PERCENT:
        return Check(id="disk", verdict=Verdict.FAIL, evidence=evidence, fix=f"df -h {found.state_folder}")
    return Check(id="disk", verdict=Verdict.OK, evidence=evidence)
