"""Where a request came from, as one line for the person who was woken by it."""

import pytest

from watchdog.core.peer import Peer
from watchdog.core.trail import trail_of


@pytest.mark.parametrize(
    ("cgroup", "place"),
    [
        ("/user.slice/user-1000.slice/session-3.scope", "in session-3.scope,"),
        ("/system.slice/openclaw-gateway.service", "in openclaw-gateway.service,"),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
            "in user@1000.service/app.slice/x.service,",
        ),
        ("/user.slice/user-1000.slice", "in user-1000.slice,"),
        ("/docker/0123", "in docker/0123,"),
        ("/", "in /,"),
        ("", "in no cgroup that could be read,"),
        ("/" + "x" * 300, f"in ...{'x' * 100},"),
    ],
)
def test_a_place_is_named_by_its_unit(cgroup: str, place: str) -> None:
    """Slices above a unit are left out; a user's own unit never looks like one of the system's."""
    assert place in trail_of(Peer(process=None, uid=1000, gid=1000, comm="bash", cgroup=cgroup))


def test_a_program_cannot_name_itself_into_another_part_of_the_line() -> None:
    """What stands between two commas is always one fact, whatever the asker is called."""
    trail = trail_of(Peer(process=None, uid=1000, gid=1000, comm="a, at a termin", cgroup="/system.slice/x.service"))

    assert "program a??at?a?termin, in x.service, no terminal" in trail
