"""What an agent's runtime is about to do, in parts that rules can look at, and the rules' own vocabulary.

Invariant: frozen, bounded by core/enclosure.py, and nothing here is ever executed or looked up: a path is the text that
was offered, made absolute and rid of `.` and `..`. Deliberately not here: taking a command line apart
(core/wrappers.py), the shipped rules (core/gaterules.py), judging (core/classify.py) and answering (core/gate.py).
"""

from collections.abc import Mapping
from enum import Enum

from watchdog.core.effect import Effect
from watchdog.core.enclosure import ActionOffered
from watchdog.core.identity import GatewayName, RequestId
from watchdog.core.rules import RuleId
from watchdog.core.timeline import MINUTE, Usec
from watchdog.core.values import dataclass

ASKED_FOR_USEC = 15 * MINUTE
"""How long an action waits for a person, and how long what they approved then waits to be done."""

WAITING_MAX = 16
"""Actions that wait for a person or were approved and not yet done."""
WAITING_PER_UID_MAX = 8
"""Of these, how many one account may have: nobody's questions push out another's."""

ANY_OPTION = ("*",)
NO_OPERAND = ""


class GateAnswer(Enum):
    """What the asker is told."""

    ALLOW = "allow"
    REFUSE = "refuse"
    ASK_HUMAN = "ask-human"


ANSWERS: Mapping[RuleId, GateAnswer] = {
    RuleId.GATE_OBSERVE: GateAnswer.ALLOW,
    RuleId.GATE_REVERSIBLE: GateAnswer.ALLOW,
    RuleId.GATE_APPROVED: GateAnswer.ALLOW,
    RuleId.GATE_REFUSED: GateAnswer.REFUSE,
    RuleId.GATE_DESTABILISING: GateAnswer.ASK_HUMAN,
    RuleId.GATE_UNKNOWN: GateAnswer.ASK_HUMAN,
}
"""The answer that goes with each rule a check is answered by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRule:
    """What an action is that looks like this. Every field that is not empty must fit.

    A rule of effect DESTABILISING is suspicious: it fits when any word fits. One of another effect vouches for an
    action: it fits only when all that was offered is within it. `programs` are file names; `*` at the end of a word in
    `actions`, `programs`, `names`, or of a part of a path, stands for any rest.
    """

    name: str
    effect: Effect
    refuse: bool = False
    """Nobody is asked: the answer is no."""
    lenient: bool = False
    """It holds although a shipped rule is stricter, or none is known."""
    firm: bool = False
    """No lenient rule lifts it."""
    actions: tuple[str, ...] = ()
    """The runtime's own words for what it does: "read", "cron"."""
    programs: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    """First words behind the program, "list" or "channels status"; suspicious rules look for them anywhere."""
    unless: tuple[str, ...] = ()
    """First words with which a suspicious rule does not fit."""
    names: tuple[str, ...] = ()
    """Words, of which a suspicious rule needs one; without `programs`, parts of a path."""
    own: bool = False
    """It is the gateway itself that is named: by unit, pid or program, or by the file of its unit or program."""
    flags: tuple[str, ...] = ()
    """Options without a value, also before the verb, that a vouching rule knows to be harmless."""
    options: tuple[str, ...] = ()
    """Options that a vouching rule knows to be harmless behind the verb; ("*",): all of this program's are."""
    paths: tuple[str, ...] = ()
    """Files and trees, from / on, that are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One simple command: no wrapper, no shell, one program and its words."""

    argv: tuple[str, ...]
    directory: str
    sure: bool = True
    """False: it may be another program, get other arguments, or see other files than stands here."""
    raised: bool = False
    """It would run with another account's rights."""
    expands: bool = False
    """The shell puts other words in the place of some."""
    writes: tuple[str, ...] = ()
    """Where its output is sent, as written."""

    @property
    def program(self) -> str:
        """The file name of the program; "" when there is none."""
        return self.argv[0].rpartition("/")[2] if self.argv else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """By which words and files the gateways, all of them, are known."""

    words: tuple[str, ...] = ()
    unit_files: tuple[str, ...] = ()
    """Names of files and folders: `main.service`, `main.service.d`."""
    trees: tuple[str, ...] = ()
    """Where the program lies, as far as the policy says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionJudged:
    """What an action is. `effect` None: no rule knows it. `rule` is the name of the one that decided, "" for none."""

    effect: Effect | None
    refused: bool = False
    rule: str = ""
    about: str = ""
    """The part of the action that decided, one line, the asker's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingAction:
    """An action that waits for a person, or that a person approved and that was not asked for again since."""

    name: str
    """ACT-n."""
    gateway: GatewayName
    uid: int
    offered: ActionOffered
    request: RequestId
    effect: Effect | None
    until_usec: Usec
    until_wall_usec: Usec
    approved_by: RequestId | None = None
    approver: str = ""


def is_below(path: str, pattern: str) -> bool:
    """Say whether an absolute path is, or lies below, a pattern whose parts may end with `*`."""
    parts, wanted = path.split("/"), pattern.rstrip("/").split("/")
    return len(parts) >= len(wanted) and all(fits(part, want) for part, want in zip(parts, wanted, strict=False))


def is_above(path: str, pattern: str) -> bool:
    """Say whether what a pattern stands for may lie below this path: who moves the path moves that."""
    parts, wanted = path.rstrip("/").split("/"), pattern.rstrip("/").split("/")
    return len(parts) < len(wanted) and all(fits(part, want) for part, want in zip(parts, wanted, strict=False))


def fits(word: str, pattern: str) -> bool:
    """Compare a word with a pattern that may end with `*`."""
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern


def absolute(path: str, directory: str) -> str:
    """Return a path from / on, without `.` and `..`; "" when it cannot be known."""
    if not path or not (path.startswith("/") or directory.startswith("/")):
        return ""
    whole = path if path.startswith("/") else f"{directory}/{path}"
    parts: list[str] = []
    for part in whole.split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
