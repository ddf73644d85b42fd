"""Markup, made so that no text can become any.

Invariant: text turns into `Html` only by `element`, which escapes it and makes what is invisible in it visible. There
are no attributes that hold code or styles, and no element that would run or load its text. Words of the supervised side
go through `agent_words`: marked, quoted, and with secrets of a known shape taken out.
"""

from html import escape
from typing import Final

from watchdog.report.escape import agent_says, visible
from watchdog.report.redaction import Redactor

_VOID: Final = frozenset({"meta", "link", "br"})
_REFUSED: Final = frozenset({"style", "iframe", "object", "embed", "base", "form"})
TEXT_MAX: Final = 2000


class Html(str):
    """Markup that is safe to stand in a page."""

    __slots__ = ()


def element(name: str, /, *content: str, **attributes: str | int | None) -> Html:
    """Make an element. Content that is no Html is text; `class_` is class; an attribute that is None is left out."""
    if name in _REFUSED or (name == "script" and content):
        raise ValueError(f"<{name}> has no place in a page of ours")
    opened = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items() if value is not None)}>"
    return Html(opened if name in _VOID else f"{opened}{joined(*content)}</{name}>")


def joined(*content: str) -> Html:
    """Put contents one after the other; what is no Html is text."""
    return Html("".join(each if isinstance(each, Html) else _text(each) for each in content))


def agent_words(said: str) -> Html:
    """Return words of the supervised side, to be told from ours at a glance."""
    return element("span", agent_says(Redactor().text(said)), class_="agent")


def _text(said: str) -> str:
    return escape(visible(said, TEXT_MAX), quote=True)


def _attribute(key: str, value: str | int) -> str:
    name = key.rstrip("_").replace("_", "-")
    if name.startswith("on") or name in {"style", "srcdoc"}:
        raise ValueError(f"no attribute {name} in a page of ours")
    return f' {name}="{_text(str(value))}"'
