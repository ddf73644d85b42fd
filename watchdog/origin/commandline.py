"""What a command line really executes: the program's file, its interpreter, its script.

Two units start the same program when the same file is executed with the same first word: `node /opt/x/main.js serve`,
a link to it, and `/usr/bin/env node /opt/x/main.js serve` are one; `main.js status` is another. Names are compared as
real paths, never as parts of a text: "openclaw" also occurs in the name of its backup.

Invariant: nothing is executed, and of a file only a `#!` line is read.
"""

import re

from watchdog.core.values import dataclass
from watchdog.origin.host import Host

SEARCH_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_INTERPRETER = re.compile(r"(python|pypy|perl|ruby|node|nodejs|bun|deno|sh|bash|dash|ash|zsh|ksh|java|lua|php)[\d.]*")
_INLINE = frozenset({"-c", "-e", "-m", "--eval", "-p", "--print"})
"""Options whose value is the program itself."""
_FILE_VALUES = frozenset({"-r", "--require", "--import", "--loader", "--experimental-loader", "-jar"})
_OTHER_VALUES = frozenset({"-W", "-X", "-o", "-O", "--conditions", "-C", "-I"})
_SHEBANG_BYTES = 512
_WRAPPERS_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """An argv, understood. `identity` is equal for two lines that start the same program."""

    identity: tuple[str, ...]
    """Real path of the program or script (or the inline text), and the first word after it."""
    files: tuple[str, ...]
    """Everything executed or loaded, as it is named: each may be a link."""
    unsure: str = ""
    """What could not be found out: a module's file, a program that is not there."""


def understand(host: Host, argv: tuple[str, ...], directory: str = "/") -> CommandLine:
    """Understand one argv that would run in `directory`. Raises OSError where files cannot be looked at."""
    words = _unwrapped(argv)
    if not words:
        return CommandLine(identity=(), files=(), unsure="an empty command")
    program = find_program(host, words[0])
    if program is None:
        return CommandLine(identity=tuple(words[:2]), files=(), unsure=f"{words[0]} was not found")
    files = [find_program(host, argv[0]) or program, program]
    rest = words[1:]
    if _INTERPRETER.fullmatch(program.rpartition("/")[2]):
        return _interpreted(host, program, files, rest, directory)
    interpreter = _shebang(host, program)
    if interpreter:
        named = _unwrapped(tuple(interpreter.split()))
        found = find_program(host, named[0]) if named else None
        files += [found] if found else []
        if found is None:
            return CommandLine(
                identity=_identity(host, program, rest),
                files=tuple(dict.fromkeys(files)),
                unsure=f"{interpreter} was not found",
            )
    return CommandLine(identity=_identity(host, program, rest), files=tuple(dict.fromkeys(files)))


def find_program(host: Host, name: str) -> str | None:
    """Find an executable by path or by name. Raises OSError."""
    places = (name,) if name.startswith("/") else tuple(f"{folder}/{name}" for folder in SEARCH_PATH)
    if "/" in name and not name.startswith("/"):
        return None
    return next((place for place in places if host.exists(place)), None)


def _unwrapped(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Take `env VAR=x` away: it becomes what it starts."""
    words = argv
    for _ in range(_WRAPPERS_MAX):
        if not words or words[0].rpartition("/")[2] != "env":
            return words
        rest = list(words[1:])
        while rest and (rest[0].startswith("-") or "=" in rest[0]):
            rest.pop(0)
        words = tuple(rest)
    return words


def _interpreted(host: Host, interpreter: str, files: list[str], rest: tuple[str, ...], directory: str) -> CommandLine:
    waiting = list(rest)
    while waiting:
        word = waiting.pop(0)
        if word in _INLINE:
            text = " ".join(waiting[:1])
            return CommandLine(
                identity=(host.trail(interpreter).real, word, text),
                files=tuple(dict.fromkeys(files)),
                unsure=f"what {interpreter} {word} runs",
            )
        if word in _FILE_VALUES and waiting:
            value = waiting[0]
            if word == "-jar":
                continue
            files.append(_absolute(waiting.pop(0), directory) if "/" in value else value)
        elif word in _OTHER_VALUES and waiting:
            waiting.pop(0)
        elif not word.startswith("-"):
            script = _absolute(word, directory)
            files.append(script)
            unsure = "" if host.exists(script) else f"{script} was not found"
            loaded = [each for each in files if not each.startswith("/")]
            return CommandLine(
                identity=_identity(host, script, tuple(waiting)),
                files=tuple(dict.fromkeys(each for each in files if each.startswith("/"))),
                unsure=unsure or (f"where {loaded[0]} is loaded from" if loaded else ""),
            )
    return CommandLine(identity=(host.trail(interpreter).real,), files=tuple(dict.fromkeys(files)))


def _identity(host: Host, path: str, rest: tuple[str, ...]) -> tuple[str, ...]:
    first = next((word for word in rest if not word.startswith("-")), "")
    return (host.trail(path).real, first)


def _absolute(path: str, directory: str) -> str:
    return path if path.startswith("/") else f"{directory.rstrip('/')}/{path}"


def _shebang(host: Host, program: str) -> str:
    """Return what follows `#!` in the first line; "" for a binary."""
    with host.place(host.trail(program).real).open("rb") as file:
        head = file.read(_SHEBANG_BYTES)
    if not head.startswith(b"#!"):
        return ""
    return head[2:].partition(b"\n")[0].decode("utf-8", "replace").strip()
