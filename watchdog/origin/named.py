"""Which processes of the supervised lives a command line names.

Invariant: one look, at once, at what the kernel says now, for the numbers as they stand there; nothing is signalled by
it. It errs towards fewer: a number that is computed, or that has leading zeroes, is not seen, and the rules that look
at words (core/gaterules.py) have such a command wait for a person all the same.
"""

import re
from collections.abc import Sequence

from watchdog.origin.marks import LifeMark
from watchdog.origin.members import is_member

NUMBERS_MAX = 64
"""Numbers that are looked up for one command line: each costs a read of /proc for each life."""
_NUMBER = re.compile(r"(?<![\w.])[1-9]\d{0,9}(?![\w.])")


def named_members(argv: Sequence[str], marks: Sequence[LifeMark]) -> tuple[int, ...]:
    """Return the pids that stand in a command line, in a shell's line too, and are processes of one of the lives."""
    numbers = dict.fromkeys(int(number) for word in argv for number in _NUMBER.findall(word))
    looked_up = tuple(numbers)[:NUMBERS_MAX]
    return tuple(pid for pid in looked_up if any(is_member(pid, mark) for mark in marks))
