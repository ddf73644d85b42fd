"""Which rules a daemon goes by: what it found, or what was committed; and who may sign for others."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from watchdog.approval.signers import parse_signers
from watchdog.core.bundle import BundleObserved, DefaultsChanged, Proposal, Revision, RulesMemory
from watchdog.core.enclosure import BundleExamined, BundleOffered
from watchdog.core.events import ActionRequested, PolicyLoaded, PolicyRejected
from watchdog.core.identity import NOBODY
from watchdog.core.peer import Peer
from watchdog.core.policy import Policy
from watchdog.core.state import EMPTY, State
from watchdog.core.timeline import Usec
from watchdog.core.verbs import Verb
from watchdog.daemon.examination import SENTENCES_MAX, Examiner, Standard, effect_of, examine
from watchdog.daemon.options import CannotRun, DaemonOptions
from watchdog.daemon.revisions import Revisions, rules_in_force
from watchdog.daemon.signing import signers_in_force
from watchdog.policyfile.bundle import Bundle, bundle_of, read_bundle
from watchdog.policyfile.bundlestore import BundleStore
from watchdog.policyfile.load import load_policy
from watchdog.policyfile.pagersettings import NO_FILE

POLICY = '[gateway.main]\ncommand = ["agent"]\n'
LOOSER = f'{POLICY}budget = {{windows = ["50 per 10min", "80 per 1h"]}}\n'
OTHER_COMMAND = POLICY.replace("agent", "other")
ALICE = "alice@ops ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
BOB = "bob@ops ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA\n"


class Place:
    """A bundle's folder, a state folder, and a memory that a test makes up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "config"
        self.folder.mkdir(mode=0o700)
        self.state_folder = folder / "state"
        self.store = BundleStore(self.state_folder)
        self.state: State = EMPTY
        self.adopted: list[Policy] = []

    def write(self, text: str, name: str = "policy.toml") -> None:
        """Write a file of the bundle."""
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o600)

    def commit(self, number: int = 1, *, effect: str = "", keep: bool = True, loaded: bool = True) -> None:
        """Remember what lies there as committed, and as in force if `loaded`."""
        found = load_policy(self.folder)
        revision = Revision(
            number=number,
            digest=found.digest,
            effect=effect or effect_of(found.policy),
            who="a test",
            because="",
            wall_usec=Usec(0),
            at_usec=Usec(0),
            placed=True,
        )
        if keep:
            self.store.keep(number, found.bundle)
        rules = self.state.rules
        rules = replace(rules, revisions=(*rules.revisions, revision), in_force=number if loaded else rules.in_force)
        policy = found.policy if loaded else self.state.policy
        self.state = replace(self.state, rules=rules, policy=policy, policy_digest=found.digest)

    def options(self) -> DaemonOptions:
        """Return what a daemon would be started with."""
        made = {"state_folder": self.state_folder, "runtime_folder": self.state_folder, "bundle": self.folder}
        try:
            found = load_policy(self.folder)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the start would say
            return DaemonOptions(
                policy=Policy(gateways=()), digest="", source="", pager=NO_FILE, refused=str(error), **made
            )
        return DaemonOptions(
            policy=found.policy, digest=found.digest, source="", pager=found.pager, loaded=found, **made
        )

    def book(self) -> Revisions:
        """Return a rule book as a daemon has it after its start."""
        options = rules_in_force(self.options(), self.state)
        return Revisions(options, lambda: self.state, self.adopted.append)


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


# -- examination -----------------------------------------------------------------------------------------------------


def standard(place: Place) -> Standard:
    """Return the committed bundle to compare with."""
    found = load_policy(place.folder)
    return Standard(policy=found.policy, bundle=found.bundle, revision=1)


def test_an_offer_is_examined_with_all_its_problems_and_never_raises(place: Place) -> None:
    """Bounded, and one line each."""
    many = "".join(f"nonsense{number} = 1\n" for number in range(100)) + POLICY
    found = examine(bundle_of([("policy.toml", many.encode())]), standard(place))

    assert len(found.problems) == SENTENCES_MAX
    assert found.problems[-1].startswith("and ")
    assert all(each.isprintable() and len(each) <= 200 for each in found.problems)
    assert examine(bundle_of([("policy.toml", b"\xff\x00")]), standard(place)).problems


@pytest.mark.parametrize(
    ("signers", "policy", "words"),
    [
        ("* ssh-ed25519 AAAA\n", POLICY, "line 1 is left out"),
        (ALICE, f"min_signers = 2\n{POLICY}", "nobody could loosen it again"),
    ],
)
def test_lists_that_would_lock_people_out_are_problems(place: Place, signers: str, policy: str, words: str) -> None:
    """Before they are committed, and not when somebody has to sign."""
    offered = bundle_of([("policy.toml", policy.encode()), ("allowed_signers", signers.encode())])

    assert words in examine(offered, standard(place)).problems[0]


def request(verb: Verb, enclosed: Any = None, *, in_life: bool = False) -> ActionRequested:
    """Return a request as it comes from the socket."""
    peer = Peer(process=None, uid=0, gid=0, in_life=(("main", 1),) if in_life else ())
    return ActionRequested(gateway=NOBODY, verb=verb, reason="", peer=peer, enclosed=enclosed)


@pytest.fixture
def examined(place: Place) -> Callable[[ActionRequested], Any]:
    """Return the way to have a request examined, without a loop."""
    examiner = Examiner(place.store, lambda: place.state, is_ruled=True)
    return lambda event: examiner._examine(event, place.state)


def test_what_an_offer_does_not_name_stays_as_committed(place: Place, examined: Any) -> None:
    """Not as it lies there: that may be anybody's."""
    place.write(ALICE, "allowed_signers")
    place.commit()
    place.write(ALICE + BOB, "allowed_signers")
    found = examined(request(Verb.PROPOSE_POLICY, BundleOffered(files=(("policy.toml", LOOSER),))))
    kept = place.store.proposal(found.digest)

    assert isinstance(found, BundleExamined)
    assert found.problems == ()
    assert len(found.loosens) == 1
    assert kept.read("policy.toml") == LOOSER.encode()
    assert kept.read("allowed_signers") == ALICE.encode()


@pytest.mark.parametrize("name", ["../../etc/passwd", "release_codes", "profiles/../x.toml"])
def test_a_file_of_another_name_is_no_offer(place: Place, examined: Any, name: str) -> None:
    """Its name would be written by root one day."""
    place.commit()
    found = examined(request(Verb.PROPOSE_POLICY, BundleOffered(files=((name, "x"),))))

    assert "no file of a bundle" in found.problems[0]


def test_texts_of_proposals_that_nobody_remembers_are_dropped(place: Place, examined: Any) -> None:
    """The core's bound on proposals is the disk's as well."""
    place.commit()
    first = examined(request(Verb.PROPOSE_POLICY, BundleOffered(files=(("policy.toml", LOOSER),))))
    second = examined(request(Verb.PROPOSE_POLICY, BundleOffered(files=(("policy.toml", OTHER_COMMAND),))))

    assert place.store.proposal(first.digest) is None
    assert place.store.proposal(second.digest) is not None


def test_a_revert_is_examined_like_an_offer(place: Place, examined: Any) -> None:
    """Of the revision before the newest; without one, or without its copy, there is nothing to revert to."""
    place.commit()
    assert "no revision before" in examined(request(Verb.REVERT_POLICY)).problems[0]
    old = load_policy(place.folder).digest
    place.write(LOOSER)
    place.commit(2)
    found = examined(request(Verb.REVERT_POLICY))

    assert (found.digest, found.base, found.loosens) == (old, 2, ())
    assert found.changes[0].startswith("tightens main.budget.windows")


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


def test_without_its_copy_nobody_may_sign(place: Place) -> None:
    """Who was committed is not known then, and a terminal alone is still not enough."""
    place.write(ALICE, "allowed_signers")
    found = signers_in_force(None, place.folder)

    assert (found.listed.principals, found.is_signable) == ((), True)
    assert parse_signers(ALICE.encode()).principals == ("alice@ops",)


def test_proposals_survive_their_neighbours(place: Place, examined: Any) -> None:
    """A text that a remembered proposal needs stays when another is offered."""
    place.commit()
    first = examined(request(Verb.PROPOSE_POLICY, BundleOffered(files=(("policy.toml", LOOSER),))))
    proposal = Proposal(
        proposal="PROP-1",
        who="x",
        origin=None,
        uid=None,
        because="",
        digest=first.digest,
        effect=first.effect,
        base=1,
        loosens=(),
        changes=(),
        wall_usec=Usec(0),
        at_usec=Usec(0),
    )
    rules: RulesMemory = replace(place.state.rules, proposals=(proposal,))
    place.state = replace(place.state, rules=rules)
    examined(request(Verb.PROPOSE_POLICY, BundleOffered(files=(("policy.toml", OTHER_COMMAND),))))

    assert place.store.proposal(first.digest) is not None
