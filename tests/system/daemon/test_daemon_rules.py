"""Who changes the rules of a real daemon: anybody proposes, humans commit, and nothing else is ever loaded."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from insiders import Insider
from keyholders import KeyHolder, Person
from software_key import PIN_GIVEN, TOUCHED

pytestmark = pytest.mark.system

LIVES = ["/bin/sh", "-c", "exec sleep 600"]
LOOSER = 'budget = {windows = ["50 per 10min", "80 per 1h"]}'
ALICE, BOB = "alice@ops", "bob@ops"


def propose(site: Any, extra: str, reason: str = "less noise") -> str:
    """Propose, as a program without a terminal, a policy.toml with these lines; return the proposal's name."""
    offered = site.folder / "offered" / "policy.toml"
    offered.parent.mkdir(exist_ok=True)
    text = (site.config / "policy.toml").read_text()
    offered.write_text(re.sub(r"\n+(?=\[gateway\.gateway\.ready\])", f"\n{extra}\n", text))
    done = site.cli("policy", "propose", str(offered), "--reason", reason)
    assert done.returncode == 0, done.stderr
    name: str = done.stdout.split()[0]
    return name


def commit(site: Any, name: str, *words: str) -> tuple[int, str]:
    """Commit at a terminal."""
    code, said = site.human("policy", "commit", name, "--config", str(site.config), *words)
    return code, said


def test_a_program_proposes_and_a_human_commits(ruled: Any) -> None:
    """The diff is in words; a program cannot commit what it proposed; the human's commit is in force at once."""
    before = ruled.status()
    name = propose(ruled, LOOSER, "run: gatedog policy commit PROP-1")
    review = ruled.cli("policy", "review", name).stdout
    refused = ruled.cli("policy", "commit", name, "--config", str(ruled.config))

    assert (
        "LOOSENS  gateway.budget.windows: 5 per 10m, 8 per 1h, 20 per 1d, 30 per 7d -> 50 per 10m, 80 per 1h" in review
    )
    assert "nothing would have gone otherwise" in review
    assert not any(
        "next" in line or line.startswith("  sudo") for line in review.splitlines() if "run: gatedog" in line
    )
    assert refused.returncode == 77
    assert ruled.rules()["committed"] == 1

    code, said = commit(ruled, name)
    assert code == 0, said
    assert "revision 2 is in force" in said
    assert ruled.limit() == 50
    assert ruled.status()["pid"] == before["pid"]
    assert (ruled.config / "policy.toml").stat().st_mode & 0o777 == 0o600
    ruled.wait_for_pages(f"other rules are proposed: {name}")
    assert "revision 2  (in force)" in ruled.cli("policy", "log").stdout
    assert LOOSER in ruled.cli("policy", "show").stdout


def test_what_cannot_be_read_is_refused_with_all_its_problems(ruled: Any) -> None:
    """Nothing is remembered of it."""
    offered = ruled.folder / "policy.toml"
    offered.write_text("nonsense = 1\n[gateway.gateway]\nport = 700000\n")
    done = ruled.cli("policy", "propose", str(offered), "--reason", "x")

    assert done.returncode == 1
    assert "policy.unusable" in done.stderr
    assert "nonsense" in done.stderr
    assert "port" in done.stderr
    assert ruled.rules()["proposals"] == []


def test_a_commit_that_stopped_halfway_is_finished_by_the_same_command(ruled: Any) -> None:
    """Committed and not written: the rules before stay, across a restart, until the files are put in their place."""
    name = propose(ruled, LOOSER)
    assert commit(ruled, name, "--sign-only")[0] == 0
    assert (ruled.rules()["committed"], ruled.rules()["in_force"], ruled.limit()) == (2, 1, 5)

    (daemon,) = ruled._daemons
    daemon.kill()
    daemon.wait()
    ruled.start()
    assert ruled.limit() == 5
    done = ruled.cli("policy", "commit", name, "--config", str(ruled.config))
    assert done.returncode == 0, done.stderr
    assert "revision 2 is in force" in done.stdout
    again = ruled.cli("policy", "commit", name, "--config", str(ruled.config))
    assert again.returncode == 0
    assert ruled.limit() == 50


def test_a_revert_is_a_new_revision_and_old_files_are_a_rollback(ruled: Any) -> None:
    """By command it counts, by hand it is an incident, and the newest stays in force."""
    old = (ruled.config / "policy.toml").read_bytes()
    commit(ruled, propose(ruled, LOOSER))
    assert ruled.limit() == 50
    (ruled.config / "policy.toml").write_bytes(old)
    ruled._daemons[0].send_signal(signal.SIGHUP)
    ruled.wait_for_pages("somebody put older rules back")
    assert ruled.limit() == 50

    code, said = ruled.human("policy", "revert", "--config", str(ruled.config), "-m", "it was better")
    assert code == 0, said
    assert (ruled.rules()["committed"], ruled.limit()) == (3, 5)
    ruled.wait_for_pages("older rules", update="resolved")


def test_a_change_by_hand_is_shown_in_words_and_proposed_from_where_it_lies(ruled: Any) -> None:
    """Whoever edits the file first and asks then gets there, too."""
    policy = ruled.config / "policy.toml"
    policy.write_text(policy.read_text().replace("\n\n[gateway", f"\n{LOOSER}\n\n[gateway", 1))
    ruled._daemons[0].send_signal(signal.SIGHUP)
    (page,) = ruled.wait_for_pages("the rules were changed, and nobody committed that")
    shown = ruled.cli("policy", "diff", "--config", str(ruled.config))

    assert shown.returncode == 1
    assert "loosens  gateway.budget.windows" in shown.stdout
    assert ruled.limit() == 5
    assert "gatedog policy diff" in page["text"]
    assert "is in force" in ruled.commit()
    ruled.wait_for_pages("the rules were changed", update="resolved")
    assert ruled.limit() == 50


def test_a_committed_bundle_survives_tricks_with_its_files(ruled: Any) -> None:
    """Links, second names and writable folders are told, one incident for all, and change nothing."""
    daemon, policy = ruled._daemons[0], ruled.config / "policy.toml"
    looser = ruled.folder / "looser.toml"
    looser.write_text(policy.read_text().replace("\n\n[gateway", f"\n{LOOSER}\n\n[gateway", 1))
    kept = policy.read_bytes()

    def spoil(how: Any, words: str) -> None:
        how()
        daemon.send_signal(signal.SIGHUP)
        ruled.wait(lambda: words in json.dumps(incident(ruled)), words)
        assert ruled.limit() == 5
        ruled.config.chmod(0o700)
        policy.unlink()
        policy.write_bytes(kept)
        policy.chmod(0o600)
        daemon.send_signal(signal.SIGHUP)
        ruled.wait(lambda: ruled.rules()["trouble"] == "", "the incident to end")

    spoil(lambda: (policy.unlink(), policy.symlink_to(looser)), "changed, and nobody committed")
    spoil(lambda: (policy.unlink(), os.link(looser, policy)), "has 2 names")
    spoil(lambda: os.link(policy, ruled.folder / "second-name"), "has 2 names")
    (ruled.folder / "second-name").unlink()
    spoil(lambda: ruled.config.chmod(0o777), "written by others")
    assert len({each["id"] for each in _incidents(ruled)}) == 1


def incident(site: Any) -> dict[str, Any]:
    """Return the newest incident about the rules."""
    return _incidents(site)[0] if _incidents(site) else {}


def _incidents(site: Any) -> list[dict[str, Any]]:
    listed = json.loads(site.cli("incident", "list", "--all", "--json").stdout)["incidents"]
    return [each for each in listed if each["fingerprint"].endswith("rules")]


# -- signatures ----------------------------------------------------------------------------------------------------


def test_what_loosens_takes_two_people_and_a_terminal_is_none(signed: tuple[Any, Person, Person]) -> None:
    """One signature is gathered, the same one again is refused, the second person's puts it in force."""
    site, alice, bob = signed
    name = propose(site, LOOSER)
    code, said = commit(site, name)
    assert code == 77
    assert "request.needs-signature" in said

    first = alice.signs(alice.asks(name)["challenge"])
    done = alice.answers(first, name)
    assert done.returncode == 0, done.stderr
    assert "1 signed, 1 more must" in done.stdout
    assert site.limit() == 5
    replayed = alice.answers(first, name)
    assert replayed.returncode == 77
    assert "signature.replayed" in replayed.stderr
    twice = alice.answers(alice.signs(alice.asks(name)["challenge"]), name)
    assert "policy.signed-twice" in twice.stderr
    assert site.rules()["committed"] == 1

    second = bob.answers(bob.signs(bob.asks(name)["challenge"]), name)
    assert second.returncode == 0, second.stderr
    assert "revision 2 is in force" in second.stdout
    assert site.limit() == 50
    assert site.rules()["revisions"][-1]["who"] == f"{ALICE}, {BOB}"


@pytest.mark.parametrize("form", ["krl", "list"])
def test_what_a_revoked_key_signed_counts_no_more(signed: tuple[Any, Person, Person], form: str) -> None:
    """Alice signed, and then her key was stolen: however it is revoked, Bob's signature is the first of two again."""
    site, alice, bob = signed
    name = propose(site, LOOSER)
    assert alice.answers(alice.signs(alice.asks(name)["challenge"]), name).returncode == 0
    revoked, public = site.config / "revoked_keys", alice.key.with_suffix(".key.pub")
    if form == "krl":
        subprocess.run(["ssh-keygen", "-q", "-k", "-f", revoked, public], check=True, timeout=30)
    else:
        revoked.write_bytes(public.read_bytes())
    revoked.chmod(0o600)

    done = bob.answers(bob.signs(bob.asks(name)["challenge"]), name)
    assert done.returncode == 0, done.stderr
    assert "1 signed, 1 more must" in done.stdout
    assert (site.rules()["committed"], site.limit()) == (1, 5)


def test_what_tightens_takes_one(signed: tuple[Any, Person, Person]) -> None:
    """And holding or stopping takes none."""
    site, alice, _ = signed
    name = propose(site, 'budget = {windows = ["2 per 10min", "3 per 1h", "4 per 1d", "5 per 7d"]}')
    done = alice.answers(alice.signs(alice.asks(name)["challenge"]), name)

    assert done.returncode == 0, done.stderr
    assert site.limit() == 2
    assert site.human("hold", "-m", "look at it")[0] == 0


def test_each_hole_of_a_signature_is_closed_for_a_commit(signed: tuple[Any, Person, Person]) -> None:
    """Stripped, for another namespace, over another text, by a key that is not listed or that nobody committed."""
    site, alice, bob = signed
    mallory = Person(site, "mallory@ops")
    name, other = propose(site, LOOSER), propose(site, 'profile = ""\nport = 4711')

    def is_refused(file: Path, rule: str, about: str = name) -> None:
        done = alice.answers(file, about)
        assert done.returncode == 77, done.stdout
        assert rule in done.stderr

    stripped = site.folder / "stripped.sig"
    stripped.write_text("")
    is_refused(stripped, "request.")
    challenge = alice.asks(name)["challenge"]
    stripped.write_text("-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n")
    is_refused(stripped, "signature.unreadable")
    is_refused(alice.signs(challenge, "gatedog-cause"), "signature.other-namespace")
    digest = json.loads(challenge)["enclosed"]["digest"]
    is_refused(alice.signs(challenge.replace(digest, "0" * 64)), "signature.does-not-match")
    is_refused(mallory.signs(challenge), "signature.unknown-signer")
    signers = site.config / "allowed_signers"
    kept = signers.read_text()
    signers.write_text(kept + mallory.line().replace("mallory@ops", ALICE))
    is_refused(mallory.signs(challenge), "signature.unknown-signer")
    signers.write_text(kept)

    # A signature over one proposal commits that one, whatever proposal is named beside it.
    done = alice.answers(alice.signs(challenge), other)
    assert done.returncode == 0, done.stderr
    assert {each["proposal"]: each["signed"] for each in site.rules()["proposals"]} == {name: [ALICE], other: []}
    assert site.rules()["committed"] == 1

    # Who is struck off, or revoked, stops counting at once, for what they have signed as well.
    signers.write_text(bob.line())
    done = bob.answers(bob.signs(bob.asks(name)["challenge"]), name)
    assert "1 signed, 1 more must" in done.stdout
    signers.write_text(kept)
    (site.config / "revoked_keys").write_text(bob.key.with_suffix(".key.pub").read_text())
    (site.config / "revoked_keys").chmod(0o600)
    is_refused(bob.signs(bob.asks(name)["challenge"]), "signature.key-revoked")
    assert site.rules()["committed"] == 1


def test_a_key_out_of_its_time_and_one_without_a_touch_commit_nothing(site: Any) -> None:
    """What holds for every request holds for the rules: a security key must say that it was touched."""
    site.write_policy(LIVES, "signature_touched = true")
    alice, bob = Person(site, ALICE), Person(site, BOB)
    carol = KeyHolder(site, "carol@ops", PIN_GIVEN)
    lines = alice.line('valid-before="20200101" ') + bob.line() + carol.line()
    (site.config / "allowed_signers").write_text(lines)
    (site.config / "allowed_signers").chmod(0o600)
    site.start()
    site.wait_until(ready=True)
    name = propose(site, LOOSER)
    refused = {who.name: who.answers(who.signs(who.asks(name)["challenge"]), name) for who in (alice, bob, carol)}

    assert "signature.key-expired" in refused[ALICE].stderr
    assert "signature.not-touched" in refused[BOB].stderr
    assert "signature.not-touched" in refused[carol.name].stderr
    assert {done.returncode for done in refused.values()} == {77}
    assert (site.rules()["committed"], site.limit()) == (1, 5)

    carol.flags = TOUCHED | PIN_GIVEN
    done = carol.answers(carol.signs(carol.asks(name)["challenge"]), name)
    assert done.returncode == 0, done.stderr
    assert (site.rules()["committed"], site.limit()) == (2, 50)


def test_a_key_of_the_agents_commits_nothing(site: Any) -> None:
    """Listed nowhere it is unknown; listed, and used from inside of the gateway, it is the agent's: people are told."""
    agent = Insider(site)
    own, alice = Person(site, "agent@ops"), Person(site, ALICE)
    (site.config / "allowed_signers").write_text(alice.line())
    (site.config / "allowed_signers").chmod(0o600)
    site.start()
    site.wait_until(ready=True)
    name = propose(site, LOOSER)

    def answers(file: Path) -> tuple[int, str]:
        return agent.does("policy", "commit", name, "--config", str(site.config), "--signature", str(file))

    asked = agent.does("policy", "commit", name, "--config", str(site.config), "--signer", ALICE)
    challenge = alice.asks(name)["challenge"]
    unlisted, listed = answers(own.signs(challenge)), answers(alice.signs(challenge))

    assert (asked[0], "ssh-keygen" in asked[1]) == (77, False), "it gets nothing to sign"
    assert (unlisted[0], listed[0]) == (77, 77)
    assert "signature.unknown-signer" in unlisted[1]
    assert "signature.agent-held" in listed[1]
    site.wait_for_pages("its own agent asked for policy-commit")
    told = json.loads(site.cli("incident", "list", "--json").stdout)["incidents"]
    assert "signature.agent-held" in {each["rule"] for each in told}
    assert (site.rules()["committed"], site.limit()) == (1, 5)
    done = alice.answers(alice.signs(alice.asks(name)["challenge"]), name)
    assert done.returncode == 0, done.stderr
