"""Enforcing or advisory: every condition on a made-up host, and the judgement on all of them."""

import base64
import os
import stat
import struct
from collections.abc import Callable

import pytest
from made_up_host import ALICE, GID, GROUPS, PASSWD, UID, UNIT, UNIT_TEXT, MadeUpHost

from watchdog.origin.enforcing.judgement import Condition, judge


def test_a_host_that_meets_every_condition_is_enforcing(made_up_host: MadeUpHost) -> None:
    """Nothing found, nothing unread, and a check for each condition of the closed list."""
    facts = made_up_host.facts()

    assert judge(facts, 5).reasons == ()
    assert judge(facts, 5).enforcing
    assert {check.condition for check in facts.checks} == set(Condition)
    assert (facts.user, facts.uid) == ("agent", UID)


Breaker = Callable[[MadeUpHost], object]


def unit(text: str) -> Breaker:
    """Another unit file for the gateway."""
    return lambda host: host.write(f"/etc/systemd/system/{UNIT}", text)


def file(path: str, text: str, **how: int) -> Breaker:
    """One more file, or another text in its place."""
    return lambda host: host.write(path, text, **how)


def own(path: str, owner: int = UID) -> Breaker:
    """Something that belongs to somebody else now."""
    return lambda host: os.chown(host.place(path), owner, owner)


def mode(path: str, bits: int, group: int = 0) -> Breaker:
    """Something with other permissions."""

    def change(host: MadeUpHost) -> None:
        os.chown(host.place(path), 0, group)
        host.place(path).chmod(bits)

    return change


def acl(path: str, entries: bytes) -> Breaker:
    """Something with a POSIX ACL."""

    def change(host: MadeUpHost) -> None:
        try:
            os.setxattr(host.place(path), "system.posix_acl_access", struct.pack("<I", 2) + entries)
        except OSError:
            pytest.skip("this file system keeps no ACLs")

    return change


def entry(tag: int, permissions: int, identity: int = 0xFFFFFFFF) -> bytes:
    """One entry of an ACL."""
    return struct.pack("<HHI", tag, permissions, identity)


AGENT_MAY_WRITE = (
    entry(0x01, 6) + entry(0x02, 6, UID) + entry(0x04, 4) + entry(0x10, 6) + entry(0x20, 4)
)  # owner, the named user, group, mask, others
ALICE_MAY_WRITE = entry(0x01, 6) + entry(0x02, 6, ALICE) + entry(0x04, 4) + entry(0x10, 6) + entry(0x20, 4)


def open_socket(path: str, bits: int, group: int = 0) -> Breaker:
    """A container engine that listens."""

    def listen(host: MadeUpHost) -> None:
        host.write(f"{path}.folder", "")
        os.mknod(host.place(path), stat.S_IFSOCK)
        mode(path, bits, group)(host)

    return listen


KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()
PUBLIC = f"ssh-ed25519 {KEY} agent@host\n"
PRIVATE = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    + base64.b64encode(
        b"openssh-key-v1\0"
        + b"".join(struct.pack(">I", len(part)) + part for part in (b"none", b"none", b""))
        + struct.pack(">I", 1)
        + struct.pack(">I", len(base64.b64decode(KEY)))
        + base64.b64decode(KEY)
        + b"the secret half"
    ).decode()
    + "\n-----END OPENSSH PRIVATE KEY-----\n"
)
ALICES_KEYS = file("/home/alice/.ssh/authorized_keys", PUBLIC, owner=ALICE)

BROKEN: dict[str, tuple[Breaker, Condition, str]] = {
    "runs as root": (unit(UNIT_TEXT.replace("User=agent\n", "")), Condition.ACCOUNT, "runs as root"),
    "uid 0": (unit(UNIT_TEXT.replace("User=agent", "User=0")), Condition.ACCOUNT, "root"),
    "gatedog's user": (
        unit(UNIT_TEXT.replace("User=agent", "User=gatedog")),
        Condition.ACCOUNT,
        "same user as gatedog",
    ),
    "unknown user": (unit(UNIT_TEXT.replace("User=agent", "User=ghost")), Condition.ACCOUNT, "not in /etc/passwd"),
    "dynamic user": (unit(UNIT_TEXT + "DynamicUser=yes\n"), Condition.ACCOUNT, "dynamic"),
    "no unit": (
        lambda host: host.place(f"/etc/systemd/system/{UNIT}").unlink(),
        Condition.ACCOUNT,
        "no such unit",
    ),
    "ambient capabilities": (unit(UNIT_TEXT + "AmbientCapabilities=CAP_SYS_ADMIN\n"), Condition.ACCOUNT, "Ambient"),
    "a capable process": (
        lambda host: host.process(71, uid=UID, cgroup=f"/system.slice/{UNIT}", capabilities="00000000a80425fb"),
        Condition.ACCOUNT,
        "process 71",
    ),
    "one uid, two names": (file("/etc/passwd", PASSWD + f"toor:x:{UID}:0::/:/bin/sh\n"), Condition.ACCOUNT, "toor"),
    "group docker": (file("/etc/group", GROUPS.replace("999:alice", "999:alice,agent")), Condition.GROUPS, "docker"),
    "primary group": (file("/etc/passwd", PASSWD.replace(f"{UID}:{GID}", f"{UID}:27")), Condition.GROUPS, "sudo"),
    "the unit's group": (unit(UNIT_TEXT + "SupplementaryGroups=docker\n"), Condition.GROUPS, "docker"),
    "group 0 by number": (unit(UNIT_TEXT + "Group=0\n"), Condition.GROUPS, "root"),
    "groups from elsewhere": (file("/etc/nsswitch.conf", "group: files sss\n"), Condition.GROUPS, "sss"),
    "sudo rule": (
        file("/etc/sudoers", "agent ALL=(ALL) NOPASSWD: ALL\n", mode=0o440),
        Condition.SUDO,
        "/etc/sudoers:1",
    ),
    "sudo for all": (file("/etc/sudoers", "ALL ALL=(ALL) /usr/bin/id\n"), Condition.SUDO, "sudoers:1"),
    "sudo by uid": (file("/etc/sudoers", f"#{UID} ALL=(ALL) ALL\n"), Condition.SUDO, "sudoers:1"),
    "sudo by group": (file("/etc/sudoers", "root ALL=(ALL) ALL\n\n%agent ALL=ALL\n"), Condition.SUDO, "sudoers:3"),
    "sudo by gid": (file("/etc/sudoers", f"%#{GID} ALL=ALL\n"), Condition.SUDO, "sudoers:1"),
    "sudo by list": (file("/etc/sudoers", "root, agent ALL = ALL\n"), Condition.SUDO, "sudoers:1"),
    "sudo by netgroup": (file("/etc/sudoers", "+bots ALL=ALL\n"), Condition.SUDO, "sudoers:1"),
    "sudo by alias": (
        file("/etc/sudoers", "User_Alias A = alice : B = A, \\\n  agent\nB ALL=ALL\n"),
        Condition.SUDO,
        "sudoers:3",
    ),
    "sudo in a folder": (
        lambda host: (
            file("/etc/sudoers", "@includedir /etc/sudoers.d\n")(host),
            file("/etc/sudoers.d/bots", "agent ALL=ALL\n")(host),
        ),
        Condition.SUDO,
        "/etc/sudoers.d/bots:1",
    ),
    "sudo in an old include": (
        lambda host: (file("/etc/sudoers", "#include extra\n")(host), file("/etc/extra", "agent ALL=ALL\n")(host)),
        Condition.SUDO,
        "/etc/extra:1",
    ),
    "sudo's rules elsewhere": (file("/etc/nsswitch.conf", "sudoers: files ldap\n"), Condition.SUDO, "ldap"),
    "sudo's other plug-in": (file("/etc/sudo.conf", "Plugin policy my.so\n"), Condition.SUDO, "plug-in"),
    "sudo's rules too long": (file("/etc/sudoers", "#" * (1024 * 1024 + 1)), Condition.SUDO, "longer"),
    "doas": (file("/etc/doas.conf", "permit nopass setenv { A B=c } agent as root\n"), Condition.SUDO, "doas"),
    "doas by group": (file("/etc/doas.conf", "permit :agent\n"), Condition.SUDO, "doas"),
    "polkit rule": (
        file(
            "/etc/polkit-1/rules.d/1.rules",
            'polkit.addRule(function(a, subject) {\n if (subject.user == "agent")\n  return polkit.Result.YES;\n});\n',
        ),
        Condition.POLKIT,
        "1.rules:2",
    ),
    "polkit by group": (
        file("/usr/share/polkit-1/rules.d/2.rules", 'if (subject.isInGroup("agent")) return polkit.Result.YES;\n'),
        Condition.POLKIT,
        "2.rules:1",
    ),
    "polkit for all but others": (
        file("/etc/polkit-1/rules.d/3.rules", 'if (subject.user != "agent") return polkit.Result.NO;\n'),
        Condition.POLKIT,
        "3.rules:1",
    ),
    "polkit for everybody": (
        file("/etc/polkit-1/rules.d/4.rules", "polkit.addRule(function(action) { return polkit.Result.YES; });\n"),
        Condition.POLKIT,
        "everybody",
    ),
    "polkit's older form": (
        file("/etc/polkit-1/localauthority/50-local.d/x.pkla", "[x]\nIdentity=unix-user:agent\nResultAny=yes\n"),
        Condition.POLKIT,
        "x.pkla",
    ),
    "docker's socket": (open_socket("/run/docker.sock", 0o660, GID), Condition.ENGINES, "docker.sock"),
    "podman's socket": (open_socket("/run/podman/podman.sock", 0o666), Condition.ENGINES, "podman.sock"),
    "writable unit": (own(f"/etc/systemd/system/{UNIT}"), Condition.UNIT_FILES, UNIT),
    "writable drop-in": (
        mode(f"/etc/systemd/system/{UNIT}.d/50-gatedog.conf", 0o664, GID),
        Condition.UNIT_FILES,
        "50-",
    ),
    "writable drop-in folder": (mode(f"/etc/systemd/system/{UNIT}.d", 0o777), Condition.UNIT_FILES, f"{UNIT}.d"),
    "writable way": (own("/etc/systemd"), Condition.UNIT_FILES, "/etc/systemd"),
    "place for a drop-in": (
        lambda host: (host.write("/run/systemd/system/x", ""), own("/run/systemd/system")(host)),
        Condition.UNIT_FILES,
        "/run/systemd/system",
    ),
    "unit by a link": (
        lambda host: (
            host.place(f"/etc/systemd/system/{UNIT}").unlink(),
            host.write("/srv/units/a", UNIT_TEXT),
            own("/srv/units")(host),
            host.place(f"/etc/systemd/system/{UNIT}").symlink_to("/srv/units/a"),
        ),
        Condition.UNIT_FILES,
        "/srv/units",
    ),
    "unit by ACL": (acl(f"/etc/systemd/system/{UNIT}", AGENT_MAY_WRITE), Condition.UNIT_FILES, UNIT),
    "writable interpreter": (own("/usr/bin/node"), Condition.PROGRAM, "/usr/bin/node"),
    "writable script": (own("/opt/agent/main.js"), Condition.PROGRAM, "/opt/agent/main.js"),
    "writable way to the script": (mode("/opt", 0o777), Condition.PROGRAM, "/opt"),
    "writable module": (own("/opt/agent/node_modules/left-pad/index.js"), Condition.PROGRAM, "left-pad/index.js"),
    "place for a module": (mode("/opt/agent/node_modules", 0o777), Condition.PROGRAM, "node_modules"),
    "writable second command": (
        lambda host: (
            unit(UNIT_TEXT + "ExecStartPre=-/opt/pre\n")(host),
            host.write("/opt/pre", "#!/bin/sh\n", owner=UID),
        ),
        Condition.PROGRAM,
        "/opt/pre",
    ),
    "missing program": (
        lambda host: host.place("/usr/bin/node").unlink(),
        Condition.PROGRAM,
        "/usr/bin/node was not found",
    ),
    "a module by name": (
        unit(UNIT_TEXT.replace("/usr/bin/node /opt/agent/main.js", "/usr/bin/node --eval x")),
        Condition.PROGRAM,
        "what /usr/bin/node --eval runs",
    ),
    "another root": (unit(UNIT_TEXT + "RootDirectory=/srv\n"), Condition.PROGRAM, "another root"),
    "another unit": (
        file("/usr/lib/systemd/system/backup.service", "[Service]\nUser=agent\nExecStart=/bin/true\n"),
        Condition.ALONE,
        "backup.service runs as agent",
    ),
    "another unit by uid": (
        file("/etc/systemd/system/x.service", f"[Service]\nUser={UID}\n"),
        Condition.ALONE,
        "x.service",
    ),
    "an instance": (
        lambda host: (
            file("/usr/lib/systemd/system/shell@.service", "[Service]\nUser=%i\n")(host),
            file("/etc/systemd/system/multi-user.target.wants/shell@agent.service", "")(host),
        ),
        Condition.ALONE,
        "shell@agent.service",
    ),
    "a process outside": (
        lambda host: host.process(90, uid=UID, cgroup="/user.slice/user-1.slice/session-3.scope", comm="bash"),
        Condition.ALONE,
        "process 90 (bash)",
    ),
    "a user unit of the same name": (
        lambda host: host.process(91, uid=UID, cgroup=f"/user.slice/user-1.slice/user@1.service/app.slice/{UNIT}"),
        Condition.ALONE,
        "process 91",
    ),
    "lingering": (file("/var/lib/systemd/linger/agent", ""), Condition.ALONE, "lingers"),
    "crontab": (
        file("/var/spool/cron/crontabs/agent", "* * * * * true\n", mode=0o600),
        Condition.ALONE,
        "crontabs/agent:1",
    ),
    "line in cron.d": (file("/etc/cron.d/x", "A=b\n@reboot agent true\n"), Condition.ALONE, "/etc/cron.d/x:2"),
    "at job": (file("/var/spool/cron/atjobs/a0001", "#!/bin/sh\n", owner=UID), Condition.ALONE, "a0001"),
    "own key": (file("/home/agent/.ssh/authorized_keys", PUBLIC, owner=UID), Condition.LOGIN, "logs agent in"),
    "key kept elsewhere": (
        lambda host: (
            file("/etc/ssh/sshd_config", "Match all\nAuthorizedKeysFile /etc/keys/%u\n")(host),
            file("/etc/keys/agent", PUBLIC)(host),
        ),
        Condition.LOGIN,
        "/etc/keys/agent",
    ),
    "keys by a command": (file("/etc/ssh/sshd_config", "AuthorizedKeysCommand /bin/x\n"), Condition.LOGIN, "Command"),
    "key to somebody else": (
        lambda host: (ALICES_KEYS(host), file("/home/agent/.ssh/id.pub", PUBLIC)(host)),
        Condition.LOGIN,
        "as alice",
    ),
    "private key to somebody else": (
        lambda host: (ALICES_KEYS(host), file("/home/agent/.ssh/id", PRIVATE)(host)),
        Condition.LOGIN,
        "as alice",
    ),
    "private key of the old format": (
        file("/home/agent/.ssh/id_rsa", "-----BEGIN RSA PRIVATE KEY-----\n"),
        Condition.LOGIN,
        "hides its public half",
    ),
    "password": (file("/etc/shadow", "agent:$6$abc:1::::::\n"), Condition.LOGIN, "password"),
    "no password needed": (file("/etc/shadow", "agent::1::::::\n"), Condition.LOGIN, "password"),
    "keys in no file": (
        lambda host: os.mkfifo(host.place("/home/agent/.ssh/authorized_keys")),
        Condition.LOGIN,
        "not a plain file",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_condition_makes_it_advisory(made_up_host: MadeUpHost, name: str) -> None:
    """One thing wrong on an otherwise good host is found, by its own condition, and named."""
    change, condition, words = BROKEN[name]
    change(made_up_host)

    facts = made_up_host.facts()

    broken = [check for check in facts.checks if check.reasons()]
    assert condition in [check.condition for check in broken]
    assert any(words in reason for check in broken if check.condition is condition for reason in check.reasons())
    assert not judge(facts, 5).enforcing


HARMLESS: dict[str, Breaker] = {
    "a rule for somebody else": file("/etc/sudoers", "alice ALL=(agent) ALL\n# agent ALL=ALL\n!agent ALL=ALL\n"),
    "an alias nobody uses": file("/etc/sudoers", "User_Alias BOTS = agent\nroot ALL=(BOTS) ALL\n"),
    "a denied doas": file("/etc/doas.conf", "deny agent\npermit alice as agent\n"),
    "gatedog's own no": file(
        "/etc/polkit-1/rules.d/50-gatedog.rules",
        'polkit.addRule(function(action, subject) {\n  if (subject.user == "agent") return polkit.Result.NO;\n'
        '  if (subject.user == "gatedog") return polkit.Result.YES;\n});\n',
    ),
    "a longer name": file(
        "/etc/polkit-1/rules.d/1.rules", 'if (subject.user == "agent-x") return polkit.Result.YES;\n'
    ),
    "an engine of others": open_socket("/run/docker.sock", 0o660, 999),
    "an engine behind a closed door": lambda host: (
        open_socket("/run/podman/podman.sock", 0o666)(host),
        mode("/run/podman", 0o700)(host),
    ),
    "an ACL for somebody else": acl(f"/etc/systemd/system/{UNIT}", ALICE_MAY_WRITE),
    "gatedog's eyes inside": lambda host: (
        file("/etc/systemd/system/gatedog-observe@.service", "[Service]\nUser=agent\n")(host),
        host.process(
            95, uid=UID, cgroup="/system.slice/system-gatedog\\x2dobserve.slice/gatedog-observe@main-x.service"
        ),
    ),
    "a process below the unit": lambda host: host.process(96, uid=UID, cgroup=f"/system.slice/{UNIT}/worker"),
    "a masked unit": lambda host: host.place("/etc/systemd/system/old.service").symlink_to("/dev/null"),
    "a job of somebody else": file("/etc/cron.d/x", "* * * * * alice /opt/agent/main.js\n"),
    "a denied login": lambda host: (
        file("/etc/ssh/sshd_config", "DenyUsers agent\n")(host),
        file("/home/agent/.ssh/authorized_keys", PUBLIC)(host),
    ),
    "a key that nobody accepts": file("/home/agent/.ssh/id", PRIVATE),
    "no shell to log in to": lambda host: (
        file("/etc/passwd", PASSWD.replace("/home/agent:/bin/bash", "/home/agent:/usr/sbin/nologin"))(host),
        file("/home/agent/.ssh/authorized_keys", PUBLIC)(host),
    ),
    "its own home and files": lambda host: host.write("/home/agent/.agent/config.json", "{}", owner=UID),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_changes_nothing_is_not_held_against_the_host(made_up_host: MadeUpHost, name: str) -> None:
    """A host where everything is found advisory would teach people to ignore the word."""
    HARMLESS[name](made_up_host)

    assert made_up_host.reasons() == ()
