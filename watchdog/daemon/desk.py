"""The daemon as seen from its socket: it reads from the state, and passes requests into the loop.

Invariant: reading changes nothing, and a request is answered only after its event and its answer were committed, but
for a check of what only looks: that is read off the rules in force like a status, and leaves no record.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from shlex import quote

from watchdog.control.askedreply import asked_replies, who_reply
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
from watchdog.core.identity import NOBODY, GatewayName, IncidentId
from watchdog.core.origin import Judgement, may_be_inside
from watchdog.core.peer import Peer
from watchdog.core.requests import judge_peer
from watchdog.core.timeline import SECOND, Usec
from watchdog.daemon.admission import Admission
from watchdog.daemon.completion import Completion
from watchdog.daemon.eyes import Eyes
from watchdog.daemon.recordview import RecordView
from watchdog.daemon.revisions import Revisions
from watchdog.daemon.supervisor import NotRemembered, Supervisor
from watchdog.gateway.backend import Backend
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
        completion: Completion,
        records: RecordView,
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
        self._completion = completion
        self._records = records
        self._rules = rules
        self._admission = Admission(self._judge, supervisor.foresee, self.limit_reached, self._now)

    def status(self, peer: Peer | None) -> StatusReply:
        """Say how everything stands, to this peer; None: to whoever may come to read it."""
        state = self._supervisor.state
        due_told = peer is not None and not may_be_inside(judge_peer(state, peer, NOBODY))
        return status_reply(state, self._facts_now(), due_told=due_told)

    def pager(self) -> PagerStatus:
        """Say what waits for whom, and how the ways out are doing."""
        return self._pager()

    async def request(self, event: ActionRequested, offered: Offered) -> RequestAnswer:
        """Take a request into the loop and wait for its committed answer; what only looks is answered at once."""
        read_off = gate.answer_at_once(self._supervisor.state, event)
        if read_off is not None:
            return _answer_of(read_off, "")
        completed = await self._completion.complete(event, offered)
        unrecorded = self._admission.admit(completed)
        if unrecorded is not None:
            return _answer_of(unrecorded, "")
        answer = self._supervisor.inbox.ask(completed)
        if answer is None:
            raise RequestNotTaken("gatedog has more to do than it can take", RETRY_USEC)
        try:
            decided = await asyncio.wait_for(answer, ANSWER_TIMEOUT_S)
        except TimeoutError as error:
            raise RequestNotTaken("gatedog did not get to it in time", RETRY_USEC) from error
        except NotRemembered as error:
            raise RequestNotTaken(str(error), RETRY_USEC) from error
        return _answer_of(decided, self._completion.challenge(decided.request))

    def runbooks(self) -> RunbooksStatus:
        """Say which runbooks for machines are in force, and what became of their runs."""
        return runbooks_reply(self._supervisor.state, socket.gethostname())

    def requests(self) -> list[AskedStatus]:
        """List the remembered requests, newest first."""
        return asked_replies(self._supervisor.state)

    def who_is(self, peer: Peer, gateway: GatewayName) -> WhoStatus:
        """Say who a peer is."""
        return who_reply(peer, self._judge(peer, gateway))

    def rules(self, *, look: bool) -> RulesStatus:
        """Say which rules count; what a look finds is told once it is on record."""
        if look:
            for event in self._rules.look():
                self._supervisor.inbox.put(event)
        return self._rules.reply()

    async def records(self, after_seq: int, limit: int) -> list[RecordReply]:
        """Read committed records; below 0 counts back from the newest."""
        return await self._records.after(after_seq, limit)

    async def changed(self, after_seq: int) -> None:
        """Wait until a record after `after_seq` is on disk."""
        while self._journal.last_seq <= after_seq:
            self._supervisor.changed.clear()
            await self._supervisor.changed.wait()

    def incidents(self, *, closed: bool) -> list[IncidentStatus]:
        """List incidents, newest first."""
        return incident_replies(self._supervisor.state, self._facts_now().now_usec, closed=closed)

    async def explain(self, incident: IncidentId, limit: int) -> tuple[IncidentStatus, list[RecordReply]] | None:
        """Return an incident the state remembers, with its records."""
        for known in self._supervisor.state.incidents:
            if known.incident == incident:
                status = incident_reply(self._supervisor.state, known, self._facts_now().now_usec)
                return status, await self._records.of_incident(incident, limit)
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
        if self._admission.admits_report():
            self._supervisor.inbox.put(LimitReached(limit=limit, subject=subject, dropped=dropped))

    def serving_failed(self, error: Exception) -> None:
        """Treat a defect met while answering like one met in the loop: end, and be started again."""
        self._fail(error)

    def _judge(self, peer: Peer, gateway: GatewayName) -> Judgement:
        return judge_peer(self._supervisor.state, peer, gateway)

    def _now(self) -> int:
        return self._read_clocks().uptime_usec

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
