"""Complete a request with what a person brought along to show that it is them: a signature, or a release code.

Theory of operation. The core cannot read files, run ssh-keygen or make a nonce, so this is done before a request enters
the loop, and what was found travels in the event. Who may sign (daemon/signing.py) is looked up anew for each request,
so that a signer who was struck off is struck off at once. A signature is tried against the challenges that fit its
request, its own account's first; the text of a challenge is never taken from whoever answers it.

Invariant: nothing here decides; without a bundle (`gatedog run -- CMD`) nobody can sign. What blocks runs in a thread.
Deliberately not here: cryptography (approval/), and whether a challenge or a code still counts (core/proof.py).
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

from watchdog.approval.challenge import challenge_text, make_nonce, namespace_of
from watchdog.approval.codes import CODES_FILE, Mistyped, match, read_code_set
from watchdog.approval.guard import Untrusted
from watchdog.approval.sshsig import parse
from watchdog.control.supervision import Offered, RequestNotTaken
from watchdog.core.approval import (
    CHALLENGES_PER_UID_MAX,
    Challenge,
    CodeOffered,
    SignatureFault,
    SignatureKept,
    Signed,
)
from watchdog.core.decisions import OriginKind
from watchdog.core.events import TEXT_MAX, ActionRequested
from watchdog.core.identity import RequestId
from watchdog.core.state import State
from watchdog.core.values import dataclass
from watchdog.core.verbs import Verb
from watchdog.core.verbtable import VERBS, About, Mark, is_marked
from watchdog.daemon.signing import SignersInForce
from watchdog.journal.codec import enclosed_to_json
from watchdog.origin.procfs import one_line

SIGNERS_MAX = 8
"""Signers named in an event."""
TRIED_MAX = 2 * CHALLENGES_PER_UID_MAX
"""Challenges that one signature is tried against: each costs a run of ssh-keygen. So many are all that its own account
was given, and as many of others."""


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

    def __init__(
        self,
        bundle: Path | None,
        place: Place,
        state: Callable[[], State],
        signers: Callable[[], SignersInForce],
    ) -> None:
        """`signers` looks up who may sign; it is called in a thread."""
        self._bundle = bundle
        self._signers = signers
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
        if is_agent_without_proof and OriginKind.SUPERVISED not in VERBS[event.verb].who:
            event = replace(event, enclosed=None)  # it is refused whatever it holds, and nobody will sign it
        if self._bundle is None or is_agent_without_proof:
            return event  # an agent that asks 500 times a second gets no challenge, and must cost next to nothing
        bundle, state = self._bundle, self._state()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._complete, bundle, state, event, offered)

    def _complete(self, bundle: Path, state: State, event: ActionRequested, offered: Offered) -> ActionRequested:
        signers = self._signers()
        completed = replace(
            event,
            nonce=make_nonce(),
            signers=_offered_to(signers, offered.signer),
            signable=signers.is_signable,
            code_set=_code_set(bundle),
        )
        if offered.signature:
            return replace(completed, signed=self._examine(signers, state, event, offered.signature.encode()))
        if offered.code:
            return _with_code(bundle, completed, offered.code)
        return completed

    def _examine(self, signers: SignersInForce, state: State, event: ActionRequested, signature: bytes) -> Signed:
        """Try a signature against what it could answer; say of the first that it fits, else of the first of all."""
        unfit: Signed | None = None
        touch_required = _must_be_touched(state, event)
        for challenge in _to_try(state, event):
            text = self._text(challenge)
            verdict = signers.check(
                signature,
                text,
                principal=challenge.signer,
                namespace=namespace_of(challenge),
                touch_required=touch_required,
            )
            found = Signed(
                request=challenge.request,
                principal=challenge.signer,
                key=one_line(verdict.key),
                fault=verdict.fault,
                detail=one_line(verdict.detail),
            )
            if found.fault is None:
                return _with_more(found, event.verb, challenge, signers, text, signature)
            if found.fault not in _MAY_FIT_ANOTHER:
                return found
            unfit = unfit or found
        return unfit or Signed(request=None, fault=SignatureFault.NO_CHALLENGE)

    def _text(self, challenge: Challenge) -> bytes:
        enclosed = None if challenge.enclosed is None else enclosed_to_json(challenge.enclosed)
        return challenge_text(challenge, journal=self._place.journal, host=self._place.host, enclosed=enclosed)


def _to_try(state: State, event: ActionRequested) -> list[Challenge]:
    """Return what a signature could answer, in the order in which it is tried.

    First what its own account asked for, newest first. Then the newest of every other account, then the one before that
    of each: a person may ask as one account and answer as another, and no account that asks all day is in their way.
    """
    asked: Counter[int] = Counter()
    ranked: list[tuple[int, Challenge]] = []
    for each in reversed(state.challenges):
        if (each.verb, each.gateway) == (event.verb, event.gateway):
            asked[each.asker_uid] += each.asker_uid != event.peer.uid
            ranked.append((asked[each.asker_uid], each))
    return [each for _, each in sorted(ranked, key=itemgetter(0))][:TRIED_MAX]


def _with_more(
    found: Signed, verb: Verb, challenge: Challenge, signers: SignersInForce, text: bytes, signature: bytes
) -> Signed:
    """Add to a good signature what is needed to count it, or to keep it."""
    if verb is Verb.SIGN_CAUSE:
        return replace(found, kept=_kept(signature, text, signers.listed.lines_of(challenge.signer)))
    return replace(found, counting=signers.counting) if is_marked(verb, Mark.BY_SEVERAL) else found


def _kept(signature: bytes, text: bytes, signers: bytes) -> SignatureKept:
    return SignatureKept(text=text.decode(), armoured=parse(signature).armoured.decode(), signers=signers.decode())


def _offered_to(signers: SignersInForce, named: str) -> tuple[str, ...]:
    listed = signers.listed.principals
    if named:
        return (named,) if named in listed else ()
    return listed[:SIGNERS_MAX]


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
    """Say whether a key must be touched: by the gateway's rules where a request is about one, else by the strictest.

    A name that a verb has no use for, or that no gateway has, is only what an asker wrote.
    """
    gateways = () if state.policy is None else state.policy.gateways
    is_about = VERBS[event.verb].about is About.NAMED and any(each.name == event.gateway for each in gateways)
    return any(each.signature_touched for each in gateways if not is_about or each.name == event.gateway)
