"""The command line where no daemon is asked: policy, journal, paths, and how a command becomes a daemon's options."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from watchdog import __version__
from watchdog.cli import output
from watchdog.cli.daemon import daemon_words, name_for
from watchdog.cli.durationtype import duration
from watchdog.cli.main import gatedog
from watchdog.cli.paths import Surroundings, claim_folder
from watchdog.cli.trouble import Trouble
from watchdog.core.events import Stamp, Stamped, SupervisorStopping
from watchdog.core.identity import BootId, Seq
from watchdog.core.timeline import Usec
from watchdog.daemon.invocation import options_of, rules_for
from watchdog.daemon.options import CannotRun
from watchdog.journal.store import Journal

POLICY = """
[gateway.agent]
command = ["/bin/agent", "serve"]
"""


def gd(*words: str) -> Result:
    """Run a command line."""
    return CliRunner().invoke(gatedog, list(words))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Make a bundle with one gateway."""
    tmp_path.chmod(0o700)
    (tmp_path / "policy.toml").write_text(POLICY)
    return tmp_path


@pytest.fixture
def journal_folder(tmp_path: Path) -> Path:
    """Make a journal of three records whose writer has gone."""
    folder = tmp_path / "journal"
    journal = Journal.create(folder, journal_id="j", machine_id="m")
    for seq in (1, 2, 3):
        stamp = Stamp(seq=Seq(seq), wall_usec=Usec(seq * 60_000_000), boot=BootId("b"), uptime_usec=Usec(seq))
        journal.append(Stamped(stamp=stamp, event=SupervisorStopping(reason=f"number {seq}")))
    journal.commit()
    journal.close()
    return folder


def test_good_policy_is_summed_up(bundle: Path) -> None:
    """A policy that can be adopted is said to be OK, with what it rules."""
    result = gd("policy", "check", str(bundle))

    assert result.exit_code == 0
    assert result.stdout.startswith(f"OK  {bundle}/policy.toml")
    assert "agent: /bin/agent serve" in result.stdout


def test_bad_policy_is_told_with_all_its_problems(bundle: Path) -> None:
    """All problems come at once, each with its line, and the exit code is 1."""
    (bundle / "policy.toml").write_text(POLICY + "porrt = 3\nport = -1\n")
    result = gd("policy", "check", str(bundle))

    assert result.exit_code == 1
    assert "2 problems" in result.stderr
    assert "policy.toml:4" in result.stderr
    assert "policy.toml:5" in result.stderr


def test_bad_policy_as_json(bundle: Path) -> None:
    """A refused policy is an error object."""
    (bundle / "policy.toml").write_text("x")
    result = gd("policy", "check", str(bundle), "--json")

    assert json.loads(result.stderr)["error"]["code"] == "policy"


def test_journal_is_verified(journal_folder: Path) -> None:
    """A whole journal is OK; as JSON with its numbers."""
    told = json.loads(gd("journal", "verify", str(journal_folder), "--json").stdout)

    assert gd("journal", "verify", str(journal_folder)).stdout.startswith("OK")
    assert (told["intact"], told["records"], told["last_seq"]) == (True, 3, 3)


def test_missing_journal_is_told(tmp_path: Path) -> None:
    """No journal is an error with a next command."""
    result = gd("journal", "verify", str(tmp_path / "none"))

    assert result.exit_code == 1
    assert "next: " in result.stderr


def test_events_are_read_beside_the_grave(journal_folder: Path) -> None:
    """The journal of a dead daemon is told without asking anybody."""
    told = gd("events", "--journal", str(journal_folder), "-n", "2").stdout

    assert [number for number in (1, 2, 3) if f"number {number}" in told] == [2, 3]


def test_events_of_a_journal_since(journal_folder: Path) -> None:
    """--since reaches into a journal that is read directly."""
    assert gd("events", "--journal", str(journal_folder), "--since", "1h", "--json").stdout == ""


def test_explain_of_a_journal_needs_an_incident(journal_folder: Path) -> None:
    """Reading directly, only an incident can be named; one that no record names is said to be unknown."""
    assert gd("explain", "--journal", str(journal_folder)).exit_code == 2
    assert gd("explain", "--journal", str(journal_folder), "INC-9").exit_code == 1


def test_root_keeps_to_the_systems_places() -> None:
    """Root follows no XDG variable, which under sudo may be another's."""
    root = Surroundings(environ={"XDG_RUNTIME_DIR": "/run/user/1000", "XDG_STATE_HOME": "/home/a"}, uid=0)

    assert root.state_folder() == Path("/var/lib/gatedog")
    assert root.state_folder("one") == Path("/var/lib/gatedog/one")
    assert root.runtime_folder("one") == Path("/run/gatedog/one")


def test_user_keeps_to_their_own_places() -> None:
    """Everybody else has XDG's places, or those that XDG says to fall back to."""
    user = Surroundings(environ={"XDG_RUNTIME_DIR": "/run/user/1000", "HOME": "/home/a"}, uid=1000)
    bare = Surroundings(environ={"HOME": "/home/a"}, uid=1000)

    assert user.state_folder("one") == Path("/home/a/.local/state/gatedog/one")
    assert user.runtime_folder("one") == Path("/run/user/1000/gatedog/one")
    assert bare.runtime_folder("one") == Path("/tmp/gatedog-1000/one")  # noqa: S108 - the place under test


def test_folder_of_a_stranger_is_not_used() -> None:
    """A folder below /tmp that another user made first is refused."""
    with pytest.raises(Trouble, match="belongs to somebody else"):
        claim_folder(Path("/tmp/one"), uid=os.geteuid() + 1)  # noqa: S108 - the place under test


@pytest.mark.parametrize(
    ("program", "name"),
    [("/usr/bin/My_Agent.py", "my-agent-py"), ("node", "node"), ("./7zip", "gateway-7zip"), ("--", "gateway")],
)
def test_program_gives_the_name(program: str, name: str) -> None:
    """`run` without --name is named after its program."""
    assert name_for(program) == name


def test_rules_of_a_bundle_hold_for_a_command_line(bundle: Path) -> None:
    """`run --config` takes the gateway's rules from the bundle and the command from the command line."""
    (bundle / "policy.toml").write_text(POLICY + '[gateway.agent.stop]\ntimeout = "7s"\n')
    policy, _, _ = rules_for("agent", bundle, ("/bin/other",))

    assert policy.gateways[0].stop.timeout_usec == 7_000_000
    assert policy.gateways[0].command is not None
    assert policy.gateways[0].command.argv == ("/bin/other",)


def test_bundle_without_rules_for_the_name_is_refused(bundle: Path) -> None:
    """Rules that were named but do not cover the gateway are an error, not the defaults."""
    with pytest.raises(CannotRun, match=r"no \[gateway.other\](.|\n)*next: gatedog policy check"):
        rules_for("other", bundle, ("/bin/other",))


def test_words_arrive_at_the_daemon_as_they_were_typed(bundle: Path) -> None:
    """A value or a command may look like an option, or hold spaces; what was not typed is left out."""
    folders = {"--state": Path("state of mine"), "--runtime": Path("--")}
    command = ("/bin/other", "--state", "--", "a b")

    watched = options_of(daemon_words("run", {"--name": "agent", "--config": bundle, **folders}, command))
    ruled = watched.policy.gateways[0].command
    assert ruled is not None
    assert ruled.argv == command
    assert (watched.state_folder, watched.runtime_folder) == (Path("state of mine"), Path("--"))
    assert (watched.bundle, watched.foreground_command) == (None, True)

    ruling = options_of(daemon_words("daemon", {"--config": bundle, **folders}))
    assert [gateway.name for gateway in ruling.policy.gateways] == ["agent"]
    assert (ruling.bundle, ruling.foreground_command) == (bundle, False)


@pytest.mark.parametrize(
    "words",
    [
        *((), ("daemon",), ("status", "--state", "s", "--runtime", "r"), ("daemon", "--state", "s", "--runtime")),
        *(("daemon", "--state", "s", "--runtime", "r", "x"), ("run", "--state", "s", "--runtime", "r", "--", "x")),
        *(("run", "--name", "n", "--state", "s", "--runtime", "r"),),
    ],
)
def test_words_of_a_person_are_sent_to_the_command_line(words: tuple[str, ...]) -> None:
    """Who starts the daemon's module by hand is told what to type."""
    with pytest.raises(CannotRun, match=r"only for gatedog itself\n  next: gatedog daemon --help"):
        options_of(words)


def test_bad_rules_are_told_with_what_to_type(bundle: Path) -> None:
    """All problems of a bundle, and of a command line, come with the next command."""
    (bundle / "policy.toml").write_text(POLICY + "porrt = 3\nport = -1\n")
    folders = {"--state": Path("s"), "--runtime": Path("r")}

    with pytest.raises(CannotRun, match=rf"(?s)^2 problems.*policy.toml:4.*policy.toml:5.*policy check {bundle}$"):
        options_of(daemon_words("daemon", {"--config": bundle, **folders}))
    with pytest.raises(CannotRun, match=r"(?s)command line: .*next: gatedog run --help$"):
        options_of(daemon_words("run", {"--name": "No Name", **folders}, ("x",)))


def test_run_needs_a_command() -> None:
    """Nothing to run is a usage error."""
    assert gd("run", "--name", "x").exit_code == 2


def test_duration_needs_a_unit() -> None:
    """A bare number is no duration on the command line either."""
    assert duration("2h 30m") == 9_000_000_000
    with pytest.raises(click.BadParameter):
        duration("60")


def test_colour_is_never_forced() -> None:
    """Something that is not a terminal gets no colour."""
    assert not output.wants_colour({"TERM": "xterm"})


def test_version() -> None:
    """Both ways to ask name the version."""
    assert gd("--version").stdout == gd("version").stdout == f"gatedog {__version__}\n"


def test_unknown_command_is_a_usage_error() -> None:
    """A command that does not exist exits 2."""
    assert gd("frobnicate").exit_code == 2


def run_python(*words: str, check: str) -> str:
    """Run a command line in a fresh interpreter and evaluate an expression after it."""
    code = (
        f"import sys; from watchdog.cli.main import gatedog; gatedog({words!r}, standalone_mode=False); print({check})"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


def test_status_loads_nothing_heavy(tmp_path: Path) -> None:
    """`gatedog status` loads no event loop, no database, no third party but click, and none of the core's types."""
    heavy = ("asyncio", "sqlite3", "asyncvarlink", "apscheduler", "tenacity", "psutil", "watchdog.core.state", "ssl")
    words = ("--socket", str(tmp_path / "none.sock"), "status")
    loaded = run_python(*words, check=f"[name for name in {heavy!r} if name in sys.modules]")

    assert loaded.strip() == "[]"


def test_closed_pipe_is_no_error() -> None:
    """A reader that has gone ends the command without a word on stderr."""
    code = "import sys; from watchdog.cli.main import main; sys.argv[1:] = ['version']; sys.exit(main())"
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        ended = subprocess.run(
            [sys.executable, "-c", code], stdout=stdout, stderr=subprocess.PIPE, check=False, timeout=60
        )

    assert (ended.returncode, ended.stderr) == (141, b"")


def test_terminal_without_unicode_gets_letters(tmp_path: Path) -> None:
    """Output that cannot show the signs gets plain ones."""
    code = "from watchdog.cli.output import say; say('\\u25cf ok \\u2026\\n')"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True, timeout=60)

    assert ended.stdout == b"* ok ...\n"
