"""The policy without a file, the place of the files, and the shipped examples."""

import re
from pathlib import Path

import pytest

from watchdog.core.policy import CommandPolicy, EscalationPolicy, GatewayPolicy, Policy
from watchdog.policyfile.defaults import find_bundle, policy_for_command
from watchdog.policyfile.load import parse_policy, read_policy
from watchdog.policyfile.pagersettings import NO_FILE, parse_pager, read_pager
from watchdog.policyfile.problems import PolicyProblems
from watchdog.policyfile.section import open_document

EXAMPLES = Path(__file__).parents[2] / "config"


def test_command_gets_the_defaults() -> None:
    """`gatedog run` is ruled by core's defaults."""
    policy = policy_for_command("web", ("/bin/x", "y"), environment=(("B", "2"), ("A", "1")), port=80)

    command = CommandPolicy(argv=("/bin/x", "y"), environment=(("A", "1"), ("B", "2")))
    (gateway,) = policy.gateways
    assert gateway == GatewayPolicy(name=gateway.name, command=command, port=80)
    assert gateway.name == "web"
    assert policy.escalation == EscalationPolicy()


@pytest.mark.parametrize(
    ("name", "argv", "what"),
    [("Web", ("x",), "cannot be the name"), ("web", (), "no command"), ("web", ("",), "no command")],
)
def test_impossible_command_line_is_refused(name: str, argv: tuple[str, ...], what: str) -> None:
    """A command line meets the rules of a file."""
    with pytest.raises(PolicyProblems, match=f"^command line: .*{what}"):
        policy_for_command(name, argv)


@pytest.mark.parametrize(
    ("explicit", "environ", "uid", "found"),
    [
        (Path("/x"), {"XDG_CONFIG_HOME": "/c"}, 0, "/x"),
        (None, {"XDG_CONFIG_HOME": "/home/agent/.config", "HOME": "/home/agent"}, 0, "/etc/gatedog"),
        (None, {"XDG_CONFIG_HOME": "/c", "HOME": "/home/me"}, 1000, "/c/gatedog"),
        (None, {"XDG_CONFIG_HOME": "relative", "HOME": "/home/me"}, 1000, "/home/me/.config/gatedog"),
        (None, {"HOME": "/home/me"}, 1000, "/home/me/.config/gatedog"),
        (None, {}, 1000, "/.config/gatedog"),
    ],
)
def test_bundle_follows_from_who_runs(explicit: Path | None, environ: dict[str, str], uid: int, found: str) -> None:
    """Named folder, then /etc for root, then the user's own; root follows nobody's environment."""
    assert find_bundle(explicit, environ, uid) == Path(found)


def test_policy_example_is_the_defaults() -> None:
    """Every line of the example says what holds without it."""
    policy = parse_policy((EXAMPLES / "policy.toml").read_bytes(), "policy.toml")

    (gateway,) = policy.gateways
    assert gateway.command is not None
    assert policy == policy_for_command(gateway.name, gateway.command.argv)


def test_pager_example_is_the_defaults() -> None:
    """The example pages nobody new."""
    assert parse_pager((EXAMPLES / "pager.toml").read_bytes(), "pager.toml") == NO_FILE


@pytest.mark.parametrize("name", ["policy.toml", "pager.toml"])
def test_example_shows_every_key(name: str) -> None:
    """A key the loader knows is in the example, if only in a comment, and tables are in it by their header."""
    raw = (EXAMPLES / name).read_bytes()
    root, findings = open_document(raw, name)
    read = (
        (lambda: read_policy(root, findings, EscalationPolicy())) if name == "policy.toml" else lambda: read_pager(root)
    )
    assert isinstance(read(), Policy) == (name == "policy.toml")
    text = raw.decode()

    missing = [
        ".".join(str(part) for part in path)
        for path in findings.asked
        if not re.search(rf"^(# )?{re.escape(str(path[-1]))} = ", text, re.MULTILINE)
        and not re.search(rf"^(?:# )?\[\[?({re.escape('.'.join(map(str, path)))})[.\]]", text, re.MULTILINE)
    ]

    assert missing == []
