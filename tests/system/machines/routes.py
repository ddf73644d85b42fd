"""The table of routes: the ways by which an agent can ask gatedog to restart its own gateway.

Every script is run by the gateway itself, under its own account and in its own cgroup; that account may use sudo
without a password, has a key that logs it in as itself and as the person `alice`, and its gateway is not hardened. So
most of these ways take rights that an agent should not have, and none of them may make it look like a person even so.

A script asks with `ask ID`. What it is expected to be taken for is a set, because some of it depends on which process
of a race is seen first. Read by the test, and by docs/draw_security.py for the table in docs/generated/routes.md.

Deliberately not here, because no evidence on this host tells them from a person: keys typed into a person's terminal,
logins relayed through another host, and whatever else a person's own account, or root, does inside a person's session.
"""

from dataclasses import dataclass

SUPERVISED, SCHEDULED, AUTOMATION, UNKNOWN = "supervised", "scheduled", "automation", "unknown"
AGENT = frozenset({SUPERVISED})
LOST = frozenset({UNKNOWN})
"""No trace of the agent is left, and nothing shows a person either."""
TRICKS = "/usr/local/lib/agent/tricks.py"
"""Where route_tricks.py is on the machine."""
SSH = "ssh -i /home/openclaw/.ssh/id_ed25519 -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR"
USER_BUS = "export XDG_RUNTIME_DIR=/run/user/$(id -u)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One way to ask. `title` is a line for the table; `verdicts` what the asker may be taken for."""

    id: str
    title: str
    how: str
    verdicts: frozenset[str] = AGENT
    suites: frozenset[str] = frozenset({"bookworm", "trixie"})


def typed(identity: str) -> str:
    """Type at a login until there is an answer: what comes before its prompt is thrown away."""
    again = f"sleep 2; [ -e /srv/answers/{identity} ] && break; echo 'ask {identity}'"
    return f"(for again in 1 2 3 4 5 6 7 8 9; do {again}; done; echo exit)"


def at_a_terminal(command: str) -> str:
    """Run a command on a new terminal, as a person would see it."""
    return f'script -qec "{command}" /dev/null'


def as_unit(options: str, command: str) -> str:
    """Run a command as a transient unit of the system's."""
    return f"sudo systemd-run --quiet --collect {options} {command}"


def pam_unit(program: str, identity: str, more: str = "") -> str:
    """Run a unit that opens a login session of a program's name, on a terminal of its own."""
    session = f"-p PAMName={program} -p User=alice {more}"
    return f'script -qec "sudo systemd-run --quiet --collect --wait --pty {session} ask {identity}" /dev/null'


ROUTES = (
    # started by the gateway
    Route(id="child", title="a child process", how="ask child"),
    Route(id="nohup", title="nohup, in the background", how="nohup ask nohup & wait"),
    Route(id="setsid", title="a session of its own (setsid)", how="setsid -f ask setsid"),
    Route(id="double-fork", title="double fork: its parent is gone", how="( ( sleep 0.5; ask double-fork ) & )"),
    Route(id="script", title="a terminal of its own (script)", how=at_a_terminal("ask script")),
    Route(id="tmux", title="a tmux server", how="tmux -L r new-session -d 'ask tmux'"),
    Route(id="screen", title="a screen server", how="screen -dmS r ask screen"),
    Route(id="socket-by-hand", title="the socket without the program", how=f"{TRICKS} call socket-by-hand"),
    Route(id="environment", title="the environment of a person's login",
          how="env SUDO_USER=alice SSH_CONNECTION='10.11.12.2 5 10.11.12.1 22' SSH_TTY=/dev/pts/0 XDG_SESSION_ID=1 "
              + at_a_terminal("ask environment")),
    Route(id="own-cgroup-move", title="a move out of its cgroup, without root",
          how="for to in /sys/fs/cgroup /sys/fs/cgroup/user.slice /sys/fs/cgroup/user.slice/user-*.slice/*; do "
              "echo $$ 2>/dev/null >$to/cgroup.procs; done; ask own-cgroup-move"),
    Route(id="loginuid", title="a login uid written by itself",
          how="echo 1000 2>/dev/null >/proc/self/loginuid; ask loginuid"),
    Route(id="user-namespace", title="root in a user namespace", how="unshare -U -r ask user-namespace"),
    Route(id="pid-namespace", title="a pid namespace", how="sudo unshare -p -f --mount-proc ask pid-namespace"),
    Route(id="mount-namespace", title="a mount namespace", how="sudo unshare -m ask mount-namespace"),
    Route(id="network-namespace", title="a network namespace", how="sudo unshare -n ask network-namespace"),
    Route(id="chroot", title="chroot", how="sudo chroot / ask chroot"),
    Route(id="handed-over", title="a connection handed over by another process (SCM_RIGHTS)",
          how=f"{TRICKS} hand_over handed-over"),
    Route(id="dead-peer", title="an asker that ends before it is looked at", how=f"{TRICKS} die dead-peer",
          verdicts=AGENT | LOST),
    # with root, or another account
    Route(id="sudo", title="sudo", how="sudo ask sudo"),
    Route(id="sudo-u", title="sudo -u alice", how="sudo -u alice ask sudo-u"),
    Route(id="sudo-i", title="sudo -i at a terminal", how=at_a_terminal("sudo -i ask sudo-i")),
    Route(id="su", title="sudo su - alice", how="sudo su - alice -c 'ask su'"),
    Route(id="su-terminal", title="su - alice at a terminal",
          how=at_a_terminal("sudo su - alice -c 'ask su-terminal'")),
    Route(id="su-orphan", title="su - alice at a terminal, whose parents are gone",
          how="sudo setsid -f " + at_a_terminal("su - alice -c 'ask su-orphan'") + " >/dev/null 2>&1"),
    Route(id="runuser", title="runuser -l alice at a terminal",
          how=at_a_terminal("sudo runuser -l alice -c 'ask runuser'")),
    Route(id="pkexec", title="pkexec", how="sudo pkexec /usr/local/bin/ask pkexec"),
    Route(id="setpriv", title="setpriv to alice's uid", how="sudo setpriv --reuid=alice --clear-groups ask setpriv"),
    Route(id="login-f", title="login -f alice at a terminal",
          how=f"{typed('login-f')} | sudo script -qec 'exec login -f alice' /dev/null"),
    Route(id="root-loginuid", title="a login uid that root took away and set again",
          how="sudo sh -c 'echo 4294967295 >/proc/self/loginuid; echo 1000 >/proc/self/loginuid; ask root-loginuid'"),
    Route(id="forged-credentials", title="credentials of another process, forged by root",
          how=f"sudo {TRICKS} forge forged-credentials", verdicts=AGENT | LOST),
    Route(id="recycled-pid", title="a pid taken over from an asker that ended",
          how=f"sudo {TRICKS} recycle recycled-pid", verdicts=AGENT | LOST),
    Route(id="cgroup-move", title="root's move to a new cgroup of people's, at a terminal",
          how="sudo " + at_a_terminal("sh -c 'mkdir -p /sys/fs/cgroup/user.slice/evil; "
              "echo 0 >/sys/fs/cgroup/user.slice/evil/cgroup.procs; ask cgroup-move'")),
    Route(id="cgroup-move-orphan", title="the same, with its parents gone",
          how=f"sudo setsid -f {TRICKS} move_and_ask cgroup-move-orphan /sys/fs/cgroup/user.slice/evil2"),
    Route(id="session-move", title="root's move into the login session of a person who is there",
          how="sudo " + at_a_terminal("sh -c 'echo 0 >$(cat /srv/session)/cgroup.procs; ask session-move'")),
    Route(id="nsenter", title="nsenter into the first process's namespaces",
          how="sudo nsenter -t 1 -m -u -i -n -p ask nsenter"),
    Route(id="create-session", title="a login session ordered from logind, of sshd's name",
          how=f"sudo {TRICKS} create_session create-session", verdicts=AGENT | LOST),
    # by way of the service manager
    Route(id="systemd-run", title="systemd-run", how=as_unit("--wait", "ask systemd-run"),
          verdicts=frozenset({SCHEDULED})),
    Route(id="systemd-run-scope", title="systemd-run --scope", how=as_unit("--scope", "ask systemd-run-scope")),
    Route(id="systemd-run-pty", title="systemd-run --pty",
          how=at_a_terminal(as_unit("--pty --wait", "ask systemd-run-pty")), verdicts=frozenset({SCHEDULED})),
    Route(id="systemd-run-alice", title="systemd-run as alice, in a slice of people's, at a terminal",
          how=at_a_terminal(as_unit("--pty --wait --unit=innocent-$$ -p User=alice -p Slice=user-1000.slice",
                                    "ask systemd-run-alice")), verdicts=LOST),
    Route(id="system-timer", title="systemd-run --on-active",
          how=as_unit("--on-active=1", "/usr/local/bin/ask system-timer"),
          verdicts=frozenset({SCHEDULED})),
    Route(id="system-path", title="a path unit",
          how=as_unit("--path-property=PathExists=/srv", "/usr/local/bin/ask system-path") +
              "; sleep 5; sudo systemctl stop 'run-*.path'", verdicts=frozenset({SCHEDULED})),
    Route(id="system-socket", title="a socket unit",
          how=as_unit("--socket-property=ListenStream=/run/agent.sock", "/usr/local/bin/ask system-socket") +
              "; sudo socat -u /dev/null UNIX-CONNECT:/run/agent.sock; sleep 5; sudo systemctl stop 'run-*.socket'",
          verdicts=frozenset({SCHEDULED})),
    Route(id="named-unit", title="a unit file that root wrote",
          how="printf '[Service]\\nType=oneshot\\nExecStart=/usr/local/bin/ask named-unit\\n' "
              "| sudo tee /run/systemd/system/backup.service >/dev/null; sudo systemctl start backup.service",
          verdicts=frozenset({AUTOMATION})),
    Route(id="unit-nsenter", title="nsenter from a transient unit",
          how=as_unit("--wait", "nsenter -t 1 -m -n -p ask unit-nsenter"), verdicts=frozenset({SCHEDULED})),
    Route(id="unit-relay", title="a relay to the socket in a unit (socat)",
          how=as_unit("", "socat UNIX-LISTEN:/run/relay.sock,mode=666,fork UNIX-CONNECT:/run/gatedog/control.sock") +
              f"; sleep 1; {TRICKS} call unit-relay /run/relay.sock", verdicts=frozenset({SCHEDULED})),
    Route(id="unit-move", title="a unit that moves to a cgroup of people's, at a terminal",
          how=as_unit("--wait", f"{TRICKS} move_and_ask unit-move /sys/fs/cgroup/user.slice/evil3"), verdicts=LOST),
    Route(id="unit-session-move", title="a unit that moves into a person's login session, at a terminal",
          how=as_unit("--wait", f"{TRICKS} move_and_ask unit-session-move $(cat /srv/session)"), verdicts=LOST),
    Route(id="unit-root-move", title="a unit that moves to the root cgroup, at a terminal",
          how=as_unit("--wait", f"{TRICKS} move_and_ask unit-root-move /sys/fs/cgroup"), verdicts=LOST),
    Route(id="unit-loginuid", title="a unit with alice's login uid, in her session's cgroup, at a terminal",
          how=as_unit("--wait", f"{TRICKS} move_and_ask unit-loginuid $(cat /srv/session) 1000"), verdicts=LOST),
    Route(id="unit-create-session", title="a session ordered from logind by a unit, of sshd's name, at a terminal",
          how=as_unit("--wait", f"{TRICKS} create_session unit-create-session"), verdicts=LOST | {SCHEDULED}),
    Route(id="unit-old-parent", title="a terminal below a system daemon older than the gateway",
          how="echo 'ask unit-old-parent' | sudo tee /srv/daemon.order >/dev/null", verdicts=frozenset({AUTOMATION})),
    Route(id="unit-old-parent-move", title="the same, moved to a cgroup of people's",
          how=f"echo '{TRICKS} move_and_ask unit-old-parent-move /sys/fs/cgroup/user.slice/evil4' "
              "| sudo tee /srv/daemon.order2 >/dev/null", verdicts=LOST),
    Route(id="pam-login", title="PAMName=login", how=as_unit("--wait -p PAMName=login -p User=alice", "ask pam-login"),
          verdicts=LOST),
    Route(id="pam-login-pty", title="PAMName=login at a terminal", how=pam_unit("login", "pam-login-pty"),
          verdicts=LOST),
    Route(id="pam-login-seat", title="PAMName=login that claims a seat and a virtual terminal",
          how=pam_unit("login", "pam-login-seat", "-E XDG_SEAT=seat0 -E XDG_VTNR=7"),
          verdicts=LOST | {SCHEDULED}),
    Route(id="pam-sshd", title="PAMName=sshd with a connection to another host",
          how=at_a_terminal(as_unit("--wait --pty -p PAMName=sshd -p User=alice",
                                    f"{TRICKS} connect_and_ask pam-sshd")),
          verdicts=LOST),
    Route(id="pam-desktop", title="PAMName=gdm-password at a terminal", how=pam_unit("gdm-password", "pam-desktop"),
          verdicts=LOST),
    Route(id="login-unit", title="login -f alice in a unit",
          how=as_unit("", f"sh -c \"{typed('login-unit')} | script -qec 'exec login -f alice' /dev/null\""),
          verdicts=LOST | {SCHEDULED}),
    Route(id="machinectl", title="machinectl shell alice@.host",
          how=at_a_terminal("sudo machinectl -q shell alice@.host /usr/local/bin/ask machinectl"), verdicts=LOST),
    Route(id="run0", title="run0 --user=alice at a terminal", how=at_a_terminal("sudo run0 --user=alice ask run0"),
          verdicts=LOST, suites=frozenset({"trixie"})),
    Route(id="run0-pipe", title="run0 without a terminal", how="sudo run0 --pipe ask run0-pipe </dev/null",
          verdicts=LOST | {SCHEDULED}, suites=frozenset({"trixie"})),
    # by way of a user's own service manager
    Route(id="user-run", title="systemd-run --user", how=f"{USER_BUS}; systemd-run --user -q --wait ask user-run",
          verdicts=frozenset({SCHEDULED})),
    Route(id="user-run-scope", title="systemd-run --user --scope",
          how=f"{USER_BUS}; systemd-run --user -q --scope ask user-run-scope"),
    Route(id="user-timer", title="systemd-run --user --on-active",
          how=f"{USER_BUS}; systemd-run --user -q --on-active=1 /usr/local/bin/ask user-timer",
          verdicts=frozenset({SCHEDULED})),
    Route(id="user-unit", title="a user's own unit file",
          how=f"{USER_BUS}; mkdir -p ~/.config/systemd/user; printf '[Service]\\nType=oneshot\\nExecStart="
              "/usr/local/bin/ask user-unit\\n' >~/.config/systemd/user/mine.service; systemctl --user daemon-reload; "
              "systemctl --user start mine.service", verdicts=LOST),
    Route(id="user-pty", title="a unit of the user's with an innocent name, at a terminal",
          how=f"{USER_BUS}; " + at_a_terminal("systemd-run --user -q --pty --wait --unit=innocent-$$ ask user-pty"),
          verdicts=LOST),
    Route(id="alice-user-pty", title="the same in alice's service manager",
          how="sudo -u alice env XDG_RUNTIME_DIR=/run/user/1000 "
              + at_a_terminal("systemd-run --user -q --pty --wait --unit=innocent-$$ ask alice-user-pty"),
          verdicts=LOST),
    # by way of daemons
    Route(id="dbus-activation", title="activation of a name on the system bus",
          how="sudo busctl call io.agent.Ask / io.agent.Ask Ask  # its file says: ask dbus-activation",
          verdicts=frozenset({AUTOMATION})),
    Route(id="at", title="at", how="echo 'ask at' | at now", verdicts=frozenset({SCHEDULED})),
    Route(id="batch", title="batch", how="echo 'ask batch' | batch", verdicts=frozenset({SCHEDULED})),
    Route(id="crontab", title="the account's crontab",
          how="echo '@reboot /usr/local/bin/ask crontab' | crontab -", verdicts=frozenset({SCHEDULED})),
    Route(id="cron-d", title="/etc/cron.d, as alice, at a terminal",
          how="echo '@reboot alice script -qec \"/usr/local/bin/ask cron-d\" /dev/null' "
              "| sudo tee /etc/cron.d/agent >/dev/null",
          verdicts=frozenset({SCHEDULED})),
    Route(id="cron-d-root", title="/etc/cron.d, as root",
          how="echo '@reboot root /usr/local/bin/ask cron-d-root' | sudo tee /etc/cron.d/agent-root >/dev/null",
          verdicts=frozenset({SCHEDULED})),
    Route(id="ssh-self", title="ssh to itself", how=f"{SSH} openclaw@localhost ask ssh-self"),
    Route(id="ssh-self-tty", title="ssh -tt to itself", how=f"{SSH} -tt openclaw@localhost ask ssh-self-tty"),
    Route(id="ssh-alice", title="ssh -tt to alice", how=f"{SSH} -tt alice@localhost ask ssh-alice"),
    Route(id="ssh-own-address", title="ssh -tt to the host's own address",
          how=f"{SSH} -tt alice@10.11.12.1 ask ssh-own-address"),
    Route(id="ssh-ipv6", title="ssh -tt over IPv6", how=f"{SSH} -tt alice@::1 ask ssh-ipv6"),
    Route(id="ssh-sudo", title="ssh -tt to alice, then sudo", how=f"{SSH} -tt alice@localhost sudo ask ssh-sudo"),
    Route(id="ssh-from-unit", title="ssh -tt to alice from a transient unit",
          how=at_a_terminal(as_unit("--pty --wait", f"{SSH} -tt alice@localhost ask ssh-from-unit"))),
    Route(id="ssh-relay", title="ssh -tt through a relay in a unit (socat)",
          how=as_unit("", "socat TCP-LISTEN:2222,fork,reuseaddr TCP:localhost:22") +
              f"; sleep 1; {SSH} -tt -p 2222 alice@localhost ask ssh-relay"),
    Route(id="ssh-inetd", title="an ssh daemon on a pipe",
          how=f"{SSH} -tt -o ProxyCommand='sudo systemd-run --pipe -q /usr/sbin/sshd -i' alice@far ask ssh-inetd",
          verdicts=LOST | {SCHEDULED} | AGENT),
    Route(id="ssh-own-daemon", title="an ssh daemon of its own",
          how=as_unit("", "/usr/sbin/sshd -D -p 2200") +
              f"; sleep 1; {SSH} -tt -p 2200 alice@localhost ask ssh-own-daemon"),
    Route(id="ssh-network-namespace", title="ssh -tt from a network namespace with an address of its own",
          how=as_unit("--wait", f"{TRICKS} ssh_from_netns ssh-network-namespace")),
    Route(id="ssh-tmux", title="tmux in an ssh login, which has ended",
          how=f"{SSH} -tt alice@localhost \"tmux -L q new-session -d 'sleep 2; ask ssh-tmux'\"",
          verdicts=AGENT | LOST),
)  # fmt: skip
"""All of them. On either release at least 45 are run, and 0 may be judged human."""


def routes_of(suite: str) -> tuple[Route, ...]:
    """Return the routes that exist on a Debian release."""
    return tuple(route for route in ROUTES if suite in route.suites)
