"""Whoever reviews a proposal is told all that it changes, and not only what fitted into the journal."""

from typing import Any

import pytest
from ruled_place import ALICE, BOB, LOOSER, POLICY, Place

from watchdog.cli.differences import in_full
from watchdog.daemon.examination import SENTENCES_MAX, Standard, examine
from watchdog.policyfile.bundle import Bundle, bundle_of
from watchdog.policyfile.load import parse_bundle
from watchdog.report.policypage import render_review

PROBE = '[[gateway.main.probe]]\nname = "p{0}"\nkind = "tcp"\ntarget = "127.0.0.1:{0}"\nperiod = "{1}s"\n'
HIDDEN = f"{'x' * 300}; systemctl start gatedog-start@main.target"
EXEC = f"""[channel.z]
kind = "exec"
argv = ["/bin/sh", "-c", "{HIDDEN}"]
[escalation]
tiers = [["terminal"]]
"""


@pytest.fixture
def place(tmp_path: Any) -> Place:
    """Return a place with a committed bundle, under which one may sign."""
    made = Place(tmp_path)
    made.write(POLICY + "".join(PROBE.format(port, 30) for port in range(1, 31)))
    made.write(ALICE, "allowed_signers")
    made.commit()
    return made


def offered(place: Place, files: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any], Bundle]:
    """Offer a bundle in whole; return the rules and the proposal as the socket tells them, and the bundle."""
    base = place.state.rules.revisions[-1]
    was = place.store.revision(base.number, base.digest)
    assert was is not None
    bundle = bundle_of((name, text.encode()) for name, text in files.items())
    found = examine(bundle, Standard(policy=parse_bundle(was, place.folder).policy, bundle=was, revision=base.number))
    place.store.offer(bundle, files)
    words = {"proposal": "PROP-1", "who": "x", "origin": "supervised", "says": "", "digest": found.digest, "base": 1}
    known = {**words, "wall_usec": 0, "signed": [], "needed": 1, "revision": None, "stale": False}
    known |= {"loosens": list(found.loosens), "changes": list(found.changes)}
    revisions = [{"revision": base.number, "digest": base.digest}]
    rules = {"store": str(place.state_folder), "folder": str(place.folder), "revisions": revisions, "committed": 1}
    return rules, known, bundle


def test_a_signer_and_a_program_behind_thirty_others_are_told(place: Place) -> None:
    """All of it in words and in lines, and none of it cut: what is hidden stands at the end."""
    slower = POLICY + "".join(PROBE.format(port, 31) for port in range(1, 31))
    rules, known, _ = offered(place, {"policy.toml": slower, "allowed_signers": ALICE + BOB, "pager.toml": EXEC})
    assert len(known["loosens"]) == SENTENCES_MAX
    full, lines = in_full(rules, known)
    page = render_review(rules, full, None, "", lines=lines)

    assert len(full["loosens"]) == 32
    assert not any(each.startswith("and ") for each in full["loosens"])
    assert "LOOSENS  allowed_signers: is new: bob@ops" in page
    assert f"LOOSENS  channel.z: is new: exec, which runs /bin/sh -c '{HIDDEN}'" in page
    assert f"    +{BOB.strip()}" in page.splitlines()
    assert HIDDEN in "".join(lines)


def test_what_the_journal_says_besides_stays(place: Place) -> None:
    """Defaults that another version brought are in no file."""
    rules, known, _ = offered(place, {"policy.toml": LOOSER, "allowed_signers": ALICE})
    known["loosens"].append("main.port: 99 -> 0")

    full, _ = in_full(rules, known)
    assert full["loosens"][-1] == "main.port: 99 -> 0"
    assert len(set(full["loosens"])) == len(full["loosens"])


def test_where_a_copy_cannot_be_read_the_journals_sentences_stand(place: Place) -> None:
    """Without the rights, and without the text, a review is what it was."""
    rules, known, bundle = offered(place, {"policy.toml": LOOSER})
    for without in ({**rules, "revisions": []}, {**rules, "revisions": [{"revision": 1, "digest": "0" * 64}]}):
        assert in_full(without, known) == (known, [])
    place.store.drop_proposals(())

    assert place.store.proposal(bundle.digest) is None
    assert in_full(rules, known) == (known, [])


def test_files_of_another_version_are_shown_as_lines(place: Place) -> None:
    """What cannot be said in words can be read."""
    rules, known, _ = offered(place, {"policy.toml": LOOSER, "allowed_signers": ALICE})
    bundle = bundle_of([("policy.toml", b"of_another_version = 1\n\x1b[2J\n")])
    place.store.offer(bundle, ["policy.toml"])
    full, lines = in_full(rules, {**known, "digest": bundle.digest})
    page = render_review(rules, full, None, "", lines=lines)

    assert full["loosens"] == known["loosens"]
    assert "+of_another_version = 1" in lines
    assert "\x1b" not in page
