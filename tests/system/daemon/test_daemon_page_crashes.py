"""The daemon killed with SIGKILL at every step from the decision to page to the delivery on record.

The receiver is strict: it keeps what arrived whole, and every copy of a page must be the same bytes under the same key.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_server import PageServer, serving

pytestmark = pytest.mark.system

DRIVER = Path(__file__).with_name("crashing_daemon.py")
ONE_START = '[gateway.gateway.budget]\nwindows = ["1 per 10min"]\n'

POINTS = {
    # How often the page arrives: twice where the first copy had arrived, and nobody could know.
    "before-page-commit": 1,
    "after-page-commit": 1,
    "before-send": 1,
    "half-sent": 1,
    "sent": 2,
    "after-answer": 2,
    "after-send-before-delivery-commit": 2,
    "after-delivery-taken": 2,  # nothing was decided with it, so it is written with the next group, within a second
}


@pytest.fixture
def server() -> Iterator[PageServer]:
    """Serve the place of a pager."""
    with serving() as made:
        yield made


def page_to(site: Any, server: PageServer) -> None:
    """Write a bundle whose gateway dies as soon as a file is there, and is held at the second death."""
    die = site.folder / "die"
    site.write_policy(["/bin/sh", "-c", f"test -e {die} && exit 1; exec sleep 1000"], ONE_START)
    (site.config / "pager.toml").write_text(
        f'[channel.hook]\nkind = "webhook"\nurl = "{server.url}"\n'
        '[escalation]\ntiers = [["hook"]]\nnotices = ["terminal"]\n'
    )


def kill_at(site: Any, server: PageServer, daemon: "subprocess.Popen[bytes]", point: str) -> None:
    """Let the daemon be killed at the point, and wait for that."""
    pid = int(site.wait_until(ready=True)["pid"])

    def end() -> None:
        daemon.kill()
        daemon.wait()

    def end_half_way() -> None:
        end()
        raise ConnectionResetError  # what is on its way already does not arrive

    if point == "half-sent":
        server.half_way = end_half_way
    elif point == "sent":
        server.before_answer = end
    (site.folder / "die").touch()
    (site.folder / "armed").touch()
    os.kill(pid, signal.SIGKILL)
    assert daemon.wait(timeout=30) == -signal.SIGKILL
    server.half_way = server.before_answer = lambda: None


@pytest.mark.parametrize(("point", "times"), POINTS.items())
def test_o02_a_critical_page_survives_a_kill_at_every_step(site, server: PageServer, point: str, times: int) -> None:
    """It arrives, once more where that cannot be helped, the same under the same key, and its end comes after it."""
    page_to(site, server)
    daemon = site.start(sys.executable, str(DRIVER), point, str(site.folder / "armed"))
    kill_at(site, server, daemon, point)

    site.start()
    site.wait_until(word="HELD")
    site.wait(lambda: len(server.arrived) >= times, "the page")
    site.wait(lambda: "PageDelivered" in site.kinds_on_record(), "the delivery on record")
    assert site.human("incident", "close", "INC-1", "-m", "seen")[0] == 0
    site.wait(lambda: server.arrived[-1]["update"] == "resolved", "the end")
    pages = server.pages("INC-1")
    keys = {(page["page"], key) for page, key in zip(server.arrived, server.keys, strict=True)}

    assert [page["update"] for page in pages] == ["opened"] * times + ["resolved"]
    assert pages == server.arrived, "nobody was told of anything else"
    assert [page["severity"] for page in pages[:-1]] == ["critical"] * times
    assert all(page == pages[0] for page in pages[:-1]), "every copy is the same"
    assert len({page["dedup_key"] for page in pages}) == 1
    assert len(keys) == 2, "one key for the page, one for its end"


def test_o04_what_happened_while_nothing_got_out_is_one_page(site, server: PageServer) -> None:
    """Held, released and held again while the receiver is down, gatedog killed in between: told once, with a count."""
    server.status = 503
    page_to(site, server)
    daemon = site.start()
    pid = int(site.wait_until(ready=True)["pid"])
    (site.folder / "die").touch()
    os.kill(pid, signal.SIGKILL)
    site.wait_until(word="HELD")
    site.wait(lambda: "PageStuck" in site.kinds_on_record(), "the channel to be stuck")
    assert site.human("release", "gateway", "-m", "try again")[0] == 0
    site.wait_until(word="HELD", hold_rule="hold.probation-failed")
    daemon.kill()
    daemon.wait()
    server.status = 200
    site.start()
    site.wait(lambda: bool(server.pages("INC-1")), "the page")
    site.wait(lambda: "PageDelivered" in site.kinds_on_record(), "the delivery on record")
    (page,) = server.pages("INC-1")

    assert (page["severity"], page["update"]) == ("critical", "opened")
    assert "the latest of 2" in page["text"]
