"""What is read of a process, in the words of people."""

import signal

from watchdog.origin.procfs import signal_name


def test_signals_without_a_name_have_their_number() -> None:
    """Real-time signals are told by number."""
    assert (signal_name(signal.SIGSEGV), signal_name(40)) == ("SIGSEGV", "SIG40")
