"""`gatedog doctor`: would anybody be told tonight?

Invariant: it only looks. Exit codes: 0 all well, 1 something to look at, 2 somebody may not be told.
"""

import time
from pathlib import Path

import click

from watchdog import __version__
from watchdog.cli import asking, output
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import Trouble
from watchdog.policyfile.defaults import find_bundle
from watchdog.policyfile.load import PAGER_FILE, is_written
from watchdog.policyfile.pagersettings import NO_FILE, PagerSettings, load_pager
from watchdog.policyfile.problems import PolicyProblems
from watchdog.report.checkup import Check, Findings, Verdict, examine, exit_code
from watchdog.report.checkuppage import render_checkup
from watchdog.sensors.clocks import is_synchronised


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The bundle. Default: /etc/gatedog, or yours.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def doctor(surroundings: Surroundings, config: Path | None, *, as_json: bool) -> int:
    """Check that a page would reach somebody: channels, tests, dead-man switch, clock, journal."""
    checks = _checks(surroundings, find_bundle(config, surroundings.environ, surroundings.uid) / PAGER_FILE)
    code = exit_code(checks)
    if as_json:
        rows = [
            {"id": each.id, "verdict": each.verdict.value, "evidence": each.evidence, "fix": each.fix}
            for each in checks
        ]
        output.say_json({"ok": code == 0, "checks": rows})
    else:
        colour = output.wants_colour(surroundings.environ)
        output.say(render_checkup(checks, width=output.page_width(), colour=colour))
    return code


def _checks(surroundings: Surroundings, file: Path) -> tuple[Check, ...]:
    bad: tuple[Check, ...] = ()
    settings = NO_FILE
    try:
        settings = _settings(file)
    except PolicyProblems as refused:
        evidence = "; ".join(str(problem) for problem in refused.problems)
        bad = (
            Check(id="pager-toml", verdict=Verdict.FAIL, evidence=evidence, fix=f"gatedog policy check {file.parent}"),
        )
    pager = status = None
    unreachable = ""
    try:
        pager = asking.call(surroundings, "Pager")["pager"]
        status = asking.call(surroundings, "Status")["status"]
    except Trouble as trouble:
        unreachable = trouble.message
    found = Findings(
        settings=settings,
        pager=pager,
        status=status,
        unreachable=unreachable,
        synchronised=is_synchronised(),
        now_wall_usec=time.time_ns() // 1000,
        installed=__version__,
    )
    return (*bad, *examine(found))


def _settings(file: Path) -> PagerSettings:
    return load_pager(file) if is_written(file) else NO_FILE
