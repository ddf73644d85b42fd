"""The night of 26 March with its journal and its evidence on disk, for tests of what is made of an incident later."""

from pathlib import Path

from scenario_language import PEOPLE
from stage import MAIN, Stage, gateway_policy, usec

from watchdog.core.decisions import CollectEvidence
from watchdog.core.events import Event, Stamp, Stamped
from watchdog.core.evidence import EvidenceCollected
from watchdog.core.identity import IncidentId, Seq
from watchdog.core.observations import Measure, MeasuresObserved, ProbeObserved, ProbeResult, Reading
from watchdog.core.timeline import MINUTE, Usec
from watchdog.core.turn import Step
from watchdog.journal.seal import seal
from watchdog.journal.store import Journal

ONE = IncidentId("INC-1")
WORDS = "received SIGTERM; shutting down"
SECRET = "sk-proj-3x4mpl3S3cr3tV4lu3"  # noqa: S105 - made up
EVIDENCE = {
    "why.txt": b"main: spiral.identical-endings: 3 identical endings within 1m 10s\n",
    "output.log": f"listening\nOPENAI_API_KEY={SECRET}\n{WORDS}\n".encode(),
}


class RecordedNight(Stage):
    """A stage whose every event is written to a journal, and whose orders to keep evidence are carried out."""

    def __init__(self, state: Path) -> None:
        super().__init__()
        self.folder = state
        self.answers_starts = True
        self.evidence = dict(EVIDENCE)
        self.journal = Journal.create(state / "journal", journal_id="j-26-march", machine_id="m-1")

    def feed(self, event: Event) -> Step:
        """Step the core over an event, and commit it."""
        at = len(self.steps)
        stamp = Stamp(
            seq=Seq(at + 1),
            wall_usec=Usec(1_742_947_200_000_000 + self.now_usec + self.wall_offset_usec),
            boot=self.boot,
            uptime_usec=Usec(self.now_usec - self.booted_usec),
            synchronised=self.synchronised,
        )
        stepped = self._taken(event, Stamped(stamp=stamp, event=event))
        for order in stepped.decisions:
            if isinstance(order, CollectEvidence):
                self._keep(order)
        return stepped

    def _taken(self, event: Event, stamped: Stamped) -> Step:
        answers, self.answers_starts = self.answers_starts, False
        stepped = super().feed(event)
        self.journal.append(stamped, stepped.decisions)
        self.answers_starts = answers
        for order in stepped.decisions:
            if answers and type(order).__name__ == "StartGateway":
                self.begins(order.gateway)
        return stepped

    def _keep(self, order: CollectEvidence) -> None:
        folder = f"incidents/{order.incident}/{order.action}"
        target = self.folder / folder
        target.mkdir(parents=True)
        for name, content in self.evidence.items():
            (target / name).write_bytes(content)
        digest, size = seal(sorted(self.evidence.items()))
        self.feed(
            EvidenceCollected(
                gateway=order.gateway, incident=order.incident, folder=folder, digest=digest, size_bytes=size
            )
        )

    def sees(self, *, ok: bool, memory_kib: int) -> None:
        """Let a probe look, and memory be measured."""
        result = ProbeResult.OK if ok else ProbeResult.FAILED
        self.feed(ProbeObserved(gateway=MAIN, probe="http", result=result))
        reading = Reading(measure=Measure.MEMORY, value=memory_kib)
        process = self.process(MAIN)
        self.feed(MeasuresObserved(gateway=MAIN, process=process, span_usec=MINUTE, readings=(reading,)))


def record_night(state: Path, *, words: str = WORDS) -> Path:
    """Record the night below `state`, which it returns: three clean exits that nobody asked for, a hold, two pages."""
    night = RecordedNight(state)
    night.gatedog_starts()
    night.policy_loads(gateway_policy(), escalation=PEOPLE)
    night.looks(MAIN)
    night.gets_ready(MAIN)
    for ending in range(3):
        night.wait(usec("10s"))
        night.sees(ok=ending < 2, memory_kib=200_000 + 50_000 * ending)
        night.wait(usec("21s"))
        night.ends(MAIN, code=0, saying=words)
        if ending < 2:
            night.wait(usec("4s"))
            night.gets_ready(MAIN)
    night.delivers("phone")
    night.synchronised = False
    night.wait(usec("10m"))
    night.journal.commit()
    night.journal.close()
    return state
