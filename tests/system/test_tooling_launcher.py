"""./gatedog makes its .venv once, whatever happens in between.

A stand-in for python3 makes "environments" out of shell scripts, so nothing is downloaded and every call is counted.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]

PYTHON = """#!/bin/bash
# The stand-in for python3, before and inside of the environment.
echo "$*" >> "$CALLS"
case "$*" in
*"import ensurepip"*) exit "${NO_ENSUREPIP:-0}" ;;
"-m venv "*)
    folder=${!#}
    mkdir -p "$folder/bin"
    cp "$0" "$folder/bin/python"
    printf '#!%s/bin/python\\n' "$folder" > "$folder/bin/pip"
    ;;
"-m pip install "*)
    [ -z "${NO_NETWORK-}" ] || exit 1
    printf '#!/bin/bash\\necho "gatedog $*"\\n' > "$(dirname "$0")/gatedog"
    chmod +x "$(dirname "$0")/gatedog"
    ;;
esac
"""


class Checkout:
    """A copy of what ./gatedog needs, with stand-ins first in PATH."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        (self.root / "packaging").mkdir(parents=True)
        for name in ("gatedog", "packaging/venv.sh", "pyproject.toml"):
            shutil.copy(ROOT / name, self.root / name)
        self.calls = folder / "calls"
        self.stand_ins = folder / "bin"
        self.stand_ins.mkdir()
        self.stand_in("python3", PYTHON)

    def stand_in(self, name: str, text: str) -> None:
        """Put a program first in PATH."""
        file = self.stand_ins / name
        file.write_text(text)
        file.chmod(0o755)

    def begin(self, *words: str, program: Path | None = None, **environment: str) -> "subprocess.Popen[str]":
        """Start ./gatedog from another folder."""
        path = f"{self.stand_ins}:{os.environ['PATH']}"
        return subprocess.Popen(
            [program or self.root / "gatedog", *words],
            cwd="/",
            env={**os.environ, "PATH": path, "CALLS": str(self.calls), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, program: Path | None = None, **environment: str) -> tuple[int, str, str]:
        """Run ./gatedog to its end: exit code, output, what it said."""
        process = self.begin(*words, program=program, **environment)
        out, said = process.communicate(timeout=60)
        return process.returncode, out, said

    def installs(self) -> int:
        """Count the installs so far."""
        return sum(" install " in call for call in self.python_calls())

    def python_calls(self) -> list[str]:
        """Return all calls of python3 so far."""
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout without .venv."""
    return Checkout(tmp_path)


def test_first_run_makes_the_environment_and_the_second_is_quiet(checkout: Checkout) -> None:
    """The first run says what it does on stderr; the second calls no Python and says nothing."""
    code, out, said = checkout.run("status", "--json")
    assert (code, out) == (0, "gatedog status --json\n")
    assert "first run: making .venv" in said
    calls = checkout.python_calls()

    assert checkout.run("status", "--json") == (0, "gatedog status --json\n", "")
    assert checkout.python_calls() == calls


def test_symlink_leads_to_the_checkout(checkout: Checkout, tmp_path: Path) -> None:
    """A link in somebody's ~/bin works, and makes nothing beside itself."""
    link = tmp_path / "elsewhere" / "gatedog"
    link.parent.mkdir()
    link.symlink_to(checkout.root / "gatedog")

    code, out, _ = checkout.run("x", program=link)

    assert (code, out) == (0, "gatedog x\n")
    assert list(link.parent.iterdir()) == [link]


def test_failed_install_is_not_taken_for_a_good_one(checkout: Checkout) -> None:
    """After a failure nothing is marked as done, and the next run tries again."""
    code, out, said = checkout.run("x", NO_NETWORK="1")
    assert (code, out) == (1, "")
    assert "nothing was marked as done" in said

    assert checkout.run("x")[:2] == (0, "gatedog x\n")


def test_changed_project_is_installed_again(checkout: Checkout) -> None:
    """A new dependency arrives with the next run."""
    checkout.run("x")
    with (checkout.root / "pyproject.toml").open("a") as file:
        file.write("# changed\n")

    code, _, said = checkout.run("x")

    assert (code, checkout.installs()) == (0, 2)
    assert "up to date" in said


def test_moved_checkout_is_made_anew(checkout: Checkout) -> None:
    """The scripts of an environment hold its path, so a moved one is useless."""
    checkout.run("x")
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))

    code, _, _ = checkout.run("x")

    assert code == 0
    assert str(checkout.root) in (checkout.root / ".venv" / "bin" / "pip").read_text()


def test_two_at_once_install_once(checkout: Checkout) -> None:
    """The second one waits for the first and then just runs."""
    started = [checkout.begin(word) for word in ("a", "b")]

    ended = [process.communicate(timeout=60)[0] for process in started]

    assert ended == ["gatedog a\n", "gatedog b\n"]
    assert checkout.installs() == 1


def test_missing_ensurepip_is_one_command_for_a_user(checkout: Checkout) -> None:
    """Debian splits it off: who is not root gets the command to run."""
    checkout.stand_in("id", "#!/bin/sh\necho 1000\n")

    code, _, said = checkout.run("x", NO_ENSUREPIP="1")

    assert code == 1
    assert "sudo apt-get install -y python3-venv" in said


def test_missing_ensurepip_is_installed_for_root(checkout: Checkout) -> None:
    """Root gets it installed, and is told."""
    checkout.stand_in("id", "#!/bin/sh\necho 0\n")
    checkout.stand_in("apt-get", '#!/bin/sh\necho "apt-get $*" >> "$CALLS"\n')

    code, _, said = checkout.run("x", NO_ENSUREPIP="1")

    assert code == 0, said
    assert "installing python3-venv with apt" in said
    assert any(call.startswith("apt-get install") for call in checkout.python_calls())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_of_somebody_else_is_said(checkout: Checkout) -> None:
    """A folder that cannot be written is named, with what to do."""
    checkout.root.chmod(0o555)

    code, _, said = checkout.run("x")
    checkout.root.chmod(0o755)

    assert code == 1
    assert f"cannot write to {checkout.root}" in said


DEV_TARGET = 'source packaging/venv.sh; venv_caller=check; venv_dev_target "$PWD"'


def dev_target(checkout: Checkout, **environment: str) -> tuple[str, str]:
    """Ask what a developer's environment is to hold: the answer, and what was said."""
    path = f"{checkout.stand_ins}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", DEV_TARGET],
        cwd=checkout.root,
        env={**os.environ, "PATH": path, "CALLS": str(checkout.calls), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, done.stderr


def test_check_has_pystemd_where_it_can_be_compiled(checkout: Checkout) -> None:
    """With compiler, headers and library there, nothing is said and nothing is installed."""
    for name in ("gcc", "pkg-config"):
        checkout.stand_in(name, "#!/bin/sh\n")

    assert dev_target(checkout) == (".[dev,systemd]", "")


def test_check_goes_on_without_pystemd_for_who_may_not_install(checkout: Checkout) -> None:
    """Not root, and libsystemd's headers are missing: the one command is said, and the rest is tested all the same."""
    checkout.stand_in("gcc", "#!/bin/sh\n")
    checkout.stand_in("pkg-config", "#!/bin/sh\nexit 1\n")
    checkout.stand_in("id", "#!/bin/sh\necho 1000\n")
    target, said = dev_target(checkout)

    assert target == ".[dev]"
    assert "sudo apt-get install -y libsystemd-dev" in said


def test_root_gets_what_is_missing_and_tries_again_next_time(checkout: Checkout) -> None:
    """As root the packages are installed; when that fails, the check goes on without pystemd and says so."""
    checkout.stand_in("gcc", "#!/bin/sh\n")
    checkout.stand_in("id", "#!/bin/sh\necho 0\n")
    checkout.stand_in("pkg-config", '#!/bin/sh\n[ -e "$CALLS.here" ]\n')
    checkout.stand_in("apt-get", '#!/bin/sh\n[ -z "$NO_NETWORK" ] && touch "$CALLS.here"\n')

    target, said = dev_target(checkout, NO_NETWORK="1")
    assert target == ".[dev]"
    assert "going on without it" in said
    assert dev_target(checkout, NO_NETWORK="")[0] == ".[dev,systemd]"
    assert dev_target(checkout, NO_NETWORK="1") == (".[dev,systemd]", "")


def test_an_environment_of_check_serves_the_command_line(checkout: Checkout) -> None:
    """What ./check installed is not installed again by ./gatedog, with pystemd or without; nor the other way round."""
    checkout.run("x")
    stamp = (checkout.root / ".venv" / "stamp-run").read_text()
    for target in (".[dev]", ".[dev,systemd]"):
        (checkout.root / ".venv" / "stamp-run").unlink(missing_ok=True)
        (checkout.root / ".venv" / "stamp-dev").write_text(f"{stamp.rpartition(' ')[0]} {target}")
        assert checkout.run("x")[0] == 0

    assert checkout.installs() == 1
