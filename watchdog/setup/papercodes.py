"""The release codes of an installation: where they lie, and the page that is put on paper.

Invariant: the codes themselves are on that page and nowhere else; the file has their hashes, and neither the diff nor
what is kept for removal has more. Deliberately not here: making codes (approval/codes.py), and which are used.
"""

from collections.abc import Iterator

from watchdog.approval.codes import CODES_FILE, ReleaseCodes
from watchdog.approval.signers import SIGNERS_FILE
from watchdog.policyfile.defaults import SYSTEM_BUNDLE
from watchdog.setup.change import PutFile

PLACE = SYSTEM_BUNDLE / CODES_FILE
SIGNERS_NOTE = (
    f"nobody can sign yet: list each person in {SYSTEM_BUNDLE / SIGNERS_FILE} (root:gatedog, mode 0640), in a line "
    "like: # alice@ops ssh-ed25519 AAAAC3NzaC1lZDI1NTE5..."
)


def put(text: bytes) -> PutFile:
    """Return the change that puts the file there, for gatedog to read and for root alone to write."""
    return PutFile(path=PLACE, body=text, mode=0o640, group="gatedog")


def described(*, was: bool, becomes: bool) -> Iterator[str]:
    """Say in a diff what happens, without a line of either file."""
    if was:
        yield "-ten release codes: void from then on"
    if becomes:
        yield "+ten release codes, printed once when applied"


def page(made: ReleaseCodes, gateway: str = "NAME") -> str:
    """Write what is shown once."""
    rows = "\n".join(f"  {number:>2}  {code}" for number, code in enumerate(made.codes, 1))
    return f"""\
ten release codes, shown now and never again: put them on paper. For a person who has neither a terminal of this host
nor a key that signs: each code lets one request through, once, and a page tells that it was used.

{rows}

to use one:  gatedog release {gateway} -m "why" --code -      and type it; or any other request
all new:     sudo gatedog setup codes --apply      the codes above are void then
"""
