"""Fixtures of the machines: real systemd, on Debian 12 (systemd 252) and Debian 13 (257).

Whatever uses `suite`, directly or through a fixture, runs once for each of them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from machine import Machine
from machine_install import install_gatedog
from machine_tree import SUITES, missing_packages
from package_making import Packages


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these last: shared machines live until the end, and their keepers are children that other tests count."""
    folder = Path(__file__).parent
    items.sort(key=lambda item: folder in item.path.parents)


@pytest.fixture(scope="session")
def machines_possible() -> None:
    """Skip where no machine can boot; where everything must be tested, that is a failure."""
    reason = ""
    if os.geteuid() != 0:
        reason = "booting a machine needs root"
    elif missing := missing_packages():
        reason = f"booting a machine needs: apt-get install -y {' '.join(missing)}"
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session", params=SUITES, ids=["debian12", "debian13"])
def suite(request: pytest.FixtureRequest) -> str:
    """Name the Debian release that a test runs on."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def machine_of(machines_possible: None) -> Iterator[Callable[[str], Machine]]:
    """Give the shared machine of a suite, booted at first use: for tests that leave it as they found it."""
    booted: dict[str, Machine] = {}
    with ExitStack() as ends:

        def of(suite: str) -> Machine:
            if suite not in booted:
                booted[suite] = ends.enter_context(Machine(suite)).boot()
            return booted[suite]

        yield of


@pytest.fixture(scope="session")
def machine(machine_of: Callable[[str], Machine], suite: str) -> Machine:
    """Give the shared machine, without gatedog, for tests that leave it as they found it."""
    return machine_of(suite)


@pytest.fixture(scope="session")
def gatedog_machine(machines_possible: None, suite: str) -> Iterator[Machine]:
    """Give another shared machine, with this checkout's gatedog installed."""
    with Machine(suite) as made:
        install_gatedog(made.boot())
        yield made


@pytest.fixture
def fresh_machine(machines_possible: None, suite: str) -> Iterator[Machine]:
    """Give a machine of the test's own, booted, which it may reboot and break."""
    with Machine(suite) as made:
        yield made.boot()


@pytest.fixture(scope="session")
def packages(machines_possible: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packages]:
    """Give the Debian packages of this checkout and of its next version; all are begun when the first is asked for."""
    with Packages(tmp_path_factory.mktemp("packages")) as made:
        yield made
