"""A page in less room than it would like.

What is left out first is what a woken person needs least: the agent's claim, then the length of the explanations, then
the link, then what the page is called. The first line stays as long as anything fits. Invariant: a command and a link
are whole or absent, because half of one may be another one; no line is added but the one that says where to look.
"""

from collections.abc import Callable

from watchdog.pager.message import NEXT, RUNBOOK, Message

LOOK = f"{NEXT}gatedog incident list"
"""What stands in for a command that does not fit."""

_LINE_MIN = 40
"""A sentence is not cut shorter than this."""

_SENTENCES = ("why: ", "gatedog: ")
_SPARE = (RUNBOOK, "(")


def fit(message: Message, room: int, *, measure: Callable[[str], int] = len, titled: bool = True) -> tuple[str, ...]:
    """Return the message's lines, without the first unless `titled`, so that their text measures at most `room`.

    `measure` tells the length of a text in the receiver's own units: bytes, UTF-16 units, or letters once escaped.
    """
    head, body = (message.lines[:1] if titled else ()), message.lines[1:]

    def over(lines: tuple[str, ...]) -> int:
        return measure("\n".join((*head, *lines))) - room

    if over(body) > 0 and "" in body:
        body = body[: body.index("")]
    body = _shortened(body, over, measure)
    for spare in _SPARE:
        if over(body) > 0:
            body = tuple(line for line in body if not line.startswith(spare))
    if over(body) > 0:
        body = tuple(LOOK if line.startswith(NEXT) else line for line in body)
    while len(head) + len(body) > 1 and over(body) > 0:
        body = body[:-1]
    return (*head, *body) if over(body) <= 0 else (_cut((*head, *body)[0], room, measure),)


def _shortened(
    body: tuple[str, ...], over: Callable[[tuple[str, ...]], int], measure: Callable[[str], int]
) -> tuple[str, ...]:
    """Cut the explanations, the longest first."""
    for _ in _SENTENCES:
        sentences = [line for line in body if line.startswith(_SENTENCES) and len(line) > _LINE_MIN]
        too_much = over(body)
        if too_much <= 0 or not sentences:
            break
        longest = max(sentences, key=measure)
        cut = _cut(longest, max(measure(longest) - too_much, _LINE_MIN), measure)
        body = tuple(cut if line is longest else line for line in body)
    return body


def _cut(line: str, room: int, measure: Callable[[str], int]) -> str:
    """Take letters off the end, by halves, until the line and its mark fit."""
    low, high = 0, len(line)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(line[:middle] + "\u2026") <= room:
            low = middle
        else:
            high = middle - 1
    return line if measure(line) <= room else line[:low] + "\u2026"
