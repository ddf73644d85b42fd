"""A plan as a human reads it: unified diffs, modes, links, commands.

Invariant: every change that --apply would make is in it, and nothing that is there already. Text from files on disk
is escaped: it may come from whoever wrote them.
"""

import difflib
from collections.abc import Iterable, Iterator
from typing import assert_never

from watchdog.report.escape import visible
from watchdog.setup import papercodes
from watchdog.setup.change import Change, Drop, PutFile, PutFolder, PutLink, PutMode, Run
from watchdog.setup.host import Found, Host

LINE_MAX = 2_000


def needed(changes: Iterable[Change], host: Host) -> tuple[Change, ...]:
    """Leave out the changes that would change nothing; commands stay if any change does."""
    kept = [each for each in changes if isinstance(each, Run) or not _is_there(each, host)]
    return tuple(kept) if any(not isinstance(each, Run) for each in kept) else ()


def described(changes: Iterable[Change], host: Host) -> Iterator[str]:
    """Yield the lines."""
    for change in changes:
        match change:
            case PutFile():
                yield from _file(change, _look(change, host))
            case PutFolder(path=path, mode=mode, owner=owner, group=group):
                word = "folder" if _look(change, host).kind == "absent" else "chmod"
                yield f"{word} {path}  mode {mode:04o} {owner}:{group}"
            case PutMode(path=path, mode=mode, owner=owner, group=group):
                yield f"chmod {path}  mode {mode:04o} {owner}:{group}"
            case PutLink(path=path, target=target):
                yield f"link {path} -> {target}"
            case Drop(path=path):
                found = _look(change, host)
                if found.kind == "file":
                    yield from _diff(str(path), found, b"", "(removed)")
                else:
                    yield f"remove {found.kind} {path}" + (", if empty" if found.kind == "folder" else "")
            case Run(argv=argv):
                yield f"run {' '.join(argv)}"
            case _:
                assert_never(change)


def _look(change: PutFile | PutFolder | PutLink | PutMode | Drop, host: Host) -> Found:
    try:
        return host.look(change.path)
    except PermissionError:
        return Found(kind="unreadable")


def _is_there(change: PutFile | PutFolder | PutLink | PutMode | Drop, host: Host) -> bool:
    found = _look(change, host)
    match change:
        case Drop():
            return found.kind == "absent"
        case PutLink(target=target):
            return found.kind == "link" and found.body == target.encode()
        case PutFile(body=body):
            same = found.kind == "file" and found.body == body
        case PutFolder(keep=True):
            return found.kind == "folder"
        case PutFolder():
            same = found.kind == "folder"
        case PutMode():
            same = found.kind != "absent"
        case _:
            assert_never(change)
    try:
        owners = host.ids(change.owner, change.group)
    except KeyError:
        return False  # the account is made by an earlier change of the same plan
    return same and found.mode == change.mode and (found.uid, found.gid) == owners


def _file(change: PutFile, found: Found) -> Iterator[str]:
    head = f"mode {change.mode:04o} {change.owner}:{change.group}"
    if found.kind == "unreadable":
        yield f"--- {change.path}  (only root can read what is there)"
        yield f"+++ {change.path}  {head}"
        return
    if found.kind == "file" and found.body == change.body:
        yield f"chmod {change.path}  {head}"
        return
    yield from _diff(str(change.path), found, change.body, head)


def _diff(path: str, found: Found, body: bytes, head: str) -> Iterator[str]:
    before = "(new)" if found.kind == "absent" else f"mode {found.mode:04o}"
    if found.kind == "link":
        before = f"(link to {visible(found.body.decode(errors='replace'))})"
    yield f"--- {path}  {before}"
    yield f"+++ {path}  {head}"
    if path == str(papercodes.PLACE):
        yield from papercodes.described(was=found.kind == "file", becomes=bool(body))
        return
    old = found.body.decode(errors="replace").splitlines() if found.kind == "file" else []
    new = body.decode(errors="replace").splitlines()
    for line in list(difflib.unified_diff(old, new, lineterm=""))[2:]:
        yield line[:1] + visible(line[1:], LINE_MAX)
