"""Draw the manual pages from click's own tree, and from the reader of policy.toml.

    python docs/draw_man.py             writes docs/man/gatedog.1, gatedog.8, gatedog.policy.5

A page that is written by hand is wrong after the first change; tests/test_manual.py fails when these are.
"""

import inspect
import re
import runpy
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from watchdog import __version__
from watchdog.cli.commandtree import Node, walk
from watchdog.cli.main import gatedog

FOLDER = Path(__file__).parent / "man"
DATE = "2026-11-23"
"""Of the pages' wording: a page that changes by itself every day could not be compared."""
DAEMON = frozenset({("daemon",), ("run",), ("break-glass",)})
"""Told in section 8."""

EXIT_STATUS = (
    ("0", "done; of status: healthy; of doctor: well"),
    ("1", "failed; of doctor: something to look at"),
    ("2", "usage; of doctor: bad"),
    ("3", "status: a gateway is down or held"),
    ("4", "no permission; of status: unknown, or gatedog cannot be reached"),
    ("75", "try later"),
    ("77", "refused by policy; the rule is named"),
    ("130", "interrupted"),
    ("150, 151, 152", "status: degraded, starting, in maintenance"),
)
ENVIRONMENT = (
    ("GATEDOG_SOCKET", "The socket of the daemon to ask, where --socket does not name one."),
    (
        "XDG_RUNTIME_DIR, XDG_STATE_HOME, XDG_CONFIG_HOME",
        "Where the daemon of a user has its files. Root follows none.",
    ),
    ("NO_COLOR", "Not empty: no colours."),
    ("COLUMNS", "The width to write for."),
)
FILES = (
    ("/etc/gatedog/policy.toml", "The rules; see gatedog.policy(5)."),
    ("/etc/gatedog/pager.toml", "The channels and who is told when."),
    ("/var/lib/gatedog/", "The journal and the evidence."),
    ("/run/gatedog/control.sock", "The socket; everybody may connect, and who asks is taken from the kernel."),
    ("/run/gatedog/status.json", "How everything stood last, for when the daemon is dead."),
)
SIGNALS = (
    ("SIGHUP", "Look at the policy now. A reload restarts nothing, and a bad file changes nothing."),
    ("SIGTERM, SIGINT", "End. The gateways run on, and the next daemon takes them up again."),
)

DAEMON_WORDS = """\
The daemon owns the gateways that its policy names: it starts them, counts every life against a restart budget, sees
when restarts are a spiral, refuses the agent that asks for one, and tells a human. Its own death ends no gateway,
loses no page and resets no budget.

When it is dead and something must be done, break-glass works with no daemon, no journal and no Python environment; what
was done becomes a record and a page later."""


def escaped(text: str) -> str:
    """Return a text as roff reads it back letter for letter."""
    out = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + out if out[:1] in (".", "'") else out


def paragraphs(text: str) -> list[str]:
    """Return the text of a docstring; a paragraph that click is told to leave alone is left alone here, too."""
    lines: list[str] = []
    for number, paragraph in enumerate(inspect.cleandoc(text).split("\n\n")):
        kept = paragraph.startswith("\b")
        body = [escaped(line) for line in paragraph.lstrip("\b\n").splitlines()]
        lines += [".PP"] if number else []
        lines += [".nf", *body, ".fi"] if kept else [" ".join(line.strip() for line in body)]
    return lines


def described(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Return a list of words with what they mean."""
    return [line for word, meaning in pairs for line in (".TP", f".B {escaped(word)}", escaped(meaning))]


def options(node: Node) -> list[tuple[str, str]]:
    """Return a command's options as they are typed, --help left out: every command has it."""
    found = []
    for each in node.parameters():
        if isinstance(each, click.Option) and "--help" not in each.opts:
            record = each.get_help_record(node.context)
            if record is not None:
                found.append((record[0], record[1] or "See above."))
    return found


def usage(node: Node) -> str:
    """Return how a command is typed."""
    pieces = node.command.collect_usage_pieces(node.context)
    return escaped(" ".join(["gatedog", *node.path, *pieces]))


def told(node: Node) -> list[str]:
    """Return the part of a page that is about one command."""
    title, words = escaped(" ".join(["gatedog", *node.path])), node.command.help or node.command.short_help or ""
    return [f".SS {title}", f".B {usage(node)}", ".PP", *paragraphs(words), *described(options(node))]


def head(name: str, section: int, title: str) -> list[str]:
    """Return the top of a page."""
    top = f'.TH {name.upper()} {section} "{DATE}" "gatedog {__version__}" "gatedog"'
    return [f'.\\" Drawn by docs/draw_man.py; do not edit.\n{top}', ".SH NAME", f"{escaped(name)} \\- {escaped(title)}"]


def draw_commands() -> str:
    """Return gatedog(1)."""
    nodes = {node.path: node for node in walk(gatedog)}
    root = nodes.pop(())
    lines = head("gatedog", 1, "the watchdog that stands outside an AI agent")
    lines += [".SH SYNOPSIS", f".B {usage(root)}", ".SH DESCRIPTION"]
    lines += paragraphs((root.command.help or "").split("Exit codes:")[0].strip())
    lines += [".SH OPTIONS", *described(options(root)), ".SH COMMANDS"]
    for node in nodes.values():
        if not node.children and node.path not in DAEMON:
            lines += told(node)
    lines += [".SH EXIT STATUS", *described(EXIT_STATUS)]
    lines += [".SH ENVIRONMENT", *described(ENVIRONMENT), ".SH FILES", *described(FILES)]
    return _page([*lines, ".SH SEE ALSO", r".BR gatedog.policy (5),", r".BR gatedog (8)"])


def draw_daemon() -> str:
    """Return gatedog(8)."""
    nodes = {node.path: node for node in walk(gatedog)}
    lines = head("gatedog", 8, "own the restarts of an AI agent's gateway")
    lines += [".SH SYNOPSIS"]
    for number, path in enumerate(sorted(DAEMON)):
        lines += ([".br"] if number else []) + [f".B {usage(nodes[path])}"]
    lines += [".SH DESCRIPTION"]
    lines += paragraphs(DAEMON_WORDS)
    lines += [".SH COMMANDS", *(line for path in sorted(DAEMON) for line in told(nodes[path]))]
    lines += [".SH SIGNALS", *described(SIGNALS), ".SH FILES", *described(FILES)]
    return _page([*lines, ".SH SEE ALSO", r".BR gatedog (1),", r".BR gatedog.policy (5)"])


def draw_policy() -> str:
    """Return gatedog.policy(5)."""
    policy = runpy.run_path(str(Path(__file__).parent / "draw_policy.py"))
    introduction, _ = policy["words"]()
    lines = head("gatedog.policy", 5, "the rules by which gatedog restarts, holds and tells")
    lines += [".SH DESCRIPTION", *paragraphs("\n\n".join(introduction))]
    for table, keys in policy["tables"]():
        lines += [f'.SH "{escaped(table["title"].upper() if not table["path"] else table["title"])}"']
        lines += paragraphs(table["sentence"])
        for key, sentence in keys:
            default = f" Default: {key.default}." if key.default else ""
            lines += [".TP", f".B {escaped(key.name)}", escaped(f"({key.kind}) {sentence}{default}")]
    return _page([*lines, ".SH SEE ALSO", r".BR gatedog (1),", r".BR gatedog (8)"])


def _page(lines: Iterable[str]) -> str:
    """Return the lines as a page, each sentence on a line of its own, as roff wants it, and no line ends in blanks."""
    broken = [re.sub(r"(?<=[a-z0-9)\"])([.?!]) +(?=[A-Z])", r"\1\n", line) for line in lines]
    return "\n".join(line.rstrip() for line in broken) + "\n"


def pages() -> dict[str, str]:
    """Return every page by its file name."""
    return {"gatedog.1": draw_commands(), "gatedog.8": draw_daemon(), "gatedog.policy.5": draw_policy()}


def main() -> int:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
