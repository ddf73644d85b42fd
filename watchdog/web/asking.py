"""What gatedog knows, asked over its socket: one reading at a time, or records as they are written.

Invariant: never raises for what a daemon, or the lack of one, can do. An answer of another shape than the contract's is
no answer. When nobody answers, the last status file stands in, and everything read from it is called stale. A reading
is for everybody on this host, the agent included, so it never says when a start is due or a budget frees, although
gatedog tells us. Blocking, with a bound on every wait; whoever has an event loop calls this from a thread.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from watchdog.control import client
from watchdog.control.client import Refused, Unreachable
from watchdog.control.lastknown import read_last_known
from watchdog.control.shapes import misfit
from watchdog.core.values import dataclass
from watchdog.report.standing import STALE_AFTER_USEC
from watchdog.web.tally import Tally

Object = Mapping[str, Any]

TIMEOUT_S: Final = 5.0
BATCH: Final = 1000
BATCHES_MAX: Final = 50
"""Records counted in one go; the rest is counted the next time."""


class NoAnswer(Exception):  # noqa: N818 - what happened to the caller
    """Nothing could be had: why, what to type next, and whether gatedog itself said no (`code`)."""

    def __init__(self, why: str, next_command: str, code: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.next_command = next_command
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How everything stood at `now_usec` of the wall clock. `status` None: nothing at all is known.

    `stale`: the daemon did not answer, and `why` says why not; then `pager` is None and `probes` is empty.
    """

    now_usec: int
    status: Object | None
    stale: bool = False
    why: str = ""
    next_command: str = ""
    pager: Object | None = None
    probes: tuple[Object, ...] = ()

    @property
    def age_usec(self) -> int:
        """How old the status is."""
        return 0 if self.status is None else max(self.now_usec - self.status["now_wall_usec"], 0)


class Daemon:
    """One daemon, by its socket. `uid` is ours: it decides whose status file is believed."""

    def __init__(self, socket: Path, uid: int) -> None:
        self.socket = socket
        self._uid = uid

    def read(self, now_usec: int, *, whole: bool = True) -> Reading:
        """Ask how everything stands; of pager and probes only when `whole`."""
        try:
            status = _for_everybody(self.ask("Status")["status"])
        except NoAnswer as trouble:
            return self._last_known(now_usec, trouble)
        pager, probes = None, ()
        if whole:
            try:
                pager = self.ask("Pager")["pager"]
                probes = tuple(self.ask("Probes")["probes"])
            except NoAnswer as trouble:  # it ended in between, or is overrun: its status stands, the rest is not known
                return Reading(now_usec=now_usec, status=status, next_command=trouble.next_command)
        late = now_usec - status["now_wall_usec"] > STALE_AFTER_USEC
        why = "its status is not written any more" if late else ""
        return Reading(now_usec=now_usec, status=status, stale=late, why=why, pager=pager, probes=probes)

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Ask once. Raises NoAnswer."""
        try:
            return _checked(method, client.call(self.socket, method, parameters, TIMEOUT_S))
        except Unreachable as error:
            raise NoAnswer(error.why, error.next_command) from None
        except Refused as error:
            raise NoAnswer(str(error), "gatedog status", error.code) from None

    def records(
        self, after_seq: int, *, limit: int = BATCH, follow: bool = False, timeout_s: float | None = TIMEOUT_S
    ) -> Iterator[dict[str, Any]]:
        """Yield records behind a number, oldest first; with `follow` on and on. Raises NoAnswer."""
        parameters = {"after_seq": after_seq, "limit": limit, "follow": follow}
        try:
            for reply in client.stream(self.socket, "Events", parameters, timeout_s):
                record = _checked("Events", reply)["record"]
                if record is not None:
                    yield record
        except Unreachable as error:
            raise NoAnswer(error.why, error.next_command) from None
        except Refused as error:
            raise NoAnswer(str(error), "gatedog status", error.code) from None

    def newest_seq(self) -> int:
        """Return the number of the newest record, 0 when there is none. Raises NoAnswer."""
        return max((record["seq"] for record in self.records(-1, limit=1)), default=0)

    def catch_up(self, tally: Tally) -> None:
        """Count what was written since the tally's newest record. Raises NoAnswer."""
        for _ in range(BATCHES_MAX):
            batch = list(self.records(tally.seq))
            tally.count(batch)
            if len(batch) < BATCH:
                return

    def _last_known(self, now_usec: int, trouble: NoAnswer) -> Reading:
        found = read_last_known([self.socket.parent], self._uid)
        is_read = found is not None and not misfit("Status", {"status": found})
        status = _for_everybody(found) if found is not None and is_read else None
        return Reading(now_usec=now_usec, status=status, stale=True, why=trouble.why, next_command=trouble.next_command)


def _for_everybody(status: Object) -> Object:
    """Leave out what is said to people alone, as control/reply.py does."""
    gateways = [
        {
            **gateway,
            "next_start_in_usec": None,
            "budget": [{**window, "next_free_in_usec": 0} for window in gateway["budget"]],
        }
        for gateway in status["gateways"]
    ]
    return {**status, "gateways": gateways, "due_told": False}


def _checked(method: str, reply: dict[str, Any]) -> dict[str, Any]:
    if found := misfit(method, reply):
        raise NoAnswer(f"what gatedog answered cannot be read ({found})", "gatedog version", "unreadable-answer")
    return reply
