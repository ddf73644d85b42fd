"""Pages through a program of the human's choice: the message as JSON on its standard input.

Contract with the program. Exit 0: delivered. 64, 77, 78 (sysexits: usage, no permission, configuration), 126 and 127
(not executable, not found): only a human can mend it. Everything else, 75 (EX_TEMPFAIL) and a death by signal
included: try later; curl and most scripts exit 1 or 7 when the network is away, and a critical page must outlive that.
Whatever the program leaves running is ended with it.

Invariants: argv is a list and no shell reads it; what is run, and how, keeps the promises of watchdog/program/.
Deliberately not here: who the program is and how it keeps its secrets.
"""

from pathlib import Path

from watchdog.core.timeline import duration_text
from watchdog.pager.channel import ConfigurationFault, Receipt, TryLater
from watchdog.pager.escape import one_line
from watchdog.pager.message import Message
from watchdog.policyfile.pagersettings_kinds import ExecSettings
from watchdog.program.running import NotNow, run_in_session, signal_text
from watchdog.program.trust import Unfit, check_program

_FAULTS = frozenset({64, 77, 78, 126, 127})


class ExecChannel:
    """One program."""

    def __init__(self, settings: ExecSettings) -> None:
        self.name = settings.name
        self._argv = settings.argv
        self._timeout_usec = settings.timeout_usec

    def deliver(self, message: Message) -> Receipt:
        """Run the program once, to its end or the time limit."""
        if not self._argv:
            raise ConfigurationFault(f"channel {self.name}: argv is empty")
        refuse_strangers(Path(self._argv[0]))
        for word in self._argv[1:]:
            # ["/usr/bin/python3", "/home/agent/notify.py"] would run a stranger's file as much as naming it first.
            if word.startswith("/") and Path(word).is_file():
                refuse_strangers(Path(word))
        return Receipt(detail=run_program(self._argv, message.to_json(), self._timeout_usec))


def refuse_strangers(program: Path) -> None:
    """Raise ConfigurationFault when others could have written the program."""
    try:
        check_program(program)
    except Unfit as error:
        raise ConfigurationFault(one_line(str(error))) from error


def run_program(argv: tuple[str, ...], given: bytes, timeout_usec: int) -> str:
    """Run a checked program on `given`; return its name and last words, or raise by the contract above."""
    program = one_line(Path(argv[0]).name)
    try:
        status, output = run_in_session(argv, timeout_usec, given=given)
    except Unfit as error:
        raise ConfigurationFault(one_line(str(error))) from error
    except NotNow as error:
        raise TryLater(one_line(str(error))) from error
    last = one_line(output.decode("utf-8", "replace").strip().rpartition("\n")[2])
    said = f": {last}" if last else ""
    if status is None:
        raise TryLater(f"{program} was ended after {duration_text(timeout_usec)}{said}")
    if status < 0:
        raise TryLater(f"{program} died of {signal_text(-status)}{said}")
    if status in _FAULTS:
        raise ConfigurationFault(f"{program} exited with {status}{said}")
    if status != 0:
        raise TryLater(f"{program} exited with {status}{said}")
    return f"{program} took it{said}"
