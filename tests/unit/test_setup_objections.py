"""What setup refuses, and what it only tells."""

from dataclasses import replace
from pathlib import Path

import pytest
from bare_machine import ROOT, facts, host_facts, unit_facts

from watchdog.core.identity import GatewayName
from watchdog.core.policy import CommandPolicy, GatewayPolicy, Policy
from watchdog.setup.facts import Facts, UserUnit, Wish
from watchdog.setup.objections import notes, objections

CHECKOUT = Path(__file__).resolve().parents[2]
LINK = Path("/etc/systemd/system/multi-user.target.wants/openclaw-gateway.service")
COMMAND = Wish(name="agent", command=("/usr/bin/node", "a.js"), user="openclaw")


def said(known: Facts) -> str:
    """Return all objections."""
    return "\n".join(str(each) for each in objections(known))


def test_good_unit_is_accepted() -> None:
    """Nothing stands against a plain service on a host that has everything."""
    assert objections(facts()) == ()
    assert objections(facts(COMMAND)) == ()


def test_where_to_install_it_is_what_the_page_says() -> None:
    """The command that mends an exposed program stands in the page that it names, in that form."""
    text = said(facts(host=host_facts(exposed=("/opt/x belongs to uid 5",))))
    command = text.partition("in a checkout: ")[2]

    assert "docs/install.md" in text
    assert f"\n$ {command}\n" in (CHECKOUT / "docs/install.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("known", "what", "how"),
    [
        (facts(host=host_facts(systemd_runs=False)), "systemd does not run", "gatedog run -- COMMAND"),
        (facts(host=host_facts(systemd=249)), "systemd 249 is older than 252", "Debian 12"),
        (facts(host=host_facts(bus=False)), "no system bus", "apt-get install dbus"),
        (facts(host=host_facts(polkit=0)), "polkit is not there", "apt-get install polkitd"),
        (
            facts(host=host_facts(exposed=("/opt/x belongs to uid 5",))),
            "/opt/x belongs to uid 5",
            "pipx install --global",
        ),
        (facts(unit=unit_facts(LoadState="masked")), "is masked", "systemctl unmask openclaw-gateway.service"),
        (facts(unit=unit_facts(LoadState="not-found")), "There is no unit", "systemctl list-units"),
        (facts(unit=unit_facts(LoadState="bad-setting", LoadError="no exec")), "(no exec)", "systemctl status"),
        (facts(unit=unit_facts(LoadState="")), "does not answer", "systemctl status"),
        (facts(unit=unit_facts(Type="oneshot")), "oneshot", "long-running"),
        (facts(unit=unit_facts(FragmentPath="/run/systemd/transient/x.service")), "is transient", "--command"),
        (facts(unit=unit_facts(UpheldBy="up.service")), "up.service starts it again", "Edit up.service"),
        (facts(unit=unit_facts(BoundBy="web.service")), "(BindsTo=)", "Edit web.service"),
        (facts(unit=unit_facts(TriggeredBy="x.timer")), "x.timer starts it by itself", "disable --now x.timer"),
        (facts(unit=unit_facts(OnFailureOf="y.service")), "(OnFailure=)", "Edit y.service"),
        (facts(agent=ROOT), "runs as root", "--advisory"),
        (facts(exposed=("/home/a belongs to uid 7",)), "can be rewritten", "--advisory"),
        (facts(replace(COMMAND, command=("node",))), "not an absolute path", "command -v node"),
        (facts(replace(COMMAND, user="")), "an account of its own", "--user USER"),
        (facts(replace(COMMAND, user="nobody-here"), agent=None), "There is no account", "useradd --system"),
        (facts(COMMAND, exposed=("/usr/bin/node is not there",)), "There is no program", "where it is"),
        (facts(replace(COMMAND, command=("/bin/x", "a\nb"))), "cannot be printed", "script"),
        (facts(replace(COMMAND, name="Not A Name")), "cannot be the name", "--name"),
        (
            replace(facts(COMMAND), taken="/etc/systemd/system/agent.service"),
            "is there already",
            "--unit agent.service",
        ),
    ],
)
def test_each_objection_says_what_and_how(known: Facts, what: str, how: str) -> None:
    """Every reason against an install comes with the command or edit that mends it."""
    assert what in said(known)
    assert how in said(known)


def test_everything_wrong_is_said_at_once() -> None:
    """A human who mends the first thing does not meet the second on the next try."""
    known = facts(host=host_facts(bus=False, polkit=0), unit=unit_facts(Type="oneshot"), agent=ROOT)

    assert len(objections(known)) == 4


@pytest.mark.parametrize("known", [facts(agent=ROOT), facts(exposed=("/home/a belongs to uid 7",))])
def test_advisory_overrules_what_only_weakens_the_rules(known: Facts) -> None:
    """--advisory accepts an agent that could get round the rules, and nothing that would not work."""
    yielding = replace(known, wish=replace(known.wish, advisory=True))

    assert objections(known) != ()
    assert objections(yielding) == ()
    assert objections(replace(yielding, host=host_facts(bus=False))) != ()


def test_own_enablement_is_no_rival() -> None:
    """A link in *.requires of the unit's own enablement is taken over, not refused."""
    link = Path("/etc/systemd/system/app.target.requires/openclaw-gateway.service")

    assert objections(facts(unit=unit_facts(RequiredBy="app.target", links=(link,)))) == ()
    assert objections(facts(unit=unit_facts(RequiredBy="app.target"))) != ()


def test_gatedogs_own_targets_are_no_rivals() -> None:
    """Set up again, the unit is required by our own target."""
    assert objections(facts(unit=unit_facts(RequiredBy="gatedog-start@openclaw-gateway.target"))) == ()


def test_user_unit_is_offered_a_move() -> None:
    """The unit of a user's manager comes with the commands that make a system unit of it."""
    found = UserUnit(path=Path("/home/o/.config/systemd/user/x.service"), user="o", argv=("/usr/bin/node", "a b"))
    known = replace(facts(unit=unit_facts("x.service", LoadState="not-found")), user_units=(found,))

    assert "as o, systemctl --user disable --now x.service" in said(known)
    assert "--user o --command '/usr/bin/node '\"'\"'a b'\"'\"''" in said(known)
    assert "gatedog run -- /usr/bin/node 'a b'" in said(known)


@pytest.mark.parametrize(
    ("gateway", "what"),
    [
        (GatewayPolicy(name=GatewayName("openclaw"), unit="other.service"), "owns the unit other.service"),
        (GatewayPolicy(name=GatewayName("openclaw"), command=CommandPolicy(argv=("/x",))), "owns a command"),
        (GatewayPolicy(name=GatewayName("first"), unit="openclaw-gateway.service"), "--name first"),
    ],
)
def test_policy_that_says_otherwise_wins(gateway: GatewayPolicy, what: str) -> None:
    """A name or a unit that the policy gave away is not taken."""
    assert what in said(facts(policy=Policy(gateways=(gateway,))))


@pytest.mark.parametrize(
    ("known", "note"),
    [
        (facts(), "the gateway runs on through this"),
        (facts(), "Restart=always is overruled"),
        (facts(), "no /etc/gatedog/pager.toml"),
        (facts(), "not enabled by a link of its own"),
        (facts(unit=unit_facts(Type="notify")), "Type=notify: systemd says"),
        (facts(unit=unit_facts(WantedBy="multi-user.target")), "multi-user.target pulls it in"),
        (facts(unit=unit_facts(PartOf="app.target")), "(PartOf=): a foreign stop"),
        (facts(unit=unit_facts(BindsTo="db.service")), "(BindsTo=): a foreign stop"),
        (facts(unit=unit_facts("real.service")), "another name of real.service"),
        (facts(COMMAND), "agent.service is new; gatedog starts it"),
    ],
)
def test_notes_say_what_changes(known: Facts, note: str) -> None:
    """What is accepted but different afterwards is said in words."""
    assert any(note in each for each in notes(known))


def test_own_link_needs_no_note() -> None:
    """Enablement that is taken over is in the diff, and no pull by somebody else."""
    told = notes(facts(unit=unit_facts(WantedBy="multi-user.target", links=(LINK,))))

    assert not [each for each in told if "pulls it in" in each or "not enabled" in each]
