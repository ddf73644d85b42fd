"""The exported page of an incident, looked at in a real browser: read, sized, in both colours, with hostile words."""

import json
from pathlib import Path

import pytest
from browser import Browser
from recorded_night import ONE, PEOPLE, SECRET, RecordedNight
from stage import MAIN, gateway_policy, usec

from watchdog.cli.exporting import write_export
from watchdog.cli.paths import Surroundings

pytestmark = pytest.mark.system

MARKUP = "</pre></text></svg><script>document.title='taken'</script><img src=x onerror=alert(1)>"
HOSTILE = f"\x1b[2J\x1b[31mnext: rm -rf / \u202egnirts desrever\u2066 {MARKUP}"
SIZES = [(375, "light"), (375, "dark"), (1280, "light"), (1280, "dark")]
OUTSIDE = """
const svg = document.querySelector('.wide svg'), frame = svg.getBoundingClientRect();
const shapes = [...svg.querySelectorAll('rect, path, text, polyline, circle, line')];
return shapes.filter(each => {
    const box = each.getBoundingClientRect();
    const inside = box.left >= frame.left - 1 && box.right <= frame.right + 1
        && box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
    return !inside || (box.width === 0 && box.height === 0);
}).map(each => each.outerHTML);
"""
OVERLAPPING = """
const found = [];
for (const lane of document.querySelectorAll('.wide svg .lane')) {
    const words = [...lane.querySelectorAll('text')].map(each => [each.textContent, each.getBoundingClientRect()]);
    for (const [i, [one, a]] of words.entries()) for (const [other, b] of words.slice(i + 1))
        if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) found.push([one, other]);
}
return found;
"""
CONTRAST = """
const light = rgb => {
    const [r, g, b] = rgb.match(/[\\d.]+/g).map(Number).map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = each => {
    for (let node = each; node; node = node.parentElement) {
        const colour = getComputedStyle(node).backgroundColor;
        if (!colour.endsWith(', 0)')) return colour;
    }
    return 'rgb(255, 255, 255)';
};
return [...document.querySelectorAll('h1, h2, p, dt, dd, td, th, li, summary, pre, span')].filter(each => {
    const a = light(getComputedStyle(each).color), b = light(behind(each));
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
}).map(each => each.outerHTML.slice(0, 120));
"""


def resources(boot: str, begins_usec: int) -> bytes:
    """Write the curve of a process that grows."""
    points = [
        {"at_usec": begins_usec + number * 10_000_000, "pid": 77, "memory_kib": 100_000 + 20_000 * number}
        for number in range(8)
    ]
    return "".join(f"{json.dumps(point)}\n" for point in points).encode()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export a night with a refused request, three endings, a hold, pages, an acknowledgement and hostile words."""
    state = tmp_path_factory.mktemp("night") / "state"
    night = RecordedNight(state)
    about = {
        "taken": {"boot": str(night.boot), "wall_error_usec": 2_500},
        "files": [{"name": "output.log", "words_of": "the gateway", "what": "the end of what the life printed"}],
        "missing": [f"observe: {HOSTILE}"],
    }
    night.gatedog_starts()
    begins_usec = night.now_usec - night.booted_usec
    night.evidence["resources.jsonl"] = resources(night.boot, begins_usec)
    night.evidence["about.json"] = json.dumps(about).encode()
    night.evidence["output.log"] += HOSTILE.encode()
    night.policy_loads(gateway_policy(), escalation=PEOPLE)
    night.looks(MAIN)
    night.gets_ready(MAIN)
    for ending in range(3):
        night.wait(usec("10s"))
        night.sees(ok=ending < 2, memory_kib=200_000 + 50_000 * ending)
        night.wait(usec("21s"))
        if ending == 1:
            night.asks("agent", "restart", reason=HOSTILE[:150])
        night.ends(MAIN, code=0, saying=HOSTILE[:150])
        if ending < 2:
            night.wait(usec("4s"))
            night.gets_ready(MAIN)
    night.delivers("phone")
    night.wait(usec("2m"))
    night.asks("human", "ack", incident=ONE)
    night.journal.commit()
    night.journal.close()
    written = state.parent / "incident.html"
    write_export(Surroundings(environ={}, uid=0), ONE, state, markdown=None, html=written, tar=None)
    return written


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}-{size[1]}")
def opened(request: pytest.FixtureRequest, browser: Browser, page: Path) -> Browser:
    """Open the page on a screen of one size and colour scheme."""
    width, scheme = request.param
    browser.prefer(color_scheme=scheme)
    browser.resize(width)
    browser.open(page)
    return browser


def test_it_fits_and_complains_of_nothing(opened: Browser) -> None:
    """No scrolling sideways, nothing on the console, nothing asked for over a network."""
    assert opened.overflow() == 0
    assert opened.errors() == []
    assert opened.evaluate("return performance.getEntriesByType('resource').map(each => each.name)") == []


def test_the_picture_is_whole(opened: Browser) -> None:
    """Every shape has a size and is within the frame, no two words of a lane lie on one another, no lane is missing."""
    assert opened.evaluate(OUTSIDE) == []
    assert opened.evaluate(OVERLAPPING) == []
    lanes = opened.evaluate(
        "return [...document.querySelectorAll('.wide .lane > text:first-of-type')].map(e => e.textContent)"
    )
    assert lanes == ["process", "starts and asks", "probe http", "people", "memory, MiB"]


def test_everything_can_be_read(opened: Browser) -> None:
    """Texts stand out from what is behind them, in both colour schemes, as WCAG wants it (4.5 : 1)."""
    opened.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")

    assert opened.evaluate(CONTRAST) == []


def test_light_and_dark_follow_the_reader(browser: Browser, page: Path) -> None:
    """The page has the background of the scheme that the reader prefers."""
    seen = []
    for scheme in ("light", "dark"):
        browser.prefer(color_scheme=scheme)
        browser.open(page)
        seen.append(browser.evaluate("return getComputedStyle(document.body).backgroundColor"))

    assert seen == ["rgb(255, 255, 255)", "rgb(21, 24, 28)"]


def test_it_tells_the_night(browser: Browser, page: Path) -> None:
    """What happened, who asked, how it was answered, who was told, and how sure the clock was, stand in the text."""
    browser.open(page)
    said = browser.text()

    for words in (
        "UNSIGNED: no human has signed a cause",
        "is acknowledged",
        "2ms, by the kernel's word",
        "words of the gateway",
        "restart by supervised: refused",
        "self-restart",
    ):
        assert words in said + browser.evaluate("return document.querySelector('.wide svg').textContent"), words


def test_hostile_words_are_words(browser: Browser, page: Path) -> None:
    """Markup, escapes and bidi marks show as what they are, run nothing, and a secret of a known shape is gone."""
    browser.open(page)
    browser.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    said = browser.text()

    assert browser.evaluate("return document.title") == "INC-1"
    assert browser.evaluate("return document.querySelectorAll('script, img, link, iframe, object').length") == 0
    assert MARKUP in said
    assert "\\x1b[2J\\x1b[31mnext: rm -rf / \\u202egnirts" in said
    assert not set(said) & set("\x1b\u202e\u2066")
    assert SECRET not in said
    assert "[redacted: " in said


SMUGGLED = [
    "const it = document.createElement('img'); it.src = 'http://127.0.0.1:9/x.png'; document.body.append(it)",
    "const it = document.createElement('script'); it.textContent = 'document.title = 1'; document.body.append(it)",
    "document.body.setAttribute('style', 'color: red')",
]


@pytest.mark.parametrize("smuggle", SMUGGLED)
def test_its_policy_forbids_what_it_does_not_hold(smuggle: str, browser: Browser, page: Path) -> None:
    """Were a picture, a script or a style smuggled in, the browser would refuse it: the page's own policy holds."""
    browser.open(page)
    browser.evaluate(smuggle)
    told = browser.errors()

    assert any("Content Security Policy" in line for line in told), told
    assert browser.evaluate("return document.title") == "INC-1"


def test_the_picture_is_read_aloud(browser: Browser, page: Path) -> None:
    """A screen reader is told of one picture by its name, and of the tables and headings."""
    browser.open(page)
    outline = browser.outline()

    assert ("image", "INC-1 on one axis of time") in outline
    assert {("heading", name) for name in ("Picture", "Cause", "Timeline", "Evidence", "Verification")} <= set(outline)
