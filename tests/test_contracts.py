"""What holds between the parts: floors and rooms, the installed distribution, the scripts at the root."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ("gatedog", "check", ".ci/run")
DEPENDENCIES_RECORD = ROOT / "docs" / "adr" / "0011-one-library-one-room.md"


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of pyproject.toml on the package in `folder`."""
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def skeleton(folder: Path, modules: dict[str, str]) -> Path:
    """Make a package with the project's contracts and these modules."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    for path, text in {"__init__.py": "", "core/__init__.py": "", **modules}.items():
        file = folder / "watchdog" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(text)
    return folder


def rivals(names: Iterable[str]) -> list[str]:
    """Return the distributions that bring an import package `watchdog` of their own."""
    return [name for name in names if re.sub(r"[-_.]+", "-", name).lower() == "watchdog"]


def test_imports_keep_to_the_floors() -> None:
    """A room imports only from floors below it, and the core imports nothing that reaches outside."""
    result = lint_imports(ROOT)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "modules",
    [
        {"gateway/child.py": "import watchdog.sensors.probe", "sensors/probe.py": ""},
        {"core/engine.py": "import watchdog.journal.store", "journal/store.py": ""},
        {"core/engine.py": "import time"},
        {"attic/old.py": ""},
    ],
    ids=["same floor", "upwards", "clock in the core", "room without a floor"],
)
def test_broken_contract_is_caught(tmp_path: Path, modules: dict[str, str]) -> None:
    """The contracts fail on a package that breaks them."""
    result = lint_imports(skeleton(tmp_path, modules))

    assert result.returncode != 0, result.stdout


def test_kept_contract_passes(tmp_path: Path) -> None:
    """The skeleton of the test above is fine without the fault."""
    modules = {"journal/store.py": "import sqlite3\nimport watchdog.core.engine", "core/engine.py": "import math"}

    result = lint_imports(skeleton(tmp_path, modules))

    assert result.returncode == 0, result.stdout


def test_no_other_watchdog_is_installed() -> None:
    """Another distribution of that import name would overwrite our files (docs/adr/0010)."""
    assert rivals(found.name for found in distributions()) == []


def test_other_watchdog_is_caught() -> None:
    """The rival is known by any spelling of its name; our own name is not it."""
    assert rivals(["gatedog", "Watchdog", "watchdog-extras"]) == ["Watchdog"]


def test_every_dependency_is_accounted_for() -> None:
    """Each library of pyproject.toml has its row, with room, reason and licence, in the record of dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["systemd"], *extras["web"]]
    names = {re.split(r"[<>=!~ \[]", requirement, maxsplit=1)[0] for requirement in wanted}
    rows = set(re.findall(r"^\| `([a-z]+)` \|", DEPENDENCIES_RECORD.read_text(), re.MULTILINE))

    assert rows == names


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_can_be_run(script: str) -> None:
    """The scripts are executable and bash understands them."""
    file = ROOT / script

    assert os.access(file, os.X_OK)
    assert subprocess.run(["bash", "-n", file], check=False).returncode == 0


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_scripts_are_clean() -> None:
    """Shellcheck finds nothing."""
    files = [*SCRIPTS, "packaging/venv.sh"]
    result = subprocess.run(["shellcheck", "-x", *files], cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout
