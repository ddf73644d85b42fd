"""What a real daemon kept for an incident, checked and exported by the real command line."""

import json
import tarfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

DIES = ["/bin/sh", "-c", "echo 'Config invalid: API_TOKEN=s3cr3t-0f-the-agent'; exit 1"]


def test_an_incident_of_a_real_daemon_is_verified_and_exported(site, tmp_path: Path) -> None:
    """Evidence that the daemon kept fits its journal, beside the daemon and after it; secrets are in no export."""
    site.write_policy(DIES)
    site.start()
    site.wait_until(word="HELD")
    site.wait(lambda: bool(site.delivered()), "a page")
    files = {form: tmp_path / f"INC-1.{form}" for form in ("md", "html", "tar")}
    words = [word for form, path in files.items() for word in (f"--{form}", str(path))]
    site.wait(
        lambda: "OWED" not in site.cli("incident", "evidence", "INC-1", "--state", str(site.state)).stdout,
        "the evidence to be kept",
    )

    told = json.loads(site.cli("incident", "verify", "INC-1", "--state", str(site.state), "--json").stdout)
    exported = site.cli("incident", "export", "INC-1", "--state", str(site.state), *words)

    assert told["problems"] == []
    assert "life.json" in [file["name"] for folder in told["evidence"] for file in folder["files"]]
    assert exported.returncode == 0, exported.stderr
    assert all(b"s3cr3t-0f-the-agent" not in path.read_bytes() for path in files.values())
    with tarfile.open(files["tar"]) as archive:
        assert any(name.endswith("output.log") for name in archive.getnames())
    site.close()
    assert site.cli("incident", "verify", "INC-1", "--state", str(site.state)).returncode == 0
