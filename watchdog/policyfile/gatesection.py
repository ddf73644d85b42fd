"""`[[gateway.NAME.gate]]`: what a human adds to the shipped rules by which an agent's actions are judged.

    [[gateway.main.gate]]
    name = "tests"
    effect = "reversible"
    lenient = true                   # milder than the shipped rules; without it a rule only makes stricter
    programs = ["pytest"]
    options = ["-q", "-x", "-k"]
    paths = ["/home/agent/work"]

Invariant: a rule that could never fit, or that would vouch for more than it seems to say, is a problem and no rule. A
rule that does not say its effect is destabilising. What a rule means is in core/classify.py.
"""

import re

from watchdog.core.action import ANY_OPTION, ActionRule
from watchdog.core.effect import Effect
from watchdog.core.wrappers import runs_another
from watchdog.policyfile.section import Section

RULES_MAX = 64
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_SUSPICIOUS_ONLY = ("refuse", "unless", "names", "own")
_VOUCHING_ONLY = ("flags", "options")


def read_gate(section: Section) -> tuple[ActionRule, ...]:
    """Read every gate table of a gateway's; what is wrong is in the section's findings afterwards."""
    tables = section.tables("gate")
    if len(tables) > RULES_MAX:
        section.problem("gate", f"{section.named('gate')} has {len(tables)} rules", f"Keep at most {RULES_MAX}")
    rules = tuple(_rule(table) for table in tables[:RULES_MAX])
    names = [rule.name for rule in rules]
    for table, rule in zip(tables, rules, strict=False):
        if rule.name and names.count(rule.name) > 1:
            table.problem("name", f'Two rules of the gate are called "{rule.name}"', "Give each a name of its own")
            break
    return rules


def _rule(section: Section) -> ActionRule:
    rule = ActionRule(
        name=section.text("name"),
        effect=section.choice("effect", Effect.DESTABILISING),
        refuse=section.flag("refuse", default=False),
        lenient=section.flag("lenient", default=False),
        actions=section.texts("actions"),
        programs=section.texts("programs"),
        verbs=section.texts("verbs"),
        unless=section.texts("unless"),
        names=section.texts("names"),
        own=section.flag("own", default=False),
        flags=section.texts("flags"),
        options=section.texts("options"),
        paths=section.texts("paths"),
    )
    section.close()
    if not _NAME.fullmatch(rule.name):
        section.problem("name", f"{section.named('name')} is no name for a rule", "Use 1 to 32 of a-z, 0-9 and -")
    _check_shape(section, rule)
    _check_paths(section, rule)
    if rule.effect is Effect.DESTABILISING:
        _refuse_keys(section, _VOUCHING_ONLY, "says what is harmless, and this rule is about what is not")
    else:
        _refuse_keys(section, _SUSPICIOUS_ONLY, "belongs to rules of effect destabilising")
        _check_vouching(section, rule)
    return rule


def _check_shape(section: Section, rule: ActionRule) -> None:
    if rule.actions and (rule.programs or rule.paths or rule.names or rule.own):
        what = f"{section.named('actions')} stands beside matchers of commands or paths"
        section.problem("actions", what, "Make two rules of it: one for the tool's name, one for what it does")
    if not (rule.actions or rule.programs or rule.paths or rule.names or rule.own):
        what = f"{section.named('')}fits nothing"
        section.problem("", what, "Say which actions, programs or paths it is about")
    if (rule.verbs or rule.unless or rule.flags or rule.options) and not rule.programs:
        what = f"{section.named('')}has words of a command, but names no program"
        section.problem("", what, 'Add programs = ["..."]')
    for program in rule.programs:
        if "/" in program or not program:
            what = f'{section.named("programs")}: "{program[:40]}" is no file name'
            section.problem("programs", what, "Write the last part of its path")


def _check_paths(section: Section, rule: ActionRule) -> None:
    for path in rule.paths:
        parts = path.split("/")
        if not path.startswith("/") or path == "/" or any(part in (".", "..") or "*" in part[:-1] for part in parts):
            what = f'{section.named("paths")}: "{path[:60]}" is no place that can be compared'
            section.problem("paths", what, "Write it from / on, without . and .., with * only at the end of a part")


def _check_vouching(section: Section, rule: ActionRule) -> None:
    for program in rule.programs:
        if "*" in program:
            what = f'{section.named("programs")}: "{program[:40]}" vouches for programs that nobody has looked at'
            section.problem("programs", what, "Name each program")
        elif runs_another(program):
            what = f"{section.named('programs')}: {program} runs whatever it is given, so nothing can be said of it"
            section.problem("programs", what, "Name the program that it runs: it is looked for behind the wrapper")
    if "*" in rule.options and rule.options != ANY_OPTION:
        what = f'{section.named("options")}: "*" stands for every option'
        section.problem("options", what, 'Write options = ["*"], or name them')
    if not rule.lenient and not rule.programs and not rule.actions:
        what = f"{section.named('paths')} of a mild rule only lift what stricter rules say of them"
        section.problem("paths", what, "Add lenient = true if that is what you want")


def _refuse_keys(section: Section, keys: tuple[str, ...], why: str) -> None:
    for key in keys:
        if key in section:
            section.problem(key, f"{section.named(key)} {why}", "Remove it, or change the rule's effect")
