"""[gateway.NAME.observe]: what a policy may let gatedog look with."""

import pytest

from watchdog.core.policy import Policy
from watchdog.journal.codec import decode, encode
from watchdog.policyfile.load import parse_policy
from watchdog.policyfile.problems import PolicyProblems

UNIT = '[gateway.main]\nunit = "agent.service"\n[gateway.main.observe]\n'


def problems_of(text: str) -> str:
    """Return the problems of a policy that must be refused."""
    with pytest.raises(PolicyProblems) as refused:
        parse_policy(text.encode(), "policy.toml")
    return str(refused.value)


def test_commands_reach_the_policy_sorted_by_name() -> None:
    """As they are written, and through the journal and back."""
    policy = parse_policy(f'{UNIT}health = ["/bin/a", "h i"]\nb2 = ["/bin/b"]\n'.encode(), "policy.toml")

    assert policy.gateways[0].observe == (("b2", ("/bin/b",)), ("health", ("/bin/a", "h i")))
    assert decode(Policy, encode(policy)) == policy


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('health = ["agent", "health"]', "policy.toml:4: [gateway.main.observe] health: agent is not an absolute path"),
        ("health = []", "names no program"),
        ('health = [""]', "names no program"),
        ('health = "/bin/agent health"', "is a text, not a list of texts"),
        ("health = 3", "is not a list of texts"),
        ('"a-b" = ["/bin/a"]', '"a-b" cannot be the name'),
        ('"A" = ["/bin/a"]', '"A" cannot be the name'),
        ('"../x" = ["/bin/a"]', "cannot be the name"),
        ("\n".join(f'c{number} = ["/bin/a"]' for number in range(9)), "9 commands"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_line(line: str, words: str) -> None:
    """A command that would fail at night is a problem by day."""
    assert words in problems_of(f"{UNIT}{line}\n")


def test_a_child_gateway_has_no_eyes_inside() -> None:
    """It has no account of its own to look with."""
    text = '[gateway.main]\ncommand = ["/bin/a"]\n[gateway.main.observe]\nhealth = ["/bin/a"]\n'

    assert "needs a unit" in problems_of(text)
