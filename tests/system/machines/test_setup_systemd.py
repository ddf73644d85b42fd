"""`gatedog setup systemd` and `setup remove` on real systemd: what they print, do and undo."""

import json
import re
from collections.abc import Iterator

import pytest
from machine import Machine
from machine_install import install_gatedog
from machine_sessions import RemoteHost
from setup_site import GATEWAY, Site, changed

pytestmark = pytest.mark.system

ODD = 'two  "words" 50% $HOME ${X} \\n'
"""A value with everything in it that systemd could read otherwise."""
POLICY = '# mine\n[gateway.other]\ncommand = ["/bin/sleep", "inf"]   # do not touch\n'


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[Site]:
    """Give the machine on which every test leaves the gateway unowned and running."""
    with Machine(suite) as made:
        install_gatedog(made.boot())
        yield Site(made)


@pytest.fixture
def owned(site: Site) -> Iterator[Site]:
    """Give the machine with the gateway owned."""
    site.own()
    yield site
    site.give_back()


def test_dry_run_prints_everything_and_changes_nothing(site: Site) -> None:
    """Without --apply, files with modes, links and commands are listed, as root and as anybody, and nothing changes."""
    before = site.listing()
    said = site.run(f"gatedog setup systemd --unit {GATEWAY} --name openclaw")
    as_alice = site.run(f"gatedog setup systemd --unit {GATEWAY} --name openclaw", user="alice")

    assert changed(before, site.listing()) == []
    assert f"+++ /etc/systemd/system/{GATEWAY}.d/50-gatedog.conf  mode 0644 root:root" in said
    assert "+RefuseManualStart=yes" in said
    assert "+++ /etc/gatedog/policy.toml  mode 0640 root:gatedog" in said
    assert f"remove link /etc/systemd/system/multi-user.target.wants/{GATEWAY}" in said
    assert "run systemctl daemon-reload" in said
    assert "run systemctl start gatedog.service" in said
    assert said.endswith("nothing was changed. To do it, add --apply.\n")
    assert "+RefuseManualStart=yes" in as_alice
    assert as_alice.endswith("nothing was changed. To do it, add --apply.\n")


def test_apply_needs_root(site: Site) -> None:
    """A user who adds --apply is told to use sudo, and nothing changes."""
    before = site.listing()
    said = site.run(f"gatedog setup systemd --unit {GATEWAY} --apply", user="alice")

    assert said.startswith("[4]")
    assert "next: sudo gatedog setup systemd" in said
    assert changed(before, site.listing()) == []


def test_removal_restores_byte_for_byte_while_the_gateway_runs_on(site: Site) -> None:
    """Install and removal leave every file, mode, owner and link as it was, and the gateway's process alone."""
    before, pid = site.listing(), site.pid()
    site.own()
    in_force = changed(before, site.listing())
    owned_pid = site.pid()
    site.give_back()

    assert len(in_force) > 20
    assert owned_pid == pid
    assert site.pid() == pid
    assert changed(before, site.listing()) == []
    assert site.machine.unit(GATEWAY)["RefuseManualStart"] == "no"
    assert site.machine.unit(GATEWAY)["UnitFileState"] == "enabled"


def test_a_humans_own_files_come_back(site: Site) -> None:
    """A policy, a pager file and drop-ins that were there keep every line, and get their modes back."""
    machine = site.machine
    machine.write("/etc/gatedog/policy.toml", POLICY, mode=0o600)
    machine.write("/etc/gatedog/pager.toml", "", mode=0o604)
    machine.write(f"/etc/systemd/system/{GATEWAY}.d/10-mine.conf", "[Service]\nNice=3\n", mode=0o600)
    site.run("systemctl daemon-reload")
    before = site.listing()
    site.own()
    merged = machine.read("/etc/gatedog/policy.toml")
    modes = site.run("stat -c '%a %U:%G' /etc/gatedog /etc/gatedog/policy.toml /etc/gatedog/pager.toml")
    site.give_back()
    after = site.listing()
    site.run(f"rm -r /etc/gatedog /etc/systemd/system/{GATEWAY}.d; systemctl daemon-reload")

    assert merged == f'{POLICY}\n[gateway.openclaw]\nunit = "{GATEWAY}"\n'
    assert modes == "750 root:gatedog\n640 root:gatedog\n640 root:gatedog\n"
    assert changed(before, after) == []


def test_policy_edited_since_keeps_what_the_human_wrote(site: Site) -> None:
    """Removal takes out the section that setup added and nothing that came later."""
    site.own()
    site.run("printf '\\n[gateway.later]\\ncommand = [\"/bin/sleep\"]\\n' >>/etc/gatedog/policy.toml")
    site.give_back()
    left = site.machine.read("/etc/gatedog/policy.toml")
    site.run("rm -r /etc/gatedog")

    assert "[gateway.later]" in left
    assert "openclaw" not in left


def test_setting_up_again_changes_nothing(owned: Site) -> None:
    """A second run finds everything in its place."""
    before = owned.listing()
    said = owned.run(f"gatedog setup systemd --unit {GATEWAY} --name openclaw --no-start --apply")

    assert said.endswith("nothing to change.\n")
    assert changed(before, owned.listing()) == []


def test_failure_on_the_way_puts_everything_back(site: Site) -> None:
    """When one place cannot be written, or systemd refuses a command, nothing stays behind."""
    before = site.listing()
    site.run("mount --bind /etc/polkit-1 /etc/polkit-1 && mount -o remount,bind,ro /etc/polkit-1")
    unwritable = site.run(f"gatedog setup systemd --unit {GATEWAY} --no-start --apply")
    site.run("umount /etc/polkit-1")
    after_unwritable = site.listing()
    # The last command of the plan fails: gatedog has no state folder that it could write.
    site.run("ln -s /nowhere/at/all /var/lib/gatedog")
    refused = site.run(f"gatedog setup systemd --unit {GATEWAY} --apply")
    site.run("rm /var/lib/gatedog")

    assert "everything was put back as it was" in unwritable
    assert changed(before, after_unwritable) == []
    assert "`systemctl start gatedog.service` failed" in refused
    assert "everything was put back as it was" in refused
    assert changed(before, site.listing()) == []
    assert site.machine.unit(GATEWAY)["RefuseManualStart"] == "no"


def test_systemctl_is_refused_for_everybody(owned: Site) -> None:
    """Start, stop and restart are refused for root, a sudoer and the agent; status names owner and remedy."""
    pid = owned.pid()
    for user in (None, "alice", "openclaw"):
        for verb in ("restart", "try-restart", "stop", "start"):
            said = owned.run(f"systemctl --no-ask-password {verb} {GATEWAY}", user=user)
            assert said.startswith("["), (user, verb, said)
    owned.machine.write("/etc/sudoers.d/alice", "alice ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
    sudo = owned.run(f"sudo systemctl restart {GATEWAY}", user="alice")
    owned.run("rm /etc/sudoers.d/alice")
    status = owned.run(f"systemctl status --no-pager {GATEWAY}")

    assert owned.pid() == pid
    assert "may be requested by dependency only" in sudo
    assert 'owned by gatedog: type "gatedog restart openclaw", systemctl is refused' in status
    assert "Docs: file:/usr/lib/gatedog/owned.txt" in status
    assert "gatedog restart NAME" in owned.machine.read("/usr/lib/gatedog/owned.txt")


def test_a_start_without_a_ticket_fails(owned: Site) -> None:
    """Root's way round, a unit that wants the gateway, stops at the assertion; the gateway's own Restart= is off."""
    owned.run(f"systemctl start gatedog-stop@{GATEWAY.removesuffix('.service')}.target")
    owned.run(f"systemd-run --wait --property=Wants={GATEWAY} --property=After={GATEWAY} true")
    went_round = owned.machine.unit(GATEWAY)
    owned.run("/usr/lib/gatedog/break-glass start openclaw")
    started = owned.machine.unit(GATEWAY)

    assert (went_round["ActiveState"], went_round["AssertResult"]) == ("inactive", "no")
    assert (started["ActiveState"], started["Restart"]) == ("active", "no")


def test_exposure_scores(owned: Site) -> None:
    """By systemd's own figures, gatedog has at most 2.2, its gateway and its small units at most 2.0."""
    units = {"gatedog": 2.2, GATEWAY.removesuffix(".service"): 2.0, "gatedog-observe@x": 2.0, "gatedog-inspect": 2.0}
    units |= {"gatedog-lastword@gatedog": 2.0, "gatedog-retry": 2.0}
    for unit, most in units.items():
        said = owned.run(f"systemd-analyze security --no-pager {unit}.service")
        assert float(said.split(".service:")[-1].split()[0]) <= most, said.splitlines()[-1]


def test_units_are_what_systemd_understands(owned: Site) -> None:
    """systemd-analyze has no remark about any of our units."""
    own = "gatedog.service gatedog-retry.timer gatedog-inspect.timer gatedog-lastword@gatedog.timer"
    said = owned.run(f"systemd-analyze verify {own} gatedog-start@x.target gatedog-stop@x.target {GATEWAY} 2>&1")

    assert [line for line in said.splitlines() if "gatedog" in line and "x.service" not in line] == []


def test_a_second_gateway_shares_what_is_there(site: Site) -> None:
    """Two gateways are set up and removed one by one; the first removal leaves the second one owned."""
    before = site.listing()
    site.run("useradd --system --create-home second")
    site.own()
    command = "--name second --user second --command '/usr/bin/sleep 1000'"
    said = site.run(f"gatedog setup systemd {command} --no-start --apply")
    both = site.machine.read("/etc/gatedog/policy.toml")
    again = site.run(f"gatedog setup systemd {command} --no-start")
    site.give_back("openclaw")
    rest = site.machine.read("/etc/gatedog/policy.toml")
    start = site.run("/usr/lib/gatedog/break-glass start second")
    look = f"ps -o user=,args= -p {site.pid('second.service')}"
    # Until it has become the program, the process is systemd's own.
    runs = site.machine.wait_for(lambda: "1000" in (said := site.run(look)) and said.split(), "the command to run")
    site.run("/usr/lib/gatedog/break-glass stop second")
    site.give_back("second")
    site.run("userdel --remove second")

    assert "done. second.service is owned" in said
    assert "[gateway.openclaw]" in both
    assert again.endswith("nothing to change.\n")
    assert "openclaw" not in rest
    assert "[gateway.second]" in rest
    assert "second.service is active" in start
    assert runs == ["second", "/usr/bin/sleep", "1000"]
    assert changed(before, site.listing()) == []


def test_install_starts_gatedog_and_removal_stops_it(site: Site) -> None:
    """With --apply, gatedog and its timers run; a second gateway is taken up; removal ends them and no gateway."""
    site.machine.add_user("carol", "sudo")
    site.machine.write("/etc/sudoers.d/carol", "carol ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
    before, pid = site.listing(), site.pid()
    ours = (
        "systemctl is-active gatedog.service gatedog-retry.timer gatedog-inspect.timer gatedog-lastword@gatedog.timer"
    )
    site.run(f"gatedog setup systemd --unit {GATEWAY} --name openclaw --apply")
    run = site.run(ours)
    site.run("useradd --system --create-home second")
    by_a_script = site.run("gatedog setup systemd --name second --user second --command '/usr/bin/sleep 1000' --apply")
    proposal = re.search(r"they wait for a human: gatedog policy commit (PROP-\d+)", by_a_script)
    assert proposal is not None, by_a_script
    with RemoteHost(site.machine).terminal("carol") as human:
        human.run(f"sudo gatedog policy commit {proposal[1]}")
    site.run("systemctl restart gatedog.service")
    second = site.machine.wait_for(lambda: int(site.pid("second.service")), "gatedog to start the second gateway")
    site.give_back("second")
    site.give_back("openclaw")
    gone = site.run(ours)
    goes_on = site.run(f"ps -o args= -p {second}")
    site.run("systemctl stop second.service; userdel --remove second; rm -r /var/lib/gatedog")

    assert run == "active\n" * 4
    assert "active\n" not in gone.replace("inactive", "")
    assert goes_on == "/usr/bin/sleep 1000\n"
    assert site.pid() == pid
    assert changed(before, site.listing()) == []


def test_no_hardening_keeps_its_reason(site: Site) -> None:
    """The reason for an unhardened gateway stands where its hardening would."""
    site.own("--no-hardening 'needs a browser sandbox'")
    drop_in = site.machine.read(f"/etc/systemd/system/{GATEWAY}.d/60-gatedog-hardening.conf")
    hardened = site.machine.unit(GATEWAY)["NoNewPrivileges"]
    site.give_back()

    assert "# Not hardened: needs a browser sandbox\n" in drop_in
    assert hardened == "no"


def test_what_the_profile_asks_for_reaches_the_unit_and_goes_again(site: Site) -> None:
    """The variables of a profile are in the diff, read by systemd as they were written, and gone after removal."""
    site.machine.run(["install", "-d", "/etc/gatedog/profiles"])
    site.machine.write("/etc/gatedog/profiles/odd.toml", f"[environment]\nODD = '{ODD}'\nPLAIN = \"a\"\n")
    before = site.listing()
    options = "--profile odd --port 18789"
    shown = site.run(f"gatedog setup systemd --unit {GATEWAY} --name openclaw {options}")
    site.own(options)
    path = "/org/freedesktop/systemd1/unit/openclaw_2dgateway_2eservice"
    ask = (
        f"busctl --json=short get-property org.freedesktop.systemd1 {path} org.freedesktop.systemd1.Service Environment"
    )
    in_force = json.loads(site.run(ask))["data"]
    policy = site.machine.read("/etc/gatedog/policy.toml")
    site.give_back()

    assert "+Environment=PLAIN=a" in shown
    assert {"PLAIN=a", f"ODD={ODD}"} <= set(in_force)
    assert "port = 18789" in policy
    assert json.loads(site.run(ask))["data"] == []
    assert changed(before, site.listing()) == []
    site.run("rm -r /etc/gatedog")


def printed_codes(said: str) -> list[str]:
    """Return the release codes in what a command said."""
    return re.findall(r"^ +\d+  ([a-z0-9-]{20})$", said, flags=re.MULTILINE)


def number_of(site: Site, code: str) -> str:
    """Return which code of the set it is, as gatedog finds it under its own account."""
    look = "import pathlib, watchdog.approval.codes as codes; print(codes.match(input(), pathlib.Path(CODES)).number)"
    look = look.replace("CODES", "'/etc/gatedog/release_codes'")
    return site.run(f'echo {code} | /usr/lib/gatedog/bin/python -c "{look}"', user="gatedog").strip()


def test_ten_release_codes_are_printed_once(site: Site) -> None:
    """The first setup prints them when it is done, and none after it; gatedog can read the file, the agent cannot."""
    shown = site.run(f"gatedog setup systemd --unit {GATEWAY} --name openclaw")
    said = site.own()
    codes = printed_codes(said)
    modes = site.run("stat -c '%a %U:%G' /etc/gatedog/release_codes")
    numbers = [number_of(site, code) for code in (codes[0], codes[9])]
    as_agent = site.run("cat /etc/gatedog/release_codes", user="openclaw")
    again = site.run(f"gatedog setup systemd --unit {GATEWAY} --name openclaw --no-start --apply")
    written = site.run("journalctl --no-pager; cat /etc/gatedog/* /var/lib/gatedog-setup/*")
    site.give_back()

    assert "+ten release codes, printed once when applied" in shown
    assert "/etc/gatedog/allowed_signers (root:gatedog, mode 0640)" in shown
    assert printed_codes(shown) == []
    assert len(codes) == 10
    assert modes == "640 root:gatedog\n"
    assert numbers == ["1", "10"]
    assert "Permission denied" in as_agent
    assert again.endswith("nothing to change.\n")
    assert not any(code in written for code in codes)


def test_a_new_set_of_release_codes_voids_the_old(site: Site) -> None:
    """Without --apply nothing changes; with it ten others are printed; removal takes the file away all the same."""
    unowned = site.run("gatedog setup codes --apply")
    before = site.listing()
    old = printed_codes(site.own())
    owned = site.listing()
    dry = site.run("gatedog setup codes")
    unchanged = changed(owned, site.listing())
    as_alice = site.run("gatedog setup codes --apply", user="alice")
    new = printed_codes(site.run("gatedog setup codes --apply"))
    numbers = [number_of(site, code) for code in (old[0], new[0], new[9])]
    site.give_back()

    assert "gatedog owns nothing on this host" in unowned
    assert "-ten release codes: void from then on" in dry
    assert dry.endswith("nothing was changed. To do it, add --apply.\n")
    assert unchanged == []
    assert as_alice.startswith("[4]")
    assert printed_codes(as_alice) == []
    assert len(set(old) | set(new)) == 20
    assert numbers == ["None", "1", "10"]
    assert changed(before, site.listing()) == []


def test_a_signers_file_of_a_human_becomes_readable_for_gatedog(owned: Site) -> None:
    """What root wrote with a narrow umask is given to gatedog's group by the next setup, its content kept."""
    owned.machine.write("/etc/gatedog/allowed_signers", "# nobody yet\n", mode=0o600)
    owned.run(f"gatedog setup systemd --unit {GATEWAY} --name openclaw --no-start --apply")
    said = owned.run(
        "stat -c '%a %U:%G' /etc/gatedog/allowed_signers; cat /etc/gatedog/allowed_signers", user="gatedog"
    )
    owned.run("rm /etc/gatedog/allowed_signers")

    assert said == "640 root:gatedog\n# nobody yet\n"
