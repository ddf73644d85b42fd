"""The shipped units: what they promise to each other, to the program, and to whoever reads them."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from watchdog.cli.main import COMMANDS
from watchdog.setup.plan import FILLED_UNITS, PLAIN_UNITS
from watchdog.setup.shipped import shipped, units_folder

ROOT = Path(__file__).parents[2]
UNITS = sorted(path for path in units_folder().iterdir() if path.suffix in (".service", ".timer", ".target"))
SERVICES = [path for path in UNITS if path.suffix == ".service"]
_BLANK = re.compile(r"@[A-Z_]+@")


def settings(text: str, key: str) -> list[str]:
    """Return the values of a setting, in order."""
    return re.findall(rf"^{re.escape(key)}=(.*)$", text, re.MULTILINE)


def test_every_unit_is_installed() -> None:
    """What lies in units/ is what setup puts in place."""
    assert sorted(path.name for path in UNITS) == sorted((*PLAIN_UNITS, *FILLED_UNITS))


def test_the_wheel_carries_the_units() -> None:
    """An installed gatedog has the files that a checkout has."""
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert built["force-include"]["units"] == "watchdog/units"


@pytest.mark.parametrize("name", PLAIN_UNITS)
def test_plain_units_have_no_blanks(name: str) -> None:
    """A unit that is copied as it is has nothing to fill in."""
    assert _BLANK.findall(shipped(name)) == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_every_unit_says_what_it_is(unit: Path) -> None:
    """`systemctl status` shows what a unit is for and where to read on, and that page is installed."""
    text = unit.read_text()

    assert settings(text, "Description")
    assert settings(text, "Documentation") == ["file:/usr/lib/gatedog/owned.txt"]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_every_verb_of_a_unit_exists(unit: Path) -> None:
    """What a unit calls gatedog with is a command of gatedog's."""
    called = re.findall(r"^ExecStart=@GATEDOG@ (\S+)", unit.read_text(), re.MULTILINE)

    assert [verb for verb in called if verb not in COMMANDS] == []


def test_gatedog_gives_up_in_the_end_and_is_tried_again() -> None:
    """The start limit is finite, and a timer tries again after it; nobody is kept from stopping gatedog."""
    unit, retry = shipped("gatedog.service"), shipped("gatedog-retry.service")

    assert settings(unit, "Restart") == ["always"]
    assert int(settings(unit, "StartLimitBurst")[0]) > 0
    assert settings(unit, "StartLimitIntervalSec") not in ([], ["0"], ["infinity"])
    assert settings(unit, "RefuseManualStop") == []
    assert "systemctl reset-failed gatedog.service" in settings(retry, "ExecStart")
    assert "is-failed" in settings(retry, "ExecCondition")[0]


def test_gatedogs_end_ends_no_gateway() -> None:
    """Only the main process is stopped, and socket, tickets and status stay."""
    unit = shipped("gatedog.service")

    assert settings(unit, "KillMode") == ["process"]
    assert settings(unit, "RuntimeDirectoryPreserve") == ["yes"]


def test_gatedog_is_not_blinded() -> None:
    """No setting hides processes, users or the network from the unit that has to see them."""
    unit = shipped("gatedog.service")

    for key in ("ProtectProc", "ProcSubset", "PrivateUsers", "PrivatePIDs", "PrivateNetwork", "IPAddressDeny"):
        assert settings(unit, key) == [], key


def test_a_jit_compiler_can_live_in_a_hardened_gateway() -> None:
    """Memory that is written and executed, and the processor's figures, are left to the gateway."""
    drop_in = shipped("gateway/hardening.conf")

    assert settings(drop_in, "MemoryDenyWriteExecute") == []
    assert settings(drop_in, "ProcSubset") == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_exposure_is_low(unit: Path, tmp_path: Path) -> None:
    """By this machine's systemd, gatedog's exposure is at most 2.2 and that of the others at most 2.0."""
    file = tmp_path / unit.name.replace("@.", "@x.")
    file.write_text(unit.read_text().replace("@GATEDOG@", sys.executable))
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", file],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    score = re.search(r"Overall exposure level for .*: ([\d.]+)", told)

    assert score, told
    assert float(score.group(1)) <= (2.2 if unit.name == "gatedog.service" else 2.0)


def test_break_glass_needs_nothing_of_ours() -> None:
    """The script imports the standard library alone, runs isolated, and can be executed."""
    script = units_folder() / "break-glass"
    imported = set(re.findall(r"^(?:import|from) (\w+)", script.read_text(), re.MULTILINE))

    assert script.read_text().startswith("#!/usr/bin/python3 -I\n")
    assert imported <= sys.stdlib_module_names
    assert script.stat().st_mode & 0o111 == 0o111


@pytest.mark.parametrize("words", [(), ("start",), ("dance", "openclaw"), ("start", "a", "b")])
def test_break_glass_without_sense_prints_its_usage(words: tuple[str, ...]) -> None:
    """Words that make no verb and name are answered with the usage, and nothing is done."""
    done = subprocess.run(
        [sys.executable, "-I", units_folder() / "break-glass", *words], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "break-glass start|stop|unmanage NAME" in done.stderr
