"""A unit backend on a real systemd, as user gatedog with a polkit rule: what it starts, claims, sees and survives."""

import time
from collections.abc import Iterator

import pytest
from machine import Machine
from unit_site import DROP_IN, SLEEPS, STARTER, TICKET, UNIT, UnitSite

pytestmark = pytest.mark.system


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


# -- starting, claiming --------------------------------------------------------------------------------------------


def test_unit_started_by_ticket(site: UnitSite) -> None:
    """A start carries its number into the world, is answered by its life, and leaves no ticket behind."""
    with site.drive() as driver:
        assert driver.wait("GatewayObserved")["process"] is None
        started = driver.start(5)
        assert started["starter"] == "gatedog"
        assert started["process"]["pid"] == site.main_pid()
        driver.wait("GatewayReady")
        assert site.sh(f"ls {TICKET} 2>&1 || true").endswith("No such file or directory")
        assert "ForeignJobSeen" not in driver.kinds()


def test_unit_adopted_by_its_record(site: UnitSite) -> None:
    """A daemon that dies without a word leaves the unit running; the next claims the same process as the same life."""
    with site.drive() as driver:
        started = driver.start(5)
        driver.wait("GatewayReady")
        driver.say("die")
    with site.drive() as driver:
        found = driver.wait("GatewayObserved")
        assert (found["life"], found["process"]) == (5, started["process"])
        driver.say("observe")
        driver.wait("GatewayObserved")
        assert "MainProcessStarted" not in driver.kinds()


def test_unit_adopted_by_its_ticket(site: UnitSite) -> None:
    """A process that began after a ticket was written is of that ticket's life: a crash fell before its record."""
    site.write_ticket(77)
    site.sh(f"systemctl start '{STARTER}'")
    pid = site.main_pid()
    with site.drive() as driver:
        found = driver.wait("GatewayObserved")
        assert (found["life"], found["process"]["pid"]) == (77, pid)
        assert site.sh(f"ls {TICKET} 2>&1 || true").endswith("No such file or directory")


def test_life_of_a_ticket_that_has_been(site: UnitSite) -> None:
    """A life that began by a ticket and ended while no daemon was there is named, so that it is charged."""
    site.become("User=nest\nExecStart=/bin/false")
    site.write_ticket(78)
    site.sh(f"systemctl start '{STARTER}' || true")
    site.machine.wait_for(lambda: site.state() == "failed", "the life to end")
    with site.drive() as driver:
        found = driver.wait("GatewayObserved")
        assert (found["life"], found["process"]) == (78, None)


def test_unit_started_by_somebody_else_is_adopted_as_theirs(site: UnitSite) -> None:
    """A running unit without record and without a ticket of its own is claimed as foreign, and not restarted."""
    site.write_ticket(0)
    site.sh(f"systemctl start '{STARTER}'; rm {TICKET}")
    pid = site.main_pid()
    with site.drive() as driver:
        found = driver.wait("GatewayObserved")
        assert (found["life"], found["process"]["pid"]) == (0, pid)
        driver.say("start 5")
        assert driver.wait("ActionFailed")["failure"] == "stale"
        assert site.main_pid() == pid


# -- ending and beginning again ------------------------------------------------------------------------------------


def test_killed_and_started_again(site: UnitSite) -> None:
    """A main process that is killed is reported with its signal, and a start makes a new life with a new number."""
    with site.drive() as driver:
        first = driver.start(5)
        site.kill_main()
        ended = driver.wait("MainProcessExited")
        assert ended["process"] == first["process"]
        assert (ended["exit"]["signal"], ended["exit"]["by"]) == ("SIGKILL", "unknown")
        assert driver.start(6)["process"]["pid"] == site.main_pid() != first["process"]["pid"]


def test_twenty_deaths_in_a_row(site: UnitSite) -> None:
    """Every one of twenty deaths is reported and followed by the life that was ordered, by nobody else's job."""
    with site.drive() as driver:
        driver.start(1)
        driver.say("again on")
        for life in range(2, 22):
            site.kill_main()
            driver.wait("MainProcessExited")
            driver.wait("MainProcessStarted", lambda event, life=life: event["life"] == life)
        assert driver.kinds().count("MainProcessExited") == 20
        assert not {"ForeignJobSeen", "ActionFailed"} & set(driver.kinds())
        assert site.state() == "active"


def test_own_stop_and_own_kill(site: UnitSite) -> None:
    """Endings that were ordered carry gatedog as their sender and are no foreign jobs."""
    with site.drive() as driver:
        for life, order, signal in ((1, "stop", "SIGTERM"), (2, "kill", "SIGKILL"), (3, "stop", "SIGTERM")):
            driver.start(life)
            driver.say(order)
            ended = driver.wait("MainProcessExited")["exit"]
            assert (ended["signal"], ended["by"]) == (signal, "gatedog")
        assert "ForeignJobSeen" not in driver.kinds()


def test_failure_brings_its_last_words(site: UnitSite) -> None:
    """A program that fails is reported with exit status and with the line that says best why, though others follow."""
    site.become("User=nest\nExecStart=/bin/sh -c 'echo EADDRINUSE here; sleep 1; echo cannot go on >&2; exit 7'")
    with site.drive() as driver:
        driver.start(1)
        ended = driver.wait("MainProcessExited")["exit"]
        assert ended["code"] == 7
        # One of them is lost where the journal took longer than the report waits.
        assert ended["last_line"] in ("EADDRINUSE here", "cannot go on", "")


@pytest.mark.parametrize("program", ["/bin/false", "/no/such/program"])
def test_program_that_ends_at_once(site: UnitSite, program: str) -> None:
    """A life too short to be looked at is a life all the same: it began by its order, and it ended."""
    site.become(f"User=nest\nExecStart={program}")
    with site.drive() as driver:
        for life in range(1, 6):
            driver.start(life)
            assert driver.wait("MainProcessExited")["exit"]["code"] == (1 if program == "/bin/false" else 203)
        assert not {"ActionFailed", "ForeignJobSeen"} & set(driver.kinds())


def test_start_waits_for_what_a_life_left_behind(site: UnitSite) -> None:
    """What ignores SIGTERM after its main process is dead is killed for the next start, long before systemd would."""
    site.become("User=nest\nExecStart=/bin/sh -c '(trap \"\" TERM; while :; do sleep 1; done) & exec sleep 100000'")
    with site.drive() as driver:
        driver.start(1)
        site.kill_main()
        driver.wait("MainProcessExited")
        began = time.monotonic()
        driver.start(2)
        assert time.monotonic() - began < 20  # TimeoutStopSec= is 40 s


def test_remains_stay_where_the_administrator_said_so(site: UnitSite) -> None:
    """With KillMode=process the next life begins beside what the last one left, as systemd was told."""
    site.become("User=nest\nKillMode=process\nExecStart=/bin/sh -c 'sleep 4242 & exec sleep 100000'")
    with site.drive() as driver:
        driver.start(1)
        site.kill_main()
        driver.wait("MainProcessExited")
        driver.start(2)
        assert len(site.sh("pgrep -f '^sleep 4242'").splitlines()) == 2
    site.sh("pkill -KILL -u nest")


# -- starts that cannot be -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "unit", "reason"),
    [
        (SLEEPS, "AssertPathExists=/nowhere", "Assert"),
        (SLEEPS, "ConditionPathExists=/nowhere", "Condition"),
        (SLEEPS, "Requires=no-such-unit.service", "no-such-unit.service"),
        ("ExecStartPre=/bin/false\n" + SLEEPS, "", "exit-code"),
    ],
    ids=["assert", "condition", "dependency", "exec-start-pre"],
)
def test_start_that_makes_no_process_is_answered(site: UnitSite, service: str, unit: str, reason: str) -> None:
    """A start that systemd could not carry out fails with systemd's reason and the next command."""
    site.become(service, unit=unit)
    with site.drive() as driver:
        driver.wait("GatewayObserved")
        driver.say("start 1")
        failed = driver.wait("ActionFailed")
        assert failed["failure"] == "spawn"
        assert reason in failed["detail"]
        assert f"systemctl status {UNIT}" in failed["detail"]
        assert site.sh(f"ls {TICKET} 2>&1 || true").endswith("No such file or directory")


def test_start_limit_stops_no_start_of_ours(site: UnitSite) -> None:
    """A start limit that somebody set again is a rival, and keeps gatedog from nothing."""
    site.become("User=nest\nExecStart=/bin/false", drop_in=DROP_IN.replace("Sec=0", "Sec=1000"))
    with site.drive() as driver:
        for life in range(1, 9):
            driver.start(life)
            driver.wait("MainProcessExited")
        driver.say("rivals")
        assert "StartLimitIntervalSec" in str(driver.wait("list"))


def test_nothing_starts_without_a_ticket(site: UnitSite) -> None:
    """Root pulls the unit in by a dependency: systemd refuses it without a ticket, and gatedog sees a foreign job."""
    with site.drive() as driver:
        driver.wait("GatewayObserved")
        site.sh(f"systemd-run --quiet --collect --property=Wants={UNIT} /bin/true")
        assert driver.wait("ForeignJobSeen")["job"] == "start"
        site.sh(f"! systemctl start '{STARTER}'")
        driver.wait("ForeignJobSeen")
        assert site.state() in ("inactive", "failed")
        assert "MainProcessStarted" not in driver.kinds()
