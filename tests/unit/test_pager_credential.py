"""Secrets: who may own the file, what it may hold, and that no error repeats it."""

import os
from pathlib import Path

import pytest

from watchdog.pager.channel import ConfigurationFault
from watchdog.pager.credential import read_secret

CANARY = "s3cret-canary"


def written(path: Path, content: bytes = CANARY.encode() + b"\n", mode: int = 0o600) -> str:
    """Write a file with a mode and return its path."""
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_a_private_file_gives_its_one_line(tmp_path: Path) -> None:
    """The line end is not part of the secret."""
    assert read_secret(written(tmp_path / "token")) == CANARY


def test_the_units_credentials_come_first(tmp_path: Path) -> None:
    """A credential that systemd gave to this service wins over the file of the same name."""
    (tmp_path / "given").mkdir()
    written(tmp_path / "given" / "token", b"from-systemd\n")

    assert read_secret(written(tmp_path / "token"), credentials_directory=str(tmp_path / "given")) == "from-systemd"


def test_a_credential_of_a_whole_folder_is_found(tmp_path: Path) -> None:
    """LoadCredential= of a folder puts the folder's name before the file's."""
    (tmp_path / "given").mkdir()
    written(tmp_path / "given" / "credentials_token", b"from-systemd\n")

    given = str(tmp_path / "given")
    assert read_secret("/etc/gatedog/credentials/token", credentials_directory=given) == "from-systemd"


def test_a_units_credential_may_show_its_access_list(tmp_path: Path) -> None:
    """With User= systemd grants by an access list, which looks like a group that may read; elsewhere it is refused."""
    (tmp_path / "given").mkdir()
    written(tmp_path / "given" / "token", mode=0o440)

    assert read_secret("/nowhere/token", credentials_directory=str(tmp_path / "given")) == CANARY
    for mode in (0o444, 0o460, 0o441):
        written(tmp_path / "given" / "token", mode=mode)
        with pytest.raises(ConfigurationFault, match="open to others"):
            read_secret("/nowhere/token", credentials_directory=str(tmp_path / "given"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_file_open_to_others_is_refused_with_the_command_that_helps(tmp_path: Path, mode: int) -> None:
    """Group and world have no business with a secret, reading or writing."""
    path = written(tmp_path / "token", mode=mode)

    with pytest.raises(ConfigurationFault, match=f"chmod 600 {path}"):
        read_secret(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """Whoever owns the file could read it, or send gatedog's pages with a token of their own."""
    path = written(tmp_path / "token")
    os.chown(path, 12345, 12345)

    with pytest.raises(ConfigurationFault, match="belongs to uid 12345"):
        read_secret(path)


def test_a_link_is_refused(tmp_path: Path) -> None:
    """A link could name any file that only root can read, and gatedog would send it away."""
    (tmp_path / "link").symlink_to(written(tmp_path / "token"))

    with pytest.raises(ConfigurationFault, match="is a symlink"):
        read_secret(str(tmp_path / "link"))


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", f"{CANARY}\r\nX-Forged: 1".encode(), CANARY.encode() + b"\xff", CANARY.encode() * 1000],
    ids=["empty", "only a line end", "two lines", "not ASCII", "too long"],
)
def test_what_is_no_secret_is_refused_without_repeating_it(tmp_path: Path, content: bytes) -> None:
    """The error names the file and never its content, neither itself nor through its cause."""
    with pytest.raises(ConfigurationFault) as caught:
        read_secret(written(tmp_path / "token", content))

    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_a_missing_file_is_a_configuration_fault(tmp_path: Path, name: str) -> None:
    """Retrying does not make a file appear."""
    (tmp_path / "folder").mkdir(mode=0o700)

    with pytest.raises(ConfigurationFault, match=name):
        read_secret(str(tmp_path / name))
