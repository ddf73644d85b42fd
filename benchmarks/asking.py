"""How long `gatedog status` takes, and how long a refused request: against a real daemon, journal included.

Run as root: .venv/bin/python benchmarks/asking.py [--suites bookworm trixie]. A machine with its own systemd
(tests/system/machines) has a gateway that gatedog owns, and people and the agent ask by the routes that cost most to
look at: from inside the gateway, over ssh from another host, and over ssh from the gateway to its own host, where the
process at the other end of the connection is looked for. Where no machine can boot, plain processes ask a daemon on
this host. The requests come from many uids, because each uid has a limited rate. Prints one JSON object for each
suite; times in milliseconds. `journal_on` is the file system of the journal: a commit waits for a disk, if there is
one, and much of the answer's time is that. Rejected: timing the whole `gatedog` command, most of which is Python's own
start.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE / "tests/system/machines"))

from machine import Machine  # noqa: E402 - the machines are modules beside each other, not a package
from machine_install import install_gatedog  # noqa: E402 - likewise
from machine_sessions import KEY, RemoteHost  # noqa: E402 - likewise
from machine_tree import SUITES, missing_packages  # noqa: E402 - likewise
from owned_site import GATEWAY, NAME, OwnedSite, own  # noqa: E402 - likewise

from watchdog.control.client import call  # noqa: E402 - after the folder above was added

GATEDOG = str(Path(sys.executable).with_name("gatedog"))
PAGER = """
[channel.none]
kind = "exec"
argv = ["/bin/true"]
[escalation]
tiers = [["none"]]
notices = ["none"]
"""
STATUS_RUNS = 30
UIDS = range(61_000, 61_025)
ASKS_PER_UID = 20
"""The burst that one uid may send at once."""
PYTHON = "/usr/lib/gatedog/bin/python"
"""gatedog's own, inside a machine."""
ASK = """
import json, sys, time
from watchdog.control.client import call
asked = {"verb": "restart", "gateway": sys.argv[2], "reason": "bench"}
times, rules = [], set()
for _ in range(int(sys.argv[3])):
    began = time.perf_counter()
    reply = call(sys.argv[1], "io.gatedog.Supervisor.Request", asked)
    times.append((time.perf_counter() - began) * 1_000)
    assert reply["outcome"] == "refused", reply
    rules.add(reply["rule"])
print(json.dumps([times, sorted(rules)]))
"""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suites", nargs="*", default=list(SUITES), help="none: only on this host")
    wanted = parser.parse_args()
    print(json.dumps({"suite": "this host", **on_this_host()}))
    possible = os.geteuid() == 0 and not missing_packages()
    for suite in wanted.suites if possible else ():
        with Machine(suite) as machine:
            install_gatedog(machine.boot())
            with own(machine) as site:
                print(json.dumps({"suite": suite, **in_a_machine(site)}))
    return 0


def figures(name: str, asks: list[float]) -> dict[str, float | int | None]:
    """Give the figures of one route."""
    in_order = sorted(asks)
    return {
        f"{name}_ms_p50": round(statistics.median(asks), 2) if asks else None,
        f"{name}_ms_p99": round(in_order[int(len(asks) * 0.99)], 2) if asks else None,
        f"{name}_asks": len(asks),
    }


# -- in a machine --------------------------------------------------------------------------------------------------


def in_a_machine(site: OwnedSite) -> dict[str, object]:
    """Ask by each route from every account."""
    far = RemoteHost(site.machine)
    site.wait_for_new_life(site.kill())  # the first life with the audit mark
    people = [f"bench{uid}" for uid in UIDS]
    for name in people:
        site.machine.add_user(name)
        far.authorize(name)
    site.machine.write("/srv/key", far.run(["cat", KEY]).stdout, mode=0o600)
    words = [PYTHON, "-c", ASK, "/run/gatedog/control.sock", NAME, str(ASKS_PER_UID)]
    procs = f"/sys/fs/cgroup{site.machine.unit(GATEWAY)['ControlGroup']}/cgroup.procs"
    ssh = "ssh -T -i /srv/key -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR"

    def inside(line: str) -> str:
        return site.machine.run(["sh", "-c", f"echo $$ >{procs}; exec {line}"]).stdout

    def as_child(name: str) -> str:
        return inside(f"setpriv --reuid {name} --regid {name} --clear-groups {shlex.join(words)}")

    def from_elsewhere(name: str) -> str:
        return far.ssh(name, words, tty=False).stdout

    def from_here(name: str) -> str:
        return inside(f"{ssh} {name}@127.0.0.1 {shlex.quote(shlex.join(words))}")

    kind = site.run("stat -f -c %T /var/lib/gatedog").strip()
    found: dict[str, object] = {"journal_on": kind}
    ways: dict[str, Callable[[str], str]] = {
        "agent_child": as_child,
        "ssh_from_elsewhere": from_elsewhere,
        "ssh_from_here": from_here,
    }
    for route, ask in ways.items():
        site.run("systemctl restart gatedog.service")  # whose rates begin anew
        site.wait_until(phase="up", ready=True)
        answers = [json.loads(ask(name)) for name in people]
        found |= figures(route, [took for times, _ in answers for took in times])
        found[f"{route}_rules"] = sorted({rule for _, rules in answers for rule in rules})
    return found


# -- on this host --------------------------------------------------------------------------------------------------


def on_this_host() -> dict[str, object]:
    """Time `gatedog status`, and requests of plain processes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        config = folder / "config"
        config.mkdir(mode=0o700)
        policy = config / "policy.toml"
        policy.write_text('[gateway.bench]\ncommand = ["sleep", "600"]\n')
        policy.chmod(0o600)
        pager = config / "pager.toml"
        pager.write_text(PAGER)
        pager.chmod(0o600)
        folders = ["--config", str(config), "--state", f"{folder}/state", "--runtime", f"{folder}/run"]
        daemon = subprocess.Popen([GATEDOG, "daemon", *folders], stderr=subprocess.DEVNULL)
        socket = folder / "run" / "control.sock"
        try:
            wait_for(socket)
            status = [timed_status(socket) for _ in range(STATUS_RUNS)]
            asks = [ms for uid in UIDS for ms in ask_as(uid, socket)] if os.geteuid() == 0 else []
        finally:
            reply = call(socket, "io.gatedog.Supervisor.Status")
            daemon.terminate()
            daemon.wait()
            os.kill(reply["status"]["gateways"][0]["pid"], 9)
        kind = subprocess.run(
            ["/usr/bin/stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True
        ).stdout
    status_ms = round(statistics.median(status), 1)
    return {"journal_on": kind.strip(), "status_wall_ms_p50": status_ms, **figures("refused_ask", asks)}


def wait_for(socket: Path) -> None:
    """Wait until the daemon listens."""
    until = time.monotonic() + 20
    while not socket.exists() and time.monotonic() < until:
        time.sleep(0.05)


def timed_status(socket: Path) -> float:
    """Time one `gatedog status`, from start to end of the process."""
    began = time.perf_counter()
    subprocess.run([GATEDOG, "--socket", str(socket), "status"], stdout=subprocess.DEVNULL, check=False)
    return (time.perf_counter() - began) * 1_000


def ask_as(uid: int, socket: Path) -> list[float]:
    """Time requests from a process of another uid; all of them are refused."""
    read, write = os.pipe()
    child = os.fork()  # a new program could not be read by that uid, where the checkout is private
    if child == 0:
        os.close(read)
        os.setuid(uid)
        asked = {"verb": "restart", "gateway": "bench", "reason": "bench"}
        times = []
        for _ in range(ASKS_PER_UID):
            began = time.perf_counter()
            call(socket, "io.gatedog.Supervisor.Request", asked)
            times.append((time.perf_counter() - began) * 1_000)
        os.write(write, json.dumps(times).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answers:
        text = answers.read()
    os.waitpid(child, 0)
    found: list[float] = json.loads(text)
    return found


if __name__ == "__main__":
    sys.exit(main())
