"""Login sessions by their records: of systemd 252 and 257, and records that do not fit."""

from dataclasses import replace
from pathlib import Path

import pytest

from watchdog.core.identity import BootId, ProcessRef
from watchdog.core.peer import UNSET_ID, LoginSession
from watchdog.origin.loginsession import Leader, desktop_owner, has_desktop, read_login, scope_of

SCOPE = "/user.slice/user-1000.slice/session-{}.scope"
DEBIAN_12 = """\
# This is private data. Do not parse.
UID=1000
USER=alice
ACTIVE=1
IS_DISPLAY=1
STATE=active
REMOTE=1
TYPE=tty
ORIGINAL_TYPE=tty
CLASS=user
SCOPE=session-1472.scope
FIFO=/run/systemd/sessions/1472.ref
REMOTE_HOST=10.11.12.2
SERVICE=sshd
POSITION=0
LEADER=56
AUDIT=1472
REALTIME=1795416608692862
MONOTONIC=23577792429
"""
DEBIAN_13 = """\
# This is private data. Do not parse.
UID=1000
USER=alice
ACTIVE=1
IS_DISPLAY=1
STATE=active
REMOTE=1
LEADER_FD_SAVED=1
TYPE=tty
ORIGINAL_TYPE=tty
CLASS=user
SCOPE=session-c1.scope
FIFO=/run/systemd/sessions/c1.ref
REMOTE_HOST=10.11.12.2
SERVICE=sshd
POSITION=0
LEADER=56
REALTIME=1795416610146369
MONOTONIC=23579245936
"""
DESKTOP = """\
UID=1000
STATE=online
REMOTE=0
TYPE=wayland
CLASS=user
SCOPE=session-2.scope
SEAT=seat0
VTNR=2
SERVICE=gdm-password
LEADER=56
"""
LEADER = Leader(
    process=ProcessRef(pid=56, start_ticks=100, boot=BootId("b")),
    program="sshd-session",
    audit_session=1472,
    tty=0,
    cgroup=SCOPE.format("1472"),
)


def find(pid: int) -> Leader | None:
    """Know of one process."""
    return LEADER if pid == LEADER.process.pid else None


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    """Lay the records of three sessions out."""
    for name, text in (("1472", DEBIAN_12), ("c1", DEBIAN_13), ("2", DESKTOP)):
        (tmp_path / name).write_text(text)
    return tmp_path


EXPECTED = LoginSession(
    name="1472",
    session_class="user",
    program="sshd",
    uid=1000,
    leader=LEADER.process,
    leader_audit_session=1472,
    leader_program="sshd-session",
    remote_host="10.11.12.2",
)


def test_both_formats_say_the_same(sessions: Path) -> None:
    """What one release writes and the other does not is asked of the leader, so the sessions compare equal."""
    below = SCOPE.format("1472") + "/below"
    of_13 = replace(LEADER, cgroup=SCOPE.format("c1"))

    assert read_login(below, 100, find, sessions) == EXPECTED
    assert read_login(SCOPE.format("c1"), 101, lambda _: of_13, sessions) == replace(EXPECTED, name="c1")


@pytest.mark.parametrize(
    "cgroup",
    [
        "/system.slice/cron.service",
        "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
        "/system.slice/agent.service/user.slice/user-1000.slice/session-1472.scope",
        "/user.slice/user-1001.slice/user@1001.service/user.slice/user-1000.slice/session-1472.scope",
        "/user.slice/user-1000.slice/session-..%2F2.scope",
        "/",
        "",
    ],
)
def test_elsewhere_there_is_no_session(cgroup: str, sessions: Path) -> None:
    """A cgroup below somebody's own may have any name, and that makes it no login."""
    assert read_login(cgroup, 100, find, sessions) is None


@pytest.mark.parametrize("name", ["9", "2"])
def test_a_scope_without_its_record_is_a_session_that_is_over(name: str, sessions: Path) -> None:
    """No record at all, or that of another uid, is worse than no session, never as good."""
    uid = 1000 if name == "9" else 1001
    found = read_login(f"/user.slice/user-{uid}.slice/session-{name}.scope", 100, find, sessions)

    assert found == LoginSession(name=name, session_class="", program="", uid=uid, leader=None, closing=True)


@pytest.mark.parametrize(
    "leader",
    [
        None,
        replace(LEADER, process=replace(LEADER.process, start_ticks=102)),
        replace(LEADER, cgroup="/user.slice/user-1000.slice/session-14.scope"),
        replace(LEADER, cgroup="/system.slice/ssh.service"),
    ],
    ids=["gone", "younger than the peer", "in another session", "in no session"],
)
def test_a_leader_that_is_not_the_one_who_logged_in_is_none(leader: Leader | None, sessions: Path) -> None:
    """A pid is given out again: what has it now and does not fit did not log in."""
    found = read_login(SCOPE.format("1472"), 101, lambda _: leader, sessions)

    assert found is not None
    assert (found.leader, found.leader_audit_session, found.leader_program) == (None, UNSET_ID, "")


@pytest.mark.parametrize("state", ["STATE=closing", "STATE=", "# nothing"])
def test_a_session_is_open_only_where_its_record_says_so(state: str, sessions: Path) -> None:
    """Closing is what logind calls a login that ended while something of it still runs."""
    (sessions / "1472").write_text(DEBIAN_12.replace("STATE=active", state))
    found = read_login(SCOPE.format("1472"), 100, find, sessions)

    assert found is not None
    assert found.closing


def test_a_record_that_is_too_long_is_not_read(sessions: Path) -> None:
    """Nothing bounded is read in part and believed."""
    (sessions / "1472").write_text(DEBIAN_12 + "#" * 70_000)
    found = read_login(SCOPE.format("1472"), 100, find, sessions)

    assert found is not None
    assert found.session_class == ""


def test_what_tmux_starts_beside_its_own_session_is_of_that_session() -> None:
    """Below the user@ of the same uid, the nearest ancestor that is in a session tells which; elsewhere nobody does."""
    pane = "/user.slice/user-1000.slice/user@1000.service/tmux-spawn-9ff8259c.scope"
    above = (pane, SCOPE.format("c6"), SCOPE.format("c7"), "/init.scope")

    assert scope_of(pane, above) == SCOPE.format("c6")
    assert scope_of(pane, (pane, "/init.scope")) == pane
    assert scope_of(pane.replace("1000", "1001"), above) == pane.replace("1000", "1001")
    assert scope_of("/system.slice/x.service", above) == "/system.slice/x.service"
    assert scope_of(SCOPE.format("c9"), above) == SCOPE.format("c9")


def test_a_desktop_is_a_graphical_session_at_a_seat(sessions: Path) -> None:
    """Open, of class user, not remote, with a leader that lives, and of that uid."""
    assert has_desktop(1000, find, sessions)
    assert not has_desktop(1001, find, sessions)
    assert not has_desktop(1000, lambda _: None, sessions)
    for word in ("SEAT=seat0", "TYPE=wayland", "CLASS=user", "STATE=online", "REMOTE=0"):
        (sessions / "2").write_text(DESKTOP.replace(word, word.partition("=")[0] + "="))
        assert not has_desktop(1000, find, sessions)


def test_the_owner_of_a_desktop_is_who_owns_the_user_manager() -> None:
    """Named by the whole path, because below their own part of it people may make what they like."""
    assert desktop_owner("/user.slice/user-1000.slice/user@1000.service/app.slice/vte.scope") == 1000
    assert desktop_owner("/user.slice/user-1001.slice/user@1000.service/x") is None
    assert desktop_owner("/user.slice/user-1001.slice/user@1001.service/user@1000.service") == 1001
    assert desktop_owner("/user.slice/user-1000.slice/session-3.scope") is None
