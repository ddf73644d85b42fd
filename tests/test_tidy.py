"""The house style, as far as a machine can see it (ruff and mypy see the rest).

Each rule is a function from a source text to its faults, so that each is shown to fail on a bad snippet, too.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SKIPPED = (
    *(".git", ".venv", "__pycache__", "dist", ".hypothesis", ".mypy_cache", ".ruff_cache", ".import_linter_cache"),
    ".coverage",
    "peers",  # the harness that measures supervisors side by side is kept as it was given
)

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
CORE_FUNCTION_LINES_MAX = 40
BANNED_WORDS = ("manager", "handler", "helper", "util", "utils", "service", "data")

LIBRARY_ROOMS = {
    "aiohttp": "web/",
    "apscheduler": "sensors/alarm.py",
    "asyncvarlink": "control/",
    "click": "cli/",
    "psutil": "sensors/",
    "pystemd": "gateway/bus.py",
    "sdnotify": "daemon/",
    "tenacity": "pager/",
}
"""One library, one room: docs/adr/0011."""

OWN_PATH = str(ROOT)
"""Where this checkout happens to lie: a file that names it works on one machine."""


def files(*suffixes: str) -> list[Path]:
    """Return the project's own files, sorted."""
    found = (path for path in ROOT.rglob("*") if not any(part in SKIPPED for part in path.relative_to(ROOT).parts))
    return sorted(path for path in found if path.is_file() and (not suffixes or path.suffix in suffixes))


def name(file: Path) -> str:
    """Return the file as reports call it."""
    return str(file.relative_to(ROOT))


PYTHON = files(".py")
PRODUCT = [file for file in PYTHON if name(file).startswith("watchdog/")]
TESTS = [file for file in PYTHON if file.name.startswith("test_")]

of_python = pytest.mark.parametrize("file", PYTHON, ids=name)
of_product = pytest.mark.parametrize("file", PRODUCT, ids=name)
of_tests = pytest.mark.parametrize("file", TESTS, ids=name)


def functions(source: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function, methods too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def long_functions(source: str, limit: int) -> list[str]:
    """Return the functions of more than `limit` lines, their docstring not counted: prose is welcome."""
    return [f"{node.name}: {length}" for node in functions(source) if (length := _length(node)) > limit]


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    total = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None and first.end_lineno is not None:
        total -= first.end_lineno - first.lineno + 1
    return total


def misplaced_libraries(source: str, path: str) -> list[str]:
    """Return imports of third parties outside of their room; `path` is relative to watchdog/."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=aliases):
                modules = [alias.name for alias in aliases]
            case ast.ImportFrom(module=str(module), level=0):
                modules = [module]
            case _:
                modules = []
        for module in (module.partition(".")[0] for module in modules):
            if module == "watchdog" or module in sys.stdlib_module_names:
                continue
            room = LIBRARY_ROOMS.get(module)
            if room is None or not path.startswith(room):
                found.append(f"{node.lineno}: {module} belongs into {room or 'no room: add it to the table'}")
    return found


def words(identifier: str) -> list[str]:
    """Split CamelCase and snake_case."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier)]


def banned_names(source: str, stem: str) -> list[str]:
    """Return module and class names that say nothing."""
    classes = [node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    return [named for named in (stem, *classes) if any(word in BANNED_WORDS for word in words(named))]


def silent_tests(source: str) -> list[str]:
    """Return the test functions that do not say in a sentence what they show."""
    tests = (node for node in functions(source) if node.name.startswith("test_"))
    return [node.name for node in tests if not (ast.get_docstring(node) or "").strip().endswith(".")]


def bare_suppressions(source: str) -> list[int]:
    """Return the lines that silence a checker without a rule and a reason."""
    silenced = re.compile(r"#\s*(noqa|type:\s*ignore)")
    reasoned = re.compile(r"# (noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)*|type: ignore\[[a-z-]+\]) .*[A-Za-z]{3}")
    comments = ((number, line) for number, line in enumerate(source.splitlines(), 1) if silenced.search(line))
    return [number for number, line in comments if "re.compile" not in line and not reasoned.search(line)]


@of_python
def test_file_is_short(file: Path) -> None:
    """A file is read in one sitting."""
    assert len(file.read_text().splitlines()) <= FILE_LINES_MAX


@of_python
def test_functions_are_short(file: Path) -> None:
    """A function fits on a screen; one of the core on half of it."""
    limit = CORE_FUNCTION_LINES_MAX if name(file).startswith("watchdog/core/") else FUNCTION_LINES_MAX

    assert long_functions(file.read_text(), limit) == []


@of_product
def test_library_stays_in_its_room(file: Path) -> None:
    """A third party is known to one room only, so it can be replaced there."""
    assert misplaced_libraries(file.read_text(), name(file).removeprefix("watchdog/")) == []


@of_python
def test_names_say_something(file: Path) -> None:
    """No module or class hides behind a word that fits everything."""
    assert banned_names(file.read_text(), file.stem) == []


@of_python
def test_module_says_what_it_is_for(file: Path) -> None:
    """Every module begins with its purpose."""
    assert ast.get_docstring(ast.parse(file.read_text()))


@of_tests
def test_tests_say_what_they_show(file: Path) -> None:
    """The docstrings of the tests, read in a row, are the specification."""
    assert silent_tests(file.read_text()) == []


@of_python
def test_suppressions_have_reasons(file: Path) -> None:
    """Who silences a checker says which rule and why, on the same line."""
    assert bare_suppressions(file.read_text()) == []


def test_system_tests_are_marked() -> None:
    """What uses real processes can be told from what does not, by folder and by mark."""
    unmarked = [
        name(file) for file in TESTS if "/system/" in name(file) and "pytest.mark.system" not in file.read_text()
    ]

    assert unmarked == []


def test_test_files_have_names_of_their_own() -> None:
    """Pytest imports test files by their basename: two of one name shadow each other."""
    assert [stem for stem, count in Counter(file.stem for file in TESTS).items() if count > 1] == []


def test_no_file_knows_the_machine_it_was_made_on() -> None:
    """The project speaks of itself alone."""
    telling = [name(file) for file in files() for text in [file.read_bytes()] if OWN_PATH.encode() in text]

    assert telling == []


def test_tests_named_in_decisions_exist() -> None:
    """The Confirmation of an ADR is a test that can be run."""
    named = {
        (name(record), test)
        for record in (ROOT / "docs" / "adr").glob("*.md")
        for test in re.findall(r"`(tests/[\w/]+\.py)`", record.read_text())
    }

    assert named
    assert sorted(pair for pair in named if not (ROOT / pair[1]).exists()) == []


def test_checks_see_the_project() -> None:
    """The checks above looked at something."""
    assert len(PRODUCT) > 10
    assert len(TESTS) > 5


def test_long_function_is_caught() -> None:
    """Length is counted without the docstring, and methods count."""
    body = "\n".join(["        x = 1"] * 5)
    source = f'class A:\n    def f(self):\n        """One.\n\n        Two.\n        """\n{body}\n'

    assert long_functions(source, 6) == []
    assert long_functions(source, 5) == ["f: 6"]


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("import psutil", "gateway/child.py"),
        ("from apscheduler.schedulers.base import X", "sensors/clock.py"),
        ("def f():\n    import requests", "pager/http.py"),
    ],
)
def test_misplaced_library_is_caught(source: str, path: str) -> None:
    """A third party outside its room is seen, inside functions too, and so is one with no room."""
    assert len(misplaced_libraries(source, path)) == 1


def test_placed_library_passes() -> None:
    """The standard library, gatedog itself and a library in its room are fine."""
    assert (
        misplaced_libraries("import os.path\nfrom watchdog.core import state\nimport psutil", "sensors/memory.py") == []
    )


@pytest.mark.parametrize(
    ("source", "stem"), [("class JobManager: ...", "x"), ("", "string_utils"), ("class Data: ...", "x")]
)
def test_empty_name_is_caught(source: str, stem: str) -> None:
    """A banned word is found within a longer name."""
    assert len(banned_names(source, stem)) == 1


def test_word_inside_a_word_is_no_word() -> None:
    """`Database` is not `data`."""
    assert banned_names("class DatabaseUtility: ...", "serviceable") == []


def test_silent_test_is_caught() -> None:
    """A missing docstring and one that is no sentence are both seen."""
    assert silent_tests('def test_a(): pass\nasync def test_b():\n    "no sentence"\ndef test_c():\n    "Yes."') == [
        "test_a",
        "test_b",
    ]


@pytest.mark.parametrize(
    "line", ["x = 1  # no" + "qa", "x = 1  # no" + "qa: E501", "x = 1  # type: ig" + "nore[arg-type]"]
)
def test_bare_suppression_is_caught(line: str) -> None:
    """A rule without a reason is not enough."""
    assert bare_suppressions(line) == [1]


def test_reasoned_suppression_passes() -> None:
    """A rule and a reason are."""
    assert (
        bare_suppressions("x = 1  # no" + "qa: E501  a URL\ny = 2  # type: ig" + "nore[arg-type]  # stub is wrong")
        == []
    )
