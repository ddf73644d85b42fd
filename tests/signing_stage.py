"""Keys, lists and signatures as a person makes them with OpenSSH, for the tests that verify some."""

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watchdog.approval.signature import Verdict, verify
from watchdog.core.timeline import SECOND

TEXT = b'{"kind":"gatedog-approve","request":"REQ-7"}\n'
PERSON = "alice@ops"
WAIT_S = 60.0
LONG_USEC = 60 * SECOND
"""A machine that is busy with other things is no fault of the signature."""


def is_alive(pid: int) -> bool:
    """Whether the process still runs; a zombie does not."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    return False


@dataclass(frozen=True)
class SigningStage:
    """A folder of keys and lists. `keygen` is the ssh-keygen that verifies; the system's own makes and signs."""

    folder: Path
    keygen: str = "ssh-keygen"

    @property
    def signers(self) -> Path:
        return self.folder / "allowed_signers"

    def key(self, name: str, *options: str) -> str:
        """Make a key pair; return "TYPE BASE64" of its public half."""
        self.run("-q", "-N", "", "-C", name, "-f", name, *(options or ("-t", "ed25519")))
        return self.public(name)

    def public(self, name: str) -> str:
        return " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    def sign(
        self, name: str, text: bytes = TEXT, *, namespace: str = "gatedog-approve", agent: Path | None = None
    ) -> bytes:
        """Sign with a key of this folder, or with what an agent holds of it."""
        environment = {} if agent is None else {"SSH_AUTH_SOCK": str(agent)}
        return self.run("-Y", "sign", "-q", "-f", name, "-n", namespace, given=text, environment=environment)

    def run(self, *words: str, given: bytes = b"", environment: dict[str, str] | None = None) -> bytes:
        """Run the system's ssh-keygen in the folder."""
        done = subprocess.run(
            ["ssh-keygen", *words],
            input=given,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **(environment or {})},
            capture_output=True,
            timeout=WAIT_S,
            check=True,
        )
        return done.stdout

    def write(self, name: str, content: bytes | str) -> Path:
        """Write a file as the guard wants it."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o644)
        return path

    def allow(self, *lines: str) -> Path:
        """Write the list of signers."""
        return self.write(self.signers.name, "".join(f"{line}\n" for line in lines))

    def program(self, body: str, name: str = "stand-in") -> str:
        """Write a shell script to be run in place of ssh-keygen; return its path."""
        path = self.write(name, f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return str(path)

    def verify(self, signature: bytes, text: bytes = TEXT, **changes: Any) -> Verdict:
        """Verify as the daemon does."""
        words: dict[str, Any] = {"principal": PERSON, "signers": self.signers, "keygen": self.keygen}
        return verify(signature, text, **{**words, "timeout_usec": LONG_USEC, **changes})
