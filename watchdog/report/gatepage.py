"""`gatedog gate report`: what was done that nobody had let through, what was asked, and what waits for a person.

Theory of operation. The gate is advisory, so the journal is asked what happened all the same: lives that ended by the
gateway's own doing, jobs and starts that were not gatedog's, changed files, a gatedog that ended without a word. Each
is a fact that the sensors saw. It counts as let through when a person's approval was used by the same
gateway at most WITHIN_USEC before it: then it is listed as what came after that approval, for a person to compare, and
otherwise as what nobody let through, with the refusal that went before it, if one did.

Invariant: a projection of records alone, each line citing its own; no fact is guessed, so what the sensors cannot see
is not here. That an action was let through by mistake for another one is possible, and shows in the record cited.
"""

from collections.abc import Iterable, Sequence

from watchdog.core.action import ANSWERS, ASKED_FOR_USEC, GateAnswer
from watchdog.core.decisions import AnswerRequest, EndingJudged, OriginJudged, OriginKind, Outcome
from watchdog.core.enclosure import ActionOffered
from watchdog.core.endings import Sender
from watchdog.core.events import (
    ActionRequested,
    Event,
    ForeignJobSeen,
    MainProcessExited,
    MainProcessStarted,
    OwnershipObserved,
    SocketLost,
    Starter,
    SupervisorStarted,
    SupervisorStopping,
)
from watchdog.core.identity import BootId
from watchdog.core.observations import CodeObserved
from watchdog.core.rules import RuleId
from watchdog.core.selfrestart import SelfRestartSeen
from watchdog.core.timeline import MINUTE
from watchdog.core.values import dataclass
from watchdog.core.verbs import Verb
from watchdog.journal.reader import Record
from watchdog.report.actionwords import WHOLE, action_words
from watchdog.report.escape import agent_says, visible
from watchdog.report.eventwords import event_text
from watchdog.report.moments import instant
from watchdog.report.rows import Hue, Page

WITHIN_USEC = 5 * MINUTE
"""How long after an approval was used a fact is taken for what was approved."""
SHADOW_USEC = 30 * MINUTE
"""How long after a refusal a fact is set beside it, as core/restart.py does."""

_INSIDE = (Sender.SELF, Sender.SUPERVISED)
_LIFECYCLE = (Verb.START, Verb.STOP, Verb.RESTART, Verb.RELEASE, Verb.RESET_BUDGET, Verb.ASK_RESTART, Verb.PERMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ungated:
    """One fact that nobody had let through, unless it is what was approved."""

    seq: int
    wall_usec: int
    gateway: str
    what: str
    refused_by: int = 0
    """The record of a refusal not long before it, 0 for none."""
    after: str = ""
    """The action that a person had agreed to, used shortly before it; "" for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An action that waits for a person."""

    name: str
    seq: int
    gateway: str
    action: str
    until_wall_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """What the records say. `asked` counts the answers on record; what only looks leaves none."""

    ungated: tuple[Ungated, ...]
    waiting: tuple[Waiting, ...]
    asked: tuple[tuple[str, int], ...]


def report_of(records: Iterable[Record], now_wall_usec: int) -> GateReport:
    """Read the records once, oldest first."""
    reading = _Reading()
    for record in records:
        reading.take(record)
    waiting = tuple(each for each in reading.waiting.values() if each.until_wall_usec > now_wall_usec)
    asked = tuple((answer.value, reading.asked[answer]) for answer in GateAnswer)
    return GateReport(ungated=tuple(reading.ungated), waiting=waiting, asked=asked)


class _Reading:
    """What is remembered from one record to the next."""

    def __init__(self) -> None:
        self.ungated: list[Ungated] = []
        self.waiting: dict[str, Waiting] = {}
        self.asked = dict.fromkeys(GateAnswer, 0)
        self._approved: dict[str, tuple[int, str]] = {}
        self._refused: dict[str, tuple[int, int]] = {}
        self._changed: dict[str, tuple[str, ...]] = {}
        self._rivals: dict[str, tuple[object, ...]] = {}
        self._runs_in: BootId | None = None

    def take(self, record: Record) -> None:
        """Take one record in."""
        event = record.stamped.event
        answer = next((each for each in record.decisions if isinstance(each, AnswerRequest)), None)
        if isinstance(event, ActionRequested) and answer is not None:
            self._take_answer(record, event, answer)
        what = self._fact(record, event)
        if what:
            self._note(record, str(getattr(event, "gateway", "")), what)

    def _take_answer(self, record: Record, event: ActionRequested, answer: AnswerRequest) -> None:
        seq, wall_usec = record.stamped.stamp.seq, record.stamped.stamp.wall_usec
        if event.verb is Verb.APPROVE_ACTION and answer.outcome is Outcome.GRANTED:
            self.waiting.pop(event.subject, None)
        kind = ANSWERS.get(answer.rule)
        if event.verb is not Verb.CHECK_ACTION or kind is None or not isinstance(event.enclosed, ActionOffered):
            return
        self.asked[kind] += 1
        if answer.rule is RuleId.GATE_APPROVED:
            self._approved[answer.gateway] = (wall_usec, answer.because.partition(" ")[0])
        elif kind is GateAnswer.REFUSE:
            self._refused[answer.gateway] = (wall_usec, seq)
        elif kind is GateAnswer.ASK_HUMAN and answer.next_commands:
            name = answer.next_commands[0].split()[3]
            self.waiting.setdefault(
                name,
                Waiting(
                    name=name,
                    seq=seq,
                    gateway=answer.gateway,
                    action=action_words(event.enclosed),
                    until_wall_usec=wall_usec + ASKED_FOR_USEC,
                ),
            )

    def _note(self, record: Record, gateway: str, what: str) -> None:
        wall_usec = record.stamped.stamp.wall_usec
        used_usec, name = self._approved.get(gateway, (0, ""))
        self.ungated.append(
            Ungated(
                seq=record.stamped.stamp.seq,
                wall_usec=wall_usec,
                gateway=gateway,
                what=what,
                refused_by=self._refusal_before(record, gateway),
                after=name if 0 <= wall_usec - used_usec <= WITHIN_USEC else "",
            )
        )

    def _refusal_before(self, record: Record, gateway: str) -> int:
        """Return the record of a refusal not long before this one; 0 when there is none."""
        wall_usec, seq = self._refused.get(gateway, (0, 0))
        return seq if 0 <= record.stamped.stamp.wall_usec - wall_usec <= SHADOW_USEC else 0

    def _fact(self, record: Record, event: Event) -> str:
        """Say what a record shows that takes a gateway, or gatedog, down or changes it; "" when it shows nothing."""
        match event:
            case MainProcessExited():
                judged = next((each for each in record.decisions if isinstance(each, EndingJudged)), None)
                if judged is None or judged.asked:
                    return ""
                is_own = event.exit.by in _INSIDE or event.exit.replaced or event.exit.code == 0
                return event_text(event) if is_own or self._refusal_before(record, event.gateway) else ""
            case SelfRestartSeen() | ForeignJobSeen():
                return event_text(event)
            case MainProcessStarted(starter=Starter.FOREIGN) | SocketLost():
                return event_text(event)
            case ActionRequested():
                return _past_the_gate(record, event)
            case CodeObserved():
                before, self._changed[event.gateway] = self._changed.get(event.gateway, ()), event.changed
                return event_text(event) if event.changed and event.changed != before else ""
            case OwnershipObserved():
                known, self._rivals[event.gateway] = self._rivals.get(event.gateway), event.rivals
                return (
                    event_text(event) if known is not None and any(each not in known for each in event.rivals) else ""
                )
            case SupervisorStarted():
                boot = record.stamped.stamp.boot
                cut_off, self._runs_in = self._runs_in == boot, boot
                return "gatedog had ended without a word, and was started again" if cut_off else ""
            case SupervisorStopping():
                self._runs_in = None
                return ""
            case _:
                return ""


def _past_the_gate(record: Record, event: ActionRequested) -> str:
    """Say which request a supervised asker made that the gate refuses to it."""
    inside = any(isinstance(each, OriginJudged) and each.origin is OriginKind.SUPERVISED for each in record.decisions)
    refused = any(isinstance(each, AnswerRequest) and each.outcome is Outcome.REFUSED for each in record.decisions)
    if not inside or not refused or event.verb not in _LIFECYCLE:
        return ""
    return f"its agent asked for {event.verb.value}, and was refused"


def render_gate_report(report: GateReport, *, width: int, colour: bool) -> str:
    """Draw it: what happened first, then what waits."""
    page = Page(width=width, colour=colour)
    for fact in report.ungated:
        title = f"{instant(fact.wall_usec)}  {visible(fact.gateway) or 'gatedog'}"
        page.headline("\u2716" if fact.refused_by else "\u25b2", Hue.BAD if fact.refused_by else Hue.WARN, title)
        page.row("what", fact.what, lines_max=3)
        let = f"after {visible(fact.after)} was let through" if fact.after else "and nobody had let it through"
        refused = f"; the gate had refused its agent in record {fact.refused_by}" if fact.refused_by else ""
        page.row("seen", f"in record {fact.seq}, {let}{refused}")
    for waiting in report.waiting:
        page.headline("\u25d0", Hue.WARN, f"{visible(waiting.name)} waits for a person", visible(waiting.gateway))
        page.row("", agent_says(waiting.action, WHOLE), lines_max=None)
        page.row("until", f"{instant(waiting.until_wall_usec)}; asked in record {waiting.seq}")
        page.command("agree?", f"gatedog gate approve {visible(waiting.name)}", "for these very words, once")
    counts = ", ".join(f"{answer} {count}" for answer, count in report.asked)
    past = sum(not fact.after for fact in report.ungated)
    ending = f"{past} past the gate" if past else "nothing happened past the gate that gatedog could see"
    later = f", {len(report.ungated) - past} after an approval" if past < len(report.ungated) else ""
    return f"{page.text()}{ending}{later}; answers on record: {counts}\n"


def report_object(report: GateReport) -> dict[str, Sequence[object]]:
    """Say it as JSON does."""
    return {
        "ungated": [
            {
                "record": fact.seq,
                "wall_usec": fact.wall_usec,
                "gateway": fact.gateway,
                "what": fact.what,
                "refused_by": fact.refused_by or None,
                "after": fact.after or None,
            }
            for fact in report.ungated
        ],
        "waiting": [
            {
                "name": each.name,
                "record": each.seq,
                "gateway": each.gateway,
                "action": each.action,
                "until_wall_usec": each.until_wall_usec,
            }
            for each in report.waiting
        ],
        "asked": [{"answer": answer, "count": count} for answer, count in report.asked],
    }
