"""A daemon that is stuck: it takes connections and never says a word."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

GATEDOG = str(Path(sys.executable).with_name("gatedog"))
LONGEST_S = 25
"""The longest limit of a question that changes nothing is 10 s; the rest is for a busy machine."""


def test_reading_commands_give_up_on_a_daemon_that_is_stuck() -> None:
    """status, events, explain and the list of incidents end by themselves, each with its code and what to do next."""
    with tempfile.TemporaryDirectory(prefix="gd-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(folder, "control.sock")  # noqa: PTH118 - a text is what the command gets
        listener.bind(path)
        listener.listen(64)
        asked = {
            words: subprocess.Popen([GATEDOG, "--socket", path, *words.split()], stderr=subprocess.PIPE, text=True)
            for words in ("status", "events", "events -f", "explain", "incident list")
        }
        until = time.monotonic() + LONGEST_S
        try:
            ended = {
                words: (process.communicate(timeout=max(until - time.monotonic(), 0.1))[1], process.returncode)
                for words, process in asked.items()
            }
        finally:
            for process in asked.values():
                process.kill()

    assert {words: code for words, (_, code) in ended.items()} == {
        "status": 4,
        "events": 1,
        "events -f": 1,
        "explain": 1,
        "incident list": 1,
    }
    assert all("did not answer in time" in said for said, _ in ended.values())
    assert all("next: systemctl status gatedog" in said for said, _ in ended.values())
