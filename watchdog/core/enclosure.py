"""What a request may bring along besides its words: a guess, a person's text, rules, an action to be judged.

It travels in `ActionRequested` (core/events.py). Invariant: all of it is the asker's word; `flaw_of` bounds it before
it becomes part of an event, so no event is larger than a journal can bear for a year. Deliberately not here: what
follows from it, which is for the machine of each verb to say.
"""

from collections.abc import Iterable, Iterator
from dataclasses import astuple
from typing import assert_never

from watchdog.core.values import dataclass

LINE_MAX = 200
"""Longest line of an agent's, in characters: as everywhere (core/events.py)."""
CITES_MAX = 16
STANDINGS = ("supported", "refuted", "open")
"""What a hypothesis can be found to be."""
SECTION_MAX = 2_000
"""Longest section of a postmortem that a person writes, in characters."""
ARGUMENTS_MAX = 64
ARGUMENT_MAX = 512
PATHS_MAX = 32
ACTION_WORD_MAX = 4_000
ACTION_CHARACTERS_MAX = 8_000
"""Characters of an action: agents write whole scripts into one argument."""
BUNDLE_FILES_MAX = 64
BUNDLE_CHARACTERS_MAX = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HypothesisOffered:
    """A guess at why, by agent or human. `cites`: the evidence it rests on, as names in its incident."""

    claim: str
    cites: tuple[str, ...]
    refuted_by: str
    """What, if it were seen, would show that it is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementOffered:
    """What a person found of a hypothesis: "supported", "refuted" or "open"."""

    standing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostmortemOffered:
    """The sections of a postmortem that only a person writes. Lines may be many; "" leaves a section empty."""

    cause: str = ""
    trigger: str = ""
    lessons: str = ""
    actions: str = ""
    evidence_head: str = ""
    """Of a signature: the digest of the evidence that the person had before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleOffered:
    """Files of a bundle, by their names in it, as somebody would have them."""

    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleExamined:
    """What the shell found of an offered bundle: the text itself lies outside the journal, under its digest."""

    digest: str
    size_bytes: int
    problems: tuple[str, ...] = ()
    """Why it cannot be adopted; empty: it can."""
    loosens: tuple[str, ...] = ()
    """What would be allowed more than now, a sentence each."""
    changes: tuple[str, ...] = ()
    """All other differences, a sentence each."""
    effect: str = ""
    """Of the policy that it amounts to."""
    base: int = 0
    """The revision that it was compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleReviewed:
    """The bundle that a person has read and commits: its bytes, and the policy that they amount to."""

    digest: str
    effect: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOffered:
    """What an agent's runtime is about to do. `action` is the tool's own word for it."""

    action: str
    argv: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Files that it would write, remove or replace."""
    directory: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReviewed:
    """The step of a runbook that a person has read and approves of, and the host whose it is.

    The socket's side empties `host` where it is this one: the core cannot know.
    """

    argv: tuple[str, ...]
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillReported:
    """How a drill went."""

    drill: str
    passed: bool
    live: bool
    report: str
    """One line."""


Enclosed = (
    HypothesisOffered
    | JudgementOffered
    | PostmortemOffered
    | BundleOffered
    | BundleExamined
    | BundleReviewed
    | ActionOffered
    | StepReviewed
    | DrillReported
)


def flaw_of(enclosed: Enclosed) -> str:
    """Say what cannot be taken in it, as one sentence; empty when all can."""
    return _flaw_of_writing(_texts(astuple(enclosed))) or _flaw_of_kind(enclosed)


def _flaw_of_kind(enclosed: Enclosed) -> str:
    match enclosed:
        case HypothesisOffered():
            lines = (enclosed.claim, enclosed.refuted_by, *enclosed.cites)
            return _flaw_of_lines(lines, LINE_MAX) or _flaw_of_count("citations", len(enclosed.cites), CITES_MAX)
        case JudgementOffered():
            return "" if enclosed.standing in STANDINGS else "a judgement other than supported, refuted and open"
        case PostmortemOffered():
            sections = (enclosed.cause, enclosed.trigger, enclosed.lessons, enclosed.actions)
            return _flaw_of_sections(sections) or _flaw_of_lines((enclosed.evidence_head,), LINE_MAX)
        case BundleOffered():
            size = sum(len(name) + len(text) for name, text in enclosed.files)
            names = tuple(name for name, _ in enclosed.files)
            return (
                _flaw_of_lines(names, LINE_MAX)
                or _flaw_of_count("files", len(names), BUNDLE_FILES_MAX)
                or _flaw_of_count("characters", size, BUNDLE_CHARACTERS_MAX)
            )
        case BundleReviewed():
            return _flaw_of_lines((enclosed.digest, enclosed.effect), LINE_MAX)
        case ActionOffered():
            words = (enclosed.action, enclosed.directory, *enclosed.argv, *enclosed.paths)
            return (
                _flaw_of_count("arguments", len(enclosed.argv), ARGUMENTS_MAX)
                or _flaw_of_count("paths", len(enclosed.paths), PATHS_MAX)
                or _flaw_of_count("characters", sum(len(word) for word in words), ACTION_CHARACTERS_MAX)
                or next((flaw for word in words if (flaw := _flaw_of_action(word))), "")
            )
        case StepReviewed():
            return _flaw_of_count("arguments", len(enclosed.argv), ARGUMENTS_MAX) or _flaw_of_words(
                (enclosed.host, *enclosed.argv)
            )
        case DrillReported():
            return _flaw_of_lines((enclosed.drill, enclosed.report), LINE_MAX)
        case BundleExamined():
            return "this is gatedog's own finding, and nobody else's to make"
        case _:
            assert_never(enclosed)


def _texts(value: object) -> Iterator[str]:
    """Return every text in it, however deep: a field that is added later is looked at as well."""
    match value:
        case str():
            yield value
        case tuple():
            for each in value:
                yield from _texts(each)
        case _:
            pass


def _flaw_of_writing(texts: Iterable[str]) -> str:
    """Half a character (a lone surrogate) comes in through JSON, and can neither be digested nor written to a file."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            return "half a character, which cannot be written down"
    return ""


def _flaw_of_lines(lines: tuple[str, ...], longest: int) -> str:
    for line in lines:
        if len(line) > longest:
            return f"a line of {len(line)} characters; at most {longest} are taken"
        if not line.isprintable():
            return "a line with a character that cannot be shown"
    return ""


def _flaw_of_words(words: tuple[str, ...]) -> str:
    return next((f"a word of {len(word)} characters" for word in words if len(word) > ARGUMENT_MAX), "")


def _flaw_of_sections(sections: tuple[str, ...]) -> str:
    for section in sections:
        if len(section) > SECTION_MAX:
            return f"a section of {len(section)} characters; at most {SECTION_MAX} are taken"
        if not all(line.isprintable() for line in section.split("\n")):
            return "a section with a character that cannot be shown"
    return ""


def _flaw_of_action(word: str) -> str:
    """Words of an action may have lines; what cannot be shown to a person cannot be approved by one."""
    if len(word) > ACTION_WORD_MAX:
        return f"a word of {len(word)} characters; at most {ACTION_WORD_MAX} are taken"
    if not all(letter.isprintable() or letter in "\n\t" for letter in word):
        return "a word with a character that cannot be shown"
    return ""


def _flaw_of_count(what: str, count: int, most: int) -> str:
    return f"{count} {what}; at most {most} are taken" if count > most else ""
