"""The words a daemon process is started with, and the options they become.

The command line parses what a person typed and then becomes this process (`watchdog/cli/daemon.py`), so these words
are gatedog's own: `daemon` or `run`, each value after its name, and a command after `--`.

Invariant: nothing is started before a policy has been read whole and found possible, this one or the one that was in
force; a command on the command line is ruled by the same values and checks as one in a file.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from watchdog.core.policy import GatewayPolicy, Policy
from watchdog.daemon.options import CannotRun, DaemonOptions
from watchdog.journal.codec import canonical, encode
from watchdog.policyfile.bundle import PAGER_FILE, POLICY_FILE, is_written
from watchdog.policyfile.bundlestore import BundleStore
from watchdog.policyfile.defaults import find_bundle, policy_for_command
from watchdog.policyfile.load import LoadedPolicy, digest_of, load_policy
from watchdog.policyfile.pagersettings import NO_FILE, PagerSettings, load_pager
from watchdog.policyfile.problems import PolicyProblems


def options_of(words: Sequence[str]) -> DaemonOptions:
    """Read the rules that the words name. Raises CannotRun with all that is wrong with them, and what to type next."""
    verb, named, argv = _parsed(words)
    config = Path(named["--config"]) if "--config" in named else None
    state, runtime = Path(named["--state"]), Path(named["--runtime"])
    if verb == "run":
        policy, pager, source = rules_for(named["--name"], config, argv)
        return DaemonOptions(
            policy=policy,
            digest=digest_of(canonical(encode(policy)).encode()),
            source=source,
            pager=pager,
            state_folder=state,
            runtime_folder=runtime,
            foreground_command=True,
        )
    bundle = find_bundle(config, os.environ, os.geteuid())
    try:
        loaded = load_policy(bundle)
    except PolicyProblems as refused:
        return _without_what_lies_there(bundle, state, runtime, refused)
    return DaemonOptions(
        policy=loaded.policy,
        digest=loaded.digest,
        source=loaded.source,
        pager=loaded.pager,
        state_folder=state,
        runtime_folder=runtime,
        bundle=bundle,
        loaded=loaded,
    )


def _without_what_lies_there(bundle: Path, state: Path, runtime: Path, refused: PolicyProblems) -> DaemonOptions:
    """Go on where rules were committed before: which ones is for the journal to say (daemon/revisions.py)."""
    if BundleStore(state).is_empty:
        raise CannotRun(refused.summary(), next_=(f"gatedog policy check {bundle}",)) from None
    return DaemonOptions(
        policy=Policy(gateways=()),
        digest="",
        source=str(bundle / POLICY_FILE),
        pager=NO_FILE,
        state_folder=state,
        runtime_folder=runtime,
        bundle=bundle,
        refused=refused.summary(),
    )


def _parsed(words: Sequence[str]) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """Return the verb, the values by name, and the command; a value may be any word, `--` too."""
    verb, named, rest = "".join(words[:1]), dict[str, str](), list(words[1:])
    while len(rest) > 1 and rest[0] != "--":
        name, value, *rest = rest
        named[name] = value
    needed = {"daemon": {"--state", "--runtime"}, "run": {"--state", "--runtime", "--name"}}.get(verb)
    if needed is None or named.keys() - {"--config"} != needed or bool(rest) != (verb == "run"):
        raise CannotRun(
            "these words are only for gatedog itself", next_=("gatedog daemon --help", "gatedog run --help")
        )
    return verb, named, tuple(rest[1:])


def rules_for(name: str, config: Path | None, argv: tuple[str, ...]) -> tuple[Policy, PagerSettings, str]:
    """Return what rules a command line's gateway, who is told, and where that is written."""
    if config is not None and is_written(config / POLICY_FILE):
        loaded = _load(config)
        ruled = next((gateway for gateway in loaded.policy.gateways if gateway.name == name), None)
        if ruled is None or ruled.command is None:
            message = f"{loaded.source} has no [gateway.{name}] with a command, so it has no rules for this one"
            raise CannotRun(message, next_=(f"gatedog policy check {config}", "gatedog run --name NAME ..."))
        with_command: GatewayPolicy = replace(ruled, command=replace(ruled.command, argv=argv))
        return replace(loaded.policy, gateways=(with_command,)), loaded.pager, loaded.source
    file = find_bundle(config, os.environ, os.geteuid()) / PAGER_FILE
    try:
        pager = load_pager(file) if is_written(file) else NO_FILE
        policy = policy_for_command(name, argv, escalation=pager.escalation)
    except PolicyProblems as refused:
        raise CannotRun(str(refused), next_=("gatedog run --help",)) from None
    return policy, pager, "command line"


def _load(bundle: Path) -> LoadedPolicy:
    try:
        return load_policy(bundle)
    except PolicyProblems as refused:
        raise CannotRun(refused.summary(), next_=(f"gatedog policy check {bundle}",)) from None
