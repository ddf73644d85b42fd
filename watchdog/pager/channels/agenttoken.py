"""Whether gatedog and the supervised agent would speak as the same Telegram bot.

The agent's files are the agent's: read as bytes, bounded, never followed through a link at the end of the path, and
only compared. Invariants: a token counts as the same if the bot's number is the same, since a bot whose token was
renewed is still that bot; the agent's tokens leave this file as digests only. The agent cannot switch the channel off
by this: it does not know gatedog's token, and a path of its own that leads to gatedog's very file proves nothing.
"""

import hashlib
import hmac
import os
import re
import stat

from watchdog.core.values import dataclass

FILE_BYTES_MAX = 1024 * 1024
"""An agent's configuration may hold its token among much else."""

_TOKEN = re.compile(rb"(?<![0-9A-Za-z])([0-9]{5,20}):[A-Za-z0-9_-]{20,}")
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`same_as` names the file that holds the same bot, "" if none; `unread` those that could not be looked into."""

    same_as: str
    unread: tuple[str, ...]


def compare(token: str, own_file: str, agent_files: tuple[str, ...]) -> Comparison:
    """Look for `token`'s bot in the agent's files."""
    ours = _digest(token.partition(":")[0].encode())
    unread: list[str] = []
    for file in agent_files:
        content = _content(file, own_file)
        if content is None:
            unread.append(file)
        elif any(hmac.compare_digest(_digest(found[1]), ours) for found in _TOKEN.finditer(content)):
            return Comparison(same_as=file, unread=tuple(unread))
    return Comparison(same_as="", unread=tuple(unread))


def _content(file: str, own_file: str) -> bytes | None:
    try:
        descriptor = os.open(file, _OPEN)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or _is_same(status, own_file):
            return None
        return os.read(descriptor, FILE_BYTES_MAX)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _is_same(status: os.stat_result, own_file: str) -> bool:
    try:
        own = os.stat(own_file)  # noqa: PTH116 - plain strings
    except OSError:
        return False
    return (own.st_dev, own.st_ino) == (status.st_dev, status.st_ino)


def _digest(number: bytes) -> bytes:
    return hashlib.sha256(number).digest()
