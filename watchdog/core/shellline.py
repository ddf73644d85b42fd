"""Simple shell lines, taken apart: `cd /srv/bot && git status; ls *.txt 2>/dev/null | head`.

Theory of operation. What a shell makes of a text is known here only for a small part of its grammar: words, quotes,
lists, pipes, plain redirections, and patterns or `$NAME` as words of unknown contents. Everything else (substitutions,
escapes, braces, here-documents, comments) makes the whole line one that nobody understood, and who asks is told so.
shlex is not used: it loses which operators stood in quotes, and with them where one command ends.

Invariant: a line that is understood runs the commands that come out, in this order, some of them perhaps not at all.
"""

from watchdog.core.values import dataclass

COMMANDS_MAX = 32
_PLAIN = "_./:,@%+=-"
_PATTERN = "*?[]~"
_BLANK = " \t"
_OPERATOR = ";&|<>"
_LISTS = (";", "&", "&&", "||", "|", "\n")
_WRITES = (">", ">>", "&>", "&>>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One token. `expands`: the shell puts something else in its place. `operator`: it is no word at all."""

    text: str
    expands: bool = False
    operator: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellCommand:
    """One command of a line: its words, where its output goes, and what stands between it and the one before it."""

    words: tuple[Word, ...]
    writes: tuple[Word, ...] = ()
    after: str = ""


def commands_of(line: str) -> tuple[ShellCommand, ...] | None:
    """Take a line apart; None when it is not understood."""
    tokens = _Reader(line).tokens()
    if tokens is None:
        return None
    commands: list[ShellCommand] = []
    after = ""
    rest = tokens
    while rest:
        end = next((at for at, token in enumerate(rest) if token.operator and token.text in _LISTS), len(rest))
        command = _command(rest[:end], after)
        separator = rest[end].text if end < len(rest) else ""
        if command is None or (not command.words and separator not in ("", "\n")):
            return None
        if command.words:
            commands.append(command)
            after = separator
        elif after in ("", "\n"):
            after = separator
        rest = rest[end + 1 :]
    is_open = after in ("&&", "||", "|")
    return None if is_open or not commands or len(commands) > COMMANDS_MAX else tuple(commands)


def _command(tokens: tuple[Word, ...], after: str) -> ShellCommand | None:
    words: list[Word] = []
    writes: list[Word] = []
    waiting = list(tokens)
    while waiting:
        token = waiting.pop(0)
        if not token.operator:
            words.append(token)
            continue
        if not waiting or waiting[0].operator:
            return None
        target = waiting.pop(0)
        if token.text.startswith("&") and waiting:
            return None  # `ls &>x reboot` is one command to bash and two to dash
        if token.text in _WRITES:
            writes.append(target)
        elif token.text == ">&" and target.text.isdigit():
            pass  # one number for another
        elif token.text != "<":
            return None
    return None if writes and not words else ShellCommand(words=tuple(words), writes=tuple(writes), after=after)


class _Reader:
    """Reads one line into tokens."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._tokens: list[Word] = []
        self._word: str | None = None
        self._expands = False
        self._quoted = False

    def tokens(self) -> tuple[Word, ...] | None:
        """Return all tokens; None when the line is beyond what is understood here."""
        quote, at = "", 0
        while at < len(self._line):
            letter = self._line[at]
            if quote and letter == quote:
                quote = ""
            elif quote:
                if quote == '"' and not self._is_literal(at):
                    return None
                self._word = (self._word or "") + letter
            elif letter in "'\"":
                quote, self._word, self._quoted = letter, self._word or "", True
            elif letter in _BLANK or letter == "\n":
                self._end_word()
                if letter == "\n":
                    self._tokens.append(Word(text="\n", operator=True))
            elif letter in _OPERATOR:
                at = self._read_operator(at) - 1
            elif not self._is_plain(at):
                return None
            else:
                self._word = (self._word or "") + letter
            at += 1
        self._end_word()
        return None if quote else tuple(self._tokens)

    def _read_operator(self, at: int) -> int:
        """Take an operator in; return where it ends."""
        end = at
        while end < len(self._line) and self._line[end] in _OPERATOR:
            end += 1
        text = self._line[at:end]
        if text[0] in "<>" and not self._quoted and self._word and self._word.isdigit():
            # The number of what is redirected. Of two digits it is one to bash and a word to dash: no operator known.
            text = text if len(self._word) == 1 else f"{self._word}{text}"
            self._word, self._expands = None, False
        self._end_word()
        self._tokens.append(Word(text=text, operator=True))
        return end

    def _end_word(self) -> None:
        if self._word is not None:
            self._tokens.append(Word(text=self._word, expands=self._expands))
        self._word, self._expands, self._quoted = None, False, False

    def _is_literal(self, at: int) -> bool:
        """Judge a letter within double quotes."""
        letter = self._line[at]
        return self._is_name(at) if letter == "$" else letter not in "`\\!"

    def _is_plain(self, at: int) -> bool:
        """Judge a letter outside of quotes."""
        letter = self._line[at]
        if letter == "$":
            return self._is_name(at)
        # zsh looks up `=name` as a program
        self._expands = self._expands or letter in _PATTERN or (letter == "=" and self._word is None)
        return (letter.isascii() and letter.isalnum()) or letter in _PLAIN or letter in _PATTERN

    def _is_name(self, at: int) -> bool:
        """Say whether a `$` begins the name of a variable."""
        self._expands = True
        follows = self._line[at + 1 : at + 2]
        return follows == "_" or (follows.isascii() and follows.isalpha())
