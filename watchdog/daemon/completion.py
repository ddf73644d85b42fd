"""Complete a request with what the core cannot look up, before it enters the loop.

Theory of operation. The core decides on what is in an event, and reads no file, journal or signature. So, in this
order: which host this is; what a paper cites (citations.py); what proves a person (approvals.py); what an offered
bundle amounts to (examination.py). What is cheap, and may turn a mistyped request away, comes first.

Invariants: nothing here decides, nothing blocks the loop, and what a part does not know how to complete it hands on as
it came. Deliberately not here: requests that only look (core/gate.py `answer_at_once`), which need nothing of this.
"""

from dataclasses import replace

from watchdog.control.supervision import Offered
from watchdog.core.enclosure import StepReviewed
from watchdog.core.events import ActionRequested
from watchdog.core.identity import RequestId
from watchdog.daemon.approvals import Approvals
from watchdog.daemon.citations import Citations
from watchdog.daemon.examination import Examiner


class Completion:
    """What is found out about a request on its way in. `host` is what people call this host."""

    def __init__(self, host: str, citations: Citations, approvals: Approvals, examiner: Examiner) -> None:
        self._host = host
        self._citations = citations
        self._approvals = approvals
        self._examiner = examiner

    async def complete(self, event: ActionRequested, offered: Offered) -> ActionRequested:
        """Add all that is found.

        Raises:
            RequestNotTaken: something in it was mistyped; nothing was asked.
        """
        event = self._at_home(event)
        for part in (self._citations, self._approvals, self._examiner):
            event = await part.complete(event, offered)
        return event

    def challenge(self, request: RequestId) -> str:
        """Return the text that answers a refused request when signed; empty when none does."""
        return self._approvals.challenge(request)

    def close(self) -> None:
        """Find out nothing further."""
        for part in (self._citations, self._approvals, self._examiner):
            part.close()

    def _at_home(self, event: ActionRequested) -> ActionRequested:
        """Empty the host of a step that was reviewed for this one: what is left is another host's, and is refused."""
        if isinstance(event.enclosed, StepReviewed) and event.enclosed.host == self._host:
            return replace(event, enclosed=replace(event.enclosed, host=""))
        return event
