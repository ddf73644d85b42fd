"""A unit backend on a real systemd among others: second managers, humans, a bus in trouble, kinds of services."""

import json
from collections.abc import Iterator

import pytest
from machine import Machine
from unit_site import SLEEPS, STATE, STOPPER, UNIT, UnitSite

pytestmark = pytest.mark.system

TROUBLE = {
    "bus-killed": "systemctl kill --signal=SIGKILL dbus.service || true",
    "bus-restarted": "systemctl restart dbus.service",
    "daemon-reload": "systemctl daemon-reload",
    "daemon-reexec": "systemctl daemon-reexec",
    "frozen-bus": "pid=$(systemctl show -P MainPID dbus); kill -STOP $pid; sleep 1; kill -CONT $pid",
}


@pytest.fixture(scope="module")
def prepared(machines_possible: None, suite: str) -> Iterator[UnitSite]:
    """Give a machine with the unit, for the whole module."""
    with Machine(suite) as machine:
        yield UnitSite(machine.boot())


@pytest.fixture
def site(prepared: UnitSite) -> UnitSite:
    """Give the machine with the unit asleep and nothing in its past."""
    prepared.become(SLEEPS)
    return prepared


# -- second managers, humans ---------------------------------------------------------------------------------------


def test_conflict_of_root_is_a_foreign_stop(site: UnitSite) -> None:
    """Root's Conflicts= trick ends the unit: a foreign job first, then an ending by a second manager."""
    with site.drive() as driver:
        driver.start(1)
        site.sh(f"systemd-run --quiet --collect --property=Conflicts={UNIT} /bin/true")
        assert driver.wait("ForeignJobSeen")["job"] == "stop"
        ended = driver.wait("MainProcessExited")["exit"]
        assert (ended["signal"], ended["by"]) == ("SIGTERM", "second-manager")


def test_helper_started_by_root_is_foreign(site: UnitSite) -> None:
    """The doors that gatedog uses are known by who expects the job, not by their names."""
    with site.drive() as driver:
        driver.start(1)
        site.sh(f"systemctl start '{STOPPER}'")
        assert driver.wait("ForeignJobSeen")["job"] == "stop"
        assert driver.wait("MainProcessExited")["exit"]["by"] == "second-manager"


def test_systemctl_kill_is_no_job(site: UnitSite) -> None:
    """A signal sent through systemd leaves no job, so its sender is not known."""
    with site.drive() as driver:
        driver.start(1)
        site.sh(f"systemctl kill {UNIT}")
        assert driver.wait("MainProcessExited")["exit"]["by"] == "unknown"
        assert "ForeignJobSeen" not in driver.kinds()


def test_break_glass_is_a_human(site: UnitSite) -> None:
    """A stop job of which root left a record is that human's, and no second manager's."""
    record = {
        "v": 1,
        "verb": "stop",
        "unit": UNIT,
        "gateway": "gw",
        "who": "root (sudo alice)",
        "wall_usec": int(site.sh("date +%s%6N")),
        "boot": "x",
    }
    with site.drive() as driver:
        driver.start(1)
        site.sh("install -d -m 755 /run/gatedog-break-glass")
        site.machine.write("/run/gatedog-break-glass/1.json", json.dumps(record))
        site.sh(f"systemctl start '{STOPPER}'")
        used = driver.wait("BreakGlassUsed")
        assert (used["verb"], used["who"]) == ("stop", "root (sudo alice)")
        assert driver.wait("MainProcessExited")["exit"]["by"] == "human"
        assert "ForeignJobSeen" not in driver.kinds()


def test_rivals_in_systemds_word(site: UnitSite) -> None:
    """Restart= switched on, a drop-in taken away and a unit that pulls it in are found when systemd reads them."""
    with site.drive() as driver:
        driver.wait("GatewayObserved")
        driver.say("rivals")
        assert driver.wait("list") == []
        site.machine.write(f"/etc/systemd/system/{UNIT}.d/90-mine.conf", "[Service]\nRestart=always\n")
        wants = "/etc/systemd/system/multi-user.target.wants"
        site.sh(f"ln -s ../{UNIT} {wants}/{UNIT}; systemctl daemon-reload")

        def found() -> list[str]:
            driver.say("rivals")
            return list(driver.wait("list"))

        seen = str(site.machine.wait_for(lambda: [each for each in [found()] if len(each) == 2], "two rivals")[0])
        assert "Restart=always" in seen
        assert "multi-user.target" in seen
        site.sh(f"rm /etc/systemd/system/{UNIT}.d/*.conf {wants}/{UNIT}; systemctl daemon-reload")
        site.machine.wait_for(lambda: "50-gatedog.conf" in str(found()), "the drop-in to be missed")


# -- a bus in trouble ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_of_the_bus_is_no_death(site: UnitSite, trouble: str) -> None:
    """dbus-daemon or systemd may begin anew: no death is reported, and a real one afterwards is, and is answered."""
    with site.drive() as driver:
        first = driver.start(1)
        driver.wait("GatewayReady")
        known = driver.kinds().count("SystemdObserved")
        site.sh(TROUBLE[trouble])
        if trouble.startswith("bus"):
            driver.wait("SystemdObserved", lambda event: event["reachable"])
            assert driver.kinds().count("SystemdObserved") == known + 1
        driver.say("observe")
        assert driver.wait("GatewayObserved")["process"] == first["process"]
        assert "MainProcessExited" not in driver.kinds()
        site.kill_main()
        assert driver.wait("MainProcessExited")["exit"]["signal"] == "SIGKILL"
        driver.start(2)


def test_death_without_a_bus_is_reported(site: UnitSite) -> None:
    """A process that dies while dbus-daemon is down is dead at once; the start waits for the bus to come back."""
    with site.drive() as driver:
        driver.start(1)
        pid = site.main_pid()
        site.sh(f"systemctl kill --signal=SIGKILL dbus.service || true; kill -KILL {pid}")
        driver.wait("MainProcessExited")
        driver.start(2)


SLOW_TO_STOP = """\
[Unit]
After=dbus.service dbus.socket
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/bin/sleep 5
"""


def test_host_that_goes_down_says_so_first(fresh_machine: Machine) -> None:
    """A shutdown is told before the gateway ends by it, and the ending is the host's."""
    site = UnitSite(fresh_machine)
    site.become(SLEEPS, unit="After=dbus.service dbus.socket")
    # The driver is no unit. This one is ordered as gatedog.service is, and takes its time: so the bus outlives who
    # speaks on it, and nobody is killed before what happened was told.
    site.machine.write("/etc/systemd/system/slow-to-stop.service", SLOW_TO_STOP)
    site.sh("systemctl daemon-reload && systemctl start slow-to-stop.service")
    with site.drive() as driver:
        driver.start(1)
        site.machine.run(["systemctl", "start", "--no-block", "reboot.target"])
        driver.wait("HostShutdownBegan")
        assert driver.wait("MainProcessExited")["exit"]["by"] == "host"
        assert "ForeignJobSeen" not in driver.kinds()


# -- kinds of services ---------------------------------------------------------------------------------------------


def test_service_that_says_it_is_ready(site: UnitSite) -> None:
    """With Type=notify readiness is the service's own word, not the passing of time."""
    script = "until [ -e /run/gatedog/serve ]; do sleep 0.1; done; systemd-notify --ready; exec sleep 100000"
    site.become(f"User=nest\nType=notify\nNotifyAccess=all\nExecStart=/bin/sh -c '{script}'")
    with site.drive() as driver:
        driver.start(1)
        driver.say("observe")
        driver.wait("GatewayObserved")
        assert "GatewayReady" not in driver.kinds()
        site.sh("touch /run/gatedog/serve")
        driver.wait("GatewayReady")


def test_main_process_that_hands_over(site: UnitSite) -> None:
    """MAINPID= makes another process the main one: a restart of its own doing, without an exit before it."""
    wait = "until [ -e /run/gatedog/go ]; do sleep 0.1; done"
    script = f"systemd-notify --ready; {wait}; sleep 100000 & systemd-notify MAINPID=$!; sleep 100000"
    site.become(f"Type=notify\nNotifyAccess=all\nExecStart=/bin/sh -c '{script}'")
    with site.drive() as driver:
        first = driver.start(1)
        driver.wait("GatewayReady")
        site.sh("touch /run/gatedog/go")
        seen = driver.wait("SelfRestartSeen")
        assert (seen["means"], seen["process"]) == ("handed-off", first["process"])
        assert not {"MainProcessExited", "ForeignJobSeen"} & set(driver.kinds())
        driver.say("kill")
        assert driver.wait("MainProcessExited")["process"] == seen["successor"]


def test_program_that_executes_another(site: UnitSite) -> None:
    """An exec in place, of a process that gatedog may not trace, is seen at the next look, with no process started."""
    wait = "until [ -e /run/gatedog/go ]; do sleep 0.1; done"
    script = f"systemd-notify --ready; {wait}; exec sleep 100000"
    site.become(f"User=nest\nType=notify\nNotifyAccess=all\nExecStart=/bin/sh -c '{script}'")
    with site.drive() as driver:
        first = driver.start(1)
        driver.wait("GatewayReady")
        driver.say("observe")
        driver.wait("GatewayObserved")
        site.sh("touch /run/gatedog/go")
        pid = first["process"]["pid"]
        site.machine.wait_for(lambda: site.sh(f"cat /proc/{pid}/comm") == "sleep", "the exec")
        driver.say("observe")
        seen = driver.wait("SelfRestartSeen")
        assert (seen["means"], seen["process"]) == ("exec-in-place", first["process"])
        assert "KiB" in seen["evidence"]
        assert driver.wait("GatewayObserved")["process"] == first["process"]
        assert "MainProcessExited" not in driver.kinds()


def test_forking_service(site: UnitSite) -> None:
    """With Type=forking the main process is the one in the PID file."""
    site.become("Type=forking\nPIDFile=/run/nest.pid\nExecStart=/bin/sh -c 'sleep 100000 & echo $! >/run/nest.pid'")
    with site.drive() as driver:
        driver.start(1)
        site.kill_main()
        assert driver.wait("MainProcessExited")["exit"]["signal"] == "SIGKILL"
        driver.start(2)


def test_evidence_of_a_unit(site: UnitSite) -> None:
    """Evidence is the record, systemd's description, the unit's files and the journal of that run."""
    secret = "s3cret-canary"  # noqa: S105 - made up, to be looked for
    settings = f"Environment=MODE={secret}\nSetCredential=token:{secret}"
    site.become(f"User=nest\n{settings}\nExecStart=/bin/sh -c 'echo what it said; exec sleep 100000'")
    with site.drive() as driver:
        driver.start(1)
        site.sh(f"install -d -o gatedog {STATE}/evidence")
        site.machine.wait_for(lambda: "what it said" in site.machine.journal(UNIT), "the journal to have it")
        driver.say(f"collect 1 {STATE}/evidence")
        names = list(driver.wait("list"))
        assert names == ["journal.jsonl", "life.json", "unit-50-gatedog.conf", "unit-nest.service", "unit.json"]
        assert "what it said" in site.machine.read(f"{STATE}/evidence/journal.jsonl")
        kept = {name: site.machine.read(f"{STATE}/evidence/{name}") for name in names}
        assert [name for name, text in kept.items() if secret in text] == []
        assert "Environment=[redacted: environment variable]" in kept["unit-nest.service"]
        assert "SetCredential=[redacted: credential]" in kept["unit-nest.service"]
