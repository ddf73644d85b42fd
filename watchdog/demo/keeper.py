"""A service manager with Restart=always, in one loop: what it keeps is started again, for ever, and nobody is told.

Run as a script: `python -I -S keeper.py PAUSE_SECONDS COMMAND...`. The demo has two of them without gatedog, as that
night had: the gateway's own service, and what the update left behind. It ends when a gateway says that the demo has.
"""

import os
import sys
import time

_DEMO_IS_OVER = 3
"""The gateway's exit code for it (fakegateway.py; a script on its own cannot import it)."""


def main(pause_seconds: str, *command: str) -> int:
    """Start, wait, pause, start."""
    while True:
        _, status = os.waitpid(os.posix_spawn(command[0], command, os.environ), 0)
        if os.waitstatus_to_exitcode(status) == _DEMO_IS_OVER:
            return 0
        time.sleep(float(pause_seconds))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
