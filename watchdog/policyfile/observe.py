"""`[gateway.NAME.observe]`: fixed commands by which gatedog looks at a gateway from the inside.

    [gateway.main.observe]
    health = ["/usr/bin/openclaw", "health", "--json"]

Invariant: a command is an absolute path and its words, never a shell line; its name becomes part of a unit's name
(gatedog-observe@GATEWAY-NAME.service), in which the last "-" parts the two, so it has none itself.
"""

import re

from watchdog.policyfile.section import Section

COMMANDS_MAX = 8
NAME = re.compile(r"[a-z0-9]{1,16}")
_HOW = 'Write it like health = ["/usr/bin/openclaw", "health", "--json"]'


def read_observe(section: Section) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read the table; what is wrong is in the section's findings afterwards."""
    names = sorted(section.names())
    if len(names) > COMMANDS_MAX:
        what = f"{section.named('')}has {len(names)} commands"
        section.problem("", what, f"Keep at most {COMMANDS_MAX}: each runs at every incident")
    found: list[tuple[str, tuple[str, ...]]] = []
    for name in names[:COMMANDS_MAX]:
        argv = section.texts(name)
        if not NAME.fullmatch(name):
            what = f'"{name[:40]}" cannot be the name of a command to observe with'
            section.problem(name, what, "Use 1 to 16 of a-z and 0-9")
        elif section.value(name) == [] or argv[:1] == ("",):
            section.problem(name, f"{section.named(name)} names no program", _HOW)
        elif argv and not argv[0].startswith("/"):
            what = f"{section.named(name)}: {argv[0][:80]} is not an absolute path"
            section.problem(name, what, "Begin the program with /; nothing is searched for")
        found.append((name, argv))
    section.close()
    return tuple(found)
