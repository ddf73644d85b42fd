"""Which rules a daemon goes by: what it found, or what was committed; and who may sign for others."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruled_place import ALICE, BOB, LOOSER, OTHER_COMMAND, POLICY, Place
from software_key import ECDSA, SoftwareKey

from watchdog.approval.signers import parse_signers
from watchdog.core.bundle import BundleObserved, DefaultsChanged
from watchdog.core.events import PolicyLoaded, PolicyRejected
from watchdog.core.policy import Policy
from watchdog.daemon.examination import effect_of
from watchdog.daemon.options import CannotRun
from watchdog.daemon.revisions import rules_in_force
from watchdog.daemon.signing import signers_in_force
from watchdog.policyfile.bundle import Bundle, bundle_of, read_bundle


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with a bundle that nobody committed yet."""
    made = Place(tmp_path)
    made.write(POLICY)
    return made


def kinds(events: tuple[Any, ...]) -> list[type]:
    """Return what kinds of events these are."""
    return [type(event) for event in events]


# -- the start -------------------------------------------------------------------------------------------------------


def test_without_anything_committed_what_was_found_counts(place: Place) -> None:
    """It is loaded, and kept."""
    (event,) = place.book().begin()

    assert isinstance(event, PolicyLoaded)
    assert event.effect == effect_of(event.policy)
    assert place.store.revision(1, event.digest) == read_bundle(place.folder)


def test_what_cannot_be_read_starts_nothing_where_nothing_was_committed(place: Place) -> None:
    """There is nothing to go on by."""
    place.write("nonsense")
    with pytest.raises(CannotRun):
        rules_in_force(place.options(), place.state)


@pytest.mark.parametrize("text", [LOOSER, "nonsense"])
def test_what_was_not_committed_does_not_count_at_a_start(place: Place, text: str) -> None:
    """The policy in force goes on, with the channels of its copy, and what lies there is reported."""
    place.write('[channel.w]\nkind = "wall"\n[escalation]\ntiers = [["w"]]\n', "pager.toml")
    place.commit()
    place.write(text)
    place.write("", "pager.toml")
    options = rules_in_force(place.options(), place.state)
    book = place.book()

    assert options.policy == place.state.policy
    assert [each.name for each in options.pager.channels] == ["terminal", "w"]
    assert book.begin() == ()
    (observed,) = book.look()
    assert isinstance(observed, BundleObserved)
    assert "policy.toml" in observed.differs or observed.problems


def test_a_lost_copy_strands_nobody(place: Place) -> None:
    """The policy is in the journal; people are told by whatever channels can be read."""
    place.commit(keep=False)
    place.write(LOOSER)
    options = rules_in_force(place.options(), place.state)

    assert options.policy == place.state.policy
    assert [each.name for each in options.pager.channels] == ["terminal"]


# -- looking ---------------------------------------------------------------------------------------------------------


def test_a_look_at_what_is_in_force_finds_just_that(place: Place) -> None:
    """Nothing is loaded again, and a look at what did not move opens no file."""
    place.commit()
    book = place.book()
    (observed,) = book.look()
    assert observed == BundleObserved(folder=str(place.folder), digest=place.state.policy_digest)
    assert book.look() == (observed,)


def test_a_committed_bundle_is_loaded_as_soon_as_it_lies_there(place: Place) -> None:
    """And not a moment before."""
    place.commit()
    book = place.book()
    kept = (place.folder / "policy.toml").read_text()
    place.write(LOOSER)
    place.commit(2, keep=False, loaded=False)
    place.write(kept)
    assert kinds(book.look()) == [BundleObserved]
    place.write(LOOSER)
    observed, loaded = book.look()

    assert isinstance(loaded, PolicyLoaded)
    assert observed.digest == loaded.digest == place.state.rules.revisions[-1].digest
    assert place.adopted == [loaded.policy]
    assert place.store.revision(2, loaded.digest) is not None


def test_a_committed_bundle_that_takes_a_restart_says_so_once(place: Place) -> None:
    """Another command is another backend."""
    place.commit()
    book = place.book()
    place.write(OTHER_COMMAND)
    place.commit(2, keep=False, loaded=False)

    assert kinds(book.look()) == [BundleObserved, PolicyRejected]
    assert kinds(book.look(again=True)) == [BundleObserved]


def test_the_same_files_under_other_defaults_are_proposed_and_not_loaded(place: Place) -> None:
    """A version that reads them otherwise changes nothing by itself, at a start or later."""
    place.commit()
    old = replace(place.state.policy.gateways[0], port=99)
    effect = effect_of(Policy(gateways=(old,)))
    revision = replace(place.state.rules.revisions[0], effect=effect)
    place.state = replace(
        place.state, policy=Policy(gateways=(old,)), rules=replace(place.state.rules, revisions=(revision,))
    )
    book = place.book()

    assert rules_in_force(place.options(), place.state).policy.gateways == (old,)
    assert book.begin() == ()
    observed, changed = book.look()
    assert isinstance(changed, DefaultsChanged)
    assert changed.examined.loosens == ("main.port: 99 -> 0",)
    assert changed.examined.digest == observed.digest
    assert kinds(book.look(again=True)) == [BundleObserved]


def test_a_version_that_writes_a_policy_otherwise_and_means_the_same_proposes_nothing(place: Place) -> None:
    """What is in force is compared as it is, and not by the digest that another version took of it."""
    place.commit(effect="taken-by-another-version")

    assert kinds(place.book().look()) == [BundleObserved]
    assert place.book().begin() == ()


# -- who may sign ----------------------------------------------------------------------------------------------------


def bundle(signers: str, revoked: str = "") -> Bundle:
    """Return a committed bundle with these lists."""
    return bundle_of([("policy.toml", b"x"), ("allowed_signers", signers.encode()), ("revoked_keys", revoked.encode())])


def test_a_signer_counts_once_committed_and_no_longer_than_listed(place: Place) -> None:
    """Added by hand: no. Struck off by hand: at once."""
    place.write(ALICE + BOB, "allowed_signers")
    assert signers_in_force(bundle(ALICE), place.folder).listed.principals == ("alice@ops",)
    assert signers_in_force(bundle(ALICE + BOB), place.folder).listed.principals == ("alice@ops", "bob@ops")
    place.write(BOB, "allowed_signers")
    assert signers_in_force(bundle(ALICE), place.folder).listed.principals == ()
    assert signers_in_force(bundle(ALICE), place.folder).is_signable


def test_a_line_that_was_changed_is_another_line(place: Place) -> None:
    """Nobody gets another name, namespace or time by an edit."""
    place.write(ALICE.replace("alice@ops", "alice@ops,root"), "allowed_signers")

    assert signers_in_force(bundle(ALICE), place.folder).listed.principals == ()


@pytest.mark.parametrize("spoil", ["missing", "shared"])
def test_a_list_that_cannot_be_believed_strikes_nobody_off_and_adds_nobody(place: Place, spoil: str) -> None:
    """The last good one stays."""
    place.write(BOB, "allowed_signers")
    file = place.folder / "allowed_signers"
    file.chmod(0o666) if spoil == "shared" else file.unlink()
    found = signers_in_force(bundle(ALICE), place.folder)

    assert found.listed.principals == ("alice@ops",)
    assert found.is_signable


def test_a_key_that_either_list_revokes_does_not_count(place: Place) -> None:
    """What was revoked stays so until that is committed, and what is revoked by hand is so at once."""
    place.write(ALICE + BOB, "allowed_signers")
    key = " ".join(ALICE.split()[1:])
    assert len(signers_in_force(bundle(ALICE + BOB), place.folder).counting) == 2
    assert len(signers_in_force(bundle(ALICE + BOB, key), place.folder).counting) == 1
    place.write(key, "revoked_keys")
    assert len(signers_in_force(bundle(ALICE + BOB), place.folder).counting) == 1
    (place.folder / "revoked_keys").chmod(0o666)
    assert "revoked keys" in signers_in_force(bundle(ALICE + BOB), place.folder).fault


def test_a_revoked_key_does_not_count_in_whatever_letters_it_is_written(place: Place) -> None:
    """Base64 may end in bits that mean nothing: it is the key that is revoked, and not the word."""
    key_type, word = SoftwareKey(ECDSA).line.split()
    assert word.endswith("g==")
    listed = bundle(f"{ALICE}carol@ops {key_type} {word}\n", f"{key_type} {word.removesuffix('g==')}h==\n")
    assert len(signers_in_force(listed, place.folder).counting) == 1


def test_no_key_counts_beside_a_list_of_revoked_ones_that_cannot_be_read(place: Place) -> None:
    """Any of them may stand on it."""
    for spoiled in ("# stolen\nnonsense\n", "SSHKRL\n\0broken"):
        assert signers_in_force(bundle(ALICE + BOB, spoiled), place.folder).counting == ()


def test_without_its_copy_nobody_may_sign(place: Place) -> None:
    """Who was committed is not known then, and a terminal alone is still not enough."""
    place.write(ALICE, "allowed_signers")
    found = signers_in_force(None, place.folder)

    assert (found.listed.principals, found.is_signable) == ((), True)
    assert parse_signers(ALICE.encode()).principals == ("alice@ops",)
