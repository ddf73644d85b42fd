"""What known lines of a log mean: closed tables, compared without any way of running away.

Theory of operation. A pattern is a text in lower case; `*` stands for anything within the line. Its parts are looked
for one after the other with `str.find`, so the work is linear in the line, whatever the agent writes. The tables hold
what programs of many kinds say: Node, Python, Go, the C library, and the gateways built on them.

Invariant: pure; a line has one class, the first that fits. The order is from the telling to the common: a port in use
is often logged as an uncaught exception as well. Deliberately not here: how often a class is reported (activity.py).
"""

from collections.abc import Mapping

from watchdog.core.observations import LogClass

LINE_LENGTH_MAX = 1000

TABLE: Mapping[LogClass, tuple[str, ...]] = {
    LogClass.PORT_IN_USE: (
        "eaddrinuse",
        "address already in use",
        "port * is already in use",
        "another gateway instance",
        "another * process owns",
        "existing gateway is healthy, exiting",
        "bind: only one usage of each socket address",
    ),
    LogClass.CONFIG_INVALID: (
        "config reload skipped",
        "gateway start blocked",
        "missing config",
        "invalid config",
        "config invalid",
        "config is invalid",
        "configuration is invalid",
        "invalid configuration",
        "config observe anomaly",
        "failed to parse config",
        "failed to load config",
        "refusing to bind",
    ),
    LogClass.DISK_FULL: (
        "enospc",
        "no space left on device",
        "disk quota exceeded",
        "edquot",
        "database or disk is full",
        "sqlite_full",
    ),
    LogClass.CHANNELS_OFF: (
        "restart-loop breaker tripped",
        "channel autostart suppressed",
        "suppressing channel",
        "channel * disabled after",
        "plugin * disabled after",
    ),
    LogClass.AUTH_EXPIRED: (
        "token has expired",
        "token expired",
        "token is expired",
        "token_expired",
        "token revoked",
        "token_revoked",
        "invalid_grant",
        "invalid_auth",
        "invalid api key",
        "invalid x-api-key",
        "incorrect api key",
        "refresh token * failed",
        "session expired",
        "session has expired",
        "session logged out",
        "logged out from another device",
        "re-authentication required",
        "reauthentication required",
        "authentication_error",
        "401 unauthorized",
        "status 401",
        "status code 401",
    ),
    LogClass.GAVE_UP: (
        "giving up after *",
        "gave up after *",
        "giving up reconnect",
        "max reconnect attempts",
        "maximum reconnect attempts",
        "max retries exceeded",
        "reconnect* attempts exhausted",
        "no more reconnect",
        "will not reconnect",
        "stopped reconnecting",
        "health-monitor: hit * restarts",
    ),
    LogClass.UNCAUGHT: (
        "uncaught exception",
        "uncaughtexception",
        "unhandled rejection",
        "unhandledrejection",
        "unhandledpromiserejection",
        "unhandled promise rejection",
        "traceback (most recent call last)",
        "javascript heap out of memory",
        "fatal error: ",
        "panic: ",
        "thread 'main' panicked",
        "segmentation fault",
    ),
}


class Patterns:
    """The tables, split into their parts once."""

    def __init__(self, table: Mapping[LogClass, tuple[str, ...]] = TABLE) -> None:
        self._rows = tuple((kind, tuple(pattern.lower().split("*"))) for kind in table for pattern in table[kind])

    def classify(self, line: str) -> LogClass | None:
        """Return the class of a line, None for one like any other."""
        text = line[:LINE_LENGTH_MAX].lower()
        return next((kind for kind, parts in self._rows if _is_in(parts, text)), None)


class WorkLines:
    """The lines by which a gateway says that a piece of work is done, as its policy names them."""

    def __init__(self, patterns: tuple[str, ...] = ()) -> None:
        self.patterns = patterns
        self._rows = tuple(tuple(pattern.lower().split("*")) for pattern in patterns)

    def __bool__(self) -> bool:
        return bool(self._rows)

    def says(self, line: str) -> bool:
        """Say whether a line is one of them."""
        text = line[:LINE_LENGTH_MAX].lower()
        return any(_is_in(parts, text) for parts in self._rows)


def _is_in(parts: tuple[str, ...], text: str) -> bool:
    place = 0
    for part in parts:
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True
