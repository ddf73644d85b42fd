"""Whether a file may be believed."""

import os
from pathlib import Path

import pytest

from watchdog.policyfile.guard import SIZE_MAX, read_guarded
from watchdog.policyfile.problems import PolicyProblems

STRANGER = 4242


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A folder as the guard wants it."""
    folder = tmp_path / "bundle"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    return folder


def believable(folder: Path, raw: bytes = b"x = 1\n", name: str = "policy.toml") -> Path:
    """Write a file as the guard wants it."""
    file = folder / name
    file.write_bytes(raw)
    file.chmod(0o644)
    return file


def refusal(path: Path, euid: int | None = None) -> str:
    """Return the text of the refusal that must come."""
    with pytest.raises(PolicyProblems) as refused:
        read_guarded(path, euid=euid)
    return str(refused.value)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


def test_own_file_is_read(bundle: Path) -> None:
    """A file of ours, in a folder of ours, that nobody else may write, is believed."""
    assert read_guarded(believable(bundle)) == b"x = 1\n"


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_file_others_may_write_is_refused(bundle: Path, mode: int) -> None:
    """Group or world could rewrite the policy: the cure is a chmod."""
    file = believable(bundle)
    file.chmod(mode)

    assert f"Run: chmod go-w {file}" in refusal(file)


def test_folder_others_may_write_is_refused(bundle: Path) -> None:
    """Who may write the folder may replace the file."""
    file = believable(bundle)
    bundle.chmod(0o777)

    assert f"Run: chmod go-w {bundle}" in refusal(file)


def test_sticky_folder_is_no_home_for_a_policy_but_may_be_above_one(bundle: Path) -> None:
    """A shared folder further up is fine when it is sticky, as /tmp is, and only then."""
    inner = bundle / "inner"
    inner.mkdir(mode=0o755)
    file = believable(inner)
    bundle.chmod(0o1777)
    assert read_guarded(file) == b"x = 1\n"

    bundle.chmod(0o777)

    assert f"Run: chmod go-w {bundle}" in refusal(file)


@needs_root
def test_file_of_a_stranger_is_refused(bundle: Path) -> None:
    """Only root and the caller may own the policy."""
    file = believable(bundle)
    os.chown(file, STRANGER, -1)

    assert f"belongs to uid {STRANGER}" in refusal(file)
    assert read_guarded(file, euid=STRANGER) == b"x = 1\n"


@needs_root
def test_folder_of_a_stranger_is_refused_with_all_problems_at_once(bundle: Path) -> None:
    """Owner of the folder and mode of the file are told together."""
    file = believable(bundle)
    file.chmod(0o666)
    os.chown(bundle, STRANGER, -1)

    text = refusal(file)

    assert f"The folder {bundle} belongs to uid {STRANGER}" in text
    assert f"The file {file} can be written by others" in text


def test_own_symlink_is_followed_to_a_guarded_file(bundle: Path, tmp_path: Path) -> None:
    """A link made by root or the caller leads to a file that meets the same rules."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    real = believable(elsewhere)
    link = bundle / "policy.toml"
    link.symlink_to(os.path.join("..", "elsewhere", "policy.toml"))  # noqa: PTH118  a relative link is the point
    assert read_guarded(link) == b"x = 1\n"

    real.chmod(0o666)

    assert "chmod go-w" in refusal(link)


@needs_root
def test_symlink_of_a_stranger_is_refused(bundle: Path) -> None:
    """A link somebody else made is not followed, wherever it leads."""
    believable(bundle, name="real.toml")
    link = bundle / "policy.toml"
    link.symlink_to("real.toml")
    os.chown(link, STRANGER, -1, follow_symlinks=False)

    assert f"symlink made by uid {STRANGER}" in refusal(link)


def test_circle_of_symlinks_ends(bundle: Path) -> None:
    """A link to itself is a problem, not a loop."""
    link = bundle / "policy.toml"
    link.symlink_to("policy.toml")

    assert "symlinks" in refusal(link)


def test_file_too_large_is_refused(bundle: Path) -> None:
    """A policy has a bounded size."""
    assert read_guarded(believable(bundle, b"#" * SIZE_MAX)) == b"#" * SIZE_MAX

    assert "larger than 256 KiB" in refusal(believable(bundle, b"#" * (SIZE_MAX + 1)))


def test_fifo_is_refused_without_waiting(bundle: Path) -> None:
    """What is not a regular file is refused, and opening it never blocks."""
    pipe = bundle / "policy.toml"
    os.mkfifo(pipe, 0o644)

    assert "not a regular file" in refusal(pipe)


def test_missing_file_says_where_it_was_looked_for(bundle: Path) -> None:
    """No file is a problem with the path in it, and so is no folder."""
    assert str(bundle / "policy.toml") in refusal(bundle / "policy.toml")
    assert "cannot be read" in refusal(bundle / "absent" / "policy.toml")
