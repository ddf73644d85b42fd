"""A machine: a Debian release with systemd as PID 1, booted in a container from a cached tree.

Invariant: a machine owns everything it starts (one cgroup, one keeper process with the mounts and the network), and
nothing of it outlives its owner: the keeper waits on a pipe of the owner and clears up at end of file, so even
SIGKILL leaves nothing. What could remain when a whole pid namespace is killed at once (empty cgroups, an empty folder)
is removed by the next machine that is made.

Commands run as on a machine without a login: no session, no unit, a cgroup `/harness/N` of their own. Logins are in
machine_sessions.py, trees in machine_tree.py.
"""

import fcntl
import itertools
import os
import re
import secrets
import shlex
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Never, Self, TypeVar

from machine_place import PLACES, claim, own_cgroup, own_start_ticks, remove_groups
from machine_tree import build_tree

HERE = Path(__file__).resolve().parent
BOOT_S = 60.0
COMMAND_S = 30.0
WAIT_S = 20.0
ADDRESS = "10.11.12.1"
"""Of the machine, on the cable to the remote host."""
ELSEWHERE = "10.11.12.2"
"""Of the remote host. There is no route beyond it."""
CAPABILITIES = "CAP_PERFMON,CAP_BPF,CAP_SYSLOG,CAP_IPC_LOCK"
SYSTEM_CALLS = "perf_event_open pidfd_getfd bpf"
"""Beyond nspawn's defaults: what systemd can give to a unit on a real machine."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
REBOOT_ASKED = 133
"""Exit status of nspawn --keep-unit when the machine rebooted."""
ENTER = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
"""For sh -c: join the cgroup $0, then become the rest."""

TRACING = "mount -t tracefs tracing /sys/kernel/tracing && mount -o remount,bind,ro /sys/kernel/tracing"
"""As systemd does on a real machine, but not in a container, where /sys is read-only. The kernel has only one, so
nobody may write."""
NAMESPACES = ("-m", "-u", "-i", "-n", "-p", "-C")
"""All that nsenter must enter to be inside; there is no user namespace."""
T = TypeVar("T")
_serial = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    name: str
    uid: int
    gid: int
    home: str


class Machine:
    """One machine; boots with `boot`, ends with `close` or the end of a with block."""

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self.tree = build_tree(suite)
        self.leader = 0
        """PID 1 of the machine, as this side sees it; 0 while it is off."""
        self.name = f"{suite}-{os.getpid()}-{own_start_ticks()}-{secrets.token_hex(3)}"
        self._hierarchy, self._home = own_cgroup()
        self.cgroup = self._hierarchy / self._home / f"gatedog-machine-{self.name}"
        self.place = PLACES / self.name
        self._tree_in_use = os.open(self.tree, os.O_RDONLY)
        fcntl.flock(self._tree_in_use, fcntl.LOCK_SH)
        self._owner = claim(self.place, self.cgroup)
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._console = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the machine; close() closes it
        self.keeper = self._start_keeper()
        assert self.keeper.stdout is not None
        if self.keeper.stdout.readline() != b"ready\n":
            try:
                self.fail("the keeper could not make the machine's disk")
            finally:
                self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- life --------------------------------------------------------------------------------------------------------

    def boot(self) -> Self:
        """Boot and wait until the boot is finished: all its jobs done, the remote host connected."""
        assert not self.leader, "it is already up"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as news:
            news.bind("")  # a free abstract name, which other mount namespaces see as well
            until = time.monotonic() + BOOT_S
            self._nspawn = self._start_nspawn("@" + news.getsockname()[1:].decode())
            said = ""
            while "READY=1" not in said.splitlines():
                news.settimeout(0.5)
                with suppress(TimeoutError):
                    said += news.recv(4096).decode() + "\n"
                found = re.search(r"^X_NSPAWN_LEADER_PID=(\d+)$", said, re.MULTILINE)
                if found and not self.leader:
                    self.leader = int(found[1])
                    self._connect()
                if self._nspawn.poll() is not None or time.monotonic() > until:
                    self.fail(
                        f"it did not boot within {BOOT_S:.0f} s (nspawn: {self._nspawn.poll()}); it said {said!r}"
                    )
        (self.cgroup / "boot/payload/harness").mkdir(exist_ok=True)
        if "tracefs" in Path("/proc/filesystems").read_text(encoding="ascii"):
            self.run(["sh", "-ec", TRACING])
        return self

    def reboot(self, *, clean: bool = True) -> Self:
        """Boot again from the same disk: after `systemctl reboot`, or as after a power failure."""
        if clean:
            self.run(["systemctl", "reboot", "--no-block"])
            self._ended(expected=REBOOT_ASKED)
        else:
            self.pull_the_plug()
        return self.boot()

    def power_off(self) -> None:
        """Shut down in good order."""
        self.run(["systemctl", "poweroff", "--no-block"])
        self._ended(expected=0)

    def pull_the_plug(self) -> None:
        """End every process of the machine at once, as a power failure does; what was written stays written."""
        (self.cgroup / "boot/cgroup.kill").write_text("1")
        self._ended(expected=None)

    def wait_for_boot_again(self) -> Self:
        """Boot again after something inside rebooted the machine."""
        self._ended(expected=REBOOT_ASKED)
        return self.boot()

    def close(self) -> None:
        """End the machine without ceremony and remove all of it."""
        assert self.keeper.stdin is not None
        assert self.keeper.stdout is not None
        if self.keeper.stdin.closed:
            return
        self.keeper.stdin.close()
        try:
            if self.keeper.wait(COMMAND_S) != 0:
                self.fail("the keeper could not clear up")
            if self._nspawn is not None:
                self._nspawn.wait(COMMAND_S)
        finally:
            self.leader = 0
            self.keeper.stdout.close()
            self._console.close()
            os.close(self._owner)
            os.close(self._tree_in_use)

    # -- commands ------------------------------------------------------------------------------------------------------

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        check: bool = True,
        timeout: float = COMMAND_S,
        user: str | None = None,
        input: str | None = None,  # noqa: A002 - as in subprocess.run
        env: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root or a user, in no session and no unit; stdout and stderr apart.

        What it leaves running in the background must not hold its stdout, or we wait for that, too.
        """
        group = self.cgroup / f"boot/payload/harness/{next(_serial)}"
        with subprocess.Popen(
            self.entered(argv, user=user, env=env, group=group),
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            try:
                out, err = process.communicate(input, timeout)
            except subprocess.TimeoutExpired:
                (group / "cgroup.kill").write_text("1")
                out, err = process.communicate()
                self.fail(f"not done after {timeout} s: {shlex.join(map(str, argv))}\n{out}{err}")
        with suppress(OSError):  # what it left running keeps the group
            group.rmdir()
        done = subprocess.CompletedProcess(list(map(str, argv)), process.returncode, out, err)
        if check and done.returncode != 0:
            self.fail(f"exit {done.returncode}: {shlex.join(done.args)}\n{done.stdout}{done.stderr}")
        return done

    def entered(
        self,
        argv: Sequence[str | Path],
        *,
        user: str | None = None,
        env: dict[str, str] | None = None,
        group: Path | None = None,
    ) -> list[str]:
        """Return the command line, for this side, that runs `argv` inside as `run` does."""
        group = group or self.cgroup / f"boot/payload/harness/{next(_serial)}"
        group.mkdir()
        who = self._account(user or "root")
        enter = ["sh", "-c", ENTER, group, "nsenter", f"--target={self.leader}", *NAMESPACES, "--"]
        become = ["setpriv", f"--reuid={who.uid}", f"--regid={who.gid}", "--init-groups", "--"] if user else []
        clean = ["env", "-i", *(f"{name}={value}" for name, value in (_environment(who) | (env or {})).items())]
        return list(map(str, [*enter, *become, *clean, *argv]))

    def run_in_unit(
        self,
        argv: Sequence[str | Path],
        *,
        properties: Sequence[str] = (),
        check: bool = True,
        timeout: float = COMMAND_S,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as a transient service of PID 1; `properties` as `systemd-run --property`."""
        asked = [f"--property={value}" for value in properties]
        return self.run(
            ["systemd-run", "--pipe", "--wait", "--collect", "--quiet", *asked, "--", *argv],
            check=check,
            timeout=timeout,
        )

    def write(self, path: str | Path, text: str, *, mode: int = 0o644, owner: str = "root") -> None:
        """Write a file inside, whole or not at all; folders above it are made."""
        script = (
            'mkdir -p "${1%/*}" && cat >"$1.new" && chmod "$2" "$1.new" && chown "$3": "$1.new" && mv "$1.new" "$1"'
        )
        self.run(["sh", "-c", script, "sh", path, f"{mode:o}", owner], input=text)

    def read(self, path: str | Path) -> str:
        """Read a file inside."""
        return self.run(["cat", path]).stdout

    def add_user(self, name: str, *groups: str) -> None:
        """Add a user with a home and a shell, and no password."""
        also = [f"--groups={','.join(groups)}"] if groups else []
        self.run(["useradd", "--create-home", "--shell=/bin/bash", *also, name])

    def home_of(self, user: str) -> str:
        """Return a user's home folder inside."""
        return self._account(user).home

    def unit(self, name: str) -> dict[str, str]:
        """Return what `systemctl show` says of a unit."""
        lines = self.run(["systemctl", "show", "--all", name]).stdout.splitlines()
        return {key: value for key, _, value in (line.partition("=") for line in lines)}

    def journal(self, unit: str | None = None, *, lines: int = 1000) -> str:
        """Return the end of the journal, all of it or that of one unit, over all boots."""
        of_unit = ["--unit", unit] if unit else []
        return self.run(["journalctl", "--no-pager", f"--lines={lines}", "--output=short-precise", *of_unit]).stdout

    def boot_id(self) -> str:
        """Return the id of this boot, as every process inside reads it.

        The kernel's own is that of this host. nspawn makes a random one at each boot and mounts it over the kernel's
        file, readable for all, so a reboot looks like one and nothing is left to do here.
        """
        return self.read("/proc/sys/kernel/random/boot_id").strip()

    def wait_for(self, condition: Callable[[], T], what: str, timeout: float = WAIT_S) -> T:
        """Wait until a condition gives something true, and return that."""
        until = time.monotonic() + timeout
        while not (found := condition()):
            if time.monotonic() > until:
                self.fail(f"waited {timeout} s for {what}")
            time.sleep(0.05)
        return found

    def fail(self, what: str) -> Never:
        """Fail the test with what the machine said last, on its journal and its console."""
        self._console.seek(max(0, os.fstat(self._console.fileno()).st_size - 3000))
        console = self._console.read().decode(errors="replace")
        journal = "(off)"
        if self.leader and (self.cgroup / "boot/payload/harness").exists():
            enter = ["nsenter", f"--target={self.leader}", "-m", "-p", "-C", "journalctl", "--no-pager", "--lines=40"]
            with suppress(subprocess.TimeoutExpired):
                journal = subprocess.run(enter, capture_output=True, text=True, timeout=5, check=False).stdout
        raise AssertionError(f"{self.name}: {what}\n-- console --\n{console}\n-- journal --\n{journal}")

    # -- within --------------------------------------------------------------------------------------------------------

    def _start_keeper(self) -> subprocess.Popen[bytes]:
        """Start what holds the disk and the remote host, and clears up when our end of its stdin is closed."""
        for group in ("keeper", "boot", "elsewhere"):
            (self.cgroup / group).mkdir(parents=True)
        words = [HERE / "machine_keeper.sh", self.place, self.tree, self._hierarchy, self._home, self.cgroup.name]
        return subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._console,
            pass_fds=[self._owner],  # the lock, until it has cleared up
            start_new_session=True,
        )

    def _start_nspawn(self, notify_socket: str) -> subprocess.Popen[bytes]:
        """Start nspawn in the keeper's mount namespace and the machine's cgroup, all else as on this host."""
        nspawn = [
            *("systemd-nspawn", "--quiet", "--boot", "--settings=no", "--register=no", "--keep-unit"),
            *(f"--directory={self.place}/root", f"--machine=m{next(_serial)}-{os.getpid()}", "--hostname=machine"),
            *("--private-network", "--console=pipe", "--notify-ready=yes", "--link-journal=no"),
            *("--resolv-conf=off", "--timezone=off"),
            *(f"--capability={CAPABILITIES}", f"--system-call-filter={SYSTEM_CALLS}"),
        ]
        return subprocess.Popen(
            [
                "sh",
                "-c",
                ENTER,
                str(self.cgroup / "boot"),
                "nsenter",
                f"--target={self.keeper.pid}",
                "-m",
                "--",
                *nspawn,
            ],
            env={
                "PATH": PATH,
                "NOTIFY_SOCKET": notify_socket,
                "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",  # also when the suite's default looks older
                "SYSTEMD_NSPAWN_LOCK": "0",
            },
            stdin=subprocess.DEVNULL,
            stdout=self._console,
            stderr=self._console,
            start_new_session=True,
        )

    def _connect(self) -> None:
        """Lay a cable between the machine and the remote host; it goes with either end."""
        cable = f"""
            link add cable type veth peer name cable netns {self.leader}
            addr add {ELSEWHERE}/24 dev cable
            link set cable up
        """
        for pid, batch in (
            (self.keeper.pid, cable),
            (self.leader, f"addr add {ADDRESS}/24 dev cable\nlink set cable up"),
        ):
            subprocess.run(
                ["nsenter", f"--target={pid}", "-n", "ip", "-batch", "-"], input=batch, text=True, check=True
            )

    def _ended(self, expected: int | None) -> None:
        """Wait for the end of nspawn and clear its cgroups for the next boot."""
        assert self._nspawn is not None
        try:
            status = self._nspawn.wait(BOOT_S)
        except subprocess.TimeoutExpired:
            self.fail(f"it did not go down within {BOOT_S:.0f} s")
        self.leader = 0
        if expected is not None and status != expected:
            self.fail(f"nspawn ended with {status}, not {expected}")
        boot = self.cgroup / "boot"
        self.wait_for(lambda: "populated 0" in (boot / "cgroup.events").read_text(), "the last process of the machine")
        for group in boot.iterdir():
            if group.is_dir():
                remove_groups(group)

    def _account(self, user: str) -> _Account:
        """Look a user up in the machine's own list; this host's knows others."""
        for line in Path(f"/proc/{self.leader}/root/etc/passwd").read_text(encoding="utf-8").splitlines():
            name, _, uid, gid, _, home, _ = line.split(":")
            if name == user:
                return _Account(name=name, uid=int(uid), gid=int(gid), home=home)
        return self.fail(f"no user {user} inside")


def _environment(who: _Account) -> dict[str, str]:
    return {"PATH": PATH, "HOME": who.home, "USER": who.name, "LOGNAME": who.name, "LANG": "C.UTF-8", "TERM": "dumb"}
