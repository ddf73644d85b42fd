"""`gatedog daemon` and `gatedog run`: the foreground processes that supervise.

Invariant: nothing is started before the policy has been read whole and found possible; a command on the command line is
ruled by the same values and checks as one in a file.
"""

import re
from dataclasses import replace
from pathlib import Path

import click

from watchdog.cli.paths import Surroundings, claim_folder
from watchdog.cli.policy import load_or_explain
from watchdog.cli.trouble import Trouble
from watchdog.core.policy import GatewayPolicy, Policy
from watchdog.journal.codec import canonical, encode
from watchdog.policyfile.defaults import find_bundle, policy_for_command
from watchdog.policyfile.load import PAGER_FILE, POLICY_FILE, digest_of, is_written
from watchdog.policyfile.pagersettings import NO_FILE, PagerSettings, load_pager
from watchdog.policyfile.problems import PolicyProblems

NAME_MAX = 32
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option("--config", type=_FOLDER, help="The bundle: policy.toml, pager.toml. Default: /etc/gatedog, or yours.")
@click.option("--state", type=_FOLDER, help="Where the journal and the evidence are kept.")
@click.option("--runtime", type=_FOLDER, help="Where the socket and status.json are.")
@click.pass_obj
def daemon(surroundings: Surroundings, config: Path | None, state: Path | None, runtime: Path | None) -> int:
    """Supervise the gateways that policy.toml names. SIGHUP reads it again; SIGTERM leaves the gateways running."""
    from watchdog.daemon.options import DaemonOptions  # noqa: PLC0415 - the daemon's imports are for the daemon
    from watchdog.daemon.wiring import run as run_daemon  # noqa: PLC0415 - likewise

    bundle = find_bundle(config, surroundings.environ, surroundings.uid)
    loaded = load_or_explain(bundle)
    runtime_folder = runtime or surroundings.runtime_folder()
    if runtime is None:
        claim_folder(runtime_folder, surroundings.uid)
    return run_daemon(
        DaemonOptions(
            policy=loaded.policy,
            digest=loaded.digest,
            source=loaded.source,
            pager=loaded.pager,
            state_folder=state or surroundings.state_folder(),
            runtime_folder=runtime_folder,
            bundle=bundle,
        )
    )


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--name", metavar="NAME", help="The gateway's name. Default: the program's.")
@click.option("--config", type=_FOLDER, help="A bundle: its [gateway.NAME] rules and its pager.toml.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, required=True, metavar="-- COMMAND...")
@click.pass_obj
def run(surroundings: Surroundings, name: str | None, config: Path | None, words: tuple[str, ...]) -> int:
    """Supervise one command, in the foreground. Ask it with: gatedog status."""
    from watchdog.daemon.options import DaemonOptions  # noqa: PLC0415 - the daemon's imports are for the daemon
    from watchdog.daemon.wiring import run as run_daemon  # noqa: PLC0415 - likewise

    chosen = name or name_for(words[0])
    try:
        policy, pager, source = _rules_for(surroundings, chosen, config, words)
    except PolicyProblems as refused:
        raise Trouble(str(refused), code="policy", next_=("gatedog run --help",)) from None
    runtime_folder = surroundings.runtime_folder(chosen)
    claim_folder(runtime_folder, surroundings.uid)
    return run_daemon(
        DaemonOptions(
            policy=policy,
            digest=digest_of(canonical(encode(policy)).encode()),
            source=source,
            pager=pager,
            state_folder=surroundings.state_folder(chosen),
            runtime_folder=runtime_folder,
            foreground_command=True,
        )
    )


def name_for(program: str) -> str:
    """Make a gateway name of a program's: "/usr/bin/My_Agent.py" is "my-agent-py"."""
    name = re.sub(r"[^a-z0-9]+", "-", Path(program).name.lower()).strip("-")[:NAME_MAX].strip("-")
    return name if name[:1].isalpha() else f"gateway-{name}".rstrip("-")


def _rules_for(
    surroundings: Surroundings, name: str, config: Path | None, words: tuple[str, ...]
) -> tuple[Policy, PagerSettings, str]:
    if config is not None and is_written(config / POLICY_FILE):
        loaded = load_or_explain(config)
        ruled = next((gateway for gateway in loaded.policy.gateways if gateway.name == name), None)
        if ruled is None or ruled.command is None:
            message = f"{loaded.source} has no [gateway.{name}] with a command, so it has no rules for this one"
            raise Trouble(
                message, code="policy", next_=(f"gatedog policy check {config}", "gatedog run --name NAME ...")
            )
        with_command: GatewayPolicy = replace(ruled, command=replace(ruled.command, argv=words))
        return replace(loaded.policy, gateways=(with_command,)), loaded.pager, loaded.source
    file = find_bundle(config, surroundings.environ, surroundings.uid) / PAGER_FILE
    pager = load_pager(file) if is_written(file) else NO_FILE
    policy = policy_for_command(name, words, escalation=pager.escalation)
    return policy, pager, "command line"
