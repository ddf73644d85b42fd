"""What every page has around it: head, navigation, the line that says how fresh it is, and the part that is replaced.

Invariant: nothing is loaded but our own style and script, and both from here; no script stands in a page. What changes
lies within `#live`, which live.js replaces as a whole; what a screen reader is told of is the one line in `#said`.
"""

from typing import Final

from watchdog.report.moments import ago, instant
from watchdog.report.standing import SIGNS, WORST_FIRST, Standing, standing_of
from watchdog.web.asking import Reading
from watchdog.web.html import Html, element, joined

PAGES: Final = (("/", "Gateways"), ("/incidents", "Incidents"), ("/policy", "Policy"))
REFRESH_S: Final = 15
"""How often a reader without a script, or whose stream is broken, looks again."""


def render_page(title: str, here: str, reading: Reading, *content: Html) -> str:
    """Write a page; `here` is the address of the navigation that it belongs to."""
    sign, summary = summary_of(reading)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("title", f"{sign} {title} - gatedog"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", href="/icon.svg", type="image/svg+xml"),
        element("link", rel="stylesheet", href="/style.css"),
        element("script", src="/live.js", defer=""),
        element("noscript", element("meta", http_equiv="refresh", content=str(REFRESH_S))),
    )
    links = [element("a", name, href=path, aria_current="page" if path == here else None) for path, name in PAGES]
    body = element(
        "body",
        element("a", "Skip to the content", href="#content", class_="skip", id="skip"),
        element("header", element("nav", *links, aria_label="Pages"), _said(sign, summary)),
        element("main", element("div", *_stale(reading), *content, id="live"), id="content", tabindex="-1"),
        element("footer", *_footer(reading)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def summary_of(reading: Reading) -> tuple[str, str]:
    """Say in one line how everything stands: a sign, and words."""
    if reading.status is None or reading.stale:
        return SIGNS[Standing.UNKNOWN], f"UNKNOWN: gatedog does not answer ({reading.why})"
    gateways = reading.status["gateways"]
    if not gateways:
        return SIGNS[Standing.UNKNOWN], "UNKNOWN: no gateway is watched"
    worst = min((standing_of(each) for each in gateways), key=WORST_FIRST.index)
    bad = [f"{each['name']} {each['word']}" for each in gateways if standing_of(each) is not Standing.READY]
    left = sum(1 for each in reading.status["incidents"] if each["phase"] != "resolved")
    words = "; ".join(bad) or ("ready" if len(gateways) == 1 else f"all {len(gateways)} gateways are ready")
    if not bad and len(gateways) == 1:
        words = f"{gateways[0]['name']} is ready"
    return SIGNS[worst], words + (f"; {left} open incident{'s' if left > 1 else ''}" if left else "")


def next_line(command: str, meaning: str = "") -> Html:
    """Show a command to type, and what it does."""
    told = joined(" ", element("span", meaning, class_="dim")) if meaning else Html()
    return element("li", element("code", command), told)


def _said(sign: str, summary: str) -> Html:
    mark = element("span", sign, aria_hidden="true", id="sign")
    return element(
        "p", mark, " ", element("span", summary, id="said", role="status", aria_live="polite"), class_="said"
    )


def _stale(reading: Reading) -> tuple[Html, ...]:
    if not reading.stale:
        return ()
    known = "nothing is known about how it stands."
    if reading.status is not None:
        known = f"what follows was written {ago(reading.age_usec)}, at {instant(reading.status['now_wall_usec'])}."
    return (
        element(
            "section",
            element("h2", "gatedog does not answer", id="stale-title"),
            element("p", f"{reading.why}. So {known}"),
            element("ul", next_line(reading.next_command or "systemctl status gatedog"), class_="next"),
            class_="stale",
            aria_labelledby="stale-title",
        ),
    )


def _footer(reading: Reading) -> tuple[Html, ...]:
    words = [f"read at {instant(reading.now_usec)}"]
    if reading.status is not None:
        words.append(f"gatedog {reading.status['version']}, pid {reading.status['pid']}")
        words.append(f"journal {reading.status['journal'][:12]}")
    return (
        element("p", "; ".join(words), ". ", element("span", "Times are UTC.")),
        element("p", "This page shows, and changes nothing. What is to be done is typed on the host, by a person."),
    )
