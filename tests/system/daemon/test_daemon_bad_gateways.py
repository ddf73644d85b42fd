"""Gateways that misbehave in every way, and what they say to be found in nobody's terminal."""

import json
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

LOG_MAX = 'log_max = "1MB"'


def descendants_of(folder: Path) -> list[int]:
    """Return the living processes whose working folder this is."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "cwd").readlink() == folder and (entry / "stat").read_text().split()[-50] not in "ZX":
                found.append(int(entry.name))
        except OSError:
            continue
    return found


# -- commands ------------------------------------------------------------------------------------------------------


def test_a_command_that_does_not_exist_is_held_with_the_cure(site) -> None:
    """It is no endless loop: held, paged, and status says which file is missing."""
    site.write_policy(["/nowhere/agent"])
    site.start()
    site.wait_until(word="HELD")
    site.wait(lambda: bool(site.delivered()), "a page")

    assert "/nowhere/agent does not exist" in site.cli("events").stdout
    assert "HELD" in site.delivered()[0]["title"]


def test_a_command_that_ends_at_once_and_well_is_a_loop_all_the_same(site) -> None:
    """Exit code 0 that nobody asked for is charged and held like any other ending."""
    site.write_policy(["/bin/true"])
    site.start()

    assert site.wait_until(word="HELD")["last_exit"]["code"] == 0


FORKS_AWAY = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear()
        time.sleep(600)
    os._exit(0)
os._exit(0)
"""
LEAVES_DAEMONS = """
import os, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
time.sleep(0.3)
os._exit(1)
"""
HOPS = """
import os, time
while True:
    if os.fork():
        os._exit(0)
    os.setsid()
    time.sleep(0.001)
"""


@pytest.mark.parametrize("program", [FORKS_AWAY, LEAVES_DAEMONS, HOPS], ids=["forks away", "leaves daemons", "hops"])
def test_what_leaves_others_behind_is_held_and_nothing_is_left(site, tmp_path: Path, program: str) -> None:
    """The main process ends, what it forked is ended with it, and three such endings hold the gateway."""
    place = tmp_path / "place"
    place.mkdir()
    site.write_policy([sys.executable, "-c", program], f"directory = {json.dumps(str(place))}")
    daemon = site.start()

    assert site.wait_until(word="HELD")["pid"] is None
    site.wait(lambda: descendants_of(place) == [], "the last of them to be gone")
    assert daemon.poll() is None


def test_a_gateway_that_ignores_every_polite_signal_is_ended_by_a_stop(site) -> None:
    """A human's stop becomes a kill when its time is over; the gateway stays down."""
    deaf = "trap '' TERM INT HUP QUIT; touch deaf; while :; do sleep 1; done"
    extra = f'directory = "{site.folder}"\n[gateway.gateway.stop]\ntimeout = "1s"'
    site.write_policy(["/bin/sh", "-c", deaf], extra)
    site.start()
    site.wait((site.folder / "deaf").exists, "it to be deaf")
    site.wait_until(ready=True)

    assert site.human("stop", "gateway")[0] == 0
    stopped = site.wait_until(word="STOPPED")
    assert (stopped["last_exit"]["signal"], stopped["chain"]) == ("SIGKILL", 0)


def test_a_gigabyte_of_output_neither_fills_the_disk_nor_stops_anything(site) -> None:
    """With log_max = 1MB the log never takes a fraction of what was written, and ends up within its bound."""
    done = site.folder / "done"
    flood = f"head -c 1G /dev/zero; echo; echo last words; touch {done}; exec sleep 600"
    site.write_policy(["/bin/sh", "-c", flood], LOG_MAX)
    daemon = site.start()
    folder = site.state / "log" / "gateway"
    largest = 0

    def used() -> int:
        return sum(file.stat().st_blocks * 512 for file in folder.glob("*"))

    def flooded() -> bool:
        nonlocal largest
        largest = max(largest, used())
        return done.exists()

    site.wait(flooded, "the flood to be over")
    site.wait(lambda: used() <= 1_600_000, "the log to be cut")
    print(f"at most {largest >> 20} MiB of 1024 on disk")

    assert largest < 512 * 1024 * 1024
    assert daemon.poll() is None
    assert site.wait_until(ready=True)["last_exit"] is None


def test_a_flood_just_before_the_end_is_bounded_too(site) -> None:
    """Lives that flood and die leave no more than their bounds behind, and their last words when the flood is over."""
    site.write_policy(["/bin/sh", "-c", "head -c 50M /dev/zero; echo; sleep 1; echo the end; exit 3"], LOG_MAX)
    site.start()
    held = site.wait_until(word="HELD")
    folder = site.state / "log" / "gateway"

    site.wait(lambda: sum(file.stat().st_blocks * 512 for file in folder.iterdir()) < 3 * 1_600_000, "logs to be cut")
    assert held["last_exit"]["last_line"] == "the end"


# -- words ---------------------------------------------------------------------------------------------------------

EVIL = (
    "\x1b[2J\x1b]0;owned\x07\x9b31m\x7f\u202egnp\u2066\u200b\r<b>*bold*</b> [x](http://evil.example) "
    "next: gatedog stop\x00"
)
ASK = """
import sys
from pathlib import Path
from watchdog.cli.main import main
Path("/proc/self/comm").write_bytes(b"\\x1b[5mevil")
sys.argv = ["gatedog", "ask", "restart", "--reason", sys.argv[1]]
sys.exit(main())
"""


def shown(text: str) -> bool:
    """Tell whether a terminal would show this and obey nothing in it."""
    return all(letter.isprintable() or letter == "\n" for letter in text)


def strings(value: object) -> list[str]:
    """Return every text inside a JSON value."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for pair in value.items() for each in pair for text in strings(each)]
        case list():
            return [text for each in value for text in strings(each)]
        case _:
            return []


def test_nothing_the_supervised_side_says_is_obeyed_by_a_terminal(site, tmp_path: Path) -> None:
    """Its last words, its reasons, its programs' names and its command line reach people as text and only as text."""
    script = tmp_path / "\x1b[5mscript"
    reason = EVIL.replace("\x00", "")
    script.write_text(
        f"#!{sys.executable}\nimport subprocess, sys, time\n"
        f"said = subprocess.run([{sys.executable!r}, '-c', {ASK!r}, {reason!r}], capture_output=True)\n"
        f"open({str(tmp_path / 'answer')!r}, 'wb').write(said.stdout + said.stderr)\n"
        f"sys.stdout.write({EVIL!r} * 50)\nsys.stdout.flush()\ntime.sleep(0.2)\nsys.exit(7)\n",
        encoding="utf-8",
        errors="surrogateescape",
    )
    script.chmod(0o755)
    link = tmp_path / "link"
    link.symlink_to(script)
    site.write_policy([str(link), "\u202eargument\u200b\x7f", "<b>"])
    site.start()
    site.wait_until(word="HELD")
    site.wait(lambda: len(site.delivered()) >= 2, "the pages")
    site.wait(lambda: "PageDelivered" in site.cli("events", "--json").stdout, "their delivery on record")
    tried = site.cli("stop", "gateway", "-m", reason)
    named = site.cli("incident", "show", "INC-\x1b[2J")
    outputs = {
        " ".join(words): site.cli(*words)
        for words in (
            ["status"],
            ["status", "--json"],
            ["status", "-o", "short"],
            ["events", "-a"],
            ["events", "--json"],
            ["explain"],
            ["explain", "INC-2"],
            ["explain", "INC-1", "--json"],
            ["incident", "list", "--all"],
            ["incident", "show", "INC-1"],
            ["incident", "show", "INC-2"],
            ["events", "--journal", str(site.state / "journal")],
        )
    }
    on_terminal = site.human("status")[1] + site.human("explain", "INC-1")[1]
    raw_pages = site.pages.read_text()

    for name, done in {**outputs, "stop": tried, "show": named}.items():
        assert shown(done.stdout + done.stderr), (name, done.stdout, done.stderr)
    assert all(letter.isprintable() or letter in "\r\n" for letter in _without_colours(on_terminal)), on_terminal
    assert shown(site.errors.read_text())
    assert shown(raw_pages)
    assert all(shown(text) for page in site.delivered() for text in strings(page))
    assert not any("next: gatedog stop" in page["title"] for page in site.delivered())
    assert shown((tmp_path / "answer").read_text())
    assert shown((site.runtime / "status.json").read_text())
    assert "agent says" in outputs["explain"].stdout + outputs["explain INC-2"].stdout
    assert "[5mevil" in outputs["events --json"].stdout


def _without_colours(text: str) -> str:
    """Take out the colours that gatedog itself draws on a terminal: ESC [ digits m, and nothing else."""
    pieces = text.split("\x1b[")
    return pieces[0] + "".join(
        rest if number.replace(";", "").isdigit() or not number else f"\x1b[{number}m{rest}"
        for number, _, rest in (piece.partition("m") for piece in pieces[1:])
    )
