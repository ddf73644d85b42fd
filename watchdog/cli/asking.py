"""One question to the daemon, and what its refusals mean for people and for exit codes.

Invariant: a request that was refused, failed or could not be asked never exits 0, and always says what comes next.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from watchdog.cli import output
from watchdog.cli.paths import Surroundings
from watchdog.cli.proving import NO_PROOF, Proof, how_to_sign
from watchdog.cli.trouble import FAILED, NO_PERMISSION, REFUSED, TRY_LATER, USAGE, Trouble
from watchdog.control import client
from watchdog.control.client import Refused, Unreachable
from watchdog.control.shapes import misfit

REQUEST_TIMEOUT_S = 30.0
"""A request is answered after its commit to disk, which can take a while on a host in trouble."""

STREAM_TIMEOUT_S = 10.0
"""The first of a thousand records is read from the journal of a host whose disk may be in trouble."""

_ANSWERS: Mapping[str, tuple[int, str]] = {
    "Busy": (TRY_LATER, "gatedog status"),
    "PermissionDenied": (NO_PERMISSION, "gatedog whoami"),
    "InvalidParameter": (USAGE, "gatedog -h"),
    "TooLarge": (FAILED, "gatedog -h"),
    "UnknownGateway": (FAILED, "gatedog status"),
    "UnknownIncident": (FAILED, "gatedog incident list --all"),
    "UnknownProbe": (FAILED, "gatedog probe list"),
    "UnknownVerb": (FAILED, "gatedog version"),
    "Failed": (FAILED, "journalctl -u gatedog -n 30"),
}
_OTHER_ANSWER = (FAILED, "gatedog version")


def call(surroundings: Surroundings, method: str, timeout_s: float = 10.0, **parameters: Any) -> dict[str, Any]:
    """Ask once. Parameters that are None are left out. Raises Trouble."""
    try:
        reply = client.call(surroundings.socket_path(), method, _given(parameters), timeout_s)
    except Unreachable as error:
        raise unreachable(error) from None
    except Refused as error:
        raise _refused(error) from None
    return _checked(method, reply)


def stream(
    surroundings: Surroundings, method: str, timeout_s: float | None = STREAM_TIMEOUT_S, **parameters: Any
) -> Iterator[dict[str, Any]]:
    """Ask for many answers, waiting at most `timeout_s` for each; None waits for ever. Raises Trouble."""
    try:
        for reply in client.stream(surroundings.socket_path(), method, _given(parameters), timeout_s):
            yield _checked(method, reply)
    except Unreachable as error:
        raise unreachable(error) from None
    except Refused as error:
        raise _refused(error) from None


def request(
    surroundings: Surroundings,
    *,
    as_json: bool,
    verb: str,
    gateway: str = "",
    reason: str = "",
    proof: Proof = NO_PROOF,
    **more: Any,
) -> int:
    """Ask for something to be done, say the answer, return the exit code. Raises Trouble for every other answer."""
    parameters = {"verb": verb, "gateway": gateway, "reason": reason, **proof, **more}
    reply = call(surroundings, "Request", REQUEST_TIMEOUT_S, **parameters)
    if as_json:
        output.say_json(reply)
    if reply["outcome"] != "granted":
        refused = reply["outcome"] == "refused"
        raise Trouble(
            f"{reply['outcome']}: {reply['message']}",
            exit_code=REFUSED if refused else FAILED,
            rule=reply["rule"],
            next_=in_order(reply["next_commands"], how_to_sign(reply["challenge"], reply["request"])),
        )
    if not as_json:
        tell_granted(reply)
    return 0


def tell_granted(reply: Mapping[str, Any]) -> None:
    """Say what was granted, and what comes next."""
    output.say(f"{reply['message']}\n")
    for command in reply["next_commands"]:
        click.echo(f"  next: {command}", err=True)


def in_order(ways: Sequence[str], signing: Sequence[str]) -> tuple[str, ...]:
    """Put the command that signs before those that hand the signature in."""
    at = next((place for place, way in enumerate(ways) if " --signature " in way), len(ways))
    return (*ways[:at], *signing, *ways[at:])


def chosen_gateway(surroundings: Surroundings, named: str | None) -> str:
    """Return the gateway that was named, or the only one there is."""
    if named:
        return named
    names = [gateway["name"] for gateway in call(surroundings, "Status")["status"]["gateways"]]
    if len(names) == 1:
        return str(names[0])
    if not names:
        raise Trouble("gatedog watches no gateway: its policy names none", next_=("gatedog policy check",))
    raise click.UsageError(f"Several gateways are watched; name one of: {', '.join(names)}.")


def unreachable(error: Unreachable) -> Trouble:
    """Say why nobody could be asked."""
    barred = _is_there(error.path) and not os.access(error.path, os.W_OK)
    code, word = (NO_PERMISSION, "no-permission") if barred else (FAILED, "unreachable")
    message = f"gatedog cannot be reached at {error.path}: {error.why}"
    return Trouble(message, exit_code=code, code=word, next_=(error.next_command,))


def _is_there(path: str) -> bool:
    """Tell whether something is at the path, or may be: a folder on the way that we may not search hides it."""
    try:
        Path(path).lstat()
    except PermissionError:
        return True
    except (OSError, ValueError):  # not there, or no path: too long, with a NUL
        return False
    return True


def _checked(method: str, reply: dict[str, Any]) -> dict[str, Any]:
    if found := misfit(method, reply):
        message = f"what gatedog answered cannot be read ({found}); the daemon is of another version"
        raise Trouble(message, code="unreadable-answer", next_=("gatedog version",))
    return reply


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def _refused(error: Refused) -> Trouble:
    exit_code, command = _ANSWERS.get(error.code, _OTHER_ANSWER)
    return Trouble(str(error), exit_code=exit_code, code=error.code, next_=(command,))
