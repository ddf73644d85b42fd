"""The picture of an incident: who started and asked in words that do not lie on one another, and memory by process."""

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

from watchdog.core.decisions import Charge, StartCharged
from watchdog.core.events import HostShutdownBegan, Stamp, Stamped
from watchdog.core.identity import BootId, GatewayName, IncidentId, LifeId, ProcessRef, Seq
from watchdog.core.observations import Measure, MeasuresObserved, Reading
from watchdog.core.rules import RuleId
from watchdog.core.timeline import MINUTE, SECOND, Usec
from watchdog.journal.reader import Record
from watchdog.report.dossier import Dossier, rows
from watchdog.report.incidentchart import WIDTH, render_chart
from watchdog.report.incidenthtml import render_html
from watchdog.report.lanes import Weighed, picture
from watchdog.report.timeline import render_timeline

MAIN = GatewayName("main")


def record(
    seq: int, at_s: int, *, pid: int = 0, kib: int = 0, charge: Charge | None = None, ahead_s: int = 0
) -> Record:
    """Make a record of a start that was charged, of a measure, or of nothing in particular."""
    stamp = Stamp(
        seq=Seq(seq), wall_usec=Usec((at_s + ahead_s) * SECOND), boot=BootId("b"), uptime_usec=Usec(at_s * SECOND)
    )
    process = ProcessRef(pid=pid, start_ticks=1, boot=BootId("b"))
    reading = Reading(measure=Measure.MEMORY, value=kib)
    measured = MeasuresObserved(gateway=MAIN, process=process, span_usec=MINUTE, readings=(reading,))
    charged = () if charge is None else (_charged(charge, seq),)
    return Record(
        stamped=Stamped(stamp=stamp, event=measured if pid else HostShutdownBegan()), decisions=charged, digest=b""
    )


def _charged(charge: Charge, seq: int) -> StartCharged:
    return StartCharged(gateway=MAIN, rule=RuleId.BUDGET_CHARGED, because="x", life=LifeId(seq), charge=charge)


def words(records: tuple[Record, ...]) -> list[tuple[float, str]]:
    """Return where the words of the lane of starts stand, and what they say."""
    drawn = ET.fromstring(render_chart(picture(records), "x"))  # noqa: S314 - our own words
    (lane,) = [each for each in drawn if each.findtext("text") == "starts and asks"]
    return [(float(each.get("x", "0")), each.text or "") for each in lane.findall("text")[1:]]


def test_each_process_has_a_curve_of_its_own() -> None:
    """Two lives are not joined by a line that nobody measured, and the same instant is drawn once."""
    records = (record(1, 0), record(2, 60, pid=7, kib=100), record(3, 120, pid=8, kib=300), record(4, 180))
    files = [Weighed(boot="b", uptime_usec=at * SECOND, pid=pid, memory_kib=kib) for at, pid, kib in SAMPLES]
    drawn = picture(records, files)

    assert [[(at // SECOND, kib) for at, kib in curve] for curve in drawn.memory] == [
        [(30, 50), (60, 100)],
        [(120, 300), (150, 400)],
    ]


SAMPLES = ((30, 7, 50), (60, 7, 100), (150, 8, 400), (900, 8, 9), (-5, 7, 9))


def test_what_was_weighed_in_another_boot_is_not_drawn() -> None:
    """Uptime of a boot that the records do not know cannot be placed."""
    other = Weighed(boot="other", uptime_usec=30 * SECOND, pid=7, memory_kib=5)

    assert picture((record(1, 0), record(2, 60)), [other]).memory == ()


def test_words_do_not_lie_on_one_another_and_stay_inside() -> None:
    """Of starts in a row the first is named; one at the right edge is moved to the left."""
    kinds = (Charge.BOOT, Charge.AUTOMATIC, Charge.AUTOMATIC, Charge.SELF_RESTART)
    many = tuple(record(seq, seq * 2, charge=kinds[seq % 4]) for seq in range(1, 60))
    told = words((*many, record(60, 1000), record(61, 1001, charge=Charge.SELF_RESTART)))

    for (one, said), (other, _) in pairwise(told):
        assert one + len(said) * 6 < other
    assert all(at > 0 and at + len(said) * 6 < WIDTH for at, said in told)
    assert told[-1][1] == "self-restart"


def test_words_of_one_instant_are_joined() -> None:
    """What happened at once is told at once."""
    records = (record(1, 0), record(2, 50, charge=Charge.BOOT), record(3, 50, charge=Charge.HUMAN), record(4, 100))

    assert [said for _, said in words(records)] == ["boot, human"]


def test_a_wall_clock_that_moved_is_told_beside_the_record() -> None:
    """The difference from uptime stands where it was, in every form; within a second nothing is said."""
    records = (record(1, 0), record(2, 10), record(3, 20, ahead_s=3600), record(4, 30, ahead_s=-60))
    dossier = Dossier(incident=IncidentId("INC-1"), journal_id="j", records=records, filed=frozenset({Seq(1)}))
    said = "wall clock +1h against uptime"

    assert [row.drift_usec // SECOND for row in rows(dossier)[0]] == [0, 0, 3600, -60]
    assert render_timeline(dossier).count("against uptime") == 2
    assert said in render_timeline(dossier)
    assert said in render_html(dossier)
    assert "wall clock -1m against uptime" in render_html(dossier)


def test_a_lane_with_a_long_name_keeps_to_its_place() -> None:
    """A probe may be called anything: its name ends before the lane begins."""
    drawn = picture((record(1, 0), record(2, 60)))
    long = replace(drawn.lanes[0], name="probe " + "<&>" * 40)
    page = render_chart(replace(drawn, lanes=(long,)), "x")
    (name,) = re.findall(r'<text x="0" y="28">(.*?)</text>', page)

    assert name.endswith("…")
    assert len(name.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")) <= 22
