"""Text of strangers in Markdown: in spans and blocks that it cannot close.

Invariant: no heading, link, mention, picture or HTML of theirs reaches whoever reads the page.
"""

import re
from collections.abc import Iterable

from watchdog.report.escape import visible

_FENCE_MIN = 3


def code_span(text: str) -> str:
    """Put a text into a code span that it cannot close, and that a table cannot cut."""
    plain = visible(text).replace("`", "'").replace("|", "\u00a6").strip() or "(empty)"
    return f"`{plain}`"


def code_block(lines: Iterable[str]) -> list[str]:
    """Put lines into a code block whose fence is longer than any run of backticks in it."""
    known = list(lines)
    longest = max((len(run) for line in known for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(_FENCE_MIN, longest + 1)
    return [f"{fence}text", *known, fence]
