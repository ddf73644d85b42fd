"""What a daemon is started with: values only, so that the command line and the tests build the same daemon."""

from dataclasses import dataclass
from pathlib import Path

from watchdog.core.policy import Policy
from watchdog.policyfile.pagersettings import PagerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonOptions:
    """`bundle` is the folder to read again on SIGHUP; None when the policy came from a command line."""

    policy: Policy
    digest: str
    source: str
    pager: PagerSettings
    state_folder: Path
    runtime_folder: Path
    bundle: Path | None = None
    foreground_command: bool = False
    """`gatedog run -- CMD`: the gateway inherits this environment, and people watch this terminal."""
