"""Bundles made to hurt the reader: each is refused in bounded time, memory and words."""

import pytest

from watchdog.policyfile.guard import SIZE_MAX
from watchdog.policyfile.load import parse_policy
from watchdog.policyfile.pagersettings import parse_pager
from watchdog.policyfile.problems import PROBLEMS_MAX, PolicyProblems

HOSTILE = {
    "a key of 120,000 parts": b"a" + b".a" * 120_000 + b"=1",
    "many keys of many parts": b"\n".join(b"a%d" % number + b".b" * 1000 + b"=1" for number in range(100)),
    "brackets": b"[" * SIZE_MAX,
    "open texts": b"a=[" + b'"' * SIZE_MAX,
    "backslashes": b'a="' + b"\\" * SIZE_MAX,
    "triple quotes": b"a=" + b'"""' * (SIZE_MAX // 3),
    "a long key": b'"' + b"k" * 200_000 + b'"=1',
    "unknown keys": b"".join(b"a%d=1\n" % number for number in range(25_000)),
    "arrays of tables": b"[[gateway.a]]\n" * 18_000,
    "deep tables": b"".join(b"[a%s]\n" % (b".b" * depth) for depth in range(400)),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("parse", [parse_policy, parse_pager])
def test_a_hostile_file_is_refused_in_few_words(parse, name: str) -> None:
    """No text of at most SIZE_MAX bytes takes the reader's memory, or fills the journal with its problems."""
    with pytest.raises(PolicyProblems) as refused:
        parse(HOSTILE[name][:SIZE_MAX], "file.toml")

    assert len(refused.value.problems) <= PROBLEMS_MAX + 1
    assert len(str(refused.value)) < 100_000


def test_the_problems_left_out_are_counted() -> None:
    """Of 25,000 problems a hundred are told, and that there are more."""
    with pytest.raises(PolicyProblems, match=r"And 24\d\d\d more problems"):
        parse_policy(HOSTILE["unknown keys"], "file.toml")
