"""What systemd, or whoever started gatedog, is told: READY, WATCHDOG, STATUS, STOPPING.

Invariant: the watchdog ping is sent from the loop's own progress and from nowhere else, so a loop that hangs is a
gatedog that systemd restarts.
"""

import sdnotify


class Notifier:
    """Says nothing when nobody asked to be told (no NOTIFY_SOCKET)."""

    def __init__(self) -> None:
        self._notifier = sdnotify.SystemdNotifier()

    def ready(self, words: str) -> None:
        """Everything looked at, socket open."""
        self._notifier.notify(f"READY=1\nSTATUS={words}")

    def alive(self) -> None:
        """One more turn of the loop."""
        self._notifier.notify("WATCHDOG=1")

    def stopping(self) -> None:
        """Going away on purpose."""
        self._notifier.notify("STOPPING=1")
