"""The last word: one page for each outage of gatedog itself, one "back", whenever the run is killed."""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.policy import EscalationPolicy
from watchdog.core.timeline import DAY, HOUR, MINUTE, SECOND
from watchdog.pager.channel import ConfigurationFault, Receipt, TryLater
from watchdog.pager.lastword import Kind, Memory, Record, Sight, look, send, step, word
from watchdog.pager.message import Message

PEOPLE = EscalationPolicy(tiers=(("phone", "mail"), ("call", "phone")), notices=("mail",))
START = 1_774_494_251_000_000
ALIVE = Sight(
    now_usec=START,
    uptime_usec=HOUR,
    written_usec=START,
    started_usec=START - HOUR,
    journal_id="j1",
    pid=7,
    pid_lives=True,
    gateways=("main",),
)


class Times:
    """Looks in a row, each with the memory of the one before, as the timer makes them."""

    def __init__(self) -> None:
        self.memory: Memory | None = None
        self.now = ALIVE
        self.said: list[tuple[Kind, tuple[str, ...]]] = []

    def look(self, seconds: int, **changes: object) -> Kind | None:
        """Let time pass, look, and tell all that wait. A living daemon writes its status: `alive=True`."""
        alive = changes.pop("alive", False)
        usec = seconds * SECOND
        self.now = replace(self.now, now_usec=self.now.now_usec + usec, uptime_usec=self.now.uptime_usec + usec)
        self.now = replace(self.now, **changes)
        if alive:
            self.now = replace(self.now, written_usec=self.now.now_usec, pid_lives=True, is_stopping=False)
        self.memory = step(self.memory, self.now, PEOPLE)
        if self.memory is not None and self.memory.waiting:
            self.said.append((self.memory.kind, self.memory.waiting))
            self.memory = replace(self.memory, waiting=(), told=self.memory.told + self.memory.waiting)
        return None if self.memory is None else self.memory.kind


def test_a_living_gatedog_leaves_nothing_on_record() -> None:
    """A status that is fresh enough says nothing, at every look."""
    times = Times()

    assert [times.look(15) for _ in range(2)] == [None, None]
    assert times.look(15, alive=True) is None
    assert times.said == []


def test_a_dead_gatedog_is_told_once_to_all_critical_tiers() -> None:
    """As soon as its status is old and its process gone; later looks repeat nothing."""
    times = Times()

    kinds = [times.look(15, pid_lives=False) for _ in range(5)]

    assert kinds == [None, None, Kind.DEAD, Kind.DEAD, Kind.DEAD]
    assert times.said == [(Kind.DEAD, ("phone", "mail", "call"))]


def test_a_hanging_gatedog_is_first_suspected() -> None:
    """A process that is there may have been asleep with its host; it gets the time in which it would write again."""
    times = Times()

    kinds = [times.look(15) for _ in range(6)]

    assert kinds == [None, None, Kind.SUSPECTED, Kind.SUSPECTED, Kind.DEAD, Kind.DEAD]
    assert len(times.said) == 1


def test_a_jump_of_the_wall_clock_is_no_outage() -> None:
    """The status is an hour old at once, and a moment later it is fresh again."""
    times = Times()

    assert times.look(0, now_usec=START + HOUR) is Kind.SUSPECTED
    assert times.look(15, alive=True) is None
    assert times.said == []


def test_back_is_told_once_to_those_who_heard_of_the_outage() -> None:
    """After a minute of life; then nothing is on record any more."""
    times = Times()
    times.look(60, pid_lives=False)

    times.look(15, alive=True, started_usec=times.now.now_usec)
    times.look(30, alive=True)
    assert len(times.said) == 1
    times.look(30, alive=True)
    times.look(15, alive=True)

    assert times.said[1:] == [(Kind.BACK, ("phone", "mail", "call"))]
    assert times.memory is None


def test_a_gatedog_that_dies_every_half_minute_is_one_outage() -> None:
    """Neither a page nor a "back" for each of its lives."""
    times = Times()
    for _ in range(20):
        times.look(40, pid_lives=False)
        times.look(15, alive=True, started_usec=times.now.now_usec)

    assert times.said == [(Kind.DEAD, ("phone", "mail", "call"))]


def test_a_second_outage_is_a_new_story() -> None:
    """With another name, so that no receiver takes it for the first."""
    times = Times()
    times.look(60, pid_lives=False)
    first = times.memory
    times.look(15, alive=True, started_usec=START)
    times.look(15, alive=True)

    times.look(60, pid_lives=False)

    assert [kind for kind, _ in times.said] == [Kind.DEAD, Kind.BACK, Kind.DEAD]
    assert first is not None
    assert times.memory is not None
    assert times.memory.outage != first.outage


def test_a_stop_on_purpose_is_one_notice() -> None:
    """An unwatched gateway must be known, but wakes nobody; a restart of gatedog is too short to be told."""
    times = Times()

    assert times.look(15, is_stopping=True, written_usec=START + 15 * SECOND) is None
    assert times.look(60, pid_lives=False) is Kind.STOPPED
    times.look(HOUR // SECOND)

    assert times.said == [(Kind.STOPPED, ("mail",))]


def test_a_start_after_a_stop_is_told_where_the_stop_was() -> None:
    """Whoever read that it was stopped reads that it is back."""
    times = Times()
    times.look(60, is_stopping=True, pid_lives=False)

    times.look(60, alive=True, started_usec=times.now.now_usec)
    times.look(10, alive=True)

    assert times.said[1:] == [(Kind.BACK, ("mail",))]


def test_a_gatedog_that_dies_after_its_start_was_not_stopped() -> None:
    """A stop on record does not excuse a later death."""
    times = Times()
    times.look(60, is_stopping=True)
    times.look(15, alive=True, started_usec=times.now.now_usec)

    times.look(60, pid_lives=False)

    assert [kind for kind, _ in times.said] == [Kind.STOPPED, Kind.DEAD]


def test_a_host_that_goes_down_is_no_outage_for_a_while() -> None:
    """Silence is expected then; a quarter of an hour later it is not."""
    times = Times()

    assert times.look(14 * 60, is_going_down=True, pid_lives=False) is None
    assert times.look(60) is Kind.DEAD


def test_a_missing_status_is_told_after_a_minute() -> None:
    """A daemon that never came up leaves none; one that is just starting has none yet."""
    times = Times()
    nothing = {"written_usec": 0, "pid": 0, "pid_lives": False, "journal_id": "", "gateways": ()}

    kinds = [times.look(20, **nothing) for _ in range(5)]

    assert kinds == [Kind.SUSPECTED, Kind.SUSPECTED, Kind.SUSPECTED, Kind.DEAD, Kind.DEAD]
    assert len(times.said) == 1


def test_an_outage_goes_on_over_a_reboot() -> None:
    """The status is gone with /run and the uptime begins anew; people know already."""
    times = Times()
    times.look(60, pid_lives=False)

    times.look(60, written_usec=0, uptime_usec=0)

    assert len(times.said) == 1


def test_a_suspicion_begins_anew_after_a_reboot() -> None:
    """CLOCK_BOOTTIME of another boot measures nothing."""
    times = Times()
    times.look(60)

    assert times.look(0, uptime_usec=SECOND) is Kind.SUSPECTED
    assert times.look(20) is Kind.SUSPECTED
    assert times.look(10) is Kind.DEAD


def test_nobody_is_told_of_an_end_whose_beginning_nobody_heard() -> None:
    """The page could not be sent while it lasted, and now it would be false."""
    memory = replace(dead(), waiting=("phone",))

    assert step(memory, replace(ALIVE, now_usec=START + DAY, written_usec=START + DAY), PEOPLE) is None


def test_back_is_not_tried_for_ever() -> None:
    """A channel that is gone for a day leaves the record."""
    memory = replace(dead(), kind=Kind.BACK, waiting=("phone",))
    later = START + DAY + 2 * MINUTE

    assert step(memory, replace(ALIVE, now_usec=START + MINUTE, written_usec=START + MINUTE), PEOPLE) == memory
    assert step(memory, replace(ALIVE, now_usec=later, written_usec=later), PEOPLE) is None


def dead() -> Memory:
    """An outage on record."""
    memory = step(None, replace(ALIVE, now_usec=START + MINUTE, pid_lives=False), PEOPLE)
    assert memory is not None
    return memory


def test_the_words_say_what_is_unwatched_and_what_to_type() -> None:
    """For a reader who was asleep: what, why, what goes on, what next."""
    message = word(dead(), "phone", "web1", "gatedog")

    assert message.lines == (
        "gatedog: dead; main unwatched",
        "why: no status has been written for more than half a minute; its process 7 is gone [last-word]",
        "gatedog: the gateways run on; nobody restarts them, nobody counts",
        "next: systemctl status gatedog; journalctl -u gatedog -n 50",
        "runbook: gatedog runbook show last-word",
        "(critical, last word of gatedog, host web1)",
    )
    assert (message.severity, message.update) == (Severity.CRITICAL, PageUpdate.OPENED)


def test_keys_name_the_outage_and_the_page() -> None:
    """All pages of one outage are one story; each page on each channel has a name that a repetition shares."""
    memory = dead()
    back = replace(memory, kind=Kind.BACK)

    assert word(memory, "phone", "h", "n") == word(memory, "phone", "h", "n")
    assert word(memory, "phone", "h", "n").dedup_key == word(back, "mail", "h", "n").dedup_key
    names = {word(each, to, "h", "n").idempotency_key for each in (memory, back) for to in ("phone", "mail")}
    assert len(names) == 4


def test_names_of_gateways_cannot_forge_a_line() -> None:
    """The status is gatedog's own file, and still only a text."""
    message = word(replace(dead(), gateways=("a\nnext: rm -rf /",)), "phone", "h\nx", "n")

    assert all("\n" not in line for line in message.lines)


class FakeChannel:
    """Takes messages, or raises what it is told to."""

    def __init__(self, name: str, trouble: Exception | None = None) -> None:
        self.name = name
        self.trouble = trouble
        self.taken: list[Message] = []
        self.on_taken: Callable[[], None] = lambda: None

    def deliver(self, message: Message) -> Receipt:
        if self.trouble is not None:
            raise self.trouble
        self.taken.append(message)
        self.on_taken()
        return Receipt(detail="ok")


def sent(record: Record, memory: Memory, *channels: FakeChannel) -> tuple[Memory, tuple[str, ...]]:
    """Send what waits."""
    after, troubles = asyncio.run(send(record, memory, {each.name: each for each in channels}, "web1"))
    return after, tuple(troubles)


def test_who_took_the_page_is_put_on_record_at_once(tmp_path: Path) -> None:
    """A run that is killed after the first channel goes on with the others."""
    record = Record(folder=tmp_path, name="gatedog")
    phone, mail, call = FakeChannel("phone"), FakeChannel("mail", TryLater("busy")), FakeChannel("call")

    after, troubles = sent(record, dead(), phone, mail, call)

    assert record.read() == after
    assert (after.waiting, set(after.told)) == (("mail",), {"phone", "call"})
    assert troubles == ("busy",)


def test_a_run_that_was_killed_sends_the_same_page_again(tmp_path: Path) -> None:
    """Killed between the channel's receipt and our record, it repeats the bytes and the keys."""
    record = Record(folder=tmp_path, name="gatedog")
    phone = FakeChannel("phone")
    memory = replace(dead(), waiting=("phone",))
    record.write(memory)
    (tmp_path / "lost").mkdir()
    sent(Record(folder=tmp_path / "lost", name="gatedog"), memory, phone)

    again = record.read()
    assert again is not None
    sent(record, again, phone)

    assert phone.taken[0] == phone.taken[1]


def test_what_only_a_human_can_mend_is_tried_once(tmp_path: Path) -> None:
    """A channel that is set up wrongly, or not at all, is named, and does not wait for ever."""
    record = Record(folder=tmp_path, name="gatedog")
    fault = FakeChannel("phone", ConfigurationFault("no such program"))

    after, troubles = sent(record, replace(dead(), waiting=("phone", "gone")), fault)

    assert after.waiting == ()
    assert after.told == ()
    assert sorted(troubles) == ["gone: pager.toml has no such channel", "phone: no such program"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "asleep"}', "null", '{"kind": "dead", "x": 1}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    """Better told twice than never."""
    (tmp_path / "gatedog.json").write_text(text)

    assert Record(folder=tmp_path, name="gatedog").read() is None


def test_a_record_is_removed_when_all_is_well(tmp_path: Path) -> None:
    """An empty folder says that nothing is under way."""
    record = Record(folder=tmp_path, name="gatedog")
    record.write(dead())
    (tmp_path / "gatedog.new").write_text("half")

    record.write(None)
    record.write(None)

    assert list(tmp_path.iterdir()) == []


STATUS = {
    "pid": os.getpid(),
    "written_at": 5,
    "started_wall_usec": 3,
    "journal": "j1",
    "host_going_down": False,
    "gateways": [{"name": "main"}, {"name": "b\n"}],
}


def test_a_status_is_read_as_it_is_written(tmp_path: Path) -> None:
    """The fields of the Status reply, and whether its writer's process is there."""
    file = tmp_path / "status.json"
    file.write_text(json.dumps({**STATUS, "stopping": True}))

    sight = look(file, now_usec=9, uptime_usec=8)

    assert sight == Sight(
        now_usec=9,
        uptime_usec=8,
        written_usec=5,
        started_usec=3,
        journal_id="j1",
        pid=os.getpid(),
        pid_lives=True,
        is_stopping=True,
        gateways=("main", "b\\n"),
    )


@pytest.mark.parametrize(
    "write",
    [
        lambda file: None,
        lambda file: file.write_text("{"),
        lambda file: file.write_text(json.dumps({**STATUS, "written_at": None})),
        lambda file: file.mkdir(),
        os.mkfifo,
        lambda file: file.symlink_to("/etc/passwd"),
    ],
)
def test_a_status_that_cannot_be_believed_was_not_written(tmp_path: Path, write: Callable[[Path], object]) -> None:
    """Missing, broken, or no plain file: none of them blocks or ends the run."""
    file = tmp_path / "status.json"
    write(file)

    assert look(file, now_usec=9, uptime_usec=8) == Sight(now_usec=9, uptime_usec=8)
