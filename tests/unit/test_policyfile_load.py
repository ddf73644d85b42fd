"""policy.toml to a policy, or to all of its problems."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.core.policy import BudgetPolicy, CommandPolicy, OnExhausted, Readiness, Window
from watchdog.core.timeline import HOUR, MINUTE, SECOND
from watchdog.policyfile.bundle import bundle_of
from watchdog.policyfile.load import LoadedPolicy, digest_of, load_policy, parse_policy, read_policy
from watchdog.policyfile.pagersettings import NO_FILE
from watchdog.policyfile.problems import PolicyProblems, Problem
from watchdog.policyfile.section import open_document

SMALL = '[gateway.main]\ncommand = ["/bin/true"]\n'


def problems_of(text: str) -> tuple[Problem, ...]:
    """Return the problems of a policy that must be refused."""
    with pytest.raises(PolicyProblems) as refused:
        parse_policy(text.encode(), "policy.toml")
    return refused.value.problems


def write(folder: Path, text: str, name: str = "policy.toml") -> Path:
    """Write a file the guard believes."""
    folder.chmod(0o755)
    file = folder / name
    file.write_text(text)
    file.chmod(0o644)
    return file


def test_every_key_reaches_the_policy() -> None:
    """What is written is what rules."""
    text = """
[gateway.main]
command = ["/usr/bin/agent", "serve it"]
profile = "generic-http"
user = "agent"
directory = "/srv/agent"
environment = { B = "2", A = "1" }
port = 18789
trusted_units = ["backup.service"]
log_max = "1MB"
ready = { kind = "tcp", target = "127.0.0.1:18789", delay = "0s", timeout = "90s" }
stop = { signal = "SIGINT", timeout = "10s" }
[gateway.main.budget]
windows = ["3 per 5min", "6 per 2h"]
self_restart = ["1 per 1h"]
trusted = ["2 per 1h"]
on_exhausted = "slow"
slow_retry = "1h"
[gateway.main.backoff]
first = "2s"
max = "1min"
stable_after = "20min"
[gateway.main.spiral]
gap_max = "2h"
page_at = 5
identical_page_at = 2
identical_within = "10min"
hold_below = "1min"
"""
    (gateway,) = parse_policy(text.encode(), "policy.toml").gateways

    assert gateway.command == CommandPolicy(
        argv=("/usr/bin/agent", "serve it"),
        directory="/srv/agent",
        user="agent",
        environment=(("A", "1"), ("B", "2")),
        log_bytes_max=1 << 20,
    )
    assert (gateway.name, gateway.profile, gateway.port, gateway.unit) == ("main", "generic-http", 18789, "")
    assert gateway.trusted_units == ("backup.service",)
    assert (gateway.ready.kind, gateway.ready.target) == (Readiness.TCP, "127.0.0.1:18789")
    assert (gateway.ready.delay_usec, gateway.ready.timeout_usec) == (0, 90 * SECOND)
    assert (gateway.stop.signal, gateway.stop.timeout_usec) == ("SIGINT", 10 * SECOND)
    assert gateway.budget == BudgetPolicy(
        windows=(Window(starts=3, per_usec=5 * MINUTE), Window(starts=6, per_usec=2 * HOUR)),
        self_restart=(Window(starts=1, per_usec=HOUR),),
        trusted=(Window(starts=2, per_usec=HOUR),),
        on_exhausted=OnExhausted.SLOW,
        slow_retry_usec=HOUR,
    )
    assert (gateway.backoff.first_usec, gateway.backoff.max_usec) == (2 * SECOND, MINUTE)
    assert (gateway.spiral.page_at, gateway.spiral.identical_page_at) == (5, 2)
    assert (gateway.spiral.gap_max_usec, gateway.spiral.hold_below_usec) == (2 * HOUR, MINUTE)


def test_no_identical_endings_means_never() -> None:
    """0 is the off that the reference names; 1 would be every ending."""
    policy = parse_policy(b'[gateway.main]\ncommand = ["a"]\nspiral.identical_page_at = 0\n', "policy.toml")

    assert policy.gateways[0].spiral.identical_page_at == 0


def test_gateways_are_sorted_by_name() -> None:
    """The order in the file is no part of the policy."""
    policy = parse_policy(b'[gateway.b]\nunit = "b.service"\n[gateway.a]\nunit = "a.service"\n', "policy.toml")

    assert [gateway.name for gateway in policy.gateways] == ["a", "b"]


def test_all_problems_come_at_once_in_order_of_the_file() -> None:
    """A person mends everything in one go."""
    text = """[gateway.main]
command = "openclaw gateway --port 18789"
prot = 18789
[gateway.main.stop]
timeout = 30
signal = "TERM"
[gateway.main.backoff]
stable_atfer = "10min"
[gateway.other]
unit = "x"
"""
    found = problems_of(text)

    assert [problem.line for problem in found] == [2, 3, 5, 6, 8, 10]
    assert str(found[0]) == (
        "policy.toml:2: [gateway.main] command is a text; no shell takes it apart here. "
        'Write command = ["openclaw", "gateway", "--port", "18789"]'
    )
    assert found[1].how == "Did you mean `port`?"
    assert found[2].how == 'Say the unit, such as "30s" or "30min"'
    assert found[4].how == "Did you mean `stable_after`?"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("", "neither `unit` nor `command`"),
        ('unit = "a.service"\ncommand = ["a"]', "both `unit` and `command`"),
        ("command = []", "names no program"),
        ('command = [""]', "names no program"),
        ("command = [1]", "not a list of texts"),
        ('unit = "a.service"\nuser = "x"', "belongs to a command"),
        ('unit = "a.timer"', "not the name of a service"),
        ('command = ["a"]\ndirectory = "x"', "not absolute"),
        ('command = ["a"]\nenvironment = { "A B" = "x" }', "cannot be the name of a variable"),
        ('command = ["a"]\nenvironment = { A = 1 }', "not a table of texts"),
        ('command = ["a"]\nport = "80"', "is a text, not a whole number"),
        ('command = ["a"]\nport = true', "true or false, not a whole number"),
        ('command = ["a"]\nport = 70000', "port is 70000"),
        ('command = ["a"]\nlog_max = "1KB"', "log_max is 1024 bytes"),
        ('command = ["a"]\nlog_max = 16', "plain number 16"),
        ('command = ["a"]\nprofile = "a\\u0007"', "control character"),
        ('command = ["a"]\nprofile = 2026-01-01', "a date or time"),
        ('command = ["a"]\nready = 5', "a number, not a table"),
        ('command = ["a"]\nready.kind = "telepathy"', 'kind is "telepathy"'),
        ('command = ["a"]\nready.kind = "tcp"', "does not fit kind"),
        ('command = ["a"]\nready = { kind = "http", target = "ftp://x" }', "does not fit kind"),
        ('command = ["a"]\nready.target = "x:1"', "does not fit kind"),
        ('command = ["a"]\nready.timeout = "1s"', "ready.timeout (1s) is less than ready.delay (5s)"),
        ('command = ["a"]\nstop.timeout = "11min"', "longer than the shortest budget window"),
        ('command = ["a"]\nstop.timeout = "0s"', "timeout is zero"),
        ('command = ["a"]\nbackoff.max = "500ms"', "backoff.max (500ms) is less than backoff.first (1s)"),
        ('command = ["a"]\nbudget.slow_retry = "1min"', "slow_retry (1m) is less than backoff.max"),
        ('command = ["a"]\nbudget.windows = ["5 per 1h", "9 per 10min"]', "does not follow from a shorter window"),
        ('command = ["a"]\nbudget.windows = ["5 per 1h", "5 per 1h"]', "does not follow from a shorter window"),
        ('command = ["a"]\nbudget.windows = ["5 per 1h", "4 per 2h"]', "allows fewer starts"),
        ('command = ["a"]\nbudget.windows = []', "no window is no budget"),
        ('command = ["a"]\nbudget.windows = ["5"]', "is not a window"),
        ('command = ["a"]\nbudget.windows = "5 per 1h"', "a text, not a list"),
        ('command = ["a"]\nspiral.identical_page_at = 5', "identical_page_at (5) is more than page_at (4)"),
        ('command = ["a"]\nspiral.identical_page_at = 1', "identical_page_at is 1"),
        ('command = ["a"]\nspiral.page_at = 1', "page_at is 1"),
        ('command = ["a"]\nspiral.gap_max = "4min"', "gap_max (4m) is not more than backoff.max"),
        ('command = ["a"]\nspiral.hold_below = "5h"', "hold_below (5h) is more than gap_max"),
    ],
)
def test_problem_is_named_once(body: str, what: str) -> None:
    """Each fault is one problem, without follow-ups."""
    found = problems_of(f"[gateway.main]\n{body}\n")

    assert [what in problem.what for problem in found] == [True], [str(problem) for problem in found]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "names no gateway"),
        ("gateway = 1", 1, "a number, not a table"),
        ("[gateway]\nmain = 1", 2, "a number, not a table"),
        ('[gateway.main]\ncommand = ["a"]\n[gatway.x]\n', 3, "`gatway` is not known"),
        ('[gateway.main]\ncommand = ["a"]\n[escalation]\ntiers = []\n', 3, "escalation does not belong"),
        ('[gateway.Main]\ncommand = ["a"]\n', 1, '"Main" cannot be the name'),
        ('[gateway.a]\nunit = "x.service"\n[gateway.b]\nunit = "x.service"\n', 4, "already the gateway a's"),
        ('[gateway.main]\ncommand = ["a"\n', 2, "not TOML"),
        ('[gateway.main]\ncommand = ["a"]\ncommand = ["b"]\n', 3, "not TOML"),
        ("a = " + "[" * 5_000, 1, "nested too deeply"),
        ("a = " + "1" * 5_000, 1, "not TOML"),
    ],
)
def test_problem_of_the_file_is_placed(text: str, line: int, what: str) -> None:
    """What concerns no single value has a line, too."""
    (problem,) = problems_of(text)

    assert what in problem.what
    assert problem.line == line


def test_bytes_that_are_no_text_are_placed() -> None:
    """A stray byte is found on its line."""
    with pytest.raises(PolicyProblems, match=r"policy\.toml:2: This is not UTF-8 text"):
        parse_policy(b"# fine\n\xff\n", "policy.toml")


def test_message_carries_no_control_character() -> None:
    """A name in the file cannot paint the terminal of who reads the problem."""
    (problem,) = problems_of('[gateway."\\u001b[31m"]\ncommand = ["a"]\n')

    assert str(problem).isprintable()


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_policy_or_problems(raw: bytes) -> None:
    """Nothing but PolicyProblems ever comes out of bytes."""
    found: tuple[Problem, ...] | None = None
    try:
        parse_policy(raw, "policy.toml")
    except PolicyProblems as refused:
        found = refused.problems

    assert found is None or found


_SCALARS = st.sampled_from(
    ['"x"', '"5s"', '"5 per 1h"', "1", "-1", "1.5", "true", "2026-01-01", "[]", '["a"]', "[[1]]", "{}", "{ a = 1 }"]
)
_KEYS = st.sampled_from(
    [
        "unit",
        "command",
        "ready",
        "stop",
        "budget",
        "backoff",
        "spiral",
        "probe",
        "port",
        "environment",
        "timeout",
        "windows",
        "kind",
        "target",
        "signal",
        "first",
        "max",
        "page_at",
        "log_max",
        "user",
        "tiers",
        "x",
        '"a b"',
    ]
)
_HEADERS = st.sampled_from(
    [
        "[gateway.main]",
        "[gateway.main.ready]",
        "[gateway.main.stop]",
        "[gateway.main.budget]",
        "[gateway.main.spiral]",
        "[gateway]",
        "[[gateway.main.probe]]",
        "[gateway.B.backoff]",
        "[escalation]",
        "[[gateway]]",
        '["a.b"]',
    ]
)


@given(st.lists(st.one_of(_HEADERS, st.tuples(_KEYS, _SCALARS).map(" = ".join)), max_size=12))
def test_arbitrary_toml_is_a_policy_or_problems(rows: list[str]) -> None:
    """Known keys in wrong places with wrong values are problems on a line of the file, never a crash."""
    found: tuple[Problem, ...] | None = None
    try:
        parse_policy("\n".join(rows).encode(), "policy.toml")
    except PolicyProblems as refused:
        found = refused.problems

    assert found is None or found
    assert all(1 <= problem.line <= max(len(rows), 1) for problem in found or ())


def test_bundle_is_loaded_with_digest_and_source(tmp_path: Path) -> None:
    """A policy without a pager.toml uses the terminal."""
    file = write(tmp_path, SMALL)

    loaded = load_policy(file)

    bundle = bundle_of([("policy.toml", SMALL.encode())])
    policy = parse_policy(SMALL.encode(), "")
    assert loaded == LoadedPolicy(policy=policy, pager=NO_FILE, bundle=bundle, source=str(file))
    assert load_policy(tmp_path) == loaded


def test_pager_file_rules_the_escalation_and_the_digest(tmp_path: Path) -> None:
    """The tiers of pager.toml become part of the policy; its bytes are part of the bundle."""
    before = load_policy(write(tmp_path, SMALL))
    write(tmp_path, '[escalation]\ntiers = [["terminal"], ["terminal"]]\n', "pager.toml")

    after = load_policy(tmp_path)

    assert after.policy.escalation.tiers == (("terminal",), ("terminal",))
    assert after.policy.escalation == after.pager.escalation
    assert after.digest != before.digest


def test_problems_of_both_files_come_at_once(tmp_path: Path) -> None:
    """Two broken files are one refusal."""
    write(tmp_path, "[gateway.main]\n")
    write(tmp_path, "[escalation]\ntiers = []\n", "pager.toml")

    with pytest.raises(PolicyProblems) as refused:
        load_policy(tmp_path)

    assert [os.path.basename(problem.file) for problem in refused.value.problems] == ["policy.toml", "pager.toml"]  # noqa: PTH119  the field is a text


def test_bytes_cannot_move_between_files_unseen() -> None:
    """The digest knows where one file ends."""
    assert digest_of(b"ab", b"c") != digest_of(b"a", b"bc")


def test_reader_reports_which_keys_it_knows() -> None:
    """The example test rests on this list; it must hold the innermost keys."""
    root, findings = open_document(SMALL.encode(), "policy.toml")
    read_policy(root, findings, NO_FILE.escalation)

    assert ("gateway", "main", "budget", "slow_retry") in findings.asked


def test_a_lock_is_named_from_the_root_on() -> None:
    """A relative path would be looked for wherever gatedog was started."""
    good = parse_policy(b'[gateway.a]\nunit = "a.service"\nlock = "/run/a.lock"\n', "policy.toml")
    with pytest.raises(PolicyProblems, match="absolute"):
        parse_policy(b'[gateway.a]\nunit = "a.service"\nlock = "a.lock"\n', "policy.toml")

    assert good.gateways[0].lock == "/run/a.lock"
