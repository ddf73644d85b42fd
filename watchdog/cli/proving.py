"""How a person without a terminal shows that it is them: `--signer`, `--signature`, `--code`.

Invariant: what is offered travels as it is; whether it counts is decided by the daemon. A code is read from standard
input when it is given as "-", because what stands on a command line is seen by everybody on the host.
"""

import json
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from shlex import quote
from types import MappingProxyType
from typing import Any

import click

from watchdog.cli.trouble import USAGE, Trouble

Proof = Mapping[str, str | None]
NO_PROOF: Proof = MappingProxyType({})

SIGNATURE_BYTES_MAX = 16 * 1024


def provable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the three options; it gets them as one keyword, `proof`, to pass on to `asking.request`."""

    @click.option("--signer", metavar="NAME", help="Who will sign, of those in allowed_signers.")
    @click.option("--signature", metavar="FILE", help='The signed challenge; "-" reads it from standard input.')
    @click.option("--code", metavar="CODE", help='A release code; "-" reads it from standard input.')
    @wraps(function)
    def command(*words: Any, signer: str | None, signature: str | None, code: str | None, **more: Any) -> Any:
        if signature is not None and code is not None:
            raise click.UsageError("Give --signature or --code, not both.")
        proof: Proof = {
            "signer": signer,
            "signature": None if signature is None else _read_signature(signature),
            "code": _read_code() if code == "-" else code,
        }
        return function(*words, proof=proof, **more)

    return command


def how_to_sign(challenge: str, request: str) -> tuple[str, ...]:
    """Return the command that signs a challenge where the key is; nothing when there is no challenge."""
    if not challenge:
        return ()
    key = "~/.ssh/id_ed25519"
    namespace = json.loads(challenge)["kind"]
    return (f"printf '%s\\n' {quote(challenge)} | ssh-keygen -Y sign -n {namespace} -f {key} > {request}.sig",)


def _read_code() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("release code", hide_input=True, err=True)).strip()
    return sys.stdin.readline().strip()


def _read_signature(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read(SIGNATURE_BYTES_MAX + 1) if name == "-" else _read_file(name)
    except OSError as error:
        raise Trouble(
            f"the signature cannot be read: {name}: {error.strerror}", exit_code=USAGE, code="signature",
            next_=(f"ls -l {quote(name)}",),
        ) from error  # fmt: skip
    if len(raw) > SIGNATURE_BYTES_MAX or not raw.isascii():
        what = f"{name} is no SSH signature; the same command without --signature prints how one is made"
        raise Trouble(what, exit_code=USAGE, code="signature", next_=(f"file {quote(name)}",))
    return raw.decode("ascii")


def _read_file(name: str) -> bytes:
    with Path(name).open("rb") as file:
        return file.read(SIGNATURE_BYTES_MAX + 1)
