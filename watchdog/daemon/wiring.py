"""Build the daemon once, run it, take it down. Everything is passed as an argument; there are no globals.

Theory of operation, the start: remember (journal), look (each gateway), and only then arm alarms, carry pages and open
the socket: nothing is offered before what the world already holds is known (law 4). The end: stop watching, seal the
journal, and leave every gateway running (law 10).
"""

import asyncio
import os
import signal
import socket
import sys
from contextlib import ExitStack

from watchdog import __version__
from watchdog.control.listening import AlreadyServed, Listening, SocketPathUnusable, listen
from watchdog.control.reply import SupervisorFacts, status_object
from watchdog.control.server import ControlServer, ProductWords
from watchdog.core.events import (
    Event,
    SupervisorStarted,
    SupervisorStopping,
    TimerFired,
)
from watchdog.core.identity import Seq
from watchdog.core.rules import RULES_VERSION
from watchdog.core.state import State
from watchdog.core.timeline import Usec
from watchdog.daemon.approvals import Approvals, Place
from watchdog.daemon.backends import NoSystemd, build_backends
from watchdog.daemon.citations import Citations
from watchdog.daemon.claiming import JOURNAL, claim, no_place
from watchdog.daemon.collector import Collector
from watchdog.daemon.completion import Completion
from watchdog.daemon.desk import Desk
from watchdog.daemon.evidence import OWED_RECORDS, owed_evidence
from watchdog.daemon.evidencesize import EvidenceSize
from watchdog.daemon.examination import Examiner
from watchdog.daemon.eyes import Eyes
from watchdog.daemon.inbox import Arrival, Inbox
from watchdog.daemon.notify import Notifier
from watchdog.daemon.options import CannotRun, DaemonOptions
from watchdog.daemon.ownerwatch import OwnerWatch
from watchdog.daemon.pagerview import pager_status
from watchdog.daemon.performer import WorldPerformer
from watchdog.daemon.recordview import RecordView
from watchdog.daemon.recovery import Memory, mark_broken
from watchdog.daemon.revisions import Revisions
from watchdog.daemon.rounds import Rounds
from watchdog.daemon.scene import SceneWitness
from watchdog.daemon.statusfile import StatusFile
from watchdog.daemon.steps import Steps
from watchdog.daemon.supervisor import Supervisor
from watchdog.gateway.gatewaylock import GatewayLocked
from watchdog.journal.errors import JournalDamaged, JournalError
from watchdog.journal.evidence import EVIDENCE_FOLDER
from watchdog.origin.gathering import take_standpoint
from watchdog.origin.procfs import read_boot
from watchdog.pager.channels import build
from watchdog.pager.courier import Courier
from watchdog.pager.deadman import DeadMan, fault_of
from watchdog.pager.following import acknowledged_event
from watchdog.policyfile.pagersettings import warnings_of
from watchdog.report.eventwords import event_text
from watchdog.runbook.shipped import runbook_links
from watchdog.sensors.alarm import AlarmClock
from watchdog.sensors.clocks import Reading, read_clocks


def run(options: DaemonOptions) -> int:
    """Run a daemon until it is told to stop; return its exit status."""
    with ExitStack() as ending:
        try:
            options, memory = claim(options, ending)
            listening = listen(options.runtime_folder / "control.sock")
            ending.callback(listening.close)
        except (GatewayLocked, JournalError, AlreadyServed, SocketPathUnusable, CannotRun) as error:
            _say(str(error))
            return 1
        except OSError as error:
            _say(str(no_place(error, options)))
            return 1
        return _live(options, memory, listening)


def _live(options: DaemonOptions, memory: Memory, listening: Listening) -> int:
    status = 1
    try:
        status = asyncio.run(_Daemon(options, memory, listening).live())
    except* JournalDamaged as group:
        for damaged in group.exceptions:
            _say(f"{damaged}. The gateways run on; started again, gatedog begins a new journal in safe mode.")
        mark_broken(options.state_folder / JOURNAL, str(group.exceptions[0]))
    except* CannotRun as group:
        _say(str(group.exceptions[0]))
    return status


class _Daemon:
    """Everything that lives as long as the loop."""

    _supervisor: Supervisor
    _server: ControlServer
    _rounds: Rounds

    def __init__(self, options: DaemonOptions, memory: Memory, listening: Listening) -> None:
        self._options = options
        self._memory = memory
        self._listening = listening
        self._boot = read_boot()
        self._started = self._clocks()
        self._inbox = Inbox()
        self._failure: Exception | None = None

    async def live(self) -> int:
        """Begin, run until SIGTERM or SIGINT, end."""
        self._ended = asyncio.Event()
        self._build()
        ended = self._ended
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        self._begin()
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(part) for part in (self._supervisor.run(), self._server.serve())]
            work.append(tasks.create_task(self._rounds.run()))
            await ended.wait()
            self._end()
            for task in work:
                task.cancel()
        await self._close()
        if self._failure is not None:
            raise self._failure
        return 0

    # -- building --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        options, loop = self._options, asyncio.get_running_loop()
        try:
            self._backends = build_backends(options, loop, self._hear)
            self._owners = OwnerWatch(options.policy, self._backends, self._inbox.put, self._clocks)
            self._eyes = Eyes(options, self._backends, self._inbox.put)
            self._backends.begin()
        except OSError as error:
            raise no_place(error, options) from error
        except NoSystemd as error:
            raise CannotRun(str(error)) from error
        self._alarms = AlarmClock(lambda timer: self._inbox.put(TimerFired(timer=timer)))
        self._build_pager()
        self._status = StatusFile(options.runtime_folder / "status.json", self._status_object)
        self._build_performer()
        self._supervisor = Supervisor(
            self._memory.state, self._memory.journal, self._performer, self._clocks, self._inbox
        )
        by_name = self._backends.by_name
        self._rules = Revisions(options, self._state, self._eyes.adopt)
        self._completion = self._build_completion()
        self._records = RecordView(self._memory.journal.folder)
        self._desk = Desk(
            self._supervisor,
            self._memory.journal,
            by_name,
            self._facts,
            self._clocks,
            self._fail,
            pager=lambda: pager_status(self._supervisor.state, options.pager, self._courier, self._deadman),
            eyes=self._eyes,
            completion=self._completion,
            records=self._records,
            rules=self._rules,
        )
        self._server = ControlServer(
            self._listening,
            self._desk,
            standpoint=take_standpoint(),
            words=ProductWords(version=__version__),
            now_usec=lambda: self._clocks().uptime_usec,
        )
        self._notifier = Notifier()
        self._rounds = Rounds(
            self._supervisor,
            by_name,
            self._owners,
            self._alarms,
            self._status,
            (self._notifier.alive, self._mend_socket, self._tend_rules, self._evidence.tend),
            self._clocks,
            deadman=self._deadman,
        )

    def _build_completion(self) -> Completion:
        """Make what finds out about requests on their way in."""
        bundle, host = self._options.bundle, socket.gethostname()
        place = Place(journal=self._memory.journal.journal_id, host=host)
        return Completion(
            host,
            Citations(self._memory.journal.folder),
            Approvals(bundle, place, self._state, self._rules.signers),
            Examiner(self._rules.store, self._state, is_ruled=bundle is not None),
        )

    def _build_performer(self) -> None:
        """Make what carries decisions out."""
        options = self._options
        self._evidence = EvidenceSize(options.state_folder / EVIDENCE_FOLDER, asyncio.get_running_loop().time)
        collector = Collector(
            options.state_folder / EVIDENCE_FOLDER,
            self._backends.by_name,
            self._hear_collector,
            glimpses=self._owners.glimpses,
            scene=SceneWitness(self._eyes.witnessed, lambda now_usec: self._facts(self._clocks(), now_usec)).look,
        )
        self._performer = WorldPerformer(
            self._backends.by_name,
            self._alarms,
            self._courier,
            collector,
            self._status,
            steps=Steps(collector, options.runtime_folder / "control.sock", self._inbox.put),
            follow=self._eyes.follow,
        )

    def _build_pager(self) -> None:
        """Make the ways out, and the switches that notice when none works."""
        options = self._options
        credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")
        channels = {
            settings.name: build(settings, terminal=sys.stderr, credentials_directory=credentials)
            for settings in options.pager.channels
        }
        journal_id = self._memory.journal.journal_id
        host = socket.gethostname()
        self._courier = Courier(
            channels,
            self._inbox.put,
            journal_id=journal_id,
            host=host,
            runbook=runbook_links(options.pager.runbook),
            hear=lambda heard: self._inbox.put(acknowledged_event(heard)),
        )
        self._deadman = DeadMan(options.pager.deadman, host=host, credentials_directory=credentials)

    def _mend_socket(self) -> None:
        lost = self._server.look_at_socket()
        if lost is not None:
            self._inbox.put(lost)

    def _hear(self, event: Event) -> None:
        """Take what a backend reports."""
        self._inbox.put(event)
        self._owners.hear(event)

    def _hear_collector(self, event: Event) -> None:
        """Take what came of evidence."""
        self._inbox.put(event)
        self._evidence.changed()

    # -- beginning and ending --------------------------------------------------------------------------------------

    def _begin(self) -> None:
        take = self._supervisor.take
        observed = [backend.recover() for backend in self._backends.by_name.values()]
        newest = max((look.life or 0 for look in observed), default=0)
        self._memory.journal.skip_to(Seq(newest + 1))
        owed = owed_evidence(self._memory.journal.tail(OWED_RECORDS))
        take(Arrival(SupervisorStarted(version=__version__, rules=RULES_VERSION)))
        for event in self._rules.begin():
            take(Arrival(event))
        if self._memory.untold is not None:
            take(Arrival(self._memory.untold))
        for event in (*self._rules.look(again=True), *self._owners.begin()):
            take(Arrival(event))
        for look in observed:
            take(Arrival(look))
        self._alarms.start()
        self._rounds.rearm()
        self._evidence.tend()
        for order in owed:
            self._performer.perform(order, self._supervisor.state)
        self._performer.settle(self._supervisor.state)
        self._status.write()
        names = ", ".join(sorted(self._backends.by_name))
        self._notifier.ready(f"watching {names}")
        self._deadman.turn(self._supervisor.taken, fault_of(self._supervisor.state))
        if self._memory.untold is not None:
            _say(f"{event_text(self._memory.untold)}. What to do: gatedog incident list")
        for warning in warnings_of(self._options.pager):
            _say(f"pager.toml: {warning}")
        if self._backends.blind_because:
            _say(f"sender of signals: not available: {self._backends.blind_because}")
        _say(f"watching {names}. How it stands: gatedog status. Ctrl-C or SIGTERM leaves the gateway running.")

    def _end(self) -> None:
        self._notifier.stopping()
        shutdown = self._backends.shutdown_under_way()
        if shutdown is not None:  # the deaths that follow, and gatedog's own, are the host's doing
            self._supervisor.take(Arrival(shutdown))
        self._supervisor.take(Arrival(SupervisorStopping(reason="asked to stop")))
        self._alarms.stop()

    async def _close(self) -> None:
        self._server.close()
        await self._eyes.close()
        await self._owners.close()
        await self._performer.close()
        await self._evidence.close()
        self._completion.close()
        self._records.close()
        await self._courier.close()
        await self._deadman.close()
        for name, backend in self._backends.by_name.items():
            left = backend.observe().process
            goes_on = f"{name} goes on as pid {left.pid}" if left is not None else f"{name} is down"
            _say(f"no longer watching: {goes_on}. The same command takes it up again.")
        await self._backends.close()
        self._supervisor.seal()
        self._status.close()

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._ended.set()

    def _reload(self) -> None:
        """SIGHUP: look at the bundle now. A reload restarts nothing."""
        self._look_at_rules(again=True)

    def _look_at_rules(self, *, again: bool = False) -> None:
        for event in self._rules.look(again=again):
            self._inbox.put(event)

    def _tend_rules(self) -> None:
        for event in self._rules.tend():
            self._inbox.put(event)

    # -- looking ---------------------------------------------------------------------------------------------------

    def _state(self) -> State:
        return self._supervisor.state

    def _clocks(self) -> Reading:
        return read_clocks(self._boot)

    def _status_object(self) -> dict[str, object]:
        reply = status_object(self._desk.status(None))
        stopping = {"stopping": True} if self._ended.is_set() else {}
        return {**reply, "written_at": reply["now_wall_usec"], **stopping}

    def _facts(self, reading: Reading, now_usec: Usec) -> SupervisorFacts:
        return SupervisorFacts(
            version=__version__,
            pid=os.getpid(),
            started_wall_usec=self._started.wall_usec,
            journal_id=self._memory.journal.journal_id,
            now_wall_usec=reading.wall_usec,
            now_usec=now_usec,
            policy_source=self._options.source,
            memory=self._eyes.memory(reading.uptime_usec),
            evidence_bytes=self._evidence.size_bytes,
        )


def _say(text: str) -> None:
    sys.stderr.write(f"gatedog: {text}\n")
    sys.stderr.flush()
