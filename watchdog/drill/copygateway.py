"""The gateway of a drill: it answers on its port as long as the drill lives.

Run as a script: `python -I -S copygateway.py PORT PID:TICKS`, where PID:TICKS names the drill. When the port is taken
it says so and ends, as gateways do. Standard library only: many are started.
"""

import os
import select
import socket
import sys

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
_REQUEST_SECONDS = 1.0
DRILL_IS_OVER = 3


def main(port: str, drill: str) -> int:
    """Serve until the drill ends or somebody ends us."""
    watched = os.pidfd_open(int(drill.partition(":")[0]))
    if identity(int(drill.partition(":")[0])) != drill:
        return DRILL_IS_OVER
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", int(port)))
        except OSError as error:
            sys.stderr.write(f"Error: listen EADDRINUSE: address already in use 127.0.0.1:{port} ({error.strerror})\n")
            return 1
        door.listen()
        sys.stdout.write(f"listening on {port}\n")
        sys.stdout.flush()
        while watched not in select.select([watched, door.fileno()], [], [])[0]:
            answer(door)
    return DRILL_IS_OVER


def answer(door: socket.socket) -> None:
    """Answer one caller."""
    caller, _ = door.accept()
    with caller:
        caller.settimeout(_REQUEST_SECONDS)
        try:
            caller.recv(4096)
            caller.sendall(_ANSWER)
        except OSError:
            return


def identity(pid: int) -> str:
    """Name a process so that a reused pid cannot be mistaken for it: PID:TICKS."""
    with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - pathlib would double the time to start
        text = stat.read()
    return f"{pid}:{text[text.rindex(b')') + 2 :].split()[19].decode('ascii')}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
