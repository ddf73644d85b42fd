"""The exec channel with real programs."""

import json
import os
import stat
import time
from pathlib import Path

import pytest

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.timeline import SECOND
from watchdog.pager.channel import ConfigurationFault, Receipt, TryLater
from watchdog.pager.channels.exec import ExecChannel
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings_kinds import ExecSettings

pytestmark = pytest.mark.system


def message() -> Message:
    """A critical page."""
    return Message(
        title="openclaw: held",
        lines=("openclaw: held", "why: 4 deaths; $(touch /nonexistent)"),
        dedup_key="gatedog:j1:openclaw:INC-7",
        idempotency_key="j1:9.0:script",
        severity=Severity.CRITICAL,
        update=PageUpdate.OPENED,
        gateway="openclaw",
        incident="INC-7",
        page="9.0",
        channel="script",
        journal_id="j1",
        host="web1",
        queued_wall_usec=1_774_494_251_000_000,
    )


def program(folder: Path, body: str, interpreter: str = "/bin/sh") -> Path:
    """Write an executable script."""
    path = folder / "notify"
    path.write_text(f"#!{interpreter}\n{body}\n")
    path.chmod(0o700)
    return path


def deliver(*argv: str | Path, timeout_usec: int = 20 * SECOND) -> Receipt:
    """Run the channel once."""
    words = tuple(str(word) for word in argv)
    settings = ExecSettings(name="script", argv=words, timeout_usec=timeout_usec)
    return ExecChannel(settings).deliver(message())


def is_alive(pid: int) -> bool:
    """Whether the process still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_program_gets_the_message_on_stdin_and_its_arguments_as_they_are(tmp_path: Path) -> None:
    """JSON on standard input, no shell between, and no environment of gatedog's."""
    script = program(tmp_path, f'cat > {tmp_path}/in; echo "$1" > {tmp_path}/arg; env > {tmp_path}/env; echo sent 7')
    os.environ["GATEDOG_CANARY"] = "s3cret"
    try:
        receipt = deliver(script, "a b; $(c)")
    finally:
        del os.environ["GATEDOG_CANARY"]

    assert receipt.detail == "notify took it: sent 7"
    assert json.loads((tmp_path / "in").read_bytes()) == json.loads(message().to_json())
    assert (tmp_path / "arg").read_text() == "a b; $(c)\n"
    assert "CANARY" not in (tmp_path / "env").read_text()


@pytest.mark.parametrize("code", [1, 7, 75, 255])
def test_most_exit_codes_are_tried_later(tmp_path: Path, code: int) -> None:
    """A script exits 1 when the network is away; a critical page must outlive that."""
    with pytest.raises(TryLater, match=f"exited with {code}: no route"):
        deliver(program(tmp_path, f"echo no route >&2; exit {code}"))


@pytest.mark.parametrize("code", [64, 77, 78, 126, 127])
def test_codes_that_mean_configuration_are_faults(tmp_path: Path, code: int) -> None:
    """By sysexits and the shell, these are for a human to mend."""
    with pytest.raises(ConfigurationFault, match=f"exited with {code}"):
        deliver(program(tmp_path, f"exit {code}"))


def test_a_program_that_dies_of_a_signal_is_tried_later(tmp_path: Path) -> None:
    """A killed program says nothing about the page."""
    with pytest.raises(TryLater, match="died of SIGKILL"):
        deliver(program(tmp_path, "kill -9 $$"))


def test_a_hung_program_is_ended_with_its_children(tmp_path: Path) -> None:
    """The whole session goes, also a child in a process group of its own; the attempt ends in its limit."""
    script = program(
        tmp_path,
        "import os, time\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os.setpgid(0, 0)\n"
        "    time.sleep(600)\n"
        f"open({str(tmp_path / 'new')!r}, 'w').write(f'{{os.getpid()}} {{child}}')\n"
        f"os.rename({str(tmp_path / 'new')!r}, {str(tmp_path / 'pids')!r})\n"
        "time.sleep(600)",
        interpreter="/usr/bin/env python3",
    )

    for limit_s in (1, 4, 16, 64):  # until this machine was fast enough for the program to get that far
        with pytest.raises(TryLater, match="was ended after"):
            deliver(script, timeout_usec=limit_s * SECOND)
        if (tmp_path / "pids").exists():
            break
    assert [is_alive(int(pid)) for pid in (tmp_path / "pids").read_text().split()] == [False, False]


def test_what_a_program_leaves_running_is_ended_and_holds_nothing_up(tmp_path: Path) -> None:
    """A child that keeps the output open delays no receipt, and a channel starts no daemons."""
    script = program(tmp_path, f"sleep 600 & echo $! > {tmp_path}/pid; exit 0")

    deliver(script)

    pid, deadline_s = int((tmp_path / "pid").read_text()), time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert not is_alive(pid)


def test_a_flood_of_output_is_read_and_only_its_end_kept(tmp_path: Path) -> None:
    """A talkative program neither blocks nor fills memory."""
    receipt = deliver(program(tmp_path, "yes | head -c 3000000; echo; echo done"))

    assert receipt.detail == "notify took it: done"


def test_a_program_that_does_not_read_its_input_is_no_problem(tmp_path: Path) -> None:
    """The message is a file, so nobody waits for it to be read."""
    assert deliver("/bin/true").detail == "true took it"


def test_a_missing_or_unusable_program_is_a_fault(tmp_path: Path) -> None:
    """No retry makes a file appear, or executable, or absolute."""
    plain = tmp_path / "plain"
    plain.write_text("no interpreter")
    for argv in ((), ("notify",), (tmp_path / "missing",), (plain,)):
        with pytest.raises(ConfigurationFault):
            deliver(*argv)
    plain.chmod(0o700)
    with pytest.raises(ConfigurationFault, match="Exec format error"):
        deliver(plain)


def test_a_program_that_others_can_write_is_not_run(tmp_path: Path) -> None:
    """Neither the file nor a folder above it may belong to, or be open to, anybody else."""
    script = program(tmp_path, "exit 0")
    script.chmod(script.stat().st_mode | stat.S_IWOTH)
    with pytest.raises(ConfigurationFault, match="can be written by others"):
        deliver(script)

    script.chmod(0o700)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    moved = script.rename(tmp_path / "open" / "notify")
    with pytest.raises(ConfigurationFault, match="can be written by others"):
        deliver(moved)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_program_of_another_user_is_not_run(tmp_path: Path) -> None:
    """As gatedog runs as root, what it runs must be root's, behind a link, too."""
    script = program(tmp_path, "exit 0")
    os.chown(script, 12345, 12345)
    (tmp_path / "link").symlink_to(script)

    for argv in ((script,), (tmp_path / "link",), ("/bin/sh", script)):
        with pytest.raises(ConfigurationFault, match="belongs to uid 12345"):
            deliver(*argv)
