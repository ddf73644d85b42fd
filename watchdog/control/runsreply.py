"""Runbooks for machines and their runs, from the state into what travels."""

import hashlib
from shlex import join

from watchdog.control.runswire import RunbooksStatus, RunbookStatus, RunStatus, StepStatus, TakenStatus
from watchdog.core.runbookpolicy import MachineRunbook, RunbookStep, Sign
from watchdog.core.runstate import Run, RunPhase, breaker_of
from watchdog.core.state import State
from watchdog.journal.codec import canonical


def runbooks_reply(state: State, host: str) -> RunbooksStatus:
    """Say which runbooks are in force, and what became of their runs."""
    runbooks = () if state.policy is None else state.policy.runbooks
    return RunbooksStatus(
        host=host,
        runbooks=[_runbook(state, each) for each in runbooks],
        runs=[_run(each) for each in reversed(state.runs.runs)],
    )


def argv_sha256(argv: tuple[str, ...]) -> str:
    """Return the digest by which people on two screens find that they look at the same command."""
    return hashlib.sha256(canonical(list(argv)).encode()).hexdigest()


def _runbook(state: State, runbook: MachineRunbook) -> RunbookStatus:
    breaker = breaker_of(state.runs, runbook.name)
    now = state.clock.now_usec
    return RunbookStatus(
        name=runbook.name,
        title=runbook.title,
        on=list(runbook.on),
        steps=[_step(number, step) for number, step in enumerate(runbook.steps, 1)],
        at_most=runbook.at_most,
        per_usec=runbook.per_usec,
        recent=sum(now - each < runbook.per_usec for each in breaker.begun),
        breaker=breaker.phase.value,
        breaker_because=breaker.because,
    )


def _step(number: int, step: RunbookStep) -> StepStatus:
    return StepStatus(
        number=number,
        title=step.title,
        argv=list(step.argv),
        effect=step.effect.value,
        precondition=list(step.precondition.argv),
        phases=list(step.precondition.phases),
        holds=list(step.precondition.holds),
        timeout_usec=step.timeout_usec,
        success=_sign(step.success),
        stop_if=_sign(step.stop_if),
        preview=join(step.preview_argv) if step.preview_argv else step.preview,
        blast_radius=step.blast_radius,
        costs_starts=step.costs_starts,
    )


def _sign(sign: Sign) -> str:
    parts = [f"exit {' or '.join(str(each) for each in sign.exits)}"] if sign.exits else []
    if sign.output:
        parts.append(f"output like {sign.output}")
    return " and ".join(parts)


def _run(run: Run) -> RunStatus:
    argv = () if run.is_over else run.step.argv
    return RunStatus(
        run=run.run,
        runbook=run.runbook,
        gateway=run.gateway,
        incident=run.incident,
        who=run.who,
        phase=run.phase.value,
        because=run.because,
        step=run.number,
        argv=list(argv),
        argv_sha256=argv_sha256(argv) if argv else "",
        began_wall_usec=run.began_wall_usec,
        ended_wall_usec=run.ended_wall_usec,
        until_wall_usec=run.until_wall_usec if run.phase is RunPhase.WAITING else None,
        taken=[TakenStatus(number=each.number, ended=each.ended, said=each.said) for each in run.taken],
    )
