"""Values of a policy in words: for sentences about what would change.

Invariant: short, printable, on one line, whatever the value is: in a proposal it is its author's text. Deliberately not
here: which differences there are, and what they mean (policychange.py).
"""

from enum import Enum

from watchdog.core.action import ActionRule
from watchdog.core.healthpolicy import Assertion, ProbePolicy
from watchdog.core.policy import CommandPolicy, GatewayPolicy, QuietHours, Window
from watchdog.core.runbookpolicy import MachineRunbook, RunbookStep
from watchdog.core.timeline import duration_text

SHOWN_MAX = 60
"""Characters of a value in a sentence."""


def about(part: object) -> str:
    """Say a part that comes or goes as a whole."""
    match part:
        case GatewayPolicy(unit=unit, command=command):
            return unit or " ".join(command.argv if command else ())
        case CommandPolicy(argv=argv):
            return " ".join(argv)
        case ProbePolicy(kind=kind, target=target, argv=argv):
            return " ".join((kind.value, target or " ".join(argv))).strip()
        case ActionRule(effect=effect, actions=actions, programs=programs, paths=paths):
            return " ".join((f"{effect.value}:", *actions, *programs, *paths))
        case MachineRunbook(title=title, on=on):
            return f"{title} (on {', '.join(on)})"
        case ActionRule(effect=effect, programs=programs):
            return f"{'refuses' if part.refuse else effect.value} {', '.join(programs)}".strip()
        case QuietHours():
            return (
                f"{_words('_usec', part.begins_usec)} to {_words('_usec', part.ends_usec)} after midnight, {part.zone}"
            )
        case _:
            return type(part).__name__


def pair(name: str, before: object, after: object) -> tuple[str, str]:
    """Say two values, of lists only what is not in both."""
    if isinstance(before, tuple) and isinstance(after, tuple) and name != "argv":
        gone = tuple(each for each in before if each not in after)
        come = tuple(each for each in after if each not in before)
        if gone or come:
            return _words(name, gone), _words(name, come)
    return _words(name, before), _words(name, after)


def _words(name: str, value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() if name.endswith("_usec"):
            return duration_text(value) if value else "0"
        case Window(starts=starts, per_usec=per_usec):
            return f"{starts} per {duration_text(per_usec)}"
        case Enum(value=word):
            return str(word)
        case ():
            return "nothing"
        case tuple():
            return shown(", ".join(_words("", each) for each in value))
        case Assertion(kind=kind, path=path, expected=expected):
            return " ".join(word for word in (kind.value, path, expected) if word)
        case RunbookStep(argv=argv):
            return " ".join(argv)
        case str():
            return shown(value) or "nothing"
        case _:
            return shown(str(value))


def shown(text: str, length_max: int = SHOWN_MAX) -> str:
    """Make one short printable line of it; a value of a proposal is its author's text."""
    line = "".join(letter if letter.isprintable() else "?" for letter in text)
    return line if len(line) <= length_max else f"{line[: length_max - 1]}…"
