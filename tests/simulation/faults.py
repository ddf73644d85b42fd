"""What goes wrong, and when: every fault of the simulated world, drawn from the seed.

Invariant: a fault that has a beginning has an end, and after `stop` there is none left.
"""

from typing import TYPE_CHECKING

from illness import Illness
from people import a_human_permits, a_tool_deploys, somebody_asks
from programs import FAST, HEALTHY, NATURES, Program
from virtualtime import Scope

from watchdog.core.endings import ExitRecord, Sender
from watchdog.core.events import ForeignJobSeen, HostShutdownBegan, HostShutdownCancelled, SystemdObserved
from watchdog.core.identity import GatewayName
from watchdog.core.rival import JobKind
from watchdog.core.timeline import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from simulation import Simulation

CHANNELS = ("phone", "chat", "call", "mail")
PAUSE_USEC = 6 * MINUTE
"""About so long from one fault to the next."""


class Faults:
    """Makes trouble until told to stop."""

    def __init__(self, world: "Simulation") -> None:
        self._world = world
        self._chance = world.chance
        self._stopped = False
        self._kinds = (
            (self._nature_changes, 14),
            (self._somebody_asks, 16),
            (self._somebody_deploys, 4),
            (self._daemon_dies_soon, 14),
            (self._daemon_dies_starting_a_gateway, 10),
            (self._daemon_dies_now, 4),
            (self._daemon_is_stopped, 3),
            (self._disk_fills, 5),
            (self._channel_goes_down, 5),
            (self._channel_is_set_up_wrongly, 1),
            (self._network_goes, 3),
            (self._clock_is_wrong, 4),
            (self._host_sleeps, 2),
            (self._host_reboots, 4),
            (self._gateway_takes_the_host_along, 6),
            (self._signals_get_lost, 4),
            (self._alarms_get_lost, 4),
            (self._somebody_starts_it, 5),
            (self._somebody_kills_it, 5),
            (self._second_manager_works, 5),
            (self._systemd_is_silent, 2),
            (self._shutdown_is_called_off, 2),
            (self._gateway_falls_ill, 12),
        )

    def begin(self) -> None:
        """Make trouble from now on."""
        self._world.time.after(self._chance.randint(SECOND, 2 * PAUSE_USEC), self._next)

    def stop(self) -> None:
        """Let everything be well from now on."""
        self._stopped = True
        world = self._world
        world.disk.is_full = False
        world.disk.live_on()
        world.phones.down.clear()
        world.phones.set_up_wrongly.clear()
        world.phones.is_lossy = False
        world.around.has_network = True
        world.around.is_unsteady = False
        world.around.signals_get_lost = world.around.alarms_get_lost = 0.0
        world.time.set_right()
        for program in world.programs.values():
            program.nature = HEALTHY
            program.falls_ill(None)

    def _next(self) -> None:
        if self._stopped:
            return
        faults, weights = zip(*self._kinds, strict=True)
        fault = self._chance.choices(faults, weights)[0]
        if self._world.is_host_up:
            fault()
        self._world.time.after(self._chance.randint(SECOND, 2 * PAUSE_USEC), self._next)

    def _program(self) -> Program:
        return self._chance.choice(tuple(self._world.programs.values()))

    def _note(self, text: str) -> None:
        self._world.observer.note(f"* {text}")

    # -- the gateways ----------------------------------------------------------------------------------------------

    def _nature_changes(self) -> None:
        program = self._program()
        program.nature = self._chance.choice(NATURES)
        self._note(f"{program.name} is of another nature: {program.nature}")
        if program.process is not None and self._chance.random() < 0.5:
            program.end(program.process, program.nature.ends)

    def _somebody_starts_it(self) -> None:
        program = self._program()
        self._note(f"somebody else starts {program.name}")
        if self._chance.random() < 0.5:
            program.foreign_takeover()
        else:
            program.foreign_start()

    def _somebody_kills_it(self) -> None:
        program = self._program()
        self._note(f"somebody kills {program.name}")
        if program.process is not None:
            program.end(program.process, ExitRecord(signal="SIGTERM", by=self._chance.choice(tuple(Sender))))

    def _gateway_falls_ill(self) -> None:
        program = self._program()
        illness = self._chance.choice(tuple(Illness))
        self._note(f"{program.name} falls ill: {illness.value}")
        program.falls_ill(illness)
        cured = self._chance.randint(MINUTE, 2 * HOUR)
        self._world.time.after(cured, lambda: program.falls_ill(None), Scope.HOST)

    def _second_manager_works(self) -> None:
        program = self._program()
        self._note(f"a second manager restarts {program.name}")
        job = self._chance.choice(tuple(JobKind))
        self._world.tell(ForeignJobSeen(gateway=program.name, job=job, job_id=self._chance.randint(1, 9999)))
        if program.process is not None:
            program.end(program.process, ExitRecord(signal="SIGTERM", by=Sender.SECOND_MANAGER))
        if self._chance.random() < 0.7:
            program.foreign_start()

    def _systemd_is_silent(self) -> None:
        self._note("systemd is silent")
        self._world.tell(SystemdObserved(reachable=False, detail="no answer"))
        answers = SystemdObserved(reachable=True)
        self._world.time.after(self._chance.randint(SECOND, HOUR), lambda: self._world.tell(answers), Scope.HOST)

    def _shutdown_is_called_off(self) -> None:
        self._note("a shutdown is announced, and called off")
        self._world.tell(HostShutdownBegan(reason="simulated"))
        for program in self._world.programs.values():
            if program.process is not None and self._chance.random() < 0.5:
                program.end(program.process, ExitRecord(signal="SIGTERM", by=Sender.HOST))
        off = HostShutdownCancelled(reason="simulated")
        self._world.time.after(self._chance.randint(SECOND, 8 * MINUTE), lambda: self._world.tell(off), Scope.HOST)

    def _somebody_asks(self) -> None:
        self._world.ask(somebody_asks(self._chance, self._program().name, self._world.time.boot))

    def _somebody_deploys(self) -> None:
        """A human lets an account in, and then come those who have it, and those who only say so."""
        name, uid = self._program().name, self._chance.choice((0, 1001, 1002))
        self._world.ask(a_human_permits(name, self._world.time.boot, uid=uid, starts=self._chance.randint(1, 3)))
        for _ in range(self._chance.randint(2, 6)):
            self._world.time.after(self._chance.randint(SECOND, HOUR), lambda: self._deploy(name), Scope.HOST)

    def _deploy(self, name: GatewayName) -> None:
        self._world.ask(a_tool_deploys(self._chance, name, self._world.time.boot))

    def _signals_get_lost(self) -> None:
        self._note("signals get lost")
        self._world.around.signals_get_lost = self._chance.choice((0.0, 0.3, 1.0))

    # -- gatedog ---------------------------------------------------------------------------------------------------

    def _daemon_dies_soon(self) -> None:
        self._world.disk.steps_to_live = self._chance.randint(1, 60)

    def _daemon_dies_starting_a_gateway(self) -> None:
        self._world.disk.start_steps_to_live = self._chance.randint(1, 6)

    def _daemon_dies_now(self) -> None:
        self._world.kill_daemon()

    def _daemon_is_stopped(self) -> None:
        self._world.stop_daemon()

    def _alarms_get_lost(self) -> None:
        self._note("alarms get lost")
        self._world.around.alarms_get_lost = self._chance.choice((0.0, 0.2, 0.8))

    # -- the host --------------------------------------------------------------------------------------------------

    def _disk_fills(self) -> None:
        self._note("the disk is full")
        self._world.disk.is_full = True
        self._world.time.after(self._chance.randint(SECOND, 40 * MINUTE), self._disk_empties)

    def _disk_empties(self) -> None:
        self._note("the disk has room")
        self._world.disk.is_full = False

    def _network_goes(self) -> None:
        self._note("no network")
        self._world.around.has_network = False
        self._world.time.after(self._chance.randint(MINUTE, HOUR), self._network_comes)

    def _network_comes(self) -> None:
        self._world.around.has_network = True

    def _clock_is_wrong(self) -> None:
        error = self._chance.choice((-100 * DAY, -2 * HOUR, -SECOND, 30 * SECOND, 2 * HOUR, 100 * DAY, 0))
        self._note(f"the wall clock is wrong by {error} us")
        if error:
            self._world.time.set_wrong(error)
        else:
            self._world.time.set_right()

    def _host_sleeps(self) -> None:
        self._note("the host sleeps")
        self._world.time.suspend(self._chance.choice((MINUTE, HOUR, 3 * HOUR)))

    def _host_reboots(self) -> None:
        self._world.reboot(
            announced=self._chance.random() < 0.5,
            down_usec=self._chance.choice((20 * SECOND, 10 * MINUTE, 2 * HOUR)),
            clock_lost=self._chance.random() < 0.3,
        )
        if self._chance.random() < 0.5:
            self._world.time.set_right()

    def _gateway_takes_the_host_along(self) -> None:
        """Let a gateway that ends again and again bring the host down soon, while the clock is wrong or set right."""
        program, world = self._program(), self._world
        program.nature = self._chance.choice(FAST)
        self._note(f"{program.name} will take the host along")
        if program.process is not None:
            program.end(program.process, program.nature.ends)
        if self._chance.random() < 0.5:
            self._clock_is_wrong()
        world.time.after(self._chance.randint(10 * SECOND, 4 * MINUTE), self._host_crashes)

    def _host_crashes(self) -> None:
        if self._stopped or not self._world.is_host_up:
            return
        self._world.reboot(announced=False, down_usec=20 * SECOND, clock_lost=False)
        if self._chance.random() < 0.5:
            self._clock_is_wrong()

    # -- the pagers ------------------------------------------------------------------------------------------------

    def _channel_goes_down(self) -> None:
        channel = self._chance.choice(CHANNELS)
        self._note(f"{channel} is down")
        self._world.phones.down.add(channel)
        span = self._chance.randint(MINUTE, 2 * HOUR)
        self._world.time.after(span, lambda: self._world.phones.down.discard(channel))

    def _channel_is_set_up_wrongly(self) -> None:
        channel = self._chance.choice(CHANNELS)
        self._note(f"{channel} is set up wrongly")
        self._world.phones.set_up_wrongly.add(channel)
        span = self._chance.randint(MINUTE, HOUR)
        self._world.time.after(span, lambda: self._world.phones.set_up_wrongly.discard(channel))
