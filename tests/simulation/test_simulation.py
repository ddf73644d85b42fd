"""The whole product, but for its edges, in a seeded world that goes wrong; see simulation.py."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from simulation import Simulation

pytestmark = pytest.mark.system

SEEDS = 200
_MEMORY = Path("/dev/shm")  # noqa: S108  a file system in memory; a made-up disk needs no real one


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tell one story for each seed."""
    if "seed" in metafunc.fixturenames:
        one, count = metafunc.config.getoption("--seed"), metafunc.config.getoption("--seeds")
        metafunc.parametrize("seed", [one] if one is not None else range(1, (count or SEEDS) + 1))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that is fast and gone afterwards."""
    made = Path(tempfile.mkdtemp(prefix="gatedog-", dir=_MEMORY if _MEMORY.is_dir() else None))
    yield made
    shutil.rmtree(made)


def test_promises_hold_in_a_world_that_goes_wrong(seed: int, folder: Path) -> None:
    """Whatever fails, nothing forbidden happens; and once nothing fails any more, everything comes right."""
    story = Simulation(seed, folder / "journal")
    try:
        story.run()
    except BaseException as error:
        print("\n".join(story.observer.trace))
        print(f"seed {seed}: {error}\nThe same story again: ./check system -k simulation --seed {seed}")
        raise
    finally:
        story.close()
