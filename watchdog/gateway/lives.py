"""What the disk knows about each life, so that the next daemon can claim what this one started (law 4).

Invariant: the record of a life is complete, with pid and start ticks, before its program runs: the launcher waits
behind a gate until it is written. A record is replaced whole (rename), and only the daemon's user can write one: no
descriptor of it is ever inherited, because whoever may edit a record chooses which process gatedog kills next.
Deliberately not here: any judgement; a record whose process is gone is simply a life that ended.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from watchdog.core.endings import ExitRecord, Sender, SignalSender
from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef
from watchdog.core.peer import UNSET_ID
from watchdog.core.values import dataclass
from watchdog.gateway.image import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeRecord:
    """One life as started. Names of environment variables only: their values may be secrets."""

    gateway: GatewayName
    life: LifeId
    process: ProcessRef
    argv: tuple[str, ...]
    directory: str
    user: str
    uid: int
    environment_names: tuple[str, ...]
    log: str
    cgroup_folder: str = ""
    """Where the life's cgroup is meant to be; whether its processes are in it, only the kernel can say."""
    cgroup_name: str = ""
    ready: bool = False
    invocation: str = ""
    """Of a life of a unit: systemd's id of this run, by which its journal finds the lines of it."""
    image: Image | None = None
    """What its process was last seen to execute."""
    audit_session: int = UNSET_ID
    """Of a life of a unit: the audit session that systemd gave it by PAMName=."""
    exit: ExitRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeFolder:
    """The records of one gateway, one file each, named by life."""

    folder: Path

    def prepare(self) -> None:
        """Make the folder and remove half-written records.

        Raises:
            OSError: the state folder cannot be written.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for stale in self.folder.glob("*.new"):
            stale.unlink(missing_ok=True)

    def write_first(self, record: LifeRecord) -> None:
        """Write the record of a life whose program has not begun: half of it is as good as nothing then.

        Raises:
            OSError: it could not be written, or there is one.
        """
        descriptor = os.open(self._file(record.life), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, _encode(record).encode("ascii"))
        finally:
            os.close(descriptor)

    def write(self, record: LifeRecord) -> None:
        """Replace the record of a life. Not synced: after a power cut the process is gone as well.

        Raises:
            OSError: it could not be written; the old record, if any, stands.
        """
        target = self._file(record.life)
        fresh = target.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, _encode(record).encode("ascii"))
        finally:
            os.close(descriptor)
        fresh.rename(target)

    def has(self, life: LifeId) -> bool:
        """Tell whether a life of this number was ever started."""
        return self._file(life).exists()

    def read(self, life: LifeId) -> LifeRecord | None:
        """Read one record; None when there is none, or a power cut left no readable one."""
        try:
            text = self._file(life).read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return None
        try:
            return _decode(json.loads(text))
        except (ValueError, KeyError, TypeError):
            return None

    def lives(self) -> tuple[LifeId, ...]:
        """List the lives on record, newest first."""
        numbers = [int(file.stem) for file in self.folder.glob("*.json") if file.stem.isdigit()]
        return tuple(LifeId(number) for number in sorted(numbers, reverse=True))

    def remove(self, life: LifeId) -> None:
        """Forget a life."""
        self._file(life).unlink(missing_ok=True)

    def _file(self, life: LifeId) -> Path:
        return self.folder / f"{life}.json"


def _encode(record: LifeRecord) -> str:
    ended = record.exit
    return json.dumps(
        {
            "gateway": record.gateway,
            "life": record.life,
            "pid": record.process.pid,
            "start_ticks": record.process.start_ticks,
            "boot": record.process.boot,
            "argv": record.argv,
            "directory": record.directory,
            "user": record.user,
            "uid": record.uid,
            "environment_names": record.environment_names,
            "log": record.log,
            "cgroup_folder": record.cgroup_folder,
            "cgroup_name": record.cgroup_name,
            "ready": record.ready,
            "invocation": record.invocation,
            "image": None if record.image is None else asdict(record.image),
            "audit_session": record.audit_session,
            "exit": None if ended is None else exit_as_json(ended),
        },
        ensure_ascii=True,
    )


def exit_as_json(ended: ExitRecord) -> dict[str, Any]:
    """Spell an ending for a record or for evidence."""
    said = {"code": ended.code, "signal": ended.signal, "by": ended.by.value, "last_line": ended.last_line}
    return said if ended.sent_by is None else {**said, "sent_by": asdict(ended.sent_by)}


def _decode(fields: dict[str, Any]) -> LifeRecord:
    ended, image = fields["exit"], fields.get("image")  # records of versions before have no image
    sent_by = None if ended is None else ended.get("sent_by")
    return LifeRecord(
        gateway=GatewayName(fields["gateway"]),
        life=LifeId(fields["life"]),
        process=ProcessRef(pid=fields["pid"], start_ticks=fields["start_ticks"], boot=BootId(fields["boot"])),
        argv=tuple(fields["argv"]),
        directory=fields["directory"],
        user=fields["user"],
        uid=fields["uid"],
        environment_names=tuple(fields["environment_names"]),
        log=fields["log"],
        cgroup_folder=fields["cgroup_folder"],
        cgroup_name=fields["cgroup_name"],
        ready=fields["ready"],
        invocation=fields.get("invocation", ""),  # records written before units were owned have none
        image=None if image is None else Image(**image),
        audit_session=fields.get("audit_session", UNSET_ID),
        exit=None
        if ended is None
        else ExitRecord(
            code=ended["code"],
            signal=ended["signal"],
            by=Sender(ended["by"]),
            last_line=ended["last_line"],
            sent_by=None if sent_by is None else SignalSender(**sent_by),
        ),
    )
