"""Words of the scenarios for who changes the rules: bundles that lie somewhere, proposals, commits."""

from dataclasses import replace
from typing import Any

from stage import MAIN, Stage, gateway_policy

from watchdog.core.approval import Signed
from watchdog.core.bundle import BundleObserved, DefaultsChanged
from watchdog.core.decisions import AnswerRequest, NothingDone, Outcome
from watchdog.core.enclosure import BundleExamined, BundleReviewed
from watchdog.core.events import PolicyLoaded
from watchdog.core.policy import Policy
from watchdog.core.rules import RuleId

FOLDER = "/etc/gatedog"
NONCE = "0123456789abcdef0123456789abcdef"
LOOSENS = "main.budget.windows: 5 per 10m -> 50 per 10m"
CHANGES = "main.stop.timeout: 30s -> 1m"


def loads(stage: Stage, digest: str, *, effect: str = "", min_signers: int = 1) -> None:
    """Offer the policy of a bundle, as the daemon does once its bytes are those of the newest revision."""
    policy = stage.state.policy or Policy(gateways=(gateway_policy(MAIN),))
    ruled = replace(policy, min_signers=min_signers)
    stage.feed(PolicyLoaded(policy=ruled, digest=digest, effect=effect or f"effect-of-{digest}"))


def lies(stage: Stage, digest: str, *differs: str) -> None:
    """Find a bundle in its place."""
    stage.feed(BundleObserved(folder=FOLDER, digest=digest, differs=differs))


def spoiled(stage: Stage, *problems: str) -> None:
    """Find a bundle that cannot be believed."""
    stage.feed(BundleObserved(folder=FOLDER, digest="", problems=problems))


def examined(stage: Stage, digest: str, how: str = "loosening", **more: Any) -> BundleExamined:
    """Return what the shell finds of an offered bundle."""
    committed = stage.state.rules.committed
    found = BundleExamined(
        digest=digest,
        size_bytes=100,
        loosens=(LOOSENS,) if how == "loosening" else (),
        changes=() if how == "loosening" else (CHANGES,),
        effect=f"effect-of-{digest}",
        base=committed.number if committed is not None else 0,
    )
    return replace(found, **more)


def proposes(stage: Stage, who: str, digest: str, how: str = "loosening", reason: str = "less noise") -> None:
    """Let somebody propose a bundle."""
    stage.asks(who, "policy-propose", reason, name="", enclosed=examined(stage, digest, how))


def reviewed(stage: Stage, proposal: str) -> BundleReviewed:
    """Return what a person who has read a proposal commits."""
    known = stage.state.rules.of(proposal)
    return BundleReviewed(digest="none", effect="") if known is None else BundleReviewed(
        digest=known.digest, effect=known.effect
    )  # fmt: skip


def commits(stage: Stage, who: str, proposal: str, **more: Any) -> None:
    """Let somebody commit a proposal from where they stand."""
    more.setdefault("enclosed", reviewed(stage, proposal))
    stage.asks(who, "policy-commit", "reviewed it", name="", subject=proposal, **more)


def signs(stage: Stage, principal: str, proposal: str, *, key: str = "", counting: tuple[str, ...] = ()) -> None:
    """Let a person of the list sign a proposal: they ask, are given a challenge, and answer it."""
    key = key or f"SHA256:{principal}"
    commits(stage, "human", proposal, nonce=NONCE, signers=(principal,), signable=True)
    challenge = stage.state.challenges[-1]
    everybody = {key, *counting, *(each.key for known in stage.state.rules.proposals for each in known.given)}
    counted = tuple(sorted(everybody)) if not counting else tuple(sorted({key, *counting}))
    signed = Signed(request=challenge.request, principal=principal, key=key, counting=counted)
    stage.asks("ansible", "policy-commit", "x", name="", subject=proposal, signed=signed, signable=True)


# -- for screenplays ------------------------------------------------------------------------------------------------


def given_bundle(play: Any, **how: Any) -> None:
    """A gateway ruled by the bundle "b1", which was found."""
    play.given()
    play.after("1m")
    loads(play, "b1", **how)
    play.decided(NothingDone, rule=RuleId.POLICY_AS_FOUND)


def committed(play: Any) -> Any:
    """Return the newest revision."""
    return play.state.rules.committed


def proposed(play: Any, who: str, digest: str, how: str = "loosening") -> None:
    """Let somebody propose a bundle before the scene that a test is about."""
    proposes(play, who, digest, how)
    play.decided(AnswerRequest, outcome=Outcome.GRANTED)


def is_answered(play: Any, outcome: Outcome, rule: RuleId = RuleId.REQUEST_GRANTED) -> Any:
    """Assert how the scene's request was answered; return the answer."""
    return play.decided(AnswerRequest, outcome=outcome, rule=rule)


def signature(play: Any, principal: str) -> Signed:
    """Return a person's signature over the newest challenge."""
    key = f"SHA256:{principal}"
    return Signed(request=play.state.challenges[-1].request, principal=principal, key=key, counting=(key,))


# -- for scenarios -------------------------------------------------------------------------------------------------


def rules(stage: Stage, words: list[str]) -> bool:
    """Play an event of this kind; False when the words say something else."""
    match words:
        case ["bundle", digest, "loads", *more]:
            pairs = dict(zip(more[::2], more[1::2], strict=True))
            loads(stage, digest, effect=pairs.get("as", ""), min_signers=int(pairs.get("min-signers", "1")))
        case ["bundle", digest, "lies", "there", *differs]:
            lies(stage, digest, *differs)
        case ["bundle", "spoiled", *problems]:
            spoiled(stage, *problems)
        case ["defaults", "change", version]:
            committed = stage.state.rules.committed
            assert committed is not None
            found = examined(stage, committed.digest, effect="effect-of-others")
            stage.feed(DefaultsChanged(version=version, examined=found))
        case [who, "proposes", digest, how]:
            proposes(stage, who, digest, how)
        case [who, "proposes", digest, "with", "problem", problem]:
            found = examined(stage, digest, problems=(problem,))
            stage.asks(who, "policy-propose", "try it", name="", enclosed=found)
        case [who, "commits", proposal]:
            commits(stage, who, proposal)
        case [who, "commits", proposal, "reviewed", "as", digest]:
            commits(stage, who, proposal, enclosed=BundleReviewed(digest=digest, effect=f"effect-of-{digest}"))
        case [who, "signs-for", proposal]:
            signs(stage, who, proposal)
        case [who, "reverts", "to", digest]:
            stage.asks(who, "policy-revert", "it was better", name="", enclosed=examined(stage, digest))
        case _:
            return False
    return True
