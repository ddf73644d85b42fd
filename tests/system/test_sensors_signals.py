"""Who sent the signal, with real processes: the kernel's word for each way in which a child gateway is killed."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from signal_stage import NAME, SignalStage, play, run_in, stage, until, witness_of

from watchdog.core.decisions import StopGateway
from watchdog.core.endings import Sender
from watchdog.core.identity import ActionId, LifeId
from watchdog.core.rules import RuleId
from watchdog.gateway.process import has_ended
from watchdog.origin import procfs
from watchdog.origin.marks import LifeMark
from watchdog.sensors.signals.judging import unit_of
from watchdog.sensors.signals.perf import PerfRefused
from watchdog.sensors.signals.tracepoints import TRACEFS, find_tracepoints
from watchdog.sensors.signals.witness import SEEN_MAX, SignalWitness, Tracepoints, is_host_namespace

pytestmark = pytest.mark.system

LIMIT_BYTES = 64 << 20
STEADY = "touch ready; while :; do sleep 0.01; done"
POLITE = "trap 'exit 0' TERM; touch ready; while :; do sleep 0.01; done"
AGAIN = "trap 'trap - TERM; kill -TERM $$' TERM; touch ready; while :; do sleep 0.01; done"
DEAF = "trap : USR1; touch ready; while :; do sleep 0.01; done"
ON_GO = "touch ready; while [ ! -e go ]; do sleep 0.01; done; "


@pytest.fixture(scope="module")
def tracepoints(tmp_path_factory: pytest.TempPathFactory) -> Tracepoints:
    """Give the kernel's numbers; where tracefs is not mounted, it is for a moment."""
    folder, mounted = tmp_path_factory.mktemp("tracefs"), False
    if not any((each / "events").is_dir() for each in TRACEFS):
        mount = subprocess.run(["mount", "-t", "tracefs", "tracefs", folder], capture_output=True, check=False)
        mounted = mount.returncode == 0
    try:
        found = find_tracepoints((*TRACEFS, folder))
    except PerfRefused as refused:
        pytest.skip(str(refused))
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)
    return found


@pytest.fixture
def place() -> Iterator[Path]:
    """Give the folder of a cgroup called other.service, for senders that are not of the gateway."""
    mount = procfs.find_cgroup_mount()
    if mount is None or os.geteuid() != 0:
        pytest.skip("there is no cgroup2 here, or it is not ours to write")
    above = mount / procfs.read_cgroup(os.getpid()).lstrip("/") / f"gatedog-senders-{secrets.token_hex(4)}"
    folder = above / "other.service"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    yield folder
    folder.rmdir()
    above.rmdir()


THREAD = (
    "import os, sys, threading; t = threading.Thread(target=os.kill, args=(int(sys.argv[1]), 9)); t.start(); t.join()"
)
BY_PIDFD = "import os, signal, sys; signal.pidfd_send_signal(os.pidfd_open(int(sys.argv[1])), signal.SIGKILL)"
WAYS = {
    "kill": ("/bin/kill", "-9"),
    "shell builtin": ("/bin/sh", "-c", "kill -9 $0"),
    "pidfd": (sys.executable, "-c", BY_PIDFD),
    "thread": (sys.executable, "-c", THREAD),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_stranger_is_named(tmp_path: Path, tracepoints: Tracepoints, place: Path, way: str) -> None:
    """However the signal is sent, its sender's pid, cgroup and unit are on record."""
    senders: list[int] = []

    async def act(made: SignalStage) -> None:
        senders.append(await run_in(place, *WAYS[way], str(made.pid)))

    ended = play(tmp_path, tracepoints, STEADY, act)

    assert ended.sent_by is not None
    assert (ended.signal, ended.sent_by.signal, ended.sent_by.pid) == ("SIGKILL", "SIGKILL", senders[0])
    assert ended.sent_by.cgroup.endswith("/other.service")
    assert ended.sent_by.unit == unit_of(ended.sent_by.cgroup)
    inside_a_unit = bool(unit_of(procfs.read_cgroup(os.getpid())))
    assert ended.by is (Sender.UNKNOWN if inside_a_unit else Sender.SECOND_MANAGER)


def test_a_sender_that_is_gone_is_named(tmp_path: Path, tracepoints: Tracepoints, place: Path) -> None:
    """When nobody could look while it lived, its cgroup is still what the kernel noted."""
    enter = 'echo $$ >"$0/cgroup.procs" && exec /bin/kill -9 "$1"'

    def send(pid: int) -> None:
        subprocess.run(["/bin/sh", "-c", enter, str(place), str(pid)], check=True)

    async def act(made: SignalStage) -> None:
        send(made.pid)  # holds the loop until the sender has been and was reaped

    ended = play(tmp_path, tracepoints, STEADY, act)

    assert ended.sent_by is not None
    assert ended.sent_by.comm == ""
    assert ended.sent_by.cgroup.endswith("/other.service")


def test_cgroup_kill_is_its_writers(tmp_path: Path, tracepoints: Tracepoints, place: Path) -> None:
    """Killing the whole cgroup is told as a signal of whoever wrote to it."""
    senders: list[int] = []
    mount = procfs.find_cgroup_mount()

    async def act(made: SignalStage) -> None:
        if not made.cgroup:
            pytest.skip("the life has no cgroup of its own here")
        script = f'echo 1 >"{mount}{made.cgroup}/cgroup.kill"'
        senders.append(await run_in(place, "/bin/sh", "-c", script))

    ended = play(tmp_path, tracepoints, STEADY, act)

    assert ended.sent_by is not None
    assert (ended.signal, ended.sent_by.pid) == ("SIGKILL", senders[0])


@pytest.mark.parametrize(
    ("script", "by"),
    [
        ("kill -9 $$", Sender.SELF),
        ("kill -TERM $$; sleep 9", Sender.SELF),
        ("kill -ABRT $$; sleep 9", Sender.UNKNOWN),
        ("(kill -9 $$); sleep 9", Sender.SUPERVISED),
        ("/bin/kill -9 $$; sleep 9", Sender.SUPERVISED),
        ("setsid /bin/kill -9 $$; sleep 9", Sender.SUPERVISED),
    ],
)
def test_what_comes_from_inside_is_known(tmp_path: Path, tracepoints: Tracepoints, script: str, by: Sender) -> None:
    """The main process and everything else of the life are told from strangers; a crash is nobody's deed."""

    async def act(made: SignalStage) -> None:
        await until(lambda: bool(made.witness._armed))
        if not made.cgroup:
            pytest.skip("the life has no cgroup of its own here")
        (made.folder / "go").touch()

    ended = play(tmp_path, tracepoints, ON_GO + script, act)

    assert ended.sent_by is not None
    assert ended.by is by
    assert ended.sent_by.signal == ended.signal


def test_a_gateway_that_ends_when_told_is_explained(tmp_path: Path, tracepoints: Tracepoints, place: Path) -> None:
    """An exit status soon after SIGTERM is told with the sender of that."""
    senders: list[int] = []

    async def act(made: SignalStage) -> None:
        senders.append(await run_in(place, "/bin/kill", "-TERM", str(made.pid)))

    ended = play(tmp_path, tracepoints, POLITE, act)

    assert ended.sent_by is not None
    assert (ended.code, ended.sent_by.signal, ended.sent_by.pid) == (0, "SIGTERM", senders[0])


def test_a_signal_passed_on_to_itself_is_the_first_senders(
    tmp_path: Path, tracepoints: Tracepoints, place: Path
) -> None:
    """A program that cleans up and then ends itself by the same signal was ended by who sent the first."""
    senders: list[int] = []

    async def act(made: SignalStage) -> None:
        senders.append(await run_in(place, "/bin/kill", "-TERM", str(made.pid)))

    ended = play(tmp_path, tracepoints, AGAIN, act)

    assert ended.sent_by is not None
    assert (ended.signal, ended.sent_by.pid) == ("SIGTERM", senders[0])
    assert ended.by is not Sender.SELF


def test_gatedogs_own_stop_needs_no_witness(tmp_path: Path, tracepoints: Tracepoints) -> None:
    """What gatedog did itself it knows."""

    async def act(made: SignalStage) -> None:
        process = made.running.process
        made.backend.stop(
            StopGateway(
                gateway=NAME, rule=RuleId.STOPPED_ON_REQUEST, because="", action=ActionId("9.0"), process=process
            )
        )

    ended = play(tmp_path, tracepoints, STEADY, act)

    assert (ended.by, ended.sent_by) == (Sender.GATEDOG, None)


def test_every_life_is_watched(tmp_path: Path, tracepoints: Tracepoints) -> None:
    """The kernel is told of each new main process."""

    async def scene() -> None:
        async with stage(tmp_path, tracepoints, STEADY) as made:
            for life in (2, 3, 4):
                os.kill(made.pid, signal.SIGTERM)
                ended = await made.ended()
                assert ended.sent_by is not None
                assert (ended.by, ended.sent_by.pid) == (Sender.GATEDOG, os.getpid())
                await made.start(life)

    asyncio.run(scene())


def test_signals_of_others_are_not_even_seen(tmp_path: Path, tracepoints: Tracepoints) -> None:
    """On the host the kernel writes down what is sent to the gateways, and nothing else."""
    if not is_host_namespace():
        pytest.skip("in a container, all signals of the host that end programs are looked at")

    async def scene() -> None:
        async with stage(tmp_path, tracepoints, STEADY) as made:
            stranger = await asyncio.create_subprocess_exec("sleep", "600")
            stranger.kill()
            await stranger.wait()
            os.kill(made.pid, signal.SIGKILL)
            await made.ended()
            assert {each.sample.target for each in made.witness._seen} == {made.pid}

    asyncio.run(scene())


def test_a_flood_costs_no_memory_and_hides_nobody(tmp_path: Path, tracepoints: Tracepoints, place: Path) -> None:
    """Thousands of signals are counted where there is no room, and who ends the life afterwards is named."""
    senders: list[int] = []

    async def act(made: SignalStage) -> None:
        for _ in range(20_000):
            os.kill(made.pid, signal.SIGUSR1)
        await until(lambda: bool(made.witness._seen) and made.witness._pausing is None)
        assert len(made.witness._seen) <= SEEN_MAX
        senders.append(await run_in(place, "/bin/kill", "-9", str(made.pid)))

    ended = play(tmp_path, tracepoints, DEAF, act)

    assert ended.sent_by is not None
    assert (ended.sent_by.signal, ended.sent_by.pid) == ("SIGKILL", senders[0])


def test_a_container_is_no_hiding_place(tmp_path: Path, tracepoints: Tracepoints) -> None:
    """A process in a pid namespace of its own that is killed by another in there: both by their numbers out here."""
    script = 'sleep 600 & echo $! >"$0/inner"; read line <"$0/go"; kill -9 $!; read line <"$0/go"'
    os.mkfifo(tmp_path / "go")

    async def scene() -> None:
        witness = witness_of(tracepoints)
        container = await asyncio.create_subprocess_exec(
            "unshare", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", script, str(tmp_path), start_new_session=True
        )
        go = os.open(tmp_path / "go", os.O_RDWR)
        try:
            await until(lambda: (tmp_path / "inner").exists() and (tmp_path / "inner").read_text().endswith("\n"))
            first = only_child(container.pid)
            sleeper = only_child(first)
            process = procfs.read_stat(sleeper).reference(procfs.read_boot())
            mark = LifeMark(gateway=NAME, life=LifeId(1), cgroup_id=0, cgroup="", process=process)
            witness.watch(process)
            await until(lambda: bool(witness._armed))
            pidfd = os.pidfd_open(sleeper)
            os.write(go, b"\n")
            await until(lambda: has_ended(pidfd))
            os.close(pidfd)
            _, sent_by = witness.judge(mark, 0, "SIGKILL")
            assert sent_by is not None
            assert sent_by.pid == first
        finally:
            os.close(go)
            container.kill()
            await container.wait()
            witness.close()

    asyncio.run(scene())


def only_child(pid: int) -> int:
    """Return the child of a process that has one."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


@contextmanager
def old_memory_limit() -> Iterator[Path | None]:
    """Make a cgroup with a memory limit in the old hierarchy; None where there is none."""
    own = next((line for line in Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line), None)
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    mount = next((words[1] for words in mounts if words[2] == "cgroup" and "memory" in words[3].split(",")), None)
    if own is None or mount is None:
        yield None
        return
    folder = Path(f"{mount}{own.split(':', 2)[2]}/gatedog-eater-{secrets.token_hex(4)}")
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(LIMIT_BYTES))
    except OSError:
        yield None
        return
    yield folder
    folder.rmdir()


def limit_memory(made: SignalStage, old: Path | None) -> None:
    """Limit the memory of a life, by its own cgroup where that can be done."""
    limit = Path(f"{procfs.find_cgroup_mount()}{made.cgroup}/memory.max")
    if made.cgroup and limit.exists():
        limit.write_text(str(LIMIT_BYTES))
    elif old is not None:
        (old / "cgroup.procs").write_text(str(made.pid))
    else:
        pytest.skip("there is no memory controller here that we may use")


def test_out_of_memory_is_the_kernels(tmp_path: Path, tracepoints: Tracepoints) -> None:
    """The victim of a memory limit was killed by nobody; where the kernel counts such kills, the ending says so."""
    eater = f"exec {sys.executable} -c 'x = []\nwhile True: x.append(b\"x\" * (1 << 20))'"
    with old_memory_limit() as old:

        async def act(made: SignalStage) -> None:
            await until(lambda: bool(made.witness._armed))
            limit_memory(made, old)
            (made.folder / "go").touch()

        ended = play(tmp_path, tracepoints, ON_GO + eater, act)

    assert ended.signal == "SIGKILL"
    if ended.by is not Sender.KERNEL_OOM:
        assert ended.by is Sender.UNKNOWN
        assert ended.sent_by is not None
        assert ended.sent_by.by_kernel


def open_files() -> int:
    """Count the open descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_tracepoint_that_is_none_is_refused_with_a_reason() -> None:
    """What the kernel does not open is said in words, once, and nothing is left open."""

    async def scene() -> None:
        before = open_files()
        with pytest.raises(PerfRefused, match="perf_event_open"):
            SignalWitness((1 << 30, 1 << 30), asyncio.get_running_loop())
        assert open_files() == before

    asyncio.run(scene())
