"""Command lines that gatedog prints, in pages, refusals and runbooks: whether they can be typed."""

import shlex

import click

from watchdog.cli.main import gatedog


def parse(line: str) -> None:
    """Parse a printed command line as the program would, and run nothing. Raises click.ClickException."""
    command: click.Command = gatedog
    context = click.Context(gatedog, info_name="gatedog")
    words = shlex.split(line.removeprefix("sudo "), comments=True)[1:]
    while isinstance(command, click.Group):
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
        context = click.Context(command, parent=context)
    command.make_context("gatedog", words)
