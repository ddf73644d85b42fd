"""An offered bundle is examined before anybody hears of it: what is wrong with it, what would it change?"""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruled_place import ALICE, BOB, LOOSER, OTHER_COMMAND, POLICY, Place
from software_key import ECDSA, SoftwareKey

from watchdog.control.supervision import Offered
from watchdog.core.bundle import Proposal, RulesMemory
from watchdog.core.enclosure import BundleExamined, BundleOffered
from watchdog.core.events import ActionRequested
from watchdog.core.identity import NOBODY
from watchdog.core.peer import Peer
from watchdog.core.timeline import Usec
from watchdog.core.verbs import Verb
from watchdog.daemon.examination import RECENT_MAX, SENTENCES_MAX, Examiner, Standard, examine
from watchdog.policyfile.bundle import Bundle, bundle_of
from watchdog.policyfile.load import load_policy, parse_bundle

TWO = f"min_signers = 2\n{POLICY}"
NOTHING = Offered()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with a bundle that nobody committed yet."""
    made = Place(tmp_path)
    made.write(POLICY)
    return made


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
    """The core's bound on proposals is the disk's as well, but for those that it is about to hear of."""
    place.commit()
    texts = [f"{POLICY}# {number}\n" for number in range(RECENT_MAX + 1)]
    found = [examined(request(Verb.PROPOSE_POLICY, BundleOffered(files=(("policy.toml", text),)))) for text in texts]

    assert place.store.proposal(found[0].digest) is None
    assert all(place.store.proposal(each.digest) is not None for each in found[1:])


def test_two_offers_at_once_both_keep_their_texts(place: Place) -> None:
    """The second is examined while the first is on its way to the core, which remembers neither yet."""
    place.commit()
    examiner = Examiner(place.store, lambda: place.state, is_ruled=True)
    offers = [request(Verb.PROPOSE_POLICY, BundleOffered(files=(("policy.toml", text),))) for text in (LOOSER, TWO)]

    async def offered() -> list[ActionRequested]:
        return await asyncio.gather(*(examiner.complete(each, NOTHING) for each in offers))

    found = [each.enclosed for each in asyncio.run(offered())]
    examiner.close()
    assert all(isinstance(each, BundleExamined) and place.store.proposal(each.digest) for each in found)


@pytest.mark.parametrize("text", ["\ud800", f"{POLICY}# \ud800\n"])
def test_an_offer_that_cannot_be_examined_is_refused_and_ends_nothing(place: Place, text: str) -> None:
    """Whatever a stranger's text runs into is an answer to the stranger, with the defect's name in it."""
    place.commit()
    examiner = Examiner(place.store, lambda: place.state, is_ruled=True)
    event = request(Verb.PROPOSE_POLICY, BundleOffered(files=(("policy.toml", text),)))
    found = asyncio.run(examiner.complete(event, NOTHING)).enclosed
    examiner.close()

    assert isinstance(found, BundleExamined)
    assert "UnicodeEncodeError" in found.problems[0]
    assert found.digest == ""


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


# -- who could still sign --------------------------------------------------------------------------------------------


def bundle(policy: str, signers: str = "", revoked: str | bytes = "") -> Bundle:
    """Return a bundle with these lists."""
    listed = revoked if isinstance(revoked, bytes) else revoked.encode()
    return bundle_of(
        [("policy.toml", policy.encode()), ("allowed_signers", signers.encode()), ("revoked_keys", listed)]
    )


def found_of(before: Bundle, after: Bundle) -> BundleExamined:
    """Return what is found of one bundle in place of another."""
    return examine(after, Standard(policy=parse_bundle(before, Path()).policy, bundle=before, revision=1))


def keys_of(signers: str) -> str:
    """Return the keys of a list of signers, a line each."""
    return "".join(" ".join(line.split()[1:]) + "\n" for line in signers.splitlines())


def limited(options: str) -> str:
    """Return a list of both, of whom one signs only as these options let her."""
    return ALICE.replace(" ", f" {options} ", 1) + BOB


BOTH = ALICE + BOB
TWO_PEOPLE = bundle(TWO, BOTH)
NO_POINT = SoftwareKey(ECDSA).public[:-9] + b"\0" + SoftwareKey(ECDSA).public[-8:]
"""A key whose point lies on no curve: it looks like one, and ssh-keygen alone can tell."""


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (bundle(TWO), "nobody of allowed_signers could sign"),
        (bundle(POLICY), "nobody of allowed_signers could sign"),
        (bundle(POLICY, "# nobody\n"), "nobody of allowed_signers could sign"),
        (bundle(TWO, ALICE), "1 of allowed_signers could sign"),
        (bundle(f"min_signers = 3\n{POLICY}", BOTH), "2 of allowed_signers could sign"),
        (bundle(TWO, ALICE + ALICE.replace("alice", "bob")), "1 of allowed_signers could sign"),
        (bundle(TWO, ALICE.replace("alice@ops", "alice@ops,bob@ops")), "1 of allowed_signers could sign"),
        (bundle(TWO, BOTH, keys_of(ALICE)), "1 of allowed_signers could sign"),
        (bundle(TWO, BOTH, keys_of(BOTH)), "nobody of allowed_signers could sign"),
        (bundle(TWO, limited('valid-before="20200101Z"')), "1 of allowed_signers could sign"),
        (bundle(TWO, limited('valid-after="29990101"')), "1 of allowed_signers could sign"),
        (bundle(TWO, limited('namespaces="git,!gatedog-*"')), "1 of allowed_signers could sign"),
        (bundle(TWO, limited('namespaces="*,!gatedog-approve"')), "1 of allowed_signers could sign"),
        (bundle(TWO, BOTH, "nonsense\n"), "revoked_keys: line 1 is no public key"),
        (bundle(TWO, BOTH, f"# stolen\n{keys_of(ALICE)}nonsense\n"), "revoked_keys: line 3 is no public key"),
        (bundle(TWO, BOTH, f"restrict {keys_of(ALICE)}"), "revoked_keys: line 1 is no public key"),
        (bundle(TWO, BOTH, f"\x0c# stolen\n{keys_of(ALICE)}"), "revoked_keys: line 1 is no public key"),
        (
            bundle(TWO, BOTH, f"{ECDSA} {base64.b64encode(NO_POINT).decode()}\n"),
            "ssh-keygen verifies nothing beside it",
        ),
        (bundle(TWO, BOTH, b"SSHKRL\n\0broken"), "ssh-keygen verifies nothing beside it"),
    ],
)
def test_what_would_keep_too_few_from_signing_is_a_problem(after: Bundle, words: str) -> None:
    """However it is called: where people sign, as many as must can, and a terminal alone is never enough again."""
    found = found_of(TWO_PEOPLE, after)

    assert len(found.problems) == 1
    assert words in found.problems[0]
    assert (found.loosens, found.changes) == ((), ())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TWO_PEOPLE, bundle(TWO, BOTH, keys_of(ALICE.replace("IAAB", "IBAB")))),
        (TWO_PEOPLE, bundle(POLICY, BOTH, keys_of(ALICE))),
        (TWO_PEOPLE, bundle(TWO, limited('namespaces="git,gatedog-*",valid-before="29990101",valid-after="20200101"'))),
        (bundle(TWO, BOTH, "as it was found\n"), bundle(TWO, BOTH)),
        (bundle(POLICY), bundle(TWO)),
        (bundle(POLICY), bundle(TWO, BOTH)),
    ],
)
def test_what_leaves_enough_people_is_none(before: Bundle, after: Bundle) -> None:
    """Where nobody was listed nobody needs to be, and a list that was spoiled can be mended."""
    assert found_of(before, after).problems == ()


def test_a_committed_bundle_that_this_version_cannot_read_loosens_what_follows(place: Place) -> None:
    """Nobody can tell which channels go with it."""
    was = bundle_of([("policy.toml", POLICY.encode()), ("pager.toml", b"nonsense")])
    found = examine(bundle(POLICY), replace(standard(place), bundle=was))

    assert "cannot read the committed bundle" in found.loosens[0]


def test_who_may_sign_is_said_first_however_much_else_there_is(place: Place) -> None:
    """A reader of the first lines has read who is let in."""
    probe = '[[gateway.main.probe]]\nname = "p{0}"\nkind = "tcp"\ntarget = "127.0.0.1:{0}"\nperiod = "{1}s"\n'
    many, slower = (POLICY + "".join(probe.format(port, period) for port in range(1, 31)) for period in (30, 31))
    found = found_of(bundle(many, ALICE), bundle(slower, BOTH))

    assert found.loosens[0].startswith("allowed_signers: is new: bob@ops")
    assert found.loosens[-1] == "and 8 more"
