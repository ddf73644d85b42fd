"""Whether a signed cause still holds: its text, the evidence it was signed with, the signature.

Theory of operation. The journal keeps the text that was signed, the armoured signature, and the signer's own lines of
allowed_signers as they were then; so nothing but the state folder and ssh-keygen is needed. The signature is verified
as of the moment it was made, and then once more against the keys that are revoked now: a stolen key signs whatever is
put before it, with any date. That somebody is no longer listed is said, and takes nothing from what they signed before.

Invariant: reads only. What could not be looked at is said.
"""

import json
import os
from pathlib import Path
from typing import Any, Final

from watchdog.approval.challenge import CAUSE
from watchdog.approval.guard import Untrusted, read_trusted
from watchdog.approval.signature import REVOKED_BYTES_MAX, Verdict
from watchdog.approval.signature import verify as verify_signature
from watchdog.approval.signers import REVOKED_FILE, SIGNERS_FILE, parse_signers, read_signers
from watchdog.cli.dossiers import find
from watchdog.cli.paths import Surroundings
from watchdog.cli.recorded import JOURNAL_FOLDER, journal_trouble
from watchdog.cli.trouble import NO_PERMISSION, Trouble
from watchdog.core.approval import SignatureFault, SignatureKept
from watchdog.core.enclosure import PostmortemOffered
from watchdog.core.identity import IncidentId
from watchdog.core.values import dataclass
from watchdog.core.verbs import Verb
from watchdog.journal.codec import CodecError, decode, parse
from watchdog.journal.errors import JournalError
from watchdog.journal.evidencehead import Compared, compare
from watchdog.journal.reader import JournalReader, Record
from watchdog.policyfile.defaults import find_bundle
from watchdog.report.escape import visible
from watchdog.report.postmortempapers import UNSIGNED, Papers, SignedText, papers_of

_OK: Final = "OK"
_BAD: Final = "DOES NOT FIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseChecked:
    """What was found. `problems` is empty when the cause holds; `notes` are to be known all the same."""

    incident: str
    summary: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """Say it for a terminal."""
        head = f"{_BAD if self.problems else _OK}  {self.incident}  {self.summary}"
        return (head, *(f"  {visible(each)}" for each in (*self.problems, *self.notes)))

    def as_object(self) -> dict[str, Any]:
        """Say it as JSON holds it."""
        return {
            "incident": self.incident,
            "holds": not self.problems,
            "summary": self.summary,
            "problems": list(self.problems),
            "notes": list(self.notes),
        }


def verify_cause(surroundings: Surroundings, identity: str, state: Path | None, bundle: Path | None) -> CauseChecked:
    """Check the newest signed cause of an incident against the state folder. Raises Trouble."""
    found = find(surroundings, identity, state, around=False)
    if found.state is None:
        ways = (f"sudo gatedog postmortem verify {identity}", f"gatedog postmortem verify {identity} --state FOLDER")
        raise Trouble(
            "the state folder of the daemon that answers cannot be read from here, and a cause is verified there",
            exit_code=NO_PERMISSION, code="no-permission", next_=ways,
        )  # fmt: skip
    try:
        with JournalReader.open_folder(found.state / JOURNAL_FOLDER) as journal:
            records, journal_id = journal.records_of_incident(IncidentId(identity)), journal.journal_id
    except JournalError as error:
        raise journal_trouble(error) from None
    place = bundle or find_bundle(None, surroundings.environ, surroundings.uid)
    return check_cause(IncidentId(identity), journal_id, records, place)


def check_cause(incident: IncidentId, journal_id: str, records: tuple[Record, ...], bundle: Path) -> CauseChecked:
    """Check the newest signed cause among an incident's records. `bundle` is where the lists lie now."""
    papers = papers_of(incident, records)
    signed = papers.signed
    if signed is None:
        return CauseChecked(incident=incident, summary=UNSIGNED, problems=("there is nothing to verify",))
    compared = compare(signed.text.evidence_head, journal_id, incident, records)
    problems = [*_of_text(papers), *_of_evidence(compared)]
    notes = [f"new evidence since signing: {compared.newer} records"] if compared.newer else []
    if signed.attested:
        notes.append("attested by a person, and there is no signature that could be verified")
    elif signed.kept is None:
        problems.append("the signature was not kept")
    else:
        problems += _of_signed_text(signed, signed.kept, incident, journal_id)
        told, more = _of_signature(signed, signed.kept, bundle)
        problems += told
        notes += more
    return CauseChecked(incident=incident, summary=signed.by, problems=tuple(problems), notes=tuple(notes))


def _of_text(papers: Papers) -> list[str]:
    return ["the text was edited after it was signed; the newer text is UNSIGNED"] if papers.is_changed else []


def _of_evidence(compared: Compared) -> list[str]:
    return [] if compared.fits else ["the evidence is not what was signed: its digest is none that these records had"]


def _of_signed_text(signed: SignedText, kept: SignatureKept, incident: str, journal_id: str) -> list[str]:
    """Compare what was signed with what is shown as signed."""
    try:
        words = json.loads(kept.text)
        offered = decode(PostmortemOffered, {k: v for k, v in words["enclosed"].items() if k != "kind"})
        parse(kept.text)
    except (ValueError, KeyError, TypeError, AttributeError, CodecError):
        return ["the text that was signed cannot be read"]
    meant = {"kind": CAUSE, "verb": Verb.SIGN_CAUSE.value, "incident": incident, "journal": journal_id}
    found = [f"what was signed has another {name}" for name, value in meant.items() if words.get(name) != value]
    return found if offered == signed.text else [*found, "what was signed is not the text that is shown as signed"]


def _of_signature(signed: SignedText, kept: SignatureKept, bundle: Path) -> tuple[list[str], list[str]]:
    principal = str(json.loads(kept.text).get("signer", "")) if kept.text.startswith("{") else ""
    then = _verify(signed, kept, principal, None)
    if then.fault is not None:
        return [f"the signature does not hold: {then.detail or then.fault.value}"], []
    notes = [f"good signature of {principal} with {then.key_type} key {then.key}"]
    try:
        revoked = _read_if_there(bundle / REVOKED_FILE, REVOKED_BYTES_MAX)
    except Untrusted as error:
        # A list that others could have written is what somebody with a stolen key would leave behind.
        return [f"whether the key was revoked since could not be looked up: {error}"], notes
    problems = []
    if revoked is not None:
        now = _verify(signed, kept, principal, revoked)
        if now.fault is SignatureFault.KEY_REVOKED:
            problems.append(f"the key {then.key} was revoked since")
        elif now.fault is not None:
            problems.append(f"whether the key was revoked since cannot be told: {now.detail}")
    return problems, [*notes, *_still_listed(principal, kept, bundle)]


def _verify(signed: SignedText, kept: SignatureKept, principal: str, revoked: bytes | None) -> Verdict:
    return verify_signature(
        kept.armoured.encode(),
        kept.text.encode(),
        principal=principal,
        signers=parse_signers(kept.signers.encode()),
        revoked=revoked,
        namespace=CAUSE,
        at_wall_usec=signed.wall_usec,
    )


def _still_listed(principal: str, kept: SignatureKept, bundle: Path) -> list[str]:
    then = parse_signers(kept.signers.encode()).lines
    try:
        now = read_signers(bundle / SIGNERS_FILE)
    except Untrusted as error:
        return [f"who is listed now could not be looked up: {error}"]
    if any(line.key == each.key and principal in each.names for line in then for each in now.lines):
        return []
    return [f"{principal} is not listed with this key any more; they were when they signed"]


def _read_if_there(path: Path, bytes_max: int) -> bytes | None:
    return read_trusted(path, bytes_max=bytes_max) if os.path.lexists(path) else None
