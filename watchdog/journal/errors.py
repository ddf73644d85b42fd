"""What can go wrong with a journal, each with the command that comes next.

Invariant: every error names the file or folder, says what happened in words of the person on call, and carries
`next_command`. None of them changes anything on disk.
"""

from pathlib import Path


class JournalError(Exception):
    """Anything that keeps the journal from doing what was asked of it."""

    def __init__(self, message: str, next_command: str) -> None:
        super().__init__(f"{message}. Next: {next_command}")
        self.message = message
        self.next_command = next_command


class JournalMissing(JournalError):  # noqa: N818 - the name is the fact
    """There is no journal in the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"there is no journal in {folder}; the daemon makes one when it starts", f"ls -la {folder}")


class JournalExists(JournalError):  # noqa: N818 - the name is the fact
    """A journal is never made over another one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} already holds a journal, and it was not touched", f"gatedog journal verify {folder}"
        )


class JournalBusy(JournalError):  # noqa: N818 - the name is the fact
    """Another process writes this journal. Two writers would fork the chain."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"another gatedog writes the journal in {folder}, and a journal has one writer",
            f"fuser -v {folder / 'journal.lock'}",
        )


class JournalNewer(JournalError):  # noqa: N818 - the name is the fact
    """The journal is whole, but a newer version wrote it."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} was written by a newer gatedog: {what}. Install that version again; nothing is lost",
            "gatedog version",
        )
        self.what = f"a newer gatedog wrote it: {what}"


class JournalDamaged(JournalError):  # noqa: N818 - the name is the fact
    """The file does not hold what was written into it. `record` is the first broken seq, None for the whole file."""

    def __init__(self, path: Path, what: str, record: int | None = None) -> None:
        where = str(path) if record is None else f"{path}, record {record}"
        super().__init__(
            f"{where}: {what}; the file was left as it is",
            f"gatedog journal salvage {path.parent}",
        )
        self.path = path
        self.what = what
        self.record = record


class JournalUnreadable(JournalError):  # noqa: N818 - the name is the fact
    """The journal may not, or cannot, be opened."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"cannot read {path}: {reason}; a journal is for root or its owner", f"ls -la {path.parent}")


class JournalUnwritable(JournalError):  # noqa: N818 - the name is the fact
    """What was handed over is in memory, not on disk. `reason` is the system's own text."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"cannot write {path}: {reason}",
            f"df -h {path.parent}; journalctl -k | tail",
        )
        self.reason = reason
