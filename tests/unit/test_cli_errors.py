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

import click
import pytest
from asked_core import answering
from click.testing import CliRunner, Result
from error_lines import ANSWERS, ASKED, ASKS, PROGRAMS, REPLIES, USAGE, WHO
from fakedaemon import FakeDaemon
from loosening import record_trace
from printed_commands import parse

from watchdog.cli.main import COMMANDS, LazyGroup, gatedog
from watchdog.cli.setup import need_bundle, to_be_removed
from watchdog.core.identity import GatewayName
from watchdog.core.policy import CommandPolicy, GatewayPolicy, Policy
from watchdog.policyfile.guard import SIZE_MAX
from watchdog.setup.host import Host

CLI = Path(__file__).parents[2] / "watchdog" / "cli"


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
        (self.folder / "large.bundle").mkdir()
        (self.folder / "large.bundle" / "policy.toml").write_text("#" * (SIZE_MAX + 1))
        (self.folder / "sections.md").write_text("## Cause\n\nTwo owners.\n")
        spiral = Policy(gateways=(GatewayPolicy(name=GatewayName("main"), command=CommandPolicy(argv=("agent",))),))
        (self.folder / "night.state").mkdir()
        record_trace("moto-death-spiral", spiral, self.folder / "night.state" / "journal")

    def type(self, line: str, title: str = "") -> Result:
        """Run a command line, and keep how it ended and what it said on stderr."""
        words = [("why it is so" if word == "why" else word) for word in line.split()]
        environ = {"NO_COLOR": "1", "COLUMNS": "80", "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        environ["XDG_RUNTIME_DIR"] = str(self.folder)
        result = CliRunner().invoke(gatedog, ["--socket", str(self.folder / "control.sock"), *words], env=environ)
        return self._keep(line, title, result)

    def provoke(self, line: str, call: Callable[[], object], title: str) -> Result:
        """Keep how a command line ends of which only this part can be played here: the rest is the host's."""

        @click.command(cls=LazyGroup, invoke_without_command=True)
        def host() -> None:
            call()

        return self._keep(line, title, CliRunner().invoke(host, [], env={"NO_COLOR": "1"}))

    def _keep(self, line: str, title: str, result: Result) -> Result:
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
    desk.provoke("setup codes", lambda: need_bundle(Host(root=desk.folder)), "nothing is set up")
    desk.provoke("setup remove", lambda: to_be_removed(None, ()), "nothing is set up")
    desk.provoke("setup remove", lambda: to_be_removed(None, ("openclaw", "mail")), "two gateways")
    desk.provoke("setup remove openclow", lambda: to_be_removed("openclow", ("openclaw", "mail")), "two gateways")
    desk.type("status nobody")
    desk.type("top nobody")
    for line, method, reply in REPLIES:
        daemon.answer(method, reply)
        desk.type(line)
    for who, line in ASKS:
        _decided(desk, daemon, who, line)
    for line, method, error, parameters in ANSWERS:
        daemon.fail(method, f"io.gatedog.Supervisor.{error}", **parameters)
        desk.type(line, f"answered {error}")
    daemon.answer("Status", {"status": {"gateways": 3}})
    desk.type("status", "another version")
    daemon.answer("Status", {"status": daemon.status()})
    desk.type("start", "no gateway in the policy")
    daemon.answer("Status", {"status": daemon.status(one, daemon.gateway("mail"))})
    desk.type("start", "two gateways")


def _decided(desk: Desk, daemon: FakeDaemon, who: str, line: str) -> None:
    origin = "supervised" if who == "agent" else "human"
    daemon.answers["Request"] = answering(who)
    daemon.answer("WhoAmI", {"who": {**WHO, "origin": origin}})
    daemon.answer("Events", {"record": None})
    desk.type(line, f"by {who}")


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


def test_every_next_command_can_be_typed(desk: Desk) -> None:
    """It is a command and nothing else, and where it is one of ours the command line takes it."""
    commands = {
        each for _, result in desk.results for each in re.findall(r"^  next: (.*)$", result.stderr, re.MULTILINE)
    }
    ours = {each for each in commands if each.removeprefix("sudo ").startswith("gatedog ")}
    refused = []
    for each in sorted(ours):
        try:
            parse(each)
        except click.exceptions.Exit:
            continue  # a page of help
        except click.ClickException as error:
            refused.append((each, error.format_message()))

    assert refused == []
    assert {each.split()[0] for each in commands - ours} <= PROGRAMS


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
