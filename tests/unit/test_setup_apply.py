"""Plan, apply, undo, remove: on a folder that stands for the machine."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from bare_machine import Machine, bare_machine, facts, host_facts, unit_facts

from watchdog.core.identity import GatewayName
from watchdog.core.policy import GatewayPolicy, Policy
from watchdog.policyfile.load import parse_policy
from watchdog.setup import manifest as manifests
from watchdog.setup.apply import NotApplied, carry_out
from watchdog.setup.change import Drop, Plan, PutFile, PutFolder, PutLink, PutMode, Run
from watchdog.setup.diff import described, needed
from watchdog.setup.facts import Facts, Wish
from watchdog.setup.manifest import SHARED, ManifestUnusable
from watchdog.setup.plan import make_plan
from watchdog.setup.policysection import section, with_section, without_section
from watchdog.setup.removal import make_removal

LINK = Path("/etc/systemd/system/multi-user.target.wants/openclaw-gateway.service")
POLICY = Path("/etc/gatedog/policy.toml")
WISH = Wish(name="openclaw", unit="openclaw-gateway.service")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Give a machine with an enabled gateway."""
    made = bare_machine(tmp_path / "machine")
    made.host.at(LINK).symlink_to("/etc/systemd/system/openclaw-gateway.service")
    made.write("/etc/systemd/system/openclaw-gateway.service", "[Service]\n")
    return made


def known(machine: Machine, **other: object) -> Facts:
    """Gather, as if by looking, what is on that machine."""
    file = machine.host.at(POLICY)
    text = file.read_bytes() if file.exists() else b""
    policy = parse_policy(text, "policy.toml") if text else None
    found = facts(unit=unit_facts(links=(LINK,)), policy_text=text, policy=policy)
    return replace(found, **other)  # type: ignore[arg-type]  # words of a test


def install(machine: Machine, found: Facts) -> Plan:
    """Set up."""
    plan = make_plan(found)
    with manifests.only_one_setup(machine.host), manifests.remembered(plan, machine.host):
        carry_out(needed(plan.changes, machine.host), machine.host)
    return plan


def remove(machine: Machine, name: str = "openclaw", *, last: bool = True) -> Plan:
    """Take away again."""
    own, shared = manifests.load(name, machine.host), manifests.load(SHARED, machine.host)
    plan = make_removal(own, shared, machine.host, last=last)
    carry_out(needed(plan.changes, machine.host) or plan.changes, machine.host)
    for each in (name, *((SHARED,) if last else ())):
        manifests.place_of(each, machine.host).unlink()
    with manifests.only_one_setup(machine.host):
        pass
    return plan


def test_removal_restores_everything(machine: Machine) -> None:
    """Files, modes, links and folders are as before, and nothing is left over."""
    before = machine.listing()
    install(machine, known(machine))
    between = machine.listing()
    remove(machine)

    assert len(between) > len(before) + 20
    assert str(LINK).lstrip("/") not in between
    assert machine.listing() == before


def test_humans_files_survive(machine: Machine) -> None:
    """A policy and a drop-in that were there come back with every byte and their modes."""
    machine.write("/etc/gatedog/policy.toml", '[gateway.mine]\ncommand = ["/bin/x"]', mode=0o600)
    machine.write("/etc/systemd/system/openclaw-gateway.service.d/50-gatedog.conf", "mine\n", mode=0o640)
    before = machine.listing()
    install(machine, known(machine))
    written = machine.host.at(POLICY).read_text()
    remove(machine)

    assert written.startswith('[gateway.mine]\ncommand = ["/bin/x"]\n\n[gateway.openclaw]\n')
    assert machine.listing() == before


def test_pager_file_keeps_what_was_written_into_it_since(machine: Machine) -> None:
    """Setup changes the mode of a human's file, and removal gives back the mode and not the content."""
    pager = machine.write("/etc/gatedog/pager.toml", "old", mode=0o600)
    install(machine, known(machine, bundle_files=(Path("/etc/gatedog/pager.toml"),)))
    between = pager.stat().st_mode & 0o777
    pager.write_text("new")
    remove(machine)

    assert between == 0o640
    assert pager.stat().st_mode & 0o777 == 0o600
    assert pager.read_text() == "new"


def test_removal_by_somebody_else_is_no_trouble(machine: Machine) -> None:
    """What a human or break-glass took away already needs no removal."""
    before = machine.listing()
    install(machine, known(machine))
    folder = machine.host.at("/etc/systemd/system/openclaw-gateway.service.d")
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    remove(machine)

    assert machine.listing() == before


def test_edited_policy_keeps_its_other_lines(machine: Machine) -> None:
    """Only the section that setup added is taken out of a policy that was edited since."""
    install(machine, known(machine))
    file = machine.host.at(POLICY)
    file.write_text(file.read_text() + '\n[gateway.later]\ncommand = ["/bin/y"]\n')
    remove(machine)

    assert "[gateway.later]" in file.read_text()
    assert "openclaw" not in file.read_text()


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("\nunit", "\nport = 1\nunit"),
        lambda text: text + '\n[gateway.openclaw.budget]\nwindows = ["6 per 10min"]\n',
    ],
    ids=["a line of the section", "a table for the gateway"],
)
def test_section_that_was_edited_is_left_and_told(machine: Machine, edit: Callable[[str], str]) -> None:
    """A section that a human made their own is not torn apart, and what is left can be read."""
    install(machine, known(machine))
    file = machine.host.at(POLICY)
    edited = edit(file.read_text())
    file.write_text(edited)
    plan = remove(machine)

    assert file.read_text() == edited
    assert any("take [gateway.openclaw] out of it yourself" in note for note in plan.notes)


def test_setting_up_twice_forgets_nothing(machine: Machine) -> None:
    """The first look at a place is what removal goes back to, also after a second setup with other options."""
    before = machine.listing()
    install(machine, known(machine))
    again = known(machine, wish=replace(WISH, no_hardening="because"), unit=unit_facts())
    install(machine, again)
    remove(machine)

    assert machine.listing() == before


def test_nothing_is_needed_the_second_time(machine: Machine) -> None:
    """A plan whose files are all there is empty, its commands too."""
    install(machine, known(machine))
    plan = make_plan(known(machine, unit=unit_facts()))

    assert needed(plan.changes, machine.host) == ()


def test_two_gateways_share_and_the_last_takes_all(machine: Machine) -> None:
    """The shared files stay until the last gateway goes, in whichever order."""
    before = machine.listing()
    install(machine, known(machine))
    other = Wish(name="other", unit="other.service")
    install(machine, known(machine, wish=other, unit=unit_facts("other.service")))
    first = remove(machine, "openclaw", last=False)
    between = machine.host.at(POLICY).read_text()
    remove(machine, "other")

    assert Run(argv=("systemctl", "try-restart", "gatedog.service"), may_fail=True) in first.changes
    assert "[gateway.other]" in between
    assert "openclaw" not in between
    assert machine.listing() == before


@pytest.mark.parametrize(
    "fails", ["systemd-sysusers", "systemd-tmpfiles", "systemctl daemon-reload", "systemctl start"]
)
def test_failing_command_puts_everything_back(machine: Machine, fails: str) -> None:
    """Whichever command fails, files, links and manifests are as before."""
    before = machine.listing()
    machine.commands.fail = fails
    with pytest.raises(NotApplied, match=f"`{fails}.*` failed .*put back"):
        install(machine, known(machine))

    assert machine.listing() == before


def test_commands_are_undone_before_files_and_settled_after(machine: Machine) -> None:
    """What was started is stopped, and systemd reads its files again once they are back."""
    machine.commands.fail = "systemctl start gatedog-retry.timer"
    with pytest.raises(NotApplied):
        install(machine, known(machine))
    after = machine.commands.ran[machine.commands.ran.index(("systemctl", "start", "gatedog.service")) :]

    assert ("systemctl", "stop", "gatedog.service") in after
    assert after[-1] == ("systemctl", "daemon-reload")


def test_running_gatedog_is_restarted_for_another_gateway(machine: Machine) -> None:
    """With gatedog up already, it takes up another gateway by a restart, and a failure leaves it running."""
    commands = [each for each in make_plan(known(machine, host=host_facts(runs=True))).changes if isinstance(each, Run)]

    assert ("systemctl", "restart", "gatedog.service") in [each.argv for each in commands]
    assert ("systemctl", "stop", "gatedog.service") not in [each.undo for each in commands]


def test_no_plan_touches_the_gateway(machine: Machine) -> None:
    """Neither install nor removal starts, stops, restarts or kills the gateway's own unit."""
    plan = install(machine, known(machine))
    gone = remove(machine)
    words = [word for each in (*plan.changes, *gone.changes) if isinstance(each, Run) for word in each.argv]

    assert "openclaw-gateway.service" not in words


def test_unwritable_place_puts_everything_back(machine: Machine) -> None:
    """A folder where a file belongs stops the install, and the files before it are taken away again."""
    machine.host.at("/etc/pam.d/gatedog-gateway/sub").mkdir(parents=True)
    before = machine.listing()
    with pytest.raises(NotApplied, match="gatedog-gateway is a folder"):
        install(machine, known(machine))

    assert machine.listing() == before


def test_unknown_account_puts_everything_back(machine: Machine) -> None:
    """A group that the system did not make is told by its name."""

    def no_group(_owner: str, group: str) -> tuple[int, int]:
        raise KeyError(group)

    before = machine.listing()
    host = replace(machine.host, ids=no_group)
    with pytest.raises(NotApplied, match="no such account: gatedog"):
        carry_out((PutFile(path=Path("/etc/x"), body=b"", group="gatedog"),), host)

    assert machine.listing() == before


def test_every_kind_of_change_is_undone(machine: Machine) -> None:
    """Files, folders, modes and links, made, replaced and dropped, go back to what they were."""
    machine.write("/a/file", "old", mode=0o600)
    machine.write("/a/gone", "old", mode=0o604)
    machine.host.at("/a/link").symlink_to("somewhere")
    machine.host.at("/a/empty").mkdir(mode=0o711)
    before = machine.listing()
    changes = (
        PutFolder(path=Path("/a/new"), mode=0o750),
        PutFolder(path=Path("/a/empty"), mode=0o700),
        PutFile(path=Path("/a/file"), body=b"new"),
        PutFile(path=Path("/a/link"), body=b"no link any more"),
        PutMode(path=Path("/a/gone"), mode=0o640, owner="root", group="root"),
        PutLink(path=Path("/a/new/link"), target="x"),
        Drop(path=Path("/a/gone")),
        Drop(path=Path("/a/empty")),
        Run(argv=("false",)),
    )
    machine.commands.fail = "false"
    with pytest.raises(NotApplied):
        carry_out(changes, machine.host)

    assert machine.listing() == before


def test_what_cannot_be_put_back_is_named(machine: Machine) -> None:
    """An undo that fails is told, never hidden."""
    machine.commands.fail = "systemctl"
    with pytest.raises(NotApplied, match=r"could not be put back: `systemctl stop x`: it does not work"):
        carry_out((Run(argv=("systemctl", "start", "x"), undo=("systemctl", "stop", "x")),), machine.host)


def test_diff_shows_every_change(machine: Machine) -> None:
    """Files as unified diffs with mode and owner, folders, links and commands in the order of the plan."""
    machine.write("/a/file", "one\ntwo\n")
    machine.write("/a/gone", "bye\n")
    changes = (
        PutFolder(path=Path("/a/b"), mode=0o700),
        PutFile(path=Path("/a/file"), body=b"one\n\x1b[31mthree\n", mode=0o640, group="gatedog"),
        PutLink(path=Path("/a/link"), target="/x"),
        Drop(path=Path("/a/gone")),
        Run(argv=("systemctl", "daemon-reload")),
    )

    assert list(described(changes, machine.host)) == [
        "folder /a/b  mode 0700 root:root",
        "--- /a/file  mode 0644",
        "+++ /a/file  mode 0640 root:gatedog",
        "@@ -1,2 +1,2 @@",
        " one",
        "-two",
        "+\\x1b[31mthree",
        "link /a/link -> /x",
        "--- /a/gone  mode 0644",
        "+++ /a/gone  (removed)",
        "@@ -1 +0,0 @@",
        "-bye",
        "run systemctl daemon-reload",
    ]


def test_second_setup_at_once_is_kept_out(machine: Machine) -> None:
    """Two setups do not mix their changes."""
    with manifests.only_one_setup(machine.host), pytest.raises(BlockingIOError), manifests.only_one_setup(machine.host):
        pass


def test_damaged_manifest_names_the_way_out(machine: Machine) -> None:
    """A manifest that cannot be read does not leave the human without a command."""
    machine.write("/var/lib/gatedog-setup/manifest-openclaw.json", "{")
    with pytest.raises(ManifestUnusable, match="break-glass unmanage openclaw"):
        manifests.load("openclaw", machine.host)


def test_observations_of_the_policy_become_units(machine: Machine) -> None:
    """Each command of the policy has its instance, gone again when the policy drops it."""
    look = GatewayPolicy(
        name=GatewayName("openclaw"), unit="openclaw-gateway.service", observe=(("look", ("/bin/cli", "a b")),)
    )
    install(machine, known(machine, policy=Policy(gateways=(look,))))
    folder = Path("/etc/systemd/system/gatedog-observe@openclaw-look.service.d")
    written = machine.host.at(folder / "50-gatedog.conf").read_text()
    bare = replace(look, observe=())
    plan = make_plan(known(machine, policy=Policy(gateways=(bare,)), earlier_observations=(folder,)))

    assert 'ExecStart=\nExecStart=/bin/cli "a b"\n' in written
    assert "User=openclaw\n" in written
    assert Drop(path=folder / "50-gatedog.conf") in needed(plan.changes, machine.host)


@pytest.mark.parametrize("before", [b"", b"# mine\n", b"# no line end"])
def test_section_goes_in_and_out(before: bytes) -> None:
    """A section is appended and taken out, whatever the file ended with."""
    added = section(WISH, "openclaw-gateway.service")
    after = with_section(before, added)

    assert after.endswith(added)
    assert without_section(after, added, before=before) == before


def test_section_quotes_its_values() -> None:
    """A unit's name with a backslash and a profile with a quote are read again as they were."""
    text = with_section(b"", section(Wish(name="a", profile='x"y'), "a\\x2db.service")).decode()

    assert 'unit = "a\\\\x2db.service"' in text
    assert 'profile = "x\\"y"' in text
    assert "port" not in text


@pytest.mark.parametrize(
    ("argv", "directory", "paths"),
    [
        (("/usr/bin/node", "/srv/claw/dist/index.js", "gateway"), "", ("/srv/claw/dist",)),
        (("/usr/bin/node", "dist/index.js"), "-/srv/claw", ("/srv/claw/dist",)),
        (("/usr/bin/node", "claw/index.js"), "~", ("/home/openclaw/claw",)),
        (("/usr/bin/env", "A=b", "/home/openclaw/run"), "/", ("/home/openclaw/run",)),
        (("/usr/bin/node", "/opt/claw/index.js", "--port", "1"), "/srv/claw", ()),
        (("/srv/claw/$VERSION/run",), "", ()),
        ((), "", ()),
    ],
)
def test_the_section_guards_the_program(argv: tuple[str, ...], directory: str, paths: tuple[str, ...]) -> None:
    """Where no shipped rule does, a rule of the gate names its folder, in a policy that can be read."""
    unit = unit_facts(WorkingDirectory=directory)
    found = facts(unit=replace(unit, argv=argv, program=argv[0] if argv else ""))
    plan = make_plan(found)
    (written,) = [put.body for put in plan.own if isinstance(put, PutFile) and put.path == POLICY]
    (ruled,) = parse_policy(written, "policy.toml").gateways

    assert [(rule.name, rule.paths) for rule in ruled.gate] == ([("program", paths)] if paths else [])


def test_the_section_goes_with_the_rules_of_its_gate(machine: Machine) -> None:
    """What setup wrote is taken out whole, also from between what a human wrote around it."""
    unit = replace(unit_facts(links=(LINK,)), argv=("/usr/bin/node", "/srv/claw/index.js"))
    mine, later = '[gateway.mine]\ncommand = ["/bin/x"]\n', '\n[gateway.later]\ncommand = ["/bin/y"]\n'
    place = machine.write("/etc/gatedog/policy.toml", mine, mode=0o600)
    install(machine, known(machine, unit=unit))
    put_there = place.read_text()
    place.write_text(put_there + later)
    remove(machine)

    assert 'paths = ["/srv/claw"]' in put_there
    assert place.read_text() == mine + later


def test_a_profile_that_asks_at_a_port_makes_a_whole_policy() -> None:
    """What `--profile openclaw --port 18789` writes is a policy that can be read, with its probes at that port."""
    text = with_section(b"", section(Wish(name="a", profile="openclaw", port=18789), "a.service"))

    assert "127.0.0.1:18789" in parse_policy(text, "policy.toml").gateways[0].ready.target
