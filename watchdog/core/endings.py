"""How a life ended: the closed tables that turn an exit record into one class.

Theory of operation. An ending has four witnesses: exit code, signal, sender, and the last line the process wrote.
No single one is enough: exit 0 is a success for a batch job and an outage for a gateway; SIGKILL is the kernel
running out of memory, a rival, or gatedog itself; a log line is written by the supervised side and may lie, so text
never makes an ending look better than code and signal say, it only names it. The tables are read in the order
sender, code, signal, text; the first match wins. What no table holds is `UNHEARD_OF`, and the engine makes an
anomaly of it: an ending without a model goes to a human.

Invariant: `classify` is total; "asked" is not decided here (it depends on requests, never on the signal).
"""

from enum import Enum

from watchdog.core.values import dataclass


class Sender(Enum):
    """Who ended the life, as far as it could be established."""

    UNKNOWN = "unknown"
    SELF = "self"
    GATEDOG = "gatedog"
    PEER_INSTANCE = "peer-instance"
    SECOND_MANAGER = "second-manager"
    KERNEL_OOM = "kernel-oom"
    HUMAN = "human"
    SUPERVISED = "supervised"
    WATCHDOG = "watchdog"
    HOST = "host"


class EndingClass(Enum):
    """The closed list of ways a life ends."""

    CLEAN = "clean"
    FAILED = "failed"
    CRASHED = "crashed"
    TERMINATED = "terminated"
    KILLED = "killed"
    OUT_OF_MEMORY = "out-of-memory"
    TIMED_OUT = "timed-out"
    BAD_CONFIGURATION = "bad-configuration"
    ADDRESS_IN_USE = "address-in-use"
    DUPLICATE = "duplicate"
    LAUNCH_FAILED = "launch-failed"
    STATUS_UNKNOWN = "status-unknown"
    HOST_LOST = "host-lost"
    REPLACED = "replaced"
    UNHEARD_OF = "unheard-of"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSender:
    """Who sent the signal that ended a life, as the kernel noted it at that moment.

    What names it (`comm`, `cgroup`, `unit`) was chosen by whoever started it: untrusted, and for people to read. Who it
    counts as is `ExitRecord.by`, which rests on the cgroup's id and the process tree.
    """

    signal: str
    pid: int = 0
    """As gatedog sees it; 0: a process outside of gatedog's container, or none (`by_kernel`)."""
    comm: str = ""
    """The kernel's 15 bytes, one line; empty when the process was gone before it could be looked at."""
    cgroup: str = ""
    """Empty when the cgroup was gone before it could be looked up, or is hidden from gatedog's container."""
    unit: str = ""
    """systemd's unit of that cgroup."""
    uid: int | None = None
    by_kernel: bool = False
    """No process sent it: out of memory, a terminal, a timer, a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRecord:
    """What the shell saw of an ending. A record with neither code nor signal is an adopted child's: not known."""

    code: int | None = None
    signal: str | None = None
    by: Sender = Sender.UNKNOWN
    last_line: str = ""
    """The most telling of the last lines of the life's output: untrusted, one line, at most 200 characters."""
    detail: str = ""
    """gatedog's own words, where there is no process to ask: why a start made none."""
    launch_failed: bool = False
    host_lost: bool = False
    replaced: bool = False
    """Another process took over without an exit seen: exec in place, MAINPID=, an uptime that dropped."""
    sent_by: SignalSender | None = None
    """Of an ending by a signal, or soon after one; None: not seen, or gatedog's own."""


_BY_SENDER: dict[Sender, EndingClass] = {
    Sender.KERNEL_OOM: EndingClass.OUT_OF_MEMORY,
    Sender.PEER_INSTANCE: EndingClass.DUPLICATE,
}

BAD_CONFIGURATION_CODE = 78
"""EX_CONFIG of sysexits.h; OpenClaw's "do not restart me"."""

_BY_CODE: dict[int, EndingClass] = {
    0: EndingClass.CLEAN,
    BAD_CONFIGURATION_CODE: EndingClass.BAD_CONFIGURATION,
    126: EndingClass.LAUNCH_FAILED,  # the shell's "found, not executable"
    127: EndingClass.LAUNCH_FAILED,  # the shell's "not found"
}

_BY_SIGNAL: dict[str, EndingClass] = {
    "SIGTERM": EndingClass.TERMINATED,
    "SIGINT": EndingClass.TERMINATED,
    "SIGHUP": EndingClass.TERMINATED,
    "SIGUSR1": EndingClass.TERMINATED,
    "SIGUSR2": EndingClass.TERMINATED,
    "SIGQUIT": EndingClass.TERMINATED,
    "SIGALRM": EndingClass.TERMINATED,
    "SIGKILL": EndingClass.KILLED,
    "SIGSEGV": EndingClass.CRASHED,
    "SIGABRT": EndingClass.CRASHED,
    "SIGBUS": EndingClass.CRASHED,
    "SIGFPE": EndingClass.CRASHED,
    "SIGILL": EndingClass.CRASHED,
    "SIGTRAP": EndingClass.CRASHED,
    "SIGSYS": EndingClass.CRASHED,
    "SIGPIPE": EndingClass.CRASHED,
    "SIGXCPU": EndingClass.TIMED_OUT,
    "SIGXFSZ": EndingClass.CRASHED,
}

_BY_TEXT: tuple[tuple[str, EndingClass], ...] = (
    ("eaddrinuse", EndingClass.ADDRESS_IN_USE),
    ("address already in use", EndingClass.ADDRESS_IN_USE),
    ("another gateway instance", EndingClass.ADDRESS_IN_USE),
    ("existing gateway is healthy", EndingClass.ADDRESS_IN_USE),
    ("healthy gateway exists", EndingClass.ADDRESS_IN_USE),
    ("process owns gateway", EndingClass.ADDRESS_IN_USE),
    ("config invalid", EndingClass.BAD_CONFIGURATION),
    ("invalid config", EndingClass.BAD_CONFIGURATION),
    ("missing config", EndingClass.BAD_CONFIGURATION),
    ("start blocked:", EndingClass.BAD_CONFIGURATION),
    ("refusing to bind", EndingClass.BAD_CONFIGURATION),
    ("duplicate gateway", EndingClass.DUPLICATE),
    ("duplicate instance", EndingClass.DUPLICATE),
    ("heap out of memory", EndingClass.OUT_OF_MEMORY),
)
"""Text only renames what _RENAMED_BY_TEXT lists: a supervised process must not be able to talk a crash away."""

_RENAMED_BY_TEXT: dict[EndingClass, frozenset[EndingClass]] = {
    EndingClass.FAILED: frozenset(named for _, named in _BY_TEXT),
    EndingClass.KILLED: frozenset({EndingClass.OUT_OF_MEMORY, EndingClass.DUPLICATE}),
    EndingClass.BAD_CONFIGURATION: frozenset({EndingClass.ADDRESS_IN_USE}),  # 78 is also "another one is there already"
}

_SAYS_WHY = ("closed: restart (", "received sig", "restart mode:")
"""Further texts that say why a life ends, and name no class."""


def most_telling(lines: tuple[str, ...]) -> str:
    """Return the line that says best why a life ended: of a known class, else of a known text, else the last one.

    Programs tidy up after they have said it, so it is seldom the last line; of several the first was said at the time.
    """
    for texts in (tuple(text for text, _ in _BY_TEXT), _SAYS_WHY):
        for line in lines:
            if any(text in line.lower() for text in texts):
                return line
    return lines[-1] if lines else ""


def classify(record: ExitRecord) -> EndingClass:
    """Name the ending. Total: anything outside the tables is UNHEARD_OF."""
    if record.host_lost:
        return EndingClass.HOST_LOST
    if record.replaced:
        return EndingClass.REPLACED
    if record.launch_failed:
        return EndingClass.LAUNCH_FAILED
    by_sender = _BY_SENDER.get(record.by)
    if by_sender is not None:
        return by_sender
    found = _by_status(record)
    line, names = record.last_line.lower(), _RENAMED_BY_TEXT.get(found, ())
    return next((named for text, named in _BY_TEXT if named in names and text in line), found)


def refuses_configuration(record: ExitRecord) -> bool:
    """Say whether the exit status itself says so: a text that does may be anybody's."""
    return record.code == BAD_CONFIGURATION_CODE and classify(record) is EndingClass.BAD_CONFIGURATION


def _by_status(record: ExitRecord) -> EndingClass:
    if record.signal is not None:
        return _BY_SIGNAL.get(record.signal, EndingClass.UNHEARD_OF)
    if record.code is None:
        return EndingClass.STATUS_UNKNOWN
    if record.code in _BY_CODE:
        return _BY_CODE[record.code]
    return EndingClass.FAILED if 0 < record.code < 256 else EndingClass.UNHEARD_OF


def fingerprint(record: ExitRecord) -> str:
    """Say which endings are "the same": class, code, signal and sender, and the text with its numbers taken out.

    Pids, ports and times differ from one death to the next; the sentence around them does not.
    """
    said = record.last_line or record.detail
    words = " ".join("#" if any(c.isdigit() for c in word) else word for word in said.lower().split())
    status = record.signal if record.signal is not None else str(record.code)
    return f"{classify(record).value}|{status}|{record.by.value}|{words[:120]}"


def ending_text(record: ExitRecord) -> str:
    """Say an ending in a few words, without the gateway's own text."""
    ending = classify(record)
    if record.host_lost:
        return "the host went down without a shutdown"
    if record.signal is not None:
        status = record.signal
    elif record.code is not None:
        status = f"exit status {record.code}"
    elif record.detail:
        status = record.detail
    else:
        status = "exit status not known"
    return f"{ending.value} ({status}{ender_text(record)})"


def ender_text(record: ExitRecord) -> str:
    """Say who ended a life, to be put behind its status; empty when that is not known."""
    by = "" if record.replaced or record.by is Sender.UNKNOWN else record.by.value
    sent = record.sent_by
    if sent is None:
        return f" by {by}" if by else ""
    after = "" if sent.signal == record.signal else f" after {sent.signal}"
    return f"{after} by {sender_text(sent)}{f', {by}' if by else ''}"


def sender_text(sent: SignalSender) -> str:
    """Name the sender of a signal: pid 4711 (bash) in session-3.scope."""
    if sent.by_kernel:
        return "the kernel"
    if sent.pid == 0:
        return "a process outside of this container"
    comm = f" ({sent.comm})" if sent.comm else ""
    place = sent.unit or sent.cgroup
    return f"pid {sent.pid}{comm}{f' in {place}' if place else ''}"
