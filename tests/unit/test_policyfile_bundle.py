"""The bundle is read once, whole, and its copies are what they were."""

import os
from pathlib import Path

import pytest

from watchdog.policyfile.bundle import FILES_MAX, Bundle, belongs, bundle_of, glance, read_bundle
from watchdog.policyfile.bundlechange import differing
from watchdog.policyfile.bundlestore import REVISIONS_KEPT, BundleStore, write_bundle
from watchdog.policyfile.load import parse_bundle
from watchdog.policyfile.problems import PolicyProblems

POLICY = b'[gateway.main]\ncommand = ["agent"]\n'
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6sVt3mEt0cVZ0r3VZ0r3VZ0r3VZ0r3VZ0r3VZ0r3VZ"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a bundle, and files beside it that are none of it."""
    place = tmp_path / "gatedog"
    for name, raw in (
        ("policy.toml", POLICY),
        ("pager.toml", b'# none\n[escalation]\ntiers = [["terminal"]]\n'),
        ("allowed_signers", f"alice@ops {KEY}\n".encode()),
        ("profiles/mine.toml", b'[ready]\ndelay = "1s"\n'),
        ("release_codes", b"secret"),
        ("credentials/token", b"secret"),
        ("policy.toml.swp", b"x"),
        ("profiles/README", b"x"),
    ):
        (place / name).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        (place / name).write_bytes(raw)
        (place / name).chmod(0o644)
    return place


def said(folder: Path) -> str:
    """Return why a bundle is refused."""
    with pytest.raises(PolicyProblems) as refused:
        read_bundle(folder)
    return str(refused.value)


def test_the_bundle_is_its_files_and_no_others(folder: Path) -> None:
    """Secrets, codes and what an editor leaves are not opened."""
    names = [name for name, _ in read_bundle(folder).files]

    assert names == ["allowed_signers", "pager.toml", "policy.toml", "profiles/mine.toml"]


@pytest.mark.parametrize("name", ["policy.toml", "pager.toml", "allowed_signers", "profiles/mine.toml"])
def test_each_file_is_part_of_the_digest(folder: Path, name: str) -> None:
    """A byte more in any of them is another bundle."""
    before = read_bundle(folder)
    with (folder / name).open("ab") as file:
        file.write(b"# x\n")
    after = read_bundle(folder)

    assert before.digest != after.digest
    assert differing(before, after) == (name,)


def test_bytes_and_names_cannot_trade_places() -> None:
    """The digest knows where a name and where a file ends."""
    files = (("pager.toml", b"ab"), ("policy.toml", b"c"))
    assert bundle_of(files).digest != bundle_of((("pager.toml", b"a"), ("policy.toml", b"bc"))).digest
    assert bundle_of(files).digest != bundle_of((("policy.toml", b"ab"), ("revoked_keys", b"c"))).digest


@pytest.mark.parametrize("name", ["policy.toml", "allowed_signers", "profiles/mine.toml"])
def test_what_others_could_have_written_is_refused(folder: Path, name: str) -> None:
    """Each file is held to the same, and so is each folder."""
    (folder / name).chmod(0o666)
    assert f"Run: chmod go-w {folder / name}" in said(folder)
    (folder / name).chmod(0o644)
    (folder / name).parent.chmod(0o777)
    assert f"Run: chmod go-w {(folder / name).parent}" in said(folder)


def test_a_second_name_is_refused(folder: Path) -> None:
    """It may lie where somebody else can write it."""
    os.link(folder / "allowed_signers", folder.parent / "elsewhere")

    assert "has 2 names" in said(folder)


def test_a_folder_of_profiles_that_others_may_fill_is_refused_while_it_is_empty(folder: Path) -> None:
    """What will lie there counts as much as what does."""
    (folder / "runbooks").mkdir()
    (folder / "runbooks").chmod(0o777)

    assert f"Run: chmod go-w {folder / 'runbooks'}" in said(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_link_of_a_stranger_is_refused_and_one_of_the_owner_followed(folder: Path) -> None:
    """Who placed the link chose the file."""
    (folder / "policy.toml").rename(folder / "real")
    (folder / "policy.toml").symlink_to("real")
    assert read_bundle(folder).read("policy.toml") == POLICY
    os.lchown(folder / "policy.toml", 4242, 4242)

    assert "symlink made by uid 4242" in said(folder)


def test_what_was_read_is_what_is_parsed(folder: Path) -> None:
    """Between the look and the load the files may change: what counts was in hand by then."""
    bundle = read_bundle(folder)
    digest = bundle.digest
    (folder / "policy.toml").write_bytes(b'[gateway.evil]\ncommand = ["rm"]\n')
    (folder / "profiles" / "mine.toml").unlink()
    loaded = parse_bundle(bundle, folder)

    assert [each.name for each in loaded.policy.gateways] == ["main"]
    assert loaded.digest == digest


def test_a_glance_sees_what_may_matter(folder: Path) -> None:
    """Bytes, owners, modes, names, a new file, a folder that others may write; and nothing when nothing moved."""
    before = glance(folder)
    assert glance(folder) == before
    seen = [before]
    for move in (
        lambda: (folder / "policy.toml").write_bytes(POLICY + b"#"),
        lambda: (folder / "policy.toml").chmod(0o600),
        (folder / "runbooks").mkdir,
        lambda: (folder / "revoked_keys").write_bytes(b"# none\n"),
        lambda: folder.chmod(0o777),
        (folder / "pager.toml").unlink,
        lambda: os.link(folder / "policy.toml", folder.parent / "second"),
    ):
        move()
        assert glance(folder) not in seen
        seen.append(glance(folder))


def test_too_many_files_are_no_bundle(folder: Path) -> None:
    """Whoever fills the folder does not fill gatedog's memory."""
    for number in range(FILES_MAX):
        (folder / "profiles" / f"p{number}.toml").write_bytes(b"#\n")

    assert f"at most {FILES_MAX} are read" in said(folder)


@pytest.mark.parametrize(
    "name",
    [
        *("", "x", "../policy.toml", "profiles/../policy.toml", "profiles/a/b.toml", "/etc/x"),
        *("profiles/.toml", "PROFILES/x.toml", "credentials/x.toml", "policy.toml\n", "profiles/x.toml\n"),
    ],
)
def test_no_other_name_belongs(name: str) -> None:
    """What is offered by an agent, and written by root, can have no other name."""
    assert not belongs(name)


# -- copies ----------------------------------------------------------------------------------------------------------


def test_a_copy_is_given_back_only_as_what_it_was(tmp_path: Path, folder: Path) -> None:
    """A digest that the journal does not know is no copy."""
    store, bundle = BundleStore(tmp_path / "state"), read_bundle(folder)
    assert store.is_empty
    store.keep(3, bundle)
    store.offer(bundle, ["policy.toml"])

    assert store.revision(3, bundle.digest) == bundle
    assert store.proposal(bundle.digest) == bundle
    assert store.offered_names(bundle.digest) == ("policy.toml",)
    assert store.revision(2, bundle.digest) is None
    (tmp_path / "state" / "bundle" / "r3" / "policy.toml").write_bytes(b"other")
    assert store.revision(3, bundle.digest) is None
    store.drop_proposals(())
    assert store.proposal(bundle.digest) is None


def test_a_copy_follows_no_link(tmp_path: Path, folder: Path) -> None:
    """A spoiled state folder leads nowhere."""
    store, bundle = BundleStore(tmp_path / "state"), read_bundle(folder)
    store.keep(1, bundle)
    copy = tmp_path / "state" / "bundle" / "r1" / "policy.toml"
    copy.unlink()
    copy.symlink_to(folder / "policy.toml")

    assert store.revision(1, bundle.digest) is None


def test_copies_are_bounded_and_readable_by_nobody_else(tmp_path: Path, folder: Path) -> None:
    """The newest few are kept."""
    store = BundleStore(tmp_path / "state")
    for number in range(1, REVISIONS_KEPT + 4):
        store.keep(number, read_bundle(folder))
    kept = sorted((tmp_path / "state" / "bundle").iterdir())

    assert len(kept) == REVISIONS_KEPT
    assert {each.stat().st_mode & 0o777 for each in kept} == {0o700}
    assert (kept[0] / "policy.toml").stat().st_mode & 0o777 == 0o600


def test_a_lost_journal_counts_anew_and_its_first_copy_stays(tmp_path: Path, folder: Path) -> None:
    """Copies of numbers that the journal has not reached are of another journal's, and make room."""
    store = BundleStore(tmp_path / "state")
    for number in range(1, REVISIONS_KEPT + 5):
        store.keep(number, bundle_of([("policy.toml", f"#{number}".encode())]))
    found = read_bundle(folder)
    store.keep(1, found)

    assert store.revision(1, found.digest) == found
    assert [each.name for each in (tmp_path / "state" / "bundle").iterdir()] == ["r1"]


def test_writing_keeps_modes_replaces_links_and_removes_what_is_gone(folder: Path) -> None:
    """What a link leads to is not touched; a new file gets the mode of the policy."""
    target = folder.parent / "precious"
    target.write_bytes(b"precious")
    (folder / "pager.toml").unlink()
    (folder / "pager.toml").symlink_to(target)
    (folder / "policy.toml").chmod(0o640)
    bundle = Bundle(
        files=(("pager.toml", b"# pager\n"), ("policy.toml", POLICY + b"#\n"), ("runbooks/a.toml", b"# a\n"))
    )
    write_bundle(bundle, folder, like=folder / "policy.toml")

    assert read_bundle(folder) == bundle
    assert target.read_bytes() == b"precious"
    assert {each.stat().st_mode & 0o777 for each in (folder / "policy.toml", folder / "pager.toml")} == {0o640}
    assert (folder / "release_codes").exists()
    assert not any(each.name.startswith(".") for each in folder.iterdir())
    write_bundle(bundle, folder, like=folder / "policy.toml")
    assert read_bundle(folder) == bundle


def test_a_linked_folder_is_not_written_into(folder: Path) -> None:
    """Root writes where the bundle is, and nowhere else."""
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    (folder / "runbooks").symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic"):
        write_bundle(Bundle(files=(("runbooks/a.toml", b"x"),)), folder, like=folder / "policy.toml")

    assert list(elsewhere.iterdir()) == []


def test_an_empty_file_takes_its_name_out(folder: Path) -> None:
    """So a proposal can remove a file; what it does not name stays."""
    bundle = read_bundle(folder)
    changed = bundle.with_files([("pager.toml", b""), ("policy.toml", b"x")])

    assert changed.read("pager.toml") is None
    assert changed.read("policy.toml") == b"x"
    assert changed.read("allowed_signers") == bundle.read("allowed_signers")
