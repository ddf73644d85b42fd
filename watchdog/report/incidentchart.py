"""The picture of an incident as one SVG, to stand inside of an HTML page.

Invariant: no script, no style of its own, nothing loaded: shapes and classes only, and every text escaped. Each kind
has a shape besides its colour. What it shows stands in the page's table, too.
"""

from html import escape
from typing import Final

from watchdog.core.timeline import duration_text
from watchdog.report.escape import visible
from watchdog.report.lanes import Kind, Lane, Mark, Picture, Span
from watchdog.report.moments import clock_time, instant

WIDTH: Final = 1000
_LEFT: Final = 130
_RIGHT: Final = 980
_LANE: Final = 34
_TOP: Final = 8
_MEMORY: Final = 70
_TICKS: Final = 6
_LETTERS: Final = 7
"""Width of a letter, roughly: a label is drawn only where it fits."""


def render_chart(picture: Picture, title: str) -> str:
    """Draw the picture; `title` is what it is of."""
    rows = [_lane(picture, lane, _TOP + number * _LANE) for number, lane in enumerate(picture.lanes)]
    bottom = _TOP + len(picture.lanes) * _LANE
    if picture.memory:
        rows.append(_memory(picture, bottom))
        bottom += _MEMORY
    axis = _axis(picture, bottom)
    said = f"{instant(picture.begins_usec)} to {instant(picture.ends_usec)}. " + " ".join(
        f"{lane.name}: {len(lane.spans)} spans, {len(lane.marks)} marks." for lane in picture.lanes
    )
    return "\n".join(
        [
            f'<svg viewBox="0 0 {WIDTH} {bottom + 34}" role="img" aria-labelledby="chart-title chart-desc">',
            f'<title id="chart-title">{text(title)}</title>',
            f'<desc id="chart-desc">{text(said)} The table below tells the same.</desc>',
            *axis,
            *rows,
            "</svg>",
        ]
    )


def text(said: str) -> str:
    """Return a text as one visible line that HTML and SVG show as it is."""
    return escape(visible(said), quote=True)


def _x(picture: Picture, at_usec: int) -> float:
    share = (at_usec - picture.begins_usec) / (picture.ends_usec - picture.begins_usec)
    return round(_LEFT + share * (_RIGHT - _LEFT), 1)


def _axis(picture: Picture, bottom: int) -> list[str]:
    span = picture.ends_usec - picture.begins_usec
    lines = []
    for number in range(_TICKS + 1):
        at = picture.begins_usec + span * number // _TICKS
        x = _x(picture, at)
        anchor = "start" if number == 0 else "end" if number == _TICKS else "middle"
        lines.append(f'<line class="grid" x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}"/>')
        lines.append(f'<text class="tick" x="{x}" y="{bottom + 14}" text-anchor="{anchor}">{clock_time(at)}</text>')
    lines.append(f'<text class="tick" x="0" y="{bottom + 14}">UTC</text>')
    lines.append(f'<text class="tick" x="0" y="{bottom + 28}">{text(duration_text(span))} in all</text>')
    return lines


def _lane(picture: Picture, lane: Lane, top: int) -> str:
    spans = [_span(picture, span, top + 6) for span in lane.spans]
    marks = [_mark(picture, mark, top + 16) for mark in lane.marks]
    name = f'<text class="lane" x="0" y="{top + 20}">{text(lane.name[:18])}</text>'
    return "\n".join(["<g>", name, *spans, *marks, "</g>"])


def _span(picture: Picture, span: Span, top: int) -> str:
    begins, ends = _x(picture, span.begins_usec), _x(picture, span.ends_usec)
    width = round(max(ends - begins, 1.0), 1)
    word = span.kind.value
    drawn = (
        f'<rect class="{word}" x="{begins}" y="{top}" width="{width}" height="20"><title>{_told(span)}</title></rect>'
    )
    if width < len(word) * _LETTERS + 8:
        return drawn
    return f'{drawn}<text class="word" x="{round(begins + 4, 1)}" y="{top + 14}">{word}</text>'


def _told(span: Span) -> str:
    return text(f"{span.label}, {clock_time(span.begins_usec)} to {clock_time(span.ends_usec)}")


def _mark(picture: Picture, mark: Mark, middle: int) -> str:
    x = _x(picture, mark.at_usec)
    title = f"<title>{text(f'{clock_time(mark.at_usec)} {mark.label}')}</title>"
    match mark.kind:
        case Kind.EXIT:
            path = f"M{x - 5} {middle - 5}l10 10m0 -10l-10 10"
        case Kind.START:
            path = f"M{x} {middle - 6}l6 11h-12z"
        case Kind.ASK:
            path = f"M{x} {middle - 7}l7 7l-7 7l-7 -7z"
        case Kind.PAGE:
            path = f"M{x - 5} {middle - 5}h10v10h-10z"
        case _:
            path = f"M{x} {middle - 8}v16"
    return f'<path class="mark-{mark.kind.value}" d="{path}">{title}</path>'


def _memory(picture: Picture, top: int) -> str:
    most = max(1, *(value for _, value in picture.memory))
    floor, room = top + _MEMORY - 8, _MEMORY - 20
    points = " ".join(f"{_x(picture, at)},{round(floor - value / most * room, 1)}" for at, value in picture.memory)
    return "\n".join(
        [
            f'<g><text class="lane" x="0" y="{top + 20}">memory</text>',
            f'<text class="tick" x="0" y="{top + 36}">most {most // 1024} MiB</text>',
            f'<polyline class="memory" points="{points}"><title>resident memory</title></polyline></g>',
        ]
    )
