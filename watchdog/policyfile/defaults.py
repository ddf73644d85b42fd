"""A policy without a file, and where the files are.

Invariant: `gatedog run -- CMD` is ruled by the same values and the same relations as a written policy; a command line
opens no way round them. `find_bundle` looks at nothing on disk: which bundle counts follows from who runs, so a file
that appears somewhere cannot take over a running watchdog.
"""

from collections.abc import Mapping
from pathlib import Path

from watchdog.core.identity import GatewayName
from watchdog.core.policy import CommandPolicy, EscalationPolicy, GatewayPolicy, Policy
from watchdog.policyfile.problems import PolicyProblems, Problem
from watchdog.policyfile.relations import find_impossible

SYSTEM_BUNDLE = Path("/etc/gatedog")


def policy_for_command(
    name: str,
    argv: tuple[str, ...],
    *,
    directory: str = "",
    user: str = "",
    environment: tuple[tuple[str, str], ...] = (),
    port: int = 0,
    escalation: EscalationPolicy | None = None,
) -> Policy:
    """Return the default policy for one command; raise PolicyProblems when the name or the command cannot be."""
    command = CommandPolicy(argv=argv, directory=directory, user=user, environment=tuple(sorted(environment)))
    gateway = GatewayPolicy(name=GatewayName(name), command=command, port=port)
    problems = [
        Problem(file="command line", line=0, what=found.what, how=found.how) for found in find_impossible(gateway)
    ]
    if not argv or not argv[0]:
        what = "There is no command to run"
        problems.append(Problem(file="command line", line=0, what=what, how="Write it after `--`: gatedog run -- CMD"))
    if problems:
        raise PolicyProblems(tuple(problems))
    return Policy(gateways=(gateway,), escalation=escalation or EscalationPolicy())


def find_bundle(explicit: Path | None, environ: Mapping[str, str], uid: int) -> Path:
    """Return the bundle's folder: the one named, /etc/gatedog for root, else the user's $XDG_CONFIG_HOME/gatedog.

    Root never follows XDG_CONFIG_HOME: under sudo it may point into the home of whom gatedog is to supervise.
    """
    if explicit is not None:
        return explicit
    if uid == 0:
        return SYSTEM_BUNDLE
    configured = environ.get("XDG_CONFIG_HOME", "")
    base = Path(configured) if configured.startswith("/") else Path(environ.get("HOME") or "/") / ".config"
    return base / "gatedog"
