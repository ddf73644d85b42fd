"""`python -m watchdog.daemon`: what `gatedog daemon` and `gatedog run` become, so that no command line stays in memory.

Deliberately not here: a usage. `gatedog daemon --help` tells people; these words come from there.
"""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

INTERRUPTED = 130


def main(words: Sequence[str]) -> int:
    """Be the daemon; return its exit status."""
    with suppress(OSError):  # without it `ps` and `top` call this process python
        Path("/proc/self/comm").write_text("gatedog", encoding="ascii")
    try:
        # Within the try, because Ctrl-C while the modules are loaded is no reason for a traceback.
        from watchdog.daemon.heap import share_one_heap  # noqa: PLC0415 - as said
        from watchdog.daemon.invocation import options_of  # noqa: PLC0415 - as said
        from watchdog.daemon.options import CannotRun  # noqa: PLC0415 - as said

        share_one_heap()
        try:
            options = options_of(words)
        except CannotRun as error:
            sys.stderr.write(f"gatedog: {error}\n")
            return 1
        from watchdog.daemon.wiring import run  # noqa: PLC0415 - as said; and rules that are wrong are told at once

        return run(options)
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
