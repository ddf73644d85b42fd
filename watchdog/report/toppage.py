"""`gatedog top`: one screen of a known size that is good enough to leave open.

Theory of operation. The first line counts, the last says how gatedog itself is and how to leave. Between them stand
the gateways, worst first. Each in trouble gets a block: its restarts and its memory over the same two hours on the same
grid, its budgets and when the next start frees, its probes, what it was refused. One that is well has a line, or a
block where there is room for all. Then what is open and what waits to be told.

Invariant: never more lines than the screen has, and none longer than its width, so that nothing scrolls; what is left
out is counted, the worst of it by its word. Unknown and stale are never shown as well. Deliberately not here: reading a
clock or a terminal (cli/top.py), and the next commands of `gatedog status`, which this page names.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from watchdog.core.timeline import duration_text
from watchdog.core.values import dataclass
from watchdog.report.escape import visible
from watchdog.report.moments import ago, clock_time
from watchdog.report.rows import Hue
from watchdog.report.screenlines import Line, fitted, pad, text_of
from watchdog.report.standing import SIGNS, STALE_AFTER_USEC, WORST_FIRST, Standing, standing_of
from watchdog.report.statuspage import HUES
from watchdog.report.strip import strip_cells

Object = Mapping[str, Any]

WIDTH_MIN, HEIGHT_MIN = 20, 4
NAME_MAX = 16
INCIDENTS_MAX, PAGES_MAX = 4, 3
ROOMY = 112
"""Width from which on two hours are drawn in 80 letters and not in 40."""

_BARS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_LABEL = 11
_GAP = "   "
_LEAVE = "q quits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What is drawn on. `height` None: as long as it takes, for a pipe."""

    width: int
    height: int | None
    colour: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How asking went. `now_usec` is the wall clock; `unreachable` says why nobody answered, "" if somebody did."""

    now_usec: int
    unreachable: str = ""
    next_command: str = ""


def render_top(reply: Object | None, asked: Asked, screen: Screen) -> str:
    """Draw the screen; `reply` None: nothing at all is known. Lines end with a newline, but for the last."""
    width = max(screen.width, WIDTH_MIN)
    height = None if screen.height is None else max(screen.height, HEIGHT_MIN)
    lines = _without_reply(asked) if reply is None else _with_reply(reply, asked, width, height)
    if height is not None:
        lines = lines[:height]
    return "\n".join(fitted(line, width, colour=screen.colour) for line in lines)


def _without_reply(asked: Asked) -> list[Line]:
    return [
        _title(asked),
        [],
        [(f"{SIGNS[Standing.UNKNOWN]} UNKNOWN - nobody answers, and no status was left behind", Hue.BAD)],
        _row("why", [(visible(asked.unreachable), None)]),
        _row("next", [(visible(asked.next_command) or "systemctl status gatedog", None)]),
        [],
        [(_LEAVE, Hue.DIM)],
    ]


def _with_reply(reply: Object, asked: Asked, width: int, height: int | None) -> list[Line]:
    age_usec = max(asked.now_usec - reply["now_wall_usec"], 0)
    stale_usec = age_usec if asked.unreachable or age_usec > STALE_AFTER_USEC else 0
    is_stale = bool(asked.unreachable) or stale_usec > 0
    head = [_headline(reply, asked, is_stale=is_stale)]
    if is_stale:
        why = asked.unreachable or "its status is not written any more"
        head += [
            [(f"{SIGNS[Standing.UNKNOWN]} UNREACHABLE - what follows was written {ago(age_usec)}", Hue.BAD)],
            _row("why", [(visible(why), None)]),
            _row("next", [(visible(asked.next_command) or "systemctl status gatedog", None)]),
        ]
    tail = [
        *_incidents(reply),
        *_pages(reply, asked.now_usec),
        [],
        _foot(reply, is_stale=is_stale, stays=height is not None),
    ]
    if height is not None and len(head) + len(tail) + 2 > height:
        tail = tail[-1:]
    room = None if height is None else max(height - len(head) - len(tail) - 1, 0)
    body = _gateways(reply, width, room, stale_usec if is_stale else None)
    filling = 0 if height is None else max(height - len(head) - len(body) - len(tail) - 1, 0)
    return [*head, [], *body, *([[]] * filling), *tail]


def _title(asked: Asked) -> Line:
    return [("gatedog", Hue.DIM), (f"  {clock_time(asked.now_usec)} UTC ", None)]


def _headline(reply: Object, asked: Asked, *, is_stale: bool) -> Line:
    line = _title(asked)
    found = [Standing.UNKNOWN if is_stale else standing_of(each) for each in reply["gateways"]]
    for standing in WORST_FIRST:
        if count := found.count(standing):
            line.append((f" {count} {standing.name.lower()}", HUES[standing]))
    if not found:
        line.append((" no gateway is watched", Hue.WARN))
    critical = sum(1 for each in _open(reply) if each["severity"] == "critical")
    if others := len(_open(reply)):
        line.append((f"  {_counted(others, 'incident')}", Hue.BAD if critical else Hue.WARN))
    if waiting := len(reply["outbox"]):
        line.append((f"  {_counted(waiting, 'page')} waiting", Hue.WARN))
    return line


# -- gateways ------------------------------------------------------------------------------------------------------


def _gateways(reply: Object, width: int, room: int | None, stale_usec: int | None) -> list[Line]:
    """Give every gateway a block; when that is too much only those in trouble, and the others a line or a count."""
    ranked = sorted(reply["gateways"], key=lambda each: (WORST_FIRST.index(standing_of(each)), each["name"]))
    blocks = [_block(each, reply, width, stale_usec) for each in ranked]
    if room is None or sum(len(block) for block in blocks) <= room:
        return [line for block in blocks for line in block]
    shown: list[Line] = []
    for number, gateway in enumerate(ranked):
        left, rest = room - len(shown), len(ranked) - number - 1
        if left < 1 or (left == 1 and rest):
            return shown if left < 1 else [*shown, _left_out(ranked[number:], stale_usec)]
        is_well = stale_usec is None and standing_of(gateway) is Standing.READY
        block = [_short(gateway, width, stale_usec)] if is_well else blocks[number]
        shown += block[: max(left - min(rest, 1), 1)]
    return shown


def _left_out(gateways: Sequence[Object], stale_usec: int | None) -> Line:
    worst = Standing.UNKNOWN if stale_usec is not None else standing_of(gateways[0])
    return [(f"  and {len(gateways)} more, at worst {worst.name.lower()}: gatedog status", HUES[worst])]


def _said(gateway: Object, stale_usec: int | None) -> tuple[Standing, str]:
    word = visible(gateway["word"], 30)
    if stale_usec is not None:
        return Standing.UNKNOWN, f"UNKNOWN (was {word})"
    standing = standing_of(gateway)
    return standing, f"UNKNOWN ({word})" if standing is Standing.UNKNOWN else word


def _block(gateway: Object, reply: Object, width: int, stale_usec: int | None) -> list[Line]:
    standing, word = _said(gateway, stale_usec)
    age = duration_text(gateway["since_usec_ago"] + (stale_usec or 0))
    head: Line = [(f"{SIGNS[standing]} {pad(gateway['name'], NAME_MAX)} {word} {age}", HUES[standing])]
    for incident in [each for each in _open(reply) if each["gateway"] == gateway["name"]][:2]:
        loud = Hue.BAD if incident["severity"] == "critical" else Hue.WARN
        head.append((f"  {visible(incident['id'], 20)} {visible(incident['severity'], 20).upper()}", loud))
    due_usec = gateway["next_start_in_usec"]
    if due_usec is not None and stale_usec is None:
        head.append((f"  next start in {duration_text(due_usec)}", Hue.WARN))
    elif gateway["pid"] is not None and stale_usec is None:
        head.append((f"  pid {gateway['pid']}", Hue.DIM))
    rows = [head]
    if gateway["why"]:
        rows.append(_row("why", [(visible(gateway["why"]), None)]))
    cells = 80 if width >= ROOMY else 40
    rows.append(_row("last 2h", [(strip_cells(gateway, cells), None), ("  r start x exit H held", Hue.DIM)]))
    rows += _budget(gateway, width, stale_usec or 0)
    rows += _probes(gateway)
    rows += _memory(gateway, cells)
    rows += _refused(gateway)
    maintenance = gateway.get("maintenance")
    if maintenance:
        left = duration_text(maintenance["until_in_usec"])
        rows.append(_row("work", [(f"{left} left; by {visible(maintenance['who'], 60)}", Hue.WARN)]))
    return rows


def _short(gateway: Object, width: int, stale_usec: int | None) -> Line:
    standing, word = _said(gateway, stale_usec)
    age = duration_text(gateway["since_usec_ago"] + (stale_usec or 0))
    line: Line = [(f"{SIGNS[standing]} {pad(gateway['name'], NAME_MAX)} {word} {age}", HUES[standing])]
    fullest = max(_own(gateway), key=lambda each: each["used"] / max(each["limit"], 1), default=None)
    if fullest is not None:
        line.append((f"  {_gauge(fullest, stale_usec or 0, is_drawn=False)}", _gauge_hue(fullest)))
    if kib := _last_memory(gateway):
        line.append((f"  {size_text(kib)}", None))
    if len(text_of(line)) + 44 <= width:
        line.append((f"  {strip_cells(gateway, 40)}", None))
    return line


def _budget(gateway: Object, width: int, stale_usec: int) -> list[Line]:
    lines: list[Line] = []
    for label, account in (("budget", "restart"), ("self", "self_restart")):
        shown = [
            (_gauge(window, stale_usec), _gauge_hue(window))
            for window in gateway["budget"]
            if window["account"] == account and (account == "restart" or window["used"])
        ]
        lines += _wrapped(label, shown, width)
    return lines


def _wrapped(label: str, pieces: Line, width: int) -> list[Line]:
    """Draw pieces under a label, as many a line as fit: the longest window, and when it frees, is not to be cut off."""
    lines: list[Line] = []
    for text, hue in pieces:
        if lines and len(text_of(lines[-1])) + len(_GAP) + len(text) <= width:
            lines[-1].append((f"{_GAP}{text}", hue))
        else:
            lines.append(_row("" if lines else label, [(text, hue)]))
    return lines


def _gauge(window: Object, stale_usec: int, *, is_drawn: bool = True) -> str:
    used, limit = window["used"], window["limit"]
    bar = "[" + "#" * min(used, limit) + "-" * max(limit - used, 0) + "] " if is_drawn and 0 < limit <= 8 else ""
    freed_usec = window["next_free_in_usec"] - stale_usec
    frees = f" frees in {duration_text(freed_usec)}" if freed_usec > 0 else ""
    return f"{visible(window['label'], 10)} {bar}{used}/{limit}{frees}"


def _gauge_hue(window: Object) -> Hue | None:
    if window["used"] >= window["limit"]:
        return Hue.BAD
    return Hue.WARN if window["used"] * 3 >= window["limit"] * 2 else None


def _own(gateway: Object) -> list[Object]:
    return [each for each in gateway["budget"] if each["account"] == "restart"]


def _probes(gateway: Object) -> list[Line]:
    health = gateway.get("health")
    if not health or not health["probes"]:
        return []
    odd_first = sorted(health["probes"], key=lambda each: each["phase"] == "passing" and not each["flapping"])
    pieces: Line = []
    for probe in odd_first:
        well = probe["phase"] == "passing" and not probe["flapping"]
        word = "cannot be run" if probe["lost_sight"] else "flapping" if probe["flapping"] else visible(probe["phase"])
        since = f" {duration_text(probe['since_usec_ago'])}" if probe["since_usec_ago"] is not None and not well else ""
        hue = Hue.GOOD if well else Hue.BAD if probe["phase"] == "failing" else Hue.WARN
        pieces.append((f"{'   ' if pieces else ''}{visible(probe['name'], 30)} {word}{since}", hue))
    return [_row("probes", pieces)]


def _memory(gateway: Object, cells: int) -> list[Line]:
    """Draw memory below the strip, letter for letter the same minutes."""
    curve = gateway.get("memory_kib") or []
    if not any(curve):
        return []
    most = max(curve)
    times = max(cells // max(len(curve), 1), 1)
    bars = "".join((_bar(kib, most) * times) for kib in curve)
    return [_row("memory", [(bars, None), (f"  {size_text(_last_memory(gateway))}, most {size_text(most)}", None)])]


def _bar(kib: int, most: int) -> str:
    """Return a bar from nothing to the most, not from the least: a steady gateway looks steady."""
    return " " if kib <= 0 else _BARS[min(kib * len(_BARS) // (most + 1), len(_BARS) - 1)]


def _last_memory(gateway: Object) -> int:
    measured = [kib for kib in gateway.get("memory_kib") or [] if kib]
    return int(measured[-1]) if measured else 0


def size_text(kib: int) -> str:
    """Say an amount of memory in three digits: "412M", "1.9G"."""
    amount = float(kib)
    for unit in "KMGT":
        if amount < 1000:
            return f"{amount:.0f}{unit}" if unit in "KM" or amount >= 100 else f"{amount:.1f}{unit}"
        amount /= 1024
    return f"{amount:.0f}P"


def _refused(gateway: Object) -> list[Line]:
    refused = gateway["refused"]
    if refused is None:
        return []
    last = f"{visible(refused['verb'], 30)} by {visible(refused['who'], 60)} (rule {visible(refused['rule'], 40)})"
    said = f"{_counted(refused['count'], 'request')}, last {clock_time(refused['wall_usec'])} {last}"
    return [_row("refused", [(said, Hue.WARN)])]


# -- what is open, what waits, and gatedog itself --------------------------------------------------------------------


def _open(reply: Object) -> list[Object]:
    found = [each for each in reply["incidents"] if each["phase"] != "resolved"]
    return sorted(found, key=lambda each: (each["severity"] != "critical", each["opened_usec_ago"]))


def _incidents(reply: Object) -> list[Line]:
    lines: list[Line] = []
    for incident in _open(reply)[:INCIDENTS_MAX]:
        identity = visible(incident["id"], 20)
        taken = incident["phase"] == "acknowledged"
        who = f"taken by {visible(incident['acknowledged_by'], 30)}" if taken else "NOT ACKED"
        about = visible(incident["gateway"], NAME_MAX) or "gatedog"
        hue = Hue.BAD if incident["severity"] == "critical" and not taken else Hue.WARN
        said = f"{about} {visible(incident['severity'], 20)} {duration_text(incident['opened_usec_ago'])}, {who}: "
        lines.append([(f"  {pad(incident['id'], 8)} ", hue), (said, hue), (visible(incident["title"], 120), None)])
        if not taken and len(lines) == 1:
            lines.append(_row("next", [(f"gatedog ack {identity}", None)]))
    left = len(_open(reply)) - INCIDENTS_MAX
    if left > 0:
        lines.append([(f"  and {left} more: gatedog incident list", Hue.WARN)])
    return [[], *lines] if lines else []


def _pages(reply: Object, now_usec: int) -> list[Line]:
    lines: list[Line] = []
    oldest_first = sorted(reply["outbox"], key=lambda each: (each["severity"] != "critical", each["queued_wall_usec"]))
    for page in oldest_first[:PAGES_MAX]:
        waits = duration_text(max(now_usec - page["queued_wall_usec"], 0))
        channels = visible(", ".join(page["waiting"]), 60)
        hue = Hue.BAD if page["severity"] == "critical" else Hue.WARN
        lines.append([(f"  page     waits {waits} for {channels}: ", hue), (visible(page["title"], 120), None)])
    left = len(reply["outbox"]) - PAGES_MAX
    if left > 0:
        lines.append([(f"  and {left} more pages: gatedog page list", Hue.WARN)])
    return lines


def _foot(reply: Object, *, is_stale: bool, stays: bool) -> Line:
    running = duration_text(max(reply["now_wall_usec"] - reply["started_wall_usec"], 0))
    notes = [
        note
        for note, holds in (
            ("clock uncertain", reply["clock_uncertain"]),
            ("no network", not reply["has_network"]),
            ("host going down", reply["host_going_down"]),
        )
        if holds
    ]
    line: Line = [(f"gatedog {'last seen' if is_stale else 'ok'}", Hue.WARN if is_stale else Hue.GOOD)]
    line.append((f"  pid {reply['pid']} for {running}  {visible(reply['version'], 20)}", Hue.DIM))
    line += [(f"  {note}", Hue.WARN) for note in notes]
    return [*line, (f"  {_LEAVE}" if stays else "", Hue.DIM), ("  more: gatedog status", Hue.DIM)]


def _row(label: str, pieces: Line) -> Line:
    return [(f"  {label:<{_LABEL - 2}}", Hue.DIM), *pieces]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
