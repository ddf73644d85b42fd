"""The daemon killed with SIGKILL at every point that matters: one life, no page lost, the budget exact."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system

DRIVER = Path(__file__).with_name("crashing_daemon.py")

WRITERS = {
    "python": "import time\nwhile True:\n    print('line', flush=True)\n    time.sleep(0.02)\n",
    "node": "setInterval(() => process.stdout.write('line\\n'), 20);\n",
    "libc": """
#include <stdio.h>
#include <unistd.h>
int main(void) { for (;;) { puts("line"); fflush(stdout); usleep(20000); } }
""",
}

LIFE_EXISTS = ("after-exec", "after-exec-before-commit", "after-send-before-delivery-commit", "during-snapshot")
NO_LIFE_YET = {
    # The decision was lost with the crash, or is found without a life: decided once, charged once.
    "before-decision-commit": 1,
    "after-decision-commit": 1,
    "after-fork-before-ticket": 1,
    # A life on record that nobody saw end: charged, and the start that follows it as well.
    "after-ticket-before-exec": 2,
}


def writer(language: str, folder: Path) -> list[str]:
    """Return the command of a program that writes a line every 20 ms, or skip."""
    source = folder / f"writer-{language}.{'c' if language == 'libc' else 'txt'}"
    source.write_text(WRITERS[language])
    if language == "python":
        return [sys.executable, str(source)]
    tool = shutil.which("cc" if language == "libc" else "node")
    if tool is None:
        pytest.skip(f"no {'C compiler' if language == 'libc' else 'node'} on this machine")
    if language == "node":
        return [tool, str(source)]
    program = source.with_suffix("")
    subprocess.run([tool, "-o", str(program), str(source)], check=True, timeout=60)
    return [str(program)]


def running(command: list[str]) -> list[int]:
    """Return the pids of all processes with this command line."""
    wanted = b"".join(word.encode() + b"\0" for word in command)
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes() == wanted:
                found.append(int(entry.name))
        except OSError:
            continue  # it ended while we looked
    return found


def is_writing(site: Any, pid: int) -> bool:
    """Say whether the log of the newest life grows while its process lives."""
    os.kill(pid, 0)
    newest = max((site.state / "log" / "gateway").glob("[0-9]*.log"), key=lambda path: int(path.stem))
    before = newest.stat().st_size
    site.wait(lambda: newest.stat().st_size > before, "the gateway to write on")
    return True


def crash(site: Any, tmp_path: Path, point: str, command: list[str]) -> int:
    """Run a daemon until it dies at the point; return the pid that lived before that."""
    armed = tmp_path / "armed"
    site.write_policy(command)
    daemon = site.start(str(sys.executable), str(DRIVER), point, str(armed))
    pid = int(site.wait_until(ready=True)["pid"])
    armed.touch()
    if point == "during-snapshot":
        daemon.send_signal(signal.SIGTERM)
    elif "page" in point or "delivery" in point:
        site.human("page", "test")
    else:
        os.kill(pid, signal.SIGKILL)
    assert daemon.wait(timeout=30) == -signal.SIGKILL
    return pid


def check_journal(site: Any) -> None:
    """Require a whole chain, and the same decisions when it is decided again."""
    folder = str(site.state / "journal")
    assert site.cli("journal", "verify", folder).returncode == 0
    assert site.cli("verify", folder).returncode == 0


@pytest.mark.parametrize("language", WRITERS)
@pytest.mark.parametrize("point", LIFE_EXISTS)
def test_a_life_in_the_world_is_adopted_and_goes_on_writing(site, tmp_path: Path, point: str, language: str) -> None:
    """The same process, still writing, under the next daemon: not a second life, and charged once."""
    command = writer(language, tmp_path)
    before = crash(site, tmp_path, point, command)
    site.wait(lambda: len(running(command)) == 1, "the life that was begun")
    alive = running(command)
    orphaned = is_writing(site, alive[0])
    site.start()
    after = site.wait_until(ready=True)
    restarted = point in ("after-exec", "after-exec-before-commit")

    assert orphaned
    assert [after["pid"]] == alive == running(command)
    assert (after["pid"] != before) == restarted
    assert after["budget"][0]["used"] == restarted
    assert is_writing(site, after["pid"])
    check_journal(site)


@pytest.mark.parametrize(("point", "charged"), NO_LIFE_YET.items())
def test_a_start_cut_short_leads_to_one_life_and_an_exact_budget(
    site, tmp_path: Path, point: str, charged: int
) -> None:
    """Whatever of the start was left behind, there is one life in the end, and no launcher."""
    command = writer("python", tmp_path)
    crash(site, tmp_path, point, command)
    site.start()
    after = site.wait_until(ready=True)

    assert running(command) == [after["pid"]]
    assert after["budget"][0]["used"] == charged
    assert is_writing(site, after["pid"])
    check_journal(site)


@pytest.mark.parametrize(
    ("point", "times"), [("after-page-commit", 1), ("after-send-before-delivery-commit", 2)], ids=["queued", "sent"]
)
def test_no_page_is_lost_and_a_second_one_bears_the_same_key(site, tmp_path: Path, point: str, times: int) -> None:
    """A page that was queued is sent; one that was sent and not recorded is sent again, under the same key."""
    crash(site, tmp_path, point, writer("python", tmp_path))
    site.start()
    site.wait(lambda: len(site.delivered()) >= times, "the page")
    site.wait(lambda: "PageDelivered" in site.kinds_on_record(), "the delivery on record")
    pages = [page for page in site.delivered() if page["update"] != "resolved"]

    assert [page["title"] for page in pages] == [pages[0]["title"]] * times
    assert len({page["idempotency_key"] for page in pages}) == 1
    check_journal(site)
