"""Release codes at set-up: made once, hashed on disk, shown only to who set up, and gone with the last gateway."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from bare_machine import Machine, bare_machine, facts

from watchdog.approval.codes import ReleaseCodes, make, match
from watchdog.setup import manifest as manifests
from watchdog.setup import papercodes
from watchdog.setup.apply import carry_out
from watchdog.setup.change import Plan, PutFile, PutMode
from watchdog.setup.diff import described, needed
from watchdog.setup.manifest import SHARED
from watchdog.setup.objections import notes
from watchdog.setup.plan import make_plan
from watchdog.setup.removal import make_removal


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Give a machine with a gateway's unit."""
    made = bare_machine(tmp_path / "machine")
    made.write("/etc/systemd/system/openclaw-gateway.service", "[Service]\n")
    return made


@pytest.fixture
def codes() -> ReleaseCodes:
    """Give a set that is the same each time."""
    return made_with(1)


def made_with(seed: int) -> ReleaseCodes:
    """Make the set of a seed."""
    chance = random.Random(seed)  # noqa: S311 - guessed codes do no harm here
    return make(chance.randrange)


def install(machine: Machine, plan: Plan) -> None:
    """Carry a plan out as the command does."""
    with manifests.only_one_setup(machine.host), manifests.remembered(plan, machine.host):
        carry_out(needed(plan.changes, machine.host), machine.host)


def removal(machine: Machine) -> Plan:
    """Make the plan that takes everything away."""
    own, shared = manifests.load("openclaw", machine.host), manifests.load(SHARED, machine.host)
    return make_removal(own, shared, machine.host, last=True)


def test_the_file_is_for_gatedog_to_read_and_has_the_hashes(machine: Machine, codes: ReleaseCodes) -> None:
    """Root's, mode 0640, group gatedog; every code of the page is found in it."""
    plan = make_plan(replace(facts(), fresh_codes=codes.file_text.encode()))
    install(machine, plan)
    put = next(each for each in plan.changes if isinstance(each, PutFile) and each.path == papercodes.PLACE)
    file = machine.host.at(papercodes.PLACE)

    assert (put.mode, put.owner, put.group) == (0o640, "root", "gatedog")
    assert [match(code, file).number for code in codes.codes] == list(range(1, 11))


def test_neither_the_diff_nor_what_is_kept_has_a_code(machine: Machine, codes: ReleaseCodes) -> None:
    """The diff has no line of the file, and no file on the machine has a code, however it is written."""
    plan = make_plan(replace(facts(), fresh_codes=codes.file_text.encode()))
    shown = "\n".join(described(plan.changes, machine.host))
    install(machine, plan)
    written = "".join(text for _, text in machine.listing().values())

    assert "+++ /etc/gatedog/release_codes  mode 0640 root:gatedog\n+ten release codes, printed once" in shown
    assert codes.code_set not in shown
    for code in codes.codes:
        assert code not in shown + written
        assert code.replace("-", "") not in shown + written


def test_the_page_has_all_ten_once(codes: ReleaseCodes) -> None:
    """What is printed says what the codes are for and how one is used."""
    page = papercodes.page(codes, "openclaw")

    assert all(page.count(code) == 1 for code in codes.codes)
    assert 'gatedog release openclaw -m "why" --code -' in page


def test_codes_that_are_there_are_kept(machine: Machine, codes: ReleaseCodes) -> None:
    """A second setup gives the file its mode and leaves every byte, and removal takes it away all the same."""
    before = machine.listing()
    install(machine, make_plan(replace(facts(), fresh_codes=codes.file_text.encode())))
    again = make_plan(replace(facts(), bundle_files=(papercodes.PLACE,)))
    mode_only = [each for each in again.changes if isinstance(each, PutMode) and each.path == papercodes.PLACE]
    machine.host.at(papercodes.PLACE).chmod(0o600)
    install(machine, again)
    kept = machine.host.at(papercodes.PLACE).read_text()
    plan = removal(machine)
    gone = "\n".join(described(plan.changes, machine.host))
    carry_out(plan.changes, machine.host)

    assert len(mode_only) == 1
    assert kept == codes.file_text
    assert "-ten release codes: void from then on" in gone
    assert codes.code_set not in gone
    assert not machine.host.at(papercodes.PLACE).exists()
    assert set(machine.listing()) - {each for each in machine.listing() if "gatedog-setup" in each} == set(before)


def test_a_new_set_goes_with_the_last_gateway_as_well(machine: Machine, codes: ReleaseCodes) -> None:
    """Codes that were made later, on a host that was set up without any, are remembered as setup's own."""
    install(machine, make_plan(facts()))
    later = papercodes.put(codes.file_text.encode())
    install(machine, Plan(gateway="openclaw", unit="", host=(later,), own=(), changes=(later,)))
    carry_out(removal(machine).changes, machine.host)

    assert not machine.host.at("/etc/gatedog").exists()


def test_a_new_set_voids_the_old_one(machine: Machine, codes: ReleaseCodes) -> None:
    """No code of the old set is found in the new file, and the diff says that both change."""
    old = papercodes.put(codes.file_text.encode())
    fresh = made_with(77)
    machine.host.at("/etc/gatedog").mkdir()
    carry_out((old,), machine.host)
    change = papercodes.put(fresh.file_text.encode())
    shown = list(described((change,), machine.host))
    carry_out((change,), machine.host)
    file = machine.host.at(papercodes.PLACE)

    assert shown[-2:] == ["-ten release codes: void from then on", "+ten release codes, printed once when applied"]
    assert [match(code, file).number for code in codes.codes] == [None] * 10
    assert match(fresh.codes[9], file).number == 10


def test_where_signers_belong_is_said_until_there_are_some() -> None:
    """The note has the file, its owner and mode, and a line to copy."""
    listed = replace(facts(), bundle_files=(Path("/etc/gatedog/allowed_signers"),))

    assert papercodes.SIGNERS_NOTE in notes(facts())
    assert "/etc/gatedog/allowed_signers (root:gatedog, mode 0640)" in papercodes.SIGNERS_NOTE
    assert "# alice@ops ssh-ed25519 " in papercodes.SIGNERS_NOTE
    assert papercodes.SIGNERS_NOTE not in notes(listed)
