"""What is kept for an incident, within which bounds, what is owed, and what gives way."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from watchdog.core.decisions import CollectEvidence, Decision
from watchdog.core.events import Event, HostShutdownBegan, Stamp, Stamped
from watchdog.core.evidence import EvidenceCollected
from watchdog.core.identity import ActionId, BootId, GatewayName, IncidentId, LifeId, Seq
from watchdog.core.observations import ProbeCause, ProbeResult
from watchdog.core.rules import RuleId
from watchdog.core.state import State
from watchdog.core.timeline import Usec
from watchdog.daemon.evidence import (
    BOUNDS,
    NOTHING,
    Bounds,
    Kept,
    Occasion,
    drop_evidence,
    keep_evidence,
    owed_evidence,
    too_old,
)
from watchdog.daemon.scene import LIST_BYTES_MAX, LOOKS_MAX, Scene, Witnessed, describe_scene
from watchdog.journal.reader import Record
from watchdog.sensors.prober import Look
from watchdog.sensors.vitals import Point

MAIN, INCIDENT = GatewayName("main"), IncidentId("INC-1")


def order(action: str) -> CollectEvidence:
    """Ask for evidence."""
    return CollectEvidence(
        gateway=MAIN,
        rule=RuleId.EVIDENCE_FIRST,
        because="kept first",
        action=ActionId(action),
        incident=INCIDENT,
        life=LifeId(1),
    )


def record(seq: int, *decisions: Decision, event: Event | None = None) -> Record:
    """Make a record as it would be read back."""
    stamp = Stamp(seq=Seq(seq), wall_usec=Usec(seq), boot=BootId("b"), uptime_usec=Usec(seq))
    return Record(stamped=Stamped(stamp=stamp, event=event or HostShutdownBegan()), decisions=decisions, digest=b"")


def kept(action: str) -> EvidenceCollected:
    """Report evidence as kept."""
    folder = f"incidents/{INCIDENT}/{action}"
    return EvidenceCollected(gateway=MAIN, incident=INCIDENT, folder=folder, digest="00", size_bytes=1)


def test_an_unanswered_order_is_owed() -> None:
    """The page that names the evidence is sent again after a crash, so the evidence must be there."""
    assert owed_evidence((record(1, order("1.0")),)) == (order("1.0"),)


def test_an_answered_order_is_not_owed() -> None:
    """Evidence is written once."""
    records = (record(1, order("1.0")), record(2, order("2.0")), record(3, event=kept("1.0")))

    assert owed_evidence(records) == (order("2.0"),)


def test_an_answer_to_something_older_is_no_trouble() -> None:
    """The order may lie further back than the new daemon looks."""
    assert owed_evidence((record(9, event=kept("1.0")),)) == ()


# -- what is kept --------------------------------------------------------------------------------------------------


class Backed:
    """The part of a backend that keeping evidence needs: it writes a record of a life, or fails."""

    def __init__(self, error: OSError | None = None) -> None:
        self.error = error

    def collect(self, life: LifeId, into: Path, limit_bytes: int) -> None:
        """Write what there is."""
        if self.error is not None:
            raise self.error
        (into / "life.json").write_text(f'{{"life": {life}, "limit": {limit_bytes}}}')
        (into / "unit-main.service").write_text("Environment=[redacted: environment variable]\n")


def keep(
    folder: Path, action: str = "1.0", *, backend: Any = None, bounds: Bounds = BOUNDS, scene: Scene = NOTHING
) -> Kept:
    """Keep evidence below a folder."""
    occasion = Occasion(
        gateway=MAIN,
        incident=INCIDENT,
        action=ActionId(action),
        rule=RuleId.EVIDENCE_FIRST,
        because="kept first",
        life=LifeId(1),
    )
    return keep_evidence(folder, occasion, backend or Backed(), scene=lambda: scene, bounds=bounds)


def about(folder: Path, action: str = "1.0") -> dict[str, Any]:
    """Read what is said of the files of one order."""
    return json.loads((folder / INCIDENT / action / "about.json").read_text())


def test_every_file_is_said_to_be_somebodys_words(tmp_path: Path) -> None:
    """What a file is, whose words it holds, when it was taken, and what was taken out of it, stands beside it."""
    scene = Scene(files=(("sockets.jsonl", b"{}\n"),), missing=("probes.jsonl: no probe has looked",))
    kept_now = keep(tmp_path / "incidents", scene=scene)
    said = about(tmp_path / "incidents")

    assert {each["name"]: each["words_of"] for each in said["files"]} == {
        "why.txt": "gatedog",
        "life.json": "gatedog",
        "sockets.jsonl": "the kernel",
        "unit-main.service": "the host",
    }
    assert [each.get("redacted") for each in said["files"] if each["name"].startswith("unit-")] == [
        {"environment variable": 1}
    ]
    assert said["missing"] == ["probes.jsonl: no probe has looked"]
    assert {"wall_usec", "uptime_usec", "boot", "wall_synchronised", "wall_error_usec"} <= set(said["taken"])
    assert kept_now.full == ""


def test_what_cannot_be_had_keeps_nothing_else_away(tmp_path: Path) -> None:
    """A record that cannot be copied is named; the rest is kept."""
    scene = Scene(files=(("gateway.json", b"{}"),), missing=())
    keep(tmp_path / "incidents", backend=Backed(OSError(5, "Input/output error")), scene=scene)
    said = about(tmp_path / "incidents")

    assert said["missing"] == ["some of life 1: Input/output error"]
    assert [each["name"] for each in said["files"]] == ["gateway.json", "why.txt"]


def test_an_incident_that_is_full_keeps_the_reason_alone(tmp_path: Path) -> None:
    """Beyond its bound an incident gets no more files, and says so where they would be."""
    folder, bounds = tmp_path / "incidents", Bounds(incident_bytes=2000, all_bytes=10**9)
    scene = Scene(files=(("gateway.json", b"x" * 1500),), missing=())
    keep(folder, "1.0", bounds=bounds, scene=scene)
    second = keep(folder, "2.0", bounds=bounds, scene=scene)

    assert "2000 bytes" in second.full
    assert sorted(file.name for file in (folder / INCIDENT / "2.0").iterdir()) == ["about.json", "why.txt"]
    assert about(folder, "2.0")["missing"] == [f"everything: {second.full}"]
    assert second.size_bytes < 2000


def test_evidence_is_bounded_however_often_it_is_asked_for(tmp_path: Path) -> None:
    """A hundred orders of open incidents take no more than the bound, an eighth, and their reasons."""
    folder, bounds = tmp_path / "incidents", Bounds(incident_bytes=10**9, all_bytes=40_000)
    scene = Scene(files=(("gateway.json", b"x" * 5000),), missing=())
    kept_all = [keep(folder, f"{number}.0", bounds=bounds, scene=scene) for number in range(30)]
    whole = [each.size_bytes for each in kept_all if not each.full]

    assert sum(whole) <= 40_000 + 5_000 + max(whole)
    assert len(whole) < len(kept_all)


def fill(folder: Path, incident: str, action: str, size: int) -> None:
    """Make a folder of evidence of this size."""
    target = folder / incident / action
    target.mkdir(parents=True)
    (target / "output.log").write_bytes(b"x" * size)


def test_the_oldest_of_what_is_over_goes_first(tmp_path: Path) -> None:
    """By the number of the incident, not by its spelling; open incidents are passed over; a little room is made."""
    folder = tmp_path / "incidents"
    for incident in ("INC-2", "INC-9", "INC-10", "INC-11"):
        fill(folder, incident, "5.1", 1000)
    bounds = Bounds(incident_bytes=10**9, all_bytes=3200)

    assert too_old(folder, {"INC-2"}.__contains__, bounds) == ("incidents/INC-9/5.1", "incidents/INC-10/5.1")
    assert too_old(folder, lambda _: True, bounds) == ()
    assert too_old(folder, lambda _: False, Bounds(incident_bytes=10**9, all_bytes=4000)) == ()
    assert too_old(tmp_path / "none", lambda _: False, bounds) == ()


def test_links_are_neither_counted_nor_dropped(tmp_path: Path) -> None:
    """A link among the evidence leads nowhere."""
    folder = tmp_path / "incidents"
    fill(tmp_path / "elsewhere", "INC-1", "5.1", 5000)
    folder.mkdir()
    (folder / "INC-1").symlink_to(tmp_path / "elsewhere" / "INC-1")

    assert too_old(folder, lambda _: False, Bounds(incident_bytes=1, all_bytes=1)) == ()


def test_a_folder_that_was_dropped_is_gone_and_nothing_else(tmp_path: Path) -> None:
    """The folder goes, with its incident's when that is empty; twice is no trouble; files a link names stay."""
    folder = tmp_path / "incidents"
    fill(folder, "INC-1", "5.1", 10)
    fill(folder, "INC-1", "6.1", 10)
    (tmp_path / "precious").write_text("mine")
    (folder / "INC-1" / "5.1" / "link").symlink_to(tmp_path / "precious")
    for _ in range(2):
        drop_evidence(tmp_path, "incidents/INC-1/5.1")

    assert [place.name for place in (folder / "INC-1").iterdir()] == ["6.1"]
    assert (tmp_path / "precious").read_text() == "mine"
    drop_evidence(tmp_path, "incidents/INC-1/6.1")
    assert not (folder / "INC-1").exists()


@pytest.mark.parametrize(
    "folder", ["precious", "incidents/INC-1", "incidents/INC-1/..", "incidents/../precious", "/etc/x"]
)
def test_only_evidence_is_dropped(tmp_path: Path, folder: str) -> None:
    """A name that is no folder of evidence removes nothing."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    fill(tmp_path / "incidents", "INC-1", "5.1", 10)

    with pytest.raises(OSError, match="no folder of evidence"):
        drop_evidence(tmp_path, folder)
    assert (tmp_path / "precious" / "file").exists()
    assert (tmp_path / "incidents" / "INC-1" / "5.1" / "output.log").exists()


def test_a_link_in_the_place_of_evidence_is_not_followed(tmp_path: Path) -> None:
    """What a link leads to is nobody's evidence."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "incidents" / "INC-1").mkdir(parents=True)
    (tmp_path / "incidents" / "INC-1" / "5.1").symlink_to(tmp_path / "precious")

    (tmp_path / "incidents" / "INC-2").symlink_to(tmp_path / "incidents" / "INC-1")

    for folder in ("incidents/INC-1/5.1", "incidents/INC-2/5.1"):
        with pytest.raises(OSError, match="no folder of evidence"):
            drop_evidence(tmp_path, folder)
    assert (tmp_path / "precious").exists()


# -- the moment ----------------------------------------------------------------------------------------------------

SEEN = Look(at_usec=5, took_usec=1, result=ProbeResult.FAILED, cause=ProbeCause.LOCAL, detail="answered 503")


def witnessed(*looks: Look, curve: tuple[Point, ...] = ()) -> Witnessed:
    """Build what was seen."""
    return Witnessed(looks={"http": looks} if looks else {}, curve=curve, marks=())


def test_the_scene_says_what_there_is_none_of() -> None:
    """An incident of gatedog itself has no gateway, no probes and no figures: the files that are missing are named."""
    scene = describe_scene(order("1.0"), State(), None, witnessed())

    assert scene.files == ()
    assert [each.partition(":")[0] for each in scene.missing] == [
        "gateway.json",
        "requests.jsonl",
        "probes.jsonl",
        "resources.jsonl",
        "sockets.jsonl",
    ]


def test_answers_of_probes_are_kept_as_text_of_the_gateway() -> None:
    """Bytes that are no text are spelled; the newest looks stay when there is no room for all."""
    many = tuple(replace(SEEN, at_usec=number, answer=b"\xff<b>" + b"x" * 4000) for number in range(100))
    files = dict(describe_scene(order("1.0"), State(), {"name": "main"}, witnessed(*many)).files)
    looks = [json.loads(line) for line in files["probes.jsonl"].splitlines()]

    assert looks[-1]["at_uptime_usec"] == 99
    assert looks[-1]["answer"].startswith("\\xff<b>x")
    assert len(looks) == LOOKS_MAX
    assert len(files["probes.jsonl"]) <= LIST_BYTES_MAX
    assert json.loads(files["gateway.json"]) == {"name": "main"}


def test_a_list_that_is_too_long_loses_its_oldest_lines() -> None:
    """Whole lines go, so that every line can be read."""
    looks = tuple(replace(SEEN, at_usec=number, answer=b"\0" * 4096) for number in range(30))
    files = dict(describe_scene(order("1.0"), State(), None, witnessed(*looks)).files)
    times = [json.loads(line)["at_uptime_usec"] for line in files["probes.jsonl"].splitlines()]

    assert len(files["probes.jsonl"]) <= LIST_BYTES_MAX
    assert times == list(range(30 - len(times), 30))
    assert 0 < len(times) < 30
