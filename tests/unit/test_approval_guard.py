"""Which files and programs are believed where an approval hangs on them."""

import os
from pathlib import Path

import pytest

from watchdog.approval.guard import Untrusted, read_trusted, trusted_program

STRANGER = 4242
BYTES_MAX = 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as the guard wants it."""
    made = tmp_path / "etc"
    made.mkdir()
    made.chmod(0o755)
    return made


def believable(folder: Path, raw: bytes = b"x", name: str = "allowed_signers") -> Path:
    """Write a file as the guard wants it."""
    file = folder / name
    file.write_bytes(raw)
    file.chmod(0o644)
    return file


def refusal(path: Path, euid: int | None = None) -> str:
    """Return the text of the refusal that must come."""
    with pytest.raises(Untrusted) as refused:
        read_trusted(path, bytes_max=BYTES_MAX, euid=euid)
    return str(refused.value)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


def test_own_file_is_read(folder: Path) -> None:
    """A file of ours, in folders of ours, is read whole."""
    assert read_trusted(believable(folder, b"x" * BYTES_MAX), bytes_max=BYTES_MAX) == b"x" * BYTES_MAX


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_file_others_may_write_is_refused(folder: Path, mode: int) -> None:
    """Group or world could add themselves: the cure is a chmod."""
    file = believable(folder)
    file.chmod(mode)

    assert f"run: chmod go-w {file}" in refusal(file)


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o1777])
def test_folder_others_may_write_is_refused(folder: Path, mode: int) -> None:
    """Who may write the folder may put another file there; the sticky bit does not help the last folder."""
    file = believable(folder)
    folder.chmod(mode)

    assert f"run: chmod go-w {folder}" in refusal(file)


def test_folder_further_up_that_others_may_write_is_refused(folder: Path) -> None:
    """A stranger could put another folder in the way, however far up."""
    (folder / "gatedog").mkdir(mode=0o755)
    file = believable(folder / "gatedog")
    folder.chmod(0o777)

    assert f"run: chmod go-w {folder}" in refusal(file)


def test_sticky_folder_further_up_is_fine(folder: Path) -> None:
    """In a sticky folder, such as /tmp, nobody can move what another owns."""
    (folder / "gatedog").mkdir(mode=0o755)
    file = believable(folder / "gatedog")
    folder.chmod(0o1777)

    assert read_trusted(file, bytes_max=BYTES_MAX) == b"x"


@needs_root
@pytest.mark.parametrize("whose", ["file", "folder", "sticky folder"])
def test_what_a_stranger_owns_is_refused(folder: Path, whose: str) -> None:
    """File and folders belong to root or to us."""
    (folder / "gatedog").mkdir(mode=0o755)
    file = believable(folder / "gatedog")
    thing = file if whose == "file" else folder
    folder.chmod(0o1777 if whose == "sticky folder" else 0o755)
    os.chown(thing, STRANGER, STRANGER)

    assert f"{thing} belongs to uid {STRANGER}; run: chown root {thing}" in refusal(file)


@needs_root
def test_owner_besides_root_is_the_one_named(folder: Path) -> None:
    """The daemon's own account may own the file; another account's euid may not."""
    file = believable(folder)
    os.chown(file, STRANGER, STRANGER)

    assert read_trusted(file, bytes_max=BYTES_MAX, euid=STRANGER) == b"x"
    assert f"uid {STRANGER}" in refusal(file, euid=STRANGER + 1)


def test_symlink_is_refused_in_the_last_place(folder: Path) -> None:
    """A link could name an old list, believable in itself."""
    old = believable(folder, name="old")
    link = folder / "allowed_signers"
    link.symlink_to(old)

    assert "is a symlink" in refusal(link)


def test_symlink_is_refused_on_the_way(folder: Path) -> None:
    """So could one to a folder of old lists."""
    (folder / "old").mkdir(mode=0o755)
    believable(folder / "old")
    (folder / "gatedog").symlink_to(folder / "old")

    assert f"{folder / 'gatedog'} is a symlink" in refusal(folder / "gatedog" / "allowed_signers")


def test_second_name_is_refused(folder: Path) -> None:
    """A hard link elsewhere is not covered by the folders that were checked."""
    file = believable(folder)
    (folder / "elsewhere").hardlink_to(file)

    assert "has 2 names" in refusal(file)


def test_oversized_file_is_refused(folder: Path) -> None:
    """One byte too many is refused, not cut."""
    assert "larger than" in refusal(believable(folder, b"x" * (BYTES_MAX + 1)))


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_other_than_a_regular_file_is_refused(folder: Path, kind: str) -> None:
    """A folder or a pipe is refused at once: opening a pipe does not wait for a writer."""
    thing = folder / "allowed_signers"
    if kind == "pipe":
        os.mkfifo(thing, 0o600)
    else:
        thing.mkdir()

    assert "not a regular file" in refusal(thing)


@pytest.mark.parametrize("name", ["absent", "absent/file", "plain/file"])
def test_absent_file_is_told(folder: Path, name: str) -> None:
    """A file that is not there is told as that, whatever of its path is missing."""
    believable(folder, name="plain")

    assert "is not there" in refusal(folder / name)


def program(folder: Path, mode: int = 0o755) -> Path:
    """Write a program."""
    file = believable(folder, b"#!/bin/sh\n", "tool")
    file.chmod(mode)
    return file


def test_program_is_found_in_trusted_folders(folder: Path, tmp_path: Path) -> None:
    """A bare name is looked for in the folders given, in their order, and in no other."""
    made = program(folder)

    assert trusted_program("tool", folders=(tmp_path / "none", folder)) == made
    with pytest.raises(Untrusted, match="not found"):
        trusted_program("tool", folders=(tmp_path,))


@pytest.mark.parametrize(("mode", "words"), [(0o777, "can be written"), (0o644, "is no program")])
def test_program_others_may_write_or_nobody_may_run_is_refused(folder: Path, mode: int, words: str) -> None:
    """What a stranger could have written is not run, and a file without the right to run is none."""
    made = program(folder, mode)

    with pytest.raises(Untrusted, match=words):
        trusted_program(str(made))


def test_program_behind_a_link_is_refused(folder: Path) -> None:
    """The file itself is named, not a link to it."""
    (folder / "link").symlink_to(program(folder))

    with pytest.raises(Untrusted, match="symlink"):
        trusted_program("link", folders=(folder,))


@pytest.mark.parametrize("name", ["../tool", "bin/tool"])
def test_program_name_is_no_path(folder: Path, name: str) -> None:
    """A name with a slash that is not absolute would be relative to who knows what."""
    program(folder)

    with pytest.raises(Untrusted, match="neither"):
        trusted_program(name, folders=(folder / "bin",))
