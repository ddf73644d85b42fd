"""`gatedog inspect`: root's look at who may get round the rules, for the daemon and for the curious.

Run by gatedog-inspect.service, as root with nothing but the right to read. Invariant: it changes nothing but the files
of facts, and looks at everything even when it cannot write them.
"""

import time
from pathlib import Path

import click

from watchdog.cli import output
from watchdog.cli.paths import Surroundings
from watchdog.cli.policy import load_or_explain
from watchdog.cli.trouble import NO_PERMISSION, Trouble
from watchdog.core.policy import GatewayPolicy
from watchdog.origin.enforcing.factsfile import FOLDER, forget_others, read_moment, write_facts
from watchdog.origin.enforcing.inspection import inspect_gateway
from watchdog.origin.enforcing.judgement import Facts, judge
from watchdog.origin.host import Host
from watchdog.policyfile.defaults import find_bundle
from watchdog.report.escape import visible
from watchdog.sensors.rivals import claim_of, look_at_files

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("inspect")
@click.option("--config", type=_FOLDER, help="The bundle. Default: /etc/gatedog.")
@click.option("--into", type=_FOLDER, default=FOLDER, show_default=True, help="Where the facts are left.")
@click.option("--root", type=_FOLDER, default=Path("/"), help="The host's files, if they are not at /.")
@click.pass_obj
def inspect(surroundings: Surroundings, config: Path | None, into: Path, root: Path) -> int:
    """Look at who may get round the rules on each gateway that is a unit, and say all that was found."""
    if surroundings.uid != 0:
        raise Trouble(
            "only root can read all that this rests on",
            exit_code=NO_PERMISSION,
            code="no-permission",
            next_=("sudo gatedog inspect",),
        )
    policy = load_or_explain(find_bundle(config, surroundings.environ, surroundings.uid)).policy
    units = [gateway for gateway in policy.gateways if gateway.unit]
    host = Host(root=root)
    inspected = [_inspected(host, gateway, [each.unit for each in units if each is not gateway]) for gateway in units]
    for facts in inspected:
        output.say(_told(facts))
    if not inspected:
        output.say("no gateway is a unit; a child gateway is always advisory\n")
    try:
        for facts in inspected:
            write_facts(into, facts)
        forget_others(into, frozenset(str(gateway.name) for gateway in units))
    except OSError as error:
        message = f"the facts could not be left in {into}: {error.strerror}"
        raise Trouble(message, code="unwritable", next_=("systemctl start gatedog-inspect.service",)) from None
    return 0


def _inspected(host: Host, gateway: GatewayPolicy, others: list[str]) -> Facts:
    try:
        rivals = look_at_files(host, claim_of(host, gateway, others)).rivals
    except OSError:
        rivals = ()  # the unit's files cannot be read, and the check of them says so
    now = read_moment()
    return inspect_gateway(
        host,
        str(gateway.name),
        gateway.unit,
        boot=now.boot,
        uptime_usec=now.uptime_usec,
        wall_usec=time.time_ns() // 1000,
        rivals=rivals,
    )


def _told(facts: Facts) -> str:
    reasons = judge(facts, None).reasons
    word = "advisory" if reasons else "enforcing, for lives with the audit mark"
    lines = [f"{visible(facts.gateway)} ({visible(facts.unit)}): {word}", *(f"  - {visible(each)}" for each in reasons)]
    lines += [f"  rival: {visible(rival.subject)}: {visible(rival.detail)}" for rival in facts.rivals]
    return "\n".join(lines) + "\n"
