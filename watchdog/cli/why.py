"""`-m WHY`: the reason of a request, spelt alike wherever one is asked for."""

from collections.abc import Callable
from typing import Any

import click

SAY_WHY = 'Say why, with -m "why": it is kept in the journal, and whoever comes next reads it.'


def why(kept: str = "Kept in the journal.", *, required: bool = False) -> Callable[[Any], Any]:
    """Give a command the option; it gets the words as `message`. `required`: a usage error without any."""

    def check(_context: click.Context, _option: click.Parameter, message: str) -> str:
        if required and not message.strip():
            raise click.UsageError(SAY_WHY)
        return message

    text = f"{kept}  [required]" if required else kept
    names = ("-m", "--message", "--reason")  # all three were in use before names were frozen
    return click.option(*names, "message", default="", metavar="WHY", help=text, callback=check)
