"""Code that changed under a running process."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from watchdog.core.identity import GatewayName, ProcessRef
from watchdog.core.observations import CodeObserved
from watchdog.origin.procfs import read_boot, read_stat
from watchdog.sensors.freshness import (
    CHANGED_MAX,
    FILES_MAX,
    Freshness,
    code_of_command,
    code_places,
    read_running,
    read_version,
)

pytestmark = pytest.mark.system

MAIN = GatewayName("main")
SCRIPT = "import time\nprint('up', flush=True)\ntime.sleep(600)\n"


def package(folder: Path, version: str = "1.0.0") -> Path:
    """Lay out a package as npm does, and return its script."""
    root = folder / "node_modules" / "agent"
    (root / "dist").mkdir(parents=True, exist_ok=True)
    (root / "package.json").write_text(json.dumps({"name": "agent", "version": version}))
    (folder / "node_modules" / ".package-lock.json").write_text("{}")
    (folder / "package.json").write_text("{}")
    script = root / "agent.py"
    script.write_text(SCRIPT)
    make_old(folder)
    return script


def make_old(folder: Path) -> None:
    """Give all in a folder times of last year, so that no change is too quick to be told from the time before."""
    last_year = time.time() - 366 * 86_400
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (last_year, last_year))


@contextmanager
def running(*argv: str, cwd: Path | None = None) -> Iterator[ProcessRef]:
    """Run a program until the body is done; it has begun when it says so."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=cwd) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield read_stat(process.pid).reference(read_boot())
        finally:
            process.kill()


def changed(fresh: Freshness) -> tuple[str, ...]:
    """Return what changed."""
    found = fresh.look()
    assert found is not None
    return found.changed


def test_a_program_that_hides_its_command_line_is_known_by_the_policys(tmp_path: Path) -> None:
    """OpenClaw writes a title over its own words: what it was started with says where its code lies."""
    script = package(tmp_path)
    places = code_of_command((sys.executable, str(script)), str(tmp_path))
    manifest = script.parent / "package.json"
    with running(sys.executable, "-c", SCRIPT) as process:
        blind, seeing = Freshness(MAIN, process), Freshness(MAIN, process, places)
        assert (changed(blind), changed(seeing)) == ((), ())
        manifest.write_text(json.dumps({"name": "agent", "version": "2.0.0"}))

        assert str(manifest) in places
        assert (changed(blind), changed(seeing)) == ((), (str(manifest),))


def test_code_that_nobody_touched_is_fresh(tmp_path: Path) -> None:
    """The same code at every look."""
    script = package(tmp_path)
    with running(sys.executable, str(script)) as process:
        fresh = Freshness(MAIN, process)

        assert (changed(fresh), changed(fresh)) == ((), ())


def replace_package(script: Path) -> str:
    """Update as npm does: new inodes, times of 1985, even the same sizes."""
    manifest = script.with_name("package.json")
    new = manifest.with_name("new")
    new.write_text(manifest.read_text().replace("1.0.0", "1.0.1"))
    os.utime(new, (499_162_500, 499_162_500))
    new.rename(manifest)
    return str(manifest)


def touch_script(script: Path) -> str:
    """Edit the script in place."""
    script.write_text(SCRIPT + "# new\n")
    return str(script)


def fill_dist(script: Path) -> str:
    """Put another file into dist."""
    (script.parent / "dist" / "chunk-2.js").touch()
    return str(script.parent / "dist")


def install_more(script: Path) -> str:
    """Let npm write its lockfile."""
    lock = script.parents[1] / ".package-lock.json"
    lock.write_text('{"more": 1}')
    return str(lock)


def remove_script(script: Path) -> str:
    """Uninstall."""
    script.unlink()
    return str(script)


@pytest.mark.parametrize("update", [replace_package, touch_script, fill_dist, install_more, remove_script])
def test_an_update_under_a_running_process_is_seen(tmp_path: Path, update: Callable[[Path], str]) -> None:
    """The file is named, and stays named until the process has gone."""
    script = package(tmp_path)
    with running(sys.executable, str(script)) as process:
        fresh = Freshness(MAIN, process)
        before = changed(fresh)
        # A folder's time of change may be as coarse as a tick.
        time.sleep(0.02)
        place = update(script)

        assert before == ()
        assert place in changed(fresh)
        assert place in changed(fresh)


def test_versions_are_told(tmp_path: Path) -> None:
    """Which one runs, and which one the next restart will run."""
    script = package(tmp_path)
    with running(sys.executable, str(script)) as process:
        fresh = Freshness(MAIN, process)
        fresh.look()
        replace_package(script)
        found = fresh.look()

    assert isinstance(found, CodeObserved)
    assert found.detail == "agent 1.0.0 runs, 1.0.1 is on disk"


def test_a_replaced_program_is_seen_whatever_its_times(tmp_path: Path) -> None:
    """The kernel knows that the file which runs is another one than the one of that name."""
    program = tmp_path / "agent"
    program.write_bytes(Path("/bin/sleep").read_bytes())
    program.chmod(0o755)
    with subprocess.Popen([str(program), "600"]) as process:
        ref = read_stat(process.pid).reference(read_boot())
        while os.readlink(f"/proc/{process.pid}/exe") != str(program):  # noqa: PTH115 - until it has begun
            time.sleep(0.001)
        new = tmp_path / "new"
        new.write_bytes(program.read_bytes())
        new.rename(program)
        found = changed(Freshness(MAIN, ref))
        program.unlink()
        gone = changed(Freshness(MAIN, ref))
        process.kill()

    assert (found, gone) == ((str(program),), (str(program),))


@pytest.mark.parametrize("linked", [True, False])
def test_a_life_adopted_late_is_judged_by_the_times(tmp_path: Path, linked: bool) -> None:
    """A file whose inode changed long after the start is named; one that merely got another link is not."""
    script = package(tmp_path)
    if linked:
        os.link(script, tmp_path / "store")  # as pnpm and uv keep their packages
    with running(sys.executable, str(script)) as process:
        age_ticks = 600 * os.sysconf("SC_CLK_TCK")
        if process.start_ticks <= age_ticks:
            pytest.skip("this host is too young to have old processes")
        found = changed(Freshness(MAIN, replace(process, start_ticks=process.start_ticks - age_ticks)))

    assert (str(script) in found) == (not linked)


def test_a_virtual_environment_is_its_distributions(tmp_path: Path) -> None:
    """An installed or removed distribution is other code; nothing inside is read."""
    root = tmp_path / "venv"
    packages = root / "lib" / "python3.11" / "site-packages"
    (packages / "agent-1.0.dist-info").mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "pyvenv.cfg").write_text("home = /usr\n")
    script = root / "bin" / "agent"
    script.write_text(SCRIPT)
    make_old(root)
    with running(sys.executable, str(script)) as process:
        fresh = Freshness(MAIN, process)
        before = changed(fresh)
        (packages / "agent-1.0.dist-info").rename(packages / "agent-1.1.dist-info")
        after = changed(fresh)

    assert before == ()
    assert str(packages / "agent-1.0.dist-info") in after


def test_a_thousand_changes_are_eight_names(tmp_path: Path) -> None:
    """What is told is bounded, and so is what is looked at."""
    extra = tuple(str(tmp_path / f"f{number}") for number in range(FILES_MAX + 10))
    for path in extra[:100]:
        Path(path).touch()
    with running(sys.executable, "-c", SCRIPT) as process:
        fresh = Freshness(MAIN, process, extra)
        fresh.look()
        for path in extra[:100]:
            Path(path).write_text("new")

        assert len(changed(fresh)) == CHANGED_MAX


def test_a_manifest_is_read_as_text_and_within_bounds(tmp_path: Path) -> None:
    """Links to anything, pipes, bombs and texts of megabytes are no version."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bomb").write_text("[" * 100_000)
    (tmp_path / "long").write_text('{"version": "' + "1" * 300_000 + '"}')
    (tmp_path / "odd").write_text('{"version": {"a": 1}}')
    (tmp_path / "good").write_text('{"version": "2.0\\n\\u001b[31m"}')

    assert [read_version(str(tmp_path / name)) for name in ("pipe", "bomb", "long", "odd", "gone")] == [""] * 5
    assert read_version(str(tmp_path / "good")) == "2.0 [31m"


def test_a_process_that_is_gone_runs_nothing() -> None:
    """No answer, and no exception."""
    with subprocess.Popen(["true"]) as process:
        ref = read_stat(process.pid).reference(read_boot())

    assert read_running(ref) is None
    assert Freshness(MAIN, ref).look() is None


def test_a_relative_script_is_found_from_the_working_folder(tmp_path: Path) -> None:
    """`node index.js` in a folder is the index.js there."""
    script = package(tmp_path)
    with running(sys.executable, script.name, cwd=script.parent) as process:
        found = read_running(process)

    assert found is not None
    assert str(script) in tuple(code_places(found))
