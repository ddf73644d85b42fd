"""An agent that lives in its gateway, and does there what a test wishes."""

import shlex
import sys
from pathlib import Path
from typing import Any

GATEDOG = Path(sys.executable).with_name("gatedog")
LOOP = (
    "cd {folder}; echo up; while sleep 0.05; do if [ -e wish ]; then mv wish said; "
    'sh ./said >answer.new 2>&1; echo "exit $?" >>answer.new; mv answer.new answer; fi; [ ! -e fate ] || exit 1; done'
)


class Insider:
    """The agent of one site's gateway. Make it before the daemon starts; `extra` are further rules."""

    def __init__(self, site: Any, extra: str = "") -> None:
        self.site = site
        self.folder = Path(site.folder) / "agent"
        self.folder.mkdir()
        site.write_policy(["/bin/sh", "-c", LOOP.format(folder=shlex.quote(str(self.folder)))], extra)

    def does(self, *words: str) -> tuple[int, str]:
        """Let the agent run a verb of gatedog's; return its exit code and what it said."""
        return self.runs(shlex.join([str(GATEDOG), "--socket", str(self.site.socket), *words]))

    def runs(self, line: str) -> tuple[int, str]:
        """Let the agent run a shell line; return its exit code and what it said."""
        answer = self.folder / "answer"
        answer.unlink(missing_ok=True)
        wish = self.folder / "wish.new"
        wish.write_text(f"{line}\n")
        wish.rename(self.folder / "wish")
        self.site.wait(answer.exists, f"the agent to do: {line}")
        said, _, code = answer.read_text().rstrip("\n").rpartition("exit ")
        return int(code), said

    def decree(self, *, dies: bool) -> None:
        """Let every life end at once, or live."""
        fate = self.folder / "fate"
        if dies:
            fate.touch()
        else:
            fate.unlink(missing_ok=True)
