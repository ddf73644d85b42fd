"""A log as signals: what class of trouble it told of, and how many lines it had.

Theory of operation. The first line of a class is reported at once; while that class goes on, it is counted, and told
again every REPORT_EVERY_USEC with the count and the latest line. So a gateway that logs one error a thousand times a
second costs the journal one record in five minutes.

Invariants: at most LINES_MAX lines of one look are classified, all of them are counted; a line leaves this module as
one line of printable text.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from watchdog.core.identity import GatewayName
from watchdog.core.observations import LogClass, LogClassSeen
from watchdog.core.timeline import MINUTE
from watchdog.sensors.logclasses import Patterns
from watchdog.sensors.logtail import Piece
from watchdog.sensors.probes.outcome import plain

REPORT_EVERY_USEC = 5 * MINUTE
LINES_MAX = 1000


@dataclass(slots=True)
class _Told:
    at_usec: int
    waiting: int = 0
    line: str = ""


class Activity:
    """What one life logs."""

    def __init__(self, gateway: GatewayName, patterns: Patterns) -> None:
        self._gateway = gateway
        self._patterns = patterns
        self._told: dict[LogClass, _Told] = {}
        self._lines: int | None = None

    def take(self, piece: Piece | None, now_usec: int) -> Iterator[LogClassSeen]:
        """Count a look at the log and yield what is to be told of it. None: the log could not be read."""
        if piece is not None:
            self._lines = (self._lines or 0) + len(piece.lines) + piece.skipped
            for line in piece.lines[:LINES_MAX]:
                kind = self._patterns.classify(line)
                if kind is not None:
                    told = self._told.setdefault(kind, _Told(now_usec - REPORT_EVERY_USEC))
                    told.waiting, told.line = told.waiting + 1, plain(line)
        for kind, told in self._told.items():
            if told.waiting and now_usec - told.at_usec >= REPORT_EVERY_USEC:
                yield LogClassSeen(gateway=self._gateway, log_class=kind, line=told.line, count=told.waiting)
                told.at_usec, told.waiting = now_usec, 0

    def count_lines(self) -> int | None:
        """Return the lines since the last call; None when the log could never be read meanwhile."""
        lines, self._lines = self._lines, None
        return lines
