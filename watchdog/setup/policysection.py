"""One gateway's section in policy.toml, added and taken out without touching another line.

Invariant: a file that a human wrote keeps every byte of it; what is taken out is exactly what was put in, or nothing.
"""

import json
import tomllib

from watchdog.core.action import ActionRule
from watchdog.core.classify import Rulebook, is_guarded
from watchdog.core.gaterules import SHIPPED
from watchdog.core.wrappers import programs_of, tree_of
from watchdog.setup.facts import UnitFacts, Wish

HEADER = """\
# gatedog: the rules, written by a human. Check after a change: gatedog policy check
# Every key with its default: `config/policy.toml` of the distribution.
"""
GUARDED = "# What the unit executes: who could write here would choose what is started next."


def open_trees(unit: UnitFacts | None, wish: Wish, home: str, human: tuple[ActionRule, ...] = ()) -> tuple[str, ...]:
    """Return where a gateway's program lies, as far as the gate's rules let an agent write there.

    `unit` is None for one that is to be made; `home` is its account's.
    """
    argv, directory = wish.command, home
    if unit is not None:
        argv = (unit.program, *unit.argv[1:])
        directory = unit.text("WorkingDirectory").lstrip("-!").replace("~", home) or "/"
    book = Rulebook(shipped=SHIPPED, human=human)
    trees = dict.fromkeys(tree_of(file) for file in programs_of(argv, directory))
    return tuple(tree for tree in trees if tree.isprintable() and not is_guarded(tree, book))


def section(wish: Wish, unit: str, trees: tuple[str, ...] = ()) -> bytes:
    """Write the section; `trees` are what the agent must ask about before it writes there."""
    lines = ["", f"[gateway.{wish.name}]", f"unit = {json.dumps(unit)}"]
    if wish.profile:
        lines.append(f"profile = {json.dumps(wish.profile)}")
    if wish.port:
        lines.append(f"port = {wish.port}")
    if trees:
        lines += ["", GUARDED, f"[[gateway.{wish.name}.gate]]", 'name = "program"']
        lines.append(f"paths = {json.dumps(trees, ensure_ascii=False)}")
    return "\n".join([*lines, ""]).encode()


def with_section(text: bytes, added: bytes) -> bytes:
    """Return the file with the section at its end; a file that is not there begins with a header."""
    if not text:
        return HEADER.encode() + added
    return text + (b"" if text.endswith(b"\n") else b"\n") + added


def without_section(text: bytes, added: bytes, *, before: bytes | None = None) -> bytes | None:
    """Return the file without the section, b"" when only our header would be left; None when it was edited since.

    `before` is the file as it was, when this section was the last thing that was put there. A table that a human added
    for the gateway is an edit, too: a budget without the unit that it is for would leave no policy that can be read.
    """
    if before is not None and text == with_section(before, added):
        return before
    if text.count(added) != 1:
        return None
    rest = text.replace(added, b"")
    if _gateways(text) - _gateways(added) != _gateways(rest):
        return None
    return b"" if rest == HEADER.encode() else rest


def _gateways(text: bytes) -> frozenset[str]:
    """Return whom a policy has tables for; of one that cannot be read, nobody."""
    try:
        return frozenset(tomllib.loads(text.decode()).get("gateway", {}))
    except ValueError:
        return frozenset()
