"""The table of attacks: what an agent tries against gatedog itself, and what comes of it.

Every script is run by the gateway, under its own account: once with the gateway not hardened, once hardened as set-up
leaves it. Unlike in routes.py the account is an ordinary one, without sudo and without a key. A script ends with 0 if
the attack went through.

`$GATEDOG` is gatedog's pid, `$GATEWAY` the gateway's unit. Read by the test, and by docs/draw_security.py for the table
in docs/generated/attacks.md.
"""

from dataclasses import dataclass

REFUSED = "refused"
HARMLESS = "harmless"
"""It goes through, and nothing that gatedog rests on is changed by it."""
NOTICED = "noticed"
"""It goes through; gatedog answers, and people are told where that matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attack. `plain` and `hardened` say what comes of it, `because` why it is no harm where it goes through."""

    id: str
    title: str
    how: str
    plain: str = REFUSED
    hardened: str = REFUSED
    because: str = ""


def in_python(code: str) -> str:
    """Run a line of Python."""
    return f'python3 -c "{code}"'


def unit_call(method: str, arguments: str) -> str:
    """Call the system's service manager over D-Bus, without being asked for a password."""
    manager = "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager"
    return f"busctl --allow-interactive-authorization=no call {manager} {method} {arguments}"


PTRACE = "import ctypes, os; exit(ctypes.CDLL(None).ptrace(16, int(os.environ['GATEDOG']), 0, 0) != 0)"
DROP_IN = "{}/systemd/system/openclaw-gateway.service.d"

ATTACKS = (
    # on the process
    Attack(id="kill", title="kill gatedog", how="kill -9 $GATEDOG"),
    Attack(id="stop", title="suspend gatedog (SIGSTOP)", how="kill -STOP $GATEDOG"),
    Attack(id="ptrace", title="trace gatedog", how=in_python(PTRACE)),
    Attack(id="memory", title="write gatedog's memory", how="echo x >/proc/$GATEDOG/mem"),
    Attack(id="environment", title="read gatedog's environment", how="cat /proc/$GATEDOG/environ"),
    Attack(id="descriptor", title="take a descriptor of gatedog's",
           how=in_python("import ctypes, os; libc = ctypes.CDLL(None); fd = os.pidfd_open(int(os.environ['GATEDOG'])); "
                         "exit(libc.syscall(438, fd, 3, 0) < 0)")),
    Attack(id="limits", title="take gatedog's files away (prlimit)", how="prlimit --pid $GATEDOG --nofile=1:1"),
    Attack(id="oom", title="offer gatedog to the OOM killer", how="echo 1000 >/proc/$GATEDOG/oom_score_adj"),
    Attack(id="cgroup-kill", title="kill gatedog's cgroup",
           how="echo 1 >/sys/fs/cgroup/system.slice/gatedog.service/cgroup.kill"),
    Attack(id="cgroup-freeze", title="freeze gatedog's cgroup",
           how="echo 1 >/sys/fs/cgroup/system.slice/gatedog.service/cgroup.freeze"),
    Attack(id="cgroup-join", title="join gatedog's cgroup",
           how="echo 0 >/sys/fs/cgroup/system.slice/gatedog.service/cgroup.procs"),
    # on its files
    Attack(id="socket-remove", title="remove the socket", how="rm /run/gatedog/control.sock"),
    Attack(id="socket-replace", title="put another socket in its place",
           how="ln -s /tmp/other.sock /run/gatedog/new && mv /run/gatedog/new /run/gatedog/control.sock"),
    Attack(id="socket-folder", title="move the socket's folder away", how="mv /run/gatedog /run/gatedog.old"),
    Attack(id="mount-over", title="mount something over the socket's folder",
           how="unshare -U -r -m mount -t tmpfs none /run/gatedog", plain=HARMLESS,
           because="in a mount namespace of its own, which nobody else sees"),
    Attack(id="policy-write", title="edit the policy", how="echo >>/etc/gatedog/policy.toml"),
    Attack(id="policy-read", title="read the policy and the credentials of the pager",
           how="cat /etc/gatedog/policy.toml /etc/gatedog/pager.toml"),
    Attack(id="signers", title="list itself as a signer", how="echo agent >>/etc/gatedog/allowed_signers"),
    Attack(id="journal", title="write into the journal", how="touch /var/lib/gatedog/x"),
    Attack(id="ticket", title="write a ticket for a start", how="touch /run/gatedog/tickets/openclaw-gateway"),
    Attack(id="inspection", title="write what root's inspection found", how="touch /run/gatedog-inspect/x"),
    Attack(id="unit-edit", title="edit its unit", how="echo >>/etc/systemd/system/openclaw-gateway.service"),
    Attack(id="drop-in", title="add a drop-in",
           how=f"d={DROP_IN.format('/etc')}; mkdir -p $d; echo '[Service]' >$d/99-agent.conf"),
    Attack(id="drop-in-run", title="add a drop-in in /run",
           how=f"d={DROP_IN.format('/run')}; mkdir -p $d; echo '[Service]' >$d/99-agent.conf"),
    Attack(id="watchdog-unit", title="edit gatedog's unit", how="echo >>/etc/systemd/system/gatedog.service"),
    Attack(id="program", title="edit its own program", how="echo >>/opt/openclaw/gateway"),
    Attack(id="watchdog-program", title="edit gatedog's program",
           how="echo >>$(ls -d /usr/lib/gatedog/lib/python3*/site-packages/watchdog)/__init__.py"),
    # by the service manager
    Attack(id="systemctl-restart", title="systemctl restart of itself",
           how="systemctl --no-ask-password restart $GATEWAY"),
    Attack(id="systemctl-kill", title="systemctl kill of itself", how="systemctl --no-ask-password kill $GATEWAY"),
    Attack(id="systemctl-stop", title="systemctl stop of gatedog",
           how="systemctl --no-ask-password stop gatedog.service"),
    Attack(id="systemctl-mask", title="systemctl mask of gatedog",
           how="systemctl --no-ask-password mask gatedog.service"),
    Attack(id="set-property", title="systemctl set-property of gatedog",
           how="systemctl --no-ask-password set-property gatedog.service MemoryMax=1M"),
    Attack(id="reload", title="systemctl daemon-reload", how="systemctl --no-ask-password daemon-reload"),
    Attack(id="door", title="the door by which gatedog starts it", how="systemctl --no-ask-password start "
           "gatedog-start@openclaw-gateway.target"),
    Attack(id="bus", title="RestartUnit over D-Bus",
           how=unit_call("RestartUnit", "ss openclaw-gateway.service replace")),
    Attack(id="systemd-run", title="a transient unit of the system's",
           how="systemd-run --no-ask-password --quiet true"),
    Attack(id="break-glass", title="break-glass", how="/usr/lib/gatedog/break-glass start openclaw"),
    # by what else is on the host
    Attack(id="sudo", title="sudo", how="sudo -n true"),
    Attack(id="su", title="su to a person", how="su alice -c true </dev/null"),
    Attack(id="container-engine", title="the socket of a container engine",
           how=in_python("import socket; socket.socket(socket.AF_UNIX).connect('/run/docker.sock')")),
    Attack(id="terminal", title="write to a person's terminal", how="echo 'gatedog restart openclaw' >$(cat /srv/tty)"),
    Attack(id="login-uid", title="take its login uid away", how="echo 4294967295 >/proc/self/loginuid"),
    Attack(id="crontab", title="a crontab", how="echo '0 0 1 1 * true' | crontab -", plain=HARMLESS,
           because="a job of its account asks in vain, and named among the rivals when it restarts the gateway"),
    Attack(id="at", title="at", how="echo true | at 00:00", plain=HARMLESS, because="as with a crontab"),
    Attack(id="user-unit", title="a unit of its own service manager",
           how="systemd-run --user --quiet true", plain=REFUSED),
    # on itself
    Attack(id="self-kill", title="kill its own gateway", how="kill -9 $PPID", plain=NOTICED, hardened=NOTICED,
           because="an unasked ending: started again within its budget, then held, and people are told"),
)  # fmt: skip
"""All of them, the one that ends the gateway last."""
