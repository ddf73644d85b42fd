"""Words of the scenarios for what people and agents write: guesses, judgements, a cause under a person's name."""

from stage import Stage

from watchdog.core.approval import Signed
from watchdog.core.enclosure import HypothesisOffered, JudgementOffered, PostmortemOffered

SIGNER = "alice@ops"
NONCE = "0123456789abcdef0123456789abcdef"


def writes(stage: Stage, words: list[str]) -> bool:
    """Play an event of this kind; False when the words say something else."""
    match words:
        case [who, "guesses", claim, "about", incident, "by", cites, "unless", refuted_by]:
            guesses(stage, who, incident, claim, *cites.split(), refuted_by=refuted_by)
        case [who, "finds", hypothesis, standing, "of", incident, "because", reason]:
            judges(stage, who, incident, hypothesis, standing, reason)
        case [who, "writes", cause, "about", incident]:
            edits(stage, who, incident, cause)
        case [who, "signs", cause, "about", incident, "over", head]:
            signs(stage, who, incident, cause, head)
        case [who, "signs", cause, "about", incident, "over", head, "with", "a", "key"]:
            signs(stage, who, incident, cause, head, signable=True)
            answers(stage, who, incident)
        case _:
            return False
    return True


def guesses(stage: Stage, who: str, incident: str, claim: str, *cites: str, refuted_by: str = "it goes on") -> None:
    """Offer a hypothesis."""
    offered = HypothesisOffered(claim=claim, cites=cites, refuted_by=refuted_by)
    stage.asks(who, "hypothesise", "", name="", incident=incident, enclosed=offered)


def judges(stage: Stage, who: str, incident: str, hypothesis: str, standing: str, reason: str = "seen") -> None:
    """Say what became of a hypothesis."""
    found = JudgementOffered(standing=standing)
    stage.asks(who, "hypothesis-judge", reason, name="", incident=incident, subject=hypothesis, enclosed=found)


def edits(stage: Stage, who: str, incident: str, cause: str, **sections: str) -> None:
    """Save a text."""
    offered = PostmortemOffered(cause=cause, **sections)
    stage.asks(who, "postmortem-edit", "", name="", incident=incident, enclosed=offered)


def signs(stage: Stage, who: str, incident: str, cause: str, head: str, *, signable: bool = False) -> None:
    """Put a name under a cause; `signable`: somebody is listed who could sign."""
    offered = PostmortemOffered(cause=cause, evidence_head=head)
    proof = {"nonce": NONCE, "signers": (SIGNER,), "signable": True} if signable else {}
    stage.asks(who, "postmortem-sign", "", name="", incident=incident, enclosed=offered, **proof)


def answers(stage: Stage, who: str, incident: str, **beside: object) -> None:
    """Answer the newest challenge with a signature, whatever else is said beside it."""
    signed = Signed(request=stage.state.challenges[-1].request, principal=SIGNER, key="SHA256:abc")
    stage.asks(who, "postmortem-sign", "", name="", incident=incident, signed=signed, signable=True, **beside)
