"""What gatedog itself knows of a gateway at the moment of an incident, written down as files of evidence.

Theory of operation. The rest of evidence lies about and is copied (gateway/evidence.py, unitevidence.py). This here is
in memory and in the kernel: how the gateway stood and what was left of its budget, what was asked for and by whom, what
the probes saw and were answered, what its lives used, and who holds which sockets. Lists are JSON Lines, so that what
has no room is whole lines, the oldest of them.

Invariant: no values of environment variables and no text of the policy's secrets come near; words of the supervised
side (answers to probes, reasons) stand in fields of their own, as strings. Deliberately not here: writing the files.
"""

import ipaddress
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial

from watchdog.control.askedreply import asked_replies
from watchdog.control.reply import SupervisorFacts, status_object, status_reply
from watchdog.core.decisions import CollectEvidence
from watchdog.core.identity import GatewayName
from watchdog.core.state import State
from watchdog.core.timeline import Usec
from watchdog.core.values import dataclass
from watchdog.origin import procfs
from watchdog.origin.marks import LifeMark
from watchdog.origin.members import list_members
from watchdog.sensors.prober import Look
from watchdog.sensors.sockets import Held, list_held
from watchdog.sensors.vitals import Point

LIST_BYTES_MAX = 128 * 1024
"""Of one list; there are four."""
LOOKS_MAX = 30
"""Newest looks of one probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """What was seen of a gateway so far: by probe, oldest first. `marks` are the lives it may still have."""

    looks: Mapping[str, tuple[Look, ...]]
    curve: tuple[Point, ...]
    marks: tuple[LifeMark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The files, by name, and what there is none of: one sentence each."""

    files: tuple[tuple[str, bytes], ...]
    missing: tuple[str, ...]


class SceneWitness:
    """Sees a gateway at the moment that evidence is asked for. `facts` are gatedog's own, at a time of the core's."""

    def __init__(self, witnessed: Callable[[GatewayName], Witnessed], facts: Callable[[Usec], SupervisorFacts]) -> None:
        self._witnessed = witnessed
        self._facts = facts

    def look(self, order: CollectEvidence, state: State) -> Callable[[], Scene]:
        """Look at what is in memory now, and return what writes it down: that reads the kernel, and is a thread's."""
        witnessed = self._witnessed(order.gateway)
        told = status_object(status_reply(state, self._facts(state.clock.now_usec)))
        standing = next((each for each in told["gateways"] if each["name"] == order.gateway), None)
        return partial(describe_scene, order, state, standing, witnessed)


def describe_scene(
    order: CollectEvidence, state: State, standing: Mapping[str, object] | None, witnessed: Witnessed
) -> Scene:
    """Write down what is known. `standing` is the gateway as `status --json` tells it. Reads the kernel's tables."""
    name, files, missing = order.gateway, [], []
    if standing is None:
        missing.append("gateway.json: the policy names no such gateway")
    else:
        files.append(("gateway.json", f"{json.dumps(standing, indent=1)}\n".encode()))
    asked = [asdict(each) for each in reversed(asked_replies(state)) if each.gateway in (name, "")]
    looks = [_look(probe, look) for probe, known in witnessed.looks.items() for look in known[-LOOKS_MAX:]]
    looks.sort(key=lambda look: int(str(look["at_uptime_usec"])))
    lists: list[tuple[str, Iterable[Mapping[str, object]], str]] = [
        ("requests.jsonl", asked, "nobody asked for anything"),
        ("probes.jsonl", looks, "no probe has looked"),
        ("resources.jsonl", [asdict(point) for point in witnessed.curve], "nothing was measured yet"),
    ]
    try:
        held = [_socket(each) for each in list_held(_pids(witnessed.marks), _port(order, state))]
        lists.append(("sockets.jsonl", held, "no process of it is left, and nobody listens on its port"))
    except OSError as error:
        missing.append(f"sockets.jsonl: the kernel did not list them ({error.strerror or error})")
    for file, rows, otherwise in lists:
        content = _lines(rows)
        if content:
            files.append((file, content))
        else:
            missing.append(f"{file}: {otherwise}")
    return Scene(files=tuple(files), missing=tuple(missing))


def _lines(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Write one object a line; the newest that have room, the oldest of those first."""
    room, kept = LIST_BYTES_MAX, []
    for row in reversed(list(rows)):
        line = f"{json.dumps(row)}\n".encode()
        room -= len(line)
        if room < 0:
            break
        kept.append(line)
    return b"".join(reversed(kept))


def _look(probe: str, look: Look) -> dict[str, object]:
    said: dict[str, object] = {
        "probe": probe,
        "at_uptime_usec": look.at_usec,
        "took_usec": look.took_usec,
        "result": look.result.value,
        "cause": look.cause.value,
        "detail": look.detail,
    }
    return said | ({"answer": look.answer.decode("utf-8", "backslashreplace")} if look.answer else {})


def _socket(held: Held) -> dict[str, object]:
    return {
        "state": held.state,
        "local": _end(held.connection.source),
        "remote": "" if held.state == "LISTEN" else _end(held.connection.destination),
        "uid": held.connection.uid,
        "of": "the gateway" if held.is_own else "somebody else, on the gateway's port",
    }


def _end(end: tuple[bytes, int]) -> str:
    address = ipaddress.ip_address(end[0])
    return f"[{address}]:{end[1]}" if address.version == 6 else f"{address}:{end[1]}"


def _pids(marks: tuple[LifeMark, ...]) -> tuple[int, ...]:
    """Name every process of the lives whose main process still runs: a pid of an ended one may be a stranger's."""
    mount = procfs.find_cgroup_mount()
    found: list[int] = []
    for mark in marks:
        try:
            is_same = procfs.read_stat(mark.process.pid).start_ticks == mark.process.start_ticks
        except OSError:
            continue
        if is_same:
            found += list_members(mark, mount)
    return tuple(dict.fromkeys(found))


def _port(order: CollectEvidence, state: State) -> int:
    gateways = () if state.policy is None else state.policy.gateways
    return next((each.port or 0 for each in gateways if each.name == order.gateway), 0)
