"""Lists of revoked keys, read with the real ssh-keygen: whatever names a key, and whatever does not."""

import base64
from pathlib import Path

import pytest
from signing_stage import SigningStage

from watchdog.approval.keygen import Keygen
from watchdog.approval.revoked import ListUnreadable, revoked_among

pytestmark = pytest.mark.system


@pytest.fixture
def stage(tmp_path: Path) -> SigningStage:
    """A folder for keys and lists."""
    folder = tmp_path / "desk"
    folder.mkdir(mode=0o755)
    return SigningStage(folder)


@pytest.mark.parametrize("form", ["krl", "krl-by-hash", "list"])
def test_revoked_keys_are_found_among_many(stage: SigningStage, form: str) -> None:
    """However the list names them, and however many are asked for at once."""
    names = [f"key-{number}" for number in range(40)]
    for name in names:
        stage.key(name)
    revoked = ("key-1", "key-35")
    match form:
        case "krl":
            stage.run("-q", "-k", "-f", "revoked", *(f"{name}.pub" for name in revoked))
        case "krl-by-hash":
            stage.write("spec", "".join(f"sha256: {stage.public(name)}\n" for name in revoked))
            stage.run("-q", "-k", "-f", "revoked", "spec")
        case _:
            stage.write("revoked", "".join(f"{stage.public(name)}\n" for name in revoked))
    keys = {name: base64.b64decode(stage.public(name).split()[1]) for name in names}

    found = revoked_among(keys.values(), (stage.folder / "revoked").read_bytes())
    assert {name for name, key in keys.items() if key in found} == set(revoked)


@pytest.mark.parametrize("body", ["exit 0", "echo x: ok", "echo x: ok; exit 1", "echo x: REVOKED; exit 0"])
def test_what_a_krl_names_is_told_by_a_whole_answer_alone(stage: SigningStage, body: str) -> None:
    """Anything else may hide a revoked key."""
    keys = [base64.b64decode(stage.key(name).split()[1]) for name in ("one", "other")]
    keygen = Keygen(program=Path(stage.program(body)))

    with pytest.raises(ListUnreadable):
        revoked_among(keys, b"SSHKRL\n\0whatever", keygen)
