"""The picture of an incident as one SVG, to stand inside of an HTML page.

Invariant: no script, no style of its own, nothing loaded: shapes and classes only, and every text escaped. Each kind
has a shape besides its colour, nothing is drawn outside of the frame, and no two words of a lane lie on one another:
what has no room is left to the title of its shape, and stands in the page's table anyway.
"""

from html import escape
from typing import Final

from watchdog.core.timeline import duration_text
from watchdog.report.escape import visible
from watchdog.report.lanes import Kind, Lane, Mark, Picture, Span
from watchdog.report.moments import clock_time, day, instant

WIDTH: Final = 1000
_LEFT: Final = 150
_RIGHT: Final = 984
_LANE: Final = 40
_TOP: Final = 6
_MEMORY: Final = 96
_TICKS: Final = 6
_LETTERS: Final = 7.2
"""Width of a letter, roughly: a word is drawn only where it fits."""
_APART: Final = 8.0
_CLEAR: Final = 12.0
"""A word in a span keeps clear of the mark at its begin."""
_NAME_MAX: Final = 22
_ALOUD: Final = 'aria-labelledby="chart-title" aria-describedby="chart-desc"'

SHAPES: Final = {
    Kind.EXIT: "M{0} {1}m-5 -5l10 10m0 -10l-10 10",
    Kind.START: "M{0} {1}m0 -6l6 11h-12z",
    Kind.ASK: "M{0} {1}m0 -7l7 7l-7 7l-7 -7z",
    Kind.PAGE: "M{0} {1}m-5 -5h10v10h-10z",
    Kind.PEOPLE: "M{0} {1}m0 -8v16",
}
"""A path for each kind of mark, around the point that is filled in."""


def render_chart(picture: Picture, title: str) -> str:
    """Draw the picture; `title` is what it is of."""
    rows, top = [], _TOP
    for lane in picture.lanes:
        rows.append(_lane(picture, lane, top))
        top += _LANE
    if picture.memory:
        rows.append(_memory(picture, top))
        top += _MEMORY
    said = f"{instant(picture.begins_usec)} to {instant(picture.ends_usec)}. " + " ".join(
        f"{lane.name}: {len(lane.spans)} spans, {len(lane.marks)} marks." for lane in picture.lanes
    )
    return "\n".join(
        [
            f'<svg viewBox="0 0 {WIDTH} {top + 36}" role="img" {_ALOUD}>',
            f'<title id="chart-title">{text(title)}</title>',
            f'<desc id="chart-desc">{text(said)} The table below tells the same.</desc>',
            *_axis(picture, top),
            *rows,
            "</svg>",
        ]
    )


def render_key(kind: Kind) -> str:
    """Draw the shape of one kind of mark alone, for the key beside the picture."""
    path = SHAPES[kind].format(8, 8)
    shape = f'<path class="mark-{kind.value}" d="{path}"></path>'
    return f'<svg class="key" viewBox="0 0 16 16" aria-hidden="true">{shape}</svg>'


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
        lines.append(f'<text class="tick" x="{x}" y="{bottom + 15}" text-anchor="{anchor}">{clock_time(at)}</text>')
    lines.append(f'<text class="tick" x="0" y="{bottom + 15}">{day(picture.begins_usec)}</text>')
    lines.append(f'<text class="tick" x="0" y="{bottom + 30}">{text(duration_text(span))} in all</text>')
    return lines


def _lane(picture: Picture, lane: Lane, top: int) -> str:
    name = visible(lane.name) if len(lane.name) <= _NAME_MAX else visible(lane.name[: _NAME_MAX - 1]) + "\u2026"
    spans = [_span(picture, span, top + 8) for span in lane.spans]
    marks = [_mark(picture, mark, top + (18 if lane.spans else 12)) for mark in lane.marks]
    words = [] if lane.spans else _words(picture, lane, top + 32)
    begun = f'<g class="lane"><rect class="band" x="{_LEFT}" y="{top}" width="{_RIGHT - _LEFT}" height="{_LANE - 4}"/>'
    return "\n".join([begun, f'<text x="0" y="{top + 22}">{escape(name)}</text>', *spans, *words, *marks, "</g>"])


def _span(picture: Picture, span: Span, top: int) -> str:
    begins, ends = _x(picture, span.begins_usec), _x(picture, span.ends_usec)
    width = round(max(ends - begins, 1.0), 1)
    word = span.kind.value
    begins = min(begins, round(_RIGHT - width, 1))
    drawn = (
        f'<rect class="{word}" x="{begins}" y="{top}" width="{width}" height="20"><title>{_told(span)}</title></rect>'
    )
    if width < len(word) * _LETTERS + 2 * _CLEAR:
        return drawn
    return f'{drawn}<text class="word" x="{round(begins + _CLEAR, 1)}" y="{top + 14}">{word}</text>'


def _words(picture: Picture, lane: Lane, base: int) -> list[str]:
    """Write the words of a lane's marks from left to right, each where the one before has ended; repeats once."""
    drawn: list[str] = []
    free, before = float(_LEFT), ""
    for at, word in _together(picture, lane):
        width = len(word) * _LETTERS
        begins = max(float(_LEFT), min(at - 6, _RIGHT - width))
        if begins < free or (word == before and begins < free + width):
            continue
        drawn.append(f'<text class="tick" x="{round(begins, 1)}" y="{base}">{text(word)}</text>')
        free, before = begins + width + _APART, word
    return drawn


def _together(picture: Picture, lane: Lane) -> list[tuple[float, str]]:
    """Join the words of marks that lie on one another."""
    found: list[tuple[float, str]] = []
    for mark in lane.marks:
        at, last = _x(picture, mark.at_usec), found[-1] if found else (-_APART, "")
        if not mark.word:
            continue
        if at - last[0] < _APART / 2 and mark.word in last[1].split(", "):
            continue
        if at - last[0] < _APART / 2:
            found[-1] = (last[0], f"{last[1]}, {mark.word}")
        else:
            found.append((at, mark.word))
    return found


def _told(span: Span) -> str:
    return text(f"{span.label}, {clock_time(span.begins_usec)} to {clock_time(span.ends_usec)}")


def _mark(picture: Picture, mark: Mark, middle: int) -> str:
    title = f"<title>{text(f'{clock_time(mark.at_usec)} {mark.label}')}</title>"
    path = SHAPES.get(mark.kind, SHAPES[Kind.PEOPLE]).format(_x(picture, mark.at_usec), middle)
    halo = f'<path class="halo" d="{path}"/>' if mark.kind is Kind.EXIT else ""
    return f'{halo}<path class="mark-{mark.kind.value}" d="{path}">{title}</path>'


def _memory(picture: Picture, top: int) -> str:
    most = max(1, *(value for curve in picture.memory for _, value in curve))
    floor, room = top + _MEMORY - 14, _MEMORY - 30
    drawn = []
    for curve in picture.memory:
        points = [(_x(picture, at), round(floor - value / most * room, 1)) for at, value in curve]
        if len(points) > 1:
            line = " ".join(f"{x},{y}" for x, y in points)
            drawn.append(f'<polyline class="memory" points="{line}"><title>resident memory</title></polyline>')
        drawn += [
            f'<circle class="sample" cx="{x}" cy="{y}" r="2.5"><title>{value // 1024} MiB</title></circle>'
            for (x, y), (_, value) in zip(points, curve, strict=True)
        ]
    return "\n".join(
        [
            f'<g class="lane"><text x="0" y="{top + 22}">memory, MiB</text>',
            f'<line class="grid" x1="{_LEFT}" y1="{floor}" x2="{_RIGHT}" y2="{floor}"/>',
            f'<text class="tick" x="{_LEFT - 8}" y="{floor + 4}" text-anchor="end">0</text>',
            f'<line class="grid" x1="{_LEFT}" y1="{floor - room}" x2="{_RIGHT}" y2="{floor - room}"/>',
            f'<text class="tick" x="{_LEFT - 8}" y="{floor - room + 4}" text-anchor="end">{-(-most // 1024)}</text>',
            *drawn,
            "</g>",
        ]
    )
