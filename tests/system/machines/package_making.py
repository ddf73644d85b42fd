"""Making the Debian packages of a test run: each once, two at a time.

Invariant: all of them are made of the files as they were when the first was asked for.
"""

import io
import os
import shutil
import subprocess
import tarfile
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from machine_install import Edits, pack_sources
from machine_tree import CHECKOUT, SUITES

from watchdog import __version__

NEXT_VERSION = f"{__version__}.post1"
NEXT: Edits = (
    ("watchdog/__init__.py", f'__version__ = "{__version__}"', f'__version__ = "{NEXT_VERSION}"'),
    ("units/gatedog.service", "\nRestartSec=1\n", "\nRestartSec=1001ms\n"),
)
EPOCH = 1_774_500_000
"""The date of everything in these packages: any will do."""


class Kind(StrEnum):
    """Which package of a suite."""

    THIS = "this"
    NEXT = "next"
    AGAIN = "again"
    """This one once more, from nothing: fetched and compiled again."""


class Packages:
    """The packages; `Packages(folder).of(suite, kind)` waits for one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(2)
        self._begun: dict[tuple[str, Kind], Future[Path]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    @property
    def sources(self) -> Path:
        """Return the folder with the files of which this version is made."""
        self._begin()
        return self._folder / "this"

    def of(self, suite: str, kind: Kind = Kind.THIS) -> Path:
        """Return the path of a package, once it is made."""
        self._begin()
        return self._begun[suite, kind].result()

    def _begin(self) -> None:
        if not self._begun:
            for edits, name in (((), "this"), (NEXT, "next")):
                with tarfile.open(fileobj=io.BytesIO(pack_sources(edits))) as tar:
                    tar.extractall(self._folder / name, filter="data")
            self._begun = {
                (suite, kind): self._pool.submit(self._make, suite, kind) for kind in Kind for suite in SUITES
            }

    def _make(self, suite: str, kind: Kind) -> Path:
        source, options = self._folder / kind, []
        if kind is Kind.AGAIN:  # as somebody else would, elsewhere and at another time
            source, options = self._folder / "elsewhere" / suite, ["--no-cache"]
            shutil.copytree(self._folder / "this", source)
            for path in source.rglob("*"):
                path.chmod(path.stat().st_mode | 0o020)  # under an umask of 002
        done = subprocess.run(
            [CHECKOUT / "packaging/build-deb", suite, self._folder / f"{suite}-{kind}", "--source", source, *options],
            env=os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip())
