"""One owner for each gateway: a second gatedog is refused, wherever its state lives.

Invariant: the lock is a flock, so the kernel releases it with its holder, however that ends; its place depends on
the gateway alone (unit, or user + command + port) and not on any folder of the instance, because two instances that
fight over one gateway are the spiral gatedog exists to end.
"""

import fcntl
import hashlib
import json
import os
import pwd
import stat
import time
from pathlib import Path

from watchdog.core.policy import GatewayPolicy
from watchdog.core.values import dataclass

_HOLDER_BYTES_MAX = 4096
_HOST_FOLDER = Path("/run/gatedog")


class GatewayLocked(Exception):  # noqa: N818 - the gateway is locked; nothing here is wrong
    """Another gatedog owns the gateway; the text names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayLock:
    """Ownership of one gateway. Not inherited by programs; `release` or the end of the process gives it up."""

    file: Path
    descriptor: int

    def release(self) -> None:
        """Give the gateway up. The file stays: removing it would let two instances lock two files of one name."""
        os.close(self.descriptor)


def acquire_gateway_lock(policy: GatewayPolicy, folder: Path | None = None) -> GatewayLock:
    """Take the gateway, in the host's lock folder unless a test gives another.

    Raises:
        GatewayLocked: another gatedog has it.
        OSError: the lock folder cannot be used, or is not safe.
    """
    place = folder if folder is not None else lock_folder()
    owner = _prepare(place)
    file = place / f"{_key(policy)}.lock"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if owner != os.geteuid():
        os.fchown(descriptor, owner, -1)  # root by hand, beside a gatedog.service that is to open it later
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        sentence = _locked_sentence(policy, os.pread(descriptor, _HOLDER_BYTES_MAX, 0), file)
        os.close(descriptor)
        raise GatewayLocked(sentence) from error
    holder = {"pid": os.getpid(), "since": int(time.time()), "gateway": policy.name}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)
    return GatewayLock(file=file, descriptor=descriptor)


def lock_folder() -> Path:
    """Return the lock folder of this user on this host: for root, and for the user of gatedog.service, the host's."""
    uid = os.geteuid()
    if uid == 0 or _is_own(_HOST_FOLDER):
        return _HOST_FOLDER / "locks"
    for runtime in (os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{uid}"):
        if runtime and Path(runtime).is_dir() and Path(runtime).stat().st_uid == uid:
            return Path(runtime, "gatedog")
    return Path(f"/tmp/gatedog-{uid}")  # noqa: S108 - owner and mode are checked by _prepare


def _is_own(folder: Path) -> bool:
    try:
        return folder.lstat().st_uid == os.geteuid()
    except OSError:
        return False


def _prepare(folder: Path) -> int:
    """Make the folder, make sure that nobody else can put a lock, or a link, in it, and return whose it is."""
    folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    trusted = {os.geteuid()}
    if os.geteuid() == 0 and folder.parent == _HOST_FOLDER:
        trusted.add(_HOST_FOLDER.lstat().st_uid)  # the user of gatedog.service, to whom systemd gave it
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in trusted or status.st_mode & 0o022:
        raise PermissionError(
            f"the lock folder {folder} is not a folder of uid {os.geteuid()} alone, so its locks mean nothing. "
            f"Look at it (ls -ld {folder}), remove it, and start gatedog again"
        )
    return status.st_uid


def _key(policy: GatewayPolicy) -> str:
    """Name the gateway by what it is, not by what the policy calls it."""
    if policy.command is None:
        what = ["unit", policy.unit]
    else:
        what = ["command", str(_uid(policy.command.user)), str(policy.port), *policy.command.argv]
    return hashlib.sha256("\0".join(what).encode("utf-8", errors="surrogateescape")).hexdigest()[:32]


def _uid(user: str) -> int | str:
    """Return the uid, or the name as it stands where there is no such user: the start will refuse it with a reason."""
    try:
        return pwd.getpwnam(user).pw_uid if user else os.geteuid()
    except KeyError:
        return user


def _locked_sentence(policy: GatewayPolicy, holder: bytes, file: Path) -> str:
    try:
        fields = json.loads(holder)
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(fields["since"])))
        who = f"gatedog with pid {int(fields['pid'])}, since {since}, as {fields['gateway']!r}"
    except (ValueError, KeyError, TypeError):
        who = "another gatedog that has just started"
    return (
        f"gateway {policy.name!r} is already supervised by {who} (lock {file}). Two supervisors of one gateway restart "
        f"it against each other. Ask the other: gatedog status; or end it first, then start this one"
    )
