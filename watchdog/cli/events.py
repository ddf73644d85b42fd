"""`gatedog events` and `gatedog explain`: the journal, told by the daemon, or read beside its grave.

Invariant: when the daemon does not answer the journal is read directly, never written, and that is said on stderr.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from watchdog.cli import asking, output
from watchdog.cli.durationtype import duration
from watchdog.cli.likeness import seen_before
from watchdog.cli.paths import Surroundings
from watchdog.cli.recorded import JOURNAL_FOLDER, read_incident, read_since, read_tail, story_of
from watchdog.cli.trouble import Trouble
from watchdog.control.recordreply import record_of
from watchdog.core.identity import IncidentId
from watchdog.report.moments import day
from watchdog.report.story import explain as explain_text

BATCH = 1000
SEQ_MAX = 2**62
_STEPS_MAX = 64
"""Bound of the search by time: halving 2**62 sequence numbers takes no more."""


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on as things happen.")
@click.option("--since", "since_usec", type=duration, metavar="TIME", help='Only the last so much, such as "2h".')
@click.option("-n", "count", type=click.IntRange(min=1), metavar="COUNT", help="The newest so many (default 50).")
@click.option("-a", "--alarms", is_flag=True, help="The alarms as well that were set and cancelled.")
@click.option("--json", "as_json", is_flag=True, help="Records unchanged, one object a line.")
@click.option("--journal", "folder", type=click.Path(path_type=Path), help="Read this journal, ask nobody.")
@click.pass_obj
def events(
    surroundings: Surroundings,
    *,
    follow: bool,
    since_usec: int | None,
    count: int | None,
    alarms: bool,
    as_json: bool,
    folder: Path | None,
) -> None:
    """Tell what happened and what was decided on it."""
    since = None if since_usec is None else time.time_ns() // 1000 - since_usec
    today = ""
    for record in journal_records(surroundings, folder, since=since, count=count, follow=follow):
        if as_json:
            output.say_json(record)
            continue
        if (date := day(record["wall_usec"])) != today:
            today = date
            output.say(f"-- {date}\n")
        output.say(f"{story_of(record, alarms=alarms)}\n")


@click.command()
@click.argument("subject", metavar="[INCIDENT|GATEWAY]", required=False)
@click.option("--json", "as_json", is_flag=True, help="The Explain reply, unchanged.")
@click.option("--journal", "folder", type=click.Path(path_type=Path), help="Read this journal, ask nobody.")
@click.pass_obj
def explain(surroundings: Surroundings, subject: str | None, *, as_json: bool, folder: Path | None) -> None:
    """Walk through one incident: event, rule, decision, outcome. Default: the newest one."""
    if folder is not None:
        if subject is None or not subject.startswith("INC-"):
            raise click.UsageError("With --journal, name an incident: INC-1.")
        _say_walk(subject, read_incident(folder, subject))
        return
    identity = subject if subject and subject.startswith("INC-") else _newest_incident(surroundings, subject)
    reply = asking.call(surroundings, "Explain", incident=identity)
    if as_json:
        output.say_json(reply)
        return
    records = [found for record in reply["records"] if (found := record_of(record)) is not None]
    _say_walk(identity, records, seen_before(surroundings, reply["incident"]))


def _say_walk(identity: str, records: list[Any], seen: Sequence[str] = ()) -> None:
    if not records:
        raise Trouble(f"no record names {identity}", code="UnknownIncident", next_=("gatedog incident list --all",))
    output.say(f"{explain_text(IncidentId(identity), records, seen)}\n")


def _newest_incident(surroundings: Surroundings, gateway: str | None) -> str:
    found = asking.call(surroundings, "Incidents", all=True)["incidents"]
    mine = [each for each in found if gateway in (None, each["gateway"])]
    if not mine:
        about = f" of {gateway}" if gateway else ""
        raise Trouble(f"there is no incident{about}", code="UnknownIncident", next_=("gatedog events",))
    open_ones = [each for each in mine if each["phase"] != "resolved"]
    return str((open_ones or mine)[0]["id"])


# -- where records come from ---------------------------------------------------------------------------------------


def journal_records(
    surroundings: Surroundings, folder: Path | None, *, since: int | None, count: int | None, follow: bool
) -> Iterator[Mapping[str, Any]]:
    """Read records of the daemon, or of the journal of one that is dead: since an instant, the newest `count`, both."""
    if folder is None:
        try:
            first = _first_seq(surroundings, since, count)
        except Trouble as trouble:
            folder = surroundings.state_folder() / JOURNAL_FOLDER
            if trouble.code != "unreachable" or surroundings.socket is not None or follow or not os.path.exists(folder):  # noqa: PTH110 - Path.exists() raises where it may not look
                raise
            click.echo(f"gatedog: {trouble.message}; reading {folder}", err=True)
        else:
            yield from _asked(surroundings, first, follow=follow)
            return
    newest = read_tail(folder, count or 50) if since is None or count else None
    if newest is None:
        yield from read_since(folder, since or 0)
    else:
        yield from (record for record in newest if since is None or record["wall_usec"] >= since)


def _asked(surroundings: Surroundings, first: int, *, follow: bool) -> Iterator[dict[str, Any]]:
    after = first - 1
    while True:
        got = 0
        timeout_s = None if follow else asking.STREAM_TIMEOUT_S
        for reply in asking.stream(surroundings, "Events", timeout_s, after_seq=after, limit=BATCH, follow=follow):
            record = reply.get("record")
            if record is not None:
                got, after = got + 1, record["seq"]
                yield record
        if got < BATCH:
            return


def _first_seq(surroundings: Surroundings, since: int | None, count: int | None) -> int:
    by_time = 1 if since is None else _first_since(surroundings, since)
    if since is not None and count is None:
        return by_time
    newest = _first_after(surroundings, -(count or 50))
    return by_time if newest is None else max(by_time, newest["seq"])


def _first_since(surroundings: Surroundings, wall_usec: int) -> int:
    """Search the first record of an instant or later by halving: the daemon answers by number, not by time."""
    newest = _first_after(surroundings, -1)
    if newest is None:
        return 1
    low, high = 0, int(newest["seq"])
    for _ in range(_STEPS_MAX):
        if low >= high:
            break
        middle = (low + high) // 2
        found = _first_after(surroundings, middle)
        if found is not None and found["wall_usec"] < wall_usec:
            low = int(found["seq"])
        else:
            high = middle
    return low + 1


def _first_after(surroundings: Surroundings, after_seq: int) -> dict[str, Any] | None:
    for reply in asking.stream(surroundings, "Events", after_seq=after_seq, limit=1, follow=False):
        record = reply.get("record")
        if record is not None:
            found: dict[str, Any] = record
            return found
    return None
