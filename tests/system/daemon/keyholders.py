"""People who sign changes of the rules: with a key in a file, or with a security key."""

import re
import subprocess
from pathlib import Path
from typing import Any

from software_key import SoftwareKey


class Person:
    """Somebody with a key."""

    def __init__(self, site: Any, name: str) -> None:
        self.site = site
        self.name = name
        self.key = site.folder / f"{name}.key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)

    def line(self, options: str = "") -> str:
        """Return the line of allowed_signers that lists this key."""
        return f"{self.name} {options}{self.key.with_suffix('.key.pub').read_text().strip()}\n"

    def asks(self, *words: str, verb: str = "commit") -> dict[str, Any]:
        """Ask for something without a terminal, to be given a challenge."""
        done = self.site.cli("policy", verb, *words, "--config", str(self.site.config), "--signer", self.name)
        found = re.search(r"printf '%s\\n' '(.*?)' \| ssh-keygen", done.stderr)
        return {"code": done.returncode, "challenge": "" if found is None else found[1], "said": done.stderr}

    def signs(self, challenge: str, namespace: str = "gatedog-approve") -> Path:
        """Sign a challenge."""
        made = subprocess.run(
            ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(self.key)],
            input=f"{challenge}\n".encode(),
            capture_output=True,
            check=True,
        )
        file: Path = self.site.folder / f"{self.name}.sig"
        file.write_bytes(made.stdout)
        return file

    def answers(self, file: Path, *words: str, verb: str = "commit") -> subprocess.CompletedProcess[str]:
        """Hand a signature in."""
        config = ("--config", str(self.site.config))
        done: subprocess.CompletedProcess[str] = self.site.cli(
            "policy", verb, *words, *config, "--signature", str(file)
        )
        return done


class KeyHolder(Person):
    """Somebody with a security key, which says of itself with which flags it signed."""

    def __init__(self, site: Any, name: str, flags: int) -> None:
        self.site = site
        self.name = name
        self.key = SoftwareKey()
        self.flags = flags

    def line(self, options: str = "") -> str:
        """Return the line of allowed_signers that lists this key."""
        return f"{self.name} {options}{self.key.line}\n"

    def signs(self, challenge: str, namespace: str = "gatedog-approve") -> Path:
        """Sign a challenge."""
        file: Path = self.site.folder / f"{self.name}.sig"
        file.write_bytes(self.key.sign(f"{challenge}\n".encode(), flags=self.flags, namespace=namespace.encode()))
        return file
