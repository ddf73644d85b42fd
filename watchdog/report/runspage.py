"""Runbooks for machines and their runs, for people: `gatedog runbook list`, `show` and `runs`.

Invariant: what a program printed is quoted, and never stands beside a command.
"""

from collections.abc import Mapping, Sequence
from shlex import join
from typing import Any

from watchdog.core.timeline import duration_text
from watchdog.report.escape import visible
from watchdog.report.moments import clock_time
from watchdog.report.rows import Hue, Page

Object = Mapping[str, Any]

_SIGNS = {
    "running": ("\u25d0", Hue.WARN),
    "waiting": ("\u25b2", Hue.BAD),
    "finished": ("\u25cf", Hue.GOOD),
    "stopped": ("\u25a0", Hue.WARN),
    "aborted": ("\u25a0", Hue.WARN),
}
_FAILED = ("\u2716", Hue.BAD)
COMMAND_MAX = 600


def machine_line(runbook: Object) -> str:
    """Say a runbook in two lines, for the list."""
    breaker = "" if runbook["breaker"] == "closed" else f"  BREAKER OPEN: {visible(runbook['breaker_because'], 200)}"
    rules = ", ".join(visible(rule) for rule in runbook["on"]) or "(run by people alone)"
    return f"{visible(runbook['name']):<20} {visible(runbook['title'])}{breaker}\n{'':<20} {rules}\n"


def render_machine(runbook: Object, *, width: int, colour: bool) -> str:
    """Draw a runbook with all its steps."""
    page = Page(width=width, colour=colour)
    is_open = runbook["breaker"] != "closed"
    sign, hue = _FAILED if is_open else _SIGNS["finished"]
    page.headline(sign, hue, f"{visible(runbook['name'])}: {visible(runbook['title'])}")
    page.row("answers", ", ".join(visible(rule) for rule in runbook["on"]) or "no incident by itself")
    span = duration_text(runbook["per_usec"])
    page.row("at most", f"{runbook['at_most']} runs per {span}; {runbook['recent']} now")
    page.row("breaker", f"open: {visible(runbook['breaker_because'], 200)}" if is_open else "closed")
    for step in runbook["steps"]:
        page.row(f"step {step['number']}", f"{visible(step['effect'])}  {visible(step['title'])}".rstrip())
        page.row("", visible(join(step["argv"]), COMMAND_MAX), lines_max=6)
        page.row("", _conditions(step), lines_max=6)
    if is_open:
        page.command("mended?", f"gatedog runbook close {visible(runbook['name'])}", "it answers incidents again")
    return page.text()


def _conditions(step: Object) -> str:
    parts = [f"within {duration_text(step['timeout_usec'])}"]
    if step["precondition"]:
        parts.append(f"only if: {join(step['precondition'])}")
    for name, words in (("phase", step["phases"]), ("hold", step["holds"])):
        if words:
            parts.append(f"only if {name} is {' or '.join(words)}")
    for name, key in (
        ("success", "success"),
        ("stop if", "stop_if"),
        ("reach", "blast_radius"),
        ("preview", "preview"),
    ):
        if step[key]:
            parts.append(f"{name}: {step[key]}")
    return visible("; ".join(parts), COMMAND_MAX)


def render_runs(runs: Sequence[Object], *, width: int, colour: bool) -> str:
    """Draw the remembered runs, newest first."""
    page = Page(width=width, colour=colour)
    for run in runs:
        sign, hue = _SIGNS.get(run["phase"], _FAILED)
        about = visible(run["incident"] or run["gateway"] or "")
        title = f"{visible(run['run'])}  {visible(run['runbook'])}  {about}  {visible(run['phase'])}"
        page.headline(sign, hue, title, f"{clock_time(run['began_wall_usec'])} UTC")
        page.row("begun by", visible(run["who"]))
        for taken in run["taken"]:
            page.row(f"step {taken['number']}", visible(taken["ended"], 300), lines_max=3)
            if taken["said"]:
                page.row("", f'it printed: "{visible(taken["said"], 200)}"', lines_max=3)
        page.row("because", visible(run["because"], 300), lines_max=3)
        if run["phase"] == "waiting":
            page.row("would run", visible(join(run["argv"]), COMMAND_MAX), lines_max=8)
            page.row(
                "argv", f"sha256 {visible(run['argv_sha256'])[:16]}, until {clock_time(run['until_wall_usec'])} UTC"
            )
            page.command("agree?", f"gatedog runbook approve {visible(run['run'])}/{run['step']}", "a person alone may")
            page.command("no?", f"gatedog runbook abort {visible(run['run'])}", "nothing more is run")
    return page.text() or "no runbook has run yet\n"
