"""What an install or a removal does, as values: the closed list of changes, and the plan that holds them.

Invariant: a plan is complete. Whatever --apply does is in it, so what the dry run prints is what happens.
"""

from pathlib import Path

from watchdog.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PutFolder:
    """Make a folder. One that is there gets this mode and owner as well, unless `keep`; owners are names or numbers."""

    path: Path
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PutFile:
    """Put a regular file there, in place of whatever file or link is there now."""

    path: Path
    body: bytes
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutLink:
    """Put a symlink there."""

    path: Path
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutMode:
    """Give a file that a human wrote this mode and owner, and keep what is in it."""

    path: Path
    mode: int
    owner: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Remove a file or a link; a folder only if nothing is left in it."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Run a command. When a later change fails, `undo` is run before files are put back, and `settle` after that.

    `may_fail`: what it would do may be done already, such as stopping what does not run.
    """

    argv: tuple[str, ...]
    may_fail: bool = False
    undo: tuple[str, ...] = ()
    settle: tuple[str, ...] = ()


Put = PutFolder | PutFile | PutMode | PutLink | Drop
Change = Put | Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Changes in the order in which they are made. `host` is shared by all gateways and goes with the last of them."""

    gateway: str
    unit: str
    host: tuple[Put, ...]
    own: tuple[Put, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
