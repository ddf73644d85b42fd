"""The parts of a gateway that is a unit: what a look says, tickets, records of break-glass, shutdowns, words."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from watchdog.core.decisions import Charge, StartGateway
from watchdog.core.events import Event, HostShutdownBegan, HostShutdownCancelled
from watchdog.core.identity import ActionId, GatewayName, LifeId
from watchdog.core.rival import RivalKind
from watchdog.core.rules import RuleId
from watchdog.gateway.breakglass import read_records
from watchdog.gateway.bus import BusLost, Call
from watchdog.gateway.process import Status
from watchdog.gateway.shutdown import ShutdownWatch
from watchdog.gateway.ticket import Ticket, ticket_of
from watchdog.gateway.unitlook import find_rivals, look_at
from watchdog.gateway.unitstart import UnitStart, why_no_process, why_refused

UNIT = "nest.service"
OWNED: dict[str, Any] = {
    "LoadState": "loaded",
    "DropInPaths": ["/etc/systemd/system/nest.service.d/50-gatedog.conf"],
    "Restart": "no",
    "RestartForceExitStatus": ([], []),
    "StartLimitIntervalUSec": 0,
    "RefuseManualStart": True,
    "RefuseManualStop": True,
    "RequiredBy": ["gatedog-start@nest.target"],
    "ConflictedBy": ["gatedog-stop@nest.target", "shutdown.target"],
}

# -- looks ---------------------------------------------------------------------------------------------------------


def test_owned_unit_has_no_rival() -> None:
    """What setup makes of a unit is no rival's: its own drop-in, its own targets, the host's shutdown."""
    assert find_rivals(UNIT, OWNED) == ()


@pytest.mark.parametrize(
    ("change", "kind", "word"),
    [
        ({"Restart": "always"}, RivalKind.RESTART_SETTING, "Restart=always"),
        ({"RestartForceExitStatus": ([75], [])}, RivalKind.RESTART_SETTING, "75"),
        ({"StartLimitIntervalUSec": 10_000_000}, RivalKind.RESTART_SETTING, "StartLimitIntervalSec=10s"),
        ({"RefuseManualStart": False}, RivalKind.RESTART_SETTING, "RefuseManualStart"),
        ({"StopWhenUnneeded": True}, RivalKind.RESTART_SETTING, "StopWhenUnneeded"),
        ({"DropInPaths": ["/etc/systemd/system/nest.service.d/10.conf"]}, RivalKind.DROP_IN, "setup systemd"),
        ({"NeedDaemonReload": True, "FragmentPath": "/x"}, RivalKind.UNIT_FILE, "changed"),
        ({"LoadState": "masked"}, RivalKind.UNIT_FILE, "masked"),
        ({"WantedBy": ["multi-user.target"]}, RivalKind.DEPENDENCY, "Wants="),
        ({"UpheldBy": ["up.service"]}, RivalKind.DEPENDENCY, "Upholds="),
        ({"TriggeredBy": ["a.timer"]}, RivalKind.DEPENDENCY, "triggered"),
        ({"ConflictedBy": ["rival.service"]}, RivalKind.DEPENDENCY, "Conflicts="),
        ({"BindsTo": ["bound.service"]}, RivalKind.DEPENDENCY, "BindsTo="),
    ],
)
def test_rival_is_named(change: dict[str, Any], kind: RivalKind, word: str) -> None:
    """Each way in which systemd could start or end the gateway without gatedog is one rival that says how."""
    (rival,) = find_rivals(UNIT, OWNED | change)
    assert rival.kind is kind
    assert word in rival.text()


def test_look_without_properties_is_neutral() -> None:
    """A version of systemd that lacks a property is no emergency."""
    look = look_at(UNIT, {})
    assert (look.main_pid, look.ended_pid, look.active_state) == (0, 0, "")


@pytest.mark.parametrize(
    ("code", "status", "ended"),
    [
        (1, 0, Status(code=0)),
        (1, 78, Status(code=78)),
        (2, 9, Status(signal="SIGKILL")),
        (3, 6, Status(signal="SIGABRT")),
    ],
)
def test_end_of_a_main_process(code: int, status: int, ended: Status) -> None:
    """Code and status of systemd are an exit status or a signal, and they belong to the process they came with."""
    look = look_at(UNIT, {"ExecMainPID": 7, "ExecMainCode": code, "ExecMainStatus": status})
    assert (look.ended_pid, look.ended) == (7, ended)


def test_running_main_process_has_not_ended() -> None:
    """While it runs, systemd gives 0 for both, which is no exit status."""
    assert look_at(UNIT, {"ExecMainPID": 7, "MainPID": 7, "ExecMainCode": 0}).ended_pid == 0


# -- words ---------------------------------------------------------------------------------------------------------


def start(**results: str) -> UnitStart:
    """Make the notes of a start whose jobs ended like this."""
    order = StartGateway(
        gateway=GatewayName("gw"),
        rule=RuleId.START_FIRST,
        because="",
        action=ActionId("1"),
        life=LifeId(1),
        charge=Charge.HUMAN,
    )
    made = UnitStart(order=order, since_monotonic_usec=1)
    made.results |= {UNIT if name == "unit" else "gatedog-start@nest.target": word for name, word in results.items()}
    return made


@pytest.mark.parametrize(
    ("results", "properties", "word"),
    [
        ({"unit": "assert", "target": "dependency"}, {}, "Assert"),
        ({"unit": "failed", "target": "dependency"}, {"Result": "exit-code"}, "Result=exit-code"),
        ({"unit": "skipped", "target": "done"}, {}, "Condition"),
        ({"unit": "done", "target": "done"}, {"ConditionResult": False}, "Condition"),
        ({"unit": "done", "target": "done"}, {"ActiveState": "active"}, "PIDFile="),
        ({"target": "dependency"}, {}, "dependency"),
        ({}, {"ActiveState": "activating", "SubState": "start-pre"}, "start-pre"),
        ({}, {"LoadState": "not-found"}, "not-found"),
    ],
)
def test_start_without_a_process_is_explained(results: dict[str, str], properties: dict[str, Any], word: str) -> None:
    """Whatever systemd did instead of starting, a person reads it, with the next command."""
    text = why_no_process(start(**results), look_at(UNIT, properties))
    assert word in text
    assert text.endswith("systemctl status nest.service")


def test_refusal_names_its_remedy() -> None:
    """A refusal for want of rights leads to setup, every other to systemd's own explanation."""
    assert "setup systemd" in why_refused(UNIT, "start", "Interactive authentication required.")
    assert "systemctl status" in why_refused(UNIT, "start", "Unit nest.service is masked.")


# -- tickets -------------------------------------------------------------------------------------------------------


def test_ticket_is_whole_and_readable_for_all(tmp_path: Path) -> None:
    """A ticket holds its life, can be looked at by anybody, and is replaced whole."""
    ticket = ticket_of("my-gateway@1.service", tmp_path)
    assert ticket.file.name == "my-gateway@1"
    ticket.write(LifeId(4))
    ticket.write(LifeId(41))
    found = ticket.read()
    assert found is not None
    assert found.life == 41
    assert ticket.file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["my-gateway@1"]
    ticket.remove()
    ticket.remove()
    assert ticket.read() is None


@pytest.mark.parametrize("content", [b"", b"x", b"-3", b"\xff\xfe", b"9 9"])
def test_ticket_of_nonsense_is_none(tmp_path: Path, content: bytes) -> None:
    """What is no number of ours claims no life."""
    (tmp_path / "nest").write_bytes(content)
    assert Ticket(file=tmp_path / "nest").read() is None


def test_ticket_is_not_read_through_a_link(tmp_path: Path) -> None:
    """A link in the place of a ticket is none."""
    (tmp_path / "there").write_text("5")
    (tmp_path / "nest").symlink_to(tmp_path / "there")
    assert Ticket(file=tmp_path / "nest").read() is None


# -- break-glass ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave such records")
def test_records_of_break_glass(tmp_path: Path) -> None:
    """Records of this unit that root alone could write are read in their order; everything else is not."""
    folder = tmp_path / "glass"
    folder.mkdir(mode=0o755)

    def leave(name: str, mode: int = 0o644, **fields: object) -> None:
        record = {"v": 1, "verb": "stop", "unit": UNIT, "who": "root", "wall_usec": 1, "boot": "b"} | fields
        (folder / name).write_text(json.dumps(record))
        (folder / name).chmod(mode)

    leave("b.json", wall_usec=2, verb="start")
    leave("a.json", wall_usec=3)
    leave("other.json", unit="another.service")
    leave("open.json", mode=0o666)
    leave("verb.json", verb="reboot")
    leave("version.json", v=2)
    (folder / "half.json").write_text('{"v": 1')
    (folder / "link.json").symlink_to(folder / "a.json")
    found = read_records(UNIT, (folder, tmp_path / "nowhere"))
    assert [(record.verb, record.wall_usec) for record in found] == [("start", 2), ("stop", 3)]
    folder.chmod(0o777)
    assert read_records(UNIT, (folder,)) == ()


# -- shutdowns -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave such records")
def test_records_from_before_the_unit_was_owned_do_not_count(tmp_path: Path) -> None:
    """A stop in an earlier ownership says nothing about this one."""
    folder, drop_in = tmp_path / "records", tmp_path / "units" / f"{UNIT}.d" / "50-gatedog.conf"
    folder.mkdir(mode=0o755)
    drop_in.parent.mkdir(parents=True)
    for number, wall_usec in (("1", 1_000_000), ("2", 3_000_000)):
        use = {"v": 1, "verb": "stop", "unit": UNIT, "gateway": "a", "who": "root", "wall_usec": wall_usec, "boot": "b"}
        (folder / f"{number}.json").write_text(json.dumps(use))
    everything = read_records(UNIT, (folder,), tmp_path / "units")
    drop_in.write_text("")
    os.utime(drop_in, (2, 2))
    since = read_records(UNIT, (folder,), tmp_path / "units")

    assert [each.wall_usec for each in everything] == [1_000_000, 3_000_000]
    assert [each.wall_usec for each in since] == [3_000_000]


class Link:
    """A link that answers as it is told."""

    def __init__(self) -> None:
        self.state: str | None = "running"
        self.lock: int | None = None

    def ask_soon(self, call: Call) -> "asyncio.Future[Any]":
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        found: object = self.lock if call.method == "Inhibit" else self.state
        answer.set_exception(BusLost("gone")) if found is None else answer.set_result(found)
        return answer

    def ask_now(self, call: Call, within_seconds: float) -> Any:
        return self.ask_soon(call).result()


def test_announced_shutdown_is_told_once_and_may_be_called_off() -> None:
    """The word of logind is told once, holds its lock until the journal has it, and can be taken back."""

    async def story() -> None:
        link, told = Link(), list[Event]()
        watch = ShutdownWatch(link, told.append)
        reader, writer = os.pipe()
        link.lock = writer
        watch.look_again()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        watch.prepare(begins=True)
        watch.prepare(begins=True)
        assert told == [HostShutdownBegan(reason="logind announced it")]
        assert watch.judge_sigterm(1) is None
        link.lock = None
        watch.prepare(begins=False)
        watch.prepare(begins=False)
        assert told[1:] == [HostShutdownCancelled()]
        watch.close()
        assert os.read(reader, 1) == b""  # the lock was given back
        os.close(reader)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("state", "suspected", "goes_down"),
    [("stopping", False, True), ("running", True, False), (None, True, True), (None, False, False)],
)
def test_sigterm_during_a_shutdown(state: str | None, suspected: bool, goes_down: bool) -> None:
    """The state of systemd decides; where it cannot be asked any more, a job of shutdown.target does."""

    async def story() -> None:
        link = Link()
        link.state = state
        watch = ShutdownWatch(link, lambda _: None)
        if suspected:
            watch.hear_job("shutdown.target")
        watch.hear_job("another.target")
        assert (watch.judge_sigterm(1) is not None) is goes_down
        watch.close()

    asyncio.run(story())
