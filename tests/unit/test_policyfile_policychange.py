"""What a change of the rules amounts to: every field has a direction, and what cannot be told loosens."""

import dataclasses
import typing
from dataclasses import replace
from enum import Enum
from typing import Any

import pytest

from watchdog.core.action import ActionRule
from watchdog.core.effect import Effect
from watchdog.core.healthpolicy import Assertion, AssertionKind, HealthPolicy, OnDegraded, ProbeKind, ProbePolicy
from watchdog.core.policy import (
    BackoffPolicy,
    BudgetPolicy,
    CommandPolicy,
    EscalationPolicy,
    GatewayPolicy,
    OnExhausted,
    Policy,
    QuietHours,
    ReadyPolicy,
    SpiralPolicy,
    Window,
    ZoneOffset,
)
from watchdog.core.runbookpolicy import Condition, MachineRunbook, RunbookStep, Sign
from watchdog.core.timeline import HOUR, MINUTE
from watchdog.policyfile.policychange import (
    RULES,
    SAYS_NOTHING,
    TAKEN_APART,
    Direction,
    compare,
    compare_fields,
    is_same,
)
from watchdog.policyfile.policywords import SHOWN_MAX

GATEWAY = GatewayPolicy(name="main", command=CommandPolicy(argv=("agent",)))
PROBE = ProbePolicy(name="health", kind=ProbeKind.TCP, target="127.0.0.1:1")
WHOLE = (Window, Assertion, ZoneOffset, RunbookStep, Condition, Sign)
"""Values that are compared as one: a field that holds them says what their change means."""


def policy(**rules: Any) -> Policy:
    """Return rules for one gateway."""
    return Policy(gateways=(replace(GATEWAY, **rules),))


def directions(before: Policy, after: Policy) -> list[Direction]:
    """Return the direction of each difference."""
    return [change.direction for change in compare(before, after)]


def shapes_of(shape: Any, found: set[type]) -> set[type]:
    """Return all dataclasses that a type is made of."""
    for each in (shape, *typing.get_args(shape)):
        if dataclasses.is_dataclass(each) and each not in found:
            found.add(typing.cast("type", each))
            for hint in typing.get_type_hints(each).values():
                shapes_of(hint, found)
        elif typing.get_args(each) and each is not shape:
            shapes_of(each, found)
    return found


def test_every_field_of_a_policy_has_a_direction() -> None:
    """A new field without a rule loosens, whatever it means; this fails until somebody has said what it means."""
    missing = [
        f"{shape.__name__}.{field.name}"
        for shape in sorted(shapes_of(Policy, set()) - set(WHOLE), key=lambda each: each.__name__)
        for field in dataclasses.fields(shape)
        if field.name not in {**RULES.get(shape, {})}
        and field.name not in TAKEN_APART.get(shape, ())
        and field.name not in SAYS_NOTHING.get(shape, ())
    ]

    assert missing == []


def test_no_rule_is_about_a_field_that_there_is_not() -> None:
    """A field that was renamed would lose its rule, and nobody would notice."""
    told = {
        (shape, name)
        for table in (RULES, TAKEN_APART, SAYS_NOTHING)
        for shape, names in table.items()
        for name in names
    }

    assert [
        f"{shape.__name__}.{name}"
        for shape, name in told
        if name not in {field.name for field in dataclasses.fields(shape)}
    ] == []


def test_a_field_without_a_rule_loosens() -> None:
    """Deny by default: of a shape that nobody has thought of, every change does."""

    @dataclasses.dataclass(frozen=True)
    class Unheard:
        patience: int

    (change,) = compare_fields(("x",), Unheard(patience=1), Unheard(patience=2))

    assert (change.direction, change.what) == (Direction.LOOSENS, "x.patience: 1 -> 2")


def test_equal_policies_say_the_same() -> None:
    """Nothing is made up."""
    assert compare(policy(), policy()) == ()
    assert is_same(policy(), policy())


def test_a_newer_table_of_a_zones_clock_changes_says_nothing() -> None:
    """It is looked up at each start, and is nobody's rule."""
    quiet = QuietHours(zone="UTC", begins_usec=1, ends_usec=2, offsets=())
    later = replace(quiet, offsets=(ZoneOffset(since_wall_usec=1, offset_usec=2),))
    before, after = (replace(policy(), escalation=EscalationPolicy(quiet_hours=each)) for each in (quiet, later))

    assert is_same(before, after)
    assert not is_same(before, replace(after, escalation=EscalationPolicy(quiet_hours=replace(later, zone="CET"))))


@pytest.mark.parametrize(
    ("looser", "tighter"),
    [
        ({"budget": BudgetPolicy(slow_retry_usec=MINUTE)}, {"budget": BudgetPolicy(slow_retry_usec=HOUR)}),
        ({"budget": BudgetPolicy(on_exhausted=OnExhausted.SLOW)}, {"budget": BudgetPolicy()}),
        ({"backoff": BackoffPolicy(max_usec=MINUTE)}, {"backoff": BackoffPolicy(max_usec=HOUR)}),
        ({"spiral": SpiralPolicy(page_at=9)}, {"spiral": SpiralPolicy(page_at=3)}),
        ({"spiral": SpiralPolicy(identical_page_at=0)}, {"spiral": SpiralPolicy(identical_page_at=9)}),
        ({"spiral": SpiralPolicy(hold_below_usec=0)}, {"spiral": SpiralPolicy()}),
        ({"health": HealthPolicy(on_degraded=OnDegraded.RESTART)}, {"health": HealthPolicy()}),
        ({"health": HealthPolicy(failing_usec=HOUR)}, {"health": HealthPolicy(failing_usec=MINUTE)}),
        ({"trusted_units": ("a.service",)}, {"trusted_units": ()}),
        ({"signature_for": ()}, {"signature_for": ("release",)}),
        ({"signature_touched": False}, {"signature_touched": True}),
        ({"ready": ReadyPolicy(timeout_usec=2 * HOUR)}, {"ready": ReadyPolicy(timeout_usec=HOUR)}),
        ({"probes": (replace(PROBE, failures=9),)}, {"probes": (replace(PROBE, failures=2),)}),
        ({"probes": (replace(PROBE, verify=False),)}, {"probes": (PROBE,)}),
        ({"probes": ()}, {"probes": (replace(PROBE, liveness_only=True),)}),
        (
            {"probes": (PROBE,)},
            {"probes": (replace(PROBE, assertions=(Assertion(kind=AssertionKind.MATCHES, expected="ok"),)),)},
        ),
    ],
)
def test_one_way_loosens_and_the_other_tightens(looser: dict[str, Any], tighter: dict[str, Any]) -> None:
    """Each rule, both ways."""
    assert directions(policy(**tighter), policy(**looser)) == [Direction.LOOSENS]
    assert directions(policy(**looser), policy(**tighter)) == [Direction.TIGHTENS]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"command": CommandPolicy(argv=("agent",))}, {"command": CommandPolicy(argv=("other",))}),
        ({"probes": (PROBE,)}, {"probes": (replace(PROBE, target="127.0.0.1:2"),)}),
        ({"probes": ()}, {"probes": (replace(PROBE, kind=ProbeKind.EXEC, argv=("x",), liveness_only=True),)}),
        ({"probes": ()}, {"probes": (PROBE,)}),
        ({"probes": ()}, {"probes": (replace(PROBE, kind=ProbeKind.HEARTBEAT, target="/srv/beat"),)}),
        ({"probes": ()}, {"probes": (replace(PROBE, liveness_only=True, fakeable=False),)}),
        ({"health": HealthPolicy()}, {"health": HealthPolicy(work_lines=("*",))}),
        ({"health": HealthPolicy()}, {"health": HealthPolicy(start_grace_usec=1)}),
        ({"observe": ()}, {"observe": (("queue", ("x",)),)}),
        ({"unit": "a.service", "command": None}, {"unit": "b.service", "command": None}),
    ],
)
def test_what_does_something_else_loosens(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Another program, another eye: nobody can say that it is harmless.

    The success of a probe may silence a finding, and the failure of one that cannot be faked may restart a gateway.
    """
    assert set(directions(policy(**before), policy(**after))) == {Direction.LOOSENS}


def test_a_gateway_that_comes_or_goes_loosens() -> None:
    """The one is started by gatedog from now on, and the other is watched by nobody."""
    other = replace(GATEWAY, name="other")
    both = Policy(gateways=(GATEWAY, other))

    assert directions(policy(), both) == [Direction.LOOSENS]
    assert directions(both, policy()) == [Direction.LOOSENS]


@pytest.mark.parametrize(
    ("before", "after", "loosens"),
    [
        (((5, MINUTE),), ((50, MINUTE),), True),
        (((50, MINUTE),), ((5, MINUTE),), False),
        (((5, MINUTE), (8, HOUR)), ((5, MINUTE),), True),
        (((5, MINUTE),), ((5, MINUTE), (8, HOUR)), False),
        (((5, MINUTE),), ((5, HOUR),), False),
        (((5, HOUR),), ((5, MINUTE),), True),
        (((5, HOUR),), ((4, MINUTE), (6, HOUR)), True),
    ],
)
def test_a_budget_loosens_unless_every_limit_is_kept(before: Any, after: Any, loosens: bool) -> None:
    """Windows are compared as limits and not as lists."""
    was, now = (
        policy(budget=BudgetPolicy(windows=tuple(Window(starts=starts, per_usec=per) for starts, per in rows)))
        for rows in (before, after)
    )

    assert directions(was, now) == [Direction.LOOSENS if loosens else Direction.TIGHTENS]


@pytest.mark.parametrize(
    ("tiers", "loosens"),
    [
        ((("phone",), ("call",)), None),
        ((("phone", "call"),), False),
        ((("phone", "mail"), ("call",)), False),
        ((("call",), ("phone",)), True),
        ((("phone",),), True),
        ((("phone",), ("mail",), ("call",)), True),
        ((("mail",), ("call",)), True),
    ],
)
def test_people_who_are_told_later_or_not_at_all_loosen(tiers: Any, loosens: bool | None) -> None:
    """Somebody else besides them does not."""
    before = replace(policy(), escalation=EscalationPolicy(tiers=(("phone",), ("call",))))
    after = replace(policy(), escalation=EscalationPolicy(tiers=tiers))
    expected = [] if loosens is None else [Direction.LOOSENS if loosens else Direction.TIGHTENS]

    assert directions(before, after) == expected


def test_rules_of_the_gate_that_warn_tighten_and_that_vouch_loosen() -> None:
    """What asks a human more often tightens, and so does the end of what vouched."""
    vouches = ActionRule(name="a", effect=Effect.OBSERVE, programs=("ls",))
    warns = ActionRule(name="b", effect=Effect.DESTABILISING, programs=("reboot",))
    lifts = replace(warns, name="c", lenient=True)

    for rule, coming in ((vouches, Direction.LOOSENS), (warns, Direction.TIGHTENS), (lifts, Direction.LOOSENS)):
        assert directions(policy(gate=()), policy(gate=(rule,))) == [coming]
    assert directions(policy(gate=(vouches,)), policy(gate=())) == [Direction.TIGHTENS]
    assert directions(policy(gate=(warns,)), policy(gate=())) == [Direction.LOOSENS]
    assert directions(policy(gate=(warns,)), policy(gate=(replace(warns, refuse=True),))) == [Direction.TIGHTENS]


def test_a_runbook_that_comes_loosens() -> None:
    """It lets gatedog do what it did not do before; and so does one that may run more often."""
    step = RunbookStep(argv=("gatedog", "status"))
    runbook = MachineRunbook(name="look", title="Look", on=("spiral.chain",), steps=(step,))
    before, after = policy(), replace(policy(), runbooks=(runbook,))

    assert directions(before, after) == [Direction.LOOSENS]
    assert directions(after, replace(policy(), runbooks=(replace(runbook, at_most=9),))) == [Direction.LOOSENS]
    assert directions(after, replace(policy(), runbooks=(replace(runbook, title="See"),))) == [Direction.OTHER]


def test_rows_in_another_order_are_told() -> None:
    """Where the first that fits counts, the order is a rule."""
    rules = tuple(ActionRule(name=name, effect=Effect.OBSERVE, programs=(name,)) for name in ("ls", "cat"))

    assert directions(policy(gate=rules), policy(gate=rules[::-1])) == [Direction.LOOSENS]


def test_fewer_signers_loosen() -> None:
    """The rule about rules is one of them."""
    assert directions(replace(policy(), min_signers=2), policy()) == [Direction.LOOSENS]
    assert directions(policy(), replace(policy(), min_signers=2)) == [Direction.TIGHTENS]


def test_quiet_hours_that_come_loosen_and_that_go_tighten() -> None:
    """Warnings wait while people sleep."""
    quiet = QuietHours(zone="UTC", begins_usec=22 * HOUR, ends_usec=7 * HOUR, offsets=())
    sleeping = replace(policy(), escalation=EscalationPolicy(quiet_hours=quiet))

    assert directions(policy(), sleeping) == [Direction.LOOSENS]
    assert directions(sleeping, policy()) == [Direction.TIGHTENS]


def test_the_sentence_says_what_was_and_what_would_be() -> None:
    """As the file calls it, and in units that people use; what loosens comes first."""
    before = policy(
        budget=BudgetPolicy(windows=(Window(starts=5, per_usec=10 * MINUTE), Window(starts=8, per_usec=HOUR)))
    )
    after = policy(
        budget=BudgetPolicy(windows=(Window(starts=50, per_usec=10 * MINUTE), Window(starts=60, per_usec=HOUR))),
        backoff=BackoffPolicy(first_usec=MINUTE),
    )

    assert [(each.direction, each.what) for each in compare(before, after)] == [
        (Direction.LOOSENS, "main.budget.windows: 5 per 10m, 8 per 1h -> 50 per 10m, 60 per 1h"),
        (Direction.TIGHTENS, "main.backoff.first: 1s -> 1m"),
    ]


def test_values_of_a_stranger_are_short_and_on_one_line() -> None:
    """A proposal is an agent's text: no escape sequence, no second line, no page of it."""
    text = "\x1b[2J\n next: gatedog policy commit PROP-1 \u202e" + "x" * 500
    (change,) = compare(policy(), policy(lock=text))

    assert change.what.isprintable()
    assert len(change.what) < 2 * SHOWN_MAX


def test_every_kind_of_value_can_be_said() -> None:
    """Changing any field of any shape gives a sentence and raises nothing."""
    said = []
    for shape, instance in _instances():
        for field in dataclasses.fields(shape):
            value = getattr(instance, field.name)
            changed = _other(value)
            if changed is not None and field.name not in SAYS_NOTHING.get(shape, ()):
                found = compare_fields(("x",), instance, replace(instance, **{field.name: changed}))
                said += [each.what for each in found]
                assert found, f"{shape.__name__}.{field.name}"

    assert len(said) > 60


def _instances() -> list[tuple[type, Any]]:
    quiet = QuietHours(zone="UTC", begins_usec=1, ends_usec=2, offsets=())
    made = [policy(), GATEWAY, GATEWAY.command, PROBE, quiet, ReadyPolicy(), BudgetPolicy(), BackoffPolicy()]
    return [(type(each), each) for each in (*made, SpiralPolicy(), HealthPolicy(), EscalationPolicy())]


def _other(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return f"{value}x"
        case Enum():
            return next((each for each in type(value) if each is not value), None)
        case tuple() if value and isinstance(value[0], str):
            return (*value, "one-more")
        case Window():
            return replace(value, starts=value.starts + 1)
        case _:
            return None
