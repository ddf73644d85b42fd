"""What there is to know about each verb: one row a verb, to be read down.

Theory of operation. Who may ask for something, whether that is about a gateway that the request names, whether a person
has to sign it, what a person would type, and a few marks: what decides about a verb, or is printed of it, stands in its
row and nowhere else. What it does when it is granted is behind core/requests.py.

Invariant: every verb has exactly one row, in the order of core/verbs.py. Deny by default: who is not in a row is
refused.
"""

from collections.abc import Mapping
from enum import Enum

from watchdog.core.decisions import OriginKind
from watchdog.core.enclosure import (
    ActionOffered,
    BundleOffered,
    BundleReviewed,
    DrillReported,
    Enclosed,
    HypothesisOffered,
    JudgementOffered,
    PostmortemOffered,
    StepReviewed,
)
from watchdog.core.values import dataclass
from watchdog.core.verbs import Verb


class About(Enum):
    """Which gateway a request is about, as far as gateways' rules matter to its verb."""

    NAMED = "named"
    """The one that it names: it has to be there."""
    FOUND = "found"
    """The one that its run, its action or its asker belongs to. Whose rules hold is known only on the way, so that a
    signature is asked for there: core/runasks.py, core/gate.py."""
    NONE = "none"
    """None whose rules matter."""


class Signing(Enum):
    """When a person has to sign, also at a terminal."""

    NEVER = "never"
    """To hold, to acknowledge and to ask must not wait for a key."""
    IF_LISTED = "if-listed"
    """Where the policy lists the verb in `signature_for`."""
    IF_SIGNERS = "if-signers"
    """Wherever a human listed signers: it holds for long, and is no emergency. A release code does not do."""


class Mark(Enum):
    """What else there is to know about a verb."""

    NEEDS_REASON = "needs-reason"
    """A reason is kept with it, so one has to be given."""
    CASTS_SHADOW = "casts-shadow"
    """Refused, it casts a shadow: an ending soon after is charged to self_restart."""
    GRANTABLE = "grantable"
    """Refused, it may be granted by a person. No release may: who lifts a hold has looked, and says so themselves."""
    PERMITTABLE = "permittable"
    """A permit lets it through."""
    BY_SEVERAL = "by-several"
    """Several people may have to sign it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbRow:
    """One verb. `command` is what a person would type; `unnamed` stands in it for a subject that was not named.

    `takes` is what comes with it besides words; None: nothing does.
    """

    verb: Verb
    who: tuple[OriginKind, ...]
    about: About
    signing: Signing
    command: str
    marks: tuple[Mark, ...]
    unnamed: str
    takes: type[Enclosed] | None


_HUMAN = (OriginKind.HUMAN,)
_TRUSTED = (OriginKind.HUMAN, OriginKind.AUTOMATION)
"""And a unit that a human listed; core/requests.py refuses those that nobody did."""
_CONTACT = (OriginKind.HUMAN, OriginKind.CONTACT)
_ANYBODY = tuple(OriginKind)
"""Proposing, guessing, asking whether one may: the agent included. Nothing follows until a person says so."""

_NAMED, _FOUND, _NONE = About.NAMED, About.FOUND, About.NONE
_NEVER, _LISTED, _SIGNED = Signing.NEVER, Signing.IF_LISTED, Signing.IF_SIGNERS
_WHY, _SHADOW, _MANY = Mark.NEEDS_REASON, Mark.CASTS_SHADOW, Mark.BY_SEVERAL
_GRANT, _PERMIT = Mark.GRANTABLE, Mark.PERMITTABLE


def _row(
    verb: Verb,
    who: tuple[OriginKind, ...],
    about: About,
    signing: Signing,
    command: str,
    *marks: Mark,
    unnamed: str = "",
    takes: type[Enclosed] | None = None,
) -> VerbRow:
    return VerbRow(
        verb=verb, who=who, about=about, signing=signing, command=command, marks=marks, unnamed=unnamed, takes=takes
    )


ROWS = (
    _row(Verb.START,           _TRUSTED, _NAMED, _LISTED, "gatedog start {gateway}", _SHADOW, _GRANT, _PERMIT),
    _row(Verb.STOP,            _TRUSTED, _NAMED, _LISTED, "gatedog stop {gateway}", _SHADOW, _GRANT),
    _row(Verb.RESTART,         _TRUSTED, _NAMED, _LISTED, "gatedog restart {gateway}", _SHADOW, _GRANT, _PERMIT),
    _row(Verb.HOLD,            _TRUSTED, _NAMED, _NEVER,  'gatedog hold {gateway} -m "why"', _SHADOW, _WHY),
    _row(Verb.RELEASE,         _HUMAN,   _NAMED, _LISTED, 'gatedog release {gateway} -m "why"', _SHADOW, _WHY),
    _row(Verb.RESET_BUDGET,    _HUMAN,   _NAMED, _LISTED, 'gatedog reset-budget {gateway} -m "why"', _SHADOW, _WHY),
    _row(Verb.ASK_RESTART,     _HUMAN,   _NAMED, _NEVER,
         'gatedog ask restart {gateway} --reason "why"', _SHADOW, _GRANT, _WHY),
    _row(Verb.ACKNOWLEDGE,     _CONTACT, _NONE,  _NEVER,  "gatedog ack {incident}"),
    _row(Verb.UNACKNOWLEDGE,   _HUMAN,   _NONE,  _NEVER,  "gatedog unack {incident}"),
    _row(Verb.CLOSE_INCIDENT,  _HUMAN,   _NONE,  _NEVER,  "gatedog incident close {incident}"),
    _row(Verb.TEST_PAGE,       _HUMAN,   _NONE,  _NEVER,  "gatedog page test"),
    _row(Verb.MAINTENANCE,     _HUMAN,   _NAMED, _NEVER,  'gatedog maintenance {gateway} --for 1h -m "why"', _WHY),
    _row(Verb.MAINTENANCE_END, _HUMAN,   _NAMED, _NEVER,  "gatedog maintenance {gateway} --end"),
    _row(Verb.SILENCE,         _HUMAN,   _NAMED, _NEVER,  'gatedog silence {gateway}{subject} --for 1h -m "why"', _WHY),
    _row(Verb.SILENCE_END,     _HUMAN,   _NAMED, _NEVER,  "gatedog silence {gateway}{subject} --end"),
    _row(Verb.RETRY_PAGE,      _HUMAN,   _NONE,  _NEVER,  "gatedog page retry{subject}", unnamed="PAGE"),
    _row(Verb.GRANT,           _HUMAN,   _NONE,  _NEVER,  "gatedog grant{subject}", unnamed="REQ-n"),
    _row(Verb.PERMIT,          _HUMAN,   _NAMED, _LISTED,
         'gatedog permit {gateway} --for 30m --starts 1 -m "why"', _WHY),
    _row(Verb.PERMIT_END,      _HUMAN,   _NAMED, _NEVER,  "gatedog permit {gateway} --end"),
    _row(Verb.HYPOTHESISE,     _ANYBODY, _NONE,  _NEVER,
         'gatedog incident hypothesis {incident} --claim "..." --cite EVIDENCE --refuted-by "..."',
         takes=HypothesisOffered),
    _row(Verb.JUDGE_HYPOTHESIS, _HUMAN,  _NONE,  _NEVER,
         'gatedog incident hypothesis {incident} --judge{subject} refuted -m "why"', unnamed="HYP-n",
         takes=JudgementOffered),
    _row(Verb.EDIT_POSTMORTEM, _HUMAN,   _NONE,  _NEVER,  "gatedog postmortem edit {incident}",
         takes=PostmortemOffered),
    _row(Verb.SIGN_CAUSE,      _HUMAN,   _NONE,  _SIGNED, "gatedog postmortem sign {incident}",
         takes=PostmortemOffered),
    _row(Verb.PROPOSE_POLICY,  _ANYBODY, _NONE,  _NEVER,  'gatedog policy propose FILE --reason "why"',
         takes=BundleOffered),
    _row(Verb.COMMIT_POLICY,   _HUMAN,   _NONE,  _SIGNED, "gatedog policy commit{subject}", _MANY, unnamed="PROP-n",
         takes=BundleReviewed),
    _row(Verb.REVERT_POLICY,   _HUMAN,   _NONE,  _SIGNED, 'gatedog policy revert -m "why"', _MANY),
    _row(Verb.RUN_RUNBOOK,     _HUMAN,   _FOUND, _LISTED, "gatedog runbook run{subject}", unnamed="NAME"),
    _row(Verb.APPROVE_STEP,    _HUMAN,   _FOUND, _LISTED, "gatedog runbook approve{subject}", unnamed="RUN-n",
         takes=StepReviewed),
    _row(Verb.ABORT_RUN,       _HUMAN,   _NONE,  _NEVER,  "gatedog runbook abort{subject}", unnamed="RUN-n"),
    _row(Verb.CLOSE_BREAKER,   _HUMAN,   _NONE,  _NEVER,  "gatedog runbook close{subject}", unnamed="NAME"),
    _row(Verb.CHECK_ACTION,    _ANYBODY, _FOUND, _NEVER,  "gatedog gate check --action exec -- COMMAND",
         takes=ActionOffered),
    _row(Verb.APPROVE_ACTION,  _HUMAN,   _FOUND, _LISTED, "gatedog gate approve{subject}", unnamed="ACT-n"),
    _row(Verb.REPORT_DRILL,    _HUMAN,   _NONE,  _NEVER,  "gatedog drill{subject}", unnamed="NAME",
         takes=DrillReported),
)  # fmt: skip

VERBS: Mapping[Verb, VerbRow] = {row.verb: row for row in ROWS}


def is_marked(verb: Verb, mark: Mark) -> bool:
    """Say whether a verb's row has a mark."""
    return mark in VERBS[verb].marks
