"""`--until 07:30`: an instant on the command line, as microseconds from now.

Invariant: the answer lies in the future; a time of day is the next one by the clock of whoever types it. How long an
acknowledgement may last is not decided here: the core cuts it.
"""

from datetime import UTC, datetime, timedelta

import click

from watchdog.core.timeline import SECOND


def until(text: str) -> int:
    """Read a time of day, or an ISO 8601 instant (of this machine's zone, unless it names one)."""
    now = datetime.now(UTC).astimezone()
    usec = span_until(text, now)
    if usec is None:
        raise click.BadParameter(f'"{text}" is neither a time like "07:30" nor an instant like "2026-03-27T07:30"')
    if usec <= 0:
        raise click.BadParameter(f'"{text}" has passed')
    return usec


def span_until(text: str, now: datetime) -> int | None:
    """Return the microseconds from `now` (with a zone) until then, None when the text is no instant. Pure."""
    try:
        if len(text) == 5 and text[2] == ":":
            hour, minute = int(text[:2]), int(text[3:])
            then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
            then += timedelta(days=1) if then <= now else timedelta()
        else:
            then = datetime.fromisoformat(text)
            if then.tzinfo is None:
                then = then.replace(tzinfo=now.tzinfo)
    except ValueError:
        return None
    return int((then - now).total_seconds()) * SECOND
