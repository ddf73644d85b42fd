"""The inbox: deaths first, and what explains a death before it."""

from watchdog.core.endings import ExitRecord
from watchdog.core.events import BreakGlassUsed, HostShutdownBegan, LimitReached, MainProcessExited, NetworkObserved
from watchdog.core.identity import BootId, GatewayName, ProcessRef
from watchdog.core.timeline import Usec
from watchdog.daemon.inbox import WAITING_MAX, Inbox

NAME = GatewayName("main")
DEATH = MainProcessExited(
    gateway=NAME, process=ProcessRef(pid=7, start_ticks=1, boot=BootId("b")), exit=ExitRecord(code=1)
)
LOOK = NetworkObserved(has_route=True, has_dns=True)


def test_a_death_overtakes_what_may_wait() -> None:
    """A death is taken before anything that came earlier and may wait."""
    inbox = Inbox()
    inbox.put(LOOK)
    inbox.put(DEATH)

    assert [arrival.event for arrival in (inbox.next(), inbox.next()) if arrival] == [DEATH, LOOK]


def test_what_makes_an_ending_asked_is_not_overtaken_by_it() -> None:
    """A host's shutdown, or root's break-glass, came first and is taken first: else the ending would be charged."""
    for reason in (HostShutdownBegan(), BreakGlassUsed(gateway=NAME, verb="stop", who="root", wall_usec=Usec(1))):
        inbox = Inbox()
        inbox.put(LOOK)
        inbox.put(reason)
        inbox.put(DEATH)

        assert [arrival.event for arrival in (inbox.next(), inbox.next()) if arrival] == [reason, DEATH]


def test_what_does_not_fit_is_counted_and_told() -> None:
    """A full inbox drops what may be dropped, never a death, and says how much."""
    inbox = Inbox()
    for _ in range(WAITING_MAX + 3):
        inbox.put(LOOK)
    inbox.put(DEATH)
    taken = []
    while (arrival := inbox.next()) is not None:
        taken.append(arrival.event)

    assert taken[0] == DEATH
    assert taken[-1] == LimitReached(limit="inbox", subject="", dropped=3)
    assert len(taken) == WAITING_MAX + 2
