"""What a change of a bundle amounts to: who may sign, who is reached, and that what cannot be told loosens."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from watchdog.policyfile.bundle import bundle_of
from watchdog.policyfile.bundlechange import IN_THE_POLICY, ROWS, compare_bundles
from watchdog.policyfile.load import parse_bundle
from watchdog.policyfile.pagersettings import NO_FILE, PagerSettings
from watchdog.policyfile.policychange import Direction

POLICY = b'[gateway.main]\ncommand = ["agent"]\n'
PAGER = b'[escalation]\ntiers = [["terminal"]]\n'
WALL = b'[channel.w]\nkind = "wall"\n'
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6sVt3mEt0cVZ0r3VZ0r3VZ0r3VZ0r3VZ0r3VZ0r3VZ"


@pytest.mark.parametrize(
    ("name", "before", "after", "direction"),
    [
        ("revoked_keys", b"", KEY.encode(), Direction.TIGHTENS),
        ("revoked_keys", KEY.encode(), b"", Direction.LOOSENS),
        ("revoked_keys", b"", b"SSHKRL\n\x00\xff", Direction.LOOSENS),
        ("pager.toml", PAGER, PAGER + WALL, Direction.LOOSENS),
        ("pager.toml", PAGER + WALL, PAGER, Direction.LOOSENS),
        ("profiles/x.toml", b"", b"# nobody uses it\n", Direction.OTHER),
        ("policy.toml", POLICY, POLICY + b"# a comment\n", Direction.OTHER),
    ],
)
def test_lists_and_channels_have_a_direction(name: str, before: bytes, after: bytes, direction: Direction) -> None:
    """Who may sign and who is told are rules like any other."""
    was, now = (
        parse_bundle(bundle_of({"policy.toml": POLICY, name: raw}.items()), Path("x")) for raw in (before, after)
    )
    (change,) = compare_bundles(was, now)

    assert change.direction is direction
    assert change.what.startswith("channel.w" if name == "pager.toml" else name)


ALICE, BOB = (f"{who} {KEY[:-4]}{end}\n" for who, end in (("alice@ops", "AAAA"), ("bob@ops", "BBBB")))
BOTH = ALICE + BOB
TWO = {"policy.toml": f"min_signers = 2\n{POLICY.decode()}"}
MINE = {"policy.toml": f"{POLICY.decode()}profile = 'mine'\n", "profiles/mine.toml": "# nothing\n"}
OPTIONS = ('namespaces="gatedog-approve" ', 'valid-before="20300101" ', 'valid-after="20200101" ', "cert-authority ")


def directions(before: dict[str, str], after: dict[str, str]) -> set[Direction]:
    """Return which ways two bundles differ."""
    was, now = (
        parse_bundle(
            bundle_of((name, text.encode()) for name, text in ({"policy.toml": POLICY.decode()} | each).items()),
            Path("x"),
        )
        for each in (before, after)
    )
    return {change.direction for change in compare_bundles(was, now)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"allowed_signers": ALICE}),
        ({"allowed_signers": ALICE}, {"allowed_signers": BOTH}),
        ({"allowed_signers": ALICE}, {"allowed_signers": BOB}),
        ({"allowed_signers": BOTH}, {}),
        ({"allowed_signers": BOTH}, {"allowed_signers": "# nobody\n"}),
        ({"allowed_signers": BOTH}, {"allowed_signers": "\0"}),
        ({"allowed_signers": BOTH}, {"allowed_signers": "\n \t\n"}),
        ({"allowed_signers": ALICE}, {"allowed_signers": ALICE.replace("alice@ops", "alice@ops,eve@ops")}),
        ({"allowed_signers": ALICE}, {"allowed_signers": ALICE.replace("alice@ops", "*")}),
        ({"allowed_signers": ALICE}, {"allowed_signers": ALICE.replace("alice@ops", "*@ops,!bob@ops")}),
        ({"allowed_signers": ALICE}, {"allowed_signers": ALICE.replace("AAAA\n", "CCCC\n")}),
        *(({"allowed_signers": ALICE.replace(" ", f" {each}", 1)}, {"allowed_signers": ALICE}) for each in OPTIONS),
        *(({"allowed_signers": ALICE}, {"allowed_signers": ALICE.replace(" ", f" {each}", 1)}) for each in OPTIONS),
        (
            {"allowed_signers": ALICE.replace(" ", ' valid-before="20300101" ', 1)},
            {"allowed_signers": ALICE.replace(" ", ' valid-before="20400101" ', 1)},
        ),
        ({"revoked_keys": f"{KEY}\n"}, {}),
        ({"revoked_keys": f"{KEY}\n"}, {"revoked_keys": f"#{KEY}\n"}),
        ({"revoked_keys": f"{KEY}\n"}, {"revoked_keys": f"#\r{KEY}\n"}),
        ({"revoked_keys": f"{KEY}\n"}, {"revoked_keys": f"# \x0b{KEY}\n"}),
        ({"revoked_keys": f"{KEY}\n"}, {"revoked_keys": f"# \u2028{KEY}\n"}),
        ({"revoked_keys": f"{KEY}\n"}, {"revoked_keys": f"{KEY[:-4]}CCCC\n"}),
        ({"revoked_keys": f"{KEY}\n"}, {"revoked_keys": f"{KEY}\n\0"}),
        (TWO, {}),
        (TWO, {"policy.toml": f"min_signers = 1\n{POLICY.decode()}"}),
        (
            {"policy.toml": f"{POLICY.decode()}signature_for = ['release', 'start']\n"},
            {"policy.toml": f"{POLICY.decode()}signature_for = ['release']\n"},
        ),
        ({"policy.toml": f"{POLICY.decode()}signature_touched = true\n"}, {}),
        (MINE | {"profiles/mine.toml": "spiral = {page_at = 3}\n"}, MINE),
        (MINE | {"profiles/mine.toml": "spiral = {page_at = 3}\n"}, {}),
        (
            {"pager.toml": f"{WALL.decode()}[escalation]\ntiers = [['w']]\n"},
            {"pager.toml": f"{WALL.decode()}[escalation]\ntiers = [['terminal']]\n"},
        ),
        (
            {"pager.toml": PAGER.decode()},
            {"pager.toml": "[escalation]\ntiers = [['terminal']]\nnotices = []\n"},
        ),
        (
            {"pager.toml": PAGER.decode()},
            {"pager.toml": f"{PAGER.decode()}[message]\nrunbook = 'https://evil.example/'\n"},
        ),
    ],
)
def test_who_may_sign_and_how_many_must_is_never_weakened_by_one(before: dict[str, str], after: dict[str, str]) -> None:
    """What tightens takes one person: so whatever could let another sign, or fewer, or nobody, loosens."""
    assert Direction.LOOSENS in directions(before, after)


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        ({"allowed_signers": BOTH}, {"allowed_signers": ALICE}, Direction.TIGHTENS),
        ({"allowed_signers": BOTH}, {"allowed_signers": BOB + ALICE}, Direction.OTHER),
        ({"allowed_signers": BOTH}, {"allowed_signers": f"# us\n{BOTH}\n"}, Direction.OTHER),
        ({"revoked_keys": f"{KEY}\n"}, {"revoked_keys": f"# stolen\n{KEY}\n"}, Direction.OTHER),
        ({}, {"revoked_keys": f"{KEY}\n"}, Direction.TIGHTENS),
        ({}, TWO, Direction.TIGHTENS),
    ],
)
def test_what_takes_from_who_may_sign_takes_one(
    before: dict[str, str], after: dict[str, str], direction: Direction
) -> None:
    """Whoever finds a stolen key strikes it off without waiting for a second person."""
    assert directions(before, after) == {direction}


def test_a_part_of_the_pagers_settings_that_nobody_thought_of_loosens() -> None:
    """Rows are compared one by one, the escalation with the policy; every other field is its own sentence."""
    known = {field.name for field in fields(PagerSettings)} - {*ROWS, *IN_THE_POLICY}
    settings = replace(NO_FILE, **dict.fromkeys(known, "x"))
    policy = parse_bundle(bundle_of([("policy.toml", POLICY)]), Path("x"))
    changes = compare_bundles(policy, replace(policy, pager=settings))

    assert known
    assert [(each.direction, each.what.split(":")[0]) for each in changes] == [
        (Direction.LOOSENS, f"message.{name}") for name in sorted(known)
    ]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            f"kind = 'exec'\nargv = ['/bin/sh', '-c', '{'x' * 200}; systemctl start gatedog-start@main.target']",
            "systemctl start gatedog-start@main.target'",
        ),
        (
            "kind = 'webhook'\nurl = 'https://hooks.example.org/secret'",
            "channel.z: is new: webhook at hooks.example.org",
        ),
        (
            "kind = 'pushover'\ncredential_file = '/etc/gatedog/po'\nuser_file = '/etc/gatedog/user'",
            "whoever gets it may acknowledge",
        ),
        (
            "kind = 'telegram'\ncredential_file = '/x'\nchat = '1'\ncontacts = {mallory = '7'}\nagent_token_files = []",
            "mallory may acknowledge",
        ),
        (
            "kind = 'smtp'\nhost = 'mail.example.org'\nsender = 'a@example.org'\nrecipients = ['eve@example.org']",
            "smtp to eve@example.org by mail.example.org:587",
        ),
    ],
)
def test_a_channel_that_comes_loosens_and_says_what_it_runs_or_reaches(rows: str, words: str) -> None:
    """It runs as gatedog, or takes somebody's word as a person's: whoever reviews it must see which."""
    was, now = (
        parse_bundle(bundle_of([("policy.toml", POLICY), ("pager.toml", raw)]), Path("x"))
        for raw in (PAGER, f"[channel.z]\n{rows}\n{PAGER.decode()}".encode())
    )
    (change,) = compare_bundles(was, now)

    assert change.direction is Direction.LOOSENS
    assert words in change.what
    assert "secret" not in change.what


def test_a_dead_mans_switch_that_comes_loosens() -> None:
    """It tells somebody far away when gatedog is there."""
    switch = b"[deadman.far]\nkind = 'ntfy'\ntopic = 'ops'\ncredential_file = '/etc/gatedog/ntfy'\n"
    was, now = (
        parse_bundle(bundle_of([("policy.toml", POLICY), ("pager.toml", raw)]), Path("x"))
        for raw in (PAGER, PAGER + switch)
    )

    assert [(each.direction, each.what) for each in compare_bundles(was, now)] == [
        (Direction.LOOSENS, "deadman.far: is new: ntfy at ntfy.sh")
    ]


def test_who_may_sign_comes_before_who_is_reached_and_that_before_all_else() -> None:
    """A reader who stops early has read the worst; a name longer than a key hides neither itself nor the key."""
    many = "".join(f"[[gateway.main.probe]]\nname = 'p{each}'\nkind = 'tcp'\ntarget = 'x:1'\n" for each in range(26))
    long = f"{'a' * 60},{'b' * 60}"
    was, now = (
        parse_bundle(bundle_of((name, text.encode()) for name, text in files.items()), Path("x"))
        for files in (
            {"policy.toml": POLICY.decode()},
            {
                "policy.toml": POLICY.decode() + many,
                "pager.toml": WALL.decode() + PAGER.decode(),
                "allowed_signers": f"{long} {KEY}\n",
            },
        )
    )
    first, second, *others = (each.what for each in compare_bundles(was, now))

    assert first == f"allowed_signers: is new: {long} ssh-ed25519 ...{KEY[-12:]}"
    assert second == "channel.w: is new: wall"
    assert len(others) == 26
