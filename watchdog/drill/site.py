"""The sacrificial copy: a real gatedog over a gateway of its own, two phones, and a person with a key.

Theory of operation. What is tried is the real thing: the daemon, its journal, its pager over HTTP, the command line.
Only what it watches is made up, and its times are short. The person who recovers it signs with a key that this site
lists, so a drill works the same from a terminal, from CI and from a timer.

Invariant: everything lies in the stage's folder and ends with the stage.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from watchdog.control.client import Refused, Unreachable, call
from watchdog.core.identity import ProcessRef
from watchdog.demo.sink import Page, Sink
from watchdog.demo.stage import CannotPlay, Stage
from watchdog.drill.record import Record
from watchdog.gateway.process import open_pidfd, read_stat, send_signal
from watchdog.origin.procfs import read_boot
from watchdog.runbook.shipped import read_runbooks

PERSON = "drill"
REFUSED = 77
BEGIN_SECONDS = 20.0
_COMMAND_SECONDS = 20.0
_END_SECONDS = 10.0
_GATEDOG = (sys.executable, "-I", "-m", "watchdog.cli")
_GATEWAY = (sys.executable, "-I", "-S", str(Path(__file__).with_name("copygateway.py")))

_POLICY = """\
[gateway.{name}]
command = {command}
port = {port}
[gateway.{name}.ready]
kind = "tcp"
target = "127.0.0.1:{port}"
{more}
"""
_PAGER = """\
[escalation]
tiers = [["phone"], ["second-phone"]]
notices = ["phone"]
last_resort = ["second-phone"]
[channel.phone]
kind = "webhook"
url = "{phone}"
[channel.second-phone]
kind = "webhook"
url = "{second}"
"""


class Site:
    """One copy. `phone` and `second` take pages; `daemon` is gatedog's process."""

    def __init__(self, stage: Stage, record: Record, phone: Sink, second: Sink) -> None:
        self.stage = stage
        self.record = record
        self.phone = phone
        self.second = second
        self.name = stage.name
        self.port = _free_port()
        self.folder = stage.make_folder("drill")
        self.state_folder = self.folder / "state"
        self.run_folder = self.folder / "run" / "gatedog"
        self._keygen = shutil.which("ssh-keygen")
        self.daemon: subprocess.Popen[bytes] | None = None

    # -- gatedog ---------------------------------------------------------------------------------------------------

    def begin(self, policy: str = "") -> None:
        """Write the bundle, start gatedog, and wait until the gateway serves."""
        self._write("policy.toml", _POLICY.format(name=self.name, command=self._command(), port=self.port, more=policy))
        self._write("pager.toml", _PAGER.format(phone=self.phone.url, second=self.second.url))
        self._list_person()
        self.start_daemon()
        self.record.wait("the copy serves", self.gateway_pid, BEGIN_SECONDS)

    def start_daemon(self) -> None:
        """Start gatedog."""
        self.run_folder.parent.mkdir(mode=0o700, exist_ok=True)
        words = ("--config", str(self.folder), "--state", str(self.state_folder), "--runtime", str(self.run_folder))
        self.daemon = self.stage.start_leashed((*_GATEDOG, "daemon", *words), self.folder / "gatedog.log")

    def end_daemon(self, number: int = signal.SIGTERM) -> None:
        """End gatedog, and wait until it is gone."""
        if self.daemon is not None:
            self.daemon.send_signal(number)
            self.daemon.wait(_END_SECONDS)

    def standing(self) -> dict[str, Any]:
        """Say how the gateway stands; nothing while gatedog does not answer."""
        try:
            reply: dict[str, Any] = call(self.run_folder / "control.sock", "Status", timeout=2.0)
            standing: dict[str, Any] = reply["status"]["gateways"][0]
        except (Unreachable, Refused):
            return {}
        return standing

    def incident(self, rule: str) -> str:
        """Return the id of the open incident whose rule begins with `rule`; "" when there is none."""
        try:
            reply: dict[str, Any] = call(self.run_folder / "control.sock", "Incidents", timeout=2.0)
        except (Unreachable, Refused):
            return ""
        return next((str(each["id"]) for each in reply["incidents"] if str(each["rule"]).startswith(rule)), "")

    def is_held(self) -> str:
        """Say why it is held; "" while it is not."""
        standing = self.standing()
        return str(standing["why"]) if standing.get("hold") == "held" else ""

    # -- the gateway -----------------------------------------------------------------------------------------------

    def gateway_pid(self) -> int:
        """Return the pid of the gateway that serves; 0 while none does."""
        standing = self.standing()
        return int(standing.get("pid") or 0) if standing.get("ready") else 0

    def signal_gateway(self, number: signal.Signals) -> bool:
        """Signal the gateway's present process; False when there is none."""
        return signal_process(int(self.standing().get("pid") or 0), number)

    def kill_until_held(self, seconds: float) -> int:
        """Kill the gateway each time it serves, until gatedog holds it; return how often."""
        kills = 0

        def held() -> str:
            nonlocal kills
            if self.gateway_pid() and self.signal_gateway(signal.SIGKILL):
                kills += 1
            return self.is_held()

        self.record.wait("held", held, seconds)
        return kills

    # -- people ----------------------------------------------------------------------------------------------------

    def paged(self, sink: Sink, words: str = "", severity: str = "critical") -> str:
        """Return the title of the first such page that a phone got; "" while it has none."""
        return next((page.title for page in sink.inbox.pages() if _is(page, words, severity)), "")

    def person(self, *words: str) -> tuple[int, str]:
        """Let the person run a command of gatedog's, and sign when asked to; return its exit code and words."""
        done = self._run(*words, "--json", "--signer", PERSON)
        challenge = json.loads(done.stdout)["challenge"] if done.returncode == REFUSED and done.stdout else ""
        if challenge:
            signature = self._sign(str(challenge))
            done = self._run(*words, "--json", "--signature", str(signature))
        return done.returncode, (done.stdout + done.stderr).strip()

    def recover(self, rule: str, *words: str) -> None:
        """Let the person do what the runbook of a rule says. Raises NotSeen when it does not say so or work."""
        command = f"gatedog {words[0]}"
        stands = any(rule in each.rules and command in each.text for each in read_runbooks())
        self.record.check(f"its runbook says: {command}", holds=stands, said=f"gatedog runbook show {rule}")
        code, said = self.person(*words)
        self.record.check(f"a person does: {command}", holds=code == 0, said="" if code == 0 else said)

    # -- within ----------------------------------------------------------------------------------------------------

    def _command(self) -> str:
        stat = read_stat(os.getpid())
        return json.dumps([*_GATEWAY, str(self.port), "" if stat is None else f"{stat.pid}:{stat.start_ticks}"])

    def _write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")

    def _list_person(self) -> None:
        if self._keygen is None:
            raise CannotPlay(
                "a drill signs as a person does, and ssh-keygen is missing. Try: apt install openssh-client"
            )
        key = self.folder / "key"
        subprocess.run(  # noqa: S603 - by its full path
            [self._keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, stdin=subprocess.DEVNULL
        )
        public = key.with_suffix(".pub").read_text(encoding="ascii").split()
        self._write("allowed_signers", f'{PERSON} namespaces="gatedog-approve,gatedog-cause" {public[0]} {public[1]}\n')

    def _sign(self, challenge: str) -> Path:
        text = self.folder / "challenge"
        text.write_text(f"{challenge}\n", encoding="ascii")
        text.with_suffix(".sig").unlink(missing_ok=True)
        assert self._keygen is not None  # noqa: S101 - _list_person came first
        words = ["-Y", "sign", "-q", "-n", json.loads(challenge)["kind"], "-f", str(self.folder / "key"), str(text)]
        subprocess.run([self._keygen, *words], check=True, stdin=subprocess.DEVNULL)  # noqa: S603 - as above
        return text.with_suffix(".sig")

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - gatedog itself
            [*_GATEDOG, "--socket", str(self.run_folder / "control.sock"), *words],
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )


def signal_process(pid: int, number: signal.Signals, still: Callable[[], bool] = lambda: True) -> bool:
    """Signal a process by its pidfd; False when there is none, or it is `still` not meant once it cannot be mistaken.

    Raises PermissionError for the process of another account.
    """
    stat = read_stat(pid) if pid > 0 else None
    if stat is None:
        return False
    boot = read_boot()
    held = open_pidfd(ProcessRef(pid=stat.pid, start_ticks=stat.start_ticks, boot=boot), boot)
    if held is None:
        return False
    try:
        return still() and send_signal(held, number)
    finally:
        os.close(held)


def _is(page: Page, words: str, severity: str) -> bool:
    return page.severity == severity and words in page.title


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
