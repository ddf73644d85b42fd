"""Writing an incident's export: Markdown, one HTML page, or a tar of everything.

Invariant: every byte that is written has been through one Redactor, whose counts are written with it; a file that
is there already is never replaced, and a new one belongs to its writer alone. The sizes are bounded, and what did not
fit is said. Deliberately not here: a way to export unredacted; root has the state folder.
"""

import io
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from watchdog.cli.dossiers import checked, find
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import Trouble
from watchdog.control.recordreply import record_reply
from watchdog.journal.evidence import Evidence
from watchdog.report.dossier import Checked, Dossier, object_of
from watchdog.report.incidenthtml import render_html
from watchdog.report.incidentmarkdown import render_markdown
from watchdog.report.postmortemlayers import papers_in
from watchdog.report.redaction import Redactor

EVIDENCE_BYTES_MAX: Final = 32 * 1024 * 1024


def write_export(
    surroundings: Surroundings,
    identity: str,
    state: Path | None,
    *,
    markdown: Path | None,
    html: Path | None,
    tar: Path | None,
) -> list[str]:
    """Write the files that were named, and return what to tell the person. Raises Trouble."""
    whole = checked(find(surroundings, identity, state)).dossier
    redactor = Redactor()
    dossier = redacted(whole, redactor)
    entries = (*tar_entries(dossier), *signed_entries(whole)) if tar else ()
    if markdown:
        write_new(markdown, render_markdown(dossier).encode())
    if html:
        write_new(html, render_html(dossier).encode())
    if tar:
        write_new(tar, tar_bytes(dossier, entries))
    told = [f"wrote {path}" for path in (markdown, html, tar) if path]
    told += [f"  left out: {each}" for each in dossier.left_out]
    told += [f"  redacted: {kind}: {count}" for kind, count in dossier.redacted or ()]
    told += [f"  does not fit: {each}" for each in (dossier.checked.problems if dossier.checked else ())]
    return [*told, "  read it before you send it: only known shapes of secrets are taken out"]


def redacted(whole: Dossier, redactor: Redactor) -> Dossier:
    """Take the secrets out of everything in a dossier, the contents of files included; digests stay as they were."""
    check = whole.checked
    if check is not None:
        check = Checked(summary=check.summary, problems=tuple(redactor.text(each) for each in check.problems))
    dossier = replace(
        whole,
        records=redactor.records(whole.records),
        left_out=tuple(redactor.text(each) for each in whole.left_out),
        evidence=None if whole.evidence is None else tuple(_named(each, redactor) for each in whole.evidence),
        checked=check,
    )
    return replace(dossier, redacted=redactor.log())


def tar_entries(dossier: Dossier) -> Iterator[tuple[str, bytes]]:
    """Return name and content of the records and of each file of evidence of a redacted dossier."""
    lines = [
        json.dumps(
            {**record_reply(record), "digest": record.digest.hex(), "filed": record.stamped.stamp.seq in dossier.filed}
        )
        for record in dossier.records
    ]
    yield "records.jsonl", "".join(f"{line}\n" for line in lines).encode()
    room = EVIDENCE_BYTES_MAX
    for folder in dossier.evidence or ():
        place = f"evidence/{Path(folder.folder).name}"
        for file in folder.files:
            if file.size_bytes > room:
                yield f"{place}/{file.name}.left-out", f"{file.size_bytes} bytes: no room\n".encode()
                continue
            room -= file.size_bytes
            yield f"{place}/{file.name}", file.content


def signed_entries(whole: Dossier) -> Iterator[tuple[str, bytes]]:
    """Return what was signed of a dossier that is not redacted, as `ssh-keygen -Y verify` takes it.

    A letter less and the signature does not fit: a text that holds the shape of a secret is left out whole.
    """
    signed = papers_in(whole).signed
    if signed is None or signed.kept is None:
        return
    kept = signed.kept
    if Redactor().text(kept.text) != kept.text:
        yield "cause/text.left-out", b"it holds what has the shape of a secret\n"
        return
    yield "cause/text", kept.text.encode()
    yield "cause/text.sig", kept.armoured.encode()
    yield "cause/allowed_signers", kept.signers.encode()


def tar_bytes(dossier: Dossier, entries: tuple[tuple[str, bytes], ...]) -> bytes:
    """Pack everything; owners and times are left at zero, so that the same incident makes the same bytes."""
    about = json.dumps(object_of(dossier), indent=1) + "\n"
    pages = (("incident.md", render_markdown(dossier).encode()), ("incident.html", render_html(dossier).encode()))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in (("incident.json", about.encode()), *pages, *entries):
            member = tarfile.TarInfo(f"{dossier.incident}/{name}")
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _named(evidence: Evidence, redactor: Redactor) -> Evidence:
    return replace(
        evidence,
        folder=redactor.text(evidence.folder),
        files=tuple(
            replace(file, name=redactor.text(file.name), content=redactor.content(file.content))
            for file in evidence.files
        ),
        problems=tuple(redactor.text(each) for each in evidence.problems),
    )


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, for its owner alone. Raises Trouble."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except FileExistsError:
        raise Trouble(
            f"{path} is there already, and nothing is written over it", code="exists", next_=(f"ls -l {path}",)
        ) from None
    except OSError as error:
        why = f"{path} cannot be written: {error.strerror}"
        raise Trouble(why, code="unwritable", next_=(f"ls -ld {path.parent}",)) from None
