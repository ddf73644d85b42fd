"""What of a unit's files may become evidence: what everybody may read, without the values that may be secrets."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchdog.gateway.unitevidence import read_public_file, without_values

UNIT = b"""[Service]
# Environment=IN_A_COMMENT=stays
ExecStart=/usr/bin/nest --environment=stays
Environment=API_TOKEN=s3cret "TWO=s3cret"
  environment = LOWER=s3cret
Environment=FIRST=s3cret \\
# SECOND=in a comment between, stays
   THIRD=s3cret \\
   FOURTH=s3cret
EnvironmentFile=/etc/nest.env
SetCredential=token:s3cret
SetCredentialEncrypted=other: \\
  s3cret
User=nest
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that everybody may enter, as /etc is; pytest's own is private."""
    with tempfile.TemporaryDirectory(prefix="gatedog-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder


def put(folder: Path, *, mode: int = 0o644, name: str = "nest.service") -> Path:
    """Write a unit's file."""
    file = folder / name
    file.write_bytes(b"[Service]\nUser=nest\n")
    file.chmod(mode)
    return file


def test_values_that_may_be_secrets_are_left_out_and_said() -> None:
    """However they are written, and over however many lines; every other line stays as it is."""
    told = without_values(UNIT)

    assert b"s3cret" not in told
    assert told.count(b"[redacted: environment variable]") == 3
    assert told.count(b"[redacted: credential]") == 2
    for line in (b"# Environment=IN_A_COMMENT=stays", b"--environment=stays", b"/etc/nest.env", b"User=nest", b"stays"):
        assert line in told


def test_nothing_is_taken_out_of_an_ordinary_unit() -> None:
    """A unit without such settings is kept byte for byte, whatever its line ends."""
    for text in (b"[Service]\r\nUser=nest\r\n", b"", b"\xff\xfe", b"ExecStart=a \\\n  b\n"):
        assert without_values(text) == text


def test_a_file_that_everybody_may_read_is_kept(open_folder: Path) -> None:
    """The usual unit file, directly and through a link."""
    file = put(open_folder)
    (open_folder / "alias.service").symlink_to(file)

    assert read_public_file(str(file)) == file.read_bytes()
    assert read_public_file(str(open_folder / "alias.service")) == file.read_bytes()


def test_a_secret_is_not_read_through_a_link(open_folder: Path) -> None:
    """Neither a file that not everybody may read, nor one in a folder that not everybody may enter."""
    private = open_folder / "private"
    private.mkdir(mode=0o700)
    for target in (put(open_folder, mode=0o600, name="shadow"), put(private)):
        link = open_folder / f"{target.parent.name}-{target.name}.link"
        link.symlink_to(target)
        said = read_public_file(str(link))
        assert said.startswith(b"not read: not everybody may read")
        assert b"User=nest" not in said


def test_what_is_no_file_is_said_at_once(open_folder: Path) -> None:
    """A pipe, a folder, a device and a name of nothing neither block nor fail."""
    os.mkfifo(open_folder / "pipe", 0o644)

    assert read_public_file(str(open_folder / "pipe")) == b"not read: it is no plain file\n"
    assert read_public_file(str(open_folder)) == b"not read: it is no plain file\n"
    assert read_public_file("/dev/zero") == b"not read: it is no plain file\n"
    assert read_public_file(str(open_folder / "none")) == b"cannot be read: No such file or directory\n"


def test_only_so_much_of_a_file_is_kept(open_folder: Path) -> None:
    """A file of gigabytes is cut."""
    file = put(open_folder)
    with file.open("wb") as large:
        large.truncate(10**9)

    assert len(read_public_file(str(file))) == 64 * 1024
