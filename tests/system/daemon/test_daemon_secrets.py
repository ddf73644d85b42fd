"""No secret of the pager in anything that gatedog writes, prints or passes on, whatever becomes of the pages."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_server import PageServer, serving

pytestmark = pytest.mark.system

CANARY = "s3cret-canary"
BOT = f"123456789:{CANARY}-aaaaaaaaaaaaaaaaaaaaaaaa"
LOOKS = (
    ("status", "--json"),
    ("events", "-n", "1000"),
    ("events", "-n", "1000", "--json"),
    ("explain", "INC-1"),
    ("incident", "show", "INC-1"),
    ("page", "list"),
    ("page", "channels"),
    ("page", "channels", "--json"),
)
CHANNELS = """
[channel.hook]
kind = "webhook"
url = "{url}hook"
credential_file = "{keys}/bearer"
signing_file = "{keys}/signing"
[channel.slack]
kind = "webhook"
template = "slack"
url_file = "{keys}/address"
[channel.pd]
kind = "pagerduty"
url = "{url}"
credential_file = "{keys}/routing"
[channel.phone]
kind = "pushover"
url = "{url}"
credential_file = "{keys}/token"
user_file = "{keys}/user"
[channel.chat]
kind = "telegram"
url = "{url}"
credential_file = "{keys}/bot"
chat = "11"
contacts = {{ alice = "11" }}
agent_token_files = []
[channel.push]
kind = "ntfy"
url = "{url}"
topic = "pages"
credential_file = "{keys}/ntfy"
[channel.post]
kind = "smtp"
host = "127.0.0.1"
port = 1
tls = "starttls"
sender = "gatedog@example.org"
recipients = ["alice@example.org"]
username = "gatedog"
credential_file = "{keys}/password"
[deadman.hc]
kind = "healthchecks"
url_file = "{keys}/ping"
[escalation]
tiers = [["hook", "slack", "pd", "phone", "chat", "push", "post"]]
notices = ["hook", "pd"]
changes = ["pd"]
"""
VALUE = "a-variable-without-a-known-shape"
"""Of the gateway's environment: in the journal, which is gatedog's own, and told to nobody."""
PLAIN = ("bearer", "signing", "routing", "token", "user", "ntfy", "password")


@pytest.fixture
def server() -> Iterator[PageServer]:
    """Serve the place of every receiver."""
    with serving() as made:
        yield made


def write_bundle(site: Any, url: str) -> Path:
    """Write a bundle with a channel of each kind that needs a secret; return the folder of the secrets."""
    keys: Path = site.folder / "keys"
    keys.mkdir(mode=0o700)
    texts = dict.fromkeys(PLAIN, CANARY) | {"bot": BOT, "address": f"{url}in/{CANARY}", "ping": f"{url}ping/{CANARY}"}
    for name, text in texts.items():
        (keys / name).write_text(f"{text}\n")
        (keys / name).chmod(0o600)
    site.write_policy(["/bin/sh", "-c", "exit 1"], f'environment = {{ BACKEND_PASS = "{VALUE}" }}')
    (site.config / "pager.toml").write_text(CHANNELS.format(url=url, keys=keys))
    return keys


@pytest.mark.parametrize("status", [200, 401, 503])
def test_o12_the_canary_is_in_nothing_that_gatedog_says(site, server: PageServer, status: int) -> None:
    """Journal, status file, standard error, evidence, every look, every page, the process's own words: none has it."""
    server.status = status
    keys = write_bundle(site, server.url)
    daemon = site.start()
    site.wait_until(word="HELD")
    site.wait(lambda: CANARY in server.heard and BOT in server.heard, "the secrets to be used")
    site.human("page", "test")
    site.wait(lambda: {"PageFailed", "PageStuck"} & site.kinds_on_record() or status == 200, "what became of them")
    looks = [site.cli(*words) for words in LOOKS]
    said = [look.stdout + look.stderr for look in looks]
    said += [site.cli(*words, "--config", str(site.config)).stdout for words in (("doctor",), ("doctor", "--json"))]
    site.cli("doctor", "--config", str(site.config), "--bundle", str(site.folder / "help.tar"))
    said += [site.cli("policy", "check", str(site.config)).stdout]
    for name in ("cmdline", "environ"):
        said.append(Path(f"/proc/{daemon.pid}/{name}").read_text())
    daemon.send_signal(signal.SIGTERM)
    daemon.wait()
    files = [file for file in site.folder.rglob("*") if file.is_file() and keys not in file.parents]

    assert len(files) > 5
    assert [text for text in said if CANARY in text] == []
    assert [text for text in said if VALUE in text] == []
    assert VALUE.encode() not in (site.folder / "help.tar").read_bytes()
    assert [str(file) for file in files if CANARY.encode() in file.read_bytes()] == []
    assert [page for page in server.arrived if "text" in page and CANARY in str(page)] == []
