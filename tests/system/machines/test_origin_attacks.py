"""What an agent tries against gatedog itself, on a real systemd: with its gateway as it was, and hardened."""

import json
from collections.abc import Iterator

import pytest
from attacks import ATTACKS, NOTICED, REFUSED, Attack
from machine import Machine
from machine_install import install_gatedog
from owned_site import GATEWAY, NAME, PATIENT, OwnedSite, own

pytestmark = pytest.mark.system

ORDERS = "/opt/openclaw/orders.json"
REPORTS = "attack report "
AGENT = f"""\
#!/usr/bin/python3
import json, os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("gateway up", flush=True)
orders, last = pathlib.Path("{ORDERS}"), ""
while True:
    text = orders.read_text() if orders.exists() else ""
    for name, script in json.loads(text).get(str(os.getpid()), {{}}).items() if text != last else ():
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd="/")
        print("{REPORTS}" + json.dumps([name, done.returncode, (done.stdout + done.stderr)[-300:]]), flush=True)
    last = text
    time.sleep(0.1)
"""
WATCHED = """\
stat -c '%i %A %U' /run/gatedog
stat -c '%i %Y %A %U' /run/gatedog/control.sock
sha256sum /etc/gatedog/*.toml /etc/systemd/system/gatedog.service /opt/openclaw/gateway
find /etc/systemd/system /run/systemd/system -name 'openclaw-gateway*' -o -name '99-agent.conf' | sort | xargs ls -ldR
ls -ld /run/gatedog/tickets /run/gatedog/tickets/*
find /usr/lib/gatedog -newer /srv/begun -name '*.py'
systemctl show -P MainPID -P MemoryMax -P LoadState gatedog.service
cat /sys/fs/cgroup/system.slice/gatedog.service/cgroup.events
grep -E 'State|TracerPid|Uid' /proc/$(systemctl show -P MainPID gatedog.service)/status | sed 's/[SRD] (.*)/alive/'
"""
"""What must be the same before and after: as a line or more of text for each thing.

The time of /run/gatedog itself is none of it: gatedog writes status.json there.
"""


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[OwnedSite]:
    """Give an owned machine, hardened, where somebody has left a container engine's socket."""
    with Machine(suite) as machine:
        install_gatedog(machine.boot())
        with own(machine, PATIENT) as site:
            site.run("touch /srv/begun; groupadd -f docker; rm -f /etc/at.allow")
            engine = "import os, socket; s = socket.socket(socket.AF_UNIX); s.bind('/run/docker.sock'); s.listen(); "
            site.run(f'systemd-run python3 -c "{engine} os.chmod(s.getsockname(), 0o660); input()"')
            site.human.run("tty | sudo -n tee /srv/tty || true")
            machine.write("/srv/tty", site.human.run("tty").stdout)
            machine.write("/opt/openclaw/gateway", AGENT, mode=0o755)
            yield site


@pytest.fixture(scope="module", params=["hardened", "plain"])
def mode(request: pytest.FixtureRequest, site: OwnedSite) -> str:
    """Set the gateway up as an installation does, then without hardening."""
    name: str = request.param
    if name == "plain":
        site.run(f"gatedog setup systemd --unit {GATEWAY} --name {NAME} --no-hardening 'attacks are tried' --apply")
    return name


@pytest.fixture(scope="module")
def reports(site: OwnedSite, mode: str) -> dict[str, tuple[int, str]]:
    """Let the agent try everything in one life; return what each attack ended with, and what it said."""
    site.wait_for_new_life(site.kill())  # the first that is set up this way
    before = watched(site)
    order(site, ATTACKS[:-1])
    site.machine.wait_for(lambda: ATTACKS[-2].id in told(site), "the last attack", 90)
    found = told(site)
    assert watched(site) == before
    return found


def order(site: OwnedSite, attacks: tuple[Attack, ...]) -> None:
    """Order attacks of the gateway's present life, and of no later one."""
    environment = f"export GATEWAY={GATEWAY} GATEDOG={site.pid('gatedog.service')}\n"
    scripts = {attack.id: environment + attack.how for attack in attacks}
    site.machine.write(ORDERS, json.dumps({str(site.pid()): scripts}))


def watched(site: OwnedSite) -> str:
    """Return what gatedog rests on."""
    return site.run(WATCHED)


def told(site: OwnedSite) -> dict[str, tuple[int, str]]:
    """Read what the gateway's present life reported."""
    words = f"journalctl -o cat --no-pager -u {GATEWAY} _PID={site.pid()}"
    lines = [line.removeprefix(REPORTS) for line in site.run(words).splitlines() if line.startswith(REPORTS)]
    return {name: (code, said) for name, code, said in map(json.loads, lines)}


def expected(attack: Attack, mode: str) -> str:
    """Return what the table says."""
    return attack.plain if mode == "plain" else attack.hardened


def test_each_attack_is_refused_where_the_table_says_so(reports: dict[str, tuple[int, str]], mode: str) -> None:
    """What is refused fails for the agent, and what goes through is known to."""
    tried = [attack for attack in ATTACKS if expected(attack, mode) != NOTICED]
    went = {attack.id: reports[attack.id] for attack in tried}
    wrong = {
        attack.id: went[attack.id]
        for attack in tried
        if (went[attack.id][0] != 0) != (expected(attack, mode) == REFUSED)
    }

    assert wrong == {}


def test_gatedog_answers_as_before(site: OwnedSite, reports: dict[str, tuple[int, str]]) -> None:
    """After all of it the same gatedog serves the same socket, and the gateway runs."""
    assert reports
    assert site.status()["phase"] == "up"


def test_a_gateway_that_kills_itself_is_counted(site: OwnedSite, reports: dict[str, tuple[int, str]]) -> None:
    """It is its own, and nobody can keep it from that: an unasked ending on its budget."""
    assert reports
    used, before = site.used(), site.pid()
    order(site, ATTACKS[-1:])
    site.wait_for_new_life(before)

    assert site.used() == used + 1


def test_a_socket_that_root_removed_is_made_again_and_told(site: OwnedSite) -> None:
    """Without its socket gatedog would be deaf to people: it looks, makes another, and says so."""
    site.forget_pages()
    site.run("rm /run/gatedog/control.sock")
    site.machine.wait_for(lambda: bool(site.status()), "an answer", 60)

    site.wait_for_page("socket", timeout=60)
