"""Copy what is left of a life into an incident's folder.

Invariant: no secret leaves by this way: names of environment variables only, never values. The log is the supervised
side's own words, copied as bytes and cut to size, never read as anything else.
"""

import json
from dataclasses import asdict
from pathlib import Path

from watchdog.gateway.lives import LifeRecord, exit_as_json
from watchdog.gateway.output import tail


def write_evidence(record: LifeRecord, into: Path, limit_bytes: int) -> None:
    """Write `life.json` and the end of the log as `output.log`, together at most `limit_bytes`.

    Raises:
        OSError: it could not be written.
    """
    rest = write_life(record, into, limit_bytes)
    if rest > 0:
        (into / "output.log").write_bytes(tail(Path(record.log), rest))


def write_life(record: LifeRecord, into: Path, limit_bytes: int) -> int:
    """Write `life.json` and return how many of the bytes are left.

    Raises:
        OSError: it could not be written.
    """
    life = {
        "gateway": record.gateway,
        "life": record.life,
        "process": asdict(record.process),
        "argv": record.argv,
        "directory": record.directory,
        "user": record.user,
        "environment_names": record.environment_names,
        "cgroup": record.cgroup_name,
        "ready": record.ready,
        "exit": None if record.exit is None else exit_as_json(record.exit),
    }
    text = json.dumps(life, indent=1).encode()[:limit_bytes]
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    (into / "life.json").write_bytes(text)
    return limit_bytes - len(text)
