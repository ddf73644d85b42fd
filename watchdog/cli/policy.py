"""`gatedog policy check`: the rules, read as the daemon would read them, before they are in force.

The commands by which rules are proposed and committed are in revisions.py.
"""

from pathlib import Path

import click

from watchdog.cli import output, revisions
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import Trouble
from watchdog.core.timeline import duration_text
from watchdog.policyfile.defaults import find_bundle
from watchdog.policyfile.load import LoadedPolicy, load_policy
from watchdog.policyfile.pagersettings import warnings_of
from watchdog.policyfile.problems import PolicyProblems
from watchdog.report.escape import visible


@click.group()
def policy() -> None:
    """Check the rules, propose others, and put them in force."""


for _command in (
    revisions.show,
    revisions.diff,
    revisions.log,
    revisions.propose,
    revisions.proposals,
    revisions.review,
    revisions.commit,
    revisions.revert,
):
    policy.add_command(_command)


@policy.command("check")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def policy_check(surroundings: Surroundings, path: Path | None, *, as_json: bool) -> None:
    """Check policy.toml and the pager.toml beside it; all problems at once. PATH is the file or its folder."""
    loaded = load_or_explain(find_bundle(path, surroundings.environ, surroundings.uid))
    if as_json:
        names = [gateway.name for gateway in loaded.policy.gateways]
        found = {"ok": True, "source": loaded.source, "digest": loaded.digest, "gateways": names}
        output.say_json({**found, "warnings": list(warnings_of(loaded.pager))})
    else:
        output.say(_summary(loaded))


def load_or_explain(bundle: Path) -> LoadedPolicy:
    """Read a bundle, or raise Trouble with all that is wrong with it."""
    try:
        return load_policy(bundle)
    except PolicyProblems as refused:
        raise Trouble(refused.summary(), code="policy", next_=(f"gatedog policy check {bundle}",)) from None


def _summary(loaded: LoadedPolicy) -> str:
    lines = [f"OK  {loaded.source}  {loaded.digest[:12]}"]
    for gateway in loaded.policy.gateways:
        what = gateway.unit or " ".join(gateway.command.argv if gateway.command else ())
        windows = ", ".join(f"{each.starts} per {duration_text(each.per_usec)}" for each in gateway.budget.windows)
        lines += [
            f"  {visible(gateway.name)}: {visible(what)}",
            f"    budget {windows}; then {gateway.budget.on_exhausted.value}",
        ]
    escalation = loaded.policy.escalation
    tiers = " -> ".join(" + ".join(tier) for tier in escalation.tiers) or "nobody"
    lines.append(f"  people: {visible(tiers)}, next tier after {duration_text(escalation.escalate_after_usec)}")
    lines += [f"  warning: {visible(warning)}" for warning in warnings_of(loaded.pager)]
    return "\n".join(lines) + "\n"
