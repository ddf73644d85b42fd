"""What may be asked of gatedog over its socket.

Reading is not asking: it needs no verb and no judgement. Invariant: the values travel in the Varlink interface and
lie in journals, so one that was released is never renamed. Deliberately not here: what there is to know about each
(core/verbtable.py).
"""

from enum import Enum


class Verb(Enum):
    """The verbs, by the word that travels."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    HOLD = "hold"
    RELEASE = "release"
    RESET_BUDGET = "reset-budget"
    ASK_RESTART = "ask-restart"
    ACKNOWLEDGE = "ack"
    UNACKNOWLEDGE = "unack"
    CLOSE_INCIDENT = "incident-close"
    TEST_PAGE = "page-test"
    MAINTENANCE = "maintenance"
    MAINTENANCE_END = "maintenance-end"
    SILENCE = "silence"
    SILENCE_END = "silence-end"
    RETRY_PAGE = "page-retry"
    GRANT = "grant"
    PERMIT = "permit"
    PERMIT_END = "permit-end"
    HYPOTHESISE = "hypothesise"
    JUDGE_HYPOTHESIS = "hypothesis-judge"
    EDIT_POSTMORTEM = "postmortem-edit"
    SIGN_CAUSE = "postmortem-sign"
    PROPOSE_POLICY = "policy-propose"
    COMMIT_POLICY = "policy-commit"
    REVERT_POLICY = "policy-revert"
    RUN_RUNBOOK = "runbook-run"
    APPROVE_STEP = "runbook-approve"
    ABORT_RUN = "runbook-abort"
    CLOSE_BREAKER = "runbook-close"
    CHECK_ACTION = "gate-check"
    APPROVE_ACTION = "gate-approve"
    REPORT_DRILL = "drill-report"
