"""Which line a key stands on."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.policyfile.lines import Lines
from watchdog.policyfile.problems import KeyPath

TRICKY = r'''# a comment [gateway.no] with "quotes
top = "x # [not.a.table]" # it's [not] one

[gateway.main] # ]]
command = [
  "a]", # it's "
  'b[',
]
x.y."z w" = """
[gateway.inside]
key = 1 \""" ""
"""""
after = '[['
inline = { a = [1, 2], b = "}" }
[[gateway.main.probe]]
kind = "tcp"
  [[gateway . "main" . probe]]
kind = "http"
[gateway.main.probe.deep]
z = 3
[other]
literal = \'\'\'
[b]
'\'\'\'
last = 1'''.replace("\\'", "'")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("gateway",), 4),
        (("gateway", "main"), 4),
        (("gateway", "main", "command"), 5),
        (("gateway", "main", "x", "y", "z w"), 9),
        (("gateway", "main", "after"), 13),
        (("gateway", "main", "inline"), 14),
        (("gateway", "main", "inline", "b"), 14),
        (("gateway", "main", "probe", 0), 15),
        (("gateway", "main", "probe", 0, "kind"), 16),
        (("gateway", "main", "probe", 1), 17),
        (("gateway", "main", "probe", 1, "kind"), 18),
        (("gateway", "main", "probe", 1, "deep", "z"), 20),
        (("other", "literal"), 22),
        (("other", "last"), 25),
        (("gateway", "main", "absent"), 4),
        (("nowhere",), 1),
    ],
)
def test_line_is_found(path: KeyPath, line: int) -> None:
    """Brackets, hashes and newlines inside strings and arrays mislead nobody; absent keys fall back to their table."""
    tomllib.loads(TRICKY)

    assert Lines(TRICKY).of(path) == line


def test_first_mention_of_a_table_counts() -> None:
    """A table that is only implied by a longer header stands where it is first implied."""
    lines = Lines("[a.b]\nx = 1\n\n[a]\ny = 2\n")

    assert lines.of(("a",)) == 1
    assert lines.of(("a", "y")) == 5


_KEYS = st.text(min_size=1, max_size=8)
_VALUES = st.one_of(st.integers(-9, 9), st.booleans(), st.text(max_size=12), st.lists(st.text(max_size=5), max_size=3))


@given(st.dictionaries(_KEYS, _VALUES, max_size=8), st.integers(min_value=0, max_value=3))
def test_every_written_key_is_found_on_its_line(table: dict[str, object], gap: int) -> None:
    """Whatever the keys and values are, a key is found on the line it was written on."""
    rows: list[str] = []
    expected: dict[str, int] = {}
    for key, value in table.items():
        rows.extend(["# ' [ \" comment"] * gap)
        expected[key] = len(rows) + 1
        rows.extend(f"{_basic(key)} = {_toml(value)}".split("\n"))
    text = "\n".join(rows)
    assert tomllib.loads(text) == table

    lines = Lines(text)

    assert {key: lines.of((key,)) for key in table} == expected


def _basic(text: str) -> str:
    return (
        '"'
        + "".join(
            f"\\U{ord(letter):08X}" if letter in '"\\' or letter < " " or letter == "\x7f" else letter
            for letter in text
        )
        + '"'
    )


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[ # list [\n" + "".join(f"  {_basic(item)}, # it's\n" for item in value) + "]"
    if isinstance(value, str):
        return _basic(value)
    return str(value).lower()


def test_surprising_text_is_no_trouble() -> None:
    """An empty text has no lines; asking it answers 1."""
    assert Lines("").of(("a", 0, "b")) == 1
