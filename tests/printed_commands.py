"""Command lines that gatedog prints, in pages, refusals and runbooks: whether they can be typed."""

import re
import shlex
from collections.abc import Iterator

import click

from watchdog.cli.main import gatedog

_OURS = re.compile(r"(sudo )?(\./)?gatedog\b")
_ENDS = {";", "|", "&&", "||", ">", ">>", "<", "&"}
"""What ends the words of a command in a shell."""


def typed_in(page: str) -> Iterator[str]:
    """Yield every command line of ours in the code of a page of Markdown: fenced as console, or indented by four."""
    fence: str | None = None
    for line in page.splitlines():
        if line.startswith("```"):
            fence = None if fence is not None else line.removeprefix("```")
        elif fence == "console":
            yield from _ours(line.removeprefix("$ "))
        elif fence is None and line.startswith("    "):
            yield from _ours(line.strip())


def _ours(line: str) -> Iterator[str]:
    if not _OURS.match(line):
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in _ENDS:
            words.append(word)
        elif words:
            if _OURS.match(" ".join(words)):
                yield shlex.join(words).replace("./gatedog", "gatedog", 1)
            words = []


def parse(line: str) -> None:
    """Parse a printed command line as the program would, and run nothing. Raises click.ClickException."""
    command: click.Command = gatedog
    context = click.Context(gatedog, info_name="gatedog", **gatedog.context_settings)
    words = shlex.split(line.removeprefix("sudo "), comments=True)[1:]
    while isinstance(command, click.Group):
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
        context = click.Context(command, parent=context)
    # Below its parent: a command keeps the first help option that it makes, for all tests that come after.
    command.make_context("gatedog", words, parent=context.parent)
