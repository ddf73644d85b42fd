"""The catalogue: every rule the core decides by, with its one-line meaning.

Invariant: a decision names exactly one of these, the name is what a person greps for, and every one of them is
taken by a unit test and by a golden scenario (tests/test_coverage_of_rules.py). `RULES_VERSION` rises whenever the
same history could lead to another decision: an old journal is verified only by the rules it was written under. A
rule that was released is never removed or renamed: journals hold its name for years.
"""

from enum import Enum

RULES_VERSION = 1


class RuleId(Enum):
    """`room.what`, as shown to people; the meaning is the second half of the pair in MEANING."""

    # lifecycle
    START_AT_BOOT = "lifecycle.start-at-boot"
    START_FIRST = "lifecycle.start-first"
    START_LOST = "lifecycle.start-lost-in-crash"
    START_AFTER_STOP = "lifecycle.start-after-stop"
    LIFE_ADOPTED = "lifecycle.adopted"
    LIFE_FOREIGN = "lifecycle.foreign-start"
    LIFE_BEGAN = "lifecycle.began"
    STOP_TIMEOUT = "lifecycle.stop-timeout"
    STOPPED_ON_REQUEST = "lifecycle.stopped-on-request"
    HOST_GOING_DOWN = "lifecycle.host-going-down"
    SHUTDOWN_CALLED_OFF = "lifecycle.shutdown-called-off"
    START_UNANSWERED = "lifecycle.start-unanswered"
    START_FAILED = "lifecycle.start-failed"
    STOP_FAILED = "lifecycle.stop-failed"
    DOWN_UNOWNED = "lifecycle.down-unowned"
    STALE_REPORT = "lifecycle.stale-report"
    NEVER_READY = "lifecycle.not-ready-in-time"
    # endings
    ENDING_ASKED = "ending.asked"
    ENDING_UNASKED = "ending.unasked"
    ENDING_HOST_LOST = "ending.host-lost"
    ANOMALY = "ending.no-model"
    CLOCK_STEP = "anomaly.clock-step"
    # restart
    RESTART_AT_ONCE = "restart.at-once"
    RESTART_BACKOFF = "restart.backoff"
    RESTART_DUE = "restart.due"
    RESTART_WHILE_DOWN = "restart.not-wanted"
    BUDGET_SPENT = "budget.spent"
    SELF_RESTART_SPENT = "budget.self-restart-spent"
    TRUSTED_SPENT = "budget.trusted-spent"
    BUDGET_CHARGED = "budget.charged"
    BUDGET_RESET = "budget.reset-by-human"
    ENVIRONMENT_SLOW = "restart.environment-slow"
    POLICY_SLOW = "restart.policy-slow"
    SLOW_TRY = "restart.slow-try"
    BACKOFF_RESET = "restart.stable"
    # hold
    HELD_NO_START = "hold.no-start"
    HOLD_BY_HUMAN = "hold.placed-by-human"
    HOLD_RELEASED = "hold.released"
    PROBATION_FAILED = "hold.probation-failed"
    PROBATION_PASSED = "hold.probation-passed"
    # spiral
    SPIRAL_CHAIN = "spiral.chain"
    SPIRAL_IDENTICAL = "spiral.identical-endings"
    SPIRAL_ALTERNATING = "spiral.alternating-instances"
    SPIRAL_SECOND_MANAGER = "spiral.second-manager"
    SPIRAL_CADENCE = "spiral.cadence"
    SPIRAL_NEVER_READY = "spiral.never-ready"
    SPIRAL_FAST = "spiral.fast-so-held"
    # ownership
    FOREIGN_JOB = "ownership.foreign-job"
    FOREIGN_JOBS = "ownership.foreign-jobs"
    RIVAL_FOUND = "ownership.rival-found"
    BREAK_GLASS = "ownership.break-glass"
    SYSTEMD_UNREACHABLE = "ownership.systemd-unreachable"
    # origin
    ORIGIN_DEAD_PEER = "origin.dead-peer"
    ORIGIN_OTHER_WRITER = "origin.other-writer"
    ORIGIN_OTHER_NAMESPACE = "origin.other-pid-namespace"
    ORIGIN_IN_LIFE = "origin.in-gateway"
    ORIGIN_ANCESTOR = "origin.gateway-ancestor"
    ORIGIN_UID = "origin.gateway-uid"
    ORIGIN_SCHEDULER = "origin.scheduler"
    ORIGIN_UNIT = "origin.named-unit"
    ORIGIN_NO_TTY = "origin.no-tty"
    ORIGIN_YOUNG = "origin.younger-than-gateway"
    ORIGIN_NO_LIFE_EVIDENCE = "origin.life-without-cgroup"
    ORIGIN_TTY = "origin.older-tty"
    # requests
    REQUEST_GRANTED = "request.granted"
    REQUEST_HUMANS_ONLY = "request.humans-only"
    REQUEST_AGENT_NEVER = "request.agent-never"
    REQUEST_HELD = "request.held"
    REQUEST_UNKNOWN_GATEWAY = "request.unknown-gateway"
    REQUEST_UNKNOWN_INCIDENT = "request.unknown-incident"
    REQUEST_NEEDS_REASON = "request.needs-reason"
    REQUEST_NOTHING_TO_DO = "request.nothing-to-do"
    REQUEST_ALREADY = "request.already-under-way"
    REQUEST_TRUSTED = "request.trusted-unit"
    # incident and escalation
    INCIDENT_CLOSED = "incident.closed-by-human"
    INCIDENT_STABLE = "incident.gateway-stable"
    INCIDENT_QUIET = "incident.quiet"
    INCIDENT_UP = "incident.up-again"
    PAGE_REPEAT = "escalation.repeat"
    PAGE_NEXT_TIER = "escalation.next-tier"
    PAGE_OVER = "escalation.over"
    PAGE_CHANNEL_FAILED = "escalation.channel-failed"
    PAGE_NIGHT_LIMIT = "escalation.night-limit"
    PAGE_TEST = "escalation.test"
    ACKNOWLEDGED = "escalation.acknowledged"
    ACK_ENDED = "escalation.acknowledgement-ended"
    EVIDENCE_FIRST = "incident.evidence-first"
    # gatedog itself
    POLICY_ADOPTED = "policy.adopted"
    POLICY_KEPT = "policy.kept-last-good"
    ENFORCEMENT_LOST = "policy.enforcement-lost"
    LIMIT_REACHED = "limit.reached"
    JOURNAL_UNWRITABLE = "journal.unwritable"
    JOURNAL_GAP = "journal.gap"
    JOURNAL_DAMAGED = "journal.damaged"
    JOURNAL_RENEWED = "journal.renewed"
    SAFE_MODE = "journal.safe-mode"
