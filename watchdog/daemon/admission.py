"""How much may be asked in vain: what a request adds to the journal is paid for by the account that asks.

Theory of operation. Every request goes on record with its answer, and nobody is kept from asking; so who asks all day
for what they may not would fill the disk, slowly enough for the rate of the socket (control/tokens.py). Each account
has so many bytes of the journal at once, and so many a day, and so have all of them together, however many an agent
borrows. A person at a terminal pays from a purse of their own, so that an agent under the same account empties another.
Where a purse is empty the core is asked what it would answer: what it would grant to a person, or to a unit or an
account that a person named, is let through; anything else is answered with that, and is not taken. What an agent may do
as anybody may is granted on, off the record.

Invariant: no request that a person may make is turned away here, and the first that is turned away is an event, which
tells people; so is one an hour. Deliberately not here: the judgement, which is the core's own.
"""

from collections.abc import Callable
from typing import Final

from watchdog.control.supervision import RequestNotTaken
from watchdog.control.tokens import Rate, TokenBuckets
from watchdog.core.decisions import AnswerRequest, Decision, OriginJudged, OriginKind, Outcome
from watchdog.core.events import ActionRequested
from watchdog.core.identity import GatewayName, RequestId
from watchdog.core.origin import Judgement
from watchdog.core.peer import Peer
from watchdog.core.rules import RuleId
from watchdog.core.values import replace
from watchdog.core.verbtable import VERBS
from watchdog.journal import chain, codec

OF_ONE: Final = Rate(burst=1024 * 1024, per_second=3)
"""Bytes of the journal for one account: some 250 requests at once, then 253 KiB a day, 90 MiB a year."""
OF_ALL: Final = Rate(burst=8 * 1024 * 1024, per_second=5)
"""For all accounts together: 422 KiB a day, 150 MiB a year."""
ANSWER_BYTES: Final = 2 * 1024
"""Charged for gatedog's own words in the decisions on a request, and for its place in the file."""
REPORT_BYTES: Final = 1024
"""Charged for the event that says that a limit was hit."""

_EVERYBODY: Final = 0
_PERSON: Final = 1 << 32
"""Added to the uid of a person at a terminal."""


class Admission:
    """Counts what is asked. `foresee` says what would be decided now on an event that is not taken."""

    def __init__(
        self,
        judge: Callable[[Peer, GatewayName], Judgement],
        foresee: Callable[[ActionRequested], tuple[Decision, ...]],
        report: Callable[[str, str, int], None],
        now_usec: Callable[[], int],
        of_all: Rate = OF_ALL,
    ) -> None:
        """`report` is told which limit of whom was hit, and how often since the last time."""
        self._judge = judge
        self._foresee = foresee
        self._report = report
        self._now_usec = now_usec
        self._of_one = TokenBuckets(OF_ONE)
        self._of_all = TokenBuckets(of_all)

    def admit(self, event: ActionRequested) -> AnswerRequest | None:
        """Let a request into the loop; or return its answer, where nothing comes of it but that.

        Raises:
            RequestNotTaken: it would be refused, and enough of that is on record.
        """
        now_usec, uid = self._now_usec(), event.peer.uid
        is_person = self._judge(event.peer, event.gateway).origin is OriginKind.HUMAN
        purse = uid + _PERSON if is_person else uid
        size = bytes_for(event)
        wait_usec = self._of_one.take(purse, now_usec, size) or self._of_all.take(_EVERYBODY, now_usec, size)
        if not wait_usec:
            return None
        decisions = self._foresee(event)
        answer = next(each for each in decisions if isinstance(each, AnswerRequest))
        if answer.outcome is Outcome.GRANTED and _is_for_somebody(event, answer, decisions):
            return None
        if answer.rule is RuleId.GATE_REVERSIBLE:
            return replace(answer, request=RequestId(""))  # an agent does a hundred things an hour that may be done
        for purses, key, whose in ((self._of_one, purse, f"uid {uid}"), (self._of_all, _EVERYBODY, "all accounts")):
            if dropped := purses.drops_to_report(key, now_usec):
                self._report("requests on record", whose, dropped)
        raise RequestNotTaken(f"{answer.because}; it was not recorded, as so many were before", wait_usec)

    def admits_report(self) -> bool:
        """Say whether one more event about a limit may go on record: whoever borrows uids hits the limit of each."""
        return not self._of_all.take(_EVERYBODY, self._now_usec(), REPORT_BYTES)


def bytes_for(event: ActionRequested) -> int:
    """Say how much a request adds to the journal at most: what an asker wrote can stand in the decisions once more."""
    return ANSWER_BYTES + 2 * len(chain.pack(codec.canonical(codec.event_to_json(event))))


def _is_for_somebody(event: ActionRequested, answer: AnswerRequest, decisions: tuple[Decision, ...]) -> bool:
    """Say whether what is granted is not granted to just anybody."""
    if answer.rule is RuleId.GATE_APPROVED:
        return True  # a person approved it, once: that is used up
    judged = next(each for each in decisions if isinstance(each, OriginJudged))
    return judged.origin is OriginKind.HUMAN or OriginKind.UNKNOWN not in VERBS[event.verb].who
