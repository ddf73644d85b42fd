"""A unit as systemd describes it, and what in that description takes the gateway out of gatedog's hands.

Invariant: pure. A look is made of properties and of nothing else, properties that a version of systemd does not have
read as their neutral value, and the same properties give the same look and the same rivals, in the same order.
"""

from collections.abc import Mapping
from typing import Any

from watchdog.core.rival import Rival, RivalKind
from watchdog.core.timeline import duration_text
from watchdog.core.values import dataclass
from watchdog.gateway.process import Status
from watchdog.origin.procfs import signal_name

DROP_IN = "50-gatedog.conf"
OWN_UNITS = "gatedog-"
"""How the names begin of the units by which gatedog itself starts and stops gateways."""

_EXITED = 1
"""CLD_EXITED; KILLED is 2 and DUMPED 3, and 0 says that the process still runs or never ran."""
_NO_LIMIT = frozenset({0, 2**64 - 1})
_SHUTDOWN_UNITS = frozenset({"shutdown.target", "umount.target", "final.target"})
"""Every unit ends with the host; that makes nobody a rival."""
_RELATIONS = {
    "WantedBy": "starts it with itself (Wants=)",
    "RequiredBy": "starts it with itself (Requires=)",
    "UpheldBy": "starts it again whenever it is down (Upholds=)",
    "TriggeredBy": "starts it when triggered",
    "BoundBy": "starts it with itself (BindsTo=)",
    "ConflictedBy": "ends it when started (Conflicts=)",
    "StopPropagatedFrom": "ends it when stopped (PropagatesStopTo=)",
    "PartOf": "ends it when stopped (PartOf=)",
    "BindsTo": "ends it when it ends (BindsTo=)",
}


STILL_UNKNOWN = Status()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLook:
    """One look. Times are microseconds of the clock their name says; 0 is never."""

    unit: str
    load_state: str = "loaded"
    active_state: str = ""
    sub_state: str = ""
    service_type: str = "simple"
    main_pid: int = 0
    control_pid: int = 0
    main_began_monotonic_usec: int = 0
    main_began_wall_usec: int = 0
    ended_pid: int = 0
    """The main process whose end systemd has seen; 0 while one runs."""
    ended: Status = STILL_UNKNOWN
    result: str = "success"
    invocation: str = ""
    kill_mode: str = "control-group"
    condition_result: bool = True
    has_start_limit: bool = False
    user: str = ""
    rivals: tuple[Rival, ...] = ()

    @property
    def speaks_of_readiness(self) -> bool:
        """Whether `active` means more than that the process was made."""
        return self.service_type in ("notify", "notify-reload", "dbus")

    @property
    def has_remains(self) -> bool:
        """Whether systemd waits for processes that the main one left behind, and for nothing else."""
        return self.active_state == "deactivating" and not self.main_pid and not self.control_pid


def look_at(unit: str, properties: Mapping[str, Any]) -> UnitLook:
    """Make a look of the properties of the interfaces Unit and Service."""
    get = properties.get
    code = get("ExecMainCode", 0)
    status = get("ExecMainStatus", 0)
    ended = Status(code=status) if code == _EXITED else Status(signal=signal_name(status))
    return UnitLook(
        unit=unit,
        load_state=get("LoadState", "loaded"),
        active_state=get("ActiveState", ""),
        sub_state=get("SubState", ""),
        service_type=get("Type", "simple"),
        main_pid=get("MainPID", 0),
        control_pid=get("ControlPID", 0),
        main_began_monotonic_usec=get("ExecMainStartTimestampMonotonic", 0),
        main_began_wall_usec=get("ExecMainStartTimestamp", 0),
        ended_pid=get("ExecMainPID", 0) if code else 0,
        ended=ended if code else STILL_UNKNOWN,
        result=get("Result", "success"),
        invocation=bytes(get("InvocationID", ())).hex(),
        kill_mode=get("KillMode", "control-group"),
        condition_result=bool(get("ConditionResult", True)),
        has_start_limit=get("StartLimitIntervalUSec", 0) not in _NO_LIMIT,
        user=get("User", ""),
        rivals=find_rivals(unit, properties),
    )


def state_folder(properties: Mapping[str, Any]) -> str:
    """Name the folder that the unit keeps its state in: its StateDirectory=, its WorkingDirectory=, its user's home.

    "~NAME" is the home of that user; who looks there looks it up. Empty for a unit of root's that says nothing.
    """
    for name in properties.get("StateDirectory") or ():
        return f"/var/lib/{name}"
    user = properties.get("User", "")
    home = f"~{user}" if user and not user.isdigit() else ""
    folder = properties.get("WorkingDirectory", "").removeprefix("!")
    return home if folder in ("", "~") else str(folder)


def find_rivals(unit: str, properties: Mapping[str, Any]) -> tuple[Rival, ...]:
    """Name whatever in systemd's description could start or end the gateway without gatedog."""
    if properties.get("LoadState", "loaded") != "loaded":
        detail = f"systemd says {properties.get('LoadState')!r}. Look at: systemctl status {unit}"
        return (Rival(kind=RivalKind.UNIT_FILE, subject=unit, detail=detail),)
    found = [*_settings(unit, properties), *_files(unit, properties), *_dependencies(properties)]
    return tuple(sorted(found, key=lambda rival: (rival.kind.value, rival.subject, rival.detail)))


def _settings(unit: str, properties: Mapping[str, Any]) -> list[Rival]:
    found: list[str] = []
    restart = properties.get("Restart", "no")
    if restart != "no":
        found.append(f"Restart={restart}: systemd starts it again, too")
    forced = _codes(properties.get("RestartForceExitStatus"))
    if forced:
        found.append(f"RestartForceExitStatus={forced}: systemd starts it again, too")
    limit = properties.get("StartLimitIntervalUSec", 0)
    if limit not in _NO_LIMIT:
        found.append(f"StartLimitIntervalSec={duration_text(limit)}: systemd may refuse a start of gatedog's")
    found.extend(
        f"{name}=no: anybody with the right may {verb} it by systemctl"
        for name, verb in (("RefuseManualStart", "start"), ("RefuseManualStop", "stop"))
        if not properties.get(name, True)
    )
    if properties.get("StopWhenUnneeded", False):
        found.append("StopWhenUnneeded=yes: systemd ends it when nothing needs it")
    return [Rival(kind=RivalKind.RESTART_SETTING, subject=unit, detail=detail) for detail in found]


def _codes(statuses: Any) -> str:
    if not statuses:
        return ""
    return " ".join(str(number) for numbers in statuses for number in numbers)


def _files(unit: str, properties: Mapping[str, Any]) -> list[Rival]:
    found: list[Rival] = []
    drop_ins = properties.get("DropInPaths") or []
    if not any(path.endswith(f"/{unit}.d/{DROP_IN}") for path in drop_ins):
        detail = "it is not in force, so systemctl may start and stop the unit. Put back by: gatedog setup systemd"
        found.append(Rival(kind=RivalKind.DROP_IN, subject=f"{unit}.d/{DROP_IN}", detail=detail))
    if properties.get("NeedDaemonReload", False):
        detail = "changed on disk since systemd read it. Look at: systemctl cat " + unit
        found.append(Rival(kind=RivalKind.UNIT_FILE, subject=properties.get("FragmentPath") or unit, detail=detail))
    return found


def _dependencies(properties: Mapping[str, Any]) -> list[Rival]:
    others = {
        (other, relation)
        for relation in _RELATIONS
        for other in properties.get(relation) or []
        if other not in _SHUTDOWN_UNITS and not other.startswith(OWN_UNITS)
    }
    return [Rival(kind=RivalKind.DEPENDENCY, subject=other, detail=_RELATIONS[relation]) for other, relation in others]
