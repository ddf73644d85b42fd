"""The pages that explain the code name things that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = ("ARCHITECTURE.md", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")
_PATH = re.compile(r"`((?:watchdog|tests|docs|config|benchmarks|packaging|units)/[\w./-]*)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
_NAMED = re.compile(r"`(watchdog/[\w/]+\.py)` \((`[^)]+`)\)")


def _names_in(text: str) -> set[str]:
    return set(re.findall(r"^\s*(?:async )?(?:def|class) (\w+)", text, re.MULTILINE)) | set(
        re.findall(r"^(\w+)(?::[^=]+)? = ", text, re.MULTILINE)
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_path_named_in_a_page_exists(page: str) -> None:
    """A path in backticks, or behind a link, is there."""
    text = (ROOT / page).read_text(encoding="utf-8")
    named = {*_PATH.findall(text), *_LINK.findall(text)}

    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_every_function_and_class_on_the_walk_is_real() -> None:
    """ARCHITECTURE.md says `file` (`Name`, `Class.method`): the file defines each of them."""
    missing = []
    found = _NAMED.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    for path, names in found:
        defined = _names_in((ROOT / path).read_text(encoding="utf-8"))
        for name in re.findall(r"`([^`]+)`", names):
            missing += [f"{path}: {name}" for part in name.split(".") if part not in defined]

    assert len(found) >= 8
    assert missing == []


def test_every_module_function_on_the_walk_is_real() -> None:
    """`module.function` of the core, as the walk names them, exists."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    core = ROOT / "watchdog" / "core"
    named = [pair for pair in re.findall(r"`(\w+)\.(\w+)`", text) if (core / f"{pair[0]}.py").exists()]

    assert len(named) >= 5
    assert [
        f"{module}.{name}"
        for module, name in named
        if name not in _names_in((core / f"{module}.py").read_text(encoding="utf-8"))
    ] == []
