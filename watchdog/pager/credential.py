"""Secrets, read at the moment of use.

Invariant: a secret lives in a local variable of one delivery. It is in no setting, repr, error, log or event, and its
file is believed only if nobody but root or gatedog's own user can read or write it.
"""

import os
import stat

from watchdog.pager.channel import ConfigurationFault, TryLater

SECRET_BYTES_MAX = 4096

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""NOFOLLOW: a link could name any file that only root can read, and gatedog would send it away as a password."""


def read_secret(path: str, *, credentials_directory: str = "") -> str:
    """Return the secret in `path`, without its line end.

    A file of the same base name in `credentials_directory` ($CREDENTIALS_DIRECTORY of the unit) comes first, or
    FOLDER_NAME where a whole folder was loaded: there systemd has already decrypted it for this service alone.

    Raises:
        ConfigurationFault: there is none to be believed; the text says the command that helps.
    """
    open_bits = 0o077
    for given in _given_names(path, credentials_directory):
        if os.path.lexists(given):
            # systemd lets the unit's user read by an access list, whose mask shows as the group's right to read.
            path, open_bits = given, 0o037
            break
    if not path:
        raise ConfigurationFault("no credential file is named; see: gatedog policy check")
    try:
        descriptor = os.open(path, _OPEN)
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise ConfigurationFault(f"credential file {path}: {error.strerror}") from error
    except OSError as error:
        raise _unopened(path, error) from error
    try:
        _check(path, os.fstat(descriptor), open_bits)
        raw = os.read(descriptor, SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise TryLater(f"credential file {path}: {error.strerror}") from error
    finally:
        os.close(descriptor)
    return _text(path, raw)


def _given_names(path: str, credentials_directory: str) -> tuple[str, ...]:
    """Name the places where systemd puts the credential: by its own name, or one of a whole folder by both names."""
    if not credentials_directory:
        return ()
    folder, name = os.path.split(path)
    whole = f"{os.path.basename(folder)}_{name}"  # noqa: PTH119 - plain strings
    return tuple(os.path.join(credentials_directory, each) for each in (name, whole))  # noqa: PTH118 - likewise


def _unopened(path: str, error: OSError) -> ConfigurationFault | TryLater:
    if os.path.islink(path):  # noqa: PTH114 - plain string
        return ConfigurationFault(f"credential file {path} is a symlink; name the file itself")
    return TryLater(f"credential file {path}: {error.strerror}")


def _check(path: str, status: os.stat_result, open_bits: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationFault(f"credential file {path} is not a regular file")
    if status.st_uid not in (0, os.geteuid()):
        raise ConfigurationFault(f"credential file {path} belongs to uid {status.st_uid}; run: chown root {path}")
    if status.st_mode & open_bits:
        raise ConfigurationFault(f"credential file {path} is open to others; run: chmod 600 {path}")


def _text(path: str, raw: bytes) -> str:
    """Refuse what could not be one header or password: a line end inside would let a secret forge a header."""
    if len(raw) > SECRET_BYTES_MAX:
        raise ConfigurationFault(f"credential file {path} is longer than {SECRET_BYTES_MAX} bytes")
    try:
        secret = raw.decode("ascii").rstrip("\r\n")
    except UnicodeDecodeError:
        # From None: the error's own text would carry the bytes.
        raise ConfigurationFault(f"credential file {path} holds more than ASCII text") from None
    if not secret or not secret.isprintable():
        raise ConfigurationFault(f"credential file {path} must hold exactly one non-empty line")
    return secret
