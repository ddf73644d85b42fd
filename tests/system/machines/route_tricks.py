"""The ways of asking that take more than a line of shell. Run on the machine by the agent; nothing of gatedog is here.

route_tricks.py TRICK ID [ARGUMENT...]: asks as route ID.
"""

import array
import ctypes
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

CONTROL = "/run/gatedog/control.sock"
FAR = ("10.11.12.2", 7)
PATIENCE = 20
SCM_CREDENTIALS = 2
CLONE3 = 435
SSH = ("ssh", "-i", "/home/openclaw/.ssh/id_ed25519", "-tt", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no")


def call(name: str, path: str = CONTROL) -> None:
    """Ask by hand, and wait for the answer; who is told to come again, because many ask at once, does so."""
    for _ in range(PATIENCE):
        with connected(path) as connection:
            connection.sendall(message(name))
            answer = connection.recv(65536).decode()
        if "Supervisor.Busy" not in answer:
            break
        time.sleep(0.5)
    print(answer)


def die(name: str) -> None:
    """Ask, and end at once."""
    connection = connected()
    connection.sendall(message(name))
    os.kill(os.getpid(), signal.SIGKILL)


def hand_over(name: str) -> None:
    """Let another process connect, and write on its connection."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    if os.fork() == 0:
        connection = connected()
        theirs.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [connection.fileno()]))])
        time.sleep(5)
        os._exit(0)
    _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
    with socket.socket(fileno=struct.unpack("i", ancillary[0][2])[0]) as connection:
        connection.sendall(message(name))
        print(connection.recv(65536).decode())
    os.wait()


def forge(name: str) -> None:
    """Write with the credentials of a person's shell."""
    pid = int(Path("/srv/shell").read_text())
    with connected() as connection:
        forged = struct.pack("3i", pid, 1000, 1000)
        connection.sendmsg([message(name)], [(socket.SOL_SOCKET, SCM_CREDENTIALS, forged)])
        print(connection.recv(65536).decode())


def recycle(name: str) -> None:
    """Connect in a process, let it end, and write on its connection in one that was made with its pid."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    child = os.fork()
    if child == 0:
        with connected() as connection:
            theirs.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [connection.fileno()]))])
        os._exit(0)
    _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
    handed = socket.socket(fileno=struct.unpack("i", ancillary[0][2])[0])
    os.waitpid(child, 0)
    if clone_as(child) == 0:
        handed.sendall(message(name))
        handed.recv(65536)
        os._exit(0)
    os.wait()


def clone_as(pid: int) -> int:
    """Fork, with this pid for the child: root may choose it."""
    wanted = ctypes.c_int(pid)
    arguments = struct.pack("<11Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(wanted), 1, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    made = libc.syscall(CLONE3, arguments, len(arguments))
    if made < 0:
        raise OSError(ctypes.get_errno(), "clone3")
    return int(made)


def move_and_ask(name: str, cgroup: str, login_uid: str = "") -> None:
    """Go to another cgroup, lose all parents, and ask at a terminal."""
    if login_uid:
        Path("/proc/self/loginuid").write_text("4294967295")
        Path("/proc/self/loginuid").write_text(login_uid)
    Path(cgroup).mkdir(exist_ok=True)
    (Path(cgroup) / "cgroup.procs").write_text("0")
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(0.3)
            pty.spawn(["/usr/local/bin/ask", name], lambda fd: os.read(fd, 1024), lambda _: b"")
        os._exit(0)
    os.wait()
    wait_for_answer(name)


def create_session(name: str) -> None:
    """Order a session for ourselves from logind, as PAM does for sshd, and ask at a terminal in it."""
    if os.fork():
        os.wait()
        wait_for_answer(name)
        return
    os.setsid()
    bus = ["busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"]
    who = ["1000", str(os.getpid()), "sshd", "tty", "user", "", "", "0", "pts/9", "", "true", "alice", FAR[0], "0"]
    print(subprocess.run([*bus, "CreateSession", "uusssssussbssa(sv)", *who], capture_output=True, check=False))
    pty.spawn(["/usr/local/bin/ask", name], lambda fd: os.read(fd, 1024), lambda _: b"")
    os._exit(0)


def connect_and_ask(name: str) -> None:
    """Hold a connection to another host, as an ssh daemon does, and ask."""
    with socket.create_connection(FAR, 10):
        subprocess.run(["/usr/local/bin/ask", name], check=False)


def ssh_from_netns(name: str) -> None:
    """Log in over ssh from a network namespace with an address of its own."""
    for line in (
        "netns add agent",
        "link add agent0 type veth peer name agent1 netns agent",
        "addr add 10.99.0.1/24 dev agent0",
        "link set agent0 up",
        "-n agent addr add 10.99.0.2/24 dev agent1",
        "-n agent link set agent1 up",
    ):
        subprocess.run(["ip", *line.split()], check=False)
    subprocess.run(["ip", "netns", "exec", "agent", *SSH, "alice@10.99.0.1", "ask", name], check=False)


def connected(path: str = CONTROL) -> socket.socket:
    """Connect to gatedog."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(path)
    return connection


def message(name: str) -> bytes:
    """Write the request of a route."""
    phase = Path("/srv/phase").read_text().strip()
    asked = {"verb": "restart", "gateway": "openclaw", "reason": f"{phase} {name}"}
    return json.dumps({"method": "io.gatedog.Supervisor.Request", "parameters": asked}).encode() + b"\0"


def wait_for_answer(name: str) -> None:
    """Stay until `ask` is done, so that a unit of ours does not end before it."""
    until = time.monotonic() + 15
    while not Path(f"/srv/answers/{name}").exists() and time.monotonic() < until:
        time.sleep(0.1)


TRICKS: tuple[Callable[..., None], ...] = (
    call, die, hand_over, forge, recycle, move_and_ask, create_session, connect_and_ask, ssh_from_netns,
)  # fmt: skip

if __name__ == "__main__":
    next(trick for trick in TRICKS if trick.__name__ == sys.argv[1])(*sys.argv[2:])
