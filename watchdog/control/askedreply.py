"""Requests that were made, and who an asker is, as they travel.

Invariant: what a requester wrote stays apart from what was found of them. Deliberately not here: judging (core/).
"""

from watchdog.control.wire import AskedStatus, WhoStatus
from watchdog.core.origin import Judgement
from watchdog.core.peer import Peer
from watchdog.core.permission import AskedRequest
from watchdog.core.state import State
from watchdog.core.trail import trail_of


def asked_replies(state: State) -> list[AskedStatus]:
    """List the remembered requests, newest first."""
    return [_asked_reply(asked) for asked in reversed(state.requests)]


def _asked_reply(asked: AskedRequest) -> AskedStatus:
    return AskedStatus(
        request=asked.request,
        gateway=asked.gateway,
        verb=asked.verb.value,
        at_wall_usec=asked.wall_usec,
        outcome=asked.outcome.value,
        rule=asked.answer_rule.value,
        because=asked.because,
        origin=asked.origin.value,
        origin_rule=asked.rule.value,
        who=asked.who,
        trail=asked.trail,
        reason=asked.reason,
        granted_by=asked.granted_by,
    )


def who_reply(peer: Peer, judgement: Judgement) -> WhoStatus:
    """Say who a peer was found to be."""
    return WhoStatus(
        origin=judgement.origin.value,
        rule=judgement.rule.value,
        because=judgement.because,
        trail=trail_of(peer),
        sure=peer.sure,
        trusted=judgement.trusted,
    )
