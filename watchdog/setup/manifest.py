"""What was there before setup, kept so that removal can put it back byte for byte.

One file for each gateway and one for what all of them share, below a folder that only root can read: what was replaced
may have been a secret.

Invariant: the first look at a place wins. Setting up again adds places and never forgets how the first setup found one.
"""

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from watchdog.core.values import dataclass
from watchdog.setup.apply import write
from watchdog.setup.change import Plan, Put, PutFile, PutMode
from watchdog.setup.host import ABSENT, Found, Host

FOLDER = Path("/var/lib/gatedog-setup")
SHARED = "shared"
VERSION = 1


class ManifestUnusable(Exception):  # noqa: N818 - what the person reads
    """A manifest cannot be read; the text says which and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One place: how it was found, and the bytes that were put there (None when they were not setup's)."""

    path: Path
    was: Found
    became: bytes | None
    mode_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All places of one gateway, in the order in which they were changed."""

    gateway: str
    unit: str
    entries: tuple[Entry, ...] = ()

    def with_changes(self, changes: Iterable[Put], host: Host) -> "Manifest":
        """Add the places of these changes as they are now, those known already excepted."""
        known = {entry.path: entry for entry in self.entries}
        for change in changes:
            earlier = known.get(change.path)
            if earlier is not None and isinstance(change, PutMode):
                continue  # setup made it once, and what it made goes again
            known[change.path] = Entry(
                path=change.path,
                was=host.look(change.path) if earlier is None else earlier.was,
                became=change.body if isinstance(change, PutFile) else None,
                mode_only=isinstance(change, PutMode),
            )
        return Manifest(gateway=self.gateway, unit=self.unit, entries=tuple(known.values()))


@contextmanager
def only_one_setup(host: Host) -> Iterator[None]:
    """Keep a second setup out while this one works. Raises BlockingIOError."""
    folder = host.at(FOLDER)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        with suppress(OSError):  # unless something is kept there
            folder.rmdir()
        os.close(descriptor)


@contextmanager
def remembered(plan: Plan | None, host: Host) -> Iterator[None]:
    """Write down how everything is before the body changes it; forget that again if the body fails."""
    if plan is None:
        yield
        return
    before = [(name, load(name, host, unit=unit)) for name, unit in ((plan.gateway, plan.unit), (SHARED, ""))]
    for (_, manifest), changes in zip(before, (plan.own, plan.host), strict=True):
        save(manifest.with_changes(changes, host), host)
    try:
        yield
    except BaseException:
        for name, manifest in before:
            if manifest.entries:
                save(manifest, host)
            else:
                place_of(name, host).unlink(missing_ok=True)
        raise


def place_of(gateway: str, host: Host) -> Path:
    """Say where a gateway's manifest is; SHARED names the one of all."""
    return host.at(FOLDER) / (f"{SHARED}.json" if gateway == SHARED else f"manifest-{gateway}.json")


def gateways(host: Host) -> tuple[str, ...]:
    """Name the gateways that were set up on this host. Raises PermissionError for all but root."""
    found = (each.name for each in host.at(FOLDER).glob("manifest-*.json")) if host.at(FOLDER).exists() else ()
    return tuple(sorted(name.removeprefix("manifest-").removesuffix(".json") for name in found))


def load(gateway: str, host: Host, *, unit: str = "") -> Manifest:
    """Read one; an empty one when there is none."""
    place = place_of(gateway, host)
    try:
        raw = json.loads(place.read_text(encoding="utf-8"))
        if raw["v"] != VERSION:
            raise ManifestUnusable(f"{place} was written by another version of gatedog (format {raw['v']})")
        return Manifest(
            gateway=raw["gateway"], unit=raw["unit"], entries=tuple(_entry(each) for each in raw["entries"])
        )
    except FileNotFoundError:
        return Manifest(gateway=gateway, unit=unit)
    except (ValueError, KeyError, TypeError) as error:
        how = "The drop-ins can still be taken away by: /usr/lib/gatedog/break-glass unmanage"
        raise ManifestUnusable(f"{place} cannot be read ({error}). {how} {gateway}") from error


def save(manifest: Manifest, host: Host) -> None:
    """Write one, whole and synced."""
    place = place_of(manifest.gateway, host)
    raw = {
        "v": VERSION,
        "gateway": manifest.gateway,
        "unit": manifest.unit,
        "entries": [
            {
                "path": str(each.path),
                "was": {
                    "kind": each.was.kind,
                    "body": _b64(each.was.body),
                    "mode": each.was.mode,
                    "uid": each.was.uid,
                    "gid": each.was.gid,
                },
                "became": None if each.became is None else _b64(each.became),
                "mode_only": each.mode_only,
            }
            for each in manifest.entries
        ],
    }
    fresh = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    write(fresh, json.dumps(raw, indent=1).encode() + b"\n", 0o600, (os.geteuid(), os.getegid()))
    fresh.replace(place)


def _entry(raw: dict[str, Any]) -> Entry:
    was = raw["was"]
    found = Found(kind=was["kind"], body=_bytes(was["body"]), mode=was["mode"], uid=was["uid"], gid=was["gid"])
    return Entry(
        path=Path(raw["path"]),
        was=ABSENT if found.kind == "absent" else found,
        became=None if raw["became"] is None else _bytes(raw["became"]),
        mode_only=raw["mode_only"],
    )


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
