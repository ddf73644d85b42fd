"""Who sent a signal: records of a kernel taken apart, and what follows from them."""

from dataclasses import replace
from pathlib import Path

import pytest

from watchdog.core.endings import Sender, SignalSender
from watchdog.core.identity import BootId, GatewayName, LifeId, ProcessRef
from watchdog.core.timeline import MINUTE, SECOND
from watchdog.origin.marks import LifeMark
from watchdog.sensors.signals.cgroupnames import SEARCH_USEC, CgroupNames
from watchdog.sensors.signals.judging import Ended, Standing, describe, find_signal, judge, unit_of
from watchdog.sensors.signals.perf import PerfRefused
from watchdog.sensors.signals.samples import SignalSample, count_lost, parse_sample, parse_traced
from watchdog.sensors.signals.senders import SeenSender, plain
from watchdog.sensors.signals.tracepoints import find_tracepoints

KILLED = bytes.fromhex(
    "0900000001005800333a0000333a00003369783b7c1500003400000005010102333a0000090000000000000000000000"
    "736c6565700000000000000000000000323a0000010000000000000000000000"
    "0100000000000000"
)
"""Linux 6.18, x86_64: /bin/kill -9 of a `sleep`, from the root cgroup."""
LOST = bytes.fromhex("0200000001001800" + "2a00000000000000" + "0700000000000000")

MAIN = ProcessRef(pid=500, start_ticks=1, boot=BootId("b"))
LIFE = "/system.slice/openclaw.service"
MARK = LifeMark(
    gateway=GatewayName("openclaw"), life=LifeId(7), cgroup_id=77, cgroup=LIFE, process=MAIN, audit_session=63
)
ENDED = Ended(
    mark=MARK, uid=1001, signal=9, since_usec=0, at_usec=5 * MINUTE, number=500, command=("openclaw", "gateway")
)
OWN = Standing(pid=40, cgroup="/system.slice/gatedog.service")
SAMPLE = SignalSample(at_usec=5 * MINUTE - SECOND, signal=9, target=500, sender=4711, cgroup_id=3, by_kernel=False)


def seen(cgroup: str = "", **changes: object) -> SeenSender:
    """Make a sender; `changes` of its sample and of itself."""
    sample = {name: value for name, value in changes.items() if name in SignalSample.__dataclass_fields__}
    rest = {name: value for name, value in changes.items() if name not in sample}
    return SeenSender(sample=replace(SAMPLE, **sample), cgroup=cgroup, **rest)  # type: ignore[arg-type] - each test names real fields


def test_a_record_says_who_signalled_whom() -> None:
    """Sender, target, signal, time and the sender's cgroup are all in the kernel's record."""
    assert parse_sample(KILLED) == SignalSample(
        at_usec=23623317874, signal=9, target=14898, sender=14899, cgroup_id=1, by_kernel=False
    )
    assert parse_traced(KILLED) == 14899


def test_what_the_kernel_sent_has_no_sender() -> None:
    """Whoever ran on the processor when memory ran out, or a timer fired, has sent nothing."""
    record = bytearray(KILLED)
    record[44:48] = (0x80).to_bytes(4, "little")
    sample = parse_sample(bytes(record))

    assert sample is not None
    assert (sample.by_kernel, sample.sender, sample.cgroup_id) == (True, 0, 0)


@pytest.mark.parametrize("pid", [0, -1])
def test_a_sender_that_cannot_be_seen_is_no_pid(pid: int) -> None:
    """From outside of our pid namespace the kernel gives 0, or -1 for one that is gone."""
    sample = parse_sample(KILLED[:8] + pid.to_bytes(4, "little", signed=True) + KILLED[12:])

    assert sample is not None
    assert sample.sender == 0


@pytest.mark.parametrize("length", range(0, len(KILLED), 4))
def test_a_record_that_is_cut_off_is_none(length: int) -> None:
    """Nothing is guessed from half a record, and nothing raises."""
    assert parse_sample(KILLED[:length]) is None


def test_lost_records_are_counted() -> None:
    """The kernel says how many it had no room for."""
    assert (count_lost(LOST), parse_sample(LOST), parse_traced(LOST)) == (7, None, None)
    assert count_lost(KILLED) == 0


SESSION = "/user.slice/user-1000.slice/session-3.scope"
WHO = [
    (seen(LIFE, cgroup_id=77), Sender.SUPERVISED),
    (seen(f"{LIFE}/tools", cgroup_id=78), Sender.SUPERVISED),
    (seen("", cgroup_id=77), Sender.SUPERVISED),
    (seen(f"{LIFE}-other"), Sender.UNKNOWN),
    (seen(SESSION, lineage=(4711, 600, 500, 1)), Sender.SUPERVISED),
    (seen(SESSION, audit_session=63), Sender.SUPERVISED),
    (seen(sender=500), Sender.SELF),
    (seen(sender=500, signal=6), Sender.UNKNOWN),
    (seen(sender=40, cgroup_id=9), Sender.GATEDOG),
    (seen(SESSION), Sender.HUMAN),
    (seen(f"{SESSION}/tmux"), Sender.HUMAN),
    (seen("/user.slice/user-1001.slice/session-4.scope"), Sender.UNKNOWN),
    (seen(SESSION, uid=1001), Sender.UNKNOWN),
    (seen("/user.slice/user-1001.slice/user@1001.service/session-3.scope"), Sender.UNKNOWN),
    (seen("/system.slice/evil.service/user.slice/user-1000.slice/session-3.scope"), Sender.SECOND_MANAGER),
    (seen("/user.slice/user-1000.slice/user@1000.service/app.slice/pm2.service"), Sender.SECOND_MANAGER),
    (seen("/user.slice/user-1000.slice/user@1000.service/app.slice/vte-spawn.scope"), Sender.UNKNOWN),
    (seen("/system.slice/cron.service"), Sender.SECOND_MANAGER),
    (seen("/system.slice/run-r1.service", command=("openclaw", "gateway")), Sender.PEER_INSTANCE),
    (seen(LIFE, cgroup_id=77, command=("openclaw", "gateway")), Sender.SUPERVISED),
    (seen("/init.scope", sender=1), Sender.HOST),
    (seen("/init.scope"), Sender.UNKNOWN),
    (seen("/system.slice/gatedog.service"), Sender.UNKNOWN),
    (seen("/system.slice/docker-4f.scope"), Sender.UNKNOWN),
    (seen(""), Sender.UNKNOWN),
    (seen("", sender=0), Sender.UNKNOWN),
    (seen("", sender=0, cgroup_id=0, by_kernel=True), Sender.UNKNOWN),
]


@pytest.mark.parametrize(("sender", "expected"), WHO, ids=lambda each: getattr(each, "cgroup", None))
def test_a_sender_is_judged_by_where_it_is(sender: SeenSender, expected: Sender) -> None:
    """The life's cgroup, tree and audit session come first; then gatedog, other instances, sessions and units."""
    assert judge(sender, ENDED, OWN) is expected


def test_a_cgroup_that_gatedog_is_in_itself_marks_nobody() -> None:
    """Without a cgroup of its own, a life is told from strangers by its process tree alone."""
    shared = replace(ENDED, mark=replace(MARK, cgroup="/", cgroup_id=1, audit_session=0xFFFFFFFF))
    assert judge(seen("/", cgroup_id=1), shared, replace(OWN, cgroup="/")) is Sender.UNKNOWN
    assert judge(seen("/", cgroup_id=1, lineage=(4711, 500)), shared, replace(OWN, cgroup="/")) is Sender.SUPERVISED


def test_another_life_of_a_child_gateway_is_another_instance() -> None:
    """Lives of one gateway lie beside each other below gatedog's own cgroup."""
    lives = "/system.slice/gatedog.service/gatedog-main-1f"
    ended = replace(ENDED, mark=replace(MARK, cgroup=f"{lives}/life-7"))

    assert judge(seen(f"{lives}/life-9"), ended, OWN) is Sender.PEER_INSTANCE
    assert judge(seen("/system.slice/gatedog.service/gatedog-other-1f/life-2"), ended, OWN) is Sender.UNKNOWN


def test_the_signal_that_began_the_ending_is_picked() -> None:
    """A process that handles a signal and then sends it to itself was ended by the first sender."""
    first = seen(SESSION, signal=15, at_usec=5 * MINUTE - 9 * SECOND)
    itself = seen(sender=500, signal=15, at_usec=5 * MINUTE - SECOND)
    by_term = replace(ENDED, signal=15)

    assert find_signal((itself, first), by_term) == first
    assert find_signal((itself,), by_term) == itself
    assert find_signal((itself, first), replace(ENDED, signal=None)) == first


@pytest.mark.parametrize(
    "other",
    [
        seen(signal=15),
        seen(target=501),
        seen(at_usec=MINUTE),
        seen(at_usec=4 * MINUTE + 40 * SECOND),
    ],
)
def test_other_signals_explain_nothing(other: SeenSender) -> None:
    """Another signal, another target, one long ago, and one before this process had its number."""
    assert find_signal((other,), replace(ENDED, since_usec=4 * MINUTE + 50 * SECOND)) is None


def test_a_user_signal_explains_no_exit_status() -> None:
    """A program that ends with a status after SIGUSR1 was not asked to end by that."""
    assert find_signal((seen(signal=10),), replace(ENDED, signal=None)) is None


def test_a_sender_is_written_down_with_its_unit() -> None:
    """People are told pid, name and unit; the whole cgroup is for the record."""
    assert describe(seen(SESSION, comm="bash", uid=1000)) == SignalSender(
        signal="SIGKILL", pid=4711, comm="bash", cgroup=SESSION, unit="session-3.scope", uid=1000
    )


def test_the_outermost_unit_is_the_senders() -> None:
    """Whoever is given a cgroup names what is below it, so that is not believed."""
    assert unit_of("/system.slice/gw.service/session-3.scope") == "gw.service"
    assert unit_of("/user.slice") == ""


def test_a_name_is_no_place_for_a_sentence() -> None:
    """The sender chose its name, and it is printed near commands: no spaces, quotes or control characters."""
    assert plain("sh -c 'rm *'\n\x1b[2J", 20) == "sh?-c??rm????" + "?" + "?2J"


def test_cgroups_are_found_by_their_inode(tmp_path: Path) -> None:
    """A cgroup that nobody named is searched for, and its name outlives it."""
    now = [0]
    folder = tmp_path / "user.slice/session-3.scope"
    folder.mkdir(parents=True)
    number = folder.stat().st_ino
    names = CgroupNames(tmp_path, lambda: now[0])

    assert names.name(number) == "/user.slice/session-3.scope"
    folder.rmdir()
    assert names.name(number) == "/user.slice/session-3.scope"
    assert names.name(tmp_path.stat().st_ino + 10**9) == ""


def test_searches_are_rare(tmp_path: Path) -> None:
    """A flood of unknown cgroups costs one search a quarter of a second; a path that is told costs none."""
    now = [0]
    names = CgroupNames(tmp_path, lambda: now[0])
    assert names.name(1) == ""
    (tmp_path / "a.service").mkdir()
    number = (tmp_path / "a.service").stat().st_ino

    assert names.name(number) == ""
    assert names.learn("/a.service") == number
    assert names.name(number) == "/a.service"
    (tmp_path / "b.service").mkdir()
    now[0] = SEARCH_USEC
    assert names.name((tmp_path / "b.service").stat().st_ino) == "/b.service"


def test_without_cgroups_nothing_has_a_name() -> None:
    """A host without cgroup2 has ids that mean nothing."""
    assert CgroupNames(None, lambda: 0).name(5) == ""


def test_tracepoints_are_read_from_tracefs_or_from_roots_note(tmp_path: Path) -> None:
    """Root reads the numbers itself, and leaves them in a file for who may not; without either, the reason is given."""
    note = tmp_path / "tracepoints"
    with pytest.raises(PerfRefused, match="mount -t tracefs"):
        find_tracepoints((tmp_path / "none",), note)
    note.write_text("261\n260\n")
    assert find_tracepoints((tmp_path / "none",), note) == (261, 260)
    for name, number in (("signal_generate", 5), ("signal_deliver", 6)):
        folder = tmp_path / "tracing/events/signal" / name
        folder.mkdir(parents=True)
        (folder / "id").write_text(f"{number}\n")
    assert find_tracepoints((tmp_path / "tracing",), note) == (5, 6)


@pytest.mark.parametrize("text", ["", "261\n", "a b", "1 2 3"])
def test_a_note_that_is_no_two_numbers_is_none(tmp_path: Path, text: str) -> None:
    """A kernel without the tracepoint leaves half a note."""
    note = tmp_path / "tracepoints"
    note.write_text(text)
    with pytest.raises(PerfRefused):
        find_tracepoints((), note)
