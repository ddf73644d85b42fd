"""`python -m watchdog.cli`: the command line as `gatedog` is it, where its script is not on the PATH (the demo)."""

import sys

from watchdog.cli.main import main

sys.exit(main())
