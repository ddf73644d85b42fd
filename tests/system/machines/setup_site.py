"""A machine with an agent's gateway, a sudoer, a bystander and gatedog, for the tests of setup."""

from machine import Machine

GATEWAY = "openclaw-gateway.service"
STEM = GATEWAY.removesuffix(".service")
START, STOP = f"gatedog-start@{STEM}.target", f"gatedog-stop@{STEM}.target"
UNIT_TEXT = """\
[Unit]
Description=OpenClaw gateway
[Service]
User=openclaw
ExecStart=/usr/bin/sleep infinity
Restart=always
[Install]
WantedBy=multi-user.target
"""
LISTING = r"""
import hashlib, os, stat, sys
accounts = {"passwd", "group", "shadow", "gshadow", ".pwd.lock", "ld.so.cache"}
for top in ("/etc", "/usr/local", "/usr/lib/systemd", "/usr/lib/gatedog", "/var/lib/systemd", "/var/lib/gatedog-setup"):
    for folder, folders, files in os.walk(top):
        folders.sort()
        for name in sorted([*folders, *files, "."]):
            path = os.path.normpath(os.path.join(folder, name))
            if folder == "/etc" and name.rstrip("-") in accounts or path.startswith("/usr/lib/gatedog/lib"):
                continue
            found = os.lstat(path)
            what = ""
            if stat.S_ISLNK(found.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(found.st_mode):
                what = hashlib.sha256(open(path, "rb").read()).hexdigest()
            print(path, oct(found.st_mode), found.st_uid, found.st_gid, what)
"""


class Site:
    """The machine, and what tests of setup do on it. gatedog itself does not run."""

    def __init__(self, machine: Machine, gateway: str = UNIT_TEXT) -> None:
        self.machine = machine
        machine.add_user("openclaw")
        machine.add_user("alice", "sudo")
        machine.add_user("bob")
        machine.write(f"/etc/systemd/system/{GATEWAY}", gateway)
        self.run("systemctl daemon-reload")
        self.run(f"systemctl enable --now {GATEWAY}")

    def run(self, line: str, *, user: str | None = None) -> str:
        """Run a shell line; return all it said, with its exit code in front when it is not 0."""
        done = self.machine.run(["sh", "-c", line], check=False, user=user, timeout=90)
        return (f"[{done.returncode}] " if done.returncode else "") + done.stdout + done.stderr

    def pid(self, unit: str = GATEWAY) -> str:
        """Return the main process of the gateway."""
        return self.machine.unit(unit)["MainPID"]

    def state(self) -> str:
        """Return the gateway's state."""
        return self.machine.unit(GATEWAY)["ActiveState"]

    def listing(self) -> str:
        """Return path, mode, owner and digest of everything that setup could touch."""
        return self.machine.run(["python3", "-c", LISTING]).stdout

    def own(self, options: str = "") -> str:
        """Set it up, without starting gatedog."""
        said = self.run(f"gatedog setup systemd --unit {GATEWAY} --name openclaw --no-start --apply {options}")
        assert said.rstrip().endswith("Next: gatedog status"), said
        return said

    def give_back(self, name: str = "openclaw") -> str:
        """Remove it."""
        said = self.run(f"gatedog setup remove {name} --apply")
        assert "is systemd's again" in said, said
        return said


def changed(before: str, after: str) -> list[str]:
    """Return the lines of two listings that differ."""
    return sorted(set(before.splitlines()) ^ set(after.splitlines()))
