"""The manual pages and the policy's reference say what the program says, and are pages that man can show."""

import re
import runpy
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
MAN = DOCS / "man"
PAGES = ("gatedog.1", "gatedog.8", "gatedog.policy.5")


@pytest.fixture(scope="module")
def manual() -> dict[str, Any]:
    """Return the names that docs/draw_man.py defines."""
    return runpy.run_path(str(DOCS / "draw_man.py"))


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    """Return the names that docs/draw_policy.py defines."""
    return runpy.run_path(str(DOCS / "draw_policy.py"))


def test_the_manual_pages_are_fresh(manual: dict[str, Any], request: pytest.FixtureRequest) -> None:
    """Each page is what the script draws now, and no page is left over."""
    if request.config.getoption("--rewrite"):
        manual["main"]()
    found = {path.name: path.read_text(encoding="utf-8") for path in MAN.iterdir()}

    assert found == manual["pages"](), "python docs/draw_man.py draws them again"


def test_the_reference_is_fresh(reference: dict[str, Any], request: pytest.FixtureRequest) -> None:
    """docs/policy.md is what the script draws now."""
    if request.config.getoption("--rewrite"):
        reference["main"]()

    assert (DOCS / "policy.md").read_text(encoding="utf-8") == reference["draw"](), "python docs/draw_policy.py"


def test_every_key_has_a_sentence_and_every_sentence_a_key(reference: dict[str, Any]) -> None:
    """What the reader takes is explained, and what is explained is taken."""
    _, told = reference["words"]()
    explained = {f"{table['path']}.{key}".lstrip(".") for table in told for key in table.get("keys", {})}

    assert {key.place for key in reference["keys"]()} == explained


def test_the_shipped_policy_shows_every_key(reference: dict[str, Any]) -> None:
    """config/policy.toml, commented lines too, names each key of the reference."""
    shipped = (DOCS.parent / "config" / "policy.toml").read_text(encoding="utf-8")
    missing = [key.place for key in reference["keys"]() if not re.search(rf"\b{key.name}\b", shipped)]

    assert missing == []


def test_every_verb_has_its_part(manual: dict[str, Any]) -> None:
    """Each command that does something, and each of its options, is in a page."""
    text = "\n".join(manual["pages"]().values())
    for node in manual["walk"](manual["gatedog"]):
        if not node.children:
            part = text.split(f"\n.SS {manual['escaped'](' '.join(['gatedog', *node.path]))}\n")[1].split("\n.S")[0]

            assert all(manual["escaped"](option) in part for option, _ in manual["options"](node)), node.path


def test_a_page_holds_text_literally(manual: dict[str, Any]) -> None:
    """Dashes can be copied, and no line of ours is taken for a request of roff's."""
    assert manual["escaped"](".TH a-b \\n") == "\\&.TH a\\-b \\en"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "lint",
    [["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-man", "-Tutf8", "-wall", "-z"]],
    ids=["mandoc", "groff"],
)
def test_man_has_nothing_to_say_against_it(lint: list[str], page: str) -> None:
    """Linted, a page gives no warning."""
    if shutil.which(lint[0]) is None:
        pytest.skip(f"{lint[0]} is not installed: apt-get install {lint[0]}")
    done = subprocess.run([*lint, str(MAN / page)], capture_output=True, text=True, check=False, timeout=60)

    assert (done.stdout, done.stderr) == ("", "")


def test_the_words_are_of_this_reader() -> None:
    """The file of sentences is TOML with one entry for each table."""
    read = tomllib.loads((DOCS / "policy_words.toml").read_text(encoding="utf-8"))
    paths = [table["path"] for table in read["table"]]

    assert len(paths) == len(set(paths)) > 8
