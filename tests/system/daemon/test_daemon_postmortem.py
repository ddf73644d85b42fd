"""Three layers on a real daemon: the agent gathers and guesses, a person writes and signs, anybody verifies."""

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system

ALICE = "alice@ops"
CAUSE = "Two owners restarted it in turn,\nbecause nobody had removed the old unit."
TEXT = f"## Cause\n{CAUSE}\n## Trigger\nAn update.\n## Lessons\n- One owner.\n## Actions\n"


class Desk:
    """A person's own place, with a key, beside a daemon whose gateway died too often."""

    def __init__(self, site: Any, folder: Path) -> None:
        self.site = site
        self.folder = folder
        folder.mkdir()
        self.key = folder / "id"
        self.text = folder / "text.md"
        self.text.write_text(TEXT)
        self.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))

    def list_signer(self) -> None:
        """Let a human list this key in the bundle."""
        signers = self.site.config / "allowed_signers"
        signers.write_text(f"{ALICE} {self.key.with_suffix('.pub').read_text()}")
        signers.chmod(0o600)

    def run(self, *argv: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program where the person is."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environ = {"HOME": str(self.folder), "PATH": path, "GATEDOG_SOCKET": str(self.site.socket)}
        return subprocess.run(
            argv, cwd=self.folder, env=environ, input=given, capture_output=True, text=True, timeout=60, check=False
        )

    def types(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run gatedog without a terminal."""
        return self.run("gatedog", *words, given=given)

    def verified(self) -> tuple[int, dict[str, Any]]:
        """Verify the cause from the state folder alone."""
        done = self.types(
            *("postmortem", "verify", "INC-1", "--json", "--state", str(self.site.state)),
            *("--bundle", str(self.site.config)),
        )
        return done.returncode, json.loads(done.stdout)

    def signs(self) -> subprocess.CompletedProcess[str]:
        """Ask for the challenge, sign it, hand the signature in."""
        asked = self.types("postmortem", "sign", "INC-1", "--yes", "--challenge", "cause.json")
        assert asked.returncode == 77, asked.stderr
        line = next(each for each in re.findall(r"next: (.*)", asked.stderr) if "ssh-keygen" in each)
        assert self.run("/bin/sh", "-c", line.replace("~/.ssh/id_ed25519", str(self.key))).returncode == 0
        answer = next(each for each in re.findall(r"next: (.*)", asked.stderr) if "--signature REQ" in each)
        self.challenge = (self.folder / "cause.json").read_bytes()
        return self.run("/bin/sh", "-c", answer)


@pytest.fixture
def desk(site: Any, tmp_path: Path) -> Desk:
    """Return a person's place; the gateway is held, which is INC-1."""
    site.write_policy(["/bin/sh", "-c", "echo lock is held by 77; exit 1"])
    return Desk(site, tmp_path / "person")


def spiral(desk: Desk) -> None:
    """Let the gateway die until it is held and paged."""
    desk.site.start()
    desk.site.wait_until(hold="held")
    desk.site.wait_for_pages("")


def first_record(desk: Desk) -> str:
    """Name the first record of INC-1."""
    shown = json.loads(desk.types("incident", "show", "INC-1", "--json").stdout)
    return str(shown["records"][0]["seq"])


def test_a_person_attests_where_nobody_is_listed(desk: Desk) -> None:
    """Attested at a terminal, called that everywhere, verified without the daemon; edited since, it fails."""
    spiral(desk)
    site = desk.site
    assert desk.types("postmortem", "verify", "INC-1", "--state", str(site.state)).returncode == 1
    code, said = site.human("postmortem", "edit", "INC-1", "--from", str(desk.text))
    assert code == 0, said
    code, said = site.human("postmortem", "sign", "INC-1", "--yes")
    assert code == 0, said
    assert "attested, without a signature" in said

    code, found = desk.verified()
    assert (code, found["problems"]) == (0, [])
    assert "no signature" in found["summary"]
    assert "attested" in desk.types("incident", "show", "INC-1").stdout
    desk.text.write_text(TEXT.replace("Two owners", "Three owners"))
    assert site.human("postmortem", "edit", "INC-1", "--from", str(desk.text))[0] == 0
    code, found = desk.verified()
    assert code == 1
    assert "edited after it was signed" in found["problems"][0]


def test_a_name_covers_what_was_read_and_no_more(desk: Desk) -> None:
    """A draft says where its evidence ends; what was recorded between reading and signing is new since."""
    spiral(desk)
    site = desk.site
    assert site.human("postmortem", "edit", "INC-1", "--from", str(desk.text))[0] == 0
    draft = desk.types("postmortem", "draft", "INC-1").stdout
    (line,) = re.findall(r"`gatedog (postmortem sign INC-1 --evidence \d+)`", draft)
    assert site.human("ack", "INC-1")[0] == 0
    code, said = site.human(*line.split(), "--yes")
    assert code == 0, said
    assert "newer records are no part of it" in said

    code, found = desk.verified()
    assert (code, found["problems"]) == (0, [])
    assert any(note.startswith("new evidence since signing: ") for note in found["notes"])

    assert "is no record" in site.human("postmortem", "sign", "INC-1", "--evidence", "all", "--yes")[1]
    code, said = site.human("postmortem", "sign", "INC-1", "--evidence", "1", "--yes")
    assert (code, "cause.evidence-changed" in said) == (1, True)


def test_a_signed_cause_is_verified_by_anybody_for_ever(desk: Desk, tmp_path: Path) -> None:
    """By the key of a listed signer over text and evidence; with ssh-keygen alone; new evidence flags it."""
    desk.list_signer()
    spiral(desk)
    site = desk.site
    assert site.human("postmortem", "edit", "INC-1", "--from", str(desk.text))[0] == 0
    code, said = site.human("postmortem", "sign", "INC-1", "--yes")
    assert code == 77, said
    assert "request.needs-signature" in said
    signed = desk.signs()
    assert signed.returncode == 0, signed.stderr

    code, found = desk.verified()
    assert (code, found["problems"]) == (0, [])
    assert any(f"good signature of {ALICE}" in note for note in found["notes"])
    words = json.loads(desk.challenge)
    assert words["kind"] == "gatedog-cause"
    assert words["enclosed"]["cause"] == CAUSE
    assert words["enclosed"]["evidence_head"].startswith("#")

    assert site.human("incident", "close", "INC-1", "-m", "looked at it")[0] == 0
    code, found = desk.verified()
    assert code == 0
    assert any(note.startswith("new evidence since signing: ") for note in found["notes"])
    assert "new evidence since signing" in desk.types("incident", "show", "INC-1").stdout
    exported = tmp_path / "i.tar"
    assert desk.types("incident", "export", "INC-1", "--tar", str(exported), "--state", str(site.state)).returncode == 0
    with tarfile.open(exported) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    out = tmp_path / "out" / "INC-1"
    for name in ("incident.md", "incident.html"):
        page = (out / name).read_text()
        assert "because nobody had removed the old unit." in page
        assert "new evidence since signing" in page
    verify = f"ssh-keygen -Y verify -I {ALICE} -n gatedog-cause -f cause/allowed_signers -s cause/text.sig < cause/text"
    assert subprocess.run(["/bin/sh", "-c", verify], cwd=out, capture_output=True, check=False).returncode == 0


def test_a_revoked_key_and_a_touched_journal_show(desk: Desk) -> None:
    """A key that was stolen signs whatever one likes: once it is revoked, what it signed no longer holds."""
    desk.list_signer()
    spiral(desk)
    assert desk.site.human("postmortem", "edit", "INC-1", "--from", str(desk.text))[0] == 0
    assert desk.signs().returncode == 0
    (desk.site.config / "allowed_signers").write_text("")
    code, found = desk.verified()
    assert code == 0
    assert any("not listed" in note for note in found["notes"])
    revoked = desk.site.config / "revoked_keys"
    revoked.write_text(desk.key.with_suffix(".pub").read_text())
    revoked.chmod(0o600)

    code, found = desk.verified()
    assert code == 1
    assert "was revoked since" in found["problems"][0]


def test_the_agent_gathers_and_guesses_and_signs_nothing(site: Any, tmp_path: Path) -> None:
    """From inside it lists, drafts, hypothesises; edit, sign, judge are refused and told; its guess is marked."""
    answers = tmp_path / "answers"
    text = tmp_path / "text.md"
    text.write_text(TEXT)
    gatedog = f"{Path(sys.executable).with_name('gatedog')} --socket {site.socket}"
    asks = (
        f"until [ -s {tmp_path}/record ]; do sleep 0.05; done; record=$(cat {tmp_path}/record)",
        f"{gatedog} incident hypothesis INC-1 --claim 'the lock was mine' --cite $record --refuted-by 'it dies again'",
        f"{gatedog} incident hypothesis INC-1",
        f"{gatedog} postmortem draft INC-1 --to {tmp_path}/draft.md",
        f"{gatedog} incident hypothesis INC-1 --judge HYP-1 supported -m 'I say so'",
        f"{gatedog} postmortem edit INC-1 --from {text}",
        f"{gatedog} postmortem sign INC-1 --yes",
    )
    said = "\n".join(f"{ask}; echo code $? >> {answers}.codes" for ask in asks)
    script = tmp_path / "agent.sh"
    script.write_text(f"{said}\ntouch {answers}\nexec sleep 1000\n")
    site.write_policy(["/bin/sh", "-c", f"exec sh {script} > {answers}.said 2>&1"])
    site.start()
    site.wait_until(phase="up")
    assert site.human("page", "test", "--severity", "info")[0] == 0
    assert site.cli("stop", "gateway").returncode == 77  # nobody known asks: a refused request, INC-1
    site.wait_for_pages("somebody unknown")
    records = json.loads(site.cli("incident", "show", "INC-1", "--json").stdout)["records"]
    (tmp_path / "record").write_text(f"{records[0]['seq']}\n")
    site.wait(answers.exists, "the agent's answers")

    told = Path(f"{answers}.said").read_text()
    codes = Path(f"{answers}.codes").read_text().split("\n")[1:7]
    assert codes == [f"code {code}" for code in (0, 0, 0, 77, 77, 77)], told
    assert told.count("request.agent-never") == 3
    assert 'agent says: "the lock was mine"' in told
    draft = (tmp_path / "draft.md").read_text()
    assert 'agent says: "the lock was mine"' in draft
    assert "UNSIGNED: no human has signed a cause" in draft
    assert all(f"## {name}" in draft for name in ("Cause", "Trigger", "Lessons", "Hypotheses", "Impact", "Detection"))
    site.wait_for_pages("its own agent asked for")
    assert not any("the lock was mine" in page["title"] for page in site.delivered())
    shown = json.loads(site.cli("incident", "hypothesis", "INC-1", "--json").stdout)["hypotheses"]
    assert [(each["standing"], each["origin"]) for each in shown] == [("open", "supervised")]


def test_a_file_that_was_not_kept_is_no_evidence(desk: Desk) -> None:
    """A citation of a file is looked up; nothing is asked when there is none of that name."""
    spiral(desk)
    asked = desk.types(
        *("incident", "hypothesis", "INC-1", "--claim", "x", "--refuted-by", "y"),
        *("--cite", f"{first_record(desk)}/no-such-file"),
    )

    assert asked.returncode == 75
    assert "names no file that was kept" in asked.stderr
