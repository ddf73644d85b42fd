"""`gatedog doctor`: is gatedog the one owner, would anybody be told tonight, and could they get through?

Invariant: it only looks. Exit codes: 0 all well, 1 something to look at, 2 somebody may not be told.
"""

import time
from pathlib import Path

import click

from watchdog import __version__
from watchdog.cli import asking, output
from watchdog.cli.helpbundle import rows_of, write_bundle
from watchdog.cli.hostlook import look
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import Trouble
from watchdog.policyfile.bundle import PAGER_FILE, is_written
from watchdog.policyfile.defaults import find_bundle
from watchdog.policyfile.pagersettings import NO_FILE, PagerSettings, load_pager
from watchdog.policyfile.problems import PolicyProblems
from watchdog.report.checkup import Check, Findings, Verdict, examine, exit_code
from watchdog.report.checkuphost import examine_host
from watchdog.report.checkuppage import render_checkup
from watchdog.sensors.clocks import is_synchronised
from watchdog.setup.host import Host


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The bundle. Default: /etc/gatedog, or yours.")
@click.option("--bundle", "archive", type=click.Path(path_type=Path), help="Also write what was seen to FILE (.tar).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def doctor(surroundings: Surroundings, config: Path | None, archive: Path | None, *, as_json: bool) -> int:
    """Check that gatedog alone owns its gateways, that people would be told, and that they could get through.

    --bundle writes what was looked at into one archive for somebody who helps, with secrets taken out; read it before
    you send it.
    """
    bundle = find_bundle(config, surroundings.environ, surroundings.uid)
    found, checks = _look(surroundings, bundle)
    code = exit_code(checks)
    if archive is not None:
        write_bundle(archive, surroundings, bundle, found, checks)
        click.echo(f"gatedog: written: {archive}. Read it before you send it.", err=True)
    if as_json:
        output.say_json({"ok": code == 0, "checks": rows_of(checks)})
    else:
        colour = output.wants_colour(surroundings.environ)
        output.say(render_checkup(checks, width=output.page_width(), colour=colour))
    return code


def _look(surroundings: Surroundings, bundle: Path) -> tuple[Findings, tuple[Check, ...]]:
    file = bundle / PAGER_FILE
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
    host = look(bundle, surroundings.state_folder(), settings, Host())
    return found, (*bad, *examine(found), *examine_host(host, status, found.now_wall_usec))


def _settings(file: Path) -> PagerSettings:
    return load_pager(file) if is_written(file) else NO_FILE
