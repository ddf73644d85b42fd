"""The core is pure: an allow-list over its syntax trees.

Import contracts cannot see a call of open() or hash(), and a deny-list knows only what somebody thought of. So every
import is checked against a short list of what is allowed, and the few builtins that reach outside, or that depend on
PYTHONHASHSEED, are named.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "watchdog" / "core").rglob("*.py"))

ALLOWED_MODULES = (
    "collections.abc",
    "dataclasses",
    "enum",
    "functools",
    "itertools",
    "math",
    "operator",
    "shlex",  # quote, for commands that people paste
    "typing",
    "watchdog.core",
)
FORBIDDEN_CALLS = (
    *("open", "print", "input", "breakpoint", "eval", "exec", "compile", "__import__"),
    *("hash", "id", "set", "globals", "locals", "vars"),
)
HASHES = ("__hash__", "_hash")
"""Functions in which hash() is what they are for; whoever depends on what it returns is caught where he calls it."""
DYNAMIC_CALLS = ("getattr", "setattr", "delattr", "hasattr")
FORBIDDEN_NODES = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await, ast.Global)


def is_allowed(module: str) -> bool:
    """Whether the core may import the module."""
    return any(module == allowed or module.startswith(f"{allowed}.") for allowed in ALLOWED_MODULES)


def impurities(source: str) -> list[str]:
    """Return "line: what" for everything in the source that the core must not do."""
    tree = ast.parse(source)
    found = sorted([*_imports(tree), *_calls(tree), *_nodes(tree), *_sets(tree)])
    return [f"{line}: {what}" for line, what in found]


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, f"imports {name.name}") for name in names if not is_allowed(name.name))
            case ast.ImportFrom(module=module, level=level):
                if level or not is_allowed(module or ""):
                    yield node.lineno, f"imports {module}"
            case _:
                pass


def _calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    hashing = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name in HASHES
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="hash")) if node in hashing:
                pass
            case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN_CALLS:
                yield node.lineno, f"calls {name}()"
            case ast.Call(func=ast.Name(id=name), args=[_, ast.Constant(), *_]) if name in DYNAMIC_CALLS:
                pass
            case ast.Call(func=ast.Name(id=name)) if name in DYNAMIC_CALLS:
                yield node.lineno, f"calls {name}() with a computed name"
            case _:
                pass


def _nodes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, FORBIDDEN_NODES):
            yield node.lineno, f"uses {type(node).__name__}"


def _sets(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Sets may be asked what is in them and how many, never in which order: that depends on PYTHONHASHSEED."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    names = [
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_set(node.value)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    ]
    for node in ast.walk(tree):
        is_name = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names
        if (is_name or _is_set(node)) and not _is_unordered_use(node, parents):
            yield node.lineno, "uses a set other than for `in` and len()"


def _is_set(node: ast.AST) -> TypeGuard[ast.expr]:
    match node:
        case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="frozenset")):
            return True
        case _:
            return False


def _is_unordered_use(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether what stands around the set cannot see its order."""
    parent = parents[node]
    match parent:
        case ast.Compare(ops=ops):
            return all(isinstance(operator, ast.In | ast.NotIn) for operator in ops)
        case ast.Call(func=ast.Name(id=name)):
            return name in {"len", "frozenset"}
        case ast.comprehension():
            return isinstance(parents[parent], ast.SetComp)
        case ast.Assign() | ast.AnnAssign() | ast.Dict():
            return True
        case _:
            return False


@pytest.mark.parametrize("file", CORE, ids=lambda file: file.name)
def test_core_is_pure(file: Path) -> None:
    """No file of the core does anything but compute."""
    assert impurities(file.read_text()) == []


def test_core_was_found() -> None:
    """The check above looked at something."""
    assert len(CORE) > 5


@pytest.mark.parametrize(
    "snippet",
    [
        "import time",
        "import os.path",
        "from datetime import datetime",
        "from . import state",
        "from watchdog.journal import store",
        "import mathematics",
        "def f(): return open('x')",
        "x = hash('a')",
        "x = id(object())",
        "x = set()",
        "for x in {1, 2}: pass",
        "x = [a for a in {1, 2}]",
        "x = tuple({a for a in (1, 2)})",
        "def f(): return frozenset((1,))",
        "KNOWN = frozenset((1,))\nfor known in KNOWN: pass",
        "KNOWN = frozenset((1,))\nx = tuple(KNOWN)",
        "def f(rows):\n    seen = {row for row in rows}\n    return sorted(seen)",
        "async def f(): pass",
        "def f():\n    global x",
        "print('x')",
        "eval('1')",
        "def f(a, b): return getattr(a, b)",
    ],
)
def test_impurity_is_caught(snippet: str) -> None:
    """Each thing the core must not do is seen."""
    assert len(impurities(snippet)) == 1


@pytest.mark.parametrize(
    "snippet",
    [
        "from collections.abc import Iterator\nimport math\nfrom watchdog.core.state import State",
        "KNOWN = frozenset({1, 2})\nx = 1 in KNOWN",
        "x = 1 not in {1, 2}",
        "def f(rows): return len({row for row in rows}) > 1",
        "KNOWN = frozenset({1})\nMORE = frozenset({n + 1 for n in KNOWN})\nTABLE = {1: KNOWN, 2: frozenset({3})}",
        "def f(rows):\n    seen = {row for row in rows}\n    return 1 in seen",
        "def f(rows):\n    yield from rows",
        "def f(a): return getattr(a, 'name', None)",
        "def __hash__(self): return hash(self.name)",
    ],
)
def test_pure_code_passes(snippet: str) -> None:
    """The check does not cry wolf."""
    assert impurities(snippet) == []
