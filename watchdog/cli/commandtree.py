"""The commands as a tree, for what is made from all of them: completions and manual pages.

Invariant: everything a person is shown in help is in it, and nothing else; each command once, parents before children.
It loads every command's module, so no command that must be fast uses it.
"""

from collections.abc import Iterator

import click

from watchdog.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One command. `path` are its words without the program's name: () is the program itself."""

    path: tuple[str, ...]
    command: click.Command
    context: click.Context
    children: tuple[str, ...]

    def parameters(self) -> tuple[click.Parameter, ...]:
        """Return arguments and options that are shown, --help last."""
        shown = (each for each in self.command.get_params(self.context) if not getattr(each, "hidden", False))
        return tuple(shown)


def walk(program: click.Command) -> Iterator[Node]:
    """Yield every command of a program."""
    yield from _walk(program, (), click.Context(program, info_name="gatedog", help_option_names=["-h", "--help"]))


def _walk(command: click.Command, path: tuple[str, ...], context: click.Context) -> Iterator[Node]:
    children: dict[str, click.Command] = {}
    if isinstance(command, click.Group):
        found = ((name, command.get_command(context, name)) for name in command.list_commands(context))
        children = {name: each for name, each in found if each is not None and not each.hidden}
    yield Node(path=path, command=command, context=context, children=tuple(children))
    for name, child in children.items():
        yield from _walk(child, (*path, name), click.Context(child, info_name=name, parent=context))
