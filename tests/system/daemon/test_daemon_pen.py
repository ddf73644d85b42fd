"""A human holds the pen of a real daemon: ways round the people who must sign, each of which was open once."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from keyholders import Person

pytestmark = pytest.mark.system

LIVES = ["/bin/sh", "-c", "exec sleep 600"]
LOOSER = 'budget = {windows = ["50 per 10min", "80 per 1h"]}\n'
HALF = "half a character \ud800"
SETUP = """
import os, sys
from pathlib import Path
from watchdog.cli.committing import commit_what_lies_there, lies_as_committed
from watchdog.cli.paths import Surroundings

surroundings, folder = Surroundings(environ=os.environ, uid=os.getuid(), socket=sys.argv[1]), Path(sys.argv[2])
is_seen = lies_as_committed(surroundings, folder)
pager = folder / "pager.toml"
pager.write_text(pager.read_text() + "# made by setup\\n")
print("LEFT", commit_what_lies_there(surroundings, folder, "setup of other", is_seen=is_seen))
"""
"""What `gatedog setup` does about the rules, in a folder of this test's."""


def call(site: Any, **parameters: Any) -> dict[str, Any]:
    """Ask as any program can, past the command line."""
    with socket.socket(socket.AF_UNIX) as asker:
        asker.settimeout(30)
        asker.connect(str(site.socket))
        message = {"method": "io.gatedog.Supervisor.Request", "parameters": {"gateway": "", "reason": "x"} | parameters}
        asker.sendall(json.dumps(message).encode() + b"\0")
        reply = b""
        while not reply.endswith(b"\0"):
            part = asker.recv(65536)
            assert part, "the daemon hung up"
            reply += part
    found: dict[str, Any] = json.loads(reply[:-1])
    return found


def setup(site: Any) -> str:
    """Let setup change the rules and commit them, typed by a human; return what it leaves to do."""
    code, said = site.at_terminal(sys.executable, "-c", SETUP, str(site.socket), str(site.config))
    assert code == 0, said
    return said.partition("LEFT")[2].strip()


@pytest.mark.parametrize(
    ("verb", "enclosed"),
    [
        ("policy-propose", {"kind": "BundleOffered", "files": [["policy.toml", HALF]]}),
        ("start", {"kind": "BundleOffered", "files": [["policy.toml", HALF]]}),
        ("policy-commit", {"kind": "StepReviewed", "argv": [HALF], "host": HALF}),
        ("gate-check", {"kind": "ActionOffered", "action": HALF, "argv": []}),
        ("hypothesise", {"kind": "HypothesisOffered", "claim": HALF, "cites": [HALF], "refuted_by": HALF}),
    ],
)
def test_no_message_ends_gatedog(ruled: Any, verb: str, enclosed: dict[str, Any]) -> None:
    """Anybody may ask, also in half characters: what cannot be taken is an invalid parameter."""
    answer = call(ruled, verb=verb, enclosed=enclosed)

    assert answer["error"] == "org.varlink.service.InvalidParameter"
    assert ruled.status()["ready"]
    assert ruled._daemons[0].poll() is None


def test_the_people_who_must_sign_cannot_be_taken_away_by_one_of_them(signed: tuple[Any, Person, Person]) -> None:
    """Not all of them, not down to one, not by revoking, not by a list that spoils every signature."""
    site, alice, _ = signed
    revoked = " ".join(alice.line().split()[1:3])
    offers: list[list[list[str]]] = [
        [["allowed_signers", ""]],
        [["allowed_signers", "# nobody\n"]],
        [["allowed_signers", alice.line()]],
        [["revoked_keys", f"{revoked}\n"]],
        [["revoked_keys", "nonsense\n"]],
    ]
    for files in offers:
        answer = call(site, verb="policy-propose", enclosed={"kind": "BundleOffered", "files": files})["parameters"]
        assert (answer["outcome"], answer["rule"]) == ("failed", "policy.unusable"), files

    assert site.rules()["proposals"] == []
    assert site.rules()["committed"] == 1


def test_what_setup_did_not_write_is_not_committed_with_what_it_did(ruled: Any) -> None:
    """An edit that somebody left there would become a human's commit, unreviewed; setup's own change is one."""
    assert setup(ruled) == ""
    assert (ruled.rules()["committed"], ruled.limit()) == (2, 5)
    policy = Path(ruled.config / "policy.toml")
    policy.write_text(policy.read_text().replace("[gateway.gateway.ready]", f"{LOOSER}[gateway.gateway.ready]"))
    left = setup(ruled)

    (proposal,) = [each["proposal"] for each in ruled.rules()["proposals"] if each["revision"] is None]
    assert left == f"gatedog policy review {proposal}"
    assert (ruled.rules()["committed"], ruled.limit()) == (2, 5)
    code, said = ruled.human("policy", "commit", proposal, "--config", str(ruled.config))
    assert code == 0, said
    assert ruled.limit() == 50


def test_setup_leaves_a_list_of_revoked_keys_alone_that_is_no_text(site: Any) -> None:
    """It is not offered in letters that it does not have: what is not named stays as it was committed."""
    site.write_policy(LIVES)
    key, revoked = Person(site, "alice@ops").key.with_suffix(".key.pub"), site.config / "revoked_keys"
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", str(revoked), str(key)], check=True)
    revoked.chmod(0o600)
    site.start()
    site.wait_until(ready=True)
    krl = revoked.read_bytes()

    assert b"\0" in krl
    assert setup(site) == ""
    assert site.rules()["committed"] == 2
    assert revoked.read_bytes() == krl
