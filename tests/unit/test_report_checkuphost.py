"""`gatedog doctor` on gateways, rules, people and the machine: each check fails when it should, and says what to do."""

from dataclasses import replace
from typing import Any

import pytest

from watchdog.core.timeline import DAY, SECOND
from watchdog.report.checkup import Check, Verdict
from watchdog.report.checkuphost import HostFindings, UnitFinding, examine_host

NOW = 1_774_494_251_000_000
UNIT = UnitFinding(
    gateway="main",
    unit="main.service",
    restart="no",
    manual_start_refused=True,
    stop_timeout_usec=40 * SECOND,
    policy_stop_timeout_usec=30 * SECOND,
    drop_in=True,
)
HOST = HostFindings(
    bundle="/etc/gatedog",
    bundle_problems=(),
    signers=("alice@ops",),
    signer_faults=(),
    has_codes=True,
    credential_faults=(),
    credentials=2,
    units=(UNIT,),
    is_system=True,
    exposed=(),
    state_folder="/var/lib/gatedog",
    free_bytes=50 << 30,
    total_bytes=100 << 30,
    versions="gatedog 0.1.0",
)


def status(*, rivals: tuple[str, ...] = (), enforcement: str = "enforcing", **changes: Any) -> dict[str, Any]:
    """Build the part of a Status reply that is looked at."""
    gateway = {"name": "main", "rivals": list(rivals), "enforcement": enforcement}
    return {"gateways": [gateway], "incidents": [], "drilled_wall_usec": NOW - DAY, **changes}


def incident(rule: str) -> dict[str, Any]:
    """Build an open incident."""
    return {"id": "INC-3", "rule": rule, "title": "the rules changed", "next_command": "gatedog policy diff"}


CASES: tuple[tuple[str, Verdict, HostFindings, dict[str, Any] | None], ...] = (
    ("owner", Verdict.FAIL, HOST, status(rivals=("cron: /etc/cron.d/x",))),
    ("owner", Verdict.FAIL, HOST, None),
    ("enforcing", Verdict.WARN, HOST, status(enforcement="advisory (it runs as root)")),
    ("second-manager", Verdict.FAIL, replace(HOST, units=(replace(UNIT, restart="always"),)), status()),
    ("second-manager", Verdict.FAIL, replace(HOST, units=(replace(UNIT, manual_start_refused=False),)), status()),
    ("second-manager", Verdict.FAIL, replace(HOST, units=(replace(UNIT, drop_in=False),)), status()),
    ("stop-timeout", Verdict.WARN, replace(HOST, units=(replace(UNIT, stop_timeout_usec=39 * SECOND),)), status()),
    ("gate", Verdict.WARN, replace(HOST, units=(replace(UNIT, open_trees=("/srv/claw",)),)), status()),
    ("policy", Verdict.FAIL, HOST, status(incidents=[incident("policy.not-committed")])),
    ("policy", Verdict.FAIL, replace(HOST, bundle_problems=("policy.toml:3: unknown key",)), status()),
    ("policy", Verdict.WARN, replace(HOST, bundle_problems=None), status()),
    ("credentials", Verdict.FAIL, replace(HOST, credential_faults=("token is open to others",)), status()),
    ("credentials", Verdict.WARN, replace(HOST, credential_faults=None), status()),
    ("signatures", Verdict.WARN, replace(HOST, signers=()), status()),
    ("signatures", Verdict.WARN, replace(HOST, signers=None), status()),
    ("signatures", Verdict.FAIL, replace(HOST, signer_faults=("line 1 is left out",)), status()),
    ("drill", Verdict.WARN, HOST, status(drilled_wall_usec=None)),
    ("drill", Verdict.WARN, HOST, status(drilled_wall_usec=NOW - 91 * DAY)),
    ("drill", Verdict.FAIL, HOST, None),
    ("own-files", Verdict.FAIL, replace(HOST, exposed=("/opt is writable by all",)), status()),
    ("own-files", Verdict.WARN, replace(HOST, exposed=("/opt is writable by all",), is_system=False), status()),
    ("disk", Verdict.FAIL, replace(HOST, free_bytes=100 << 20), status()),
    ("disk", Verdict.FAIL, replace(HOST, free_bytes=4 << 30), status()),
    ("disk", Verdict.WARN, replace(HOST, free_bytes=None), status()),
)


def check(found: HostFindings, said: dict[str, Any] | None, identity: str) -> Check:
    """Return the first check of an id."""
    return next(each for each in examine_host(found, said, NOW) if each.id == identity)


@pytest.mark.parametrize(("identity", "verdict", "found", "said"), CASES)
def test_what_is_wrong_is_found_and_mended_by_a_command(
    identity: str, verdict: Verdict, found: HostFindings, said: dict[str, Any] | None
) -> None:
    """Each by its id, with what was seen and what to do."""
    made = check(found, said, identity)

    assert made.verdict is verdict
    assert made.evidence
    assert made.fix


def test_a_host_in_order_has_nothing_to_mend() -> None:
    """Every check says what it saw, and none a command."""
    made = examine_host(HOST, status(), NOW)

    assert {each.verdict for each in made} == {Verdict.OK}
    assert not any(each.fix for each in made)
    assert all(each.evidence for each in made)


def test_a_unit_that_may_end_for_ever_is_waited_for_long_enough() -> None:
    """`TimeoutStopSec=infinity` is longer than anything."""
    made = check(replace(HOST, units=(replace(UNIT, stop_timeout_usec=None),)), status(), "stop-timeout")

    assert made.verdict is Verdict.OK


def test_lost_enforcement_is_no_fault_of_the_rules() -> None:
    """Its incident is named like one of the policy's, and has a check of its own."""
    assert check(HOST, status(incidents=[incident("policy.enforcement-lost")]), "policy").verdict is Verdict.OK
