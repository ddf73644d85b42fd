"""Every way a command can fail, as one exception: what happened and why, which code, which commands come next.

Invariant: the exit codes are frozen: 0 done, 1 failed, 2 usage, 4 no permission or (status) unknown, 75 try later,
77 refused by policy. A script may rely on them, and on the shape of the JSON.
"""

import json
from collections.abc import Sequence
from typing import Any

import click

from watchdog.report.escape import visible

FAILED, USAGE, NO_PERMISSION, UNKNOWN, TRY_LATER, REFUSED = 1, 2, 4, 4, 75, 77
INTERRUPTED = 130
COMMAND_MAX = 8_000
"""Characters of a command: never so few that one is cut, since half a challenge cannot be signed."""


class Trouble(Exception):  # noqa: N818 - what a person meets, not a defect
    """What the person reads. `rule` is set when policy refused, `code` names any other trouble."""

    def __init__(
        self, message: str, *, exit_code: int = FAILED, code: str = "failed", rule: str = "", next_: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.code = code
        self.rule = rule
        self.next_commands = tuple(next_)

    def show(self) -> None:
        """Write it on stderr for people: one paragraph, then the next commands."""
        rule = f" [{self.rule}]" if self.rule else ""
        said = "\n".join(visible(line) for line in self.message.splitlines())
        nexts = (f"  next: {visible(command, COMMAND_MAX)}" for command in self.next_commands)
        click.echo("\n".join((f"gatedog: {said}{rule}", *nexts)), err=True)


def error_object(error: Trouble | click.ClickException) -> dict[str, Any]:
    """Say an error the way `--json` promises it."""
    if isinstance(error, Trouble):
        named = {"rule": error.rule} if error.rule else {"code": error.code}
        return {"error": {**named, "message": error.message, "next": list(error.next_commands)}}
    command = f"{error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else "gatedog -h"
    return {"error": {"code": "usage", "message": error.format_message(), "next": [command]}}


def show_as_json(error: Trouble | click.ClickException) -> None:
    """Write an error as one JSON object on stderr."""
    click.echo(json.dumps(error_object(error)), err=True)
