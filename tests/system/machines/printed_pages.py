"""The commands that a page of the documentation has for its reader, for tests that type them."""

import re
from pathlib import Path

_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def command_of(line: str) -> str:
    """Return what is typed of a line of a page."""
    return re.split(r" +# ", line.removeprefix("$ "))[0].rstrip()


def commands(page: Path, section: str = "") -> list[str]:
    """Return the commands of one section of a page, or of all of it."""
    text = page.read_text(encoding="utf-8")
    if section:
        text = text.partition(f"\n## {section}")[2].partition("\n## ")[0]
    lines = "".join(_BLOCK.findall(text)).splitlines()
    found = [command_of(line) for line in lines if line.startswith("$ ")]
    assert found, f"no commands on {page}, {section!r}"
    return found
