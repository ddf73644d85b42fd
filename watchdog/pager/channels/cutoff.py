"""An end to conversations that never quite stall.

Socket timeouts are per read: a peer that sends one byte every nine seconds passes a ten-second timeout for days.
Invariant: after the limit both directions of the connection are shut down, so the thread that reads it goes on at once.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from watchdog.core.timeline import SECOND


@contextmanager
def cut_off(connected: socket.socket, after_usec: int) -> Iterator[threading.Event]:
    """Let the body talk on `connected` for at most `after_usec`. The event tells whether it was cut off.

    Look at the event where an early end of input could pass for a whole answer: http.client takes it for the end of
    the headers.

    The shutdown goes through a duplicate of the descriptor: it acts on the connection itself, so it holds when TLS
    has wrapped the socket since, and it cannot hit a descriptor that was closed and reused meanwhile.
    """
    with socket.socket(fileno=socket.dup(connected.fileno())) as ours:
        was_cut = threading.Event()

        def end() -> None:
            was_cut.set()
            with suppress(OSError):  # the other side was faster
                ours.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(after_usec / SECOND, end)
        timer.daemon = True
        timer.start()
        try:
            yield was_cut
        finally:
            timer.cancel()
            timer.join()
