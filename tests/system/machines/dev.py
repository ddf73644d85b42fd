#!/usr/bin/env python3
"""Boot a machine and work in it by hand: `dev.py [--install] SUITE [COMMAND...]`.

Without a command it is a root shell. The machine is gone when the command ends; nothing of it remains.
"""

import argparse
import subprocess
import sys

from machine import Machine
from machine_install import install_gatedog
from machine_tree import SUITES


def main() -> int:
    """Boot, install if asked, run the command with this terminal, and clear up."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("suite", choices=SUITES)
    words.add_argument("--install", action="store_true", help="install this checkout's gatedog")
    words.add_argument("command", nargs=argparse.REMAINDER, help="what to run inside (default: a shell)")
    asked = words.parse_args()
    with Machine(asked.suite) as machine:
        machine.boot()
        if asked.install:
            install_gatedog(machine)
        return subprocess.run(machine.entered(asked.command or ["bash", "--login"]), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
