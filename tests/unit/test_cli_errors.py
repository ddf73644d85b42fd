"""Everything that can go wrong on a command line, in one file to be read: what happened, why, and what to type next."""

import ast
import json
import os
import re
import shutil
import socket
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakedaemon import FakeDaemon

from watchdog.cli.main import COMMANDS, gatedog

CLI = Path(__file__).parents[2] / "watchdog" / "cli"
REFUSED = {
    "request": "REQ-7",
    "outcome": "refused",
    "rule": "request.agent-never",
    "message": "a supervised agent may not release a gateway",
    "next_commands": ['ssh you@host gatedog release openclaw -m "why"'],
    "challenge": "",
}
SIGNABLE = {
    **REFUSED,
    "rule": "request.not-human",
    "message": "nothing here proves a person: no login session",
    "next_commands": ["gatedog release openclaw --signature FILE"],
    "challenge": '{"kind":"gatedog-approve","verb":"release"}',
}
FAILED = {**REFUSED, "outcome": "failed", "rule": "request.not-held", "message": "openclaw is not held"}
BUSY = {"message": "the journal cannot be written", "retry_after_usec": 5_000_000}

USAGE = [
    "relase openclaw",
    "xyzzy",
    "--no-such-option status",
    "incident shwo INC-1",
    "journal",
    "status --jsno",
    "status -o long",
    "status --watch 0",
    "status one two",
    "top --every never",
    "ack",
    "ack INC-1 --for soon",
    "ack INC-1 --for 5",
    "ack INC-1 --for 1h --until 07:30",
    "ack INC-1 --until 25:99",
    "ack INC-1 --until 2020-01-01T00:00",
    "hold openclaw",
    "release openclaw",
    "release openclaw -m why --signature a --code b",
    "release openclaw -m why --signature gone.sig",
    "release openclaw -m why --signature no.sig",
    "maintenance openclaw -m why",
    "maintenance openclaw --for 5m",
    "maintenance openclaw --for 5m --end",
    "silence openclaw --for never -m why",
    "permit openclaw",
    "permit openclaw --for 30m",
    "permit openclaw --for 30m -m why --user no-such-account",
    "grant",
    "ask restart openclaw",
    "events -n 0",
    "events --since yesterday",
    "explain --journal no.journal",
    "explain INC-1 --journal no.journal",
    "incident show",
    "incident timeline one --state no.state",
    "incident export INC-1 --state no.state",
    "incident export INC-1 --state no.state --md out.md",
    "page test --severity loud",
    "policy check no.bundle",
    "policy check bad.bundle",
    "policy check open.bundle",
    "journal verify no.journal",
    "journal verify garbage.journal",
    "journal salvage no.journal --to there",
    "simulate",
    "simulate no.trace",
    "simulate garbage.trace",
    "backtest no.journal --policy no.bundle",
    "verify no.journal",
    "runbook show no-such-rule",
    "setup systemd",
    "setup systemd --unit gatedog.service",
    "setup systemd --unit x@.service",
    "setup systemd --command /bin/agent",
    "completion tcsh",
    "run",
]
ASKED = ["status", "release openclaw -m why", "ack INC-1", "events", "incident list", "probe list", "whoami"]
ANSWERS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("release openclaw -m why", "Request", "Busy", BUSY),
    ("release openclaw -m why", "Request", "Failed", {}),
    ("release openclaw -m why", "Request", "Strange", {}),
    ("release openclaw -m why", "Request", "TooLarge", {"limit_bytes": 4096}),
    ("release openclaw -m why", "Request", "InvalidParameter", {"parameter": "gateway"}),
    ("release openclaw -m why", "Request", "UnknownVerb", {"verb": "release"}),
    (
        "release nobody -m why",
        "Request",
        "UnknownGateway",
        {"gateway": "nobody", "message": "no gateway of that name; known: openclaw"},
    ),
    ("ack INC-9", "Request", "UnknownIncident", {"incident": "INC-9"}),
    ("explain INC-9", "Explain", "UnknownIncident", {"incident": "INC-9"}),
    ("probe history openclaw nose", "ProbeHistory", "UnknownProbe", {"gateway": "openclaw", "probe": "nose"}),
    ("status", "Status", "PermissionDenied", {"message": "this uid may not ask"}),
]
REPLIES: list[tuple[str, str, dict[str, Any]]] = [
    ("release openclaw -m why", "Request", REFUSED),
    ("release openclaw -m why", "Request", SIGNABLE),
    ("release openclaw -m why", "Request", FAILED),
    ("release openclaw -m why", "Request", {"outcome": "granted"}),
    ("explain", "Incidents", {"incidents": []}),
    ("explain openclaw", "Incidents", {"incidents": []}),
    ("incident list --like INC-9", "Incidents", {"incidents": []}),
    ("runbook show INC-9", "Incidents", {"incidents": []}),
    ("probe run openclaw http", "ProbeRun", {"look": None}),
]


class Desk:
    """A folder in which everything goes wrong, and commands typed there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.results: list[tuple[str, Result]] = []

    def furnish(self) -> None:
        """Lay out bundles, journals, traces and signatures that are no good."""
        for bundle, text, mode in (("bad", 'gateway = 3\n[x\n"', 0o600), ("open", "[gateway.x]\nunit = 'a'\n", 0o666)):
            (self.folder / f"{bundle}.bundle").mkdir(mode=0o755)
            file = self.folder / f"{bundle}.bundle" / "policy.toml"
            file.write_text(text)
            file.chmod(mode)
        (self.folder / "garbage.journal").mkdir()
        (self.folder / "garbage.journal" / "00000001.sqlite").write_text("no database")
        (self.folder / "garbage.trace").write_text("not json\n")
        (self.folder / "no.sig").write_bytes(b"\xff")

    def type(self, line: str, title: str = "") -> Result:
        """Run a command line, and keep how it ended and what it said on stderr."""
        words = [("why it is so" if word == "why" else word) for word in line.split()]
        environ = {"NO_COLOR": "1", "COLUMNS": "80", "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        environ["XDG_RUNTIME_DIR"] = str(self.folder)
        result = CliRunner().invoke(gatedog, ["--socket", str(self.folder / "control.sock"), *words], env=environ)
        said = result.stderr.replace(str(self.folder), "/run/gatedog")
        aside = f"   # {title}" if title else ""
        self.told.append(f"$ gatedog {line}{aside}\n{said.rstrip()}\n[{result.exit_code}]\n")
        self.results.append((line, result))
        return result


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Provoke every error once, in a folder of a short name."""
    folder = Path(tempfile.mkdtemp(prefix="gd-"))
    before = Path.cwd()
    try:
        os.chdir(folder)
        yield _provoked(Desk(folder))
    finally:
        os.chdir(before)
        shutil.rmtree(folder)


def _provoked(desk: Desk) -> Desk:
    desk.furnish()
    for line in ASKED:
        desk.type(line, "no gatedog runs")
    _leave_a_dead_socket(desk.folder / "control.sock")
    for line in ASKED:
        desk.type(line, "it has ended")
    (desk.folder / "control.sock").unlink()
    daemon = FakeDaemon(desk.folder)
    try:
        _answered(desk, daemon)
    finally:
        daemon.close()
    return desk


def _answered(desk: Desk, daemon: FakeDaemon) -> None:
    nothing_else = {"error": "io.gatedog.Supervisor.Failed", "parameters": {}}
    daemon.answers = defaultdict(lambda: lambda _: [dict(nothing_else)])
    one = daemon.gateway()
    daemon.answer("Status", {"status": daemon.status(one)})
    for line in USAGE:
        desk.type(line)
    desk.type("status nobody")
    desk.type("top nobody")
    for line, method, reply in REPLIES:
        daemon.answer(method, reply)
        desk.type(line)
    for line, method, error, parameters in ANSWERS:
        daemon.fail(method, f"io.gatedog.Supervisor.{error}", **parameters)
        desk.type(line, f"answered {error}")
    daemon.answer("Status", {"status": {"gateways": 3}})
    desk.type("status", "another version")
    daemon.answer("Status", {"status": daemon.status()})
    desk.type("start", "no gateway in the policy")
    daemon.answer("Status", {"status": daemon.status(one, daemon.gateway("mail"))})
    desk.type("start", "two gateways")


def _leave_a_dead_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))


def test_every_error_is_as_it_was_read(desk: Desk, golden: Callable[[str, str], None]) -> None:
    """All error texts stand in one file that a person has read."""
    golden("errors.txt", "\n".join(desk.told))


def test_every_error_says_what_to_type_next(desk: Desk) -> None:
    """No error ends without a command: a `next` line, or the help of the command that was typed."""
    silent = [
        line
        for line, result in desk.results
        if "next: " not in result.stderr and not re.search(r"Try '.*--help' for help", result.stderr)
    ]

    assert silent == ["journal"]  # which is a page of help already


def test_no_error_is_a_traceback_or_a_success(desk: Desk) -> None:
    """Each ends with a code of the contract, and with words."""
    odd = [
        line
        for line, result in desk.results
        if result.exit_code not in {1, 2, 4, 75, 77} or "Traceback" in result.output or not result.stderr.strip()
    ]

    assert odd == []


@pytest.mark.parametrize("line", ["release openclaw", "relase openclaw", "status", "journal verify gone"])
def test_as_json_an_error_is_one_object(line: str, tmp_path: Path) -> None:
    """With --json the same is said on stderr as an object, with the next commands in a list."""
    words = ["--socket", str(tmp_path / "none.sock"), *line.split(), "--json"]
    result = CliRunner().invoke(gatedog, words, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    error = json.loads(result.stderr)["error"]

    assert error["message"]
    assert error["next"]
    assert error.keys() & {"code", "rule"}


@pytest.mark.parametrize(
    ("typed", "meant"), [("relase", "release"), ("stauts", "status"), ("reset_budget", "reset-budget"), ("acks", "ack")]
)
def test_a_typo_is_answered_with_what_was_meant(typed: str, meant: str) -> None:
    """A command that there is not is compared with those that there are."""
    assert f"No such command '{typed}'. Did you mean '{meant}'" in CliRunner().invoke(gatedog, [typed]).stderr


def test_a_typo_is_never_answered_with_what_is_hidden() -> None:
    """Commands that only gatedog's own units run are not offered to people."""
    hidden = [name for name, entry in COMMANDS.items() if entry.hidden]

    assert hidden
    assert not any(f"'{name}'" in CliRunner().invoke(gatedog, [f"{name}x"]).stderr for name in hidden)


def _without_next(source: str) -> list[int]:
    """Return the lines on which a Trouble is made that names no next command."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    troubles = (node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "Trouble")
    return [node.lineno for node in troubles if "next_" not in {word.arg for word in node.keywords}]


@pytest.mark.parametrize("file", sorted(CLI.glob("*.py")), ids=lambda file: file.name)
def test_every_trouble_is_made_with_a_next_command(file: Path) -> None:
    """Whoever writes an error says what comes next."""
    assert _without_next(file.read_text(encoding="utf-8")) == []


def test_a_trouble_without_a_next_command_is_caught() -> None:
    """The check above can fail."""
    assert _without_next('raise Trouble("x")\nraise Trouble("y", next_=("z",))') == [1]
