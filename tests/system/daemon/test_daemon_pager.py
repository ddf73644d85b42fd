"""The pager of a real daemon: tests that get through, channels that do not, and a switch that is told."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytestmark = pytest.mark.system

LIVES = ["/bin/sh", "-c", "exec sleep 1000"]
DIES = ["/bin/sh", "-c", "exit 1"]


@pytest.fixture
def checks() -> Iterator[tuple[str, list[str]]]:
    """Serve the place of a Healthchecks server: its address, and the paths it was asked for."""
    asked: list[str] = []

    class Check(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Check)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()
    thread.join(10)


def pager_of(site) -> dict:
    """Ask for the Pager reply."""
    reply: dict = json.loads(site.cli("page", "channels", "--json").stdout)["pager"]
    return reply


def add_to_pager(site, text: str) -> None:
    """Append to pager.toml."""
    file = site.config / "pager.toml"
    file.write_text(file.read_text() + text)


def test_o10_a_test_page_goes_the_real_way_and_is_remembered(site) -> None:
    """By a human only; the page is marked, its end follows it, and the doctor is content with it."""
    site.write_policy(LIVES)
    site.start()
    site.wait_until(ready=True)
    assert site.cli("page", "test").returncode == 77

    code, said = site.human("page", "test", "--channel", "sink", "--severity", "warning")
    assert code == 0, said
    (tested,) = site.wait_for_pages("TEST", update="test")
    (ended,) = site.wait_for_pages("TEST", update="resolved")
    site.wait(lambda: pager_of(site)["channels"][0]["tested_wall_usec"] is not None, "the test on record")

    assert (tested["severity"], tested["dedup_key"]) == ("warning", ended["dedup_key"])
    found = json.loads(site.cli("doctor", "--config", str(site.config), "--json").stdout)
    assert next(each for each in found["checks"] if each["id"] == "page-test")["verdict"] == "ok"


def test_what_a_channel_gave_up_is_tried_again_when_it_is_mended(site) -> None:
    """64 is a fault that only a human can mend; then the page goes out under its old name."""
    mended = site.folder / "mended"
    sink = f"cat > {site.folder}/page.$$; test -e {mended} || exit 64; cat {site.folder}/page.$$ >> {site.pages}"
    site.write_policy(DIES, sink=f"{sink}; echo >> {site.pages}")
    site.start()
    site.wait_until(word="HELD")
    site.wait(lambda: bool(pager_of(site)["given_up"]), "the channel to give up")
    given_up = pager_of(site)["given_up"][0]
    assert "page retry" in site.cli("page", "list").stdout
    assert site.cli("page", "retry", given_up["page"]).returncode == 77

    mended.touch()
    code, said = site.human("page", "retry", given_up["page"])

    assert code == 0, said
    site.wait(lambda: any(page["page"] == given_up["page"] for page in site.delivered()), "the page")
    left = {page["page"] for page in pager_of(site)["given_up"]}  # the word on the refused request may be among them
    assert given_up["page"] not in left


def test_a_dead_man_switch_is_told_that_it_began(site, checks) -> None:
    """From the first turn of the loop; its address is a file, and in no reply."""
    address, asked = checks
    url = site.folder / "hc.url"
    url.write_text(f"{address}/ping/s3cret\n")
    url.chmod(0o600)
    site.write_policy(LIVES)
    add_to_pager(site, f'[deadman.hc]\nkind = "healthchecks"\nurl_file = "{url}"\n')
    site.start()
    site.wait(lambda: bool(asked), "the switch to be told")
    site.wait(lambda: pager_of(site)["switches"][0]["last_ok_wall_usec"] is not None, "the answer")

    assert asked == ["/ping/s3cret/start"]
    assert "s3cret" not in site.cli("page", "channels").stdout + site.errors.read_text()


def test_who_is_told_when_is_taken_over_as_it_runs(site) -> None:
    """Tiers, quiet hours and limits are the core's to read; only channels take a restart."""
    site.write_policy(LIVES)
    site.start()
    site.wait_until(ready=True)
    add_to_pager(site, 'quiet_hours = "22:00-07:00 Europe/Berlin"\nlast_resort = ["sink"]\n')
    site.commit()

    site.wait(lambda: any(each["last_resort"] for each in pager_of(site)["channels"]), "the new rules")
    assert pager_of(site)["channels"][0]["last_resort"]
