"""Complete a request with what a person brought along to show that it is them: a signature, or a release code.

Theory of operation. The core cannot read files, run ssh-keygen or make a nonce, so this is done before a request enters
the loop, and what was found travels in the event. The files lie in the bundle and are read anew for each request, so
that a signer who was struck off is struck off at once. A signature is tried against the challenges that fit its
request, newest first; the text of a challenge is never taken from whoever answers it.

Invariant: nothing here decides; without a bundle (`gatedog run -- CMD`) nobody can sign. What blocks runs in a thread.
Deliberately not here: cryptography (approval/), and whether a challenge or a code still counts (core/proof.py).
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from watchdog.approval.challenge import challenge_text, make_nonce
from watchdog.approval.codes import CODES_FILE, Mistyped, match, read_code_set
from watchdog.approval.guard import Untrusted
from watchdog.approval.signature import verify
from watchdog.approval.signers import REVOKED_FILE, SIGNERS_FILE, principals
from watchdog.control.supervision import Offered, RequestNotTaken
from watchdog.core.approval import Challenge, CodeOffered, SignatureFault, Signed
from watchdog.core.events import TEXT_MAX, ActionRequested
from watchdog.core.identity import RequestId
from watchdog.core.state import State
from watchdog.core.values import dataclass
from watchdog.origin.procfs import one_line

SIGNERS_MAX = 8
"""Signers named in an event."""
TRIED_MAX = 4
"""Challenges that one signature is tried against: each costs a run of ssh-keygen."""


_MAY_FIT_ANOTHER = (SignatureFault.DOES_NOT_MATCH, SignatureFault.UNKNOWN_SIGNER)
_THREADS = 2
"""Of their own: the threads that start gateways must not wait for an ssh-keygen that hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a challenge is bound to besides its request."""

    journal: str
    host: str


class Approvals:
    """Looks at proofs. `bundle` is the folder of the signers and codes; None: there are none."""

    def __init__(self, bundle: Path | None, place: Place, state: Callable[[], State]) -> None:
        self._bundle = bundle
        self._place = place
        self._state = state
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="approval")

    def close(self) -> None:
        """Look at no further proof."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def challenge(self, request: RequestId) -> str:
        """Return the text that answers a refused request when signed; empty when none does."""
        for challenge in self._state().challenges:
            if challenge.request == request:
                return self._text(challenge).decode("ascii").rstrip("\n")
        return ""

    async def complete(self, event: ActionRequested, offered: Offered) -> ActionRequested:
        """Add what there is to sign with, and what was found of what was offered.

        Raises:
            RequestNotTaken: a release code that is none by its own check digit. Nothing was asked: it was mistyped.
        """
        is_agent_without_proof = event.peer.in_life and not offered.signature and not offered.code
        if self._bundle is None or is_agent_without_proof:
            return event  # an agent that asks 500 times a second gets no challenge, and must cost next to nothing
        bundle, state = self._bundle, self._state()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._complete, bundle, state, event, offered)

    def _complete(self, bundle: Path, state: State, event: ActionRequested, offered: Offered) -> ActionRequested:
        completed = replace(
            event,
            nonce=make_nonce(),
            signers=_signers(bundle, offered.signer),
            code_set=_code_set(bundle),
        )
        if offered.signature:
            return replace(completed, signed=self._examine(bundle, state, event, offered.signature.encode()))
        if offered.code:
            return _with_code(bundle, completed, offered.code)
        return completed

    def _examine(self, bundle: Path, state: State, event: ActionRequested, signature: bytes) -> Signed:
        """Try a signature against what it could answer; the newest challenge that it fits, else the newest of all."""
        fitting = [each for each in state.challenges if (each.verb, each.gateway) == (event.verb, event.gateway)]
        unfit: Signed | None = None
        for challenge in reversed(fitting[-TRIED_MAX:]):
            revoked = bundle / REVOKED_FILE
            verdict = verify(
                signature,
                self._text(challenge),
                principal=challenge.signer,
                signers=bundle / SIGNERS_FILE,
                revoked=revoked if os.path.lexists(revoked) else None,
                touch_required=_must_be_touched(state, event),
            )
            found = Signed(
                request=challenge.request,
                principal=challenge.signer,
                key=one_line(verdict.key),
                fault=verdict.fault,
                detail=one_line(verdict.detail),
            )
            if found.fault not in _MAY_FIT_ANOTHER:
                return found
            unfit = unfit or found
        return unfit or Signed(request=None, fault=SignatureFault.NO_CHALLENGE)

    def _text(self, challenge: Challenge) -> bytes:
        return challenge_text(challenge, journal=self._place.journal, host=self._place.host)


def _signers(bundle: Path, named: str) -> tuple[str, ...]:
    try:
        listed = principals(bundle / SIGNERS_FILE)
    except Untrusted:
        return ()
    if named:
        return (named,) if named in listed else ()
    return tuple(listed[:SIGNERS_MAX])


def _code_set(bundle: Path) -> str:
    try:
        return read_code_set(bundle / CODES_FILE)
    except Untrusted:
        return ""


def _with_code(bundle: Path, event: ActionRequested, code: str) -> ActionRequested:
    try:
        compared = match(code[:TEXT_MAX], bundle / CODES_FILE)
    except Mistyped as error:
        raise RequestNotTaken(str(error), 0) from error
    except Untrusted:
        return replace(event, code=CodeOffered(number=None))
    return replace(event, code_set=compared.code_set, code=CodeOffered(number=compared.number))


def _must_be_touched(state: State, event: ActionRequested) -> bool:
    """Say whether a key must be touched: by the gateway's rules, for what has no gateway by the strictest."""
    gateways = () if state.policy is None else state.policy.gateways
    return any(each.signature_touched for each in gateways if event.gateway in ("", each.name))
