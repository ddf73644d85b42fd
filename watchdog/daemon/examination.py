"""Examine a bundle that somebody offers, before the core hears of it: can it be read, and what would it change?

Theory of operation. An offer is files by their names; what it does not name stays as committed. The whole of it is
parsed as a bundle in its folder would be, compared with what is committed, and kept under its digest. Into the event,
and so into the journal, goes what was found, and never the text: it is an agent's, and may be large.

Invariant: one offer is examined at a time, in a thread of its own, so an agent that offers all day delays nobody but
itself. Deliberately not here: whether it may be committed (core/proposals.py).
"""

import asyncio
import base64
import hashlib
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from watchdog.approval.challenge import KIND
from watchdog.approval.revocation import flaw_of_lines, flaw_of_list
from watchdog.approval.revoked import ListUnreadable, revoked_among
from watchdog.approval.signers import Signers, parse_signers
from watchdog.control.supervision import Offered
from watchdog.core.bundle import Revision
from watchdog.core.enclosure import BundleExamined, BundleOffered
from watchdog.core.events import TEXT_MAX, ActionRequested
from watchdog.core.policy import Policy
from watchdog.core.state import State
from watchdog.core.values import dataclass
from watchdog.core.verbs import Verb
from watchdog.journal.codec import canonical, encode
from watchdog.policyfile.bundle import REVOKED_FILE, SIGNERS_FILE, Bundle, belongs
from watchdog.policyfile.bundlechange import compare_bundles
from watchdog.policyfile.bundlestore import BundleStore
from watchdog.policyfile.load import LoadedPolicy, parse_bundle
from watchdog.policyfile.pagersettings import NO_FILE
from watchdog.policyfile.policychange import Change, Direction, is_same
from watchdog.policyfile.problems import PolicyProblems

SENTENCES_MAX = 24
"""Differences, or problems, that are told one by one."""
RECENT_MAX = 16
"""Offers whose texts stay until the loop has had the time to make proposals of them."""
PLACE = Path()
"""How messages call the folder of an offer: it lies nowhere yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """What an offer is compared with: the committed bundle, and the policy that it amounts to."""

    policy: Policy
    bundle: Bundle
    revision: int


def effect_of(policy: Policy) -> str:
    """Digest what a policy amounts to. When a zone changes its clocks is looked up anew, and is no part of it."""
    quiet = policy.escalation.quiet_hours
    if quiet is not None:
        fixed = replace(policy.escalation, quiet_hours=replace(quiet, offsets=()))
        policy = replace(policy, escalation=fixed)
    return hashlib.sha256(canonical(encode(policy)).encode()).hexdigest()


def amounts_to(policy: Policy, revision: Revision, state: State) -> bool:
    """Whether a policy is what a revision was committed as.

    Its digest says so; or it says what is in force of that revision, whose digest another version of gatedog took.
    """
    if effect_of(policy) == revision.effect:
        return True
    in_force = state.rules.in_force == revision.number and state.policy is not None
    return in_force and state.policy is not None and is_same(state.policy, policy)


def examine(bundle: Bundle, before: Standard) -> BundleExamined:
    """Say what is wrong with a bundle, or what it would change."""
    size = sum(len(raw) for _, raw in bundle.files)
    found = BundleExamined(digest=bundle.digest, size_bytes=size, base=before.revision)
    try:
        after = parse_bundle(bundle, PLACE)
    except PolicyProblems as refused:
        return replace(found, problems=_bounded([str(problem) for problem in refused.problems]))
    problems = _signers_problems(before.bundle, after)
    if problems:
        return replace(found, problems=_bounded(problems))
    changes = _changes(before, after)
    return replace(
        found,
        effect=effect_of(after.policy),
        loosens=_bounded([each.what for each in changes if each.direction is Direction.LOOSENS]),
        changes=_bounded(
            [f"{each.direction.value} {each.what}" for each in changes if each.direction is not Direction.LOOSENS]
        ),
    )


def _changes(before: Standard, after: LoadedPolicy) -> tuple[Change, ...]:
    pager = NO_FILE
    unread: tuple[Change, ...] = ()
    try:
        pager = parse_bundle(before.bundle, PLACE).pager
    except PolicyProblems:  # it was committed under another version, and nobody can tell who goes
        what = "pager.toml: this version cannot read the committed bundle, and cannot say who was reached by it"
        unread = (Change(direction=Direction.LOOSENS, what=what),)
    was = LoadedPolicy(policy=before.policy, pager=pager, bundle=before.bundle, source="")
    return (*unread, *compare_bundles(was, after))


def _signers_problems(before: Bundle, after: LoadedPolicy) -> list[str]:
    """Say by what too few people could sign, or by what a terminal alone would be enough again."""
    signers, was = (parse_signers(each.read(SIGNERS_FILE) or b"") for each in (after.bundle, before))
    revoked, was_revoked = (each.read(REVOKED_FILE) or b"" for each in (after.bundle, before))
    problems = [f"{SIGNERS_FILE}: {fault}" for fault in signers.faults]
    flaw = flaw_of_lines(revoked) if revoked == was_revoked else flaw_of_list(revoked)
    if revoked and flaw:
        return [*problems, f"{REVOKED_FILE}: {flaw}"]
    people, needed = _people(signers, revoked), after.policy.min_signers
    if people < needed and (signers.lines or was.lines):
        could = f"{people or 'nobody'} of {SIGNERS_FILE} could sign"
        problems.append(f"policy.toml: min_signers is {needed}, and {could}: nobody could loosen it again")
    return problems


def _people(signers: Signers, revoked: bytes) -> int:
    """Count who could sign a change now; one key in the lines of two people counts once."""
    now = time.strftime("%Y%m%d%H%M%S", time.gmtime())
    lines = [line for line in signers.lines if line.is_open(KIND, now)]
    keys = {base64.b64decode(line.key) for line in lines}
    try:
        keys -= revoked_among(keys, revoked)
    except ListUnreadable:
        return 0
    left = [line for line in lines if base64.b64decode(line.key) in keys]
    return min(len({name for line in left for name in line.names}), len(keys))


def _bounded(sentences: list[str]) -> tuple[str, ...]:
    lines = [_one_line(sentence) for sentence in sentences]
    if len(lines) <= SENTENCES_MAX:
        return tuple(lines)
    return (*lines[: SENTENCES_MAX - 1], f"and {len(lines) - SENTENCES_MAX + 1} more")


def _one_line(sentence: str) -> str:
    line = "".join(letter if letter.isprintable() else "?" for letter in sentence)
    return line if len(line) <= TEXT_MAX else f"{line[: TEXT_MAX - 1]}…"


class Examiner:
    """Examines what comes with requests about the rules. `is_ruled`: there is a bundle at all."""

    def __init__(self, store: BundleStore, state: Callable[[], State], *, is_ruled: bool) -> None:
        self._store = store
        self._state = state
        self._is_ruled = is_ruled
        self._recent: deque[str] = deque(maxlen=RECENT_MAX)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="examiner")

    def close(self) -> None:
        """Examine nothing further."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def complete(self, event: ActionRequested, offered: Offered) -> ActionRequested:
        """Put what is found of an offer, or of the revision before, in the place of what the asker said."""
        if not self._is_ruled or event.verb not in (Verb.PROPOSE_POLICY, Verb.REVERT_POLICY):
            return event
        if event.verb is Verb.REVERT_POLICY and (offered.signature or event.peer.in_life):
            return event  # signed, it is what the challenge says; and an agent that may not shall cost nothing
        loop = asyncio.get_running_loop()
        return replace(event, enclosed=await loop.run_in_executor(self._thread, self._examined, event))

    def _examined(self, event: ActionRequested) -> BundleExamined | None:
        """Examine it by what is known now, and not when it was queued: offers before it may be proposals meanwhile.

        An offer is any text of anybody's, and so is what it runs into. The answer says so, and is journaled; nothing
        has been changed by then but copies, so the one who must not go on is the offer, and never the daemon.
        """
        try:
            return self._examine(event, self._state())
        except Exception as error:  # noqa: BLE001 - see above: a defect met on a stranger's text is an answer to them
            return _refused(f"gatedog cannot examine it, and that is a defect of gatedog's: {error!r}")

    def _examine(self, event: ActionRequested, state: State) -> BundleExamined | None:
        before = self._standard(state)
        committed = state.rules.committed
        if committed is None:
            return None
        if before is None:
            return _refused(f"gatedog's copy of revision {committed.number} is lost; put its files back, then reload")
        if event.verb is Verb.REVERT_POLICY:
            return self._examine_before(before, state)
        if not isinstance(event.enclosed, BundleOffered) or not event.enclosed.files:
            return _refused("nothing was offered")
        names = [name for name, _ in event.enclosed.files]
        strange = [name for name in names if not belongs(name)]
        if strange:
            return _refused(*(f"{name}: no file of a bundle has this name" for name in strange))
        bundle = before.bundle.with_files((name, text.encode()) for name, text in event.enclosed.files)
        return self._kept(bundle, before, state, names)

    def _examine_before(self, before: Standard, state: State) -> BundleExamined:
        if len(state.rules.revisions) < 2:
            return _refused("there is no revision before this one")
        target = state.rules.revisions[-2]
        bundle = self._store.revision(target.number, target.digest)
        if bundle is None:
            return _refused(f"no copy of revision {target.number} is left")
        return self._kept(bundle, before, state, [name for name, _ in bundle.files])

    def _kept(self, bundle: Bundle, before: Standard, state: State, names: list[str]) -> BundleExamined:
        found = examine(bundle, before)
        if found.problems:
            return found
        try:
            self._store.offer(bundle, names)
        except OSError as error:
            return _refused(f"gatedog cannot keep it: {error.strerror or error}")
        self._recent.append(bundle.digest)
        self._store.drop_proposals({before.bundle.digest, *self._recent, *(p.digest for p in state.rules.proposals)})
        return found

    def _standard(self, state: State) -> Standard | None:
        committed = state.rules.committed
        if committed is None or state.policy is None:
            return None
        bundle = self._store.revision(committed.number, committed.digest) or self._store.proposal(committed.digest)
        if bundle is None:
            return None
        policy = state.policy
        if state.rules.in_force != committed.number:
            try:
                policy = parse_bundle(bundle, PLACE).policy
            except PolicyProblems:
                return None
        return Standard(policy=policy, bundle=bundle, revision=committed.number)


def _refused(*problems: str) -> BundleExamined:
    return BundleExamined(digest="", size_bytes=0, problems=_bounded(list(problems)))
