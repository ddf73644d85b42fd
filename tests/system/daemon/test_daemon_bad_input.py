"""Bad input from the socket and from disk, against a real daemon: it says what is wrong, and goes on watching."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from watchdog.control.client import call

pytestmark = pytest.mark.system

LIVES = ["/bin/sh", "-c", "exec sleep 600"]
GATEDOG = str(Path(sys.executable).with_name("gatedog"))
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")

NEVER_HELD = """
[gateway.gateway.budget]
windows = ["1000 per 10min"]
self_restart = ["1000 per 10min"]
[gateway.gateway.spiral]
page_at = 1000
identical_page_at = 1000
hold_below = "0s"
[gateway.gateway.backoff]
first = "1ms"
max = "1ms"
"""

IDLE = """
import os, socket, sys
os.chdir(sys.argv[1])
for uid in range(60001, 60011):
    if os.fork() == 0:
        os.setuid(uid)
        opened = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        for connection in opened:
            connection.connect("control.sock")
        sys.stdout.write("100\\n")
        sys.stdout.flush()
        sys.stdin.read()
        os._exit(0)
sys.stdin.read()
"""

ASKS = """
import json, os, socket, sys, time
os.chdir(sys.argv[1])
os.setuid(60001)
call = {"verb": "ask-restart", "gateway": "gateway", "reason": "again"}
message = json.dumps({"method": "io.gatedog.Supervisor.Request", "parameters": call}).encode() + b"\\0"
began, asked, answered = time.monotonic(), 0, 0
while time.monotonic() - began < 3:
    if asked > (time.monotonic() - began) * 500:
        time.sleep(0.001)
        continue
    asked += 1
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("control.sock")
        connection.sendall(message)
        answered += connection.recv(65536).endswith(b"\\0")
print(asked, answered)
"""


@contextmanager
def stranger(site, program: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program that becomes other users, in the socket's folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(site.runtime)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def recorded(site, kind: str) -> list[dict[str, object]]:
    """Return the journal's events of one kind, each with the uptime it was stamped with."""
    records = [json.loads(line) for line in site.cli("events", "--json", "-n", "5000").stdout.splitlines()]
    return [{**each["event"], "uptime_usec": each["uptime_usec"]} for each in records if each["kind"] == kind]


# -- the socket ----------------------------------------------------------------------------------------------------


def _garbage(connection: socket.socket) -> None:
    connection.sendall(os.urandom(5000).replace(b"\0", b"x") + b"\0")


def _oversized(connection: socket.socket) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(b"x" * 1_000_000)


def _half(connection: socket.socket) -> None:
    connection.sendall(b'{"method": "io.gatedog.Supervisor.Status"')


def _slow(connection: socket.socket) -> None:
    for letter in b'{"method":':
        connection.sendall(bytes([letter]))
        time.sleep(0.01)


def _unread(connection: socket.socket) -> None:
    call = {"method": "io.gatedog.Supervisor.Events", "parameters": {"follow": True}, "more": True}
    connection.sendall(json.dumps(call).encode() + b"\0")


def test_no_peer_keeps_a_human_from_being_heard(site) -> None:
    """Garbage, too much, half and slow messages and a reader that does not read: the next command works at once."""
    site.write_policy(LIVES)
    daemon = site.start()
    first = site.wait_until(ready=True)
    with contextlib.ExitStack() as opened:
        for misbehave in (_garbage, _oversized, _half, _slow, _unread):
            for _ in range(3):
                connection = opened.enter_context(socket.socket(socket.AF_UNIX))
                connection.connect(str(site.socket))
                misbehave(connection)

        assert site.cli("status").returncode == 0
        assert site.human("restart", "gateway")[0] == 0
        site.wait(lambda: (site.status() or {}).get("pid") not in (None, first["pid"]), "the new life")

    assert daemon.poll() is None
    assert any(event["limit"] == "message-size" for event in recorded(site, "LimitReached"))


@ROOT
def test_a_thousand_idle_connections_leave_room_for_a_human(site) -> None:
    """Ten accounts with a hundred connections each: status answers, a human's request is granted, the limit is told."""
    site.write_policy(LIVES)
    site.start()
    site.wait_until(ready=True)
    with stranger(site, IDLE) as flood:
        assert flood.stdout is not None
        opened = sum(int(flood.stdout.readline()) for _ in range(10))

        assert opened == 1000
        assert site.cli("status").returncode == 0
        assert site.human("stop", "gateway")[0] == 0
        site.wait_until(word="STOPPED")
        assert any(event["limit"] == "connections" for event in recorded(site, "LimitReached"))


@ROOT
def test_deaths_are_handled_at_once_while_somebody_asks_500_times_a_second(site) -> None:
    """A flood of asks from one account delays no death, fills no journal, and is told as a limit."""
    site.write_policy(LIVES, NEVER_HELD)
    site.start()
    site.wait_until(ready=True)
    killed: list[tuple[int, int]] = []
    with stranger(site, ASKS) as flood:
        began = time.monotonic()
        while time.monotonic() - began < 2.5:
            time.sleep(0.1)  # within the rate for readers; asked in this process, because the machine is busy enough
            reply = call(site.socket, "Status")
            pid = reply["status"]["gateways"][0]["pid"]
            if pid and pid not in dict(killed):
                killed.append((pid, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000))
                os.kill(pid, signal.SIGKILL)
        assert flood.stdout is not None
        asked, answered = map(int, flood.stdout.readline().split())
    site.wait_until(ready=True)
    ended = {event["process"]["pid"]: event["uptime_usec"] for event in recorded(site, "MainProcessExited")}
    begun = sorted(event["uptime_usec"] for event in recorded(site, "MainProcessStarted"))
    to_end = [ended[pid] - at for pid, at in killed]
    to_start = [next(each for each in begun if each > at) - at for _, at in killed]
    print(f"{asked} asks, {answered} answered; {len(killed)} deaths, median {statistics.median(to_end)} us to the")
    print(f"record, {statistics.median(to_start)} us to the next start, longest {max(to_start)} us")

    assert asked > 1000
    assert answered == asked
    assert len(killed) >= 3
    assert statistics.median(to_end) < 50_000
    assert statistics.median(to_start) < 250_000  # forks and execs beside a flood, on whatever machine this is
    assert len(recorded(site, "ActionRequested")) < 60
    assert any(event["limit"] == "requests" for event in recorded(site, "LimitReached"))


# -- the files -----------------------------------------------------------------------------------------------------


def _missing(folder: Path) -> None:
    (folder / "policy.toml").unlink()


def _foreign(folder: Path) -> None:
    os.chown(folder / "policy.toml", 65534, 65534)


def _shared(folder: Path) -> None:
    (folder / "policy.toml").chmod(0o666)


def _shared_folder(folder: Path) -> None:
    folder.chmod(0o777)


def _directory(folder: Path) -> None:
    (folder / "policy.toml").unlink()
    (folder / "policy.toml").mkdir()


def _foreign_link(folder: Path) -> None:
    (folder / "policy.toml").rename(folder / "real.toml")
    (folder / "policy.toml").symlink_to("real.toml")
    os.lchown(folder / "policy.toml", 65534, 65534)


def _binary(folder: Path) -> None:
    (folder / "policy.toml").write_bytes(b"\x7fELF\x00\xff\x1b[2J" * 100)


def _endless(folder: Path) -> None:
    (folder / "policy.toml").unlink()
    (folder / "policy.toml").symlink_to("/dev/zero")


@ROOT
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_missing, "cannot be read (No such file or directory)"),
        (_foreign, "belongs to uid 65534"),
        (_shared, "can be written by others"),
        (_shared_folder, "can be written by others"),
        (_directory, "is not a regular file"),
        (_foreign_link, "is a symlink made by uid 65534"),
        (_binary, "not UTF-8"),
        (_endless, "not a regular file"),
    ],
)
def test_a_policy_that_cannot_be_believed_starts_nothing(site, spoil: Callable[[Path], None], said: str) -> None:
    """At a start it is refused with the reason and a command; nothing was made yet."""
    site.write_policy(LIVES)
    spoil(site.config)
    refused = site.cli("daemon", *_folders(site))

    assert refused.returncode == 1
    assert said in refused.stderr
    assert f"next: gatedog policy check {site.config}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not site.state.exists()


@ROOT
@pytest.mark.parametrize("spoil", [_missing, _foreign, _shared, _directory, _binary])
def test_such_a_policy_in_mid_life_is_an_incident_and_the_last_good_one_stays(
    site, spoil: Callable[[Path], None]
) -> None:
    """What cannot be believed, or was never committed, is paged and changes nothing; put right, it is over."""
    site.write_policy(LIVES)
    daemon = site.start()
    before = site.wait_until(ready=True)
    good = (site.config / "policy.toml").read_bytes()
    spoil(site.config)
    daemon.send_signal(signal.SIGHUP)
    (page,) = site.wait_for_pages("the rules", update="opened")
    after = site.status()

    assert daemon.poll() is None
    assert (after["pid"], after["ready"]) == (before["pid"], True)
    assert page["severity"] == "warning"
    assert "revision 1 stays in force" in page["text"]
    place = site.config / "policy.toml"
    shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    place.write_bytes(good)
    place.chmod(0o600)
    daemon.send_signal(signal.SIGHUP)
    site.wait_for_pages("the rules", update="resolved")


@ROOT
@pytest.mark.parametrize("spoil", [_missing, _foreign, _shared_folder, _foreign_link, _binary, _endless])
def test_a_restart_beside_such_a_policy_goes_on_by_the_last_good_one(site, spoil: Callable[[Path], None]) -> None:
    """The gateway is not left alone because somebody spoiled a file; people are told with the channels of before."""
    site.write_policy(LIVES)
    first = site.start()
    before = site.wait_until(ready=True)
    first.kill()
    first.wait()
    spoil(site.config)
    site.start()
    site.wait_for_pages("the rules", update="opened")

    assert site.status()["pid"] == before["pid"]


def _folders(site, state: Path | None = None, runtime: Path | None = None) -> list[str]:
    named = ("--state", str(state or site.state), "--runtime", str(runtime or site.runtime))
    return ["--config", str(site.config), *named]


def _read_only_state(site) -> str:
    site.state.mkdir()
    return f"mount -t tmpfs none {site.state} && mount -o remount,ro {site.state}"


def _read_only_journal(site) -> str:
    daemon = site.start()
    daemon.terminate()
    daemon.wait()
    return f"mount --bind {site.state} {site.state} && mount -o remount,bind,ro {site.state}"


def _full_state(site) -> str:
    site.state.mkdir()
    return f"mount -t tmpfs -o size=64k none {site.state}"


def _read_only_runtime(site) -> str:
    site.runtime.mkdir()
    return f"mount -t tmpfs -o mode=755 none {site.runtime} && mount -o remount,ro {site.runtime}"


def _read_only_locks(site) -> str:
    return "mount -t tmpfs none /run && mount -o remount,ro /run"


def _foreign_state(site) -> str:
    site.state.mkdir()
    os.chown(site.state, 65534, 65534)
    return "true"


def _shared_state(site) -> str:
    site.state.mkdir()
    site.state.chmod(0o777)
    return "true"


def _lives_is_a_file(site) -> str:
    site.state.mkdir(mode=0o700)
    (site.state / "lives").touch()
    return "true"


@ROOT
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
@pytest.mark.parametrize(
    "spoil",
    [
        _read_only_state,
        _read_only_journal,
        _full_state,
        _read_only_runtime,
        _read_only_locks,
        _foreign_state,
        _shared_state,
        _lives_is_a_file,
    ],
)
def test_folders_that_cannot_be_used_start_nothing(site, spoil: Callable[[object], str]) -> None:
    """A read-only, full or foreign state, a read-only /run: one line with the reason and what to look at."""
    site.write_policy(["/bin/sh", "-c", f"touch {site.folder}/began; exec sleep 600"])
    before = spoil(site)
    (site.folder / "began").unlink(missing_ok=True)
    line = f"{before} && exec {GATEDOG} daemon {' '.join(_folders(site))}"
    refused = subprocess.run(
        ["unshare", "-m", "sh", "-c", line], capture_output=True, text=True, timeout=30, check=False
    )
    if "unshare" in refused.stderr or "mount:" in refused.stderr:
        pytest.skip(f"no mounts here: {refused.stderr.strip()[:80]}")

    assert refused.returncode == 1
    assert refused.stderr.startswith("gatedog: ")
    assert refused.stderr.count("\n") == 1
    assert any(word in refused.stderr for word in ("ls -ld", "df -h", "chown"))
    assert not (site.folder / "began").exists()


@pytest.mark.parametrize(("state", "runtime"), list(itertools.product(["state", "other", "link"], ["run", "else"])))
def test_two_gatedogs_on_one_gateway_never(site, state: str, runtime: str) -> None:
    """Whatever folders the second one has, it says who owns the gateway, and the first one goes on."""
    site.write_policy(LIVES)
    site.start()
    before = site.wait_until(ready=True)
    (site.folder / "link").symlink_to(site.state)
    second = site.cli("daemon", *_folders(site, site.folder / state, site.folder / runtime))
    after = site.wait_until(ready=True)

    assert second.returncode == 1
    assert "already supervised by gatedog with pid" in second.stderr
    assert (after["pid"], after["last_exit"]) == (before["pid"], None)
