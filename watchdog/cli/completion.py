"""`gatedog completion bash|zsh|fish`: a script for the shell, with every verb, option and kind of value in it.

Theory of operation. A TAB that starts Python is a TAB too late, so the script is made once, from click's own tree, and
holds a table. One function in plain sh walks the typed words along the table; the three shells differ in a few lines
around it. Names of gateways and incidents change, and are read from status.json, which the daemon keeps beside its
socket, by sed.

Invariant: nothing is run but sed and cat, and nothing that a file says is evaluated: a name with anything in it but
letters, digits and `._@:-` is no candidate. Deliberately not here: judging whether status.json can be believed; a wrong
name that is offered is refused by the verb that gets it.
"""

from pathlib import Path

import click

from watchdog.cli import output
from watchdog.cli.commandtree import Node, walk

SHELLS = ("bash", "zsh", "fish")
FOLDER = Path(__file__).parent / "completions"
"""The lines around the table, one file for each shell."""

_KINDS_BY_METAVAR = (
    ("GATEWAY", "gateway"),
    ("INCIDENT", "incident"),
    ("INC-", "incident"),
    ("PAGE", "page"),
    ("FILE", "file"),
    ("PATH", "file"),
    ("FOLDER", "file"),
    ("COMMAND", "file"),
)
_INCIDENT_METAVAR = "ID"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a completion script.

    \b
    bash: gatedog completion bash > /etc/bash_completion.d/gatedog
    zsh:  gatedog completion zsh > /usr/local/share/zsh/site-functions/_gatedog
    fish: gatedog completion fish > ~/.config/fish/completions/gatedog.fish
    """  # noqa: D301 - click wants the control character itself: it keeps the lines below apart
    output.say(script(shell, context.find_root().command))


def script(shell: str, program: click.Command) -> str:
    """Return the script of a shell for a program."""
    core = (FOLDER / "walk.sh").read_text(encoding="utf-8").replace("# TABLE\n", _table(program))
    if shell == "fish":  # fish reads no sh: there it is a text that sh is given
        core = core.replace("\\", "\\\\").replace("'", "\\'")
    return (FOLDER / f"around.{shell}").read_text(encoding="utf-8").replace("# WALK\n", core)


def kind_of(parameter: click.Parameter) -> str:
    """Say what a value is: "gateway", "incident", "page", "file", "=a,b" for a choice of words, "" for anything."""
    if isinstance(parameter.type, click.Choice):
        return "=" + ",".join(str(each) for each in parameter.type.choices)
    if isinstance(parameter.type, click.Path | click.File):
        return "file"
    if parameter.name == "gateway":
        return "gateway"
    metavar = parameter.metavar or ""
    found = [kind for word, kind in _KINDS_BY_METAVAR if word in metavar]
    if metavar == _INCIDENT_METAVAR:
        found.append("incident")
    return "+".join(dict.fromkeys(found))


def _table(program: click.Command) -> str:
    return "".join(_row(node) for node in walk(program))


def _row(node: Node) -> str:
    """Write what may follow a command as one arm of a case: verbs with their summaries, options, kinds of values."""
    options: list[str] = []
    takes: list[str] = []
    places: list[str] = []
    for parameter in node.parameters():
        if isinstance(parameter, click.Option):
            names = [*parameter.opts, *parameter.secondary_opts]
            options += names
            if not parameter.is_flag and not parameter.count:
                takes += [f"{name}:{kind_of(parameter)}" for name in names]
        else:
            places.append((kind_of(parameter) or "-") + ("..." if parameter.nargs == -1 else ""))
    verbs = "\n".join(f"{name}\t{_summary(node, name)}" for name in node.children)
    lines = [
        f"verbs='{verbs}'" if verbs else "verbs=",
        f"flags='{' '.join(options)}'",
        f"takes='{' '.join(takes)}'",
        f"places='{' '.join(places)}'",
    ]
    return f"    '{' '.join(node.path)}')\n" + "".join(f"        {line}\n" for line in [*lines, ";;"])


def _summary(node: Node, name: str) -> str:
    command = node.command
    assert isinstance(command, click.Group)  # noqa: S101 - only a group has children
    child = command.get_command(node.context, name)
    said = "" if child is None else child.get_short_help_str(limit=72)
    return said.replace("'", "'\\''").replace("\t", " ")
