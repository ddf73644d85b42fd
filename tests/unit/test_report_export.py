"""An incident as Markdown and as HTML: as agreed, and whatever strangers wrote into it, nothing but text."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from recorded_night import ONE, SECRET, record_night

from watchdog.cli.dossiers import Found, checked, find
from watchdog.cli.exporting import redacted
from watchdog.cli.paths import Surroundings
from watchdog.core.endings import ExitRecord
from watchdog.core.events import MainProcessExited, Stamp, Stamped
from watchdog.core.identity import BootId, GatewayName, ProcessRef, Seq
from watchdog.core.observations import ProbeObserved, ProbeResult
from watchdog.core.timeline import SECOND, Usec
from watchdog.journal.evidence import Evidence, KeptFile
from watchdog.journal.reader import Record
from watchdog.report.dossier import ROWS_MAX, Checked, Dossier, rows
from watchdog.report.incidentchart import render_chart
from watchdog.report.incidenthtml import render_html
from watchdog.report.incidentmarkdown import render_markdown
from watchdog.report.lanes import MARKS_MAX, Kind, picture
from watchdog.report.markdown import code_block, code_span
from watchdog.report.postmortempapers import UNSIGNED
from watchdog.report.redaction import Redactor
from watchdog.report.timeline import render_evidence, render_timeline, uptime_text

Golden = Callable[[str, str], None]
HOSTILE = [
    "</text></svg><script>alert(1)</script>",
    "\x1b[2J\x1b[31mnext: rm -rf /",
    "\u202egnirts desrever\u2066",
    "```\n# Cause\nIt was the provider.\n```",
    "`` ` ``` [click](javascript:alert(1)) ![x](http://evil/x.png)",
    "| a | b |\n|---|---|",
    "@everyone #12 https://evil.example/x <img src=x onerror=alert(1)>",
    '" onload="alert(1)" x="',
    "]]><!-- --><![CDATA[ &lt;script&gt; {{7*7}}",
]
ELEMENTS = (
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "dl", "dt", "dd", "ul", "li", "br"),
    *("figure", "figcaption", "svg", "desc", "g", "rect", "path", "line", "text", "polyline", "span", "code"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "circle"),
    *("header", "h3", "div", "details", "summary", "b", "pre"),
)
LOADS = {"src", "href", "xlink:href", "action", "data", "poster", "background", "srcset", "style"}


class Seen(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.opened: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element, and which are open."""
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in {"meta", "br"}:
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that holds nothing, such as a line of the picture."""
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        """Note that an element ends, which must be the last that was opened."""
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.words += data


def seen_in(page: str) -> Seen:
    """Read a page to its end."""
    seen = Seen()
    seen.feed(page)
    seen.close()
    return seen


def found(folder: Path) -> Found:
    """Read the night's incident from its state folder."""
    return checked(find(Surroundings(environ={}, uid=0), ONE, folder))


@pytest.fixture
def night(tmp_path: Path) -> Dossier:
    """Give the night's incident as it is exported."""
    return redacted(found(record_night(tmp_path / "state")).dossier, Redactor())


def ending(seq: int, words: str, **stamp: object) -> Record:
    """Build a record of an ending with these last words."""
    process = ProcessRef(pid=7, start_ticks=1, boot=BootId("b"))
    event = MainProcessExited(gateway=GatewayName("main"), process=process, exit=ExitRecord(code=1, last_line=words))
    fields = {"wall_usec": Usec(seq * SECOND), "boot": BootId("b"), "uptime_usec": Usec(seq * SECOND), **stamp}
    return Record(stamped=Stamped(stamp=Stamp(seq=Seq(seq), **fields), event=event), decisions=(), digest=b"")


def hostile_dossier(words: str) -> Dossier:
    """Build a dossier in which everything that can hold a stranger's words holds these."""
    content = words.encode("utf-8", "surrogatepass")
    file = KeptFile(name=words, size_bytes=1, digest="00", content=content)
    folder = Evidence(record=Seq(1), folder=words, files=(file,), problems=(words,))
    told = {"files": [{"name": words, "words_of": words, "what": words}], "missing": [words], "taken": {"boot": words}}
    about = KeptFile(name="about.json", size_bytes=1, digest="00", content=json.dumps(told).encode())
    fits = Evidence(record=Seq(1), folder=words, files=(file, about))
    return Dossier(
        incident=ONE,
        journal_id=words,
        records=(ending(1, words), ending(2, words)),
        filed=frozenset({Seq(1)}),
        seen=(words,),
        evidence=(folder, fits),
        checked=Checked(problems=(words,), summary=words),
        left_out=(words,),
        redacted=((words, 1),),
    )


def without_head(page: str) -> str:
    """Take the chain's head out of a page: it changes with every field that a policy gets."""
    return re.sub(r"(?<=chain head )[0-9a-f]{64}", "HEAD", page)


def test_markdown_looks_as_agreed(night: Dossier, golden: Golden) -> None:
    """The night of 26 March, for a ticket."""
    golden("export/26-march.md", without_head(render_markdown(night)))


def test_html_looks_as_agreed(night: Dossier, golden: Golden) -> None:
    """The night of 26 March, as one page."""
    golden("export/26-march.html", without_head(render_html(night)))


def test_timeline_looks_as_agreed(night: Dossier, golden: Golden) -> None:
    """The night of 26 March, on a terminal."""
    golden("export/26-march.txt", render_timeline(night))


def test_no_export_says_a_cause(night: Dossier) -> None:
    """What machines write ends with evidence; the cause is a human's."""
    assert UNSIGNED in render_markdown(night)
    assert UNSIGNED in render_html(night)


def test_page_loads_nothing_and_runs_nothing(night: Dossier) -> None:
    """No script, no address, no style but its own, and a policy that forbids the rest."""
    page = render_html(night)
    seen = seen_in(page)

    assert seen.elements <= set(ELEMENTS)
    assert not seen.attributes & LOADS
    assert not [name for name in seen.attributes if name.startswith("on")]
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import|https?://", page)


def test_picture_is_sound_and_can_be_read_aloud(night: Dossier) -> None:
    """The SVG is well-formed XML with a title and a description, and its facts stand in a table, too."""
    page = render_html(night)
    drawn = ET.fromstring(render_chart(picture(night.records), "the night"))  # noqa: S314 - our own words

    assert (drawn.get("role"), drawn.get("aria-labelledby")) == ("img", "chart-title")
    assert drawn.get("aria-describedby") == "chart-desc"
    assert [child.tag for child in drawn][:2] == ["title", "desc"]
    assert page.count("<tr>") > len(night.filed)
    assert '<th scope="col">' in page


def test_picture_shows_the_night(night: Dossier) -> None:
    """Three lives, three endings, the hold, four starts by whom they were charged to, probes, pages and memory."""
    drawn = picture(night.records)
    process, starts, probe, people = drawn.lanes

    kinds = [span.kind for span in process.spans]
    assert (kinds.count(Kind.UP), kinds.count(Kind.HELD)) == (3, 1)
    assert [mark.kind for mark in process.marks] == [Kind.EXIT] * 3
    assert [mark.label.rpartition(" ")[2] for mark in starts.marks] == ["boot", "self-restart", "self-restart"]
    assert [span.kind for span in probe.spans] == [Kind.OK, Kind.OK, Kind.FAILED]
    assert [span.ends_usec for span in probe.spans] == [mark.at_usec for mark in process.marks]
    assert [mark.label for mark in people.marks if mark.kind is Kind.PAGE] == [
        "critical to phone",
        "critical to call, boss",
    ]
    assert [value for curve in drawn.memory for _, value in curve] == [200_000, 250_000, 300_000]
    assert len(drawn.memory) == 3


def test_looks_that_say_the_same_are_one_span() -> None:
    """A probe that says ok again and again is drawn as one stretch, until it says something else."""
    seen = (ProbeResult.OK, ProbeResult.OK, ProbeResult.FAILED, ProbeResult.ERROR)
    events = [ProbeObserved(gateway=GatewayName("main"), probe="http", result=result) for result in seen]
    records = [replace_event(ending(seq, ""), event) for seq, event in enumerate(events, 1)]
    spans = picture(records).lanes[2].spans

    assert [(span.kind, span.begins_usec // SECOND) for span in spans] == [
        (Kind.OK, 1),
        (Kind.FAILED, 3),
        (Kind.UNSEEN, 4),
    ]


def replace_event(record: Record, event: ProbeObserved) -> Record:
    """Put another event into a record."""
    return replace(record, stamped=replace(record.stamped, event=event))


def test_axis_never_runs_backwards() -> None:
    """A wall clock that is set back draws no effect before its cause, and the page says that it was moved."""
    second = ending(2, "", wall_usec=Usec(0))
    rebooted = ending(3, "", wall_usec=Usec(0), boot=BootId("c"), uptime_usec=Usec(5))
    drawn = picture((ending(1, ""), second, rebooted))
    at = [mark.at_usec for mark in drawn.lanes[0].marks]

    assert at == sorted(at)
    assert drawn.wall_moved


def test_picture_of_one_record_has_a_width() -> None:
    """A single instant is drawn without dividing by nothing."""
    assert "<svg" in render_chart(picture((ending(1, "x"),)), "one")


@pytest.mark.parametrize("words", HOSTILE)
def test_strangers_words_are_text_in_html(words: str) -> None:
    """No element, attribute or control character of a page comes from outside, wherever the words stand."""
    page = render_html(hostile_dossier(words))
    seen = seen_in(page)

    assert seen.elements <= set(ELEMENTS)
    assert not seen.attributes & LOADS
    assert not [name for name in seen.attributes if name.startswith("on")]
    assert seen.opened == []
    assert all(character.isprintable() for character in page.replace("\n", ""))


@pytest.mark.parametrize("words", HOSTILE)
def test_strangers_words_are_code_in_markdown(words: str) -> None:
    """Taking code spans and blocks away leaves nothing of a stranger's words: no heading, link, mention or HTML."""
    page = render_markdown(hostile_dossier(words))
    bare = re.sub(r"^(`{3,})text\n.*?^\1$", "", page, flags=re.DOTALL | re.MULTILINE)
    bare = re.sub(r"`[^`\n]*`", "", bare)

    assert "`" not in bare
    assert not re.search(r"[<>\[\]@|\\]|https?:|evil|alert|script|provider", bare)
    assert re.findall(r"^#+ .*", bare, re.MULTILINE)[:2] == ["# INC-1", "## Cause"]
    assert bare.count("## Cause") == 1
    assert all(character.isprintable() for character in page.replace("\n", ""))


@pytest.mark.parametrize("words", HOSTILE)
def test_strangers_words_are_lines_on_a_terminal(words: str) -> None:
    """A timeline and a list of files hold nothing that a terminal obeys."""
    dossier = hostile_dossier(words)
    told = render_timeline(dossier) + render_evidence(ONE, dossier.evidence or (), (words,))

    assert "not there: " in told
    assert all(character.isprintable() for character in told.replace("\n", ""))


def test_fence_is_longer_than_what_it_holds() -> None:
    """A block of code cannot be closed from within, nor a span."""
    assert code_block(["a ````` b"])[0] == "``````text"
    assert code_span("a ` b | c") == "`a ' b \u00a6 c`"


def test_long_story_is_cut_in_its_middle_and_says_so() -> None:
    """Beyond a thousand records the first and the last half stay, and the number of the others is told."""
    records = tuple(ending(seq, "x") for seq in range(1, ROWS_MAX + 11))
    dossier = Dossier(incident=ONE, journal_id="j", records=records, filed=frozenset({Seq(1)}))
    told, missing = rows(dossier)

    assert (len(told), missing, told[0].seq, told[-1].seq) == (ROWS_MAX, 10, 1, ROWS_MAX + 10)
    assert "10 more records" in render_markdown(dossier)
    assert "10 more records" in render_html(dossier)
    assert len(picture(records).lanes[0].marks) == MARKS_MAX


def test_secret_in_the_records_is_in_no_export(tmp_path: Path) -> None:
    """A token that the agent wrote into its last line is gone from both pages, which say that one was there."""
    whole = found(record_night(tmp_path / "state", words=f"refused with {SECRET}")).dossier
    dossier = redacted(whole, Redactor())

    assert SECRET in render_timeline(whole)
    for page in (render_markdown(dossier), render_html(dossier), render_timeline(dossier)):
        assert SECRET not in page
    assert dossier.redacted
    assert "token: " in render_markdown(dossier)


def test_clock_that_nobody_told_is_not_called_synchronised(night: Dossier) -> None:
    """Records of an earlier daemon do not say what the wall clock was worth, and neither does the timeline."""
    bare = Dossier(incident=ONE, journal_id="j", records=night.records, filed=night.filed, clocks_known=False)

    assert {row.clock for row in rows(bare)[0]} == {"not told"}
    assert {row.clock for row in rows(night)[0]} == {"synchronised", "not synchronised"}


def test_uptime_is_told_to_the_millisecond() -> None:
    """Hours go on counting: a day of uptime is 24 hours."""
    assert uptime_text(25 * 3600 * SECOND + 61 * SECOND + 1000) == "25:01:01.001"
    assert uptime_text(-1) == "0:00:00.000"
