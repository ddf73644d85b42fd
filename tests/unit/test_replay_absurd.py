"""Recordings that could not have happened, or are no recordings: an answer, or an error that names the line."""

import json
from pathlib import Path

import pytest

from watchdog.replay.recording import BYTES_MAX, RecordingError, parse_recording, read_recording
from watchdog.replay.simulation import simulate

HEADER = '{"trace": "absurd"}\n'


def event(kind: str, t: object = 1, **fields: object) -> str:
    """Write one line."""
    return json.dumps({"t": t, "ev": kind, **fields}) + "\n"


REFUSED = {
    "NaN": (event("start", float("nan")), ":2: .*between 0 and"),
    "Infinity": (event("start", float("inf")), ":2: .*between 0 and"),
    "a million years": (event("start", 1e13), ":2: .*between 0 and"),
    "before the beginning": (event("start", -5), ":2: .*between 0 and"),
    "a number of 400 digits": (event("start", 10**400), ":2: .*between 0 and"),
    "a number of 5000 digits": ('{"t": ' + "9" * 5000 + ', "ev": "start"}', ":2: not JSON"),
    "a truth": (event("start", t=True), ":2: an event needs"),
    "no kind": (event("start").replace('"start"', "null"), ":2: an event needs"),
    "a jump of text": (event("clock-jump", delta="x"), ':2: "delta"'),
    "a jump of nothing": (event("clock-jump", delta=None), ':2: "delta"'),
    "a jump of NaN": (event("clock-jump", delta=float("nan")), ':2: "delta"'),
    "a jump of a million years": (event("clock-jump", delta=-1e13), ':2: "delta"'),
    "deep brackets": ("[" * 100_000, ":2: nested too deeply"),
    "a list": ("[]", ":2: not a JSON object"),
    "a NUL": ("\0", ":2: not JSON"),
}

PLAYED = {
    "nothing": "",
    "out of order": event("exit", 9, code=1) + event("start", 3) + event("ready", 5) + event("start", 0),
    "exit while down": event("exit", 1, code=1) * 5,
    "ready while down": event("ready") * 5,
    "started twice": event("start", 1) * 5 + event("exit", 2, code=1) * 5,
    "back before the epoch": event("clock-jump", 1, delta=-3e9) + event("start", 2) + event("exit", 3, signal="KILL"),
    "a century ahead": event("clock-jump", 1, delta=3e9) + event("start", 2),
    "reboots only": "".join(event("start", second, by="reboot") for second in range(20)),
    "unknown kinds and origins": event("coffee") + event("restart-request", origin="martian", route=5),
    "words of the wrong type": event("start", by=["x"]) + event("exit", 2, code="one", signal=9, log={"a": 1}),
    "a code no kernel gives": event("start") + event("exit", 2, code=-(10**30)) + event("exit", 3, code=True),
    "half a pair": event("start") + event("exit", 2, log="\ud800\x1b[2J"),
    "a separator inside a text": '{"t": 1, "ev": "start", "log": "a\u2028b\u0085c"}\n',
    "a byte order mark": "",
    "carriage returns": event("start").replace("\n", "\r\n"),
    "NaN where nobody looks": event("metric", 1, value=float("nan")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_recording_is_refused_by_its_line(name: str) -> None:
    """The error names the file, the line, and what is wrong there."""
    text, said = REFUSED[name]
    with pytest.raises(RecordingError, match=f"story.jsonl{said}"):
        parse_recording((HEADER + text).encode(), "story.jsonl")


@pytest.mark.parametrize("name", PLAYED)
def test_what_could_not_have_happened_is_played(name: str) -> None:
    """Absurd events are played like any others; the answer is one JSON object with finite numbers."""
    mark = "\ufeff" if name == "a byte order mark" else ""
    recording = parse_recording((mark + HEADER + PLAYED[name]).encode(), "story.jsonl")
    answer = json.loads(json.dumps(simulate(recording, None).to_json(), allow_nan=False))

    assert answer["trace"] == "absurd"
    assert set(answer) == {"trace", "pages", "refusals", "held_t", "restarts_avoided"}


def test_a_device_without_an_end_is_read_to_the_limit() -> None:
    """/dev/zero is refused with the limit, and not read for ever."""
    with pytest.raises(RecordingError, match=f"larger than {BYTES_MAX >> 20} MiB"):
        read_recording(Path("/dev/zero"))
