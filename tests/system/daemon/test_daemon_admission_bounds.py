"""What is asked in vain of a real daemon, all day and as large as can be: the disk bears it, and people are heard."""

import contextlib
import json
import random
import sqlite3
import time

import pytest

from watchdog.control.client import Refused, call
from watchdog.daemon.admission import OF_ONE
from watchdog.journal.store import Journal

pytestmark = pytest.mark.system

LIVES = ["/bin/sh", "-c", "exec sleep 600"]


def test_what_is_asked_in_vain_fills_no_disk(site) -> None:
    """The largest texts, again and again: so much goes on record, people hear of the limit, and a person is heard."""
    site.write_policy(LIVES)
    site.start()
    site.wait_until(ready=True)
    before = _journal_bytes(site)
    answers = [_asks_with_a_large_text(site, number) for number in range(30)]
    recorded_count = sum(answer == "refused" for answer in answers)

    assert 1 < recorded_count < 30
    assert "was not recorded" in answers[-1]
    assert len(_recorded(site)) == recorded_count
    site.wait_for_pages("limit reached: requests on record")
    site.wait(lambda: site.human("hold", "-m", "look at it")[0] == 0, "a person to be heard")
    assert len(json.loads(site.cli("explain", "INC-1", "--json").stdout)["records"]) >= recorded_count
    assert _journal_bytes(site) - before < OF_ONE.burst + 64 * 1024


def _asks_with_a_large_text(site, number: int) -> str:
    """Ask to approve a step of 9,000 letters that nothing can pack; return the outcome, or why it was not taken."""
    chance = random.Random(number)  # noqa: S311 - the same letters every time, no secret
    letters = [chr(each) for each in range(0x4E00, 0x9000)]
    argv = ["".join(chance.choices(letters, k=512)) for _ in range(18)]
    asked: dict[str, object] = {"verb": "runbook-approve", "gateway": "", "reason": "", "subject": "RUN-1/1"}
    while True:
        try:
            asked["enclosed"] = {"kind": "StepReviewed", "argv": argv, "host": ""}
            return str(call(site.socket, "Request", asked)["outcome"])
        except Refused as error:
            if error.parameters.get("message") != "too many calls":
                return str(error)
            time.sleep(int(str(error.parameters["retry_after_usec"])) / 1_000_000)  # as a client is told to


def _journal_bytes(site) -> int:
    """Return the size of what is in the journal, what still lies in its log included."""
    with Journal.read(site.state / "journal") as journal, contextlib.closing(sqlite3.connect(":memory:")) as copy:
        journal._connection.backup(copy)
        return copy.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()[0]


def _recorded(site) -> list[str]:
    """Return a word for each request on record."""
    with Journal.read(site.state / "journal") as journal:
        return [row.kind for row, _ in journal.rows() if row.kind == "ActionRequested"]
