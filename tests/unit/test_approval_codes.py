"""Release codes: ten words on paper, of which the machine keeps only hashes."""

import itertools
from pathlib import Path

import pytest

from watchdog.approval.codes import (
    ALPHABET,
    COUNT,
    LENGTH,
    Mistyped,
    ReleaseCodes,
    make,
    match,
    read_code_set,
)
from watchdog.approval.guard import Untrusted


def counted(start: int = 0) -> ReleaseCodes:
    """Make a set whose symbols are counted instead of drawn."""
    numbers = itertools.count(start)
    return make(lambda below: next(numbers) % below)


@pytest.fixture
def made() -> ReleaseCodes:
    """Make a set that is the same in every run."""
    return counted()


@pytest.fixture
def file(tmp_path: Path, made: ReleaseCodes) -> Path:
    """The file of the set."""
    path = tmp_path / "release_codes"
    path.write_text(made.file_text)
    path.chmod(0o640)
    return path


def test_every_code_is_found_by_its_number(made: ReleaseCodes, file: Path) -> None:
    """The first code is number 1, the last number 10, and the set is named."""
    found = [match(code, file) for code in made.codes]

    assert [each.number for each in found] == list(range(1, COUNT + 1))
    assert {each.code_set for each in found} == {made.code_set} == {read_code_set(file)}


def test_codes_are_easy_to_type(made: ReleaseCodes, file: Path) -> None:
    """Three groups of six, without symbols that look alike; capitals, spaces and dashes change nothing."""
    code = made.codes[3]

    assert [len(group) for group in code.split("-")] == [6, 6, 6]
    assert not set("01ilo") & set(ALPHABET)
    for typed in (code.upper(), code.replace("-", ""), code.replace("-", " "), f"  {code}\n", "-".join(code)):
        assert match(typed, file).number == 4


def test_codes_are_drawn_anew() -> None:
    """Two sets made by chance share no code and no name."""
    one, other = make(), make()

    assert not set(one.codes) & set(other.codes)
    assert len(set(one.codes)) == COUNT
    assert one.code_set != other.code_set


def test_codes_have_enough_chance() -> None:
    """All symbols but the check are drawn, each from the whole alphabet: 84 bits."""
    asked: list[int] = []
    make(lambda below: asked.append(below) or 0)

    assert asked.count(len(ALPHABET)) == COUNT * (LENGTH - 1)
    assert len(ALPHABET) ** (LENGTH - 1) > 2**84


def test_code_of_another_set_is_wrong_not_mistyped(file: Path) -> None:
    """A code that could be one, but is not of this set, has no number."""
    other = counted(5).codes[0]

    assert match(other, file).number is None


def test_every_wrong_symbol_is_a_typing_mistake(made: ReleaseCodes, file: Path) -> None:
    """One wrong symbol, in any place, is told as a mistake and compared with nothing."""
    code = made.codes[7].replace("-", "")
    for place in range(LENGTH):
        for symbol in ALPHABET.replace(code[place], ""):
            with pytest.raises(Mistyped):
                match(code[:place] + symbol + code[place + 1 :], file)


def test_every_pair_that_changed_places_is_a_typing_mistake(made: ReleaseCodes, file: Path) -> None:
    """Two different symbols that changed places, anywhere, are told as a mistake."""
    code = made.codes[7].replace("-", "")
    for one, other in itertools.combinations(range(LENGTH), 2):
        symbols = list(code)
        symbols[one], symbols[other] = symbols[other], symbols[one]
        if symbols[one] != symbols[other]:
            with pytest.raises(Mistyped):
                match("".join(symbols), file)


@pytest.mark.parametrize("typed", ["", "abc", "0" * LENGTH, "é" * LENGTH, "a" * 10_000, "2" * (LENGTH + 1), "\0"])
def test_what_is_no_code_is_a_typing_mistake(file: Path, typed: str) -> None:
    """Too short, too long and foreign symbols are told before any file is read."""
    with pytest.raises(Mistyped):
        match(typed, file)


def test_file_holds_no_code(made: ReleaseCodes) -> None:
    """Neither the file nor the set's repr shows a code."""
    shown = made.file_text + repr(made)

    assert not [code for code in made.codes if code in shown or code.replace("-", "") in shown]


def test_hashes_are_salted() -> None:
    """The same codes in a set of another name have other hashes: no table of them can be made beforehand."""

    def salted(byte: int) -> ReleaseCodes:
        numbers = itertools.count()
        return make(lambda below: byte if below == 256 else next(numbers) % below)

    one, other = salted(1), salted(2)

    assert one.codes == other.codes
    assert not set(one.file_text.split()[-2 * COUNT + 1 :: 2]) & set(other.file_text.split()[-2 * COUNT + 1 :: 2])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("gatedog-release-codes 1 ", "gatedog-release-codes 2 "),
        ("\n10 ", "\n11 "),
        ("\n2 ", "\n3 "),
        ("\n5 ", "\n5  "),
        ("\n10 ", "\n#10 "),
        ("\n10 ", "\nstray words\n10 "),
    ],
)
def test_file_that_is_not_whole_is_refused(made: ReleaseCodes, file: Path, old: str, new: str) -> None:
    """Another version, a missing, doubled or broken line: the file is believed whole or not at all."""
    assert old in made.file_text
    file.write_text(made.file_text.replace(old, new))

    with pytest.raises(Untrusted, match="make a new set"):
        match(made.codes[0], file)


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"gatedog-release-codes 1 00\n"])
def test_file_of_something_else_is_refused(made: ReleaseCodes, file: Path, raw: bytes) -> None:
    """Bytes that are no set of codes let nobody in."""
    file.write_bytes(raw)

    with pytest.raises(Untrusted):
        match(made.codes[0], file)


def test_file_that_others_may_write_is_refused(made: ReleaseCodes, file: Path) -> None:
    """Whoever can write the file could write codes of their own into it."""
    file.chmod(0o660)

    with pytest.raises(Untrusted, match="chmod go-w"):
        match(made.codes[0], file)
