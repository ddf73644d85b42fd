"""Whether an account may change a path: the thing itself, or anything on the way to it.

Theory of operation. Whoever may write a folder may put another thing in the place of any of its entries, whatever the
entry's own mode; whoever owns something may give itself the right to write it. A sticky folder protects entries of
other owners. POSIX ACLs are read raw; an entry that names the account or one of its groups with write counts, whether
or not the mask takes it away again today.

Invariant: pure but for lstat and getxattr, and `True` when in doubt.
"""

import errno
import os
import stat
import struct

from watchdog.origin.enforcing.accounts import Account
from watchdog.origin.host import Host, Step

_ACL = "system.posix_acl_access"
_ACL_ENTRY = struct.Struct("<HHI")
_USER, _GROUP = 0x02, 0x08
_WRITE = 2
_NO_ACL = frozenset({errno.ENODATA, errno.ENOTSUP, errno.ENOSYS})


def way_in(host: Host, path: str, account: Account) -> str:
    """Return the first place at which `account` could change what `path` is; "" when there is none.

    Raises OSError when the way cannot be looked at.
    """
    trail = host.trail(path)
    for index, step in enumerate(trail.steps):
        following = trail.steps[index + 1] if index + 1 < len(trail.steps) else None
        if may_write(host, step, account) and not _is_guarded(step, following, account):
            return step.path
    return ""


def may_write(host: Host, step: Step, account: Account) -> bool:
    """Tell whether the account owns the thing or may write it. Raises OSError."""
    status = step.status
    if account.uid == status.st_uid:
        return True
    if stat.S_ISLNK(status.st_mode):
        return False
    if status.st_mode & stat.S_IWOTH:
        return True
    if status.st_mode & stat.S_IWGRP and status.st_gid in account.gids:
        return True
    return _is_named(_acl(host, step.path), account)


def may_pass(host: Host, folder: Step, account: Account) -> bool:
    """Tell whether the account may go through a folder. Raises OSError.

    An ACL shows its mask as the group's bits; which entry holds them is not asked, it counts for the account.
    """
    status = folder.status
    if stat.S_ISLNK(status.st_mode) or status.st_uid == account.uid or status.st_mode & stat.S_IXOTH:
        return True
    if not status.st_mode & stat.S_IXGRP:
        return False
    return status.st_gid in account.gids or bool(_acl(host, folder.path))


def _is_guarded(folder: Step, entry: Step | None, account: Account) -> bool:
    """Tell whether a sticky folder keeps this account from replacing the entry."""
    sticky = stat.S_ISDIR(folder.status.st_mode) and folder.status.st_mode & stat.S_ISVTX
    return bool(sticky) and entry is not None and account.uid not in (entry.status.st_uid, folder.status.st_uid)


def _acl(host: Host, path: str) -> bytes:
    try:
        return os.getxattr(host.place(path), _ACL, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_ACL:
            return b""
        raise


def _is_named(acl: bytes, account: Account) -> bool:
    """Look for a named user or group with write: 4 bytes of version, then (tag, permissions, id)."""
    for offset in range(4, len(acl) - _ACL_ENTRY.size + 1, _ACL_ENTRY.size):
        tag, permissions, identity = _ACL_ENTRY.unpack_from(acl, offset)
        if not permissions & _WRITE:
            continue
        if (tag == _USER and identity == account.uid) or (tag == _GROUP and identity in account.gids):
            return True
    return False
