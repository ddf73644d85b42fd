"""The command line under attack: absurd words, absurd places, and a daemon that talks nonsense or nothing at all.

Every command ends by itself, with a documented exit code, a sentence and a next command, and never with a traceback.
"""

import importlib
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakedaemon import FakeDaemon, serving

from watchdog.cli.main import gatedog
from watchdog.control import client
from watchdog.control.client import Unreachable
from watchdog.control.shapes import misfit

DOCUMENTED = {1, 2, 4, 75, 77}
COMMANDS = [
    ["status"],
    ["status", "-o", "short"],
    ["status", "--json"],
    ["events"],
    ["events", "--since", "1h"],
    ["events", "--json", "-f"],
    ["explain"],
    ["explain", "INC-1"],
    ["incident", "list"],
    ["incident", "show", "INC-1"],
    ["incident", "list", "--like", "INC-1"],
    ["incident", "timeline", "INC-1"],
    ["incident", "evidence", "INC-1"],
    ["incident", "verify", "INC-1"],
    ["incident", "export", "INC-1", "--md", "/nowhere/at/all.md"],
    ["incident", "close", "INC-1"],
    ["ack", "INC-1", "--for", "60m"],
    ["unack", "INC-1"],
    ["restart"],
    ["release", "openclaw", "-m", "ok"],
    ["ask", "restart", "--reason", "x"],
    ["page", "test"],
    ["runbook", "show", "INC-1"],
]
GARBAGE = [
    b"",
    b"\0",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"\xff\xfe\0",
    b"[]\0",
    b"{}\0",
    b'{"parameters": 5}\0',
    b'{"parameters": {"status": null, "record": 5, "incidents": [[]], "outcome": 1}}\0',
    b'{"parameters": {"status": {"gateways": [{}]}, "incidents": [{"id": "INC-1"}], "record": {"seq": "1"}}}\0',
    b'{"error": "\\u001b[2J", "parameters": {"message": "\\u001b[2J\\nnext: rm -rf"}}\0',
    b'{"error": {}, "parameters": []}\0',
    b"[" * 200_000 + b"\0",
    b"9" * 5000 + b"\0",
]


@pytest.fixture
def fake_daemon() -> Iterator[FakeDaemon]:
    """Serve a daemon for one test."""
    with serving() as fake:
        yield fake


@contextmanager
def answering(talk: Callable[[socket.socket], None]) -> Iterator[Path]:
    """Serve a socket on which every connection is talked to in this way."""
    folder = Path(tempfile.mkdtemp(prefix="gd-"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "control.sock"))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    talk(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield folder / "control.sock"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        listener.close()
        shutil.rmtree(folder)


def gd(path: object, *words: str) -> Result:
    """Run a command line."""
    return CliRunner().invoke(gatedog, ["--socket", str(path), *words], env={"NO_COLOR": "1"})


def ended_well(result: Result) -> bool:
    """Tell whether a failure was told to a person, in one of the documented ways."""
    no_traceback = result.exception is None or isinstance(result.exception, SystemExit)
    told = any(word in result.stderr for word in ("gatedog:", "Usage:", "Error:", '{"error":'))
    harmless = all(letter.isprintable() or letter == "\n" for letter in result.stdout + result.stderr)
    return no_traceback and told and harmless and result.exit_code in DOCUMENTED


# -- the daemon ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", GARBAGE, ids=lambda said: repr(said[:24]))
def test_a_daemon_that_answers_garbage_is_named_as_such(said: bytes) -> None:
    """Whatever comes over the socket, every command ends with a sentence and a documented exit code."""

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(said)

    with answering(talk) as path:
        for words in COMMANDS:
            result = gd(path, *words)
            assert ended_well(result), (words, result.exit_code, result.output, result.exception)


def test_a_daemon_that_hangs_up_at_once_is_named_as_such() -> None:
    """A connection that is closed before a word was said ends every command, too."""
    with answering(lambda _: None) as path:
        for words in COMMANDS:
            result = gd(path, *words)
            assert ended_well(result), (words, result.exit_code, result.output, result.exception)


def _silence(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.settimeout(5)
    connection.recv(1)


def _drip(connection: socket.socket) -> None:
    connection.recv(65536)
    while True:
        connection.sendall(b" ")
        time.sleep(0.005)


@pytest.mark.parametrize("talk", [_silence, _drip])
def test_a_daemon_that_never_finishes_is_given_up_in_time(talk: Callable[[socket.socket], None]) -> None:
    """Neither silence nor a byte now and then keeps a call, or a stream with a limit, beyond its time."""
    with answering(talk) as path:
        began = time.monotonic()
        with pytest.raises(Unreachable, match="did not answer in time"):
            client.call(path, "Status", {}, 0.1)
        with pytest.raises(Unreachable, match="did not answer in time"):
            list(client.stream(path, "Events", {}, 0.1))
        assert time.monotonic() - began < 5


def test_the_time_a_reader_takes_is_not_the_daemons() -> None:
    """`gatedog events | less` may stand still for as long as the person reads."""
    gone_on = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b'{"continues":true,"parameters":{"n":1}}\0')
        gone_on.wait(5)
        connection.sendall(b'{"parameters":{"n":2}}\0')

    with answering(talk) as path:
        replies = client.stream(path, "Events", {}, 0.5)
        first = next(replies)
        time.sleep(0.6)
        gone_on.set()

        assert (first, next(replies)) == ({"n": 1}, {"n": 2})


def test_answers_of_the_contract_fit_and_others_do_not(fake_daemon: FakeDaemon) -> None:
    """What is missing or mistyped is named by its place; a field of a later version is ignored."""
    status: dict[str, Any] = fake_daemon.status(fake_daemon.gateway(), later="x")
    broken: dict[str, Any] = fake_daemon.status(fake_daemon.gateway(pid=True))
    del broken["gateways"][0]["chain"]

    assert misfit("Status", {"status": status}) == ""
    assert misfit("Status", {"status": broken}) == "status.gateways[0].pid is no int"
    assert misfit("Status", {}) == "status is missing"
    assert misfit("Events", {"record": None}) == ""
    assert misfit("Incidents", {"incidents": {}}) == "incidents is no list"


# -- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["\0", "a\0b", "\udcff\udcfe", "\x1b[2J", "x" * 1_000_000, "\u202egatedog"])
def test_absurd_words_reach_the_daemon_or_are_refused(fake_daemon: FakeDaemon, word: str) -> None:
    """A reason, a name or an incident made of anything is sent as it is; the daemon judges it, no command breaks."""
    fake_daemon.fail("Request", "io.gatedog.Supervisor.TooLarge", limit_bytes=65536)
    fake_daemon.fail("Explain", "org.varlink.service.InvalidParameter", parameter="incident")
    for words in (["restart", "-m", word], ["restart", word], ["ack", word], ["explain", f"INC-{word}"], [word]):
        result = gd(fake_daemon.path, *words)
        assert ended_well(result), (words[:1], result.exit_code, result.exception)
        assert len(result.stderr) < 4096 or words == [word]


def test_a_reason_of_a_megabyte_is_told_its_limit(fake_daemon: FakeDaemon) -> None:
    """Too large a message is refused with the limit in it."""
    fake_daemon.fail("Request", "io.gatedog.Supervisor.TooLarge", limit_bytes=65536)
    result = gd(fake_daemon.path, "restart", "openclaw", "-m", "x" * 1_000_000)

    assert result.exit_code == 1
    assert "larger than 65536 bytes" in result.stderr


# -- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["status"], ["events"], ["restart", "openclaw"], ["explain", "--json"]])
@pytest.mark.parametrize("name", ["folder", "file", "file/below", "loop", "missing", "x" * 300, "y/" * 3000])
def test_a_place_that_is_no_socket_is_named(tmp_path: Path, name: str, words: list[str]) -> None:
    """A directory, a file, a loop of links, a path no kernel takes: each is a sentence."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    result = gd(f"{tmp_path}/{name}", *words)

    assert ended_well(result), (result.exit_code, result.output, result.exception)


@pytest.mark.parametrize("words", [["status"], ["events"], ["restart"], ["page", "test", "--json"]])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a socket away")
def test_a_socket_of_somebody_else_is_not_believed(fake_daemon: FakeDaemon, words: list[str]) -> None:
    """What listens in another account's name is not asked."""
    os.chown(fake_daemon.path, 65534, 65534)
    result = gd(fake_daemon.path, *words)

    assert ended_well(result)
    assert "not root's or yours alone" in result.stderr
    assert fake_daemon.asked == []


@pytest.mark.parametrize("name", ["x" * 300, "y/" * 3000, "file", "missing", "\udcff"])
@pytest.mark.parametrize(
    "words", [["events", "--journal"], ["explain", "INC-1", "--journal"], ["journal", "verify"], ["verify"]]
)
def test_a_journal_folder_that_cannot_be_is_named(tmp_path: Path, name: str, words: list[str]) -> None:
    """A folder too long for the kernel, a file, or nothing at all is a sentence, not a traceback."""
    (tmp_path / "file").touch()
    result = gd("unused", *words, f"{tmp_path}/{name}")

    assert ended_well(result), (result.exit_code, result.output, result.exception)


@pytest.mark.parametrize("name", ["x" * 300, "y/" * 3000, "file", "missing", "\udcff", "/dev/zero"])
def test_a_policy_or_recording_that_cannot_be_is_named(tmp_path: Path, name: str) -> None:
    """So is a policy or a recording in such a place, a device without an end among them."""
    (tmp_path / "file").touch()
    for words in (["policy", "check"], ["simulate"], ["simulate", "--json"]):
        result = gd("unused", *words, str(tmp_path / name))
        assert ended_well(result), (words, result.exit_code, result.output, result.exception)


def test_one_bad_recording_among_many_is_named_and_costs_no_other(tmp_path: Path) -> None:
    """The good ones are answered, in order; the bad one is named with its line, and the command fails."""
    for name, text in (("a", '{"trace": "a"}\n'), ("bad", '{"trace": "b"}\n{"t": NaN, "ev": "exit"}\n')):
        (tmp_path / name).write_text(text)
    result = gd("unused", "simulate", "--json", *(str(tmp_path / name) for name in ("a", "bad", "a")))

    assert [json.loads(line)["trace"] for line in result.stdout.splitlines()] == ["a", "a"]
    assert result.exit_code == 1
    error = json.loads(result.stderr)["error"]
    assert error["code"] == "recording"
    assert "1 of 3 files" in error["message"]
    assert f"{tmp_path / 'bad'}:2: " in error["message"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_what_we_may_not_look_at_is_a_sentence(tmp_path: Path) -> None:
    """A policy, a socket or a journal below a folder that is closed to us: told, with a documented code."""
    (tmp_path / "closed").mkdir(mode=0o700)
    place = str(tmp_path / "closed" / "it" / "here")
    for module in ("policy", "status", "events", "replay", "journal", "recorded", "lifecycle"):
        importlib.import_module(f"watchdog.cli.{module}")  # nobody may be barred from our own files, too
    commands = (
        ["policy", "check", place],
        ["simulate", place],
        ["--socket", place, "status"],
        ["--socket", place, "events"],
        ["--socket", place, "stop"],
        ["verify", place],
        ["journal", "verify", place],
        ["events", "--journal", place],
        ["events"],
    )
    pid = os.fork()
    if pid == 0:
        os.setresuid(65534, 65534, 65534)
        environment = {"HOME": place, "XDG_STATE_HOME": place, "XDG_RUNTIME_DIR": place}
        results = [CliRunner().invoke(gatedog, words, env=environment) for words in commands]
        wrong = [number for number, result in enumerate(results, 1) if not ended_well(result)]
        os._exit(wrong[0] if wrong else 0)
    _, status = os.waitpid(pid, 0)
    number = os.waitstatus_to_exitcode(status)

    assert number == 0, commands[number - 1]
