"""The daemon as seen from its socket: it reads from the state, and passes requests into the loop.

Invariant: reading changes nothing, and a request is answered only after its event and its answer were committed.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from shlex import quote

from watchdog.control.askedreply import asked_replies, who_reply
from watchdog.control.recordreply import record_reply
from watchdog.control.reply import (
    SupervisorFacts,
    incident_replies,
    incident_reply,
    status_reply,
)
from watchdog.control.revisionswire import RulesStatus
from watchdog.control.runsreply import runbooks_reply
from watchdog.control.runswire import RunbooksStatus
from watchdog.control.supervision import Offered, RequestAnswer, RequestNotTaken
from watchdog.control.wire import (
    AskedStatus,
    IncidentStatus,
    LookStatus,
    PagerStatus,
    ProbeRow,
    RecordReply,
    StatusReply,
    WhoStatus,
)
from watchdog.core import gate
from watchdog.core.asks import HOST
from watchdog.core.decisions import AnswerRequest
from watchdog.core.events import ActionRequested, LimitReached
from watchdog.core.identity import GatewayName, IncidentId, Seq
from watchdog.core.peer import Peer
from watchdog.core.requests import judge_peer
from watchdog.core.timeline import SECOND, Usec
from watchdog.daemon import papers
from watchdog.daemon.approvals import Approvals
from watchdog.daemon.examination import Examiner
from watchdog.daemon.eyes import Eyes
from watchdog.daemon.revisions import Revisions
from watchdog.daemon.supervisor import NotRemembered, Supervisor
from watchdog.gateway.backend import Backend
from watchdog.journal.evidencehead import newest
from watchdog.journal.store import Journal
from watchdog.origin.marks import LifeMark
from watchdog.sensors.clocks import Reading

ANSWER_TIMEOUT_S = 10.0
RETRY_USEC = 5 * SECOND


class Desk:
    """Implements control.supervision.Supervision."""

    def __init__(  # noqa: PLR0913 - the parts of the daemon that can be asked, most of them by name
        self,
        supervisor: Supervisor,
        journal: Journal,
        backends: Mapping[GatewayName, Backend],
        facts: Callable[[Reading, Usec], SupervisorFacts],
        read_clocks: Callable[[], Reading],
        fail: Callable[[Exception], None],
        *,
        pager: Callable[[], PagerStatus],
        eyes: Eyes,
        approvals: Approvals,
        examiner: Examiner,
        rules: Revisions,
    ) -> None:
        self._supervisor = supervisor
        self._journal = journal
        self._backends = backends
        self._facts = facts
        self._read_clocks = read_clocks
        self._fail = fail
        self._pager = pager
        self._eyes = eyes
        self._approvals = approvals
        self._examiner = examiner
        self._rules = rules

    def status(self) -> StatusReply:
        """Say how everything stands."""
        return status_reply(self._supervisor.state, self._facts_now())

    def pager(self) -> PagerStatus:
        """Say what waits for whom, and how the ways out are doing."""
        return self._pager()

    async def request(self, event: ActionRequested, offered: Offered) -> RequestAnswer:
        """Take a request into the loop and wait for its committed answer; what only looks is answered at once."""
        read_off = gate.answer_at_once(self._supervisor.state, event)
        if read_off is not None:
            return _answer_of(read_off, "")
        event = papers.complete(event, offered, self._journal)
        completed = await self._approvals.complete(event, offered)
        answer = self._supervisor.inbox.ask(await self._examiner.complete(completed, offered))
        if answer is None:
            raise RequestNotTaken("gatedog has more to do than it can take", RETRY_USEC)
        try:
            decided = await asyncio.wait_for(answer, ANSWER_TIMEOUT_S)
        except TimeoutError as error:
            raise RequestNotTaken("gatedog did not get to it in time", RETRY_USEC) from error
        except NotRemembered as error:
            raise RequestNotTaken(str(error), RETRY_USEC) from error
        return _answer_of(decided, self._approvals.challenge(decided.request))

    def runbooks(self) -> RunbooksStatus:
        """Say which runbooks for machines are in force, and what became of their runs."""
        return runbooks_reply(self._supervisor.state, socket.gethostname())

    def requests(self) -> list[AskedStatus]:
        """List the remembered requests, newest first."""
        return asked_replies(self._supervisor.state)

    def who_is(self, peer: Peer, gateway: GatewayName) -> WhoStatus:
        """Say who a peer is."""
        return who_reply(peer, judge_peer(self._supervisor.state, peer, gateway))

    def rules(self, *, look: bool) -> RulesStatus:
        """Say which rules count; what a look finds is told once it is on record."""
        if look:
            for event in self._rules.look():
                self._supervisor.inbox.put(event)
        return self._rules.reply()

    def records(self, after_seq: int, limit: int) -> list[RecordReply]:
        """Read committed records; below 0 counts back from the newest."""
        if after_seq < 0:
            return [record_reply(record) for record in self._journal.tail(-after_seq)[:limit]]
        return [record_reply(record) for record in self._journal.records(Seq(after_seq), limit)]

    async def changed(self, after_seq: int) -> None:
        """Wait until a record after `after_seq` is on disk."""
        while self._journal.last_seq <= after_seq:
            self._supervisor.changed.clear()
            await self._supervisor.changed.wait()

    def incidents(self, *, closed: bool) -> list[IncidentStatus]:
        """List incidents, newest first."""
        return incident_replies(self._supervisor.state, self._facts_now().now_usec, closed=closed)

    def explain(self, incident: IncidentId, limit: int) -> tuple[IncidentStatus, list[RecordReply]] | None:
        """Return an incident the state remembers, with its records."""
        for known in self._supervisor.state.incidents:
            if known.incident == incident:
                records = newest(self._journal.records_of_incident(incident), limit)
                status = incident_reply(self._supervisor.state, known, self._facts_now().now_usec)
                return status, [record_reply(record) for record in records]
        return None

    def probes(self) -> list[ProbeRow]:
        """List all probes, each with its last look."""
        return self._eyes.probes()

    def probe_history(self, gateway: GatewayName, probe: str) -> list[LookStatus] | None:
        """Return the remembered looks of a probe."""
        return self._eyes.probe_history(gateway, probe)

    async def probe_run(self, gateway: GatewayName, probe: str) -> LookStatus | None:
        """Look once, now."""
        return await self._eyes.probe_run(gateway, probe)

    def life_marks(self) -> tuple[LifeMark, ...]:
        """Name every life whose processes may still exist."""
        return tuple(mark for name in sorted(self._backends) for mark in self._backends[name].life_marks())

    def limit_reached(self, limit: str, subject: str, dropped: int) -> None:
        """Pass a limit on as the event it is."""
        self._supervisor.inbox.put(LimitReached(limit=limit, subject=subject, dropped=dropped))

    def serving_failed(self, error: Exception) -> None:
        """Treat a defect met while answering like one met in the loop: end, and be started again."""
        self._fail(error)

    def _facts_now(self) -> SupervisorFacts:
        reading = self._read_clocks()
        clock = self._supervisor.state.clock
        passed = reading.uptime_usec - clock.uptime_usec if reading.boot == clock.boot else 0
        return self._facts(reading, Usec(clock.now_usec + max(0, passed)))


def _answer_of(decided: AnswerRequest, challenge: str) -> RequestAnswer:
    return RequestAnswer(
        request=decided.request,
        outcome=decided.outcome,
        rule=decided.rule,
        message=decided.because,
        next_commands=tuple(_at_this_host(command) for command in decided.next_commands),
        challenge=challenge,
    )


def _at_this_host(command: str) -> str:
    """Fill in what the core cannot know, so that a printed command can be pasted."""
    ssh, _, rest = command.partition(f" {HOST} ")
    return f"{ssh} {quote(socket.gethostname())} {rest}" if ssh in ("ssh -t", "ssh -T") else command
