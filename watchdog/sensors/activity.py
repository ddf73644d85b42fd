"""A log as signals: what class of trouble it told of, how many lines it had, and how much work it tells of.

Theory of operation. The first line of a class is reported at once; while that class goes on, it is counted, and told
again every REPORT_EVERY_USEC with the count and the latest line. So a gateway that logs one error a thousand times a
second costs the journal one record in five minutes. Work is counted by the lines that a human named: only who runs a
gateway knows in what words it says that a message was answered or a job was done.

Invariants: at most LINES_MAX lines of one look are classified, all of them are counted; work of which some lines may
have been missed is no number; a line leaves this module as one line of printable text.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from watchdog.core.events import LimitReached
from watchdog.core.identity import GatewayName
from watchdog.core.observations import LogClass, LogClassSeen
from watchdog.core.timeline import HOUR, MINUTE
from watchdog.sensors.logclasses import Patterns, WorkLines
from watchdog.sensors.logtail import Piece
from watchdog.sensors.probes.outcome import plain

REPORT_EVERY_USEC = 5 * MINUTE
CUT_EVERY_USEC = HOUR
LINES_MAX = 1000


@dataclass(slots=True)
class _Told:
    at_usec: int
    waiting: int = 0
    line: str = ""


class Activity:
    """What one life logs."""

    def __init__(self, gateway: GatewayName, patterns: Patterns) -> None:
        self.work = WorkLines()
        """What a piece of work looks like; may be exchanged at any time."""
        self._gateway = gateway
        self._patterns = patterns
        self._told: dict[LogClass, _Told] = {}
        self._lines: int | None = None
        self._works: int | None = None
        self._is_work_known = True
        self._cut_told_usec: int | None = None
        self._skipped = 0

    def take(self, piece: Piece | None, now_usec: int) -> Iterator[LogClassSeen | LimitReached]:
        """Count a look at the log and yield what is to be told of it. None: the log could not be read."""
        if piece is not None:
            self._count(piece)
            for line in piece.lines[:LINES_MAX]:
                kind = self._patterns.classify(line)
                if kind is not None:
                    told = self._told.setdefault(kind, _Told(now_usec - REPORT_EVERY_USEC))
                    told.waiting, told.line = told.waiting + 1, plain(line)
            if piece.skipped or piece.is_cut:
                yield from self._cut(piece, now_usec)
        for kind, told in self._told.items():
            if told.waiting and now_usec - told.at_usec >= REPORT_EVERY_USEC:
                yield LogClassSeen(gateway=self._gateway, log_class=kind, line=told.line, count=told.waiting)
                told.at_usec, told.waiting = now_usec, 0

    def count_lines(self) -> int | None:
        """Return the lines since the last call; None when the log could never be read meanwhile."""
        lines, self._lines = self._lines, None
        return lines

    def count_work(self) -> int | None:
        """Return the pieces of work since the last call; None when nobody said what that is, or some may lack."""
        works = self._works if self._is_work_known and self.work else None
        self._works, self._is_work_known = None, True
        return works

    def _count(self, piece: Piece) -> None:
        self._lines = (self._lines or 0) + len(piece.lines) + piece.skipped
        if self.work:
            self._works = (self._works or 0) + sum(1 for line in piece.lines if self.work.says(line))
            self._is_work_known = self._is_work_known and not (piece.skipped or piece.is_cut)

    def _cut(self, piece: Piece, now_usec: int) -> Iterator[LimitReached]:
        self._skipped += piece.skipped
        if self._cut_told_usec is None or now_usec - self._cut_told_usec >= CUT_EVERY_USEC:
            yield LimitReached(limit="log lines read", subject=self._gateway, dropped=self._skipped)
            self._cut_told_usec, self._skipped = now_usec, 0
