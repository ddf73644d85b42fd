"""Who is listed, and which lines do not count."""

import base64
from pathlib import Path

import pytest
from software_key import ED25519, ssh_string

from watchdog.approval.guard import Untrusted
from watchdog.approval.signers import SIGNERS_BYTES_MAX, parse_signers, principals, read_signers


def key(number: int = 0, key_type: str = "ssh-ed25519") -> str:
    """Write type and base64 of a key that no other number has."""
    blob = ssh_string(key_type.encode()) + ssh_string(bytes([number]) * 32)
    return f"{key_type} {base64.b64encode(blob).decode()}"


def test_people_are_listed_once_and_sorted() -> None:
    """Comments and blank lines are nothing; several names share a key, and one name has several."""
    text = f"# people\n\nbob@ops,alice@ops {key()} shared\n  alice@ops\t{key(1, ED25519)}\nCarol_2+x.y-z@ops {key(2)}\n"

    signers = parse_signers(text.encode())

    assert signers.principals == ("Carol_2+x.y-z@ops", "alice@ops", "bob@ops")
    assert signers.faults == ()


def test_ssh_keygen_gets_the_lines_of_one_person() -> None:
    """What is verified against holds the name that was asked for and no other, and no comment."""
    options = 'namespaces="gatedog-approve,gatedog-cause",valid-before="20990101"'
    text = f"bob,alice {options} {key()} a comment\nbob {key(1)}\nalice {key(2)}\n"

    signers = parse_signers(text.encode())

    assert signers.lines_of("alice").decode() == f"alice {options} {key()}\nalice {key(2)}\n"
    assert signers.lines_of("mallory") == b""
    assert signers.lists("alice", base64.b64decode(key(2).split()[1]))
    assert not signers.lists("alice", base64.b64decode(key(1).split()[1]))
    assert not signers.lists("mallory", base64.b64decode(key(2).split()[1]))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"* {key()}", "list each person by name"),
        (f"alice,*@ops {key()}", "list each person by name"),
        (f"!alice {key()}", "list each person by name"),
        (f"al?ce {key()}", "list each person by name"),
        (f'"alice" {key()}', "list each person by name"),
        (f"alice, {key()}", "list each person by name"),
        (f"-alice {key()}", "list each person by name"),
        (f"älice {key()}", "list each person by name"),
        (f"{'a' * 65} {key()}", "list each person by name"),
        (f"alice cert-authority {key()}", "certificates are not taken"),
        (f'alice namespaces="x",CERT-AUTHORITY {key()}', "certificates are not taken"),
        (f"alice no-touch-required {key()}", "an option other than"),
        (f"alice verify-required {key()}", "an option other than"),
        (f"alice namespaces=x {key()}", "an option other than"),
        (f'alice namespaces="x",, {key()}', "cannot be read"),
        (f'alice namespaces="x {key()}', "quotation mark"),
        (f'alice namespaces="ä" {key()}', "plain text"),
        ("alice", "it needs a name"),
        ("alice ssh-ed25519", "it needs a name"),
        ("alice ssh-ed25519 AAAA", "its key cannot be read"),
        ("alice ssh-ed25519 A*AA", "its key cannot be read"),
        ("alice ssh-ed25519 ä", "its key cannot be read"),
        (f"alice ssh-rsa {key().split()[1]}", "its key cannot be read"),
        (f"alice {key(key_type='ssh-dss')}", "its key type"),
        (f"alice {key(key_type='ssh-ed25519-cert-v01@openssh.com')}", "its key type"),
        (f'alice namespaces="x" {key(key_type="ssh-dss")}', "its key type"),
    ],
)
def test_line_that_is_not_plain_does_not_count(line: str, why: str) -> None:
    """The line is left out with its number and a reason; the lines around it count."""
    signers = parse_signers(f"bob {key(1)}\n{line}\ncarol {key(2)}\n".encode())

    assert signers.principals == ("bob", "carol")
    assert [fault for fault in signers.faults if fault.startswith("line 2 is left out: ") and why in fault]
    assert len(signers.faults) == 1


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x0c", "\x85", "\u2028"])
def test_line_ends_only_where_ssh_keygen_ends_it(end: str) -> None:
    """A character that some other program takes for a line end cannot smuggle in a line behind a comment."""
    assert parse_signers(f"# note{end}mallory {key()}\n".encode()).principals == ()


def test_quotes_hold_a_space_together() -> None:
    """A space within quotes does not end the options."""
    text = f'alice namespaces="a b" {key()}\n'

    assert parse_signers(text.encode()).lines_of("alice").decode() == text


def test_file_is_read_through_the_guard(tmp_path: Path) -> None:
    """The names come from a file that nobody else could have written; one that others may write lists nobody."""
    path = tmp_path / "allowed_signers"
    path.write_text(f"alice {key()}\n")
    path.chmod(0o644)

    assert principals(path) == read_signers(path).principals == ("alice",)
    path.chmod(0o666)
    with pytest.raises(Untrusted, match="chmod go-w"):
        principals(path)


def test_oversized_file_lists_nobody(tmp_path: Path) -> None:
    """A file beyond the bound is refused whole: half a list is not what a human wrote."""
    path = tmp_path / "allowed_signers"
    path.write_text(f"alice {key()}\n" + "#" * SIGNERS_BYTES_MAX)
    path.chmod(0o644)

    with pytest.raises(Untrusted, match="larger"):
        principals(path)
