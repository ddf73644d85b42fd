"""Fixtures of the tests with a real OpenClaw, and the rule that nobody runs them without asking for them.

They download some 850 MB once, need the network for it, and take half an hour: `./check openclaw` runs them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openclaw_install import Installation, find_installation
from openclaw_site import Site


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --steady-minutes."""
    parser.addoption("--steady-minutes", type=float, default=10.0, help="how long a healthy OpenClaw is watched")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Collect nothing here unless `-m openclaw` asks for it."""
    return None if "openclaw" in config.getoption("markexpr") else True


@pytest.fixture(scope="session")
def installation() -> Installation:
    """Give the installed OpenClaw; installing it is not a test's business."""
    found = find_installation()
    if not found.is_there:
        pytest.fail("OpenClaw is not installed for the tests. Run: ./check openclaw")
    return found


@pytest.fixture
def site(tmp_path: Path, installation: Installation) -> Iterator[Site]:
    """Give folders for one OpenClaw under gatedog, and end what was started in them."""
    made = Site(tmp_path, installation)
    try:
        yield made
    finally:
        made.close()
