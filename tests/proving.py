"""Words of the scenarios for proofs, grants and permits: what people show, and what they let others (and runs) do."""

from running import happens_to_runs
from stage import Stage

from watchdog.core.approval import CodeOffered, SignatureFault, Signed

SIGNER = "alice@ops"
NONCE = "0123456789abcdef0123456789abcdef"


def proves(stage: Stage, name: str, words: list[str]) -> bool:
    """Play an event of this kind; False when the words say something else."""
    match words:
        case [who, "asks", verb, reason, "could", "sign"]:
            stage.asks(who, verb, reason, name=name, nonce=NONCE, signers=(SIGNER,), code_set="set-1")
        case [who, "signs", verb]:
            _signs(stage, name, who, verb, None)
        case [who, "signs", verb, "but", fault]:
            _signs(stage, name, who, verb, SignatureFault(fault))
        case [who, "shows", "code", number, "for", verb]:
            code = CodeOffered(number=None if number == "wrong" else int(number))
            stage.asks(who, verb, "by phone", name=name, code=code, code_set="set-1")
        case [who, "grants", "the", "last"]:
            asked = next(each for each in reversed(stage.state.requests) if each.verb.value != "grant")
            stage.asks(who, "grant", subject=asked.request)
        case [who, "permits", starts, "starts", "to", uid, "for", lasting]:
            stage.asks(who, "permit", name=name, starts=int(starts), uid=int(uid), lasting=lasting)
        case _:
            return happens_to_runs(stage, name, words)
    return True


def _signs(stage: Stage, name: str, who: str, verb: str, fault: SignatureFault | None) -> None:
    request = stage.state.challenges[-1].request if stage.state.challenges else None
    signed = Signed(request=request, principal=SIGNER, key="SHA256:abc", fault=fault)
    stage.asks(who, verb, "as said", name=name, signed=signed)
