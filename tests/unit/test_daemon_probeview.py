"""What the lookout knows of its probes, as the socket shows it."""

from watchdog.control.wire import LookStatus, ProbeRow, TookStatus
from watchdog.core.healthpolicy import ProbeKind, ProbePolicy
from watchdog.core.identity import GatewayName
from watchdog.core.observations import ProbeCause, ProbeResult
from watchdog.core.timeline import SECOND
from watchdog.daemon.probeview import look_status, memory_cells, probe_row
from watchdog.sensors.durations import BOUNDS_USEC, Durations
from watchdog.sensors.prober import Look, ProbeStanding
from watchdog.sensors.vitals import Point

LOOK = Look(at_usec=40 * SECOND, took_usec=7, result=ProbeResult.FAILED, cause=ProbeCause.LOCAL, detail="refused")
NAME = GatewayName("openclaw")


def test_a_look_is_so_long_ago() -> None:
    """Instants of CLOCK_BOOTTIME mean nothing to a reader; distances do."""
    told = LookStatus(at_usec_ago=2 * SECOND, took_usec=7, result="failed", cause="local", detail="refused")

    assert look_status(LOOK, 42 * SECOND) == told
    assert look_status(LOOK, 0).at_usec_ago == 0


def test_a_probe_is_shown_with_its_look_and_its_turn() -> None:
    """A turn that is due is due now, not in the past."""
    policy = ProbePolicy(name="health", kind=ProbeKind.TCP, target="127.0.0.1:1")
    durations = Durations()
    for took_usec in (1, 1_000, 1_001, 31 * SECOND):
        durations.add(took_usec)
    standing = ProbeStanding(gateway=NAME, policy=policy, last=LOOK, due_usec=41 * SECOND, durations=durations)

    assert probe_row(standing, 42 * SECOND) == ProbeRow(
        gateway="openclaw",
        name="health",
        kind="tcp",
        what="127.0.0.1:1",
        period_usec=30 * SECOND,
        timeout_usec=5 * SECOND,
        due_in_usec=0,
        last=look_status(LOOK, 42 * SECOND),
        took=TookStatus(
            bounds_usec=list(BOUNDS_USEC), counts=[2, 1, *[0] * 11, 1], sum_usec=1 + 1_000 + 1_001 + 31 * SECOND
        ),
    )


def test_a_probe_that_does_not_look_has_no_turn() -> None:
    """And a program is shown as what would be typed."""
    policy = ProbePolicy(name="deep", kind=ProbeKind.EXEC, argv=("agent", "doctor"))
    standing = ProbeStanding(gateway=NAME, policy=policy, last=None, due_usec=None, durations=Durations())
    row = probe_row(standing, 42 * SECOND)

    assert (row.what, row.last, row.due_in_usec) == ("agent doctor", None, None)


def test_memory_is_shown_on_a_grid_of_the_last_two_hours() -> None:
    """Each cell holds the most of its three minutes, the present one last; what is older or unknown is not in it."""
    now = 10_000 * SECOND

    def point(ago_s: int, kib: int | None) -> Point:
        at_usec = now - ago_s * SECOND
        return Point(at_usec=at_usec, pid=7, memory_kib=kib, handles=1, threads=1, processes=1, sockets=None)

    cells = memory_cells(
        [point(7201, 9), point(7199, 4), point(400, 5), point(370, 7), point(190, None), point(5, 6), point(-3, 8)], now
    )

    assert cells == (4, *[0] * 36, 7, 0, 8)


def test_memory_that_was_never_measured_takes_no_room() -> None:
    """A gateway nobody could look into has no grid of zeros."""
    unseen = Point(at_usec=1, pid=7, memory_kib=None, handles=None, threads=None, processes=None, sockets=None)

    assert memory_cells([], SECOND) == memory_cells([unseen], SECOND) == ()
