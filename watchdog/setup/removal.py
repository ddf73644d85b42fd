"""The plan that takes gatedog off a gateway, and, with the last one, off the host.

Invariant: every place goes back to how the first setup found it, and the gateway's process runs on. A policy that a
human has written since keeps every line but the one section that setup put there. What gatedog learned stays: its
journal and its account, whose number must not be given to somebody else while files of it are left.
"""

import os
from collections.abc import Iterator

from watchdog.policyfile.bundle import POLICY_FILE
from watchdog.policyfile.defaults import SYSTEM_BUNDLE
from watchdog.setup.change import Change, Drop, Plan, Put, PutFile, PutFolder, PutLink, PutMode, Run
from watchdog.setup.facts import Wish
from watchdog.setup.host import Host
from watchdog.setup.look import UNITS
from watchdog.setup.manifest import Entry, Manifest
from watchdog.setup.plan import RELOAD, TIMERS
from watchdog.setup.policysection import section, without_section

POLICY = SYSTEM_BUNDLE / POLICY_FILE
LEFT = (
    "what gatedog learned stays: /var/lib/gatedog and the account that owns it; to forget it: rm -r /var/lib/gatedog "
    "/var/lib/gatedog-lastword /var/lib/gatedog-break-glass && userdel gatedog"
)


def make_removal(manifest: Manifest, shared: Manifest, host: Host, *, last: bool) -> Plan:
    """Make the plan. `last`: no other gateway is left, so what all share goes as well."""
    own = tuple(_put_back(manifest, host))
    rest = tuple(_put_back(shared, host)) if last else ()
    puts = (*own, *rest)
    # Folders are removed when what was in them is gone; the account's file needs no order any more.
    ordered = sorted(puts, key=lambda put: isinstance(put, Drop) and _is_folder(put, host))
    changes: tuple[Change, ...] = (*_ended(manifest, last=last), *ordered, Run(argv=RELOAD, settle=RELOAD))
    if not last:
        changes = (*changes, Run(argv=("systemctl", "try-restart", "gatedog.service"), may_fail=True))
    notes = (*_notes(manifest, host), *((LEFT,) if last else ()))
    return Plan(gateway=manifest.gateway, unit=manifest.unit, host=rest, own=own, changes=changes, notes=notes)


def _ended(manifest: Manifest, *, last: bool) -> Iterator[Run]:
    """Stop what is ours. Stopping these targets neither stops nor starts the gateway."""
    stem = manifest.unit.removesuffix(".service")
    yield Run(argv=("systemctl", "stop", f"gatedog-start@{stem}.target", f"gatedog-stop@{stem}.target"), may_fail=True)
    if last:
        # Whoever wanted the page enabled it by hand; its link would point to nothing.
        yield Run(argv=("systemctl", "disable", "--now", "gatedog-web.service"), may_fail=True)
        yield Run(argv=("systemctl", "stop", *TIMERS), may_fail=True, undo=("systemctl", "start", *TIMERS))
        stop = ("systemctl", "stop", "gatedog.service")
        yield Run(argv=stop, may_fail=True, undo=("systemctl", "start", "gatedog.service"))


def _put_back(manifest: Manifest, host: Host) -> Iterator[Put]:
    for entry in reversed(manifest.entries):
        was = entry.was
        owner, group = str(was.uid), str(was.gid)
        if entry.path == POLICY:
            yield from _policy(manifest, entry, host)
        elif entry.mode_only:
            if host.look(entry.path).kind != "absent" and was.kind != "absent":
                yield PutMode(path=entry.path, mode=was.mode, owner=owner, group=group)
        elif was.kind == "file":
            yield PutFile(path=entry.path, body=was.body, mode=was.mode, owner=owner, group=group)
        elif was.kind == "link":
            yield PutLink(path=entry.path, target=os.fsdecode(was.body))
        elif was.kind == "folder":
            yield PutFolder(path=entry.path, mode=was.mode, owner=owner, group=group)
        else:
            yield Drop(path=entry.path)


def _policy(manifest: Manifest, entry: Entry, host: Host) -> Iterator[Put]:
    """Take our section out of the policy; leave a file alone in which it cannot be found any more."""
    found = host.look(POLICY)
    if found.kind != "file":
        return
    before = entry.was.body if entry.was.kind == "file" else b""
    rest = before if found.body == entry.became else _without_ours(found.body, manifest, entry)
    if rest is None:
        rest = found.body
    if rest:
        was = entry.was if entry.was.kind == "file" else found
        yield PutFile(path=POLICY, body=rest, mode=was.mode, owner=str(was.uid), group=str(was.gid))
    else:
        yield Drop(path=POLICY)


def _without_ours(text: bytes, manifest: Manifest, entry: Entry) -> bytes | None:
    before = entry.was.body if entry.was.kind == "file" else None
    if entry.became is None or (before is not None and entry.became == before):
        return text  # setup found its section there, and added none
    # The section as it was added stands at the end of what setup wrote.
    bare = section(Wish(name=manifest.gateway), manifest.unit)
    start = entry.became.rfind(bare)
    return None if start < 0 else without_section(text, entry.became[start:])


def _notes(manifest: Manifest, host: Host) -> Iterator[str]:
    yield "the gateway is neither started nor stopped by this; its unit obeys systemctl again"
    for entry in manifest.entries:
        found = host.look(entry.path)
        if entry.path == UNITS / manifest.unit and entry.was.kind == "absent":
            yield f"{manifest.unit} was made by setup and goes; its process runs until: systemctl stop {manifest.unit}"
        if entry.path == POLICY and found.kind == "file" and found.body != entry.became:
            if _without_ours(found.body, manifest, entry) is None:
                yield f"{POLICY} was edited since: take [gateway.{manifest.gateway}] out of it yourself"
        elif entry.became is not None and not entry.mode_only and found.body != entry.became and found.kind == "file":
            yield f"{entry.path} was edited since setup wrote it; it is put back to what was there before"


def _is_folder(put: Drop, host: Host) -> bool:
    return host.look(put.path).kind == "folder"
