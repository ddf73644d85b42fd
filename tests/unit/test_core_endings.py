"""How a life ended: the closed tables."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.core.endings import (
    EndingClass,
    ExitRecord,
    Sender,
    SignalSender,
    classify,
    ending_text,
    fingerprint,
    most_telling,
)

BASH = SignalSender(
    signal="SIGKILL", pid=4711, comm="bash", cgroup="/user.slice/session-3.scope", unit="session-3.scope", uid=1000
)

ENDINGS = [
    (ExitRecord(code=0), EndingClass.CLEAN),
    (ExitRecord(code=1), EndingClass.FAILED),
    (ExitRecord(code=255), EndingClass.FAILED),
    (ExitRecord(code=256), EndingClass.UNHEARD_OF),
    (ExitRecord(code=-1), EndingClass.UNHEARD_OF),
    (ExitRecord(code=78), EndingClass.BAD_CONFIGURATION),
    (ExitRecord(code=126), EndingClass.LAUNCH_FAILED),
    (ExitRecord(code=127), EndingClass.LAUNCH_FAILED),
    (ExitRecord(signal="SIGTERM"), EndingClass.TERMINATED),
    (ExitRecord(signal="SIGKILL"), EndingClass.KILLED),
    (ExitRecord(signal="SIGSEGV"), EndingClass.CRASHED),
    (ExitRecord(signal="SIGXCPU"), EndingClass.TIMED_OUT),
    (ExitRecord(signal="SIGSTKFLT"), EndingClass.UNHEARD_OF),
    (ExitRecord(), EndingClass.STATUS_UNKNOWN),
    (ExitRecord(code=0, by=Sender.PEER_INSTANCE), EndingClass.DUPLICATE),
    (ExitRecord(signal="SIGKILL", by=Sender.KERNEL_OOM), EndingClass.OUT_OF_MEMORY),
    (ExitRecord(signal="SIGKILL", by=Sender.SUPERVISED), EndingClass.KILLED),
    (ExitRecord(launch_failed=True), EndingClass.LAUNCH_FAILED),
    (ExitRecord(host_lost=True, replaced=True), EndingClass.HOST_LOST),
    (ExitRecord(replaced=True, code=0), EndingClass.REPLACED),
    (ExitRecord(code=1, last_line="Error: listen EADDRINUSE: :::18789"), EndingClass.ADDRESS_IN_USE),
    (ExitRecord(code=1, last_line="Invalid config: port"), EndingClass.BAD_CONFIGURATION),
    (ExitRecord(code=78, last_line="Gateway start blocked: existing config is missing"), EndingClass.BAD_CONFIGURATION),
    (ExitRecord(code=78, last_line="existing gateway is healthy, exiting with code 78"), EndingClass.ADDRESS_IN_USE),
    (ExitRecord(code=78, last_line="another process owns gateway-lifecycle"), EndingClass.ADDRESS_IN_USE),
    (ExitRecord(code=78, last_line="heap out of memory"), EndingClass.BAD_CONFIGURATION),
    (ExitRecord(code=1, last_line="duplicate gateway found"), EndingClass.DUPLICATE),
    (ExitRecord(signal="SIGKILL", last_line="JavaScript heap out of memory"), EndingClass.OUT_OF_MEMORY),
    (ExitRecord(signal="SIGKILL", last_line="config reload skipped (invalid config)"), EndingClass.KILLED),
]


@pytest.mark.parametrize(("record", "ending"), ENDINGS, ids=repr)
def test_an_ending_has_one_class(record: ExitRecord, ending: EndingClass) -> None:
    """Sender, code, signal and text are read in this order, and the first that matches names the ending."""
    assert classify(record) is ending


@pytest.mark.parametrize(
    ("lines", "telling"),
    [
        ((), ""),
        (("one", "two"), "two"),
        (("Gateway start blocked: no mode", "Config write audit: SQLite"), "Gateway start blocked: no mode"),
        (("listen EADDRINUSE", "port 1 is already in use", "- pid 3675"), "listen EADDRINUSE"),
        (
            ("closed: restart (SIGUSR2: config reload)", "received SIGUSR2", "bye"),
            "closed: restart (SIGUSR2: config reload)",
        ),
        (("received SIGTERM; shutting down", "heap out of memory", "bye"), "heap out of memory"),
    ],
)
def test_last_words_are_seldom_the_last_line(lines: tuple[str, ...], telling: str) -> None:
    """Programs tidy up after they have said why they end: a line of a known class tells, then one of a known text."""
    assert most_telling(lines) == telling


def test_every_class_is_the_class_of_something() -> None:
    """A class that no record has is a word without a meaning."""
    assert {ending for _, ending in ENDINGS} == set(EndingClass)


@pytest.mark.parametrize("record", [ExitRecord(code=0), ExitRecord(signal="SIGSEGV"), ExitRecord(signal="SIGTERM")])
def test_text_never_talks_a_crash_away(record: ExitRecord) -> None:
    """The supervised side writes the log, so its text only names an ending that failed or was killed."""
    said = ExitRecord(code=record.code, signal=record.signal, last_line="config invalid, address already in use")

    assert classify(said) is classify(record)


@settings(derandomize=True, database=None, deadline=None)
@given(st.from_type(ExitRecord))
def test_classifying_is_total(record: ExitRecord) -> None:
    """Whatever a host reports is given a class, a fingerprint and a sentence."""
    assert classify(record) in EndingClass
    assert fingerprint(record).startswith(classify(record).value)
    assert ending_text(record)


def test_numbers_do_not_make_endings_different() -> None:
    """Pids, ports and times differ from death to death; the sentence around them does not."""
    one = ExitRecord(code=1, last_line="10:31:02 pid 4711 lost peer 10.0.0.7:443")
    other = ExitRecord(code=1, last_line="11:02:59 pid 815 lost peer 10.0.0.9:443")

    assert fingerprint(one) == fingerprint(other)


def test_pids_of_senders_do_not_make_endings_different() -> None:
    """The same hand kills with another pid every time."""
    one, other = (ExitRecord(signal="SIGKILL", sent_by=replace(BASH, pid=pid)) for pid in (1, 2))

    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    "other",
    [
        ExitRecord(code=2, last_line="lost peer"),
        ExitRecord(signal="SIGTERM", last_line="lost peer"),
        ExitRecord(code=1, last_line="lost connection"),
        ExitRecord(code=1, last_line="lost peer", by=Sender.SELF),
    ],
)
def test_any_witness_makes_endings_different(other: ExitRecord) -> None:
    """Class, code, signal, sender and sentence are all part of "the same ending"."""
    assert fingerprint(other) != fingerprint(ExitRecord(code=1, last_line="lost peer"))


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (ExitRecord(code=1, last_line="evil"), "failed (exit status 1)"),
        (ExitRecord(signal="SIGKILL", by=Sender.PEER_INSTANCE), "duplicate (SIGKILL by peer-instance)"),
        (ExitRecord(), "status-unknown (exit status not known)"),
        (ExitRecord(host_lost=True), "the host went down without a shutdown"),
        (
            ExitRecord(signal="SIGKILL", by=Sender.HUMAN, sent_by=BASH),
            "killed (SIGKILL by pid 4711 (bash) in session-3.scope, human)",
        ),
        (ExitRecord(signal="SIGKILL", sent_by=BASH), "killed (SIGKILL by pid 4711 (bash) in session-3.scope)"),
        (
            ExitRecord(code=0, by=Sender.HUMAN, sent_by=replace(BASH, signal="SIGTERM", comm="", unit="")),
            "clean (exit status 0 after SIGTERM by pid 4711 in /user.slice/session-3.scope, human)",
        ),
        (
            ExitRecord(signal="SIGKILL", sent_by=replace(BASH, pid=0)),
            "killed (SIGKILL by a process outside of this container)",
        ),
        (
            ExitRecord(signal="SIGINT", sent_by=SignalSender(signal="SIGINT", by_kernel=True)),
            "terminated (SIGINT by the kernel)",
        ),
    ],
)
def test_an_ending_reads_without_the_gateways_own_text(record: ExitRecord, text: str) -> None:
    """What stands beside a command was written by nobody who is supervised."""
    assert ending_text(record) == text
