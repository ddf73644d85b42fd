"""Run a program that must not outlive the demo: the kernel tells it to end when the demo dies, even by SIGKILL.

Run as a script: `python -I -S leash.py PARENT_PID COMMAND...`. gatedog needs this: by design its supervisor outlives
almost anything.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: str, *command: str) -> None:
    """Tie this process to its parent and become the command."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() == int(parent):  # else it died before the leash was on
        os.execv(command[0], command)  # noqa: S606 - the demo's own command line


if __name__ == "__main__":
    main(*sys.argv[1:])
