"""Who could replace a program: links, folders and files on the way to it."""

import os
from pathlib import Path

import pytest

from watchdog.setup.trust import exposed_path, exposed_tree

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="what belongs to root can only be made by root")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a tree with one program in it."""
    (tmp_path / "opt/bin").mkdir(parents=True)
    (tmp_path / "opt/bin/program").write_text("")
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755)
    return tmp_path


@needs_root
def test_root_owned_program_is_fine(root: Path) -> None:
    """A program that only root can write, through a link of root's, has no fault."""
    (root / "usr").symlink_to("opt")
    (root / "opt/bin/link").symlink_to("../bin/program")

    assert list(exposed_path(Path("/opt/bin/program"), root)) == []
    assert list(exposed_path(Path("/opt/bin/link"), root)) == []


@needs_root
@pytest.mark.parametrize("exposed", ["opt", "opt/bin", "opt/bin/program"])
def test_anything_on_the_way_counts(root: Path, exposed: str) -> None:
    """A folder above that others can write is as good as the file."""
    (root / exposed).chmod(0o775)

    assert list(exposed_path(Path("/opt/bin/program"), root)) == [
        f"/{exposed} can be written by others than root (mode 0775)"
    ]


@needs_root
def test_other_owner_is_named(root: Path) -> None:
    """What belongs to somebody else is theirs, whatever its mode; a link of theirs, too."""
    os.chown(root / "opt/bin/program", 1234, 0)
    (root / "opt/bin/link").symlink_to("program")
    os.chown(root / "opt/bin/link", 4321, 0, follow_symlinks=False)

    assert list(exposed_path(Path("/opt/bin/link"), root)) == [
        "/opt/bin/link is a link made by uid 4321",
        "/opt/bin/program belongs to uid 1234",
    ]


@needs_root
def test_sticky_folder_is_fine(root: Path) -> None:
    """In a sticky folder nobody replaces what root owns."""
    (root / "opt").chmod(0o1777)

    assert list(exposed_path(Path("/opt/bin/program"), root)) == []


def test_missing_program_is_told(root: Path) -> None:
    """What is not there cannot be trusted."""
    assert "/opt/bin/nothing is not there" in list(exposed_path(Path("/opt/bin/nothing"), root))


@needs_root
def test_one_file_deep_in_an_environment_is_found(root: Path) -> None:
    """Every file of an environment counts, since any of them may be imported."""
    (root / "opt/lib/deep").mkdir(parents=True)
    module = root / "opt/lib/deep/module.py"
    module.write_text("")

    assert list(exposed_tree(root / "opt")) == []
    module.chmod(0o666)
    assert list(exposed_tree(root / "opt")) == [f"{module} can be written by others than root (mode 0666)"]
