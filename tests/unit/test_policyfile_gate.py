"""[[gateway.NAME.gate]]: the rules that a human adds to the gate."""

import pytest

from watchdog.core.action import ActionRule
from watchdog.core.classify import Rulebook, judge_action
from watchdog.core.effect import Effect
from watchdog.core.enclosure import ActionOffered
from watchdog.core.gaterules import SHIPPED
from watchdog.core.policy import Policy
from watchdog.journal.codec import decode, encode
from watchdog.policyfile.load import parse_policy
from watchdog.policyfile.policychange import Direction, compare
from watchdog.policyfile.problems import PolicyProblems

HEAD = '[gateway.main]\nunit = "agent.service"\n'
TABLE = "[[gateway.main.gate]]\n"


def read(text: str) -> Policy:
    """Read a policy of one gateway with these tables."""
    return parse_policy(f"{HEAD}{text}".encode(), "policy.toml")


def test_rules_reach_the_policy() -> None:
    """As they are written, beside the shipped ones, and through the journal and back."""
    policy = read(
        f'{TABLE}name = "tests"\neffect = "reversible"\nlenient = true\nprograms = ["pytest"]\noptions = ["-q"]\n'
        f'{TABLE}name = "keep"\nrefuse = true\npaths = ["/srv/keep*"]\n'
    )

    assert policy.gateways[0].gate == (
        ActionRule(name="tests", effect=Effect.REVERSIBLE, lenient=True, programs=("pytest",), options=("-q",)),
        ActionRule(name="keep", effect=Effect.DESTABILISING, refuse=True, paths=("/srv/keep*",)),
    )
    assert policy.gate == SHIPPED
    assert decode(Policy, encode(policy)) == policy


def test_a_profile_brings_rules() -> None:
    """Those of the gateway's own table come first, and replace the profile's of the same name."""
    own = f'{TABLE}name = "openclaw-control"\nactions = ["cron"]\n'
    gate = read(f'profile = "openclaw"\nport = 18789\n{own}').gateways[0].gate

    assert [rule.name for rule in gate].count("openclaw-control") == 1
    assert (gate[0].name, gate[0].actions) == ("openclaw-control", ("cron",))
    assert "openclaw-lifecycle" in [rule.name for rule in gate]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('programs = ["x"]', "policy.toml:3: [gateway.main.gate.0] name is no name for a rule"),
        ('name = "A b"\nprograms = ["x"]', "name is no name for a rule"),
        ('name = "a"', "fits nothing"),
        ('name = "a"\neffect = "harmless"\nprograms = ["x"]', "Choose one of: observe, reversible, destabilising"),
        ('name = "a"\nactions = ["read"]\nprograms = ["x"]', "actions stands beside matchers"),
        ('name = "a"\nverbs = ["x"]\npaths = ["/a"]', "names no program"),
        ('name = "a"\nprograms = ["/bin/x"]', '"/bin/x" is no file name'),
        ('name = "a"\npaths = ["work"]', '"work" is no place'),
        ('name = "a"\npaths = ["/"]', '"/" is no place'),
        ('name = "a"\npaths = ["/a/../b"]', "is no place"),
        ('name = "a"\npaths = ["/a/*b"]', "is no place"),
        ('name = "a"\nprograms = ["x"]\noptions = ["-q"]', "options says what is harmless"),
        ('name = "a"\neffect = "observe"\nprograms = ["x"]\nrefuse = true', "refuse belongs to rules of effect"),
        ('name = "a"\neffect = "observe"\nprograms = ["x"]\nnames = ["y"]', "names belongs to rules of effect"),
        ('name = "a"\neffect = "observe"\nprograms = ["x*"]', "vouches for programs that nobody has looked at"),
        ('name = "a"\neffect = "observe"\nprograms = ["sudo"]', "sudo runs whatever it is given"),
        ('name = "a"\neffect = "observe"\nprograms = ["python3"]', "python3 runs whatever it is given"),
        ('name = "a"\neffect = "observe"\nprograms = ["bash"]', "bash runs whatever it is given"),
        ('name = "a"\neffect = "observe"\nprograms = ["x"]\noptions = ["*", "-q"]', '"*" stands for every option'),
        ('name = "a"\neffect = "reversible"\npaths = ["/a"]', "only lift what stricter rules say"),
        ('name = "a"\nprograms = ["x"]\nprogram = "y"', "program"),
        (f'name = "a"\nprograms = ["x"]\n{TABLE}name = "a"\nprograms = ["y"]', 'Two rules of the gate are called "a"'),
    ],
)
def test_what_cannot_be_a_rule_is_refused_with_its_line(lines: str, words: str) -> None:
    """A rule that never fits, or fits more than it seems to, is a problem by day."""
    with pytest.raises(PolicyProblems) as refused:
        read(f"{TABLE}{lines}\n")
    assert words in str(refused.value)


def test_too_many_rules_are_refused() -> None:
    """Each is asked at every tool call."""
    with pytest.raises(PolicyProblems) as refused:
        read("".join(f'{TABLE}name = "r{number}"\nprograms = ["x"]\n' for number in range(65)))
    assert "has 65 rules" in str(refused.value)


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        ("", 'name = "a"\nprograms = ["x"]', Direction.TIGHTENS),
        ('name = "a"\nprograms = ["x"]', "", Direction.LOOSENS),
        ("", 'name = "a"\neffect = "observe"\nlenient = true\nprograms = ["x"]', Direction.LOOSENS),
        ('name = "a"\neffect = "observe"\nlenient = true\nprograms = ["x"]', "", Direction.TIGHTENS),
        ("", 'name = "a"\nlenient = true\nprograms = ["x"]', Direction.LOOSENS),
        ('name = "a"\nprograms = ["x"]', 'name = "a"\nprograms = ["y"]', Direction.LOOSENS),
    ],
)
def test_a_change_of_rules_says_where_it_leads(before: str, after: str, direction: Direction) -> None:
    """A suspicious rule tightens as it comes, one that vouches as it goes; what changes within one loosens."""
    old, new = (read(f"{TABLE}{each}\n" if each else "") for each in (before, after))

    assert [change.direction for change in compare(old, new)] == [direction]


@pytest.mark.parametrize(
    ("action", "line", "expected"),
    [
        ("exec", "openclaw gateway restart", "refused"),
        ("exec", "node /srv/claw/openclaw.mjs gateway stop --force", "refused"),
        ("exec", "pkill openclaw-gateway", "refused"),
        ("exec", "openclaw update", "destabilising"),
        ("exec", "openclaw config set gateway.port 1", "destabilising"),
        ("exec", "cp x /home/claw/.openclaw/openclaw.json", "destabilising"),
        ("exec", "cp x /var/lib/claw/.openclaw/.env", "destabilising"),
        ("exec", "cp -r x /home/claw/.openclaw/extensions/x", "destabilising"),
        ("exec", "touch /home/claw/.openclaw/workspace/notes", "reversible"),
        ("exec", "mv /home/claw/.openclaw /tmp/x", "unknown"),
        ("exec", "openclaw channels status --json", "observe"),
        ("exec", "openclaw gateway call channels.start", "unknown"),
        ("gateway.update.run", "", "destabilising"),
        ("cron.add", "", "destabilising"),
        ("cron.list", "", "observe"),
        ("message.send", "", "reversible"),
        ("code_mode_exec", "", "unknown"),
        ("browser.open", "", "unknown"),
    ],
)
def test_the_profile_knows_openclaw(action: str, line: str, expected: str) -> None:
    """Its own commands, its files and the names of its tools."""
    policy = read('profile = "openclaw"\nport = 18789\n')
    offered = ActionOffered(action=action, argv=tuple(line.split()), directory="/home/claw")
    judged = judge_action(offered, Rulebook(shipped=policy.gate, human=policy.gateways[0].gate))

    found = judged.effect.value if judged.effect is not None else "unknown"
    assert ("refused" if judged.refused else found) == expected
