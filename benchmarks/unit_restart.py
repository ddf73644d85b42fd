"""How long from the death of a systemd unit's main process to the next one's first instruction, owned and not.

Run as root: .venv/bin/python benchmarks/unit_restart.py [--rounds 30] [--suites bookworm trixie]. In a machine with its
own systemd (tests/system/machines), three units with the same child are killed in turn, so that all meet the same
noise: one that systemd restarts (Restart=always RestartSec=0), one with the same drop-ins as an owned one that systemd
restarts, and one that gatedog owns, journal and D-Bus included. Prints one JSON object for each suite; times in
milliseconds. Rejected: comparing with a bare unit only, since the audit mark and the hardening cost systemd time that
gatedog asked for and does not spend.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE / "tests/system/machines"))

from machine import Machine  # noqa: E402 - the machines are modules beside each other, not a package
from machine_install import install_gatedog  # noqa: E402 - likewise
from machine_tree import SUITES  # noqa: E402 - likewise

UNIT = """\
[Service]
User=agent
ExecStart=/opt/child /srv/{name}.stamp
{restart}
[Install]
WantedBy=multi-user.target
"""
RESTARTED = "Restart=always\nRestartSec=0\n[Unit]\nStartLimitIntervalSec=0"
POLICY = """\
[gateway.owned]
unit = "owned.service"
backoff = { first = "1ms", max = "1ms", stable_after = "1s" }
budget = { windows = ["1000 per 1min"], self_restart = ["1000 per 1min"] }
spiral = { page_at = 1000, identical_page_at = 1000, hold_below = "2ms" }
ready = { kind = "delay", delay = "10ms" }
"""
PAGER = """\
[channel.none]
kind = "exec"
argv = ["/bin/true"]
[escalation]
tiers = [["none"]]
notices = ["none"]
"""
INSIDE = """
import json, os, signal, sys, time
rounds, names = int(sys.argv[1]), sys.argv[2:]
took = {name: [] for name in names}
def last(name):
    line = open(f"/srv/{name}.stamp").read().splitlines()[-1].split()
    return int(line[0]), int(line[1])
for _ in range(rounds):
    for name in names:
        pid, _born = last(name)
        begun = time.monotonic_ns()
        os.kill(pid, signal.SIGKILL)
        while (found := last(name))[0] == pid:
            if time.monotonic_ns() - begun > 20_000_000_000:
                sys.exit(f"{name} did not come back")
            time.sleep(0.0002)
        took[name].append((found[1] - begun) / 1e6)
        time.sleep(1.5)
print(json.dumps(took))
"""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--suites", nargs="+", default=list(SUITES))
    wanted = parser.parse_args()
    for suite in wanted.suites:
        with Machine(suite) as machine:
            install_gatedog(machine.boot())
            took = measure(machine, wanted.rounds)
        print(json.dumps({"suite": suite, "rounds": wanted.rounds, **figures(took)}))
    return 0


def measure(machine: Machine, rounds: int) -> dict[str, list[float]]:
    """Set the three units up and kill them in turn; give milliseconds by unit."""
    machine.add_user("agent")
    machine.run(["install", "-d", "-o", "agent", "/srv"])
    install_child(machine)
    for name, restart in (("bare", RESTARTED), ("marked", RESTARTED), ("owned", "")):
        machine.write(f"/etc/systemd/system/{name}.service", UNIT.format(name=name, restart=restart))
    machine.run(["install", "-d", "-m", "0750", "/etc/gatedog"])
    machine.write("/etc/gatedog/policy.toml", POLICY, mode=0o640)
    machine.write("/etc/gatedog/pager.toml", PAGER, mode=0o640)
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["systemctl", "enable", "--now", "bare", "marked", "owned"])
    machine.run(["gatedog", "setup", "systemd", "--unit", "owned.service", "--name", "owned", "--apply"], timeout=90)
    folder = "/etc/systemd/system/{}.service.d"
    hardening = machine.read(f"{folder.format('owned')}/60-gatedog-hardening.conf")
    machine.run(["install", "-d", folder.format("marked")])
    machine.write(f"{folder.format('marked')}/60.conf", f"{hardening}\nReadWritePaths=/srv\nPAMName=gatedog-gateway\n")
    machine.write(f"{folder.format('owned')}/70.conf", "[Service]\nReadWritePaths=/srv\n")
    machine.run(["systemctl", "daemon-reload"])
    pid = machine.unit("owned.service")["MainPID"]
    machine.run(["kill", "-9", pid])  # the life that binds the drop-ins
    machine.run(["systemctl", "restart", "marked"])
    machine.wait_for(lambda: machine.unit("owned.service")["MainPID"] not in (pid, "0"), "the owned unit's next life")
    names = ["bare", "marked", "owned"]
    done = machine.run(["python3", "-c", INSIDE, str(rounds), *names], timeout=rounds * 30)
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def install_child(machine: Machine) -> None:
    """Build the child statically and put it into the machine."""
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "child"
        source = HERE / "benchmarks/peers/child.c"
        subprocess.run([shutil.which("cc") or "cc", "-O2", "-static", "-s", "-o", built, source], check=True)
        target = Path(f"/proc/{machine.leader}/root/opt/child")
        target.write_bytes(built.read_bytes())
        target.chmod(0o755)


def figures(took: dict[str, list[float]]) -> dict[str, float]:
    """Give the medians, and how the owned one compares."""
    medians = {name: sorted(times)[len(times) // 2] for name, times in took.items()}
    worst = {f"{name}_p90": round(sorted(times)[len(times) * 9 // 10], 1) for name, times in took.items()}
    return {
        **{name: round(median, 1) for name, median in medians.items()},
        **worst,
        "owned_by_bare": round(medians["owned"] / medians["bare"], 2),
        "owned_by_marked": round(medians["owned"] / medians["marked"], 2),
    }


if __name__ == "__main__":
    sys.exit(main())
