"""The page of a real daemon, in a real browser."""

import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest
from browser import ENTER, REBOUND, TAB, Browser
from conftest import GATEDOG, Site
from web_process import WAIT_S, WebProcess, web_process

pytestmark = pytest.mark.system

AGENT_LINE = "<b>fatal</b> <script>document.title='owned'</script> password=abcdef123456"
PATHS = ("/", "/incidents", "/incidents/INC-1", "/incidents/INC-77", "/policy")
WIDTHS = (375, 1280)
EVENT_S = 2.0
"""Within this time what happens shows on an open page."""
CONTRAST_MIN = 4.5
"""WCAG AA, for text."""

CONTRAST = """
const channel = (value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const light = (colour) => {
  const [red, green, blue] = colour.match(/[\\d.]+/g).map((each) => channel(Number(each) / 255));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const behind = (element) => {
  for (let each = element; each !== null; each = each.parentElement) {
    const colour = getComputedStyle(each).backgroundColor;
    if (!/, 0\\)$/.test(colour)) { return colour; }
  }
  return "rgb(255, 255, 255)";
};
const poor = [];
for (const each of document.querySelectorAll("body *:not(svg *)")) {
  const own = [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!own || each.closest("script, noscript, .skip, meter")) { continue; }
  const [a, b] = [light(getComputedStyle(each).color), light(behind(each))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < arguments[0]) { poor.push(`${each.tagName}.${each.className} ${ratio.toFixed(2)}: ${each.textContent}`); }
}
return poor;
"""
FOCUSED = "const e = document.activeElement; return e.id || e.textContent || e.tagName"


@pytest.fixture
def held(site: Site) -> Site:
    """Run a daemon whose gateway dies again and again with the same words, and is held."""
    script = "sleep 0.3; printf '%s\\n' \"$0\" >&2; exit 3"
    site.write_policy(["/bin/sh", "-c", script, AGENT_LINE, str(site.folder)])
    site.start()
    site.wait_until(phase="held")
    return site


@pytest.fixture
def well(site: Site) -> Site:
    """Run a daemon whose gateway is well."""
    site.write_policy(["/bin/sh", "-c", "exec sleep 600"])
    site.start()
    site.wait_until(word="READY")
    return site


@pytest.fixture
def web(site: Site) -> Iterator[WebProcess]:
    """Serve the page of the site's daemon."""
    with web_process(site.socket) as made:
        yield made


def address(web: WebProcess, path: str) -> str:
    """Return a path's address."""
    return web.url.rstrip("/") + path


def is_live(browser: Browser) -> None:
    """Wait until the page has looked again, which its stream made it do."""
    browser.until("return performance.getEntriesByType('resource').some((each) => each.initiatorType === 'fetch')")


def test_every_page_fits_a_phone_and_a_desk(held: Site, web: WebProcess, browser: Browser) -> None:
    """No scrolling sideways and nothing on the console, light and dark; each colour of text can be read."""
    for path in PATHS:
        for scheme in ("light", "dark"):
            browser.prefer(color_scheme=scheme)
            for width in WIDTHS:
                browser.resize(width)
                browser.open(address(web, path))
                found = (path, scheme, width)
                unwell = [each for each in browser.errors() if "/INC-77 - " not in each]  # that there is none

                assert (browser.overflow(), unwell) == (0, []), found
                assert browser.evaluate(CONTRAST, CONTRAST_MIN) == [], found
                assert browser.evaluate(CONTRAST, 22) != [], "nothing has more than 21"
    dark = browser.evaluate("return getComputedStyle(document.body).backgroundColor")
    browser.prefer(color_scheme="light")
    assert browser.evaluate("return getComputedStyle(document.body).backgroundColor") != dark


def test_hold_shows_within_two_seconds(well: Site, web: WebProcess, browser: Browser) -> None:
    """A hold placed, and lifted again, shows on an open page, in its title, and to a screen reader."""
    browser.open(web.url)
    is_live(browser)
    assert "gateway is ready" in browser.text()

    assert well.human("hold", "gateway", "-m", "looking into it")[0] == 0
    begun = time.monotonic()
    browser.until("return document.querySelector('article.down') !== null", seconds=EVENT_S)
    browser.until("return document.getElementById('said').textContent.includes('HELD')", seconds=EVENT_S)
    assert time.monotonic() - begun < EVENT_S
    assert browser.evaluate("return document.title").startswith("\u2716")
    assert ("status", "") in browser.outline()

    assert well.human("release", "gateway", "-m", "done")[0] == 0
    browser.until("return document.querySelector('article.down') === null", seconds=EVENT_S)
    assert browser.errors() == []


def test_words_of_the_agent_are_shown_and_not_obeyed(held: Site, web: WebProcess, browser: Browser) -> None:
    """They stand on the page as they were written, marked, without what looks like a secret."""
    for path in ("/", "/incidents/INC-1"):
        browser.open(address(web, path))

        assert "<script>document.title='owned'</script>" in browser.text()
        assert "owned" not in browser.evaluate("return document.title")
        assert "abcdef123456" not in browser.evaluate("return document.documentElement.outerHTML")
        assert browser.evaluate("return document.querySelectorAll('#live script, #live b b').length") == 0
    browser.open(web.url)
    assert browser.evaluate("return document.querySelector('.agent').textContent").startswith("agent says: ")


def test_keyboard_walks_through_in_order(held: Site, web: WebProcess, browser: Browser) -> None:
    """Skip link, navigation, then the incident; the focus is seen, survives news, and Enter follows."""
    browser.open(web.url)
    is_live(browser)
    walked = []
    for _ in range(5):
        browser.press(TAB)
        walked.append(browser.evaluate(FOCUSED))
        assert browser.evaluate("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert walked == ["skip", "Gateways", "Incidents", "Policy", "open-INC-1"]

    assert held.human("ack", "INC-1")[0] == 0
    browser.until("return document.body.innerText.includes('taken by')", seconds=EVENT_S)
    assert browser.evaluate(FOCUSED) == "open-INC-1"
    browser.press(ENTER)
    browser.until("return location.pathname === '/incidents/INC-1'")
    browser.until("return document.querySelector('svg[role=img]') !== null")


def test_skip_link_leads_to_the_content(held: Site, web: WebProcess, browser: Browser) -> None:
    """Nobody has to walk through the navigation on each page."""
    browser.open(web.url)
    browser.press(TAB)
    browser.press(ENTER)
    browser.press(TAB)

    assert browser.evaluate(FOCUSED) == "open-INC-1"


def test_page_can_be_heard(held: Site, web: WebProcess, browser: Browser) -> None:
    """A screen reader finds landmarks and headings, each gauge with its name, and the picture with its."""
    browser.open(web.url)
    heard = browser.outline()
    assert {"banner", "navigation", "main", "contentinfo"} <= {role for role, _ in heard}
    assert ("navigation", "Pages") in heard
    assert next(name for role, name in heard if role == "meter").startswith("10m ")
    assert all(name for role, name in heard if role in {"link", "heading", "meter", "image", "article", "region"})

    browser.open(address(web, "/incidents/INC-1"))
    assert any(role == "image" and name.startswith("INC-1") for role, name in browser.outline())


def test_motion_is_reduced_on_wish(held: Site, web: WebProcess, browser: Browser) -> None:
    """Nothing moves for whom that is too much."""
    browser.open(web.url)
    duration = "return getComputedStyle(document.getElementById('live')).transitionDuration"
    assert browser.evaluate(duration) != "0s"
    browser.prefer(reduced_motion="reduce")
    assert browser.evaluate(duration) == "0s"


def test_dead_daemon_is_unknown_until_it_is_back(well: Site, web: WebProcess, browser: Browser) -> None:
    """The page of a dead daemon says what was last known, and that it is not known now; a new one brings it back."""
    browser.open(web.url)
    is_live(browser)
    (daemon,) = well._daemons
    daemon.kill()
    daemon.wait()
    browser.until("return document.querySelector('article.unknown') !== null", seconds=EVENT_S)
    # A reading that was under way when it died knows less than the next one.
    browser.until("return document.body.innerText.includes('gatedog run -- COMMAND')", seconds=WAIT_S)
    said = browser.text()

    assert "UNKNOWN - was READY" in said
    assert "gatedog does not answer" in said
    assert web.get("/metrics")[2].splitlines()[2] == "gatedog_up 0"
    for path in ("/incidents", "/incidents/INC-1", "/policy"):
        browser.open(address(web, path))
        assert "gatedog does not answer" in browser.text()
    browser.open(web.url)
    is_live(browser)
    well.start()
    browser.until("return document.querySelector('article.ready') !== null", seconds=WAIT_S)


def test_page_without_its_server_says_so(well: Site, browser: Browser) -> None:
    """What is left in the window is not taken for news."""
    with web_process(well.socket) as web:
        browser.open(web.url)
        is_live(browser)
        web.process.kill()
        web.process.wait()
    browser.until("return document.getElementById('said').textContent.startsWith('UNKNOWN')", seconds=10)
    assert browser.evaluate("return document.body.classList.contains('lost')")


def test_other_names_for_this_address_are_refused(well: Site, browser: Browser) -> None:
    """A stranger's name that points to loopback gets nothing, unless a person says that it is theirs."""
    with web_process(well.socket) as web:
        port = web.url.rstrip("/").rpartition(":")[2]
        browser.open(f"http://{REBOUND}:{port}/")
        assert "gateway" not in browser.text().replace("gatedog web", "")
        assert web.get("/metrics", Host="evil.example")[0] == 421
        assert web.get("/", Host="localhost.evil.example")[0] == 421
        assert web.get("/", Host=f"LOCALHOST:{port}")[0] == 200
    with web_process(well.socket, "--listen", "127.0.0.1:0", "--host", "Dog.Example") as web:
        assert web.get("/", Host="dog.example")[0] == 200
        assert web.get("/", Host=REBOUND)[0] == 421


def test_page_only_shows(well: Site, web: WebProcess) -> None:
    """Every other method is refused, on every path."""
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        for path in ("/", "/incidents/INC-1", "/live", "/none"):
            status, headers, _ = web.get(path, method)
            assert (status, headers.get("allow")) == (405, "GET,HEAD"), (method, path)
    assert web.get("/", "BREW")[0] == 400


def test_every_answer_has_the_strict_headers(held: Site, web: WebProcess) -> None:
    """Errors included; HEAD has those of GET and no content."""
    for path in (*PATHS, "/metrics", "/live.js", "/style.css", "/icon.svg", "/none", "/../etc/passwd"):
        status, headers, _ = web.get(path)
        head = web.get(path, "HEAD")

        assert (status, "") == (head[0], head[2]), path
        assert headers["content-security-policy"].startswith("default-src 'none'"), path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert headers["cross-origin-resource-policy"] == "same-origin", path
        assert headers["server"] == "gatedog", path
        assert "access-control-allow-origin" not in headers, path


def test_open_pages_are_bounded(well: Site, web: WebProcess) -> None:
    """More than so many streams are turned away; when one ends there is room again, and an end needs no patience."""
    netloc = web.url.removeprefix("http://").rstrip("/")
    streams = [HTTPConnection(netloc, timeout=WAIT_S) for _ in range(33)]
    found = []
    for stream in streams:
        stream.request("GET", "/live")
        found.append(stream.getresponse())
    assert [answer.status for answer in found] == [200] * 32 + [503]
    assert found[0].readline() == b"retry: 2000\n"
    found[0].close()
    streams[0].close()
    well.wait(lambda: web.get("/live", "HEAD")[0] == 200, "room for one more stream")

    web.process.send_signal(signal.SIGTERM)
    assert web.process.wait(WAIT_S) == 0
    for stream in streams:
        stream.close()


def test_hammering_does_not_make_the_daemon_look_dead(well: Site, web: WebProcess) -> None:
    """Many readers of what costs the daemon an answer wait their turn or are sent away; the status stays known."""
    with ThreadPoolExecutor(64) as crowd:
        found = list(crowd.map(lambda number: web.get(f"/incidents/INC-{number}")[0], range(1, 129)))
        ups = [web.get("/metrics")[2].splitlines()[2] for _ in range(5)]

    assert set(found) == {404, 503}
    assert ups == ["gatedog_up 1"] * 5


def test_unix_socket_is_for_owner_and_group(well: Site, tmp_path: Path) -> None:
    """A proxy that knows its users comes this way; what an ended server left is replaced, a file of others is not."""
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with web_process(well.socket, "--unix", str(path)) as web:
        assert web.url == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(path))
            caller.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert caller.recv(15) == b"HTTP/1.1 200 OK"
        again = refused(well, "--unix", str(path))
    assert "cannot listen" in again
    assert not path.exists()
    path.write_text("precious")
    assert "cannot listen" in refused(well, "--unix", str(path))
    assert path.read_text() == "precious"


def test_it_listens_nowhere_else(well: Site) -> None:
    """An address that others reach is refused, with what to type instead; a port that is taken, too."""
    assert "ssh -L" in refused(well, "--listen", "0.0.0.0:9723")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "cannot listen" in refused(well, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")


def refused(site: Site, *words: str) -> str:
    """Run `gatedog web` to its refusal, and return what it said."""
    argv = [*GATEDOG, "--socket", str(site.socket), "web", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 2, done
    return done.stderr
