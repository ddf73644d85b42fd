"""Ctrl-C on a real command: it ends at once, quietly, with the code that says so."""

import signal
import subprocess
import sys

import pytest
from fakedaemon import serving

pytestmark = pytest.mark.system

WAIT = 60


def test_interrupt_ends_quietly() -> None:
    """A status that is shown again and again ends on SIGINT with 130 and without a traceback."""
    with serving() as fake:
        words = ["--socket", str(fake.path), "status", "--watch", "30", "-o", "short"]
        # Whoever runs the tests in the background has SIGINT ignored, and children inherit that.
        code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        code += "from watchdog.cli.main import main; sys.exit(main())"
        with subprocess.Popen(
            [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as command:
            assert command.stdout is not None
            shown = command.stdout.readline()
            command.send_signal(signal.SIGINT)
            _, said = command.communicate(timeout=WAIT)

    assert shown.startswith("openclaw: READY")
    assert (command.returncode, said.strip()) == (130, "")
