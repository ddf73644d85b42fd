"""The papers of an incident, put together from its records: guesses, a person's text, a name under a cause.

Invariant: read from the journal's own verdicts and from nothing else, so the daemon's reply, an offline reader and an
export tell the same. What is not there is None, and is said as UNSIGNED.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from watchdog.core.approval import SignatureKept
from watchdog.core.enclosure import PostmortemOffered
from watchdog.core.events import ActionRequested
from watchdog.core.identity import IncidentId
from watchdog.core.paperdecisions import (
    CauseSigned,
    HypothesisJudged,
    HypothesisTaken,
    PaperVerdict,
    PostmortemEdited,
    Standing,
)
from watchdog.core.papers import last_record
from watchdog.core.values import dataclass
from watchdog.journal.evidencehead import is_evidence
from watchdog.journal.reader import Record
from watchdog.report.escape import agent_says, visible
from watchdog.report.moments import instant

UNSIGNED: Final = "UNSIGNED: no human has signed a cause"
AGENT: Final = "supervised"
SECTIONS: Final = (("Cause", "cause"), ("Trigger", "trigger"), ("Lessons", "lessons"), ("Actions", "actions"))
"""What only a person writes: heading, and field of PostmortemOffered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A hypothesis as it stands. `also`: others who said the same."""

    hypothesis: str
    claim: str
    cites: tuple[str, ...]
    refuted_by: str
    origin: str
    who: str
    wall_usec: int
    also: tuple[str, ...] = ()
    standing: Standing = Standing.OPEN
    judged_by: str = ""
    judged_because: str = ""

    @property
    def said(self) -> str:
        """The claim, an agent's marked as such."""
        return _quoted(self.origin, self.claim)

    @property
    def would_refute(self) -> str:
        """What would refute it, likewise."""
        return _quoted(self.origin, self.refuted_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A person's text, signed or not."""

    text: PostmortemOffered
    who: str
    wall_usec: int
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedText(Written):
    """A text under a person's name. `kept` None: there is no signature; `newer`: records of evidence since."""

    attested: bool
    kept: SignatureKept | None = None
    key: str = ""
    newer: int = 0

    @property
    def by(self) -> str:
        """Who, how and when."""
        how = "attested at a terminal or by a release code, no signature," if self.attested else "signed"
        return f"{how} by {visible(self.who, 120)} at {instant(self.wall_usec)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """All of them. `written` is the newest text, which may be the signed one."""

    guesses: tuple[Guess, ...] = ()
    written: Written | None = None
    signed: SignedText | None = None
    authors: tuple[str, ...] = ()

    @property
    def guesses_line(self) -> str:
        """How many hypotheses there are, by standing: "2 open, 1 refuted"."""
        counts = ((sum(each.standing is standing for each in self.guesses), standing.value) for standing in Standing)
        return ", ".join(f"{count} {word}" for count, word in counts if count) or "none"

    @property
    def is_changed(self) -> bool:
        """Whether there is a newer text than the one that was signed."""
        if self.signed is None or self.written is None:
            return False
        return self.written.seq > self.signed.seq and self.written.text != replace(self.signed.text, evidence_head="")

    @property
    def flags(self) -> tuple[str, ...]:
        """What a reader of the signed cause has to know."""
        if self.signed is None:
            return ()
        newer = f"new evidence since signing: {self.signed.newer} records" if self.signed.newer else ""
        changed = "the text was edited after it was signed, and the newer text is UNSIGNED" if self.is_changed else ""
        return tuple(flag for flag in (newer, changed) if flag)

    @property
    def cause_line(self) -> str:
        """How the cause stands, in one line."""
        return UNSIGNED if self.signed is None else "; ".join((self.signed.by, *self.flags))


def papers_of(incident: IncidentId, records: Iterable[Record]) -> Papers:
    """Put together what was written about an incident; `records` are those filed under it, oldest first."""
    papers = Papers()
    seqs: list[int] = []
    for record in records:
        if is_evidence(record):
            seqs.append(record.stamped.stamp.seq)
        for verdict in record.decisions:
            if isinstance(verdict, PaperVerdict) and verdict.incident == incident:
                papers = _with(papers, verdict, record)
    if papers.signed is None:
        return papers
    covered = last_record(papers.signed.text.evidence_head) or 0
    return replace(papers, signed=replace(papers.signed, newer=sum(seq > covered for seq in seqs)))


def _with(papers: Papers, verdict: PaperVerdict, record: Record) -> Papers:
    stamp = record.stamped.stamp
    match verdict:
        case HypothesisTaken():
            return replace(papers, guesses=_guessed(papers.guesses, verdict, stamp.wall_usec))
        case HypothesisJudged():
            return replace(papers, guesses=tuple(_judged(each, verdict) for each in papers.guesses))
        case PostmortemEdited():
            written = Written(text=verdict.offered, who=verdict.who, wall_usec=stamp.wall_usec, seq=stamp.seq)
            return replace(papers, written=written, authors=_among(papers.authors, verdict.who))
        case CauseSigned():
            event = record.stamped.event
            proof = event.signed if isinstance(event, ActionRequested) and not verdict.attested else None
            signed = SignedText(
                text=verdict.offered,
                who=verdict.who,
                wall_usec=stamp.wall_usec,
                seq=stamp.seq,
                attested=verdict.attested,
                kept=None if proof is None else proof.kept,
                key="" if proof is None else proof.key,
            )
            return replace(papers, signed=signed, authors=_among(papers.authors, verdict.who))


def _guessed(known: tuple[Guess, ...], taken: HypothesisTaken, wall_usec: int) -> tuple[Guess, ...]:
    offered = taken.offered
    same = next((each for each in known if each.hypothesis == taken.hypothesis), None)
    if same is None:
        guess = Guess(
            hypothesis=taken.hypothesis,
            claim=offered.claim,
            cites=offered.cites,
            refuted_by=offered.refuted_by,
            origin=taken.origin,
            who=taken.who,
            wall_usec=wall_usec,
        )
        return (*known, guess)
    cites = (*same.cites, *(each for each in offered.cites if each not in same.cites))
    also = same.also if taken.who == same.who else _among(same.also, taken.who)
    return tuple(replace(each, cites=cites, also=also) if each is same else each for each in known)


def _judged(guess: Guess, verdict: HypothesisJudged) -> Guess:
    if guess.hypothesis != verdict.hypothesis:
        return guess
    return replace(guess, standing=verdict.standing, judged_by=verdict.who, judged_because=verdict.reason)


def _among(known: tuple[str, ...], who: str) -> tuple[str, ...]:
    return known if who in known else (*known, who)


def _quoted(origin: str, words: str) -> str:
    return agent_says(words) if origin == AGENT else f'"{visible(words.replace(chr(34), chr(39)), 200)}"'
