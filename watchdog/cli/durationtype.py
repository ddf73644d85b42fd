"""`60m`, `2h 30m`: a duration on the command line, as microseconds."""

import click

from watchdog.policyfile.durations import parse_duration


def duration(text: str) -> int:
    """Read a number with a unit, as in policy.toml; anything else is a usage error."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(f'"{text}" {error}') from None
