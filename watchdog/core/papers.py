"""What people and agents write about an incident: guesses, a person's text, a cause that a person signs.

Theory of operation. Three layers, and nothing passes from one to the next by itself. Evidence is what machines
recorded. A hypothesis is a guess by anybody, the agent included: it cites evidence, says what would refute it, and is
judged by a person. A cause is a person's text under a person's name, together with the evidence that they had before
them: the digest of it (journal/evidencehead.py) is found by the shell and is signed with the text.

Evidence is cited as a record of the journal, "#1234", or a file that the record says was kept, "#1234/output.log". At
least one must be of the incident: recorded since it opened. What led there may be cited beside it. The core knows the
numbers; whether a file is there is for the shell to look at, before it is asked.

Invariant: nothing here starts, stops, pages or opens anything, and only what a person asked for changes a standing, a
text or a signature. Deliberately not here: who may ask (core/requests.py), and what is shown (report/).
"""

from typing import Literal, assert_never

from watchdog.core import incident
from watchdog.core.asks import Ask, command_of, fail, grant
from watchdog.core.decisions import OriginKind
from watchdog.core.enclosure import CITES_MAX, HypothesisOffered, JudgementOffered, PostmortemOffered
from watchdog.core.identity import IncidentId, Seq
from watchdog.core.paperdecisions import (
    CauseSigned,
    HypothesisId,
    HypothesisJudged,
    HypothesisTaken,
    PostmortemEdited,
    Standing,
)
from watchdog.core.paperstate import (
    HYPOTHESES_KEPT,
    HYPOTHESES_MAX,
    HYPOTHESES_OF_ASKER_MAX,
    HYPOTHESES_OF_OTHERS_MAX,
    POSTMORTEMS_KEPT,
    CauseMark,
    Hypothesis,
    Papers,
    Postmortem,
)
from watchdog.core.rules import RuleId
from watchdog.core.state import Incident, State
from watchdog.core.turn import Turn
from watchdog.core.values import replace
from watchdog.core.verbs import Verb

PaperVerb = Literal[Verb.HYPOTHESISE, Verb.JUDGE_HYPOTHESIS, Verb.EDIT_POSTMORTEM, Verb.SIGN_CAUSE]

CITE_SIGN = "#"
FILE_NAME_MAX = 100
_DIGITS_MAX = 18


def on_granted(turn: Turn, ask: Ask, verb: PaperVerb) -> None:
    """Do what was asked by somebody who may."""
    wanted = ask.event.incident
    story = None if wanted is None else incident.find(turn, wanted)
    if story is None:
        because = f"no incident {wanted or ''} is remembered".replace("  ", " ")
        fail(turn, ask, RuleId.REQUEST_UNKNOWN_INCIDENT, because, "gatedog incident list --all")
        return
    match verb:
        case Verb.HYPOTHESISE:
            _hypothesise(turn, ask, story)
        case Verb.JUDGE_HYPOTHESIS:
            _judge(turn, ask, story)
        case Verb.EDIT_POSTMORTEM:
            _edit(turn, ask, story)
        case Verb.SIGN_CAUSE:
            _sign(turn, ask, story)
        case _ as unreachable:
            assert_never(unreachable)


def hypotheses_of(state: State, wanted: IncidentId) -> tuple[Hypothesis, ...]:
    """Return what was guessed about an incident, oldest first."""
    return tuple(each for each in state.papers.hypotheses if each.incident == wanted)


def cause_of(state: State, wanted: IncidentId) -> CauseMark | None:
    """Return who put their name under the cause of an incident; None: nobody."""
    return next((each for each in state.papers.causes if each.incident == wanted), None)


def record_cited(cite: str) -> Seq | None:
    """Return the record that a citation names; None when it is none: "#12" or "#12/output.log"."""
    number, slash, file = cite.removeprefix(CITE_SIGN).partition("/")
    plain = number.isascii() and number.isdecimal() and len(number) <= _DIGITS_MAX and not number.startswith("0")
    if not cite.startswith(CITE_SIGN) or not plain:
        return None
    if slash and (not file or "/" in file or len(file) > FILE_NAME_MAX or not file.isprintable() or file == ".."):
        return None
    return Seq(int(number))


# -- hypotheses ----------------------------------------------------------------------------------------------------


def _hypothesise(turn: Turn, ask: Ask, story: Incident) -> None:
    offered = ask.event.enclosed
    command = command_of(Verb.HYPOTHESISE, ask.event)
    if not isinstance(offered, HypothesisOffered):
        fail(
            turn, ask, RuleId.HYPOTHESIS_FLAWED, "a hypothesis has a claim, evidence, and what would refute it", command
        )
        return
    if flaw := _flaw(turn, offered, story):
        fail(turn, ask, RuleId.HYPOTHESIS_FLAWED, flaw, command)
        return
    known = hypotheses_of(turn.state, story.incident)
    same = next((each for each in known if _gist(each.claim) == _gist(offered.claim)), None)
    if same is not None:
        _merge(turn, ask, story, same, offered)
    elif full := _why_full(ask, known):
        list_them = f"gatedog incident hypothesis {story.incident}"
        fail(turn, ask, RuleId.HYPOTHESIS_TOO_MANY, full, list_them)
    else:
        _take(turn, ask, story, offered)


def _flaw(turn: Turn, offered: HypothesisOffered, story: Incident) -> str:
    if not offered.claim.strip():
        return "it claims nothing"
    if not offered.refuted_by.strip():
        return "it does not say what would refute it; what nothing could refute explains nothing"
    if not offered.cites:
        return f"it cites no evidence: name a record of {story.incident}, such as {CITE_SIGN}{story.first_seq}"
    cited = [(cite, record_cited(cite)) for cite in offered.cites]
    for cite, seq in cited:
        if seq is None:
            return f"{cite} names no evidence; a record is named {CITE_SIGN}12, a file it kept {CITE_SIGN}12/output.log"
        if seq >= turn.stamp.seq:
            return f"there is no record {cite} yet"
    if not any(seq is not None and seq >= story.first_seq for _, seq in cited):
        return f"all it cites is older than {story.incident}; name a record from {CITE_SIGN}{story.first_seq} on, too"
    return ""


def _gist(claim: str) -> str:
    return " ".join("".join(each if each.isalnum() else " " for each in claim.casefold()).split())


def _why_full(ask: Ask, known: tuple[Hypothesis, ...]) -> str:
    if len(known) >= HYPOTHESES_MAX:
        return f"{HYPOTHESES_MAX} hypotheses stand beside it already"
    if ask.judgement.origin is OriginKind.HUMAN:
        return ""
    others = [each for each in known if each.origin is not OriginKind.HUMAN]
    if len(others) >= HYPOTHESES_OF_OTHERS_MAX:
        return f"{HYPOTHESES_OF_OTHERS_MAX} hypotheses that are no human's stand beside it already"
    if sum(each.uid == ask.event.peer.uid for each in others) >= HYPOTHESES_OF_ASKER_MAX:
        return f"{HYPOTHESES_OF_ASKER_MAX} hypotheses of this account stand beside it already"
    return ""


def _merge(turn: Turn, ask: Ask, story: Incident, same: Hypothesis, offered: HypothesisOffered) -> None:
    new = tuple(each for each in offered.cites if each not in same.cites)
    if not new or len(same.cites) >= CITES_MAX:
        on = "the same evidence" if not new else f"{CITES_MAX} pieces of evidence, and more it does not need"
        because = f"{same.hypothesis} says the same on {on}; it is {same.standing.value}"
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, because, f"gatedog incident hypothesis {story.incident}")
        return
    merged = replace(same, cites=(*same.cites, *new)[:CITES_MAX])
    _put(turn, tuple(merged if each is same else each for each in turn.state.papers.hypotheses))
    because = f"{same.hypothesis} says the same; what it cites is added to that"
    _decide_taken(turn, ask, story, merged, offered, RuleId.HYPOTHESIS_MERGED, because)
    grant(turn, ask, f"{because}. It is {same.standing.value}", f"gatedog incident hypothesis {story.incident}")


def _take(turn: Turn, ask: Ask, story: Incident, offered: HypothesisOffered) -> None:
    number = turn.state.papers.hypothesis_count + 1
    taken = Hypothesis(
        hypothesis=HypothesisId(f"HYP-{number}"),
        incident=story.incident,
        claim=offered.claim,
        cites=offered.cites,
        origin=ask.judgement.origin,
        uid=ask.event.peer.uid,
    )
    _put(turn, (*turn.state.papers.hypotheses, taken))
    turn.state = replace(turn.state, papers=replace(turn.state.papers, hypothesis_count=number))
    because = f"offered by {ask.who}; a guess, until a human judges it"
    _decide_taken(turn, ask, story, taken, offered, RuleId.HYPOTHESIS_TAKEN, because)
    said = f"{taken.hypothesis} stands beside the evidence of {story.incident}, open until a human judges it"
    grant(turn, ask, said, f"gatedog incident hypothesis {story.incident}")


def _decide_taken(
    turn: Turn, ask: Ask, story: Incident, taken: Hypothesis, offered: HypothesisOffered, rule: RuleId, because: str
) -> None:
    turn.decide(
        HypothesisTaken(
            gateway=story.gateway,
            rule=rule,
            because=because,
            incident=story.incident,
            who=ask.who,
            hypothesis=taken.hypothesis,
            origin=ask.judgement.origin.value,
            offered=offered,
        )
    )


def _judge(turn: Turn, ask: Ask, story: Incident) -> None:
    known = hypotheses_of(turn.state, story.incident)
    judged = next((each for each in known if each.hypothesis == ask.event.subject), None)
    judgement = ask.event.enclosed
    list_them = f"gatedog incident hypothesis {story.incident}"
    if judged is None or not isinstance(judgement, JudgementOffered):
        because = f"no hypothesis {ask.event.subject} of {story.incident} is remembered".replace("  ", " ")
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, because, list_them)
        return
    if not ask.event.reason.strip():
        command = command_of(Verb.JUDGE_HYPOTHESIS, ask.event)
        fail(turn, ask, RuleId.REQUEST_NEEDS_REASON, "what showed it is kept with this", command)
        return
    standing = Standing(judgement.standing)
    _put(turn, tuple(replace(e, standing=standing) if e is judged else e for e in turn.state.papers.hypotheses))
    turn.decide(
        HypothesisJudged(
            gateway=story.gateway,
            rule=RuleId.HYPOTHESIS_JUDGED,
            because=f"{ask.who}: {ask.event.reason}",
            incident=story.incident,
            who=ask.who,
            hypothesis=judged.hypothesis,
            standing=standing,
            reason=ask.event.reason,
        )
    )
    grant(turn, ask, f"{judged.hypothesis} is {standing.value}", list_them)


def _put(turn: Turn, hypotheses: tuple[Hypothesis, ...]) -> None:
    remembered = tuple(each.incident for each in turn.state.incidents)
    kept = tuple(each for each in hypotheses if each.incident in remembered)[-HYPOTHESES_KEPT:]
    turn.state = replace(turn.state, papers=replace(turn.state.papers, hypotheses=kept))


# -- a person's text -----------------------------------------------------------------------------------------------


def _edit(turn: Turn, ask: Ask, story: Incident) -> None:
    offered = ask.event.enclosed
    papers = turn.state.papers
    if not isinstance(offered, PostmortemOffered):
        command = command_of(Verb.EDIT_POSTMORTEM, ask.event)
        fail(turn, ask, RuleId.REQUEST_NOTHING_TO_DO, "no text came with the request", command)
        return
    text = replace(offered, evidence_head="")
    if text == _text_of(papers, story.incident):
        fail(
            turn,
            ask,
            RuleId.REQUEST_NOTHING_TO_DO,
            "the text is as it was",
            f"gatedog postmortem draft {story.incident}",
        )
        return
    others = tuple(each for each in papers.postmortems if each.incident != story.incident)
    written = (*others, Postmortem(incident=story.incident, text=text))[-POSTMORTEMS_KEPT:]
    causes = tuple(
        replace(each, text_changed=True) if each.incident == story.incident else each for each in papers.causes
    )
    turn.state = replace(turn.state, papers=replace(papers, postmortems=written, causes=causes))
    turn.decide(
        PostmortemEdited(
            gateway=story.gateway,
            rule=RuleId.POSTMORTEM_EDITED,
            because=f"written by {ask.who}; nobody has signed this text",
            incident=story.incident,
            who=ask.who,
            offered=text,
        )
    )
    grant(turn, ask, f"kept, and UNSIGNED: {story.incident}", f"gatedog postmortem sign {story.incident}")


def _text_of(papers: Papers, wanted: IncidentId) -> PostmortemOffered:
    found = next((each.text for each in papers.postmortems if each.incident == wanted), None)
    return PostmortemOffered() if found is None else found


def _sign(turn: Turn, ask: Ask, story: Incident) -> None:
    offered = ask.event.enclosed
    edit = command_of(Verb.EDIT_POSTMORTEM, ask.event)
    again = command_of(Verb.SIGN_CAUSE, ask.event)
    if not isinstance(offered, PostmortemOffered) or not offered.cause.strip():
        fail(turn, ask, RuleId.CAUSE_EMPTY, "there is no cause to sign: a human writes it first", edit)
        return
    if replace(offered, evidence_head="") != _text_of(turn.state.papers, story.incident):
        because = "the text that is kept is another one: somebody has edited it; read it again"
        fail(turn, ask, RuleId.CAUSE_TEXT_CHANGED, because, again)
        return
    evidence_seq = last_record(offered.evidence_head)
    if evidence_seq is None:
        because = "the evidence is no longer what was shown; read it again"
        fail(turn, ask, RuleId.CAUSE_EVIDENCE_CHANGED, because, again)
        return
    _put_name(turn, ask, story, offered, evidence_seq)


def last_record(evidence_head: str) -> Seq | None:
    """Return the number of the last record that an evidence head covers: its first word, "#345". None: it is none."""
    return record_cited(evidence_head.partition(" ")[0])


def _put_name(turn: Turn, ask: Ask, story: Incident, offered: PostmortemOffered, evidence_seq: Seq) -> None:
    attested = ask.judgement.rule is not RuleId.ORIGIN_SIGNATURE
    mark = CauseMark(incident=story.incident, who=ask.who, attested=attested, evidence_seq=evidence_seq)
    remembered = tuple(each.incident for each in turn.state.incidents)
    others = (e for e in turn.state.papers.causes if e.incident in remembered and e.incident != story.incident)
    turn.state = replace(turn.state, papers=replace(turn.state.papers, causes=(*others, mark)))
    if attested:
        rule, because = RuleId.CAUSE_ATTESTED, f"attested by {ask.who}: nobody is listed who could sign, so none did"
    else:
        rule, because = RuleId.CAUSE_SIGNED, f"signed by {ask.who}, over the text and the evidence"
    turn.decide(
        CauseSigned(
            gateway=story.gateway,
            rule=rule,
            because=f"{because}: {offered.evidence_head}",
            incident=story.incident,
            who=ask.who,
            offered=offered,
            attested=attested,
        )
    )
    said = "attested, without a signature" if attested else "signed"
    grant(turn, ask, f"the cause of {story.incident} is {said}", f"gatedog postmortem verify {story.incident}")
