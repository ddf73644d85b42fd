"""What the README has before anything is installed, typed in this checkout. The rest: machines/test_new_user.py.

It is typed with a /run and a /var/lib of its own: gatedog run by root keeps its state where a host's own gatedog does.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = "your-gateway --its-options"
SESSION = """\
set -eu
mount -t tmpfs none /run
mount -t tmpfs none /var/lib
{run} >/run/said 2>&1 &
daemon=$!
for _ in $(seq 200); do
    {status} >/run/status && grep -q READY /run/status && break
    sleep 0.1
done
kill -INT $daemon
wait $daemon || echo "exit $?"
cat /run/status /run/said
"""
"""Two terminals: the gateway is ready 5 s after its start, status says so, and Ctrl-C ends both."""


def commands() -> list[str]:
    """Return what is typed under "Try it", each once."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Try it")[2].partition("\n## ")[0]
    return list(dict.fromkeys(re.findall(r"^\$ (.*)$", text, re.MULTILINE)))


def typed(line: str, *before: str) -> subprocess.CompletedProcess[str]:
    """Type a line where the reader would, in the checkout."""
    argv = [*before, "bash", "-c", line]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_readme_has_two_commands() -> None:
    """Everything below types what stands there; there is nothing else to be typed."""
    assert commands() == ["./gatedog demo", f"./gatedog run -- {EXAMPLE}"]


def test_the_demo_tells_the_story_of_the_readme() -> None:
    """The numbers differ from host to host; the story does not."""
    done = typed(commands()[0])

    assert done.returncode == 0, done.stderr
    assert re.search(r"without +\d\d+ deaths in \d+ s, 0 pages, and no end to it", done.stdout), done.stdout
    assert re.search(r"with +[1-5] deaths, then held", done.stdout), done.stdout
    assert "[request.agent-never]" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="a private /run needs root")
def test_a_gateway_is_run_and_asked_about_as_the_readme_says() -> None:
    """Without a file: READY from another terminal, and Ctrl-C ends it in order."""
    run = commands()[1].replace(EXAMPLE, "sleep 1000")
    done = typed(SESSION.format(run=run, status="./gatedog status"), "unshare", "--mount")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "READY" in done.stdout
    assert "exit" not in done.stdout, done.stdout
