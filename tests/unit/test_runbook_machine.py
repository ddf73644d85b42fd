"""One step of a runbook: what is run, what is not, and what its end is said to be."""

from collections.abc import Callable
from pathlib import Path

import pytest

from watchdog.core.events import TEXT_MAX
from watchdog.core.identity import ActionId, GatewayName, IncidentId, RunId
from watchdog.core.rules import RuleId
from watchdog.core.rundecisions import PerformStep
from watchdog.core.runstate import StepEnd
from watchdog.runbook.machine import Ended, NotRun, Performed, last_line, perform

OWN = ("/opt/gatedog/bin/python", "-I", "-m", "watchdog.cli")


def order(*argv: str, precondition: tuple[str, ...] = (), success: str = "", stop_if: str = "") -> PerformStep:
    """Return an order to run this."""
    return PerformStep(
        gateway=GatewayName("main"),
        rule=RuleId.RUN_STEP,
        because="due",
        action=ActionId("7.1"),
        run=RunId("RUN-1"),
        number=2,
        incident=IncidentId("INC-1"),
        argv=argv or ("/bin/x",),
        precondition=precondition,
        timeout_usec=1_000_000,
        success=success,
        stop_if=stop_if,
    )


class World:
    """Programs that end as they are told to."""

    def __init__(self, *, uid: int = 0, strangers: tuple[str, ...] = (), **ends: Ended) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.checked: list[str] = []
        self._uid = uid
        self._strangers = strangers
        self._ends = ends

    def __call__(self, asked: PerformStep) -> Performed:
        """Carry an order out."""
        return perform(asked, self._run, own=OWN, check=self._check, uid=self._uid)

    def _run(self, argv: tuple[str, ...], timeout_usec: int) -> Ended:
        assert timeout_usec == 1_000_000
        self.ran.append(argv)
        name = Path(argv[0]).name
        if name == "missing":
            raise NotRun("/bin/missing: No such file or directory")
        return self._ends.get(name, Ended(status=0, output=b""))

    def _check(self, program: Path) -> None:
        self.checked.append(str(program))
        if str(program) in self._strangers:
            raise NotRun(f"{program} belongs to uid 1001, who could change what gatedog runs")


def test_the_end_of_a_program_is_said_as_it_was() -> None:
    """Its code, and the last line that says anything."""
    world = World(x=Ended(status=3, output=b"one\nthe last\n\n"))
    performed = world(order())

    assert (performed.event.end, performed.event.code, performed.event.said) == (StepEnd.OVER, 3, "the last")
    assert (performed.event.run, performed.event.number, performed.event.action) == ("RUN-1", 2, "7.1")
    assert performed.output == b"one\nthe last\n\n"


@pytest.mark.parametrize(
    ("status", "end", "detail"),
    [(-9, StepEnd.OVER, "SIGKILL"), (-200, StepEnd.OVER, "signal 200"), (None, StepEnd.TIMEOUT, "")],
)
def test_a_program_that_did_not_exit_has_no_code(status: int | None, end: StepEnd, detail: str) -> None:
    """A signal is named; a program that ran out of time is said to have."""
    event = World(x=Ended(status=status, output=b""))(order()).event

    assert (event.end, event.code, event.detail) == (end, None, detail)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("", True), ("rea+dy", True), ("dead", False), (r"^it is ready$", True), ("it is\nready", False)],
)
def test_signs_are_looked_for_line_by_line(pattern: str, found: bool) -> None:
    """What is not asked for is there."""
    event = World(x=Ended(status=0, output=b"well\nit is ready\nbye\n"))(order(success=pattern, stop_if=pattern)).event

    assert (event.succeeded, event.stops) == (found, found)


@pytest.mark.parametrize(
    ("ended", "end", "ran"),
    [
        (Ended(status=0, output=b""), StepEnd.OVER, 2),
        (Ended(status=1, output=b"no"), StepEnd.UNMET, 1),
        (Ended(status=None, output=b""), StepEnd.TIMEOUT, 1),
        (Ended(status=-11, output=b""), StepEnd.UNMET, 1),
    ],
)
def test_a_step_is_taken_only_if_its_condition_holds(ended: Ended, end: StepEnd, ran: int) -> None:
    """Its program exits 0, or the step is left alone."""
    world = World(condition=ended)
    performed = world(order("/bin/x", precondition=("/bin/condition", "-e")))

    assert (performed.event.end, len(world.ran)) == (end, ran)


def test_gatedog_is_the_one_that_runs_the_step() -> None:
    """By that word alone, and without a look for a program of that name."""
    world = World()
    world(order("gatedog", "status", "--json"))

    assert world.ran == [(*OWN, "status", "--json")]
    assert world.checked == []


@pytest.mark.parametrize("where", ["argv", "precondition"])
def test_a_program_that_a_stranger_could_have_written_is_not_run(where: str) -> None:
    """Law 11: neither as the step nor as its condition."""
    world = World(strangers=("/srv/agent/x",))
    mine, theirs = ("/bin/y",), ("/srv/agent/x",)
    asked = order(*theirs) if where == "argv" else order(*mine, precondition=theirs)
    event = world(asked).event

    assert (event.end, world.ran) == (StepEnd.NOT_RUN, [])
    assert "belongs to uid 1001" in event.detail


@pytest.mark.parametrize(
    "form",
    [
        lambda file: file,
        lambda file: f"--file={file}",
        lambda file: f"-f{file}",
        lambda file: f"SCRIPT={file}",
        lambda file: file.removeprefix("/"),  # steps are run in /
    ],
)
def test_a_file_that_a_program_may_read_as_a_program_is_looked_at(form: Callable[[str], str], tmp_path: Path) -> None:
    """Naming it second would run a stranger's program as much; a command that only looks may look at it."""
    script = tmp_path / "mend.py"
    script.write_text("")
    world = World(strangers=(str(script),))

    assert world(order("/usr/bin/python3", form(str(script)))).event.end is StepEnd.NOT_RUN
    assert world(order("/usr/bin/tail", "-n", "5", str(script))).event.end is StepEnd.OVER
    assert world(order("/usr/bin/python3", str(tmp_path / "absent.py"))).event.end is StepEnd.OVER


def test_a_folder_whose_rules_a_program_follows_is_looked_at(tmp_path: Path) -> None:
    """What `make` runs stands in the folder that it is sent to."""
    world = World(strangers=(str(tmp_path),))

    assert world(order("/usr/bin/make", "-C", str(tmp_path))).event.end is StepEnd.NOT_RUN


@pytest.mark.parametrize(("uid", "told"), [(0, False), (997, True)])
def test_a_step_that_fails_says_whose_rights_it_had(uid: int, told: bool) -> None:
    """A person sees at once that it needed root, where gatedog is not."""
    world = World(uid=uid, x=Ended(status=1, output=b""))
    missing, failed = world(order("/bin/missing")).event, world(order("/bin/x")).event

    for event in (missing, failed):
        assert ("needs root cannot work here" in event.detail) is told
    assert "No such file" in missing.detail
    assert World(uid=uid)(order()).event.detail == ""


def test_what_a_program_prints_is_one_printable_line() -> None:
    """Whatever it is."""
    assert last_line(b"a\n\x1b[2Jb\xff\n\n") == "?[2Jb\ufffd"
    assert len(last_line(b"x" * 5000)) == TEXT_MAX
    assert last_line(b"") == ""
