"""`gatedog`: the table of commands, and how every one of them ends.

Invariant: a command's module is loaded when it is called and not before, so `status` stays as fast as its own imports.
Every end is one of: an exit code from the command, a Trouble or usage error told on stderr (as JSON under --json),
130 on Ctrl-C, 141 when the reader of a pipe has gone. Never a traceback for anything a person can cause.
"""

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import click

from watchdog import __version__
from watchdog.cli.paths import surroundings_of_this_process
from watchdog.cli.trouble import INTERRUPTED, Trouble, show_as_json
from watchdog.cli.typos import did_you_mean


class Entry(NamedTuple):
    """Where a command is, and what it does in half a line."""

    module: str
    attribute: str
    summary: str
    hidden: bool = False
    """Run by gatedog's own units; not shown in the list."""


COMMANDS: Mapping[str, Entry] = {
    "status": Entry("status", "status", "How everything stands; worst first, with what to type next."),
    "top": Entry("top", "top", "A screen to leave open: restarts, budgets, probes, memory, pages."),
    "events": Entry("events", "events", "What happened and what was decided, as a story."),
    "explain": Entry("events", "explain", "One incident from the journal: event, rule, decision, outcome."),
    "incident": Entry("incidents", "incident", "List, show, examine, export and close incidents."),
    "postmortem": Entry("postmortem", "postmortem", "Draft, write, sign and verify what is said about an incident."),
    "ack": Entry("incidents", "ack", "Take an incident: its pages rest for a while."),
    "unack": Entry("incidents", "unack", "Give an acknowledgement back."),
    "start": Entry("lifecycle", "start", "Start a gateway."),
    "stop": Entry("lifecycle", "stop", "Stop a gateway; it stays down."),
    "restart": Entry("lifecycle", "restart", "Stop and start a gateway."),
    "hold": Entry("lifecycle", "hold", "No automatic start until a human releases."),
    "release": Entry("lifecycle", "release", "Lift a hold: one start, then probation."),
    "reset-budget": Entry("lifecycle", "reset_budget", "Empty the restart budget's ledger; lifts no hold."),
    "maintenance": Entry("quiet", "maintenance", "Work on a gateway: no judging, no pages, for a while."),
    "silence": Entry("quiet", "silence", "Let pages about a gateway, or one matter of it, wait for a while."),
    "requests": Entry("grants", "requests", "Who asked for what, and how it was answered."),
    "grant": Entry("grants", "grant", "Grant a request that was refused, once."),
    "permit": Entry("grants", "permit", "Let an account start a gateway a few times: for deploy tools."),
    "runbook": Entry("runbook", "runbook", "What to do about a page; and run, approve or close one for machines."),
    "whoami": Entry("whoami", "whoami", "Who you are to gatedog, by which rule, and how sure that is."),
    "ask": Entry("ask", "ask", "For agents: ask for what only a human may do."),
    "probe": Entry("probe", "probe", "What looks at the gateways: list it, look now, see what was seen."),
    "page": Entry("page", "page", "The ways by which people are told: what waits, how they do, try them."),
    "metrics": Entry("metrics", "metrics", "The numbers for Prometheus, or a file for its node_exporter."),
    "web": Entry("web", "web", "A page for people and /metrics for Prometheus, on loopback; read-only."),
    "gate": Entry("gate", "gate", "Before an agent acts: may it? What was done without asking?"),
    "doctor": Entry("doctor", "doctor", "Would anybody be told tonight? Checks, with what to do."),
    "policy": Entry("policy", "policy", "The rules: check, propose, review and commit them."),
    "journal": Entry("journal", "journal", "Check the journal, and salvage a damaged one."),
    "simulate": Entry("replay", "simulate", "What gatedog would have done in a recorded history."),
    "verify": Entry("replay", "verify", "Decide a journal again and compare."),
    "backtest": Entry("replay", "backtest", "Try another policy on a journal."),
    "setup": Entry("setup", "setup", "Own a unit of systemd, or give it back."),
    "break-glass": Entry("breakglass", "break_glass", "Start, stop or give back a unit, past gatedog. Root only."),
    "run": Entry("daemon", "run", "Supervise one command, in the foreground."),
    "daemon": Entry("daemon", "daemon", "Supervise what policy.toml names, in the foreground."),
    "demo": Entry("demo", "demo", "A restart spiral, without and with gatedog, in 15 s."),
    "drill": Entry("drill", "drill", "Break a copy on purpose, and see whether that is noticed."),
    "completion": Entry("completion", "completion", "Print a completion script for bash, zsh or fish."),
    "version": Entry("version", "version", "Say which version this is."),
    "inspect": Entry("inspection", "inspect", "Look at who may get round the rules.", hidden=True),
    "lastword": Entry("lastword", "lastword", "Page when the daemon itself is dead.", hidden=True),
}


class LazyGroup(click.Group):
    """A group whose commands are names until one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """Return the names in the order of the table: what people need first stands first."""
        return [name for name, entry in COMMANDS.items() if not entry.hidden]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        """Load one command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(importlib.import_module(f"watchdog.cli.{entry.module}"), entry.attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names; of one that there is not, say which was meant."""
        word = args[0]
        if word in COMMANDS or word.startswith("-"):
            return super().resolve_command(ctx, args)
        raise click.UsageError(f"No such command {word!r}.{did_you_mean(word, self.list_commands(ctx))}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items() if not entry.hidden])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT002 - click's own signature
        **extra: Any,
    ) -> Any:
        """Run a command line; end the process with its code, or return that when not standing alone."""
        words = list(sys.argv[1:] if args is None else args)
        code = self._run(words, prog_name or "gatedog", complete_var, extra)
        if standalone_mode:
            sys.exit(code)
        return code

    def _run(self, words: list[str], prog_name: str, complete_var: str | None, extra: Mapping[str, Any]) -> int:
        # Asked of the words and not of the parsed options, because a usage error is told as JSON, too.
        as_json = "--json" in (words[: words.index("--")] if "--" in words else words)
        try:
            ended = super().main(words, prog_name, complete_var, standalone_mode=False, **extra)
        except (Trouble, click.ClickException) as error:
            if as_json:
                show_as_json(error)
            else:
                error.show()
            return error.exit_code
        except click.Abort:
            return INTERRUPTED
        return ended if isinstance(ended, int) else 0


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="gatedog", message="%(prog)s %(version)s")
@click.option("--socket", metavar="PATH", help="The daemon to ask. Default: $GATEDOG_SOCKET, yours, then the system's.")
@click.pass_context
def gatedog(context: click.Context, socket: str | None) -> None:
    """The watchdog that stands outside an AI agent: owns its gateway, stops restart spirals, tells a human.

    Exit codes: status 0 healthy, 3 down or held, 4 unknown, 150 degraded, 151 starting, 152 maintenance;
    doctor 0 well, 1 to look at, 2 bad; all others 0 done, 1 failed, 2 usage, 4 no permission, 75 try later,
    77 refused by policy.
    """
    context.obj = surroundings_of_this_process(socket)


def main() -> int:
    """Be the program `gatedog`; return its exit code."""
    return int(gatedog(standalone_mode=False))
