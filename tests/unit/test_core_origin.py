"""Every route by which a request can arrive, and what it is judged to be."""

from dataclasses import dataclass, replace

import pytest
from askers import asker
from hypothesis import given
from hypothesis import strategies as st

from watchdog.core.decisions import OriginKind
from watchdog.core.identity import BootId, LifeId, ProcessRef
from watchdog.core.origin import Judgement, judge
from watchdog.core.peer import UNSET_ID, Ancestor, LoginSession, Peer, RemoteEnd
from watchdog.core.rules import RuleId

BOOT = BootId("boot-a")
LIFE = ProcessRef(pid=500, start_ticks=50_000, boot=BOOT)
LIFE_CGROUP = "/system.slice/openclaw.service"
SESSION = "/user.slice/user-1000.slice/session-3.scope"
USER_UNITS = "/user.slice/user-1000.slice/user@1000.service/app.slice"
IN_LIFE = (("openclaw", LifeId(41)),)
PTS = 34816


def process(pid: int, start_ticks: int, boot: BootId = BOOT) -> ProcessRef:
    """Name a process of this boot, unless told otherwise."""
    return ProcessRef(pid=pid, start_ticks=start_ticks, boot=boot)


def above(*names: str, cgroup: str = SESSION) -> tuple[Ancestor, ...]:
    """Build ancestors from words like "bash:90000", nearest first; pid 1 is added at the end."""
    rows = [name.rsplit(":", 1) for name in names]
    found = [
        Ancestor(process=process(900 - i, int(ticks)), comm=comm, cgroup=cgroup) for i, (comm, ticks) in enumerate(rows)
    ]
    return (*found, Ancestor(process=process(1, 1), comm="systemd", cgroup="/init.scope"))


GATEWAY_ABOVE = (
    Ancestor(process=process(700, 60_000), comm="sh", cgroup=LIFE_CGROUP),
    Ancestor(process=LIFE, comm="node", cgroup=LIFE_CGROUP),
    *above(),
)

HUMAN = Peer(
    process=process(1000, 95_000),
    uid=1000,
    gid=1000,
    comm="gatedog",
    cgroup=SESSION,
    ancestors=above("bash:40000", "sshd:39000", "sshd:100"),
    tty=PTS,
    session_leader=process(900, 40_000),
    login_uid=1000,
    audit_session=3,
    alive=True,
)
AGENT = replace(HUMAN, uid=1001, cgroup=LIFE_CGROUP, ancestors=GATEWAY_ABOVE, tty=0, in_life=IN_LIFE)
ORPHAN = replace(AGENT, ancestors=above())
LOST = replace(ORPHAN, cgroup=SESSION, in_life=(), tty=PTS)
"""An agent's process of which neither cgroup nor ancestry is left."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One way in. `agent` says that the supervised side can take it."""

    name: str
    peer: Peer
    origin: OriginKind
    rule: RuleId
    agent: bool = True
    life: ProcessRef | None = LIFE
    life_has_cgroup: bool = True
    dedicated: bool = False
    owns_units: bool = False


S, U, A, C, H = (
    OriginKind.SUPERVISED,
    OriginKind.UNKNOWN,
    OriginKind.AUTOMATION,
    OriginKind.SCHEDULED,
    OriginKind.HUMAN,
)
CRON = "/system.slice/cron.service"


def door(who: str) -> Peer:
    """Return the evidence on somebody of tests/askers.py."""
    return asker(who, process(1000, 95_000), gateway="openclaw", life=lambda: LIFE)


ROUTES = (
    # started by the gateway, and still to be seen as that
    Route(name="child", peer=AGENT, origin=S, rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="the gateway itself", peer=replace(AGENT, process=LIFE, ancestors=above()), origin=S,
          rule=RuleId.ORIGIN_IN_LIFE),
    Route(name="child of a life nobody marked", peer=replace(AGENT, in_life=(), cgroup="/"), origin=S,
          rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="nohup", peer=replace(AGENT, session_leader=None), origin=S, rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="setsid", peer=replace(AGENT, session_leader=AGENT.process), origin=S, rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="double fork", peer=ORPHAN, origin=S, rule=RuleId.ORIGIN_IN_LIFE),
    Route(name="double fork with setsid and script", peer=replace(ORPHAN, tty=PTS), origin=S,
          rule=RuleId.ORIGIN_IN_LIFE),
    Route(name="script pty", peer=replace(AGENT, tty=PTS), origin=S, rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="tmux server started by the gateway", peer=replace(ORPHAN, ancestors=above("tmux: server:61000"),
          tty=PTS), origin=S, rule=RuleId.ORIGIN_IN_LIFE),
    Route(name="sudo", peer=replace(AGENT, uid=0, ancestors=(*above("sudo:91000")[:1], *GATEWAY_ABOVE)), origin=S,
          rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="sudo -i in a new session scope", peer=replace(AGENT, uid=0, cgroup="/user.slice/session-c3.scope"),
          origin=S, rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="sudo su - alice", peer=replace(AGENT, uid=1000, cgroup=SESSION, in_life=()), origin=S,
          rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="script -c su - alice", peer=replace(AGENT, uid=1000, cgroup=SESSION, tty=PTS), origin=S,
          rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="sudo login -f alice on a pty", peer=replace(AGENT, uid=1000, cgroup=SESSION, tty=PTS,
          login_uid=1000), origin=S, rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="unshare user namespace", peer=replace(AGENT, uid=65534), origin=S, rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="unshare pid namespace", peer=replace(AGENT, same_pid_namespace=False), origin=S,
          rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="moved by root to another cgroup", peer=replace(AGENT, cgroup="/user.slice/evil"), origin=S,
          rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="sudo systemd-run --scope", peer=replace(AGENT, cgroup="/system.slice/run-r1f.scope"), origin=S,
          rule=RuleId.ORIGIN_ANCESTOR),
    Route(name="ssh to itself", peer=replace(HUMAN, ancestors=above("bash:90000", "sshd:89900", "sshd:100"),
          in_life=IN_LIFE), origin=S, rule=RuleId.ORIGIN_IN_LIFE),
    Route(name="another gateway's agent", peer=replace(ORPHAN, cgroup="/system.slice/other.service",
          in_life=(("other", LifeId(9)),)), origin=S, rule=RuleId.ORIGIN_IN_LIFE),
    Route(name="orphan of an ended life under the daemon", peer=replace(HUMAN, in_life=(("", LifeId(0)),)), origin=S,
          rule=RuleId.ORIGIN_IN_LIFE),
    Route(name="handed-over socket inside the life", peer=replace(AGENT, same_writer=False), origin=S,
          rule=RuleId.ORIGIN_ANCESTOR),
    # detached from the gateway in some other way
    Route(name="dead peer", peer=replace(AGENT, process=None, alive=False, in_life=()), origin=U,
          rule=RuleId.ORIGIN_DEAD_PEER),
    Route(name="peer that died while it was read", peer=replace(HUMAN, alive=False), origin=U,
          rule=RuleId.ORIGIN_DEAD_PEER),
    Route(name="handed-over socket of a person", peer=replace(HUMAN, same_writer=False), origin=U,
          rule=RuleId.ORIGIN_OTHER_WRITER),
    Route(name="docker exec", peer=replace(HUMAN, cgroup="/../docker-1f.scope", ancestors=()), origin=U,
          rule=RuleId.ORIGIN_OTHER_NAMESPACE),
    Route(name="nsenter into our container", peer=replace(HUMAN, cgroup="/", ancestors=()), origin=U,
          rule=RuleId.ORIGIN_YOUNG),
    Route(name="shell in a container of its own", peer=replace(LOST, same_pid_namespace=False), origin=U,
          rule=RuleId.ORIGIN_OTHER_NAMESPACE),
    Route(name="dedicated uid from a login", peer=replace(HUMAN, uid=1001), origin=S, rule=RuleId.ORIGIN_UID,
          dedicated=True),
    Route(name="dedicated uid from its crontab", peer=replace(LOST, cgroup=CRON, tty=0), origin=S,
          rule=RuleId.ORIGIN_UID, dedicated=True),
    Route(name="crontab", peer=replace(LOST, cgroup=CRON, tty=0), origin=C, rule=RuleId.ORIGIN_SCHEDULER),
    Route(name="crontab with script", peer=replace(LOST, cgroup=CRON), origin=C, rule=RuleId.ORIGIN_SCHEDULER),
    Route(name="cron without systemd", peer=replace(LOST, cgroup="/", ancestors=above("sh:90000", "CRON:89999",
          "cron:120")), origin=C, rule=RuleId.ORIGIN_SCHEDULER),
    Route(name="crond of busybox", peer=replace(LOST, cgroup="/", ancestors=above("crond:90")), origin=C,
          rule=RuleId.ORIGIN_SCHEDULER),
    Route(name="at", peer=replace(LOST, cgroup="/system.slice/atd.service", tty=0), origin=C,
          rule=RuleId.ORIGIN_SCHEDULER),
    Route(name="at without systemd", peer=replace(LOST, cgroup="/", ancestors=above("sh:90000", "atd:120")), origin=C,
          rule=RuleId.ORIGIN_SCHEDULER),
    Route(name="anacron", peer=replace(LOST, ancestors=above("run-parts:90000", "anacron:80000")), origin=C,
          rule=RuleId.ORIGIN_SCHEDULER),
    Route(name="systemd-run", peer=replace(LOST, uid=0, cgroup="/system.slice/run-r77aa.service", tty=0), origin=C,
          rule=RuleId.ORIGIN_SCHEDULER),
    Route(name="systemd-run --pty", peer=replace(LOST, cgroup="/system.slice/run-u69.service"), origin=C,
          rule=RuleId.ORIGIN_SCHEDULER),
    Route(name="systemd-run of systemd 257", peer=replace(LOST, cgroup="/system.slice/run-p81-i82.service"), origin=C,
          rule=RuleId.ORIGIN_SCHEDULER),
    Route(name="systemd-run --user", peer=replace(LOST, cgroup=f"{USER_UNITS}/run-r1.service"), origin=C,
          rule=RuleId.ORIGIN_SCHEDULER),
    Route(name="systemd-run --user timer", peer=replace(LOST, cgroup=f"{USER_UNITS}/run-r1.timer", tty=0), origin=C,
          rule=RuleId.ORIGIN_SCHEDULER),
    Route(name="script below a transient unit", peer=replace(LOST, ancestors=above("script:90000",
          cgroup=f"{USER_UNITS}/run-u3.service")), origin=C, rule=RuleId.ORIGIN_SCHEDULER),
    Route(name="systemd-run --user --unit=innocent --pty", peer=replace(LOST, cgroup=f"{USER_UNITS}/innocent.service",
          ancestors=above("bash:90000", "systemd:200")), origin=U, rule=RuleId.ORIGIN_YOUNG),
    Route(name="named system unit", peer=replace(LOST, uid=0, cgroup="/system.slice/deploy.service", tty=0), origin=A,
          rule=RuleId.ORIGIN_UNIT),
    Route(name="instance in a nested slice", peer=replace(LOST, cgroup="/system.slice/system-ci.slice/ci@1.service"),
          origin=A, rule=RuleId.ORIGIN_UNIT),
    Route(name="legacy D-Bus activation", peer=replace(LOST, uid=0, cgroup="/system.slice/dbus.service"), origin=A,
          rule=RuleId.ORIGIN_UNIT),
    Route(name="machinectl shell", peer=replace(LOST, login_uid=1000), origin=U, rule=RuleId.ORIGIN_YOUNG),
    Route(name="run0 with a pty", peer=replace(LOST, cgroup="/user.slice/user-1000.slice/session-c9.scope"), origin=U,
          rule=RuleId.ORIGIN_YOUNG),
    Route(name="young tmux server whose parents are gone", peer=replace(LOST, ancestors=above("bash:91000",
          "tmux: server:90000")), origin=U, rule=RuleId.ORIGIN_YOUNG),
    Route(name="born in the same tick as the gateway", peer=replace(LOST, ancestors=above("bash:50000")), origin=U,
          rule=RuleId.ORIGIN_YOUNG),
    Route(name="young shell below an old supervisor", peer=replace(LOST, ancestors=above("bash:90000",
          "supervisord:50", "tini:40")), origin=U, rule=RuleId.ORIGIN_YOUNG),
    Route(name="old gatedog above", peer=replace(LOST, ancestors=above("gatedog:90")), origin=U,
          rule=RuleId.ORIGIN_YOUNG),
    Route(name="ssh without a tty", peer=replace(HUMAN, tty=0), origin=U, rule=RuleId.ORIGIN_NO_TTY, agent=False),
    Route(name="terminal whose session leader is gone", peer=replace(HUMAN, session_leader=None), origin=U,
          rule=RuleId.ORIGIN_NO_TTY),
    Route(name="any terminal after adoption without a cgroup", peer=HUMAN, origin=U,
          rule=RuleId.ORIGIN_NO_LIFE_EVIDENCE, life_has_cgroup=False),
    # people
    Route(name="person in an older terminal", peer=HUMAN, origin=H, rule=RuleId.ORIGIN_TTY, agent=False),
    Route(name="person, new ssh login, listener older", origin=H, rule=RuleId.ORIGIN_TTY, agent=False,
          peer=replace(HUMAN, ancestors=above("bash:90000", "sshd:89900", "sshd:100"))),
    Route(name="person in a tmux older than the gateway", origin=H, rule=RuleId.ORIGIN_TTY, agent=False,
          peer=replace(HUMAN, ancestors=above("bash:90000", "tmux: server:30000"))),
    Route(name="person with sudo", peer=replace(HUMAN, uid=0, ancestors=(*above("sudo:95000")[:1], *HUMAN.ancestors)),
          origin=H, rule=RuleId.ORIGIN_TTY, agent=False),
    Route(name="person with su", peer=replace(HUMAN, uid=0, ancestors=above("bash:95000", "su:94900", "bash:40000")),
          origin=H, rule=RuleId.ORIGIN_TTY, agent=False),
    Route(name="person in a terminal window under user@", origin=H, rule=RuleId.ORIGIN_TTY, agent=False,
          peer=replace(HUMAN, cgroup=f"{USER_UNITS}/vte-spawn-1.scope",
                       ancestors=above("bash:90000", "gnome-terminal-:9000", "systemd:800"))),
    Route(name="person at a console without session scopes", origin=H, rule=RuleId.ORIGIN_TTY, agent=False,
          peer=replace(HUMAN, tty=1025, cgroup="/system.slice/system-getty.slice/getty@tty1.service",
                       ancestors=above("bash:60000", "login:300"))),
    Route(name="person before the first life", origin=H, rule=RuleId.ORIGIN_TTY, agent=False, life=None,
          peer=replace(HUMAN, ancestors=above("bash:90000"))),
    Route(name="person after a reboot", origin=H, rule=RuleId.ORIGIN_TTY, agent=False,
          life=process(500, 1, BootId("boot-before")), peer=replace(HUMAN, ancestors=above("bash:90000"))),
    Route(name="person where the gateway's uid is reserved", peer=HUMAN, origin=H, rule=RuleId.ORIGIN_TTY,
          agent=False, dedicated=True),
    # logins, as the login manager knows them
    Route(name="remote-human", peer=door("remote-human"), origin=H, rule=RuleId.ORIGIN_REMOTE_LOGIN, agent=False),
    Route(name="console", peer=door("console"), origin=H, rule=RuleId.ORIGIN_CONSOLE, agent=False),
    Route(name="serial-console", peer=door("serial-console"), origin=H, rule=RuleId.ORIGIN_CONSOLE, agent=False),
    Route(name="console-tmux", peer=door("console-tmux"), origin=H, rule=RuleId.ORIGIN_CONSOLE, agent=False),
    Route(name="terminal-window-sudo", peer=door("terminal-window-sudo"), origin=H, rule=RuleId.ORIGIN_DESKTOP,
          agent=False),
    Route(name="terminal-of-another", peer=door("terminal-of-another"), origin=U, rule=RuleId.ORIGIN_YOUNG),
    Route(name="moved-terminal", peer=replace(door("moved-terminal"), ancestors=above("bash:40000")), origin=U,
          rule=RuleId.ORIGIN_NO_LOGIN, owns_units=True),
    Route(name="moved from below an old daemon", origin=U, rule=RuleId.ORIGIN_YOUNG, peer=replace(LOST,
          cgroup="/user.slice/evil", ancestors=above("spoolerd:90", cgroup="/system.slice/spooler.service"))),
    Route(name="forged-ssh", peer=door("forged-ssh"), origin=U, rule=RuleId.ORIGIN_NO_LOGIN),
    Route(name="forged-desktop", peer=door("forged-desktop"), origin=U, rule=RuleId.ORIGIN_NO_LOGIN),
    Route(name="forged-console", peer=door("forged-console"), origin=U, rule=RuleId.ORIGIN_NO_LOGIN),
    Route(name="bsd-terminal", peer=door("bsd-terminal"), origin=U, rule=RuleId.ORIGIN_NO_LOGIN),
    Route(name="forged-login", peer=door("forged-login"), origin=U, rule=RuleId.ORIGIN_NO_LOGIN),
    Route(name="screen-login", peer=door("screen-login"), origin=H, rule=RuleId.ORIGIN_DESKTOP, agent=False),
    Route(name="terminal-window", peer=door("terminal-window"), origin=H, rule=RuleId.ORIGIN_DESKTOP, agent=False),
    Route(name="ansible", peer=door("ansible"), origin=U, rule=RuleId.ORIGIN_NO_TTY, agent=False),
    Route(name="logged-out", peer=door("logged-out"), origin=U, rule=RuleId.ORIGIN_LOGIN_OVER, agent=False),
    Route(name="logging-out", peer=door("logging-out"), origin=U, rule=RuleId.ORIGIN_LOGIN_OVER, agent=False),
    Route(name="borrower", peer=door("borrower"), origin=U, rule=RuleId.ORIGIN_BORROWED_LOGIN),
    Route(name="ssh-from-here", peer=door("ssh-from-here"), origin=U, rule=RuleId.ORIGIN_SSH_FROM_HERE),
    Route(name="ssh-from-somewhere", peer=door("ssh-from-somewhere"), origin=U, rule=RuleId.ORIGIN_SSH_FROM_HERE),
    Route(name="ssh-without-logind", peer=door("ssh-without-logind"), origin=U, rule=RuleId.ORIGIN_SSH_FROM_HERE),
    Route(name="su-session", peer=door("su-session"), origin=U, rule=RuleId.ORIGIN_NO_LOGIN),
    Route(name="su-login", peer=door("su-login"), origin=U, rule=RuleId.ORIGIN_NO_LOGIN),
    Route(name="machinectl-shell", peer=door("machinectl-shell"), origin=U, rule=RuleId.ORIGIN_NO_LOGIN),
    Route(name="person in a container", peer=replace(HUMAN, same_pid_namespace=False), origin=U,
          rule=RuleId.ORIGIN_OTHER_NAMESPACE, agent=False),
)  # fmt: skip


def judged(route: Route, trusted_units: tuple[str, ...] = ()) -> Judgement:
    """Judge what arrives by a route."""
    return judge(
        route.peer,
        life_began=route.life,
        life_has_cgroup=route.life_has_cgroup,
        owns_units=route.owns_units,
        dedicated_uids=(1001,) if route.dedicated else (),
        trusted_units=trusted_units,
    )


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_each_route_is_judged_by_its_own_rule(route: Route) -> None:
    """A request that arrives by this route gets this origin, by this rule."""
    found = judged(route)

    assert (route.origin, route.rule) == (found.origin, found.rule)


def test_no_route_of_an_agent_is_taken_for_a_person() -> None:
    """Of all the ways in that the supervised side can take, none is judged human."""
    ways = [route for route in ROUTES if route.agent]

    assert len(ways) >= 45
    assert not [route.name for route in ways if judged(route).origin is OriginKind.HUMAN]


@pytest.mark.parametrize(("uid", "units", "trusted"), [(0, ("deploy.service",), True), (1000, ("deploy.service",),
                         False), (0, (), False), (0, ("deploy",), False)])  # fmt: skip
def test_a_unit_is_trusted_only_when_listed_and_root(uid: int, units: tuple[str, ...], *, trusted: bool) -> None:
    """A unit that a human listed is trusted if it runs as root; any other account could be talked into asking."""
    route = replace(ROUTES[0], peer=replace(LOST, uid=uid, cgroup="/system.slice/deploy.service", tty=0))

    assert judged(route, units).trusted is trusted


def test_the_sentence_does_not_tell_how_to_pass_next_time() -> None:
    """What the refused is told names no pid, no path and no program that gave them away."""
    words = " ".join(judged(route).because for route in ROUTES if route.origin in {S, U, C})

    assert not any(word in words for word in ("/", "tmux", "sshd", "900", "bash", "systemd"))


texts = st.text(max_size=20)
pids = st.integers(min_value=1, max_value=70_000)
processes = st.builds(ProcessRef, pid=pids, start_ticks=pids, boot=st.sampled_from([BOOT, BootId("boot-b")]))
ancestors = st.builds(Ancestor, process=processes, comm=texts, cgroup=texts)
peers = st.builds(
    Peer,
    process=st.none() | processes,
    uid=st.integers(0, 2000),
    gid=st.integers(0, 2000),
    comm=texts,
    cgroup=texts,
    ancestors=st.lists(ancestors, max_size=4).map(tuple),
    tty=st.sampled_from([0, PTS]),
    session_leader=st.none() | processes,
    alive=st.booleans(),
    same_writer=st.booleans(),
    same_pid_namespace=st.booleans(),
    login=st.none()
    | st.builds(
        LoginSession,
        name=texts,
        session_class=st.sampled_from(["user", "background", "manager"]),
        program=st.sampled_from(["sshd", "login", "su-l", "gdm-password"]),
        uid=st.integers(0, 2000),
        leader=st.none() | processes,
        leader_audit_session=st.sampled_from([3, UNSET_ID]),
        virtual_terminal=st.integers(0, 2),
        closing=st.booleans(),
    ),
    audit_session=st.sampled_from([3, 9, UNSET_ID]),
    remote_end=st.sampled_from(RemoteEnd),
    has_local_desktop=st.booleans(),
    in_life=st.lists(st.tuples(texts, st.integers(0, 9).map(LifeId)), max_size=2).map(tuple),
)


def judged_any(peer: Peer, life: ProcessRef | None, *, has_cgroup: bool) -> OriginKind:
    """Judge a peer where no account is reserved and no unit trusted."""
    return judge(
        peer,
        life_began=life,
        life_has_cgroup=has_cgroup,
        owns_units=False,
        dedicated_uids=(),
        trusted_units=(),
    ).origin


@given(peers, st.none() | processes, st.booleans())
def test_human_always_rests_on_all_the_positive_evidence(peer: Peer, life: ProcessRef | None, has_cgroup: bool) -> None:
    """Whoever is judged human is alive, in no life, the writer, in our namespace, and sits at a live terminal."""
    if judged_any(peer, life, has_cgroup=has_cgroup) is OriginKind.HUMAN:
        assert peer.alive
        assert peer.process is not None
        assert not peer.in_life
        assert peer.same_writer
        assert peer.same_pid_namespace
        assert peer.tty
        assert peer.session_leader is not None
        if peer.login is not None:
            assert peer.login.leader is not None
            assert not peer.login.closing
            assert peer.login.leader_audit_session in {UNSET_ID, peer.audit_session}
            assert peer.login.program != "sshd" or peer.remote_end is RemoteEnd.ELSEWHERE
        elif not peer.has_local_desktop:
            assert life is None or has_cgroup
            assert peer.remote_end in {RemoteEnd.NONE, RemoteEnd.ELSEWHERE}


@given(peers, st.sampled_from([IN_LIFE, (("other", LifeId(0)),)]))
def test_a_peer_inside_any_life_is_never_human(peer: Peer, lives: tuple[tuple[str, LifeId], ...]) -> None:
    """Being inside a life outweighs every other fact."""
    assert judged_any(replace(peer, in_life=lives), None, has_cgroup=True) is not OriginKind.HUMAN


@given(peers)
def test_a_peer_that_is_not_alive_is_never_human(peer: Peer) -> None:
    """Evidence on a process that ended may be evidence on another one."""
    assert judged_any(replace(peer, alive=False), None, has_cgroup=True) is OriginKind.UNKNOWN
