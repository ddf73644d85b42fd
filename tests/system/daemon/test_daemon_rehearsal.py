"""A whole incident, from the first death to the exported page, with everybody who has a part in it.

The gateway dies again and again; gatedog holds it and pages; a person takes the page, reads the runbook, releases it
and closes the story; the agent guesses at why; a person writes the cause and signs it with their key; somebody else
verifies and exports it without asking gatedog, and looks at it in a browser. One story, told in its order.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from browser import Browser
from insiders import Insider
from signing_stage import PERSON, SigningStage

pytestmark = pytest.mark.system

REFUSED = 77
CAUSE = (
    "Two owners kept the gateway: the old unit was never disabled. (What the agent guessed was checked and is wrong.)"
)
SECTIONS = f"## Cause\n\n{CAUSE}\n\n## Trigger\n\nThe update at two.\n\n## Lessons\n\n- one owner\n"
GUESS = ("--claim", "the new version needs more memory", "--refuted-by", "it dies with memory to spare")


@pytest.fixture
def keys(tmp_path: Path) -> SigningStage:
    """Give a person a key."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    return SigningStage(folder)


def list_signer(site: Any, keys: SigningStage) -> None:
    """Write the person into the bundle, before gatedog first reads it."""
    signers = site.config / "allowed_signers"
    signers.write_text(f'{PERSON} namespaces="gatedog-approve,gatedog-cause" {keys.key("alice")}\n')
    signers.chmod(0o600)


def test_an_incident_from_the_first_death_to_the_exported_page(
    site: Any, keys: SigningStage, tmp_path: Path, browser: Browser
) -> None:
    """Spiral, hold, page, acknowledgement, runbook, release, resolved; draft, guess, cause, signature, export, look."""
    agent = Insider(site)
    list_signer(site, keys)
    site.start()
    site.wait_until(ready=True)

    live_through_the_night(site, agent)
    let_the_agent_guess(site, agent)
    sign_the_cause(site, keys, tmp_path)
    check_without_gatedog(site)
    look_at(export(site, tmp_path), browser)


def live_through_the_night(site: Any, agent: Insider) -> None:
    """It dies until it is held; a person is paged, takes it, reads what to do, does it, and closes the story."""
    agent.decree(dies=True)
    site.wait_until(word="HELD")
    page = site.wait_for_pages("HELD")[0]
    assert page["severity"] == "critical"
    assert site.human("ack", "INC-1", "-m", "on it")[0] == 0
    assert "gatedog release gateway" in site.cli("runbook", "show", "INC-1").stdout
    agent.decree(dies=False)
    assert site.human("release", "gateway", "-m", "the old unit is disabled")[0] == 0
    site.wait_until(ready=True)
    assert site.human("incident", "close", "INC-1", "-m", "looked at")[0] == 0
    site.wait_for_pages("gateway", update="resolved")


def let_the_agent_guess(site: Any, agent: Insider) -> None:
    """The next day it may gather and guess; it may put no name under a cause."""
    record = str(json.loads(site.cli("explain", "INC-1", "--json").stdout)["records"][0]["seq"])
    draft = agent.does("postmortem", "draft", "INC-1")
    guess = agent.does("incident", "hypothesis", "INC-1", "--cite", record, *GUESS)
    signed = agent.does("postmortem", "sign", "INC-1", "--yes")

    assert (draft[0], guess[0], signed[0]) == (0, 0, REFUSED), (draft, guess, signed)
    assert "UNSIGNED" in draft[1]
    assert CAUSE not in draft[1]


def sign_the_cause(site: Any, keys: SigningStage, folder: Path) -> None:
    """A person judges the guess, writes the cause, reads what is to be signed, and signs it with their key."""
    sections, challenge, signature = folder / "sections.md", folder / "challenge", folder / "cause.sig"
    sections.write_text(SECTIONS)
    judged = site.human("incident", "hypothesis", "INC-1", "--judge", "HYP-1", "refuted", "-m", "memory was free")
    edited = site.human("postmortem", "edit", "INC-1", "--from", str(sections))
    asked = site.human("postmortem", "sign", "INC-1", "--yes", "--challenge", str(challenge))
    assert (judged[0], edited[0], asked[0]) == (0, 0, REFUSED), (judged, edited, asked)
    assert CAUSE in challenge.read_text()
    signature.write_bytes(keys.sign("alice", challenge.read_bytes(), namespace="gatedog-cause"))
    answered = site.cli("postmortem", "sign", "INC-1", "--signature", str(signature))

    assert answered.returncode == 0, answered.stderr


def check_without_gatedog(site: Any) -> None:
    """Anybody who has the files can check signature, text and evidence."""
    verified = site.cli("postmortem", "verify", "INC-1", "--state", str(site.state), "--bundle", str(site.config))
    chained = site.cli("incident", "verify", "INC-1", "--state", str(site.state))

    assert (verified.returncode, chained.returncode) == (0, 0), verified.stdout + chained.stdout + chained.stderr
    assert PERSON in verified.stdout


def export(site: Any, folder: Path) -> Path:
    """Take it along in all three forms; return the page."""
    pages = {kind: folder / f"INC-1.{kind}" for kind in ("md", "html", "tar")}
    words = [word for kind, file in pages.items() for word in (f"--{kind}", str(file))]
    exported = site.cli("incident", "export", "INC-1", *words)

    assert exported.returncode == 0, exported.stderr
    assert CAUSE in pages["md"].read_text()
    return pages["html"]


def look_at(page: Path, browser: Browser) -> None:
    """On a phone and on a desk it holds the three layers, and nothing is wrong with it."""
    for width in (375, 1280):
        browser.resize(width)
        browser.open(page)
        assert browser.overflow() == 0
        assert browser.errors() == []
    text = browser.text()

    assert CAUSE in text
    assert PERSON in text.partition("CAUSE")[2] or PERSON in text.partition("Cause")[2]
    assert "the new version needs more memory" in text
    assert "refuted" in text.lower()
