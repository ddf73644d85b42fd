"""The machines themselves: what tests on them rely on."""

import errno
import subprocess
import sys
import time
from pathlib import Path

import pytest
from machine import Machine
from machine_sessions import RemoteHost, console

pytestmark = pytest.mark.system

SYSTEMD = {"bookworm": "252", "trixie": "257"}
WAIT_S = 20.0
MACHINES = Path(__file__).parent
OWNER = """
import sys, time
from machine import Machine

machine = Machine(sys.argv[1])
machine.boot()
print(machine.cgroup, machine.place, flush=True)
time.sleep(600)
"""
"""A test run that will be killed."""


def is_populated(cgroup: Path) -> bool:
    """Say whether any process is left in a cgroup, which another test run may be sweeping up at this moment."""
    try:
        return "populated 1" in (cgroup / "cgroup.events").read_text(encoding="ascii")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return False
        raise


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """Give the shared machine with a user alice."""
    if machine.run(["id", "alice"], check=False).returncode != 0:
        machine.add_user("alice", "sudo")
    return machine


@pytest.fixture
def remote_host(machine: Machine) -> RemoteHost:
    """Give the other end of the shared machine's cable."""
    return RemoteHost(machine)


def test_machine_runs_the_systemd_of_its_release(machine: Machine, suite: str) -> None:
    """Debian 12 has systemd 252, Debian 13 has 257, and nothing failed at boot."""
    assert machine.run(["systemctl", "--version"]).stdout.split()[1] == SYSTEMD[suite]
    assert machine.run(["systemctl", "is-system-running"]).stdout.strip() == "running"
    assert machine.read("/proc/1/comm") == "systemd\n"


def test_machine_has_the_buses_and_daemons_of_a_host(machine: Machine) -> None:
    """The system bus, polkit, logind, cron, at and sshd answer."""
    ping = ["busctl", "call", "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1", "org.freedesktop.DBus.Peer"]
    machine.run([*ping, "Ping"])
    machine.run(["loginctl", "list-sessions"])

    active = [machine.unit(f"{name}.service")["ActiveState"] for name in ("dbus", "polkit", "cron", "atd", "ssh")]

    assert active == ["active"] * 5


def test_tree_keeps_nothing_of_the_host_that_built_it(machine: Machine) -> None:
    """No mirror, package index, resolver or name of the host remains in a tree."""
    gone = ("etc/apt/sources.list", "etc/pip.conf", "etc/resolv.conf", "host", "furnish", "var/log/bootstrap.log")

    assert [name for name in gone if (machine.tree / name).exists()] == []
    assert machine.run(["hostname"]).stdout == "machine\n"


def test_unit_may_watch_signals(machine: Machine) -> None:
    """A unit of a plain user with CAP_PERFMON may open the event of signals being sent, whose number root reads."""
    if "tracefs" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        pytest.skip("this kernel has no tracefs")
    event = machine.read("/sys/kernel/tracing/events/signal/signal_generate/id").strip()
    script = f"""
import ctypes, os, platform, struct
call = {{"x86_64": 298, "aarch64": 241}}[platform.machine()]
wanted = ctypes.create_string_buffer(struct.pack("IIQQQQ", 2, 128, {event}, 1, 0, 0), 128)
fd = ctypes.CDLL(None, use_errno=True).syscall(call, wanted, -1, 0, -1, 0)
print("opened" if fd >= 0 else os.strerror(ctypes.get_errno()))
"""
    properties = ["User=nobody", "AmbientCapabilities=CAP_PERFMON"]

    assert machine.run_in_unit(["python3", "-c", script], properties=properties).stdout == "opened\n"


def test_polkit_refuses_a_user(machine: Machine) -> None:
    """A user may ask polkit and is told no: rules are really in force."""
    refused = machine.run(["systemctl", "--no-ask-password", "stop", "cron.service"], user="alice", check=False)

    assert refused.returncode != 0
    assert "authentication required" in refused.stderr
    assert machine.unit("cron.service")["ActiveState"] == "active"


def test_command_runs_outside_of_any_session_and_unit(machine: Machine) -> None:
    """A command is no part of a session or a unit; its input, output, status and environment are its own."""
    done = machine.run(
        ["sh", "-c", 'cat; grep 0:: /proc/self/cgroup; echo "$HOME $PWD $X" >&2; exit 3'],
        input="in\n",
        check=False,
        env={"X": "y"},
    )

    assert done.returncode == 3
    assert done.stdout.startswith("in\n0::/harness/")
    assert done.stderr == "/root / y\n"


def test_command_runs_as_a_user(machine: Machine) -> None:
    """Another user has its uid, its groups and no capabilities."""
    said = machine.run(["sh", "-c", "id -un; id -Gn; echo $HOME; grep CapEff /proc/self/status"], user="alice").stdout

    assert said.split() == ["alice", "alice", "sudo", "/home/alice", "CapEff:", "0" * 16]


def test_command_runs_in_a_unit(machine: Machine) -> None:
    """A command may be a service of PID 1, with properties."""
    done = machine.run_in_unit(["cat", "/proc/self/cgroup"], properties=["User=alice", "Slice=user.slice"])

    assert "0::/user.slice/run-" in done.stdout


def test_overdue_command_is_ended(machine: Machine) -> None:
    """A command that takes too long is killed with its children, and the test fails with the reason."""
    with pytest.raises(AssertionError, match=r"not done after 0\.2 s: sh -c 'sleep 4711"):
        machine.run(["sh", "-c", "sleep 4711 & sleep 4711"], timeout=0.2)

    assert machine.run(["pgrep", "-f", "sleep 4711"], check=False).stdout == ""


def test_files_are_written_and_read(machine: Machine) -> None:
    """A file has the mode and the owner that were asked for; its folders are made."""
    machine.write("/var/lib/machines-test/deep/file", "text\n", mode=0o640, owner="alice")

    assert machine.read("/var/lib/machines-test/deep/file") == "text\n"
    said = machine.run(["stat", "--format=%a %U %G", "/var/lib/machines-test/deep/file"]).stdout
    assert said == "640 alice alice\n"


def test_console_login_is_a_session_with_a_terminal(machine: Machine) -> None:
    """login(1) makes a session which logind lists with its terminal, and hanging up ends it."""
    with console(machine, "alice") as terminal:
        shown = terminal.run("loginctl show-session $XDG_SESSION_ID; tty; cat /proc/self/loginuid; echo").stdout
        session = terminal.run("echo $XDG_SESSION_ID").stdout.strip()
        rows = machine.run(["loginctl", "--no-legend"]).stdout.splitlines()

    for line in ("Service=login", "Class=user", "Type=tty", "TTY=pts/0", "/dev/pts/0", "1000"):
        assert line in shown.splitlines()
    assert [row.split()[0] for row in rows if "pts/0" in row] == [session]
    machine.wait_for(
        lambda: session not in machine.run(["loginctl", "--no-legend"]).stdout.split(), "the end of the session"
    )


def test_login_from_elsewhere_is_remote(remote_host: RemoteHost) -> None:
    """A login with ssh -t from another host is a session of that host, in a scope of its own, on a terminal."""
    script = "tty; grep 0:: /proc/self/cgroup; echo $SSH_CONNECTION; loginctl show-session $XDG_SESSION_ID"
    said = remote_host.ssh("alice", ["sh", "-c", script]).stdout.splitlines()

    assert said[0].startswith("/dev/pts/")
    assert said[1].startswith("0::/user.slice/user-1000.slice/session-")
    assert said[2].startswith("10.11.12.2 ")
    for line in ("Service=sshd", "Remote=yes", "RemoteHost=10.11.12.2", "Class=user"):
        assert line in said


def test_login_from_elsewhere_without_a_terminal(remote_host: RemoteHost) -> None:
    """A login with ssh -T has no terminal, keeps stdout and stderr apart and hands input and status through."""
    done = remote_host.ssh("alice", ["sh", "-c", "tty; cat >&2; exit 3"], tty=False, input="in", check=False)

    assert (done.returncode, done.stdout, done.stderr) == (3, "not a tty\n", "in")


def test_remote_terminal_stays_logged_in(remote_host: RemoteHost) -> None:
    """A person's ssh session takes one command after the other, and hanging up ends it."""
    machine = remote_host.machine
    with remote_host.terminal("alice") as terminal:
        session = terminal.run("echo $XDG_SESSION_ID").stdout.strip()

        assert terminal.run("false").returncode == 1
        assert terminal.run("echo $XDG_SESSION_ID").stdout.strip() == session
        assert session in machine.run(["loginctl", "--no-legend"]).stdout.split()

    machine.wait_for(
        lambda: session not in machine.run(["loginctl", "--no-legend"]).stdout.split(), "the end of the session"
    )


def test_machine_reaches_no_network(machine: Machine) -> None:
    """There is the remote host and nothing beyond it."""
    routes = machine.run(["ip", "route"]).stdout.splitlines()

    assert len(routes) == 1
    assert routes[0].startswith("10.11.12.0/24 dev cable")


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "unclean"])
def test_reboot_keeps_the_disk_and_nothing_else(fresh_machine: Machine, *, clean: bool) -> None:
    """After a reboot files are there, processes and /run are not, and every user sees a new boot id."""
    before = fresh_machine.boot_id()
    fresh_machine.write("/var/lib/kept", "kept")
    fresh_machine.write("/run/lost", "lost")
    fresh_machine.run(["systemd-run", "--unit=lost", "sleep", "1000"])

    fresh_machine.reboot(clean=clean)

    after = fresh_machine.run(["cat", "/proc/sys/kernel/random/boot_id"], user="nobody").stdout.strip()
    assert after != before
    assert after != Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    assert fresh_machine.read("/var/lib/kept") == "kept"
    assert fresh_machine.run(["test", "-e", "/run/lost"], check=False).returncode == 1
    assert fresh_machine.unit("lost.service")["LoadState"] == "not-found"
    stopped = "Stopped target multi-user.target" in fresh_machine.journal()
    assert stopped == clean
    assert RemoteHost(fresh_machine).ssh("root", ["true"]).returncode == 0


def test_machine_goes_off_and_on(fresh_machine: Machine) -> None:
    """A machine that was shut down boots again from its disk."""
    fresh_machine.write("/var/lib/kept", "kept")

    fresh_machine.power_off()
    assert fresh_machine.boot().read("/var/lib/kept") == "kept"


def test_machines_of_one_tree_do_not_see_each_other(machine: Machine, fresh_machine: Machine) -> None:
    """Two machines run at the same time, with disks, process numbers and networks of their own."""
    fresh_machine.write("/var/lib/mine", "mine")

    assert machine.run(["test", "-e", "/var/lib/mine"], check=False).returncode == 1
    assert not (fresh_machine.tree / "var/lib/mine").exists()
    assert machine.boot_id() != fresh_machine.boot_id()
    assert machine.read("/etc/machine-id") != fresh_machine.read("/etc/machine-id")


def test_gatedog_is_installed(gatedog_machine: Machine) -> None:
    """This checkout's gatedog runs from an environment that root owns, and can talk to systemd."""
    version = gatedog_machine.run(["gatedog", "version"], user="nobody").stdout
    python = "/usr/lib/gatedog/bin/python"
    place = gatedog_machine.run([python, "-c", "import pystemd.systemd1, watchdog; print(watchdog.__file__)"]).stdout
    open_to = ["!", "-type", "l", "(", "!", "-user", "root", "-o", "-perm", "/022", ")"]

    assert "0." in version
    assert place.startswith("/usr/lib/gatedog/lib/")
    assert gatedog_machine.run(["find", "/usr/lib/gatedog", *open_to]).stdout == ""


@pytest.mark.parametrize(
    "inside", [[], ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]], ids=["process", "namespace"]
)
def test_nothing_is_left_of_a_killed_owner(machines_possible: None, suite: str, inside: list[str]) -> None:
    """A test run that is killed leaves no process, group, mount or place: at once, or when the next machine is made."""
    script = [sys.executable, "-c", OWNER, suite]
    with subprocess.Popen([*inside, *script], cwd=MACHINES, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        try:
            cgroup, place = map(Path, owner.stdout.readline().split())
            assert is_populated(cgroup)
            assert place.is_dir()
        finally:
            owner.kill()

    until = time.monotonic() + WAIT_S
    if inside:  # nobody was left to clear up
        while is_populated(cgroup):
            assert time.monotonic() < until
            time.sleep(0.01)
        Machine(suite).close()
    while cgroup.exists() or place.exists():
        assert time.monotonic() < until
        time.sleep(0.01)
