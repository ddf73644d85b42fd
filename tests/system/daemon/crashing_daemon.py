"""The real daemon, killed with SIGKILL at a named point: crashing_daemon.py POINT ARMED CONFIG STATE RUNTIME.

Nothing in the product knows of this: the classes that do the work are wrapped here, in this process, before
`watchdog.daemon.wiring.run` runs. The point is live from the moment the file ARMED exists.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from watchdog.core.decisions import Decision, QueuePage, Severity, StartGateway
from watchdog.core.events import MainProcessStarted, PageDelivered, Stamped
from watchdog.daemon import wiring
from watchdog.daemon.options import DaemonOptions
from watchdog.gateway.launch import Gate
from watchdog.gateway.lives import LifeFolder, LifeRecord
from watchdog.journal.store import Journal
from watchdog.pager.channel import Receipt
from watchdog.pager.channels.webhook import WebhookChannel
from watchdog.pager.message import Message
from watchdog.policyfile.load import load_policy

point, armed, config, state, runtime = sys.argv[1], *map(Path, sys.argv[2:])


def die_if(reached: bool) -> None:
    """End like a process that the kernel kills: nothing runs after this line, no buffer is written out."""
    if reached and armed.exists():
        os.kill(os.getpid(), signal.SIGKILL)


def wrap(owner: Any, name: str, wrapped: Callable[..., Any]) -> None:
    """Put `wrapped(original, ...)` in the place of a method."""
    original = getattr(owner, name)

    def method(*words: Any, **named: Any) -> Any:
        return wrapped(original, *words, **named)

    setattr(owner, name, method)


def append(original: Any, journal: Journal, stamped: Stamped, decisions: tuple[Decision, ...] = ()) -> None:
    """Die around the commit of a start, of a page, of a life that began, of a delivery."""
    starts = any(isinstance(each, StartGateway) for each in decisions)
    wakes = any(isinstance(each, QueuePage) and each.severity is Severity.CRITICAL for each in decisions)
    die_if(point == "before-page-commit" and wakes)
    die_if(point == "before-decision-commit" and starts)
    die_if(point == "after-exec-before-commit" and isinstance(stamped.event, MainProcessStarted))
    die_if(point == "after-send-before-delivery-commit" and isinstance(stamped.event, PageDelivered))
    original(journal, stamped, decisions)
    die_if(point == "after-decision-commit" and starts)
    die_if(point == "after-page-commit" and any(isinstance(each, QueuePage) for each in decisions))
    die_if(point == "after-delivery-taken" and isinstance(stamped.event, PageDelivered))


def deliver(original: Any, channel: WebhookChannel, message: Message) -> Receipt:
    """Die before anything is sent, and with the receipt in hand."""
    die_if(point == "before-send")
    receipt: Receipt = original(channel, message)
    die_if(point == "after-answer")
    return receipt


def write_first(original: Any, folder: LifeFolder, record: LifeRecord) -> None:
    """Die on either side of the life record, the ticket of a child gateway."""
    die_if(point == "after-fork-before-ticket")
    original(folder, record)
    die_if(point == "after-ticket-before-exec")


def open_gate(original: Any, gate: Gate, *words: Any) -> None:
    """Die when the program was just let begin."""
    original(gate, *words)
    die_if(point == "after-exec")


def try_transaction(original: Any, journal: Journal, statements: Sequence[tuple[str, Any]]) -> None:
    """Die with a snapshot written and not committed."""
    if point == "during-snapshot" and any(sql.startswith("INSERT INTO segments") for sql, _ in statements):
        connection: sqlite3.Connection = journal._connection
        connection.execute("BEGIN IMMEDIATE")
        for sql, rows in statements:
            connection.executemany(sql, rows)
        die_if(reached=True)
        connection.execute("ROLLBACK")
    original(journal, statements)


if __name__ == "__main__":
    wrap(Journal, "append", append)
    wrap(Journal, "_try_transaction", try_transaction)
    wrap(LifeFolder, "write_first", write_first)
    wrap(Gate, "open", open_gate)
    wrap(WebhookChannel, "deliver", deliver)
    loaded = load_policy(config)
    options = DaemonOptions(
        policy=loaded.policy,
        digest=loaded.digest,
        source=loaded.source,
        pager=loaded.pager,
        state_folder=state,
        runtime_folder=runtime,
        bundle=config,
        loaded=loaded,
    )
    sys.exit(wiring.run(options))
