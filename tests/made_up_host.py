"""A made-up host: a tree of files with several owners, in which every condition of enforcing is met."""

import os
from pathlib import Path

import pytest

from watchdog.origin.enforcing.inspection import inspect_gateway
from watchdog.origin.enforcing.judgement import Facts, judge
from watchdog.origin.host import Host

UNIT = "agent-gateway.service"
UID, GID, ALICE = 61_001, 61_002, 61_003
"""Far from any real account of the machine that runs this: modes and owners in the tree are real."""

PASSWD = f"""root:x:0:0:root:/root:/bin/bash
gatedog:x:990:990::/nonexistent:/usr/sbin/nologin
agent:x:{UID}:{GID}::/home/agent:/bin/bash
alice:x:{ALICE}:{ALICE}::/home/alice:/bin/bash
"""
GROUPS = f"root:x:0:\nsudo:x:27:alice\ndocker:x:999:alice\nagent:x:{GID}:\nalice:x:{ALICE}:\nstaff:x:50:\n"
UNIT_TEXT = """[Unit]
Description=the agent
[Service]
User=agent
ExecStart=/usr/bin/node /opt/agent/main.js serve
"""


class MadeUpHost:
    """A host's tree in a folder, on which every condition is met until a test breaks one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.chmod(0o755)
        self.write("/etc/passwd", PASSWD)
        self.write("/etc/group", GROUPS)
        self.write("/etc/shadow", "root:*:1::::::\nagent:!:1::::::\nalice:$6$x:1::::::\n", mode=0o640)
        self.write("/etc/nsswitch.conf", "passwd: files systemd\ngroup: files\n")
        self.write("/etc/sudoers", "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n", mode=0o440)
        self.write(f"/etc/systemd/system/{UNIT}", UNIT_TEXT)
        self.write(f"/etc/systemd/system/{UNIT}.d/50-gatedog.conf", "[Service]\nRestart=no\n")
        self.write(
            "/usr/lib/systemd/system/user@.service", "[Service]\nUser=%i\nExecStart=/lib/systemd/systemd --user\n"
        )
        self.write("/usr/bin/node", "\x7fELF", mode=0o755)
        self.write("/opt/agent/package.json", "{}")
        self.write("/opt/agent/main.js", "#!/usr/bin/env node\n", mode=0o755)
        self.write("/opt/agent/node_modules/left-pad/index.js", "module.exports = 1\n")
        for home, owner in (("agent", UID), ("alice", ALICE)):
            self.write(f"/home/{home}/.ssh/known_hosts", "")
            for folder in (f"/home/{home}", f"/home/{home}/.ssh"):
                os.chown(self.place(folder), owner, owner)
        self.process(1, uid=0, cgroup="/init.scope")
        self.process(70, uid=UID, cgroup=f"/system.slice/{UNIT}")

    def place(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def write(self, path: str, text: str, *, mode: int = 0o644, owner: int = 0, group: int = 0) -> Path:
        file = self.place(path)
        for folder in reversed(file.parents):
            if not folder.exists():
                folder.mkdir(mode=0o755)
        file.write_text(text)
        file.chmod(mode)
        os.chown(file, owner, group)
        return file

    def process(self, pid: int, *, uid: int, cgroup: str, comm: str = "node", capabilities: str = "0") -> None:
        status = f"Name:\t{comm}\nState:\tS (sleeping)\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nCapEff:\t{capabilities}\n"
        self.write(f"/proc/{pid}/status", status)
        self.write(f"/proc/{pid}/cgroup", f"0::{cgroup}\n")

    def facts(self) -> Facts:
        return inspect_gateway(Host(root=self.root), "main", UNIT, boot="b1", uptime_usec=100, wall_usec=7)

    def reasons(self) -> tuple[str, ...]:
        return judge(self.facts(), 5).reasons


@pytest.fixture
def made_up_host(tmp_path: Path) -> MadeUpHost:
    """A host on which the rules bind. Needs root, because its files have several owners."""
    if os.geteuid() != 0:
        pytest.skip("a made-up host has files of several owners, and only root can give files away")
    root = tmp_path / "root"
    root.mkdir()
    return MadeUpHost(root)
