"""Who else starts the gateway's program: units, users' units and jobs, on a made-up host."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from made_up_host import ALICE, UNIT, MadeUpHost

from watchdog.core.identity import GatewayName
from watchdog.core.policy import CommandPolicy, GatewayPolicy
from watchdog.core.rival import Rival, RivalKind
from watchdog.origin.host import Host
from watchdog.sensors.portowner import Listener, outsiders
from watchdog.sensors.rivals import RIVALS_MAX, Claim, FileLook, claim_of, join, look_at_files

GATEWAY = GatewayPolicy(name=GatewayName("main"), unit=UNIT)
SAME = "[Service]\nExecStart=/usr/bin/node /opt/agent/main.js serve --verbose\n"
WANTS = "multi-user.target.wants"


def claim(host: MadeUpHost, gateway: GatewayPolicy = GATEWAY, *others: str) -> Claim:
    """What the gateway of the made-up host is."""
    return claim_of(Host(root=host.root), gateway, others)


def rivals(host: MadeUpHost, gateway: GatewayPolicy = GATEWAY, *others: str) -> tuple[Rival, ...]:
    """All rivals that the files show."""
    return look_at_files(Host(root=host.root), claim(host, gateway, *others)).rivals


def enabled(name: str, text: str, folder: str = "/etc/systemd/system") -> Callable[[MadeUpHost], None]:
    """A unit that starts at boot."""

    def write(host: MadeUpHost) -> None:
        host.write(f"{folder}/{name}", text)
        host.write(f"{folder}/{WANTS}/{name}", text)

    return write


def job(path: str, line: str) -> Callable[[MadeUpHost], object]:
    """A line of a crontab."""
    return lambda host: host.write(path, f"SHELL=/bin/sh\n{line}\n")


AGENT = f"/user.slice/user-{ALICE}.slice/user@{ALICE}.service/app.slice"
SERVE = "[Service]\nExecStart="
FIX = "#!/bin/sh\n# systemctl restart agent-gateway\ncurl -s localhost || systemctl restart agent-gateway\n"

FOUND: dict[str, tuple[Callable[[MadeUpHost], object], str, str]] = {
    "the same command line": (
        enabled("copy.service", SAME),
        "copy.service",
        "copy.service starts the same program (enabled)",
    ),
    "with another file of the program's name before it": (
        enabled("copy.service", SAME.replace("/usr/bin/node", "-/usr/bin/env A=b node")),
        "copy.service",
        "same program",
    ),
    "the script by itself": (enabled("c.service", f"{SERVE}/opt/agent/main.js serve\n"), "c.service", "same"),
    "a link to the script": (
        lambda host: (
            host.write("/usr/local/bin/x", "").unlink(),
            host.place("/usr/local/bin/agent").symlink_to("../../../opt/agent/main.js"),
            enabled("c.service", f"{SERVE}/usr/local/bin/agent serve\n")(host),
        ),
        "c.service",
        "same",
    ),
    "a user's own copy": (
        enabled(UNIT, SAME, "/home/alice/.config/systemd/user"),
        f"/home/alice/.config/systemd/user/{UNIT}",
        f"user unit {UNIT} of alice starts the same program",
    ),
    "one that runs without being enabled": (
        lambda host: (
            host.write("/usr/lib/systemd/system/copy.service", SAME),
            host.write("/proc/80/cgroup", "0::/system.slice/copy.service\n"),
            host.write("/proc/80/stat", "80 (node) S 1 80 80 0 -1 " + "0 " * 13 + "1234 0\n"),
        ),
        "copy.service",
        "active: pid 80, started 12.34 s after boot, in /system.slice/copy.service",
    ),
    "a user's copy that runs": (
        lambda host: (
            host.write("/home/alice/.config/systemd/user/copy.service", SAME),
            host.write("/proc/81/cgroup", f"0::{AGENT}/copy.service\n"),
        ),
        "copy.service",
        "user unit copy.service of alice starts the same program (active: pid 81",
    ),
    "a timer that restarts it": (
        lambda host: (
            host.write("/etc/systemd/system/fix.service", f"{SERVE}/usr/bin/systemctl --no-block restart {UNIT}\n"),
            host.write("/etc/systemd/system/timers.target.wants/fix.timer", ""),
        ),
        "fix.service",
        f"runs systemctl on {UNIT}",
    ),
    "a unit with a shell line": (
        enabled("c.service", f"{SERVE}/bin/sh -c 'sleep 1; node /opt/agent/main.js serve'\n"),
        "c.service",
        "same program",
    ),
    "a job of cron": (
        job("/etc/cron.d/fix", "*/5 * * * * root pgrep agent || systemctl restart agent-gateway"),
        "/etc/cron.d/fix:2",
        "a job of root runs systemctl",
    ),
    "a user's job": (
        job("/var/spool/cron/crontabs/alice", "@reboot cd /opt/agent && node /opt/agent/main.js serve &"),
        "crontabs/alice:2",
        "a job of alice starts the same program",
    ),
    "a script that cron runs": (
        lambda host: (
            host.write("/usr/local/bin/fix", FIX, mode=0o755),
            job("/etc/crontab", "* * * * * root /usr/local/bin/fix")(host),
        ),
        "/etc/crontab:2",
        "line 3 of /usr/local/bin/fix",
    ),
    "a script of every hour": (
        lambda host: host.write("/etc/cron.hourly/fix", FIX, mode=0o755),
        "/etc/cron.hourly/fix",
        "line 3",
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_rival_is_found_and_named(made_up_host: MadeUpHost, name: str) -> None:
    """Whoever starts or restarts the same program is told with its file and what was seen."""
    change, subject, words = FOUND[name]
    made_up_host.write("/bin/sh", "\x7fELF", mode=0o755)
    made_up_host.write("/usr/bin/systemctl", "\x7fELF", mode=0o755)
    made_up_host.write("/usr/bin/env", "\x7fELF", mode=0o755)
    change(made_up_host)

    (rival,) = rivals(made_up_host)

    assert rival.kind is RivalKind.OTHER_UNIT
    assert rival.subject.endswith(subject)
    assert words in rival.detail


LEFT_ALONE: dict[str, Callable[[MadeUpHost], object]] = {
    "the unit itself, enabled": lambda host: host.write(f"/etc/systemd/system/{WANTS}/{UNIT}", ""),
    "a unit that is neither enabled nor active": lambda host: host.write("/etc/systemd/system/copy.service", SAME),
    "another command of the program": enabled("b.service", f"{SERVE}/opt/agent/main.js backup\n"),
    "another script of the same name": lambda host: (
        host.write("/srv/main.js", "#!/usr/bin/env node\n", mode=0o755),
        enabled("b.service", f"{SERVE}/usr/bin/node /srv/main.js serve\n")(host),
    ),
    "the name inside a longer one": enabled("b.service", f"{SERVE}/bin/tar c /opt/agent/main.js.bak serve\n"),
    "a masked unit": lambda host: host.place("/etc/systemd/system/copy.service").symlink_to("/dev/null"),
    "a template": enabled("copy@.service", SAME),
    "gatedog's own": enabled("gatedog-observe@x.service", SAME),
    "a job that looks": job("/etc/cron.d/look", f"* * * * * root systemctl is-active {UNIT}"),
    "a job on another unit": job("/etc/cron.d/x", "* * * * * root systemctl restart nginx"),
    "a table nobody can parse": job("/etc/cron.d/x", "* * *"),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_only_looks_alike_is_no_rival(made_up_host: MadeUpHost, name: str) -> None:
    """Paths and first words are compared, not parts of texts."""
    made_up_host.write("/bin/tar", "\x7fELF", mode=0o755)
    LEFT_ALONE[name](made_up_host)

    assert rivals(made_up_host) == ()


def test_trusted_units_and_other_gateways_are_no_rivals(made_up_host: MadeUpHost) -> None:
    """What the human listed may restart it, and two gateways may run one program."""
    enabled("deploy.service", SAME)(made_up_host)
    enabled("second.service", SAME)(made_up_host)

    assert rivals(made_up_host, replace(GATEWAY, trusted_units=("deploy.service",)), "second.service") == ()
    assert len(rivals(made_up_host)) == 2


def test_a_child_gateway_has_rivals_too(made_up_host: MadeUpHost) -> None:
    """A unit that starts what gatedog runs as its child fights with it just as well."""
    enabled("copy.service", SAME)(made_up_host)
    child = GatewayPolicy(
        name=GatewayName("main"), command=CommandPolicy(argv=("node", "main.js", "serve"), directory="/opt/agent")
    )

    assert len([each for each in rivals(made_up_host, child) if each.subject.endswith("copy.service")]) == 1


def test_what_cannot_be_read_is_said(made_up_host: MadeUpHost) -> None:
    """A home that cannot be looked into is no proof that nothing is there."""
    folder = made_up_host.place("/home/alice/.config")
    folder.symlink_to("/home/alice/.config")

    look = look_at_files(Host(root=made_up_host.root), claim(made_up_host))

    assert "/home/alice/.config/systemd/user" in look.unread


def rival(subject: str, kind: RivalKind = RivalKind.OTHER_UNIT, detail: str = "seen") -> Rival:
    """One rival."""
    return Rival(kind=kind, subject=subject, detail=detail)


def test_root_fills_in_what_the_daemon_could_not_read() -> None:
    """Of root's older look only what lies in places closed to the daemon is taken."""
    look = FileLook(rivals=(rival("/etc/cron.d/x:1"),), unread=("/var/spool/cron/crontabs", "/home/alice/.config"))
    by_root = (
        rival("/var/spool/cron/crontabs/alice:1"),
        rival("/home/alice/.config/systemd/user/a.service"),
        rival("/etc/cron.d/gone:1"),
        rival("/home/alice/.configuration"),
    )

    joined = join(look, by_root, (rival("/x", RivalKind.PORT),))

    assert [each.subject for each in joined] == [
        "/etc/cron.d/x:1",
        "/home/alice/.config/systemd/user/a.service",
        "/var/spool/cron/crontabs/alice:1",
        "/x",
    ]


def test_rivals_are_bounded_and_each_is_told_once() -> None:
    """A thousand copies make no bigger event than sixteen, and two looks at one make one."""
    many = tuple(rival(f"/{number:03}") for number in range(100))

    assert len(join(FileLook(rivals=many, unread=()), ())) == RIVALS_MAX
    assert join(FileLook(rivals=many[:1], unread=("/000",)), many[:1]) == many[:1]


def listener(cgroup: str, inode: int = 1) -> Listener:
    """One listener on the gateway's port."""
    return Listener(uid=1000, inode=inode, cgroup=cgroup)


def test_a_listener_outside_the_gateway_is_an_outsider() -> None:
    """Only a cgroup that is known and not the gateway's convicts; systemd's own sockets are handed to the gateway."""
    own = ("/system.slice/agent-gateway.service",)
    outside = listener("/user.slice/user-1000.slice/session-3.scope")

    found = outsiders(
        (
            listener(own[0]),
            listener(f"{own[0]}/worker"),
            listener(""),
            listener("/init.scope"),
            outside,
            replace(outside, inode=2),
            listener(f"{own[0]}x"),
        ),
        own,
    )

    assert [each.cgroup for each in found] == [f"{own[0]}x", outside.cgroup]
