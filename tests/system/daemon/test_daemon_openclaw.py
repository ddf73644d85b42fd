"""A daemon with the profile of OpenClaw, and a small program that behaves as OpenClaw was seen to."""

import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

FAKE = Path(__file__).parents[2] / "fake_openclaw.py"
LOOK_OFTEN = """
[[gateway.gateway.probe]]
name = "ready"
kind = "http"
target = "http://127.0.0.1:{port}/readyz"
period = "1s"
timeout = "900ms"
[[gateway.gateway.probe.assert]]
json = "ready"
equals = true
"""
"""The probe that reads the uptime; the profile's own looks every 30 s."""


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def supervise(site, port: int, environment: str = "{}", config: str = '{"gateway": {"mode": "local"}}') -> None:
    """Start a daemon for one gateway on a port."""
    folder = site.folder / "claw"
    folder.mkdir()
    (folder / "config.json").write_text(config)
    rules = f'profile = "openclaw"\nport = {port}\nenvironment = {environment}\n{LOOK_OFTEN}'
    site.write_policy([sys.executable, str(FAKE), str(folder), str(port)], rules)
    policy = site.config / "policy.toml"
    policy.write_text(policy.read_text().partition("[gateway.gateway.ready]")[0])  # the profile says when it is ready
    site.start()


def self_restarts(site) -> int:
    """Return how many starts are charged to the gateway's own account."""
    windows = (site.status() or {"budget": []})["budget"]
    return max((window["used"] for window in windows if window["account"] == "self_restart"), default=0)


def wait_for_lives(site, lives: int) -> None:
    """Wait until so many lives were started, and the last of them says that it serves."""
    logs = site.state / "log" / "gateway"
    site.wait(
        lambda: sum("[gateway] ready" in file.read_text() for file in logs.glob("[0-9]*.log")) == lives,
        f"{lives} lives",
    )


def test_a_restart_in_place_ends_a_life_and_is_charged(site) -> None:
    """Same process, no exit: its own word on how long it runs drops, and the small budget pays for it."""
    supervise(site, free_port(), '{ OPENCLAW_SUPERVISOR_MODE = "" }')
    before = site.wait_until(ready=True)
    wait_for_lives(site, 1)
    site.wait(lambda: "ready said ok" in site.cli("events").stdout, "the first look")
    os.kill(before["pid"], signal.SIGUSR2)
    site.wait(lambda: self_restarts(site) == 1, "the restart in place")
    after = site.wait_until(ready=True)

    assert (after["pid"], after["chain"], after["life"] > before["life"]) == (before["pid"], 1, True)
    assert "it started over inside of its process: by probe ready up for" in site.cli("events").stdout


def test_a_hand_off_is_charged_and_named(site) -> None:
    """With the profile's variables a restart is a clean end: the next start is on its account, with its own reason."""
    supervise(site, free_port())
    before = site.wait_until(ready=True)
    wait_for_lives(site, 1)
    os.kill(before["pid"], signal.SIGUSR2)
    wait_for_lives(site, 2)

    assert self_restarts(site) == 1
    assert site.wait_until(ready=True)["last_exit"]["code"] == 0
    assert "closed: restart (SIGUSR2: gateway.restart)" in site.cli("events").stdout


def test_a_refused_configuration_is_not_tried_again(site) -> None:
    """One life, one page, and in it the reason, which is not the last line it wrote."""
    supervise(site, free_port(), config="{not json")
    held = site.wait_until(word="HELD")
    (page,) = site.wait_for_pages("HELD")

    assert (held["chain"], held["hold_rule"]) == (1, "restart.configuration-refused")
    assert "Gateway start blocked: existing config is missing" in page["text"]


def test_who_holds_the_port_is_named_and_makes_nobody_ready(site) -> None:
    """Somebody else listens where the gateway should: people hear who, and the gateway was never ready."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        supervise(site, port)
        (page, *_) = site.wait_for_pages("NOT GATEDOG'S ALONE")
        site.wait_until(word="HELD")

    assert f"port {port} is held by pid {os.getpid()} (" in page["text"]
    assert "address-in-use" in json.dumps(site.wait_for_pages("HELD"))
