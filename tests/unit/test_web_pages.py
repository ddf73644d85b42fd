"""The pages as text: what strangers say stays text, what is unknown is never shown as well, and where it may listen."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fakedaemon import FakeDaemon

from watchdog.report.standing import SIGNS, Standing
from watchdog.web.app import CONTENT_POLICY, host_of
from watchdog.web.asking import NoAnswer, Reading
from watchdog.web.frame import PAGES, summary_of
from watchdog.web.gatewaypage import render_gateways
from watchdog.web.html import Html, agent_words, element, joined
from watchdog.web.incidentpages import render_incidents, render_trouble
from watchdog.web.policypage import render_policy
from watchdog.web.serving import NotHere, Place, read_place

NOW = 1_800_000_000_000_000
SECOND = 1_000_000
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&lt;\n\x1b[2J\u202e"
VOID = {"meta", "link", "br", "img", "input"}
EXIT = {"text": "ended with code 3", "code": 3, "signal": None, "last_line": HOSTILE, "wall_usec": NOW}


class Seen(HTMLParser):
    """Everything in a page that a browser would see; fails when elements do not close in their order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a name."""
        return [attributes for name, attributes in self.elements if name == tag]


def incident(identity: str = "INC-1", **changes: Any) -> dict[str, Any]:
    """Build one incident."""
    base = {
        "id": identity,
        "gateway": "openclaw",
        "phase": "open",
        "severity": "critical",
        "rule": "spiral.fast",
        "title": "HELD",
        "because": "4 endings",
        "opened_wall_usec": NOW,
        "opened_usec_ago": 5,
        "facts": 1,
        "paged": True,
        "acknowledged_by": "",
        "acknowledged_until_in_usec": None,
        "next_command": "",
    }
    return {**base, **changes}


def proposal(name: str = "PROP-1", **changes: Any) -> dict[str, Any]:
    """Build one proposal that an agent made."""
    base = {
        "proposal": name,
        "who": "uid 990",
        "origin": "supervised",
        "says": "trust me",
        "wall_usec": NOW,
        "loosens": ["openclaw: 50 per 10m in place of 5"],
        "changes": [],
        "signed": [],
        "needed": 2,
        "revision": None,
        "stale": False,
    }
    return {**base, **changes}


def reading(*gateways: dict[str, Any], stale: bool = False, **changes: Any) -> Reading:
    """Build a reading of these gateways."""
    status = FakeDaemon.status(*gateways, **{"now_wall_usec": NOW - 300 * SECOND if stale else NOW, **changes})
    why = "nobody listens on the socket" if stale else ""
    return Reading(now_usec=NOW, status=status, stale=stale, why=why, next_command="systemctl status gatedog")


def held(**changes: Any) -> dict[str, Any]:
    """Build a gateway that is held."""
    base = {"word": "HELD", "phase": "held", "hold": "held", "pid": None, "ready": False, "last_exit": EXIT}
    return FakeDaemon.gateway(**{**base, **changes})


def test_text_becomes_no_markup() -> None:
    """Only element() makes markup; what is invisible in a text is made visible."""
    made = element("p", HOSTILE, title=HOSTILE)
    seen = Seen(made)

    assert [tag for tag, _ in seen.elements] == ["p"]
    assert "\x1b" not in made
    assert "\u202e" not in made
    assert isinstance(joined(made, "<b>"), Html)
    assert joined(made, "<b>").endswith("&lt;b&gt;")


@pytest.mark.parametrize("name", ["onclick", "onload", "style", "srcdoc"])
def test_no_attribute_holds_code(name: str) -> None:
    """Not even by mistake."""
    with pytest.raises(ValueError, match="no attribute"):
        element("p", **{name: "x"})


@pytest.mark.parametrize("name", ["style", "iframe", "form", "base"])
def test_no_element_loads_or_runs_text(name: str) -> None:
    """Nor is there a way to write a script into a page."""
    with pytest.raises(ValueError, match="has no place"):
        element(name)
    with pytest.raises(ValueError, match="has no place"):
        element("script", "alert(1)")


def test_words_of_the_agent_are_marked_and_hold_no_secret() -> None:
    """Quoted, with a class of their own, and known shapes of secrets taken out."""
    said = agent_words('password=hunter2 "quoted" <b>')

    assert said.startswith('<span class="agent">agent says: &quot;')
    assert "hunter2" not in said
    assert "<b>" not in said


def pages() -> list[str]:
    """Write every page with hostile words wherever a stranger may have put some."""
    probe = {"name": HOSTILE, "phase": "failing", "since_usec_ago": 1, "lost_sight": True, "flapping": True}
    health = {
        "word": "degraded",
        "since_wall_usec": 1,
        "since_usec_ago": 1,
        "probes": [{**probe, "cause": "local", "detail": HOSTILE}],
        "signs": [HOSTILE],
        "stale_code": [HOSTILE],
    }
    refused = {"count": 2, "wall_usec": 1, "rule": HOSTILE, "origin": HOSTILE, "verb": HOSTILE, "who": HOSTILE}
    window = {"account": "restart", "label": HOSTILE, "per_usec": 1, "used": 1, "limit": 1, "next_free_in_usec": 9}
    quiet = {"subject": HOSTILE, "who": HOSTILE, "because": HOSTILE, "until_wall_usec": 1, "until_in_usec": 1}
    bad = held(
        name=HOSTILE,
        word=HOSTILE,
        what=HOSTILE,
        why=HOSTILE,
        refused=refused,
        budget=[window],
        rivals=[HOSTILE],
        enforcement=HOSTILE,
        health=health,
        silences=[quiet],
        maintenance=quiet,
        strip=[{"at_usec_ago": 1, "what": "exit"}],
        pid=1,
    )
    odd = incident(HOSTILE, title=HOSTILE, because=HOSTILE, gateway=HOSTILE, severity=HOSTILE, phase=HOSTILE)
    told = reading(bad, incidents=[odd, {**odd, "gateway": "another"}], policy_source=HOSTILE, journal=HOSTILE)
    rules = {"gateways": [{"name": HOSTILE, "budget": {HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}]}}, HOSTILE], "x": HOSTILE}
    record = {"wall_usec": NOW, "event": {"policy": rules, "digest": HOSTILE}}
    proposed = proposal(HOSTILE, says=HOSTILE, who=HOSTILE, origin=HOSTILE, loosens=[HOSTILE], changes=[HOSTILE])
    return [
        render_gateways(told),
        render_incidents(told, [odd]),
        render_policy(told, record, {"trouble": HOSTILE, "folder": HOSTILE, "proposals": [proposed]}),
        render_trouble(told, HOSTILE, NoAnswer(HOSTILE, HOSTILE)),
        render_gateways(Reading(now_usec=NOW, status=None, stale=True, why=HOSTILE, next_command=HOSTILE)),
    ]


@pytest.mark.parametrize("number", range(5))
def test_hostile_words_stay_words(number: int) -> None:
    """On no page do they become an element, an attribute, or something invisible."""
    page = pages()[number]
    seen = Seen(page)

    assert seen.named("script") == [{"src": "/live.js", "defer": ""}]
    assert seen.named("img") == []
    assert not [name for _, attributes in seen.elements for name in attributes if name.startswith("on")]
    assert "\x1b" not in page
    assert "\u202e" not in page


@pytest.mark.parametrize("number", range(5))
def test_page_has_its_landmarks(number: int) -> None:
    """One main, one first heading, a navigation with a name, a language, a live line, and ids that are unique."""
    seen = Seen(pages()[number])
    ids = [str(attributes["id"]) for _, attributes in seen.elements if "id" in attributes]

    assert [len(seen.named(tag)) for tag in ("main", "h1", "nav", "header", "footer")] == [1, 1, 1, 1, 1]
    assert seen.named("html") == [{"lang": "en"}]
    assert seen.named("nav") == [{"aria-label": "Pages"}]
    assert [each["aria-live"] for each in seen.named("span") if "aria-live" in each] == ["polite"]
    assert len(ids) == len(set(ids))
    assert [path for path, _ in PAGES] == [each["href"] for each in seen.named("a")[1 : len(PAGES) + 1]]


def test_nothing_is_loaded_from_elsewhere() -> None:
    """Style, script and icon are ours; the policy for the browser allows nothing else."""
    for page in pages():
        addresses = [str(attributes.get("src") or attributes.get("href")) for _, attributes in Seen(page).elements]
        assert not [each for each in addresses if each != "None" and not each.startswith(("/", "#"))]
    assert CONTENT_POLICY.startswith("default-src 'none'; ")
    assert "unsafe" not in CONTENT_POLICY
    assert "frame-ancestors 'none'" in CONTENT_POLICY


def test_gateway_that_is_held_says_what_to_type() -> None:
    """Worst first, with its incident, why, the agent's last words, and the commands."""
    told = reading(FakeDaemon.gateway("well"), held(), incidents=[incident()])
    page = render_gateways(told)

    assert re.findall(r'data-name="(\w+)"', page) == ["openclaw", "well"]
    assert 'href="/incidents/INC-1"' in page
    assert "gatedog ack INC-1" in page
    assert "gatedog release openclaw -m &quot;why&quot;" in page
    assert summary_of(told) == (SIGNS[Standing.DOWN], "openclaw HELD; 1 open incident")


def test_stale_is_never_shown_as_well() -> None:
    """What was ready when somebody last looked is unknown now, and says so first."""
    told = reading(FakeDaemon.gateway(), stale=True)
    page = render_gateways(told)

    assert "UNKNOWN - was READY 5m ago" in page
    assert 'class="gateway unknown"' in page
    assert "systemctl status gatedog" in page
    assert SIGNS[Standing.READY] not in page
    assert summary_of(told)[0] == SIGNS[Standing.UNKNOWN]


def test_no_gateway_is_unknown() -> None:
    """An empty policy is not green."""
    assert summary_of(reading())[0] == SIGNS[Standing.UNKNOWN]


@pytest.mark.parametrize(
    ("gateways", "words"),
    [
        ([FakeDaemon.gateway("a")], "a is ready"),
        ([FakeDaemon.gateway("a"), FakeDaemon.gateway("b")], "all 2 gateways are ready"),
        ([FakeDaemon.gateway("a"), FakeDaemon.gateway("b", phase="starting", word="STARTING")], "b STARTING"),
    ],
)
def test_summary_is_one_line(gateways: list[dict[str, Any]], words: str) -> None:
    """What a screen reader is told, and a tab shows."""
    assert summary_of(reading(*gateways))[1] == words


def test_policy_is_shown_field_by_field() -> None:
    """Also what this version does not know; durations in words, secrets taken out."""
    rules = {
        "gateways": [{"name": "a", "stop_usec": 90 * SECOND, "brand_new": [{"starts": 5, "per_usec": 600 * SECOND}]}]
    }
    argv = ["agent", "--token", "hunter2hunter2"]
    record = {"wall_usec": NOW, "event": {"policy": {**rules, "argv": argv}, "digest": "d"}}
    page = render_policy(reading(), record)

    assert "<dt>stop</dt><dd><span>1m 30s</span></dd>" in page
    assert "<dt>brand new</dt>" in page
    assert "starts 5, per 10m" in page


def test_proposals_say_what_they_loosen() -> None:
    """What the agent says is marked, what gatedog found is its own, and what was committed is no proposal any more."""
    told = [proposal(), proposal("PROP-2", revision=7), proposal("PROP-3", stale=True)]
    record = {"wall_usec": NOW, "event": {"policy": {}, "digest": "d"}}
    page = render_policy(reading(), record, {"trouble": "", "folder": "/etc/gatedog", "proposals": told})

    assert re.findall(r'id="proposal-([\w-]+)"', page) == ["PROP-3", "PROP-1"]
    assert 'class="agent">agent says: &quot;trust me&quot;' in page
    assert "<b>LOOSENS </b>openclaw: 50 per 10m in place of 5" in page
    assert "0 of 2 signed" in page
    assert "gatedog policy review PROP-1" in page


@pytest.mark.parametrize(
    ("listen", "place"),
    [
        ("127.0.0.1:9723", Place(host="127.0.0.1", port=9723)),
        ("localhost:0", Place(host="127.0.0.1", port=0)),
        ("[::1]:80", Place(host="::1", port=80)),
        ("127.8.9.1:80", Place(host="127.8.9.1", port=80)),
    ],
)
def test_loopback_may_be_listened_on(listen: str, place: Place) -> None:
    """By any of its addresses."""
    assert read_place(listen) == place


@pytest.mark.parametrize(
    "listen",
    [
        "0.0.0.0:80",
        "[::]:80",
        "192.168.1.4:80",
        "10.0.0.1:80",
        "[fe80::1]:80",
        "[::ffff:10.0.0.1]:80",
        "example.org:80",
    ],
)
def test_all_else_is_refused_with_a_way(listen: str) -> None:
    """There is no login, so there is no option either; what would work is said."""
    with pytest.raises(NotHere) as caught:
        read_place(listen)
    assert caught.value.next_commands


@pytest.mark.parametrize(
    "listen", ["", "9723", ":9723", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999", "127.0.0.1:-1"]
)
def test_what_is_no_address_is_refused(listen: str) -> None:
    """In a sentence."""
    with pytest.raises(NotHere):
        read_place(listen)


@pytest.mark.parametrize(
    ("named", "host"),
    [
        ("Localhost:9723", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]:9723", "[::1]"),
        ("evil.example:9723", "evil.example"),
        ("localhost.evil.example", "localhost.evil.example"),
        ("", ""),
    ],
)
def test_host_is_compared_without_its_port(named: str, host: str) -> None:
    """As browsers write it."""
    assert host_of(named) == host


def test_script_builds_nothing_from_strings() -> None:
    """The one script puts parsed pages in place; it writes no markup and runs no text."""
    script = (Path(render_gateways.__code__.co_filename).parent / "live.js").read_text()

    assert not re.search(r"innerHTML\s*=[^=]|outerHTML|insertAdjacent|document\.write|eval\(|new Function", script)
