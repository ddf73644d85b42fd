"""TAB in real shells: what is offered, with names from status.json, and without Python."""

import json
import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from fakedaemon import FakeDaemon

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "packaging" / "completions"
WAIT_S = 30.0
PROGRAMS = ("sh", "sed", "cat", "tr", "ls")
"""All that a TAB may start; ls is what fish itself looks for files with."""
EVIL = "$(touch evil)"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with what a daemon left, and with a PATH that holds sed and no Python."""
    health = {"word": "healthy", "probes": [{"name": "http", "phase": "passing"}]}
    gateways = [FakeDaemon.gateway("openclaw", health=health), FakeDaemon.gateway("mail"), FakeDaemon.gateway(EVIL)]
    incidents = [{"id": "INC-3", "gateway": "mail"}, {"id": "INC-12", "gateway": ""}]
    reply = FakeDaemon.status(*gateways, incidents=incidents, outbox=[{"page": "90.4", "incident": None}])
    (tmp_path / "status.json").write_text(json.dumps(reply) + "\n")
    (tmp_path / "bin").mkdir()
    for program in PROGRAMS:
        found = shutil.which(program)
        assert found is not None
        (tmp_path / "bin" / program).symlink_to(found)
    (tmp_path / "evidence.md").write_text("")
    return tmp_path


def environ(place: Path) -> dict[str, str]:
    """Return the variables of a shell that knows one socket and few programs."""
    return {
        "PATH": str(place / "bin"),
        "HOME": str(place),
        "GATEDOG_SOCKET": str(place / "control.sock"),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
        "PS1": "ready> ",
    }


def shell(name: str) -> str:
    """Return where a shell is, or skip."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return found


def bash(place: Path, *words: str) -> set[str]:
    """Return what bash would offer for the last of these words."""
    code = f'. {SCRIPTS / "gatedog.bash"}; COMP_WORDS=(gatedog "$@"); COMP_CWORD=$#; _gatedog; '
    code += r'[ ${#COMPREPLY[@]} -eq 0 ] || printf "%s\n" "${COMPREPLY[@]}"'
    return _offered([shell("bash"), "--norc", "-c", code, "bash", *words], place)


def fish(place: Path, *words: str) -> set[str]:
    """Return what fish would offer."""
    code = f"source {SCRIPTS / 'gatedog.fish'}; complete -C 'gatedog {' '.join(words)}'"
    return {line.partition("\t")[0] for line in _offered([shell("fish"), "--no-config", "-c", code], place)}


def zsh(place: Path, *words: str) -> set[str]:
    """Return what zsh's completion system would offer: what our function adds to it."""
    code = (
        f"autoload -Uz _gatedog; fpath=({SCRIPTS}); compdef() {{ : }}\n"
        '_describe() { print -rl -- "${(@)${(P)2}%%:*}" }; _files() { print -rl -- "$PREFIX"*(N) }\n'
        'words=(gatedog "$@"); CURRENT=$#words; PREFIX=$words[-1]; _gatedog; _gatedog'
    )
    found = _offered([shell("zsh"), "-f", "-c", code, "zsh", *words], place)
    return {each for each in found if each.startswith(words[-1])}


def _offered(argv: list[str], place: Path) -> set[str]:
    done = subprocess.run(
        argv, env=environ(place), cwd=place, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert done.stderr == ""
    return set(done.stdout.split("\n")) - {""}


@pytest.mark.parametrize("offers", [bash, zsh, fish])
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("sta",), {"start", "status"}),
        (("release", ""), {"openclaw", "mail"}),
        (("release", "-m", "it is mended", "op"), {"openclaw"}),
        (("ack", ""), {"INC-3", "INC-12"}),
        (("ack", "INC-1"), {"INC-12"}),
        (("explain", ""), {"openclaw", "mail", "INC-3", "INC-12"}),
        (("page", "retry", ""), {"90.4"}),
        (("page", "test", "--severity", ""), {"critical", "warning", "info"}),
        (("status", "--ex"), {"--exit-zero"}),
        (("incident", "sh"), {"show"}),
        (("journal", "verify", "ev"), {"evidence.md"}),
        (("release", "mail", ""), set()),
        (("nonsense", "op"), set()),
    ],
)
def test_tab_offers_what_may_follow(offers, place: Path, words: tuple[str, ...], offered: set[str]) -> None:
    """Verbs, options, choices, files, and the names that the daemon wrote down last, in each shell alike."""
    if offers is fish and any(" " in word for word in words):
        words = tuple(f'"{word}"' if " " in word else word for word in words)

    assert offers(place, *words) == offered
    assert not (place / "evil").exists()


@pytest.mark.parametrize("offers", [bash, zsh, fish])
def test_the_socket_that_was_named_says_whose_names(offers, place: Path) -> None:
    """--socket PATH on the line wins over the variable: another daemon has other gateways."""
    other = place / "other"
    other.mkdir()
    (other / "status.json").write_text(json.dumps(FakeDaemon.status(FakeDaemon.gateway("theirs"))))

    assert offers(place, "--socket", f"{other}/control.sock", "release", "") == {"theirs"}


@pytest.mark.parametrize("offers", [bash, zsh, fish])
def test_without_a_daemon_there_are_no_names_and_no_noise(offers, place: Path) -> None:
    """Where nothing was left behind TAB offers nothing, and writes nothing over the prompt."""
    (place / "status.json").unlink()

    assert offers(place, "release", "") == set()


@pytest.mark.parametrize(("name", "argv"), [("bash", ["--norc", "-i"]), ("zsh", ["-f", "-i"])])
def test_a_key_on_a_real_terminal_completes_the_line(name: str, argv: list[str], place: Path) -> None:
    """TAB after `gatedog ack INC-1` and after `gatedog versi` finishes the word, in a shell as a person has it."""
    setup = {
        "bash": f". {SCRIPTS / 'gatedog.bash'}\n",
        "zsh": f"autoload -Uz compinit; compinit -D -u; . {SCRIPTS / '_gatedog'}\n",
    }[name]
    program = shell(name)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(place)
        os.execve(program, [name, *argv], environ(place))
    try:
        _until(terminal, "ready> ")
        os.write(terminal, f"{setup}echo set'-'up\n".encode())
        _until(terminal, "set-up")
        os.write(terminal, b'gatedog() { echo got "$*"; }\n')
        os.write(terminal, b"gatedog ack INC-1\t\n")
        _until(terminal, "got ack INC-12")
        os.write(terminal, b"gatedog versi\t\n")
        _until(terminal, "got version")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def _until(terminal: int, text: str) -> None:
    seen, until = "", time.monotonic() + WAIT_S
    while text not in seen:
        assert time.monotonic() < until, f"waited for {text!r}; seen: {seen!r}"
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 65536).decode(errors="replace")
