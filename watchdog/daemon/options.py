"""What a daemon is started with: values only, so that the command line and the tests build the same daemon."""

from collections.abc import Sequence
from pathlib import Path

from watchdog.core.policy import Policy
from watchdog.core.values import dataclass
from watchdog.policyfile.load import LoadedPolicy
from watchdog.policyfile.pagersettings import PagerSettings
from watchdog.report.escape import visible


class CannotRun(Exception):  # noqa: N818 - what the person reads, not a defect
    """The daemon cannot begin; the text says what, why, and the next command."""

    def __init__(self, message: str, *, next_: Sequence[str] = ()) -> None:
        said = [visible(line) for line in message.splitlines()]
        super().__init__("\n".join([*said, *(f"  next: {visible(command)}" for command in next_)]))


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
    loaded: LoadedPolicy | None = None
    """What was found in `bundle`; None: it cannot be read, or what is in force is something else."""
    refused: str = ""
    """Why it cannot be read."""
    foreground_command: bool = False
    """`gatedog run -- CMD`: the gateway inherits this environment, and people watch this terminal."""
