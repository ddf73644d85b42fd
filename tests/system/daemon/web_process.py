"""`gatedog web` as a process of its own, for tests that open its pages."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

GATEDOG = str(Path(sys.executable).with_name("gatedog"))
WAIT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebProcess:
    """One that listens. `url` ends with a slash."""

    url: str
    process: subprocess.Popen[str]

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
        """Ask for a path; return status, headers by their names in lower case, and text."""
        connection = HTTPConnection(str(urlsplit(self.url).netloc), timeout=WAIT_S)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read().decode()
        finally:
            connection.close()


@contextmanager
def web_process(socket: Path, *words: str) -> Iterator[WebProcess]:
    """Run `gatedog web` on a free port of loopback, or where `words` say, until the body is done."""
    argv = [GATEDOG, "--socket", str(socket), "web", *(words or ("--listen", "127.0.0.1:0"))]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said.startswith("listening on "), said
            yield WebProcess(url=said.removeprefix("listening on ").strip(), process=process)
        finally:
            process.terminate()
            process.wait(WAIT_S)
