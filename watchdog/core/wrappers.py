"""From an argv to the programs that it would run: through `sudo`, `env`, `timeout`, `sh -c` and their like.

Theory of operation. A wrapper is taken off only where it is certain which of its words begins the command: every option
before it is one that is known here. Where it is not certain, each of the words might begin it, and all of them are
looked at as commands that nobody is sure of. A shell line is taken apart by core/shellline.py, as often as one stands
within another.

Invariant: what comes out unsure can be refused by a rule, and is never vouched for by one. So a wrapper that is missing
here, or a trick that is not seen through, makes an action unknown and not harmless.
"""

from collections.abc import Mapping

from watchdog.core.action import Deed, absolute, fits
from watchdog.core.shellline import ShellCommand, commands_of
from watchdog.core.values import dataclass, replace

DEPTH_MAX = 8
"""Wrappers within wrappers; beyond it nothing is certain."""
DEEDS_MAX = 64

SYSTEM_FOLDERS = frozenset(
    {"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/games"}
)
"""Where a program is what it is called. One of another place is only called so."""

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
_EVALUATING_SHELLS = frozenset({"zsh", "ksh"})
"""These run what stands in the index of a variable, wherever a number is wanted: `[ 'a[$(reboot)]' -eq 1 ]`."""
_SHELL_FLAGS = "eulx"
_LONG_SHELL_FLAGS = frozenset({"--login", "--noprofile", "--norc", "--posix"})
_INTERPRETERS = ("python*", "pypy*", "node", "nodejs", "deno", "bun", "perl*", "ruby*", "php*", "lua*", "java", "npx")
_HARMLESS_VARIABLES = frozenset({
    "LANG", "LANGUAGE", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_NUMERIC", "LC_TIME", "TZ", "TERM",
    "NO_COLOR", "CLICOLOR", "FORCE_COLOR", "COLUMNS", "LINES", "CI", "DEBIAN_FRONTEND",
})  # fmt: skip
"""No program runs something else because of these."""

_HOME_DEPTH = 2
_NO_FILE = " \n*$"
"""A word with one of these is rather a text, a pattern or a variable than the name of a program."""

_SUBCOMMANDS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """How a program that runs another one is called."""

    flags: tuple[str, ...] = ()
    valued: tuple[str, ...] = ()
    """Options with a value; it may be attached."""
    positionals: int = 0
    """Words of its own before the command."""
    takes_variables: bool = False
    line: tuple[str, ...] = ()
    """Options whose value is a shell line; its command may stand there instead."""
    moves: tuple[str, ...] = ()
    """Of the options with a value: those that name the folder to run in."""
    raises: bool = False
    confuses: bool = False
    """The command gets words from elsewhere, or sees other files."""


_KEYWORD = Wrapper(confuses=True)
WRAPPERS: Mapping[str, Wrapper] = {
    "env": Wrapper(flags=("-i", "-", "-0", "-v", "--ignore-environment", "--null", "--debug"),
                   valued=("-u", "--unset", "-C", "--chdir"), moves=("-C", "--chdir"), takes_variables=True),
    "sudo": Wrapper(flags=("-n", "-H", "-E", "-b", "-k", "-S", "-A", "-B", "-P", "-N", "--non-interactive",
                           "--set-home", "--preserve-env", "--background", "--stdin", "--reset-timestamp"),
                    valued=("-u", "-g", "-p", "-C", "-T", "-r", "-t", "-D", "--user", "--group", "--prompt", "--chdir"),
                    moves=("-D", "--chdir"), takes_variables=True, raises=True),
    "doas": Wrapper(flags=("-n",), valued=("-u",), raises=True),
    "pkexec": Wrapper(flags=("--disable-internal-agent", "--keep-cwd"), valued=("--user",), raises=True),
    "setpriv": Wrapper(flags=("--clear-groups", "--keep-groups", "--init-groups", "--nnp", "--no-new-privs",
                              "--reset-env"),
                       valued=("--reuid", "--regid", "--ruid", "--euid", "--rgid", "--egid", "--groups", "--inh-caps",
                               "--ambient-caps", "--bounding-set", "--securebits", "--pdeathsig"), raises=True),
    "su": Wrapper(flags=("-", "-l", "--login", "-m", "-p", "--preserve-environment", "-P", "--pty"),
                  valued=("-g", "-G"), line=("-c", "--command", "--session-command"), raises=True, confuses=True),
    "runuser": Wrapper(flags=("-", "-l", "--login", "-m", "-p", "--preserve-environment", "-P", "--pty"),
                       valued=("-g", "-G", "-u", "--user"),
                       line=("-c", "--command", "--session-command"), raises=True, confuses=True),
    "script": Wrapper(flags=("-q", "-e", "-a", "-f", "--quiet", "--return", "--append", "--flush"),
                      line=("-c", "--command"), confuses=True),
    "unshare": Wrapper(flags=("-m", "-u", "-i", "-n", "-p", "-U", "-C", "-T", "-f", "-r", "-c", "--mount", "--uts",
                              "--ipc", "--net", "--pid", "--user", "--cgroup", "--time", "--fork", "--map-root-user",
                              "--map-current-user", "--mount-proc"), raises=True, confuses=True),
    "nsenter": Wrapper(flags=("-a", "-m", "-u", "-i", "-n", "-p", "-C", "-U", "-T", "-F", "--all"),
                       valued=("-t", "--target", "-S", "-G"), raises=True, confuses=True),
    "chroot": Wrapper(valued=("--userspec", "--groups"), positionals=1, raises=True, confuses=True),
    "nice": Wrapper(valued=("-n", "--adjustment")),
    "ionice": Wrapper(flags=("-t", "--ignore"), valued=("-c", "--class", "-n", "--classdata")),
    "nohup": Wrapper(),
    "setsid": Wrapper(flags=("-c", "-f", "-w", "--ctty", "--fork", "--wait")),
    "stdbuf": Wrapper(valued=("-i", "-o", "-e", "--input", "--output", "--error")),
    "timeout": Wrapper(flags=("-v", "--verbose", "--foreground", "--preserve-status"),
                       valued=("-s", "--signal", "-k", "--kill-after"), positionals=1),
    "time": Wrapper(flags=("-p", "-v", "--portability", "--verbose")),
    "chrt": Wrapper(flags=("-b", "-f", "-i", "-o", "-r", "--batch", "--fifo", "--idle", "--other", "--rr"),
                    positionals=1),
    "taskset": Wrapper(flags=("-a", "-c", "--all-tasks", "--cpu-list"), positionals=1),
    "flock": Wrapper(flags=("-n", "-x", "-s", "-e", "-o", "-F", "--nonblock", "--exclusive", "--shared", "--close"),
                     valued=("-w", "--timeout", "-E", "--conflict-exit-code"), positionals=1,
                     line=("-c", "--command"), confuses=True),
    "busybox": Wrapper(), "catchsegv": Wrapper(), "fakeroot": Wrapper(),
    "xargs": Wrapper(flags=("-0", "-r", "-t", "-x", "--null", "--no-run-if-empty", "--verbose"),
                     valued=("-n", "-P", "-I", "-L", "-d", "-s", "--max-args", "--max-procs", "--replace",
                             "--max-lines", "--delimiter"), confuses=True),
    "exec": Wrapper(), "command": Wrapper(flags=("-p",)), "builtin": Wrapper(),
    **dict.fromkeys(("if", "then", "else", "elif", "do", "while", "until", "eval", "watch", "strace", "ltrace",
                     "parallel", "caffeinate", "systemd-inhibit", "dbus-run-session"), _KEYWORD),
}  # fmt: skip


def deeds_of(argv: tuple[str, ...], directory: str) -> tuple[Deed, ...]:
    """Return every command that an argv would run, at most DEEDS_MAX; the last of too many is nobody's to judge."""
    found = _taken_off(Deed(argv=argv, directory=directory), DEPTH_MAX)
    if len(found) > DEEDS_MAX:
        return (*found[:DEEDS_MAX], Deed(argv=(), directory="", sure=False))
    return found


def operands_of(deed: Deed) -> tuple[str, ...]:
    """Return all words behind the program that may name something: no options, but what is attached to long ones."""
    operands: list[str] = []
    only_operands = False
    for word in deed.argv[1:]:
        if only_operands or not word.startswith("-") or word == "-":
            operands.append(word)
        elif word == "--":
            only_operands = True
        elif word.startswith("--") and "=" in word:
            operands.append(word.partition("=")[2])
    return tuple(operands)


def is_called_as_it_is(program: str) -> bool:
    """Say whether a program, as written, is the one that its name says: a bare name, or a file in a system's folder."""
    folder, slash, _ = program.rpartition("/")
    return not slash or folder in SYSTEM_FOLDERS


def runs_another(program: str) -> bool:
    """Say whether a program, by its file name, is one that runs what its words say."""
    return program in _SHELLS or program in WRAPPERS or any(fits(program, name) for name in _INTERPRETERS)


def programs_of(argv: tuple[str, ...], directory: str) -> tuple[str, ...]:
    """Return every file that a command line may execute, wherever its wrappers and interpreters have it.

    Behind an interpreter each word that is a path counts: which of them is the script only the interpreter knows.
    """
    words = ((deed.argv[0], deed.directory) for deed in deeds_of(argv, directory) if deed.argv)
    files = (absolute(word, folder) for word, folder in words if "/" in word and not word.startswith("-"))
    named = (file for file in files if file not in ("", "/") and not any(letter in _NO_FILE for letter in file))
    return tuple(dict.fromkeys(named))


def tree_of(program: str) -> str:
    """Return the folder of a program; only the file itself where the folder holds much besides it."""
    folder = program.rpartition("/")[0]
    depth = folder.count("/")
    is_shared = folder in SYSTEM_FOLDERS or depth <= 1 or (depth == _HOME_DEPTH and folder.startswith("/home/"))
    return program if is_shared else folder


def _taken_off(deed: Deed, depth: int) -> tuple[Deed, ...]:
    """Take wrappers off one command, `depth` more of them at most."""
    if not deed.argv or not deed.program or depth == 0:
        return (replace(deed, sure=False),)
    if not is_called_as_it_is(deed.argv[0]):
        deed = replace(deed, sure=False)
    program = deed.program
    if (deed.expands and runs_another(program)) or program in _EVALUATING_SHELLS:
        deed = replace(deed, sure=False)
    if program in _SHELLS:
        return _shell(deed, depth)
    if any(fits(program, name) for name in _INTERPRETERS):
        return (replace(deed, sure=False), *_suspects(deed, deed.argv[1:]))
    if program == "find":
        subcommands = (deed.argv[at + 1 :] for at, word in enumerate(deed.argv) if word in _SUBCOMMANDS)
        inner = (_taken_off(replace(deed, argv=argv, sure=False), depth - 1) for argv in subcommands if argv)
        return (deed, *(each for found in inner for each in found))
    wrapper = WRAPPERS.get(program)
    return (deed,) if wrapper is None else _unwrapped(deed, wrapper, depth)


def _unwrapped(deed: Deed, wrapper: Wrapper, depth: int) -> tuple[Deed, ...]:
    inner = replace(deed, raised=deed.raised or wrapper.raises, sure=deed.sure and not wrapper.confuses)
    rest = list(deed.argv[1:])
    while rest:
        word = rest.pop(0)
        if word == "--":
            break
        if wrapper.takes_variables and _is_assignment(word):
            inner = replace(inner, sure=inner.sure and _is_harmless(word))
            continue
        option, value = _option(word, wrapper, rest)
        if option in wrapper.line and value is not None:
            return _line(inner, value, depth)
        if option in wrapper.moves and value is not None:
            inner = replace(inner, directory=_folder(value, inner.directory))
        elif option == "":
            if not word.startswith("-") or word == "-":
                rest.insert(0, word)
                break
            return (replace(inner, sure=False), *_suspects(inner, (word, *rest)))
    if wrapper.line and any(_option(word, wrapper, [])[0] in wrapper.line for word in rest):
        at = next(at for at, word in enumerate(rest) if _option(word, wrapper, [])[0] in wrapper.line)
        return _line(inner, " ".join(rest[at + 1 : at + 2]), depth)
    if len(rest) <= wrapper.positionals or (wrapper.line and not wrapper.positionals):
        return (replace(inner, sure=False), *_suspects(inner, tuple(rest)))
    return _taken_off(replace(inner, argv=tuple(rest[wrapper.positionals :])), depth - 1)


def _option(word: str, wrapper: Wrapper, rest: list[str]) -> tuple[str, str | None]:
    """Say which known option a word is, taking its value off `rest`; ("", None) when it is none."""
    valued = (*wrapper.valued, *wrapper.line)
    if word in wrapper.flags:
        return word, None
    if word in valued:
        return word, rest.pop(0) if rest else None
    name, equals, value = word.partition("=")
    if word.startswith("--"):
        return (name, value) if equals and name in (*valued, *wrapper.flags) else ("", None)
    for at, letter in enumerate(word[1:], start=1):
        if not word.startswith("-") or f"-{letter}" not in (*wrapper.flags, *valued):
            return "", None
        if f"-{letter}" in valued:
            return f"-{letter}", word[at + 1 :] or (rest.pop(0) if rest else None)
    return (word, None) if len(word) > 1 and word.startswith("-") else ("", None)


def _suspects(deed: Deed, words: tuple[str, ...]) -> tuple[Deed, ...]:
    """Take each of these words for the beginning of the command: one of them is, and nobody knows which."""
    return tuple(replace(deed, argv=words[at:], sure=False) for at in range(len(words)))


# -- shells --------------------------------------------------------------------------------------------------------


def _shell(deed: Deed, depth: int) -> tuple[Deed, ...]:
    rest = list(deed.argv[1:])
    while rest:
        word = rest.pop(0)
        letters = word[1:] if word.startswith("-") and not word.startswith("--") else ""
        if letters and all(letter in f"{_SHELL_FLAGS}c" for letter in letters):
            if "c" in letters and rest:
                line = rest.pop(0)
                return _line(deed, rest.pop(0) if line == "--" and rest else line, depth)
        elif word not in _LONG_SHELL_FLAGS:
            return (replace(deed, sure=False), replace(deed, argv=(word, *rest), sure=False))
    return (replace(deed, sure=False),)


def _line(deed: Deed, line: str, depth: int) -> tuple[Deed, ...]:
    """Take a shell line apart; one that is not understood stays one unknown deed."""
    commands = commands_of(line)
    if commands is None:
        return (replace(deed, sure=False),)
    found: list[Deed] = []
    here = deed
    for at, command in enumerate(commands):
        follows = commands[at + 1].after if at + 1 < len(commands) else ""
        moved = _moved(here, command, follows)
        if moved is not None:
            here = moved
            continue
        found += _taken_off(_deed_of(here, command), depth - 1)
    if not found:  # nothing but `cd`
        return (Deed(argv=("true",), directory=here.directory, sure=here.sure),)
    return tuple(found)


def _moved(here: Deed, command: ShellCommand, follows: str) -> Deed | None:
    """Follow a `cd`; None when the command is another. Where it may have failed, nothing behind it is sure."""
    words = command.words
    if not words or words[0].text != "cd":
        return None
    is_plain = len(words) == 2 and not words[1].expands and not words[1].text.startswith("-") and not command.writes
    to = words[1].text if is_plain else ""
    is_known = bool(absolute(to, here.directory))
    is_certain = is_known and command.after in ("", "&&", ";", "\n") and follows in ("", "&&")
    return replace(here, directory=_folder(to, here.directory), sure=here.sure and is_certain)


def _folder(word: str, directory: str) -> str:
    """Return the folder that a word leads to; "" with a `..`, by which some go up from a link and some from its end."""
    return "" if ".." in word.split("/") else absolute(word, directory)


def _deed_of(here: Deed, command: ShellCommand) -> Deed:
    words = list(command.words)
    sure = here.sure
    while words and _is_assignment(words[0].text):
        sure = sure and _is_harmless(words.pop(0).text)
    known = all(not word.expands for word in command.writes)
    return replace(
        here,
        argv=tuple(word.text for word in words),
        sure=sure and known,
        expands=any(word.expands for word in words),
        writes=(*here.writes, *(word.text for word in command.writes)),
    )


def _is_assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isascii() and name.isidentifier()


def _is_harmless(assignment: str) -> bool:
    return assignment.partition("=")[0] in _HARMLESS_VARIABLES
