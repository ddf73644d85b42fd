"""What an action is: the strictest of its parts, by the strictest rule that fits each.

Theory of operation. A command line becomes the commands it would run (core/wrappers.py), and each of these and each
path that would be written is judged by itself. Suspicious rules fit as soon as any word fits, whoever wraps the command
and however unsure it is. Vouching rules fit only a command that is certain, whose every option is known, and that names
its program plainly. A command that no rule vouches for is unknown, which is stricter than reversible.

    observe < reversible < unknown < destabilising < refused

What a human's rules add is taken together with the shipped ones, and the strictest decides, unless a rule says that it
is `lenient`: that one lifts all shipped rules but the firm ones. Nothing lifts a human's own suspicious rules.

Invariant: wrapping an action in more of anything never makes it milder.
"""

from collections.abc import Callable, Iterator

from watchdog.core.action import (
    ANY_OPTION,
    NO_OPERAND,
    ActionJudged,
    ActionRule,
    Deed,
    Own,
    absolute,
    fits,
    is_above,
    is_below,
)
from watchdog.core.effect import Effect
from watchdog.core.enclosure import ActionOffered
from watchdog.core.values import dataclass
from watchdog.core.wrappers import deeds_of, operands_of

_STRICTNESS = {Effect.OBSERVE: 0, Effect.REVERSIBLE: 1, None: 2, Effect.DESTABILISING: 3}
_REFUSED = 4
_NOWHERE = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})
ABOUT_MAX = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """The rules that hold for one asker: `shipped` came with the policy, `human` were added by it."""

    shipped: tuple[ActionRule, ...]
    human: tuple[ActionRule, ...] = ()
    own: Own = Own()


def judge_action(offered: ActionOffered, book: Rulebook) -> ActionJudged:
    """Judge an action as a whole."""
    return max(_parts(offered, book), key=strictness)


def is_guarded(path: str, book: Rulebook) -> bool:
    """Say whether a person is asked, or it is refused, before a path from / on is written."""
    return strictness(_of_path(path, book)) >= _STRICTNESS[Effect.DESTABILISING]


def strictness(judged: ActionJudged) -> int:
    """Say how strict a judgement is, to compare it with others."""
    return _REFUSED if judged.refused else _STRICTNESS[judged.effect]


def written_paths(offered: ActionOffered, book: Rulebook) -> tuple[str, ...]:
    """Return every path that an action may write, from / on, as far as its words tell.

    They still hold their `..`, and links are not followed: behind a link, `..` goes up from where the link leads.
    """
    found = [(offered.directory, path) for path in offered.paths]
    for deed in deeds_of(offered.argv, offered.directory) if offered.argv else ():
        found += [(deed.directory, word) for word in _written(deed, _of_command(deed, book))]
    whole = (word if word.startswith("/") else f"{folder}/{word}" for folder, word in found if absolute(word, folder))
    return tuple(dict.fromkeys(whole))


def _parts(offered: ActionOffered, book: Rulebook) -> Iterator[ActionJudged]:
    by_name = _decide(book, lambda rule: any(fits(offered.action, name) for name in rule.actions), offered.action)
    if not offered.argv or by_name.effect is Effect.DESTABILISING:
        yield by_name
    for deed in deeds_of(offered.argv, offered.directory) if offered.argv else ():
        judged = _of_command(deed, book)
        yield judged
        yield from (_of_path(absolute(word, deed.directory), book) for word in _written(deed, judged))
    yield from (_of_path(absolute(path, offered.directory), book) for path in offered.paths)


def _written(deed: Deed, judged: ActionJudged) -> tuple[str, ...]:
    """Return the words that a command may write: where its output goes, and whatever it names unless it only looks."""
    named = () if judged.effect is Effect.OBSERVE else operands_of(deed)
    return tuple(word for word in (*deed.writes, *named) if word)


def _of_command(deed: Deed, book: Rulebook) -> ActionJudged:
    judged = _decide(book, lambda rule: _fits_command(rule, deed, book.own), " ".join(deed.argv))
    if judged.effect is Effect.REVERSIBLE and (deed.raised or deed.expands):
        # With another account's rights, or on files that the shell finds, nobody can say what would be to undo.
        return ActionJudged(effect=None, about=judged.about)
    return judged


def _of_path(path: str, book: Rulebook) -> ActionJudged:
    """Judge a path that is written: only suspicious rules speak of it, and what they leave is reversible."""
    if not path:
        return ActionJudged(effect=None, about="a path that cannot be known")
    if path in _NOWHERE:
        return ActionJudged(effect=Effect.OBSERVE, about=path)
    judged = _decide(book, lambda rule: _fits_path(rule, path, book.own), path)
    if judged.rule:
        return judged
    trees = (
        *book.own.trees,
        *(tree for rule in (*book.human, *book.shipped) if not rule.programs for tree in rule.paths),
    )
    is_parent = any(is_above(path, tree) for tree in trees)
    return ActionJudged(effect=None if is_parent else Effect.REVERSIBLE, about=judged.about)


def _decide(book: Rulebook, is_fitting: Callable[[ActionRule], bool], about: str) -> ActionJudged:
    """Take the strictest of all rules that fit."""
    human = [rule for rule in book.human if is_fitting(rule)]
    lenient = [rule for rule in human if rule.lenient]
    shipped = [rule for rule in book.shipped if (rule.firm or not lenient) and is_fitting(rule)]
    about = about if len(about) <= ABOUT_MAX else f"{about[: ABOUT_MAX - 3]}..."
    known = [ActionJudged(effect=rule.effect, refused=rule.refuse, rule=rule.name, about=about)
             for rule in (*human, *shipped)]  # fmt: skip
    is_vouched_for = bool(lenient) or any(rule.effect is not Effect.DESTABILISING for rule in shipped)
    if not is_vouched_for:  # what a human's rule calls mild without saying `lenient` makes nothing milder
        known.append(ActionJudged(effect=None, about=about))
    return max(known, key=strictness)


# -- commands ------------------------------------------------------------------------------------------------------


def _fits_command(rule: ActionRule, deed: Deed, own: Own) -> bool:
    if not any(fits(deed.program, program) for program in rule.programs):
        return False
    return _suspects(rule, deed, own) if rule.effect is Effect.DESTABILISING else _vouches(rule, deed)


def _suspects(rule: ActionRule, deed: Deed, own: Own) -> bool:
    """Ask a suspicious rule: any word will do, wherever it stands."""
    operands = operands_of(deed)
    words = (*deed.argv[1:], *operands)
    if operands[:1] and operands[0] in rule.unless:
        return False
    return (
        (not rule.verbs or any(_has(words, tuple(verb.split())) for verb in rule.verbs))
        and (not rule.names or any(fits(word, name) for word in words for name in rule.names))
        and (not rule.own or any(word in own.words for word in words))
        and (not rule.paths or any(_is_within(word, deed, rule.paths) for word in operands))
    )


def _vouches(rule: ActionRule, deed: Deed) -> bool:
    """Ask a vouching rule: it must know every option, and find its verb where nothing else can stand."""
    any_option = rule.options == ANY_OPTION
    if not deed.sure or (deed.expands and not any_option):
        return False
    words = list(deed.argv[1:])
    options = [word for word in words if word.startswith("-") and word not in ("-", "--")]
    if not any_option and not all(_is_known(option, (*rule.flags, *rule.options)) for option in options):
        return False
    while words and words[0] in rule.flags:
        words.pop(0)
    is_verb = not rule.verbs or any(
        words[: len(verb)] == verb if verb else not operands_of(deed)
        for verb in ([] if each == NO_OPERAND else each.split() for each in rule.verbs)
    )
    operands = operands_of(deed)
    is_inside = not rule.paths or (bool(operands) and all(_is_within(word, deed, rule.paths) for word in operands))
    return is_verb and is_inside


def _is_known(option: str, known: tuple[str, ...]) -> bool:
    if option.partition("=")[0] in known or option in known:
        return True
    return not option.startswith("--") and all(letter.isdigit() or f"-{letter}" in known for letter in option[1:])


def _has(words: tuple[str, ...], verb: tuple[str, ...]) -> bool:
    return any(words[at : at + len(verb)] == verb for at in range(len(words)))


def _is_within(word: str, deed: Deed, trees: tuple[str, ...]) -> bool:
    path = absolute(word, deed.directory)
    return any(is_below(path, tree) for tree in trees)


# -- paths ---------------------------------------------------------------------------------------------------------


def _fits_path(rule: ActionRule, path: str, own: Own) -> bool:
    if rule.programs or rule.actions:
        return False
    if rule.own:
        return any(is_below(path, tree) for tree in own.trees) or any(
            part in own.unit_files for part in path.split("/")
        )
    is_named = any(fits(part, name) for part in path.split("/") for name in rule.names)
    return is_named or any(is_below(path, tree) for tree in rule.paths)
