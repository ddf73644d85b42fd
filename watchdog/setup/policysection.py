"""One gateway's section in policy.toml, added and taken out without touching another line.

Invariant: a file that a human wrote keeps every byte of it; what is taken out is exactly what was put in, or nothing.
"""

import json

from watchdog.setup.facts import Wish

HEADER = """\
# gatedog: the rules, written by a human. Check after a change: gatedog policy check
# Every key with its default: `config/policy.toml` of the distribution.
"""


def section(wish: Wish, unit: str) -> bytes:
    """Write the section."""
    lines = ["", f"[gateway.{wish.name}]", f"unit = {json.dumps(unit)}"]
    if wish.profile:
        lines.append(f"profile = {json.dumps(wish.profile)}")
    if wish.port:
        lines.append(f"port = {wish.port}")
    return "\n".join([*lines, ""]).encode()


def with_section(text: bytes, added: bytes) -> bytes:
    """Return the file with the section at its end; a file that is not there begins with a header."""
    if not text:
        return HEADER.encode() + added
    return text + (b"" if text.endswith(b"\n") else b"\n") + added


def without_section(text: bytes, added: bytes, *, before: bytes | None = None) -> bytes | None:
    """Return the file without the section, b"" when only our header would be left; None when it was edited since.

    `before` is the file as it was, when this section was the last thing that was put there.
    """
    if before is not None and text == with_section(before, added):
        return before
    if text.count(added) != 1:
        return None
    rest = text.replace(added, b"")
    return b"" if rest == HEADER.encode() else rest
