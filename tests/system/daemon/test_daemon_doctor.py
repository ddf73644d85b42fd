"""`gatedog doctor` beside a real daemon, and the archive that it writes for somebody who helps."""

import json
import tarfile
from typing import Any

import pytest

pytestmark = pytest.mark.system

TOKEN = "ghp_abcdef0123456789abcdef0123456789"  # noqa: S105 - it opens nothing
EXPECTED = {"owner", "enforcing", "policy", "credentials", "signatures", "drill", "own-files", "disk", "versions"}


def test_every_check_has_an_id_evidence_and_a_way_on(site: Any) -> None:
    """And the exit code is the worst of them."""
    site.write_policy(["/bin/sh", "-c", "sleep 1000"])
    site.start()
    site.wait_until(ready=True)
    done = site.cli("doctor", "--config", str(site.config), "--json")
    checks = json.loads(done.stdout)["checks"]

    assert {each["id"] for each in checks} >= EXPECTED
    assert all(each["evidence"] for each in checks)
    assert all(each["fix"] for each in checks if each["verdict"] != "ok")
    assert done.returncode == 2  # nobody would hear of anything: the only channel is this terminal


def test_a_drill_that_a_person_reports_is_what_doctor_believes(site: Any) -> None:
    """Until then it says that none was held."""
    site.write_policy(["/bin/sh", "-c", "sleep 1000"])
    site.start()
    site.wait_until(ready=True)

    def verdict() -> str:
        checks = json.loads(site.cli("doctor", "--config", str(site.config), "--json").stdout)["checks"]
        return str(next(each["verdict"] for each in checks if each["id"] == "drill"))

    before = verdict()
    site.human("drill", "kill-loop", "--to", str(site.folder / "drills"))

    assert (before, verdict()) == ("warn", "ok")


def test_the_archive_holds_what_was_seen_and_no_secret(site: Any) -> None:
    """Secrets of a known shape are taken out and counted; the file is its owner's, and no other is overwritten."""
    site.write_policy(["/bin/sh", "-c", f"echo token {TOKEN}; exit 1"])
    site.start()
    site.wait_until(word="HELD")
    archive = site.folder / "help.tar"
    site.cli("doctor", "--config", str(site.config), "--bundle", str(archive))
    again = site.cli("doctor", "--config", str(site.config), "--bundle", str(archive))
    with tarfile.open(archive) as pack:
        files = {each.name: pack.extractfile(each) for each in pack.getmembers()}
        texts = {name: "" if file is None else file.read().decode() for name, file in files.items()}
    names = {name.removeprefix("gatedog-bundle/") for name in texts}

    assert {"doctor.json", "status.json", "events.jsonl", "config/policy.toml", "taken-out.txt"} <= names
    assert TOKEN not in "".join(texts.values())
    assert "token" in texts["gatedog-bundle/taken-out.txt"]
    assert "MainProcessExited" in texts["gatedog-bundle/events.jsonl"]
    assert archive.stat().st_mode & 0o777 == 0o600
    assert again.returncode == 1
    assert "is there already" in again.stderr
