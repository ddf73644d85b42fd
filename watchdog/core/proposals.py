"""Who changes the rules: anybody proposes, a human commits.

Theory of operation. The rules are a bundle of files, and the first bundle that a journal meets is revision 1, as found.
From then on a bundle counts only when its digest is that of the newest revision, and a revision comes into being only
by a commit: a human's, signed where people are listed who could sign, for a proposal that they have reviewed, byte for
byte. What loosens the rules may need several people (`min_signers` of the rules in force, not of the proposed ones).

What lies in the bundle's place is looked at again and again. When it is not the newest revision it is not loaded: the
rules in force stay, and people are told once, until it is as committed again. An emergency stop needs none of this.

Invariants: revisions only rise; an older bundle never comes back but as a new revision; one key counts once, whatever
name it signs under.

Deliberately not here: what a change amounts to (policyfile/policychange.py) and where the bytes lie.
"""

from typing import Literal, assert_never

from watchdog.core import escalation, incident
from watchdog.core.asks import Ask, fail, grant
from watchdog.core.bundle import (
    AS_FOUND,
    REVISIONS_MAX,
    BundleObserved,
    DefaultsChanged,
    Given,
    Proposal,
    Revision,
    proposal_id,
)
from watchdog.core.decisions import NothingDone, OriginKind, PolicyKept, Severity
from watchdog.core.enclosure import BundleExamined, BundleReviewed
from watchdog.core.events import PolicyLoaded
from watchdog.core.identity import NOBODY
from watchdog.core.incident import Finding, Matter
from watchdog.core.rules import RuleId
from watchdog.core.state import State
from watchdog.core.timeline import MINUTE
from watchdog.core.turn import Turn
from watchdog.core.values import replace
from watchdog.core.verbs import Verb

RulesVerb = Literal[Verb.PROPOSE_POLICY, Verb.COMMIT_POLICY, Verb.REVERT_POLICY]

PLACE_WITHIN_USEC = 2 * MINUTE
"""How long a committed revision may take until its files are in place, before people are told."""
TELL_AGAIN_USEC = 10 * MINUTE
"""People are told of an account's proposals at most this often; all of them are listed."""
PROBLEMS_SHOWN = 12

Flaw = tuple[RuleId, str, str]
"""Why something cannot be committed: rule, sentence, and what to type instead."""


def on_granted(turn: Turn, ask: Ask, verb: RulesVerb) -> None:
    """Do what was asked by somebody who may."""
    match verb:
        case Verb.PROPOSE_POLICY:
            _propose(turn, ask)
        case Verb.REVERT_POLICY:
            _revert(turn, ask)
        case Verb.COMMIT_POLICY:
            _commit(turn, ask)
        case _ as unreachable:
            assert_never(unreachable)


# -- what is loaded ------------------------------------------------------------------------------------------------


def may_load(turn: Turn, event: PolicyLoaded) -> bool:
    """Say whether a policy that is offered counts; remember the first bundle as found."""
    rules = turn.state.rules
    if not event.effect:
        return True
    committed = rules.committed
    if committed is None:
        committed = Revision(
            number=1,
            digest=event.digest,
            effect=event.effect,
            who=AS_FOUND,
            because="it was there when this journal began",
            wall_usec=turn.stamp.wall_usec,
            at_usec=turn.now_usec,
            placed=True,
        )
        turn.state = replace(turn.state, rules=replace(rules, revisions=(committed,), in_force=1))
        because = f"revision 1 is {event.digest[:12]}, as found; from here on a human commits what follows it"
        turn.decide(NothingDone(gateway=NOBODY, rule=RuleId.POLICY_AS_FOUND, because=because))
        return True
    if (event.digest, event.effect) != (committed.digest, committed.effect):
        because = f"{event.digest[:12]} is not revision {committed.number}; what is in force stays"
        turn.decide(PolicyKept(gateway=NOBODY, rule=RuleId.POLICY_NOT_COMMITTED, because=because))
        return False
    turn.state = replace(turn.state, rules=replace(rules, in_force=committed.number))
    return True


def on_bundle_observed(turn: Turn, event: BundleObserved) -> None:
    """Compare what lies in the bundle's place with what was committed; tell people when they part, and meet again."""
    rules = turn.state.rules
    committed = rules.committed
    if committed is None:
        return
    if event.digest == committed.digest and not event.problems:
        if not committed.placed or rules.trouble:
            placed = (*rules.revisions[:-1], replace(committed, placed=True))
            turn.state = replace(turn.state, rules=replace(rules, revisions=placed, trouble=""))
            because = f"what lies in {event.folder} is revision {committed.number} again, as committed"
            because = because if committed.placed else f"revision {committed.number} is in place"
            turn.decide(NothingDone(gateway=NOBODY, rule=RuleId.POLICY_IN_PLACE, because=because))
            incident.resolve_matter(turn, NOBODY, Matter.RULES, rule=RuleId.POLICY_IN_PLACE, because=because)
        return
    finding = _apart(turn, event, committed)
    if finding is None:
        return
    trouble = f"{finding.rule.value} {event.digest} {finding.because}"
    if trouble != rules.trouble:
        turn.state = replace(turn.state, rules=replace(rules, trouble=trouble))
        incident.report(turn, finding)


def _apart(turn: Turn, event: BundleObserved, committed: Revision) -> Finding | None:
    """Say how the bundle in its place is another than the committed one; None: people are about to put it there."""
    older = next((each for each in turn.state.rules.revisions if each.digest == event.digest), None)
    next_command = "gatedog policy diff"
    if event.problems:
        rule, title = RuleId.POLICY_UNTRUSTED, "the rules cannot be read, or not be believed"
        because, next_command = "; ".join(event.problems[:PROBLEMS_SHOWN]), "gatedog policy check"
    elif not committed.placed:
        if turn.now_usec - committed.at_usec < PLACE_WITHIN_USEC:
            return None
        rule, title = RuleId.POLICY_NOT_IN_PLACE, f"revision {committed.number} is committed and not yet in place"
        because = f"{event.folder} holds files of neither it nor a revision before it"
        because = because if older is None else f"{event.folder} still holds revision {older.number}"
        next_command = f"sudo gatedog policy commit {committed.proposal}"
    elif older is not None:
        rule, title = RuleId.POLICY_ROLLED_BACK, "somebody put older rules back"
        because = f"{event.folder} holds revision {older.number}, and {committed.number} is committed"
    else:
        rule, title = RuleId.POLICY_NOT_COMMITTED, "the rules were changed, and nobody committed that"
        because = f"{event.folder} differs from revision {committed.number}: {', '.join(event.differs) or 'its files'}"
    return Finding(
        gateway=NOBODY,
        matter=Matter.RULES,
        severity=Severity.WARNING,
        rule=rule,
        title=title,
        because=because,
        did=f"did not load it; revision {turn.state.rules.in_force or committed.number} stays in force",
        next_command=next_command,
    )


def on_defaults_changed(turn: Turn, event: DefaultsChanged) -> None:
    """This version would read the same files otherwise: that is for a human to adopt, not for an upgrade."""
    rules, found = turn.state.rules, event.examined
    known = any((each.digest, each.effect) == (found.digest, found.effect) for each in _open(turn))
    if rules.committed is None or known:
        because = "that is proposed already" if known else "there is no bundle"
        turn.decide(NothingDone(gateway=NOBODY, rule=RuleId.POLICY_DEFAULTS, because=because))
        return
    because = "the defaults that come with it are others than those in force"
    made = _proposal(turn, found, who=f"gatedog {event.version}", origin=None, uid=None, because=because)
    _remember(turn, made)
    turn.decide(NothingDone(gateway=NOBODY, rule=RuleId.POLICY_DEFAULTS, because=f"{because}: {made.proposal}"))
    _tell(turn, made, RuleId.POLICY_DEFAULTS)


# -- proposals -----------------------------------------------------------------------------------------------------


def _propose(turn: Turn, ask: Ask) -> None:
    found = _examined(turn, ask)
    if found is None:
        return
    again = next(
        (e for e in _open(turn) if (e.digest, e.effect, e.base) == (found.digest, found.effect, found.base)), None
    )
    if again is not None:
        grant(turn, ask, f"that is {again.proposal} already, by {again.who}", f"gatedog policy review {again.proposal}")
        return
    uid, origin = ask.event.peer.uid, ask.judgement.origin
    is_news = not any(
        each.uid == uid and turn.now_usec - each.at_usec < TELL_AGAIN_USEC for each in turn.state.rules.proposals
    )
    made = _proposal(turn, found, who=ask.who, origin=origin, uid=uid, because=ask.event.reason)
    if not turn.state.rules.has_room_for(made):
        because = "people have proposed and signed so much that there is no room for another's proposal"
        fail(turn, ask, RuleId.POLICY_UNUSABLE, because, "gatedog policy proposals")
        return
    _remember(turn, made)
    because = f"{made.proposal} {_in_short(made)}; it waits for a human to review and commit it"
    turn.decide(NothingDone(gateway=NOBODY, rule=RuleId.POLICY_PROPOSED, because=because))
    if is_news:
        _tell(turn, made, RuleId.POLICY_PROPOSED)
    grant(turn, ask, because, f"gatedog policy review {made.proposal}")


def _examined(turn: Turn, ask: Ask) -> BundleExamined | None:
    """Return what was found of an offered bundle that can be proposed; answers the request when it cannot."""
    found, committed = ask.event.enclosed, turn.state.rules.committed
    if not isinstance(found, BundleExamined) or committed is None:
        because = "there is no bundle: this gatedog is ruled by a command line"
        fail(turn, ask, RuleId.POLICY_UNUSABLE, because, "gatedog status")
    elif found.problems:
        more = len(found.problems) - PROBLEMS_SHOWN
        shown = (*found.problems[:PROBLEMS_SHOWN], *((f"and {more} more",) if more > 0 else ()))
        fail(
            turn, ask, RuleId.POLICY_UNUSABLE, f"it cannot be adopted: {'; '.join(shown)}", "gatedog policy check FILE"
        )
    elif found.base != committed.number:
        because = f"it was compared with revision {found.base}, and {committed.number} is committed meanwhile"
        fail(turn, ask, RuleId.POLICY_STALE, because, "gatedog policy log")
    elif (found.digest, found.effect) == (committed.digest, committed.effect):
        because = f"that is what revision {committed.number} says already"
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, because, "gatedog policy log")
    else:
        return found
    return None


def _proposal(
    turn: Turn, found: BundleExamined, *, who: str, origin: OriginKind | None, uid: int | None, because: str
) -> Proposal:
    return Proposal(
        proposal=proposal_id(turn.state.rules.proposal_count + 1),
        who=who,
        origin=origin,
        uid=uid,
        because=because,
        digest=found.digest,
        effect=found.effect,
        base=found.base,
        loosens=found.loosens,
        changes=found.changes,
        wall_usec=turn.stamp.wall_usec,
        at_usec=turn.now_usec,
    )


def _remember(turn: Turn, made: Proposal) -> None:
    turn.state = replace(turn.state, rules=turn.state.rules.with_proposal(made))


def _open(turn: Turn) -> tuple[Proposal, ...]:
    return tuple(each for each in turn.state.rules.proposals if each.revision is None)


def _in_short(proposal: Proposal) -> str:
    loosens, others = len(proposal.loosens), len(proposal.changes)
    times = "one way" if loosens == 1 else f"{loosens} ways"
    said = f"loosens the rules in {times}" if loosens else "loosens nothing"
    return f"{said} and changes {'one more thing' if others == 1 else f'{others} more'}" if others else said


def _tell(turn: Turn, made: Proposal, rule: RuleId) -> None:
    by_people = made.origin is OriginKind.HUMAN or made.origin is None
    escalation.notice(
        turn,
        NOBODY,
        rule,
        title=f"other rules are proposed: {made.proposal}",
        because=f"{made.who} proposes it; it {_in_short(made)}" + (f": {made.because}" if by_people else ""),
        next_command=f"gatedog policy review {made.proposal}",
        agent_says="" if by_people else made.because,
    )


# -- commits -------------------------------------------------------------------------------------------------------


def _revert(turn: Turn, ask: Ask) -> None:
    found = _examined(turn, ask)
    if found is None:
        return
    because = f"back to the revision before: {ask.event.reason}"
    made = _proposal(turn, found, who=ask.who, origin=OriginKind.HUMAN, uid=ask.event.peer.uid, because=because)
    _remember(turn, made)
    _sign(turn, ask, made)


def _commit(turn: Turn, ask: Ask) -> None:
    proposal = turn.state.rules.of(ask.event.subject)
    flaw = _flaw(turn, ask, proposal)
    if proposal is None or flaw is not None:
        rule, because, command = flaw or (RuleId.REQUEST_NOTHING_TO_DO, "it is unknown", "gatedog policy proposals")
        fail(turn, ask, rule, because, command)
        return
    _sign(turn, ask, proposal)


def _flaw(turn: Turn, ask: Ask, proposal: Proposal | None) -> Flaw | None:
    committed, reviewed = turn.state.rules.committed, ask.event.enclosed
    if proposal is None or committed is None:
        name = ask.event.subject or "of no name"
        return RuleId.REQUEST_NOTHING_TO_DO, f"there is no proposal {name}", "gatedog policy proposals"
    name = proposal.proposal
    if proposal.revision is not None:
        because = f"{name} is committed already, as revision {proposal.revision}"
        return RuleId.REQUEST_NOTHING_TO_DO, because, "gatedog policy log"
    if proposal.base != committed.number:
        because = f"{name} was made on revision {proposal.base}, and {committed.number} is committed meanwhile"
        return RuleId.POLICY_STALE, because, f'gatedog policy propose --again {name} --reason "why"'
    if not isinstance(reviewed, BundleReviewed):
        return RuleId.POLICY_NOT_REVIEWED, "it does not say what was reviewed", f"gatedog policy review {name}"
    if (reviewed.digest, reviewed.effect) != (proposal.digest, proposal.effect):
        because = f"{name} is not what was reviewed ({reviewed.digest[:12]})"
        return RuleId.POLICY_NOT_REVIEWED, because, f"gatedog policy review {name}"
    return None


def _sign(turn: Turn, ask: Ask, proposal: Proposal) -> None:
    """Take one person's word for a proposal, and commit it when there are enough."""
    signed = ask.event.signed
    by_signature = ask.judgement.rule is RuleId.ORIGIN_SIGNATURE and signed is not None
    given = proposal.given
    if by_signature and signed is not None:
        given = tuple(
            each for each in given if each.key in signed.counting
        )  # who was struck off meanwhile has not signed
        if any(signed.principal == each.principal or signed.key == each.key for each in given):
            because = f"{signed.principal}, or the same key, has signed {proposal.proposal} already"
            next_command = f"gatedog policy commit {proposal.proposal} --signer ANOTHER"
            fail(turn, ask, RuleId.POLICY_SIGNED_TWICE, because, next_command)
            return
        given = (*given, Given(principal=signed.principal, key=signed.key))
    _put(turn, replace(proposal, given=given))
    left = signatures_needed(turn.state, proposal) - len(given) if by_signature else 0
    if left > 0:
        because = f"{proposal.proposal} loosens the rules: {len(given)} signed, {left} more must"
        turn.decide(NothingDone(gateway=NOBODY, rule=RuleId.POLICY_SIGNED, because=f"{because}; {ask.who}"))
        grant(turn, ask, because, f"gatedog policy commit {proposal.proposal} --signer ANOTHER")
        return
    _conclude(turn, ask, replace(proposal, given=given))


def signatures_needed(state: State, proposal: Proposal) -> int:
    """Say how many people have to sign a proposal, where people sign: by the rules in force, if it loosens them."""
    policy = state.policy
    return policy.min_signers if policy is not None and proposal.loosens else 1


def _conclude(turn: Turn, ask: Ask, proposal: Proposal) -> None:
    rules = turn.state.rules
    number = 1 if rules.committed is None else rules.committed.number + 1
    who = ", ".join(each.principal for each in proposal.given) or ask.who
    revision = Revision(
        number=number,
        digest=proposal.digest,
        effect=proposal.effect,
        who=who,
        because=ask.event.reason or proposal.because,
        wall_usec=turn.stamp.wall_usec,
        at_usec=turn.now_usec,
        proposal=proposal.proposal,
    )
    revisions = (*rules.revisions, revision)[-REVISIONS_MAX:]
    turn.state = replace(turn.state, rules=replace(rules, revisions=revisions))
    _put(turn, replace(proposal, revision=number))
    because = f"revision {number} is committed: {proposal.proposal}, {_in_short(proposal)}, by {who}"
    turn.decide(NothingDone(gateway=NOBODY, rule=RuleId.POLICY_COMMITTED, because=because))
    grant(turn, ask, because, "gatedog policy log")


def _put(turn: Turn, changed: Proposal) -> None:
    rules = turn.state.rules
    proposals = tuple(changed if each.proposal == changed.proposal else each for each in rules.proposals)
    turn.state = replace(turn.state, rules=replace(rules, proposals=proposals))
