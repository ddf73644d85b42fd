"""Probes, health and profiles in policy.toml: to typed values, or to all problems with their lines."""

from pathlib import Path

import pytest

from watchdog.core.healthpolicy import Assertion, AssertionKind, HealthPolicy, OnDegraded, ProbeKind, ProbePolicy
from watchdog.core.policy import GatewayPolicy
from watchdog.core.timeline import HOUR, MINUTE, SECOND
from watchdog.policyfile.load import load_policy, parse_policy
from watchdog.policyfile.problems import PolicyProblems
from watchdog.policyfile.profiles import NOT_HERE, Profiles

CHILD = '[gateway.main]\ncommand = ["/bin/true"]\nport = 18789\n'
SHIPPED = Path(__file__).parents[2] / "config" / "profiles"


def gateway_of(text: str, profiles: Profiles | None = None) -> GatewayPolicy:
    """Return the one gateway of a policy."""
    return parse_policy(text.encode(), "policy.toml", profiles=profiles).gateways[0]


def problems_of(text: str) -> list[str]:
    """Return the problems of a policy that must be refused."""
    with pytest.raises(PolicyProblems) as refused:
        parse_policy(text.encode(), "policy.toml")
    return [str(problem) for problem in refused.value.problems]


def test_every_key_of_a_probe_reaches_the_policy() -> None:
    """What is written is what is looked at, sorted by name."""
    gateway = gateway_of(
        CHILD
        + """
[[gateway.main.probe]]
name = "ready"
kind = "http"
target = "http://127.0.0.1:{port}/readyz"
period = "1min"
timeout = "3s"
start_grace = "2min"
failures = 4
successes = 1
source = "http"
liveness_only = true
fakeable = false
[[gateway.main.probe.assert]]
json = "failing"
equals = []
[[gateway.main.probe.assert]]
json = "a.*.b"
matches = "^ok"
[[gateway.main.probe.assert]]
json = "c"
present = true
[[gateway.main.probe.assert]]
matches = "fine"
[[gateway.main.probe.assert]]
matches_not = "bad"
[[gateway.main.probe]]
name = "beat"
kind = "heartbeat"
target = "/run/beat"
stale_after = "90s"
"""
    )

    assert gateway.probes == (
        ProbePolicy(name="beat", kind=ProbeKind.HEARTBEAT, target="/run/beat", stale_after_usec=90 * SECOND),
        ProbePolicy(
            name="ready",
            kind=ProbeKind.HTTP,
            target="http://127.0.0.1:18789/readyz",
            period_usec=MINUTE,
            timeout_usec=3 * SECOND,
            start_grace_usec=2 * MINUTE,
            failures=4,
            successes=1,
            source="http",
            liveness_only=True,
            fakeable=False,
            assertions=(
                Assertion(kind=AssertionKind.JSON_EQUALS, path="failing", expected="[]"),
                Assertion(kind=AssertionKind.JSON_MATCHES, path="a.*.b", expected="^ok"),
                Assertion(kind=AssertionKind.JSON_PRESENT, path="c"),
                Assertion(kind=AssertionKind.MATCHES, expected="fine"),
                Assertion(kind=AssertionKind.MATCHES_NOT, expected="bad"),
            ),
        ),
    )


def test_thresholds_reach_the_policy() -> None:
    """Every field of HealthPolicy is a key by its name."""
    text = (
        CHILD + '[gateway.main.health]\non_degraded = "restart"\nidle_after = "2h"\ngrowth_percent = 250\nflaps = 7\n'
    )

    assert gateway_of(text).health == HealthPolicy(
        on_degraded=OnDegraded.RESTART, idle_after_usec=2 * HOUR, growth_percent=250, flaps=7
    )


def test_lines_that_tell_of_work_reach_the_policy() -> None:
    """They are texts with `*` for anything; one that would be found everywhere is a problem at its line."""
    text = CHILD + '[gateway.main.health]\nwork_lines = ["message sent", "job * done"]\n'

    assert gateway_of(text).health.work_lines == ("message sent", "job * done")
    for bad in ('["*"]', '["a*b"]', '"sent"', "[1]"):
        (problem,) = problems_of(text.replace('["message sent", "job * done"]', bad))
        assert problem.startswith("policy.toml:5:")


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ('name = "a"', "policy.toml:4: A probe without `kind`"),
        ('name = "a"\nkind = "psychic"', 'policy.toml:6: [gateway.main.probe.0] kind is "psychic"'),
        ('name = "A b"\nkind = "tcp"\ntarget = "x:1"', 'policy.toml:5: "A b" cannot be the name of a probe'),
        ('name = "a"\nkind = "tcp"\ntarget = "x"', "policy.toml:7:"),
        ('name = "a"\nkind = "http"\ntarget = "http://u:p@x/"', 'policy.toml:7: target "http://u:p@x/" does not fit'),
        ('name = "a"\nkind = "http"\ntarget = "http://x/a b"', "policy.toml:7:"),
        ('name = "a"\nkind = "websocket"\ntarget = "http://x/"', "policy.toml:7:"),
        ('name = "a"\nkind = "unix"\ntarget = "run/x"', "policy.toml:7:"),
        ('name = "a"\nkind = "notify"\ntarget = "x"', "policy.toml:7:"),
        (
            'name = "a"\nkind = "tcp"\ntarget = "x:1"\nperiod = "5s"\ntimeout = "5s"',
            "policy.toml:9: timeout (5s) is not less than period",
        ),
        (
            'name = "a"\nkind = "tcp"\ntarget = "x:1"\nperiod = "500ms"\ntimeout = "1ms"',
            "policy.toml:8: period (500ms)",
        ),
        ('name = "a"\nkind = "notify"\nstale_after = "10s"', "policy.toml:7: stale_after (10s) is less than period"),
        ('name = "a"\nkind = "exec"', "names no program by its whole path"),
        ('name = "a"\nkind = "exec"\nargv = ["/bin/x"]\nperiod = "6s"\ntimeout = "1s"', "policy.toml:8: period (6s)"),
        ('name = "a"\nkind = "tcp"\ntarget = "x:1"\nargv = ["/bin/x"]', "policy.toml:8: A probe of kind tcp runs no"),
        ('name = "a"\nkind = "tcp"\ntarget = "x:1"\nasert = 1', "`asert` is not known. Did you mean `assert`?"),
        ('name = "a"\nkind = "tcp"\ntarget = "x:1"\nliveness_only = "yes"', "liveness_only is a text"),
        (
            'name = "a"\nkind = "tcp"\ntarget = "x:1"\n[[gateway.main.probe.assert]]\nmatches = "x"',
            "A probe of kind tcp reads no answer",
        ),
        (
            'name = "a"\nkind = "http"\ntarget = "http://x/"\n[[gateway.main.probe.assert]]\nmatches = "(a+)+"',
            "policy.toml:9: matches repeats a group",
        ),
        (
            'name = "a"\nkind = "http"\ntarget = "http://x/"\n[[gateway.main.probe.assert]]\njson = "x"',
            "policy.toml:8: An assertion says one thing",
        ),
        (
            'name = "a"\nkind = "http"\ntarget = "http://x/"\n[[gateway.main.probe.assert]]\njson = "x"\nequals = inf',
            "policy.toml:10: equals is nothing that JSON knows",
        ),
        (
            'name = "a"\nkind = "notify"\n[[gateway.main.probe]]\nname = "a"\nkind = "notify"',
            'policy.toml:8: A second probe is called "a"',
        ),
    ],
)
def test_problem_of_a_probe_is_told_once_with_its_line(body: str, what: str) -> None:
    """Each fault is one problem, where it stands."""
    text = f'[gateway.main]\ncommand = ["a"]\n\n[[gateway.main.probe]]\n{body}\n'

    found = problems_of(text)

    assert len(found) == 1, found
    assert what in found[0]


def test_all_problems_of_all_probes_come_at_once() -> None:
    """A person mends everything in one go."""
    text = CHILD + '[[gateway.main.probe]]\nkind = "tcp"\n[[gateway.main.probe]]\nname = "x"\ntimeout = "1h"\n'

    assert len(problems_of(text)) == 4


def test_beside_a_unit_only_the_commands_of_its_observe_table_are_run() -> None:
    """What runs there was written into a unit by setup, and only its output can be seen."""
    unit = '[gateway.main]\nunit = "a.service"\n[gateway.main.observe]\nhealth = ["/bin/a", "health"]\n'
    probe = '[[gateway.main.probe]]\nname = "inside"\nkind = "exec"\n'
    assertion = '[[gateway.main.probe.assert]]\nmatches = "fine"\n'

    good = gateway_of(f'{unit}{probe}target = "health"\n{assertion}')

    assert good.probes[0].target == "health"
    assert "Beside a unit only the commands" in " ".join(
        problems_of(f'{unit}{probe}target = "health"\nargv = ["/bin/a"]\n{assertion}')
    )
    assert "is not in the observe table" in problems_of(f'{unit}{probe}target = "other"\n{assertion}')[0]
    assert "only a program's output can be seen" in problems_of(f'{unit}{probe}target = "health"\n')[0]


def test_a_target_with_a_port_needs_one() -> None:
    """`{port}` is the gateway's, and a gateway without one says so."""
    text = '[gateway.main]\ncommand = ["a"]\nready = { kind = "tcp", target = "127.0.0.1:{port}" }\n'

    assert "holds {port}, and the gateway has none" in problems_of(text)[0]


# -- profiles ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_a_shipped_profile_makes_a_policy(name: str) -> None:
    """Each one is whole with a command and a port, and has at least one probe."""
    gateway = gateway_of(f'{CHILD}profile = "{name}"\n')

    assert gateway.probes
    assert gateway.ready.target.endswith(("18789", "18789/startupz"))


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_a_shipped_profile_fits_a_unit(name: str) -> None:
    """What belongs to a command alone, such as variables, is left out for a unit and is no problem."""
    gateway = gateway_of(f'[gateway.main]\nunit = "a.service"\nport = 1\nprofile = "{name}"\n')

    assert gateway.command is None


def test_what_the_gateway_says_wins_over_its_profile() -> None:
    """Key by key, variable by variable, and a probe of the same name as a whole."""
    gateway = gateway_of(
        CHILD
        + """profile = "openclaw"
environment = { OPENCLAW_SUPERVISOR_MODE = "off", A = "1" }
stop = { timeout = "60s" }
[[gateway.main.probe]]
name = "live"
kind = "tcp"
target = "127.0.0.1:1"
"""
    )

    assert gateway.command is not None
    assert dict(gateway.command.environment) == {
        "A": "1",
        "OPENCLAW_SERVICE_REPAIR_POLICY": "external",
        "OPENCLAW_SUPERVISOR_MODE": "off",
    }
    assert (gateway.stop.signal, gateway.stop.timeout_usec) == ("SIGTERM", 60 * SECOND)
    assert [(probe.name, probe.kind) for probe in gateway.probes] == [
        ("live", ProbeKind.TCP),
        ("ready", ProbeKind.HTTP),
    ]


def test_openclaw_gives_a_stop_the_time_it_takes() -> None:
    """A dead channel makes a clean stop last 327 s; killing it sooner brings the next outage."""
    gateway = gateway_of(f'{CHILD}profile = "openclaw"\n')

    assert gateway.stop.timeout_usec >= 325 * SECOND
    assert gateway.stop.signal == "SIGTERM"


def test_a_profile_of_ones_own_comes_first_and_is_part_of_the_digest(tmp_path: Path) -> None:
    """A copy beside the policy replaces the shipped one, and changing it changes what was loaded."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "profiles"
    folder.mkdir(mode=0o755)
    for file, text in (
        (tmp_path / "policy.toml", f'{CHILD}profile = "openclaw"\n'),
        (folder / "openclaw.toml", '[stop]\ntimeout = "7s"\n'),
    ):
        file.write_text(text)
        file.chmod(0o644)
    before = load_policy(tmp_path)

    (folder / "openclaw.toml").write_text('[stop]\ntimeout = "8s"\n')
    after = load_policy(tmp_path)

    assert before.policy.gateways[0].stop.timeout_usec == 7 * SECOND
    assert after.policy.gateways[0].stop.timeout_usec == 8 * SECOND
    assert before.digest != after.digest


def test_a_problem_of_a_profile_is_told_in_its_own_file(tmp_path: Path) -> None:
    """The line is the profile's, and two gateways that use it say it once."""
    tmp_path.chmod(0o755)
    file = tmp_path / "mine.toml"
    file.write_text('\n[stop]\ntimeout = 5\n[[probe]]\nname = "x"\nkind = "tcp"\ntarget = "?"\n')
    file.chmod(0o644)
    text = "".join(f'[gateway.{name}]\nunit = "{name}.service"\nprofile = "mine"\n' for name in "ab")

    with pytest.raises(PolicyProblems) as refused:
        parse_policy(text.encode(), "policy.toml", profiles=Profiles(tmp_path))

    assert [(problem.file, problem.line) for problem in refused.value.problems] == [(str(file), 3), (str(file), 7)]


@pytest.mark.parametrize("key", NOT_HERE)
def test_a_profile_cannot_say_what_only_the_human_knows(tmp_path: Path, key: str) -> None:
    """Least of all which program runs, as whom."""
    tmp_path.chmod(0o755)
    (tmp_path / "mine.toml").write_text(f'{key} = "x"\n')
    (tmp_path / "mine.toml").chmod(0o644)

    with pytest.raises(PolicyProblems) as refused:
        parse_policy(b'[gateway.a]\nunit = "a.service"\nprofile = "mine"\n', "policy.toml", profiles=Profiles(tmp_path))

    assert any(f"{key} does not belong into a profile" in problem.what for problem in refused.value.problems)


@pytest.mark.parametrize("name", ["none-such", "../policy", "a/b", ""])
def test_an_unknown_profile_is_told_with_the_known_ones(name: str) -> None:
    """No name leads out of the two folders; the empty one is none."""
    text = f'{CHILD}profile = "{name}"\n'
    if not name:
        assert gateway_of(text).probes == ()
        return

    (problem,) = problems_of(text)

    assert "There is no profile" in problem
    assert "generic-http, node, openclaw" in problem
