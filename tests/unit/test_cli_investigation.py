"""`gatedog incident timeline|evidence|verify|export|list --like`: read beside the files, or told by the daemon."""

import io
import json
import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakedaemon import NOW, FakeDaemon, serving
from recorded_night import SECRET, record_night

from watchdog.cli.dossiers import check_in_place, find
from watchdog.cli.main import gatedog
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import Trouble
from watchdog.control.recordreply import record_reply
from watchdog.core.identity import IncidentId
from watchdog.core.timeline import DAY, HOUR
from watchdog.journal.reader import JournalReader


def gd(*words: str) -> Result:
    """Run a command line."""
    return CliRunner().invoke(gatedog, list(words))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Give the state folder of the night of 26 March."""
    return record_night(tmp_path / "state")


@pytest.fixture
def daemon(state: Path) -> Iterator[FakeDaemon]:
    """Serve that night over a socket, as a daemon whose state folder nobody else may read."""
    with JournalReader.open_folder(state / "journal") as journal:
        everything = [record_reply(record) for record in journal.records()]
        filed = [record_reply(record) for record in journal.records_of_incident(IncidentId("INC-1"))]
    with serving() as fake:
        known = [incident(1), incident(2), incident(3, fingerprint="main:pages")]
        fake.answer("Explain", {"incident": known[0], "records": filed})
        fake.answer("Incidents", {"incidents": known})
        fake.answer("Events", *({"record": each} for each in everything), {"record": None})
        yield fake


def spoil(state: Path, sql: str) -> None:
    """Change the journal as somebody would who takes its triggers away first."""
    with sqlite3.connect(state / "journal" / "journal.db") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute(sql)
    database.close()


def incident(number: int, **changes: Any) -> dict[str, Any]:
    """Build an incident as it travels."""
    told = {"id": f"INC-{number}", "gateway": "main", "phase": "open", "severity": "critical", "rule": "x.y"}
    told |= {"title": f"story {number}", "because": "", "opened_wall_usec": NOW, "opened_usec_ago": 1, "facts": 1}
    told |= {"paged": True, "acknowledged_by": "", "acknowledged_until_in_usec": None, "next_command": ""}
    return {**told, "fingerprint": "main:restarts", **changes}


def test_timeline_is_read_from_a_state_folder(state: Path) -> None:
    """Every fact has its number, both clocks and what the wall clock was worth."""
    told = gd("incident", "timeline", "INC-1", "--state", str(state)).stdout

    assert "     19 * 00:01:41.000  1:01:41.000 sync  main ended: clean" in told
    assert "     22 * 00:06:41.000  1:06:41.000 FREE  alarm" in told
    assert "      8   00:00:31.000" in told


def test_what_lies_far_from_the_incident_is_not_told(daemon: FakeDaemon) -> None:
    """Records of the hours before belong to the story; those of the day before would only make its picture small."""
    told = daemon.answers["Events"]({})
    for number, each in enumerate(told[:5]):
        each["parameters"]["record"]["wall_usec"] -= DAY if number < 4 else HOUR
    daemon.answers["Events"] = lambda _: told
    shown = gd("--socket", str(daemon.path), "incident", "timeline", "INC-1").stdout

    assert "main is ready (pid 1001)" in shown
    assert "gatedog test came up" not in shown


def test_timeline_is_told_by_the_daemon(daemon: FakeDaemon) -> None:
    """Without the files the same facts come over the socket, and what is missing is said."""
    told = gd("--socket", str(daemon.path), "incident", "timeline", "INC-1").stdout

    assert "     19 * 00:01:41.000  1:01:41.000 sync  main ended: clean" in told
    assert "      8   00:00:31.000" in told
    assert "left out: the evidence and its check" in told


def test_earlier_daemon_does_not_tell_of_its_clock(daemon: FakeDaemon) -> None:
    """Records without that field are not called synchronised."""
    (told,) = daemon.answers["Explain"]({})
    records = [dict(each) for each in told["parameters"]["records"]]
    for each in records:
        del each["synchronised"]
    daemon.answer("Explain", {"incident": incident(1), "records": records})
    result = gd("--socket", str(daemon.path), "incident", "timeline", "INC-1")

    assert " sync  " not in result.stdout
    assert "   ?  main ended" in result.stdout


def test_evidence_is_listed_with_its_digest(state: Path) -> None:
    """The files, their sizes and digests, and that they fit; as JSON, too."""
    result = gd("incident", "evidence", "INC-1", "--state", str(state))
    told = json.loads(gd("incident", "evidence", "INC-1", "--state", str(state), "--json").stdout)

    assert result.exit_code == 0
    assert result.stdout.startswith("OK  incidents/INC-1/19.4  record 20")
    assert [file["name"] for file in told["evidence"][0]["files"]] == ["output.log", "why.txt"]
    assert told["owed"] == []


def test_evidence_needs_the_files(daemon: FakeDaemon) -> None:
    """What only the daemon may read is not called missing: no permission, and the way that would work."""
    result = gd("--socket", str(daemon.path), "incident", "evidence", "INC-1")

    assert result.exit_code == 4
    assert "next: sudo gatedog incident evidence INC-1" in result.stderr


def test_whole_incident_is_verified(state: Path) -> None:
    """An untouched journal and untouched files fit."""
    result = gd("incident", "verify", "INC-1", "--state", str(state))

    assert result.exit_code == 0
    assert result.stdout.startswith("OK  INC-1\n  22 records of the journal, 4 of the incident;")


def test_changed_evidence_is_found(state: Path) -> None:
    """The folder is named, and the exit code is 1; the list of evidence says the same."""
    (state / "incidents/INC-1/19.4/output.log").write_text("nothing happened\n")
    result = gd("incident", "verify", "INC-1", "--state", str(state))
    told = json.loads(gd("incident", "verify", "INC-1", "--state", str(state), "--json").stdout)

    assert result.exit_code == 1
    assert "incidents/INC-1/19.4: its files have the digest" in result.stdout
    assert told["intact"] is False
    assert gd("incident", "evidence", "INC-1", "--state", str(state)).exit_code == 1


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE records SET wall_usec = wall_usec + 1 WHERE seq = 19", "record 19, of the incident: its content"),
        ("UPDATE records SET wall_usec = wall_usec + 1 WHERE seq = 7", "record 7, before the incident: its content"),
        ("DELETE FROM records WHERE seq = 21", "record 22, of the incident: records 21 to 21 before it are missing"),
        ("DELETE FROM records WHERE seq = 22", "record 22: the newest records are missing"),
        ("DELETE FROM mentions WHERE seq = 20", "record 20, of the incident: it names INC-1, but is not found"),
        ("UPDATE records SET event = '{' WHERE seq = 20", "record 20"),
    ],
)
def test_changed_journal_is_found(state: Path, sql: str, said: str) -> None:
    """Whatever was changed, taken out or cut off is named by its record, and whether it is the incident's."""
    spoil(state, sql)
    result = gd("incident", "verify", "INC-1", "--state", str(state))

    assert result.exit_code == 1
    assert said in result.stdout


def test_damaged_incident_points_to_its_check(state: Path) -> None:
    """A timeline is not told from records that do not fit; the command that says which is."""
    spoil(state, "UPDATE records SET wall_usec = 0 WHERE seq = 19")
    result = gd("incident", "timeline", "INC-1", "--state", str(state))

    assert result.exit_code == 1
    assert "next: gatedog incident verify INC-1" in result.stderr


@pytest.mark.parametrize("verb", ["timeline", "evidence", "verify", "export"])
def test_unknown_incident_and_odd_names(state: Path, verb: str, tmp_path: Path) -> None:
    """An incident that no record names is an error with a next command, and a name of another shape is bad usage."""
    more = ["--md", str(tmp_path / "x.md")] if verb == "export" else []
    unknown = gd("incident", verb, "INC-9", "--state", str(state), *more)

    assert (unknown.exit_code, "next: gatedog incident list --all" in unknown.stderr) == (1, True)
    for odd in ("../x", "INC-0", "INC-1; rm", "inc-1"):
        assert gd("incident", verb, odd, "--state", str(state), *more).exit_code == 2


def test_export_writes_what_was_asked_for(state: Path, tmp_path: Path) -> None:
    """Each file is written once, for its owner alone, and the person is told what was taken out."""
    files = [tmp_path / name for name in ("a.md", "a.html", "a.tar")]
    words = ["--md", str(files[0]), "--html", str(files[1]), "--tar", str(files[2])]
    result = gd("incident", "export", "INC-1", "--state", str(state), *words)

    assert result.exit_code == 0
    assert "redacted: token: 1" in result.stdout
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 3
    assert all(SECRET.encode() not in file.read_bytes() for file in files)
    assert "- `token: 1`" in files[0].read_text()


def test_tar_holds_everything_once(state: Path, tmp_path: Path) -> None:
    """Records as JSON lines with their digests, both pages, the files of evidence, and what the check found."""
    gd("incident", "export", "INC-1", "--state", str(state), "--tar", str(tmp_path / "a.tar"))
    with tarfile.open(tmp_path / "a.tar") as archive:
        files = {name: (archive.extractfile(name) or io.BytesIO()).read() for name in archive.getnames()}
    about = json.loads(files["INC-1/incident.json"])
    records = [json.loads(line) for line in files["INC-1/records.jsonl"].splitlines()]

    assert sorted(files) == [
        "INC-1/evidence/19.4/output.log",
        "INC-1/evidence/19.4/why.txt",
        "INC-1/incident.html",
        "INC-1/incident.json",
        "INC-1/incident.md",
        "INC-1/records.jsonl",
    ]
    assert (about["verified"], about["redacted"]) == (True, {"token": 1})
    assert [record["seq"] for record in records if record["filed"]] == [19, 20, 21, 22]
    assert all(len(record["digest"]) == 64 for record in records)
    assert b"[redacted: token]" in files["INC-1/evidence/19.4/output.log"]


def test_same_incident_makes_the_same_tar(state: Path, tmp_path: Path) -> None:
    """No clock and no owner is in it."""
    for name in ("a.tar", "b.tar"):
        gd("incident", "export", "INC-1", "--state", str(state), "--tar", str(tmp_path / name))

    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_export_replaces_nothing(state: Path, tmp_path: Path) -> None:
    """A file that is there, and a link that leads anywhere, are left alone."""
    (tmp_path / "there.md").write_text("mine")
    (tmp_path / "link.md").symlink_to(tmp_path / "target")
    for name in ("there.md", "link.md"):
        assert gd("incident", "export", "INC-1", "--state", str(state), "--md", str(tmp_path / name)).exit_code == 1

    assert (tmp_path / "there.md").read_text() == "mine"
    assert not (tmp_path / "target").exists()


def test_export_of_nothing_is_bad_usage(state: Path) -> None:
    """Without a file to write there is nothing to do."""
    assert gd("incident", "export", "INC-1", "--state", str(state)).exit_code == 2


def test_export_of_changed_evidence_says_so(state: Path, tmp_path: Path) -> None:
    """What does not fit is exported with that verdict, on the terminal and in the file."""
    (state / "incidents/INC-1/19.4/why.txt").unlink()
    result = gd("incident", "export", "INC-1", "--state", str(state), "--md", str(tmp_path / "a.md"))

    assert "does not fit: incidents/INC-1/19.4" in result.stdout
    assert "DOES NOT FIT  incidents/INC-1/19.4" in (tmp_path / "a.md").read_text()


def test_export_without_the_files_says_what_is_missing(daemon: FakeDaemon, tmp_path: Path) -> None:
    """What the daemon tells is exported, as not verified and without evidence."""
    result = gd("--socket", str(daemon.path), "incident", "export", "INC-1", "--md", str(tmp_path / "a.md"))
    page = (tmp_path / "a.md").read_text()

    assert result.exit_code == 0
    assert "Not verified" in page
    assert "- Seen: 1 times before: `INC-2`" in page


@pytest.mark.parametrize("name", ["", "night"])
def test_own_files_are_found_by_the_journal_that_the_daemon_names(
    daemon: FakeDaemon, tmp_path: Path, name: str
) -> None:
    """Whoever may read the daemon's state folder, a named one below it too, gets evidence without asking for it."""
    (tmp_path / "xdg").mkdir()
    record_night(tmp_path / "xdg" / "gatedog" / name)
    mine = Surroundings(environ={"XDG_STATE_HOME": str(tmp_path / "xdg")}, uid=1000, socket=str(daemon.path))
    daemon.answer("Status", {"status": daemon.status(daemon.gateway(), journal="j-26-march")})

    assert find(mine, "INC-1", None).state == tmp_path / "xdg" / "gatedog" / name
    assert check_in_place(mine, "INC-1", None)[0].problems == ()


def test_files_of_another_daemon_are_not_taken_for_its_own(daemon: FakeDaemon, tmp_path: Path) -> None:
    """A journal of another id is left alone: the daemon tells what it knows, and nothing is verified."""
    record_night(tmp_path / "xdg" / "gatedog")
    mine = Surroundings(environ={"XDG_STATE_HOME": str(tmp_path / "xdg")}, uid=1000, socket=str(daemon.path))

    assert find(mine, "INC-1", None).state is None
    with pytest.raises(Trouble, match="is not"):
        check_in_place(mine, "INC-1", None)


def test_dead_daemon_leaves_its_files(tmp_path: Path) -> None:
    """When nobody answers, the state folder of this account is read."""
    record_night(tmp_path / "xdg" / "gatedog")
    nowhere = str(tmp_path / "control.sock")
    mine = Surroundings(environ={"XDG_STATE_HOME": str(tmp_path / "xdg"), "GATEDOG_SOCKET": nowhere}, uid=1000)

    assert find(mine, "INC-1", None).state == tmp_path / "xdg" / "gatedog"
    assert check_in_place(mine, "INC-1", None)[0].problems == ()


def test_list_of_those_alike(daemon: FakeDaemon) -> None:
    """--like lists the other incidents about the same, resolved ones, too; an unknown one is an error."""
    words = ["--socket", str(daemon.path), "incident", "list"]
    listed = gd(*words, "--like", "INC-1").stdout
    asked = [parameters for method, parameters in daemon.asked if method == "Incidents"]

    assert "INC-2" in listed
    assert "INC-1" not in listed
    assert "INC-3" not in listed
    assert asked == [{"all": True}]
    assert gd(*words, "--like", "INC-9").exit_code == 1


def test_an_incident_like_none_is_not_said_to_be_none(daemon: FakeDaemon) -> None:
    """The one that was named is open; there is just no other like it."""
    listed = gd("--socket", str(daemon.path), "incident", "list", "--like", "INC-3")

    assert (listed.exit_code, listed.stdout) == (0, "none like INC-3\n")


def test_show_says_that_it_was_seen_before(daemon: FakeDaemon) -> None:
    """Others about the same stand in the page of one; an earlier daemon, which cannot say, is not asked."""
    words = ["--socket", str(daemon.path), "incident", "show", "INC-1"]

    assert "1 time before: INC-2" in gd(*words).stdout
    daemon.answer("Explain", {"incident": incident(1, fingerprint=""), "records": []})
    daemon.asked.clear()
    assert "before" not in gd(*words).stdout
    assert [method for method, _ in daemon.asked] == ["Explain"]
