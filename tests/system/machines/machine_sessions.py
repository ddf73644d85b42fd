"""Logins on a machine as people make them: ssh from another host, and login(1) on a terminal.

Invariant: every session here is a real one, made by PAM and logind inside; the harness only types. The remote host
is a network namespace of its own with ssh's client from the same Debian, so a connection has a foreign address at
both ends, and its processes are no processes of the machine.
"""

import os
import re
import select
import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from machine import ADDRESS, COMMAND_S, ENTER, PATH, Machine

KEY = "/root/.ssh/id_ed25519"
"""Of the remote host's root, with which it logs in as anybody whom `authorize` was called for."""
SSH = (
    *("ssh", "-i", KEY, "-e", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"),
    *("-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20"),
)
COLUMNS = 500
"""Of a terminal: no line is ever wrapped."""


class RemoteHost:
    """The other end of the machine's cable: root's prompt on a computer from which people log in."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def entered(self, argv: Sequence[str | Path]) -> list[str]:
        """Return the command line, for this side, that runs `argv` on the remote host."""
        machine = self.machine
        enter = [
            "sh",
            "-c",
            ENTER,
            machine.cgroup / "elsewhere",
            "nsenter",
            f"--target={machine.keeper.pid}",
            "-m",
            "-n",
        ]
        clean = ["env", "-i", f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb"]
        return list(map(str, [*enter, "--", "chroot", machine.place / "elsewhere", *clean, *argv]))

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        check: bool = True,
        timeout: float = COMMAND_S,
        input: str = "",  # noqa: A002 - as in subprocess.run
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the remote host."""
        done = subprocess.run(
            self.entered(argv),
            input=input,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            self.machine.fail(
                f"elsewhere, exit {done.returncode}: {shlex.join(map(str, argv))}\n{done.stdout}{done.stderr}"
            )
        return done

    def authorize(self, user: str) -> None:
        """Let the remote host's key in as this user."""
        if self.run(["test", "-e", KEY], check=False).returncode != 0:
            self.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEY])
        public = self.run(["cat", f"{KEY}.pub"]).stdout
        self.machine.write(f"{self.machine.home_of(user)}/.ssh/authorized_keys", public)

    def ssh(
        self,
        user: str,
        argv: Sequence[str],
        *,
        tty: bool = True,
        check: bool = True,
        timeout: float = COMMAND_S,
        input: str = "",  # noqa: A002 - as in subprocess.run
    ) -> subprocess.CompletedProcess[str]:
        """Run one command in a login session of its own; with a terminal, stdout and stderr are one there."""
        done = self.run(self._command(user, argv, tty=tty), check=check, timeout=timeout, input=input)
        done.stdout = done.stdout.replace("\r\n", "\n")
        return done

    def terminal(self, user: str) -> "Terminal":
        """Log in with a terminal, and stay."""
        return Terminal(self.machine, self.entered(self._command(user, [], tty=True)))

    def _command(self, user: str, argv: Sequence[str], *, tty: bool) -> list[str]:
        self.authorize(user)
        return [*SSH, "-tt" if tty else "-T", f"{user}@{ADDRESS}", *([shlex.join(argv)] if argv else [])]


def console(machine: Machine, user: str) -> "Terminal":
    """Log in with login(1), as on a console; no password is asked.

    login must lead its session, as below a getty, hence the exec: that of Debian 13 stops itself otherwise.
    """
    return Terminal(machine, machine.entered(["script", "-qec", f"exec login -f {user}", "/dev/null"]))


class Terminal:
    """A shell on a terminal that stays logged in until `close`."""

    def __init__(self, machine: Machine, argv: Sequence[str]) -> None:
        self.machine = machine
        self.seen = ""
        """All that was ever on it."""
        self._unread = ""
        self._commands = 0
        self._own, other = os.openpty()
        # Its size is that of what it is forwarded to, so it is set before anybody asks.
        subprocess.run(["stty", "cols", str(COLUMNS), "-echo"], stdin=other, check=True)
        try:
            # It controls the client, so that closing it hangs up.
            self._process = subprocess.Popen(
                ["setsid", "--ctty", "--wait", *argv], stdin=other, stdout=other, stderr=other
            )
        finally:
            os.close(other)
        self.read_until(r"[$#] ")  # login(1) throws away what is typed before
        self.send("stty -echo; PS1=; PS2=; echo rea''dy\n")
        self.read_until(r"ready\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, text: str) -> None:
        """Type."""
        os.write(self._own, text.encode())

    def read_until(self, pattern: str, timeout: float = COMMAND_S) -> re.Match[str]:
        """Wait until a pattern appears in what was not read yet, and return what was found."""
        until = time.monotonic() + timeout
        while not (found := re.search(pattern, self._unread)):
            if not select.select([self._own], [], [], max(0.0, until - time.monotonic()))[0]:
                self.machine.fail(f"waited {timeout} s for {pattern!r} on a terminal that says {self.seen!r}")
            try:
                text = os.read(self._own, 65536).decode(errors="replace").replace("\r", "")
            except OSError:
                self.machine.fail(f"waited for {pattern!r} on a terminal that was closed and said {self.seen!r}")
            self._unread += text
            self.seen += text
        self._unread = self._unread[found.end() :]
        return found

    def run(self, line: str, timeout: float = COMMAND_S) -> subprocess.CompletedProcess[str]:
        """Type a line at the prompt; return its status and what it wrote."""
        self._commands += 1
        self.send(f'{line}; echo "<"{self._commands}:$?:\n')
        found = self.read_until(rf"(?s)\A(.*)<{self._commands}:(\d+):\n", timeout)
        return subprocess.CompletedProcess(line, int(found[2]), found[1], "")

    def close(self) -> None:
        """Hang up, and wait for the end of what we started."""
        os.close(self._own)
        self._process.wait(COMMAND_S)
