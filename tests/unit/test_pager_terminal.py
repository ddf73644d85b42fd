"""Pages in the terminal of `gatedog run`."""

import errno
import io

import pytest

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.pager.channel import ConfigurationFault, TryLater
from watchdog.pager.channels.terminal import TerminalChannel
from watchdog.pager.message import Message


def message(severity: Severity = Severity.CRITICAL) -> Message:
    """A page of four lines."""
    return Message(
        title="openclaw: held",
        lines=("openclaw: held", "why: 4 deaths \u2026", "", 'agent says: "hi"'),
        dedup_key="d",
        idempotency_key="i",
        severity=severity,
        update=PageUpdate.OPENED,
        gateway="openclaw",
        incident="INC-1",
        page="9.0",
        channel="terminal",
        journal_id="j",
        host="h",
        queued_wall_usec=0,
    )


class Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Broken(Screen):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def flush(self) -> None:
        raise OSError(self.number, "broken")


def test_only_the_first_line_begins_at_the_margin() -> None:
    """A line inside a message cannot pass for a message of its own."""
    screen = Screen()

    TerminalChannel("terminal", screen).deliver(message(Severity.WARNING))

    assert screen.getvalue() == (
        'gatedog PAGE warning: openclaw: held\n    why: 4 deaths \u2026\n\n    agent says: "hi"\n'
    )


def test_only_a_critical_page_rings_and_only_on_a_terminal() -> None:
    """A bell in a log file is noise, and a notice wakes nobody."""
    screen, raw = Screen(), io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="utf-8")
    TerminalChannel("terminal", screen).deliver(message())
    TerminalChannel("terminal", screen).deliver(message(Severity.INFO))
    TerminalChannel("terminal", file).deliver(message())

    assert screen.getvalue().count("\a") == 1
    assert screen.getvalue().startswith("\a")
    assert "gatedog notice: " in screen.getvalue()
    assert raw.getvalue().startswith(b"gatedog PAGE critical: ")


def test_a_terminal_without_unicode_shows_escapes() -> None:
    """A page must not fail on a character that the terminal cannot draw."""
    raw = io.BytesIO()
    screen = io.TextIOWrapper(raw, encoding="ascii")

    TerminalChannel("terminal", screen).deliver(message())

    assert b"4 deaths \\u2026" in raw.getvalue()


def test_a_terminal_that_is_gone_is_a_fault_and_a_full_disk_is_not() -> None:
    """A closed window never comes back under the same descriptor; a full disk behind a redirect may."""
    closed = Screen()
    closed.close()
    for gone in (Broken(errno.EIO), Broken(errno.EPIPE), closed):
        with pytest.raises(ConfigurationFault):
            TerminalChannel("terminal", gone).deliver(message())
    with pytest.raises(TryLater):
        TerminalChannel("terminal", Broken(errno.ENOSPC)).deliver(message())
