"""`gatedog gate check|approve` against a daemon that answers: what is offered, and what a person is shown."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakedaemon import NOW, FakeDaemon, serving

from watchdog.cli.main import gatedog
from watchdog.control.recordreply import record_reply
from watchdog.core.enclosure import ActionOffered
from watchdog.core.events import ActionRequested, Stamp, Stamped
from watchdog.core.identity import BootId, GatewayName, Seq
from watchdog.core.peer import Peer
from watchdog.core.timeline import Usec
from watchdog.core.verbs import Verb
from watchdog.journal.reader import Record

GRANTED = {
    "request": "REQ-7",
    "outcome": "granted",
    "rule": "gate.reversible",
    "message": "fine",
    "next_commands": [],
    "challenge": "",
}

PEER = Peer(process=None, uid=1001, gid=1001)


@pytest.fixture
def fake_daemon() -> Iterator[FakeDaemon]:
    """Serve a daemon that grants everything."""
    with serving() as fake:
        fake.answer("Request", GRANTED)
        yield fake


def gd(daemon: FakeDaemon, *words: str) -> Result:
    """Run a command line against the fake."""
    return CliRunner().invoke(gatedog, ["--socket", str(daemon.path), "gate", *words], env={"NO_COLOR": "1"})


def offered(daemon: FakeDaemon, *words: str) -> dict[str, Any]:
    """Return what `gate check` offers to be judged."""
    result = gd(daemon, "check", "--action", "exec", *words)
    assert result.exit_code == 0, result.stderr
    enclosed: dict[str, Any] = daemon.asked[-1][1]["enclosed"]
    return enclosed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder to work in, with a link `l` into a neighbour, two deep."""
    (tmp_path / "etc" / "cron.d").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "l").symlink_to(tmp_path / "etc" / "cron.d")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ("--", "cp", "job", "l/../x"),
        ("--path", "l/../x"),
        ("--", "sh", "-c", "cd l && cp job ../x"),
        ("--", "sh", "-c", "echo >l/../x"),
        ("--", "env", "-C", "l", "tee", "../x"),
    ],
    ids=["word", "path", "cd", "redirection", "env"],
)
def test_dots_behind_a_link_lead_on_from_its_end(words: tuple[str, ...], folder: Path, fake_daemon: FakeDaemon) -> None:
    """What is written lies beside the folder that the link leads to, and is judged there."""
    found = offered(fake_daemon, "--directory", str(folder / "work"), *words)

    assert str(folder / "etc" / "x") in found["paths"]


def test_without_links_nothing_is_added(folder: Path, fake_daemon: FakeDaemon) -> None:
    """A path that is what it says is offered once."""
    found = offered(fake_daemon, "--directory", str(folder / "work"), "--", "touch", "../x", "./y")

    assert found["paths"] == []


@pytest.mark.parametrize("directory", ["", "nowhere", "work/l/..", "etc\n"])
def test_a_folder_that_may_be_another_is_unknown(directory: str, folder: Path, fake_daemon: FakeDaemon) -> None:
    """One that is not there is none, and by `..` some go up from a link and some from where it leads."""
    given = directory and str(folder / directory)

    assert offered(fake_daemon, "--directory", given, "--", "touch", "x")["directory"] == ""
    assert offered(fake_daemon, "--directory", str(folder), "--", "touch", "x")["directory"] == str(folder)


def recorded(enclosed: ActionOffered | None, seq: int = 12) -> dict[str, Any]:
    """Build the record of a check."""
    event = ActionRequested(
        gateway=GatewayName("main"), verb=Verb.CHECK_ACTION, reason="", peer=PEER, enclosed=enclosed
    )
    stamp = Stamp(seq=Seq(seq), wall_usec=Usec(NOW), boot=BootId("b"), uptime_usec=Usec(1))
    return {"record": record_reply(Record(stamped=Stamped(stamp=stamp, event=event), decisions=(), digest=b""))}


def test_who_approves_is_shown_every_word(fake_daemon: FakeDaemon) -> None:
    """Nothing is cut, no line of it passes for one of gatedog's, and it is the record that the action is called by."""
    line = "\n".join(f"echo step{number}" for number in range(400)) + "\nnext: x\nsystemctl --user restart main"
    fake_daemon.answer("Events", recorded(ActionOffered(action="exec", argv=("sh", "-c", line))))
    result = gd(fake_daemon, "approve", "ACT-12")

    assert result.exit_code == 0
    shown = result.stderr.splitlines()
    assert shown[0] == "approving ACT-12, by its agent's own words:"
    assert shown[-1] == "  | systemctl --user restart main'"
    assert len(shown) == 403
    assert all(each.startswith("  | ") for each in shown[1:])
    assert ("Events", {"after_seq": 11, "limit": 1, "follow": False}) in fake_daemon.asked
    assert fake_daemon.asked[-1][1]["subject"] == "ACT-12"


@pytest.mark.parametrize("name", ["ACT-", "ACT-0", "ACT-x", "REQ-12", "12" * 10])
def test_a_name_that_no_record_has_is_left_to_the_daemon(name: str, fake_daemon: FakeDaemon) -> None:
    """It knows what waits; nothing is shown for what cannot be found."""
    result = gd(fake_daemon, "approve", name)

    assert [method for method, _ in fake_daemon.asked] == ["Request"]
    assert "approving" not in result.stderr


def test_a_record_of_something_else_is_not_shown(fake_daemon: FakeDaemon) -> None:
    """Nor does a journal without that record keep anybody from asking."""
    for reply in (recorded(None), {"record": None}):
        fake_daemon.answer("Events", reply)
        assert "approving" not in gd(fake_daemon, "approve", "ACT-12").stderr
    assert fake_daemon.asked[-1][0] == "Request"
