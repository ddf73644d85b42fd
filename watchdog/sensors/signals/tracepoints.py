"""The numbers of the tracepoints: perf events are opened by a number that the kernel gives out at its boot.

Theory of operation. The numbers are in tracefs, which only root may enter. As root we read them there; otherwise the
unit has root write them into a file before gatedog begins (units/gatedog.service), in a folder that is root's.

Invariant: a number is an integer from a file of root's, or there is none.
"""

from pathlib import Path

from watchdog.sensors.signals.perf import PerfRefused
from watchdog.sensors.signals.witness import Tracepoints

TRACEFS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
NOTE = Path("/run/gatedog-inspect/tracepoints")
"""Two lines: the number of signal_generate, the number of signal_deliver."""
_TEXT_MAX = 64


def find_tracepoints(tracefs: tuple[Path, ...] = TRACEFS, note: Path = NOTE) -> Tracepoints:
    """Read both numbers.

    Raises:
        PerfRefused: they are nowhere to be read; the text says what helps.
    """
    for mount in tracefs:
        folder = mount / "events/signal"
        try:
            return _whole(folder / "signal_generate/id"), _whole(folder / "signal_deliver/id")
        except (OSError, ValueError):
            continue
    try:
        generated, delivered = note.read_text(encoding="ascii")[:_TEXT_MAX].split()
        return int(generated), int(delivered)
    except (OSError, ValueError):
        raise PerfRefused(_WHY_NOT) from None


def _whole(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))


_WHY_NOT = (
    "the numbers of the kernel's tracepoints cannot be read: /sys/kernel/tracing is root's, or is not mounted. "
    f"gatedog.service has them written to {NOTE} before its start; elsewhere: "
    "sudo mount -t tracefs tracefs /sys/kernel/tracing, and run gatedog as root"
)
