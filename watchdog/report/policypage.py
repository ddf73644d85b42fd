"""The rules as people read them: proposals, a review, revisions, a difference.

Invariant: what an agent said is marked as what it said, in quotes, and no command stands on its line; what a proposal
quotes from its files was cut and made printable by whoever compared them, and is escaped here once more.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from watchdog.report.escape import agent_says, visible
from watchdog.report.moments import instant

_OWN = ("human", "gatedog")
"""Origins whose words are not a stranger's."""
_WHOLE_MAX = 400_000
"""More than a proposal can hold, with every character escaped."""
_NO_EFFECT = "changes nothing that has an effect"


def render_proposals(rules: Mapping[str, Any], *, everything: bool) -> str:
    """List proposals, newest first."""
    shown = [each for each in reversed(rules["proposals"]) if everything or each["revision"] is None]
    if not shown:
        return "nothing is proposed\n"
    lines: list[str] = []
    for each in shown:
        lines += [f"{each['proposal']}  {_standing(each)}  {instant(each['wall_usec'])}  by {visible(each['who'])}"]
        lines += [f"    {_in_short(each)}", f"    {_said(each)}"]
    return "\n".join([*lines, "", "review one: gatedog policy review PROP-n", ""])


def render_review(
    rules: Mapping[str, Any],
    proposal: Mapping[str, Any],
    tried: Mapping[str, Any] | None,
    why_not: str,
    *,
    lines: Sequence[str] = (),
) -> str:
    """Say what a proposal would change, what that would have changed in the past, and how to commit it.

    `lines` of its files differ. Nothing is cut: what a proposal hides would stand at the end.
    """
    name = proposal["proposal"]
    changes = [f"LOOSENS  {visible(each, _WHOLE_MAX)}" for each in proposal["loosens"]]
    changes += [visible(each, _WHOLE_MAX) for each in proposal["changes"]]
    page = [
        f"{name}  {_standing(proposal)}  {instant(proposal['wall_usec'])}",
        f"  by {visible(proposal['who'])}, on revision {proposal['base']}",
        f"  {_said(proposal)}",
        f"  digest {proposal['digest'][:12]}",
        "",
        *(f"  {each}" for each in changes or [_NO_EFFECT]),
        "",
        *_lines(lines),
        *_tried(tried, why_not),
        "",
        *_way_on(rules, proposal),
    ]
    return "\n".join([*page, ""])


def _lines(lines: Sequence[str]) -> list[str]:
    """Show the lines that differ, marked as the words of whoever proposes them."""
    if not lines:
        return []
    shown = (f"    {visible(each, _WHOLE_MAX)}" for each in lines)
    return ["  in its files, in the words of whoever proposes it:", *shown, ""]


def render_log(rules: Mapping[str, Any]) -> str:
    """List revisions, newest first."""
    lines: list[str] = []
    for each in reversed(rules["revisions"]):
        marks = [word for word, holds in (
            ("in force", each["revision"] == rules["in_force"]),
            ("not yet in place", not each["placed"]),
        ) if holds]  # fmt: skip
        mark = f"  ({', '.join(marks)})" if marks else ""
        about = f"  {each['proposal']}" if each["proposal"] else ""
        lines.append(f"revision {each['revision']}{mark}  {instant(each['wall_usec'])}  {each['digest'][:12]}{about}")
        lines.append(f"    {visible(each['who'])}: {visible(each['because'])}")
    if rules["trouble"]:
        lines.append(f"what lies in {visible(rules['folder'])} is not what was committed; see: gatedog policy diff")
    return "\n".join([*lines, ""])


def render_revision(rules: Mapping[str, Any], revision: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    """Show a revision and its files. Their lines are shown as they are, but for what a terminal would obey."""
    mark = ", in force" if revision["revision"] == rules["in_force"] else ""
    lines = [
        f"revision {revision['revision']}{mark}  {revision['digest'][:12]}",
        f"  {visible(revision['who'])}, {instant(revision['wall_usec'])}: {visible(revision['because'])}",
    ]
    for name, text in sorted(texts.items()):
        lines += ["", f"--- {visible(name)}", *(visible(line) for line in text.splitlines())]
    return "\n".join([*lines, ""])


def render_difference(
    folder: str, revision: Mapping[str, Any], names: Sequence[str], changes: Iterable[tuple[str, str]]
) -> str:
    """Say how what lies in the folder differs from the rules in force."""
    if not names:
        return f"{visible(folder)} is revision {revision['revision']}, as committed\n"
    lines = [f"{visible(folder)} is not revision {revision['revision']}: {', '.join(visible(name) for name in names)}"]
    lines += [f"  {direction}  {visible(what, _WHOLE_MAX)}" for direction, what in changes]
    lines += ["", f'to have it: gatedog policy propose {visible(folder)} --reason "why"']
    return "\n".join([*lines, ""])


def _standing(proposal: Mapping[str, Any]) -> str:
    if proposal["revision"] is not None:
        return f"committed as revision {proposal['revision']}"
    if proposal["stale"]:
        return "stale"
    return f"{len(proposal['signed'])} of {proposal['needed']} signed" if proposal["signed"] else "open"


def _in_short(proposal: Mapping[str, Any]) -> str:
    loosens = proposal["loosens"]
    more = f"; and {len(loosens) - 1} more" if len(loosens) > 1 else ""
    if loosens:
        return f"LOOSENS  {visible(loosens[0], 160)}{more}"
    return visible(proposal["changes"][0], 160) if proposal["changes"] else _NO_EFFECT


def _said(proposal: Mapping[str, Any]) -> str:
    says = proposal["says"]
    if not says:
        return "gives no reason"
    if proposal["origin"] in _OWN:
        return f"because: {visible(says)}"
    return agent_says(says) if proposal["origin"] == "supervised" else f'somebody says: "{visible(says)}"'


def _tried(tried: Mapping[str, Any] | None, why_not: str) -> list[str]:
    if tried is None:
        return [f"  not tried on the recorded history: {visible(why_not)}"]
    if not tried["fact"]:
        return [f"  tried on {tried['records']} records of history: nothing would have gone otherwise"]
    lines = [f"  FACT  of {tried['records']} records of history: {visible(tried['fact'][0])}"]
    lines += [f"        {visible(each)}" for each in tried["fact"][1:]]
    lines += [f"  SPECULATIVE  {visible(each)}" for each in tried["guesses"]]
    if tried["others"]:
        count = tried["others"]
        further = "1 further record" if count == 1 else f"{count} further records"
        lines.append(f"  SPECULATIVE  {further} would have been answered otherwise")
    return lines


def _way_on(rules: Mapping[str, Any], proposal: Mapping[str, Any]) -> list[str]:
    name = proposal["proposal"]
    if proposal["revision"] is not None:
        return [f"  it is committed, as revision {proposal['revision']}: gatedog policy log"]
    if proposal["stale"]:
        return [
            f"  revision {rules['committed']} was committed since; to have it compared with that:",
            f'  gatedog policy propose --again {name} --reason "why"',
        ]
    needed, signed = proposal["needed"], len(proposal["signed"])
    people = f"  it takes {needed} people to sign; {signed} did" if needed > 1 else "  to put it in force"
    return [f"{people}:", f"  sudo gatedog policy commit {name} --reviewed {proposal['digest'][:12]}"]
