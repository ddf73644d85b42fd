"""What shows that a person approved: challenges, signatures over them, release codes.

Theory of operation. A request that needed a person and came without one may be answered from anywhere else: its
challenge names the request, what it asks for, the host, the boot and the journal, and is good for one use within its
time. The shell (approval/) checks the signature over exactly that text against the signers that a human listed; what
only the memory can know is checked here: that the challenge was given, for this very thing, in this boot, not long ago,
and not answered before. A release code is the same for a person without a key: one of ten words on paper.

Invariant: a challenge is spent by the first signature that fits it, granted or not, and a code by its first use, from
wherever it came. What comes from inside a gateway is never a person's, however well it is signed: it shows that the
agent holds what it should not. Deliberately not here: cryptography, and the text that is signed (approval/).
"""

from enum import Enum

from watchdog.core.enclosure import Enclosed
from watchdog.core.identity import BootId, GatewayName, IncidentId, RequestId
from watchdog.core.timeline import MINUTE, Usec
from watchdog.core.values import dataclass
from watchdog.core.verbs import Verb

CHALLENGES_MAX = 32
CHALLENGES_PER_UID_MAX = 4
"""Challenges remembered. The oldest of an account makes room for its next one: nobody pushes a person's out."""

CHALLENGE_FOR_USEC = 10 * MINUTE
"""How long a challenge may be answered."""


class SignatureFault(Enum):
    """Why a signature shows nothing, as far as the signature itself and the listed signers can tell."""

    UNREADABLE = "unreadable"
    NO_CHALLENGE = "no-challenge"
    NO_SIGNERS = "no-signers"
    OTHER_NAMESPACE = "other-namespace"
    UNKNOWN_SIGNER = "unknown-signer"
    KEY_EXPIRED = "key-expired"
    KEY_REVOKED = "key-revoked"
    DOES_NOT_MATCH = "does-not-match"
    NOT_TOUCHED = "not-touched"
    VERIFIER_FAILED = "verifier-failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One request that may be answered by a signature. `request` and `nonce` make it unlike any other."""

    request: RequestId
    verb: Verb
    gateway: GatewayName
    incident: IncidentId | None
    subject: str
    for_usec: int | None
    starts: int | None
    uid: int | None
    reason: str
    nonce: str
    asker_uid: int
    signer: str
    """The principal who is to sign: fixed when it was given, never taken from the signature."""
    boot: BootId
    given_usec: Usec
    expires_wall_usec: Usec
    used: bool = False
    enclosed: Enclosed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureKept:
    """A good signature, whole. `signers`: the signer's own lines of allowed_signers as they were then."""

    text: str
    armoured: str
    signers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What was found of a signature. `fault` None: it is `principal`'s, over the challenge of `request`."""

    request: RequestId | None
    principal: str = ""
    key: str = ""
    """The key's fingerprint, "SHA256:..."; empty where there was none to read."""
    fault: SignatureFault | None = None
    detail: str = ""
    """What is wrong and what helps, one line for a person."""
    counting: tuple[str, ...] = ()
    """The fingerprints of all keys that count now, where several people sign one thing; sorted."""
    kept: SignatureKept | None = None
    """Of a cause: what is needed to verify it again, years later and without gatedog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeOffered:
    """A release code that came with a request. `number` None: there is no such code in the set."""

    number: int | None
