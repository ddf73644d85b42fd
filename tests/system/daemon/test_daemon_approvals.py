"""A person far from any terminal gets through, by the commands that the refusal printed; nobody else does."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from watchdog.approval.codes import make

pytestmark = pytest.mark.system

SLEEPER = ["/bin/sh", "-c", "exec sleep 1000"]
ALICE = "alice@ops"


class Desk:
    """A person's own place: a home with a key, and gatedog's command line without a terminal."""

    def __init__(self, site: Any, home: Path) -> None:
        self.site = site
        self.home = home
        (home / ".ssh").mkdir(parents=True, mode=0o700)
        self.key = home / ".ssh" / "id_ed25519"
        self._run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)])

    def list_signer(self, *names: str, options: str = "") -> None:
        """Let a human list this key in the bundle, and commit that."""
        public = self.key.with_suffix(".pub").read_text().strip()
        signers = self.site.config / "allowed_signers"
        signers.write_text("".join(f"{name} {options}{public}\n" for name in names or (ALICE,)))
        signers.chmod(0o600)
        self.site.commit()

    def types(self, line: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        """Run a line in a shell, as it was printed, and answer what it asks for."""
        return self._run(["/bin/sh", "-c", line], answer)

    def _run(self, argv: list[str], answer: str = "") -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environ = {"HOME": str(self.home), "PATH": path, "GATEDOG_SOCKET": str(self.site.socket)}
        return subprocess.run(
            argv, cwd=self.home, env=environ, input=answer, capture_output=True, text=True, timeout=30,
            check=False,
        )  # fmt: skip


@pytest.fixture
def desk(site: Any, tmp_path: Path) -> Desk:
    """Return a person's place beside a daemon whose gateway is held."""
    site.write_policy(SLEEPER)
    person = Desk(site, tmp_path / "home")
    site.start()
    site.wait_until(phase="up")
    return person


def nexts(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the commands that an answer names."""
    return re.findall(r"^  next: (.*)$", done.stderr, flags=re.MULTILINE)


def held(desk: Desk) -> None:
    """Let a person hold the gateway."""
    assert desk.site.human("hold", "-m", "look at it")[0] == 0


def requests(desk: Desk) -> list[dict[str, Any]]:
    """Return what was asked, newest first."""
    found: list[dict[str, Any]] = json.loads(desk.types("gatedog requests list --json").stdout)["requests"]
    return found


def test_the_printed_commands_lead_to_a_release(desk: Desk) -> None:
    """Refused without a terminal; the commands of the refusal, typed as they stand, release the gateway, once."""
    desk.list_signer()
    held(desk)
    refused = desk.types('gatedog release gateway -m "looked at it"')
    commands = nexts(refused)
    sign = next(command for command in commands if "ssh-keygen" in command)
    answer = next(command for command in commands if "--signature" in command)

    assert refused.returncode == 77
    assert desk.types(sign).returncode == 0
    released = desk.types(answer)
    assert released.returncode == 0, released.stderr
    assert desk.site.wait_until(phase="up")["hold"] == "probation"
    newest = requests(desk)[0]
    assert (newest["origin"], newest["origin_rule"]) == ("human", "origin.signature")
    assert newest["reason"] == "looked at it"  # what was signed, not what was typed beside the signature

    again = desk.types(answer)
    assert again.returncode == 77
    assert "signature.replayed" in again.stderr


def test_a_struck_off_signer_is_refused_at_once(desk: Desk) -> None:
    """The list is read anew for each request: nobody needs to reload anything."""
    desk.list_signer()
    held(desk)
    refused = desk.types("gatedog release gateway -m x")
    sign = next(each for each in nexts(refused) if "ssh-keygen" in each)
    answer = next(each for each in nexts(refused) if "--signature" in each)
    assert desk.types(sign).returncode == 0
    desk.site.config.joinpath("allowed_signers").write_text("")

    told = desk.types(answer)

    assert told.returncode == 77
    assert re.search(r"\[signature\.(no-signers|unknown-signer)\]", told.stderr)
    assert desk.site.status()["hold"] == "held"


def test_a_list_that_nobody_committed_adds_nobody(desk: Desk) -> None:
    """Whoever could write the file could list a key of their own: no challenge is given, and no such way is named."""
    desk.list_signer("bob@ops")
    signers = desk.site.config / "allowed_signers"
    signers.write_text(signers.read_text().replace("bob@ops", ALICE))
    held(desk)
    assert not any("ssh-keygen" in command for command in nexts(desk.types("gatedog release gateway -m x")))

    signers.write_text(signers.read_text() + signers.read_text().replace(ALICE, "bob@ops"))
    signers.chmod(0o666)
    named = desk.types(f"gatedog release gateway -m x --signer {ALICE}")
    assert not any("ssh-keygen" in command for command in nexts(named))
    assert any("ssh-keygen" in each for each in nexts(desk.types("gatedog release gateway -m x --signer bob@ops")))


def test_of_several_signers_one_is_named(desk: Desk) -> None:
    """Who signs is fixed before the challenge is given; the refusal names who there is."""
    desk.list_signer(ALICE, "bob@ops")
    held(desk)
    named = [each for each in nexts(desk.types("gatedog release gateway -m x")) if "--signer" in each]

    assert [shlex.split(each)[-1] for each in named] == [ALICE, "bob@ops"]
    commands = nexts(desk.types(named[1]))
    assert any("ssh-keygen" in each for each in commands)


def test_a_release_code_on_paper_gets_through_once(desk: Desk) -> None:
    """It is told to everybody; a mistyped one is no attempt; the same one again is refused."""
    codes = make()
    file = desk.site.config / "release_codes"
    file.write_text(codes.file_text)
    file.chmod(0o600)
    held(desk)
    refused = desk.types("gatedog release gateway -m x")
    way = next(each for each in nexts(refused) if "--code -" in each)

    mistyped = desk.types(way, codes.codes[0][:-1] + ("2" if codes.codes[0][-1] != "2" else "3"))
    assert mistyped.returncode == 75
    assert desk.types(way, codes.codes[0]).returncode == 0
    desk.site.wait_for_pages("release code 1 was used")
    held(desk)
    again = desk.types(way, codes.codes[0])
    assert again.returncode == 77
    assert "code.used-before" in again.stderr
    assert codes.codes[0] not in desk.site.errors.read_text()
    assert not any(
        codes.codes[0].encode() in each.read_bytes() for each in desk.site.state.rglob("*") if each.is_file()
    )


def test_a_human_grants_what_was_refused(desk: Desk) -> None:
    """By the command that the page and `requests list` print; the gateway is restarted once."""
    before = desk.site.status()["pid"]
    refused = desk.types("gatedog restart gateway -m deploy")
    request = requests(desk)[0]["request"]
    assert f"gatedog grant {request}  # by a human" in nexts(refused)
    desk.site.wait_for_pages("somebody unknown asked for restart")

    code, said = desk.site.human("grant", request)
    assert code == 0, said
    desk.site.wait(lambda: (desk.site.status() or {}).get("pid") not in (None, before), "another life")
    code, said = desk.site.human("grant", request)
    assert code == 1
    assert "granted before" in said


def test_a_permit_lets_a_tool_restart_without_a_terminal(desk: Desk) -> None:
    """As often as a human said; then it is refused again."""
    before = desk.site.status()["pid"]
    code, said = desk.site.human("permit", "--for", "30m", "--starts", "1", "-m", "deploy tonight")
    assert code == 0, said
    allowed = desk.types("gatedog restart gateway -m v2")
    assert allowed.returncode == 0, allowed.stderr
    desk.site.wait(lambda: (desk.site.status() or {}).get("pid") not in (None, before), "another life")
    assert desk.types("gatedog restart gateway -m v3").returncode == 77


def test_whoami_says_what_a_request_would_be_judged(desk: Desk) -> None:
    """A program without a terminal is unknown, a person at one is human, and both are told by which rule."""
    unknown = desk.types("gatedog whoami --json")
    code, said = desk.site.human("whoami", "--json")

    assert unknown.returncode == 77
    assert json.loads(unknown.stdout)["who"]["rule"] == "origin.no-tty"
    assert code == 0
    assert json.loads(said.strip().splitlines()[-1])["who"]["origin"] == "human"
