"""What setup finds out on a machine: the policy that is there, and what the gateway's profile asks for."""

from pathlib import Path

import pytest
from bare_machine import Machine, bare_machine

from watchdog.policyfile.problems import PolicyProblems
from watchdog.setup.facts import Facts, Wish
from watchdog.setup.look import gather, profiles_on

OWN = '[environment]\nMODE = "mine, 100%"\n'
RULED = '[gateway.openclaw]\nunit = "openclaw-gateway.service"\nprofile = "own"\n'


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Make a machine with nothing on it."""
    return bare_machine(tmp_path)


def look(machine: Machine, profile: str = "") -> Facts:
    """Look, as setup would."""
    return gather(Wish(name="openclaw", unit="openclaw-gateway.service", profile=profile), machine.host)


def test_the_profile_that_is_wished_for_says_what_the_unit_needs(machine: Machine) -> None:
    """Before there is a policy, the profile of the command line counts."""
    assert dict(look(machine, "openclaw").environment) == {
        "OPENCLAW_SERVICE_REPAIR_POLICY": "external",
        "OPENCLAW_SUPERVISOR_MODE": "external",
    }


def test_no_profile_asks_for_nothing(machine: Machine) -> None:
    """A gateway of no known kind gets no variables, and neither does one whose kind needs none."""
    assert look(machine).environment == ()
    assert look(machine, "generic-http").environment == ()


def test_the_profile_of_the_policy_wins_and_may_be_the_humans_own(machine: Machine) -> None:
    """What the policy in force says counts, read from the bundle of the machine that is set up."""
    machine.write("/etc/gatedog/policy.toml", RULED)
    machine.write("/etc/gatedog/profiles/own.toml", OWN)

    found = look(machine, "openclaw")

    assert found.ruled is not None
    assert found.environment == (("MODE", "mine, 100%"),)


def test_a_profile_that_is_not_there_is_named(machine: Machine) -> None:
    """A word that no profile has is a problem of the policy, with those that there are."""
    with pytest.raises(PolicyProblems, match='no profile "opencow"'):
        look(machine, "opencow")


def test_a_variable_that_is_none_is_refused(machine: Machine) -> None:
    """What cannot be the name of a variable never reaches a unit file."""
    machine.write("/etc/gatedog/profiles/own.toml", '[environment]\n"A B" = "x"\n')

    with pytest.raises(PolicyProblems, match="cannot be the name of a variable"):
        look(machine, "own")


def test_without_a_folder_of_ones_own_the_shipped_profiles_are_there(machine: Machine) -> None:
    """Nothing has to be written first."""
    assert profiles_on(machine.host).used() == ()
