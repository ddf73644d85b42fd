#!/usr/bin/env python3
"""Debian's own Prometheus and its promtool, for tests: where they are, and how a server is run.

Run as a program it fetches the package when there is none and prints where promtool is. Where the package is installed,
that one is used; otherwise root unpacks it (unpacked.py).
"""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from unpacked import Unavailable, unpacked

PACKAGE = "prometheus"
WAIT_S = 30.0


def program(name: str) -> str:
    """Return the path of `prometheus` or `promtool`; fetch the package first when it is missing."""
    return shutil.which(name) or str(unpacked(PACKAGE) / "usr/bin" / name)


@dataclass(slots=True, kw_only=True)
class Prometheus:
    """One server on loopback."""

    port: int
    log: Path

    def ask(self, path: str, **parameters: str) -> object:
        """Ask its API and return the answer's data; None while nobody answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request("GET", f"/api/v1/{path}?{urlencode(parameters)}")
            answer = connection.getresponse()
            raw = answer.read()
        except OSError:
            return None
        finally:
            connection.close()
        return json.loads(raw)["data"] if answer.status == 200 else None

    def value(self, query: str) -> float | None:
        """Return the one number that a query finds, None when it finds nothing."""
        found = self.ask("query", query=query)
        results = found["result"] if isinstance(found, dict) else []
        return float(results[0]["value"][1]) if results else None


@contextmanager
def running(folder: Path, config: str) -> Iterator[Prometheus]:
    """Run a server with this configuration on a free port of loopback; what it keeps goes into the folder."""
    (folder / "prometheus.yml").write_text(config)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/kept"]
    words += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    made = Prometheus(port=port, log=folder / "prometheus.log")
    with made.log.open("wb") as said:
        process = subprocess.Popen(
            [program("prometheus"), *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    try:
        yield made
        assert process.poll() is None, made.log.read_text()[-2000:]
    finally:
        process.terminate()
        process.wait(WAIT_S)


def main() -> int:
    """Make sure that there is one, and print where its promtool is."""
    try:
        print(program("promtool"))
    except Unavailable as error:
        print(f"prometheus: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
