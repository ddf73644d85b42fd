"""What a real daemon keeps for an incident: every kind of evidence, before the page, within bounds, and no secret."""

import json
import os
import signal
import socket
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system

CANARY = "s3cret-canary"
SERVER = """
import http.server, json, os, pathlib, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        sick = pathlib.Path(sys.argv[2]).exists()
        body = json.dumps({"error": "no disk left", "api_key": "s3cret-canary"} if sick else {"ok": True}).encode()
        self.send_response(503 if sick else 200)
        self.send_header("Set-Cookie", "session=s3cret-canary")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
print("serving API_TOKEN=s3cret-canary", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
POLICY = """
port = {port}
[gateway.gateway.environment]
AGENT_MODE = "s3cret-canary"
[gateway.gateway.health]
start_grace = "1s"
failing = "1s"
failing_together = "1s"
[[gateway.gateway.probe]]
name = "http"
kind = "http"
target = "http://127.0.0.1:{port}/"
period = "1s"
timeout = "900ms"
"""


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(site: Any) -> Path:
    """Start a daemon whose gateway answers over HTTP; return the file that makes it answer 503."""
    port, sick, program = free_port(), Path(site.folder / "sick"), Path(site.folder / "server.py")
    program.write_text(SERVER)
    site.write_policy([sys.executable, str(program), str(port), str(sick)], POLICY.format(port=port))
    site.start()
    site.wait(lambda: site.status()["health"]["word"] == "healthy", "it to be well")
    return sick


def kept(site: Any, incident: str) -> dict[str, bytes]:
    """Wait for the evidence of an incident and return its files: of the first folder, by name."""

    def told() -> list[dict[str, Any]]:
        said = site.cli("incident", "evidence", incident, "--state", str(site.state), "--json")
        return json.loads(said.stdout)["evidence"] if said.returncode == 0 else []

    site.wait(lambda: bool(told()), f"evidence of {incident}")
    (first, *_) = told()
    assert first["problems"] == []
    folder = site.state / first["folder"]
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def lines(content: bytes) -> list[dict[str, Any]]:
    """Read JSON Lines."""
    return [json.loads(line) for line in content.splitlines()]


def test_a_gateway_that_fails_leaves_every_kind_of_evidence(site) -> None:
    """How it stood, its budget, requests, answers to probes, what it used, its sockets; each with its source."""
    sick = serve(site)
    site.human("hold", "gateway", "-m", "to be seen")
    sick.touch()
    site.wait_for_pages("http FAILS")
    incident = next(page["incident"] for page in site.delivered() if "http FAILS" in page["title"])
    files = kept(site, incident)
    about = json.loads(files["about.json"])
    answers = [look.get("answer", "") for look in lines(files["probes.jsonl"]) if look["result"] == "failed"]
    asked = lines(files["requests.jsonl"])
    sockets = lines(files["sockets.jsonl"])

    assert {each["name"] for each in about["files"]} == set(files) - {"about.json"}
    assert {each["words_of"] for each in about["files"]} == {"gatedog", "the gateway", "the kernel"}
    assert about["taken"]["boot"]
    assert json.loads(files["gateway.json"])["budget"]
    assert "no disk left" in answers[-1]
    assert "HTTP 503" in answers[-1]
    assert asked[-1]["verb"] == "hold"
    assert asked[-1]["trail"]
    assert [each["of"] for each in sockets if each["state"] == "LISTEN"] == ["the gateway"]
    assert any(point["memory_kib"] > 0 for point in lines(files["resources.jsonl"]))
    assert json.loads(files["life.json"])["exit"] is None
    assert b"serving" in files["output.log"]


def test_a_gateway_that_was_killed_leaves_its_end_and_who_sent_the_signal(site) -> None:
    """The exit record of the dead life, the sender where the kernel tells, the end of its log, and its last answers."""
    serve(site)
    for _ in range(4):
        pid = site.wait_until(ready=True)["pid"]
        os.kill(pid, signal.SIGKILL)
        site.wait(lambda dead=pid: site.status()["pid"] != dead, "the death to be seen")
        if site.status()["word"] == "HELD":
            break
    site.wait_until(word="HELD")
    files = kept(site, "INC-1")
    ended = json.loads(files["life.json"])["exit"]

    assert ended["signal"] == "SIGKILL"
    if site.errors.read_text().find("sender of signals: not available") < 0:
        assert ended["sent_by"]["pid"] == os.getpid()
    assert b"serving" in files["output.log"]
    assert any("HTTP 200" in look.get("answer", "") for look in lines(files["probes.jsonl"]))
    assert not [each for each in lines(files.get("sockets.jsonl", b"")) if each["of"] == "the gateway"]


def test_no_secret_is_in_what_is_exported(site, tmp_path: Path) -> None:
    """Values of variables and cookies are in no evidence at all; other secrets of a known shape are in no export."""
    sick = serve(site)
    sick.touch()
    site.wait_for_pages("http FAILS")
    files = kept(site, "INC-1")
    exports = {form: tmp_path / f"out.{form}" for form in ("md", "html", "tar")}
    words = [word for form, path in exports.items() for word in (f"--{form}", str(path))]
    done = site.cli("incident", "export", "INC-1", "--state", str(site.state), *words)

    assert done.returncode == 0, done.stderr
    assert "redacted: " in done.stdout
    assert "AGENT_MODE" in files["life.json"].decode()
    holds = {name for name, content in files.items() if CANARY.encode() in content}
    assert holds == {"output.log", "probes.jsonl"}
    assert b"session=" not in files["probes.jsonl"]
    for path in (exports["md"], exports["html"]):
        assert CANARY.encode() not in path.read_bytes()
    with tarfile.open(exports["tar"]) as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member)
            assert content is not None
            assert CANARY.encode() not in content.read(), member.name


def test_evidence_is_on_disk_when_the_page_arrives(site) -> None:
    """Whoever is told can look at once."""
    seen = site.folder / "seen"
    sink = f"ls {site.state}/incidents/INC-1/*/about.json >> {seen}; cat >> {site.pages}; echo >> {site.pages}"
    site.write_policy(["/bin/sh", "-c", "exit 1"], sink=sink)
    site.start()
    site.wait(lambda: any(page.get("incident") == "INC-1" for page in site.delivered()), "the page")

    assert seen.read_text().splitlines()[0].endswith("about.json")


def test_the_oldest_evidence_gives_way_on_record(site) -> None:
    """Above the bound of all evidence the oldest of what is over is removed, by a decision in the journal."""
    old = site.state / "incidents" / "INC-900" / "5.1"
    old.mkdir(parents=True, mode=0o700)
    site.state.chmod(0o700)
    with (old / "output.log").open("wb") as large:
        large.truncate(300 * 1024 * 1024)
    site.write_policy(["/bin/sh", "-c", "exit 1"])
    site.start()
    site.wait_until(word="HELD")
    site.wait(lambda: not old.exists(), "the oldest evidence to be dropped")
    told = site.cli("events", "-n", "1000").stdout

    assert "drop the evidence in incidents/INC-900/5.1 [incident.evidence-bounded]" in told
    assert not old.parent.exists()
    assert kept(site, "INC-1")
