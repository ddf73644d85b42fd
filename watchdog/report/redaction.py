"""Secrets taken out of what leaves this host: a closed list of shapes, and a count of what was found.

Invariant: a shape's text is replaced whole and never kept, not even in part; only its kind and how often are. A list of
shapes finds what has that shape and nothing else: an export says so, and a human reads it before it is sent. Every
expression is bounded, so that no text takes longer than its length. Deliberately not here: a way to switch it off.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

from watchdog.journal.reader import Record

_NAME = (
    r"(?:token|secret|passw(?:or)?d|passwd|pwd|passphrase|credential|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|signing[_-]?key|session[_-]?(?:id|key)|[_-]key\b|_auth\b|x-auth|cookie|webhook|[_-]pass\b)"
)
_OPEN = r'\\?["\']?'

_SHAPES: Final = (
    (
        "private key",
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
    ),
    ("private key", re.compile(r"\A[^-]{0,16384}-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")),
    (
        "authorization header",
        re.compile(
            r"(?i)(?P<kept>\b(?:proxy-)?authorization\b" + _OPEN + r"\s{0,3}[:=]\s{0,3}" + _OPEN + r")[^\"'\\\r\n]+"
        ),
    ),
    ("authorization header", re.compile(r"(?i)(?P<kept>\b(?:set-)?cookie:\s{0,3})[^\"'\\\r\n]+")),
    ("bearer token", re.compile(r"(?i)(?P<kept>\bbearer\s{1,3})[A-Za-z0-9._~+/=-]{6,}")),
    ("authorization header", re.compile(r"(?P<kept>\bBasic )(?!\[redacted:)[A-Za-z0-9+/]{8,}={0,2}(?![A-Za-z0-9+/=])")),
    ("URL with a password", re.compile(r"(?P<kept>\b[A-Za-z][A-Za-z0-9+.-]{0,20}://)[^\s/?#\"'<>]{1,512}@")),
    (
        "URL that is a secret",
        re.compile(
            r"(?P<kept>https?://(?:hooks\.slack\.com/(?:services|workflows)|(?:[a-z.]{0,20})discord(?:app)?\.com/api/"
            r"webhooks|[a-z0-9.-]{0,40}\.webhook\.office\.com|hc-ping\.com|nosnch\.in|hooks\.zapier\.com"
            r"|api\.telegram\.org)/)(?!\[redacted:)[^\s\"'<>]{1,512}"
        ),
    ),
    (
        "URL that is a secret",
        re.compile(r"(?P<kept>https?://[^\s\"'<>]{1,200}?/(?:web)?hooks?/)(?!\[redacted:)[^\s\"'<>]{1,512}"),
    ),
    (
        "value of a secret",
        re.compile(r"(?i)(?P<kept>[?&](?:key|sig|signature|code|auth|pass)=)(?!\[redacted:)[^\s&\"'<>#]{1,2048}"),
    ),
    (
        "value of a secret",
        re.compile(r"(?P<kept>(?:^|\s)(?:-u|--user)[ =]?[^\s:\"']{1,64}:)(?!\[redacted:)[^\s\"']{1,512}"),
    ),
    ("value of a secret", re.compile(r"(?P<kept>(?<![A-Za-z0-9_])KEY=)(?!\[redacted:)[^\s\"',;&)}\]]{1,8192}")),
    (
        "token",
        re.compile(
            r"\b(?:sk-[A-Za-z0-9_-]{6,}|(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{8,}|gh[pousr]_[A-Za-z0-9]{6,}"
            r"|github_pat_[A-Za-z0-9_]{6,}|glpat-[A-Za-z0-9_-]{6,}|xox[a-z]-[A-Za-z0-9-]{6,}|xapp-[A-Za-z0-9-]{6,}"
            r"|(?:AKIA|ASIA)[A-Z0-9]{8,}|AIza[A-Za-z0-9_-]{8,}|ya29\.[A-Za-z0-9_-]{6,}|hf_[A-Za-z0-9]{8,}"
            r"|npm_[A-Za-z0-9]{8,}|pypi-[A-Za-z0-9_-]{8,}|SG\.[A-Za-z0-9_.-]{8,}|gsk_[A-Za-z0-9]{8,}"
            r"|xai-[A-Za-z0-9]{8,}|tvly-[A-Za-z0-9-]{8,}|AGE-SECRET-KEY-[A-Z0-9]{6,}"
            r"|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]{0,8192}){0,2}|[0-9]{8,10}:[A-Za-z0-9_-]{30,})"
        ),
    ),
    (
        "value of a secret",
        re.compile(
            r"(?i)(?P<kept>(?<![A-Za-z0-9])[A-Za-z0-9_.-]{0,40}?"
            + _NAME
            + r"[A-Za-z0-9_.-]{0,40}"
            + _OPEN
            + r"\s{0,3}(?:=|:(?!//))\s{0,3})(?!\[redacted:)"
            r"(?:\\\"[^\"\r\n]{1,8192}|\"(?:[^\"\\\r\n]|\\.){1,8192}|'[^'\r\n]{1,8192}|[^\s\"',;&)}\]]{1,8192})"
        ),
    ),
    (
        "value of a secret",
        re.compile(
            r"(?i)(?P<kept>--?[A-Za-z0-9-]{0,40}?(?:token|secret|passw(?:or)?d|passphrase|credential|key)"
            r"(?:[\"'],?\s{1,8}[\"']|\s{1,3}))(?![-\[])[^\s\"',;]{1,8192}"
        ),
    ),
)


class Redactor:
    """Takes secrets out, and counts them by kind."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def text(self, text: str) -> str:
        """Return a text in which every known shape of a secret is replaced by its kind."""
        for kind, shape in _SHAPES:
            text, count = shape.subn(lambda found, kind=kind: f"{_kept(found)}[redacted: {kind}]", text)  # type: ignore[misc]  # the default argument binds the loop's value
            if count:
                self._counts[kind] += count
        return text

    def content(self, content: bytes) -> bytes:
        """Redact a file, whatever its bytes: those that are no UTF-8 stay as they are."""
        return self.text(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def record(self, record: Record) -> Record:
        """Redact every text in a record. Its digest stays that of the record in the journal."""
        decisions = tuple(self._value(decision) for decision in record.decisions)
        stamped = replace(record.stamped, event=self._value(record.stamped.event))
        return replace(record, stamped=stamped, decisions=decisions)

    def records(self, records: Iterable[Record]) -> tuple[Record, ...]:
        """Redact records."""
        return tuple(self.record(record) for record in records)

    def log(self) -> tuple[tuple[str, int], ...]:
        """Say what was taken out: kind and count, by kind."""
        return tuple(sorted(self._counts.items()))

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, tuple):
            return tuple(self._value(each) for each in value)
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{field.name: self._field(field.name, value) for field in fields(value)})
        return value

    def _field(self, name: str, owner: Any) -> Any:
        value = getattr(owner, name)
        if name != "environment":
            return self._value(value)
        # A policy's variables: which of them is a secret cannot be told from its value alone.
        self._counts["environment variable"] += len(value)
        return tuple((variable, "[redacted: environment variable]") for variable, _ in value)


def _kept(found: re.Match[str]) -> str:
    return found["kept"] if "kept" in found.re.groupindex else ""
