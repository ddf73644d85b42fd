"""Simulation of recorded histories: each claim is about what a person on call would have seen."""

import importlib.util
import json
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from watchdog.replay.recording import RecordingError, read_recording
from watchdog.replay.simulation import simulate, simulate_file

TRACES = Path(__file__).parent.parent / "traces"


def _scorer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score", TRACES / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def verdicts() -> list[tuple[str, str, str, int]]:
    """(kind, trace, verdict, unrefused) of every recorded history under the default policy."""
    scorer = _scorer()
    rows = []
    for path in sorted((TRACES / "open").glob("*.jsonl")):
        header, events = scorer.load(path)
        verdict, unrefused = scorer.judge(header, events, simulate_file(path, None).to_json())
        rows.append((header["kind"], header["trace"], verdict, unrefused))
    return rows


def _recording(tmp_path: Path, *events: dict[str, object]) -> Path:
    path = tmp_path / "story.jsonl"
    lines = [{"trace": "story"}, *events]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_every_recorded_spiral_and_self_restart_is_paged_in_time(verdicts: list[tuple[str, str, str, int]]) -> None:
    """Of 50 recorded spirals and self-restarts, each is paged after its onset and before its deadline."""
    incidents = [row for row in verdicts if row[0] in ("spiral", "self-restart")]

    assert len(incidents) == 50
    assert [row for row in incidents if row[2] != "ok"] == []


def test_recorded_degradations_are_paged_in_time(verdicts: list[tuple[str, str, str, int]]) -> None:
    """Of 69 recorded incidents at least 66 are paged in time, a degradation not before its onset."""
    incidents = [row for row in verdicts if row[0] != "benign"]
    found = [row for row in incidents if row[2] == "ok"]

    assert len(incidents) == 69
    assert len(found) >= 66
    assert [row for row in incidents if row[2] == "early"] == []


def test_benign_histories_cause_at_most_one_false_page(verdicts: list[tuple[str, str, str, int]]) -> None:
    """Of 27 benign histories at most one is paged (three clean exits by a person's edits spend self_restart)."""
    counts = Counter(verdict for kind, _, verdict, _ in verdicts if kind == "benign")

    assert sum(counts.values()) == 27
    assert counts["false-page"] <= 1


def test_no_request_of_the_supervised_agent_is_left_unrefused(verdicts: list[tuple[str, str, str, int]]) -> None:
    """Every recorded restart request of origin supervised is refused at its own second."""
    assert [row for row in verdicts if row[3]] == []


def test_the_night_of_26_march_is_held_within_five_deaths() -> None:
    """The recorded kill fight is held, and the restarts that followed are counted as avoided."""
    path = TRACES / "open" / "moto-death-spiral.jsonl"
    recording = read_recording(path)
    exits = [moment.at_usec / 1e6 for moment in recording.moments if moment.kind == "exit"]

    result = simulate(recording, None)

    assert result.held_t is not None
    assert sum(1 for at in exits if at <= result.held_t) <= 5
    assert result.restarts_avoided > 40


def test_the_answer_key_in_a_header_is_not_read(tmp_path: Path) -> None:
    """A history decides the same way whatever its header expects."""
    path = TRACES / "open" / "moto-death-spiral.jsonl"
    lines = path.read_text().splitlines()
    header = json.loads(lines[0])
    stripped = tmp_path / path.name
    stripped.write_text("\n".join([json.dumps({"trace": header["trace"]}), *lines[1:]]))

    assert simulate_file(stripped, None) == simulate_file(path, None)


def test_a_humans_restart_is_granted_and_pages_nobody(tmp_path: Path) -> None:
    """A request of origin human, and the ending it asked for, cause neither refusal nor page."""
    path = _recording(
        tmp_path,
        {"t": 0.0, "ev": "start", "by": "systemd"},
        {"t": 100.0, "ev": "restart-request", "origin": "human", "route": "cli"},
        {"t": 101.0, "ev": "exit", "code": 0, "signal": "SIGTERM", "log": "bye"},
        {"t": 103.0, "ev": "start", "by": "human"},
    )

    result = simulate_file(path, None)

    assert (result.pages, result.refusals, result.held_t) == ((), (), None)


def test_an_ending_that_nobody_follows_up_is_paged_as_an_unanswered_start(tmp_path: Path) -> None:
    """When the recorded manager leaves the gateway down, a page comes after the start deadline."""
    path = _recording(
        tmp_path,
        {"t": 0.0, "ev": "start", "by": "systemd"},
        {"t": 100.0, "ev": "exit", "code": 0, "signal": None, "log": "done"},
        {"t": 7200.0, "ev": "probe", "name": "health", "ok": False, "detail": ""},
    )

    pages = simulate_file(path, None).pages

    assert [(page[0], page[3]) for page in pages][:1] == [(160.0, "lifecycle.start-unanswered")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("not json\n", "not JSON"),
        ("[1]\n", "not a JSON object"),
        ('{"kind": "spiral"}\n', 'no "trace" name'),
        ('{"trace": "x"}\n{"ev": "exit"}\n', 'needs "t"'),
    ],
)
def test_a_file_that_is_no_recording_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    """Garbage gives RecordingError with the file's name and what is wrong."""
    path = tmp_path / "garbage.jsonl"
    path.write_text(text)

    with pytest.raises(RecordingError) as caught:
        read_recording(path)

    assert said in str(caught.value)
    assert "garbage.jsonl" in str(caught.value)
