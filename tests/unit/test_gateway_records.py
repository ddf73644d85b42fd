"""Life records on disk, the evidence made of them, and the lock of a gateway."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from watchdog.core.endings import ExitRecord, Sender, SignalSender
from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.gateway.cgroup import _own_folder
from watchdog.gateway.evidence import write_evidence
from watchdog.gateway.gatewaylock import GatewayLocked, acquire_gateway_lock
from watchdog.gateway.image import Image
from watchdog.gateway.lives import LifeFolder, LifeRecord
from watchdog.gateway.unitlife import trace_of

RECORD = LifeRecord(
    gateway=GatewayName("test"),
    life=LifeId(12),
    process=ProcessRef(pid=4711, start_ticks=99, boot=BootId("boot-1")),
    argv=("run", "caf\xe9", "\udc80"),
    directory="/srv",
    user="agent",
    uid=1001,
    environment_names=("PATH", "TOKEN"),
    log="/nowhere/12.log",
)


@pytest.fixture
def folder(tmp_path: Path) -> LifeFolder:
    """Prepare an empty folder of life records."""
    made = LifeFolder(folder=tmp_path / "lives")
    made.prepare()
    return made


def test_record_is_read_as_it_was_written(folder: LifeFolder) -> None:
    """A record survives the disk whole, before and after its life ended, odd bytes in the command included."""
    image = Image(stack=1, code_kib=2, peak_kib=3)
    ended = replace(
        RECORD, ready=True, image=image, exit=ExitRecord(signal="SIGKILL", by=Sender.KERNEL_OOM, last_line="bye")
    )

    folder.write_first(RECORD)
    first = folder.read(LifeId(12))
    folder.write(ended)

    assert first == RECORD
    assert folder.read(LifeId(12)) == ended


def test_what_an_ended_life_left_is_known_by_its_audit_session(folder: LifeFolder) -> None:
    """The session is on record, and marks what is anywhere but in a cgroup; a life without one marks nobody."""
    folder.write(replace(RECORD, audit_session=63, cgroup_name="/system.slice/x.service"))
    known = folder.read(LifeId(12))

    assert known is not None
    assert trace_of(RECORD) == ()
    assert [(mark.audit_session, mark.cgroup, mark.cgroup_id) for mark in trace_of(known)] == [(63, "", 0)]


def test_the_sender_of_a_signal_is_on_record(folder: LifeFolder, tmp_path: Path) -> None:
    """Who sent the signal stands in the record of the life, and in the evidence with its whole cgroup."""
    sender = SignalSender(signal="SIGKILL", pid=7, comm="bash", cgroup="/a/b.scope", unit="b.scope", uid=1000)
    ended = replace(RECORD, exit=ExitRecord(signal="SIGKILL", by=Sender.HUMAN, sent_by=sender))

    folder.write(ended)
    write_evidence(ended, tmp_path / "evidence", 4000)

    assert folder.read(LifeId(12)) == ended
    assert json.loads((tmp_path / "evidence/life.json").read_text())["exit"]["sent_by"]["cgroup"] == "/a/b.scope"


def test_life_is_recorded_once(folder: LifeFolder) -> None:
    """The first record of a life never replaces another: a seq is started once."""
    folder.write_first(RECORD)

    with pytest.raises(FileExistsError):
        folder.write_first(RECORD)


def test_lives_are_listed_newest_first(folder: LifeFolder) -> None:
    """Newest is by number, not by name: 12 is after 9."""
    for life in (9, 100, 12):
        folder.write_first(replace(RECORD, life=LifeId(life)))
    folder.remove(LifeId(100))

    assert folder.lives() == (12, 9)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"life": 12}', "\xff"])
def test_record_cut_short_by_a_power_loss_is_no_record(folder: LifeFolder, text: str) -> None:
    """What cannot be read claims no process, but the life stays counted."""
    (folder.folder / "12.json").write_text(text)

    assert folder.read(LifeId(12)) is None
    assert folder.lives() == (12,)


def test_half_written_records_are_removed(folder: LifeFolder) -> None:
    """Preparing the folder removes what a crash left in the middle of a replacement."""
    (folder.folder / "12.new").write_text("{")

    folder.prepare()

    assert list(folder.folder.iterdir()) == []


def test_evidence_is_complete_and_without_values(tmp_path: Path) -> None:
    """Evidence has the command, the names of variables, the exit and the end of the log."""
    log = tmp_path / "12.log"
    log.write_text("all is lost\n")
    write_evidence(replace(RECORD, log=str(log), exit=ExitRecord(code=9)), tmp_path / "evidence", 4000)

    life = json.loads((tmp_path / "evidence" / "life.json").read_text())
    assert life["exit"] == {"code": 9, "signal": None, "by": "unknown", "last_line": ""}
    assert life["environment_names"] == ["PATH", "TOKEN"]
    assert (tmp_path / "evidence" / "output.log").read_text() == "all is lost\n"


def test_evidence_keeps_its_limit(tmp_path: Path) -> None:
    """All files together stay within the limit, however small."""
    log = tmp_path / "12.log"
    log.write_text("x" * 1000)
    for limit in (0, 10, 700):
        into = tmp_path / str(limit)
        write_evidence(replace(RECORD, log=str(log)), into, limit)

        assert sum(file.stat().st_size for file in into.iterdir()) == limit


def policy(name: str, *argv: str, port: int = 0, user: str = "") -> GatewayPolicy:
    """Describe a child gateway."""
    return GatewayPolicy(name=GatewayName(name), command=CommandPolicy(argv=argv, user=user), port=port)


def test_second_holder_is_refused_and_told_who_holds(tmp_path: Path) -> None:
    """One gateway has one owner, whatever the second calls it; the refusal names the first."""
    first = acquire_gateway_lock(policy("main", "run", port=80), tmp_path / "locks")

    with pytest.raises(GatewayLocked, match=f"pid {os.getpid()}, since .* as 'main'"):
        acquire_gateway_lock(policy("other", "run", port=80), tmp_path / "locks")

    first.release()
    acquire_gateway_lock(policy("other", "run", port=80), tmp_path / "locks").release()


@pytest.mark.parametrize(
    "other",
    [
        policy("main", "run", port=81),
        policy("main", "run", "more", port=80),
        policy("main", "run", port=80, user="somebody"),
        GatewayPolicy(name=GatewayName("main"), unit="run"),
    ],
)
def test_different_gateways_have_different_locks(tmp_path: Path, other: GatewayPolicy) -> None:
    """Another port, command, user or kind is another gateway."""
    first = acquire_gateway_lock(policy("main", "run", port=80), tmp_path / "locks")
    second = acquire_gateway_lock(other, tmp_path / "locks")

    assert first.file != second.file
    first.release()
    second.release()


def test_lock_is_not_inherited(tmp_path: Path) -> None:
    """A program started while the lock is held does not keep it."""
    lock = acquire_gateway_lock(policy("main", "run"), tmp_path / "locks")

    assert not os.get_inheritable(lock.descriptor)
    lock.release()


def test_lock_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    """In a folder of others a lock means nothing, so none is taken."""
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path)

    for name in ("locks", "link"):
        with pytest.raises(PermissionError, match="its locks mean nothing"):
            acquire_gateway_lock(policy("main", "run"), tmp_path / name)


MOUNTS = """\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
41 31 0:38 {root} /sys/fs/cgroup/unified rw shared:1 - cgroup2 cgroup2 rw
"""


@pytest.mark.parametrize(
    ("own", "root", "expected"),
    [
        ("/", "/", "/sys/fs/cgroup/unified/"),
        ("/system.slice/gatedog.service", "/", "/sys/fs/cgroup/unified/system.slice/gatedog.service"),
        ("/docker/abc/x", "/docker/abc", "/sys/fs/cgroup/unified/x"),
        ("/docker/abc", "/docker/abc", "/sys/fs/cgroup/unified"),
        ("/docker/abcdef", "/docker/abc", None),
        ("/../other", "/", None),
        ("/x", "/..", None),
    ],
)
def test_own_cgroup_is_found_below_its_mount_or_not_at_all(own: str, root: str, expected: str | None) -> None:
    """Bind mounts shift the path, namespaces may hide it, and hidden means no cgroup."""
    found = _own_folder(own, MOUNTS.format(root=root))

    assert found == (None if expected is None else Path(expected))
