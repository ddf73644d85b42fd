"""Draw the tables of docs/security.md from the tables that the tests run, and from what they saw.

    python docs/draw_security.py        writes docs/generated/routes.md and attacks.md

What was seen is docs/generated/routes.json, written by the test of the routes where GATEDOG_ROUTES_REPORT names it. The
pages hold what the tests demand, and the rule by which each route was found out at that run; tests/test_security.py
fails when they are not what this draws.
"""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
FOLDER = DOCS / "generated"
MACHINES = DOCS.parent / "tests/system/machines"
SEEN = FOLDER / "routes.json"
RELEASES = {"bookworm": "Debian 12", "trixie": "Debian 13"}


def table(name: str) -> dict[str, Any]:
    """Return the names that a table module of the machines' tests defines."""
    return runpy.run_path(str(MACHINES / f"{name}.py"))


def routes_page(routes: tuple[Any, ...], seen: dict[str, Any]) -> str:
    """Return the page of the routes."""
    rows = [f"| {route.title} | {' or '.join(sorted(route.verdicts))} | {_rules(route, seen)} |" for route in routes]
    lines = (
        "# The routes by which an agent asks",
        "",
        "Drawn by `docs/draw_security.py` from `tests/system/machines/routes.py`; do not edit.",
        "",
        f"Each of these {len(routes)} is taken by a gateway's own process, on Debian 12 (systemd 252) and Debian 13",
        "(systemd 257), with all that a new kernel tells and with what an old one does. Its account may use sudo",
        "without a password and logs in as a person over ssh: nearly all of them use what an agent should not have.",
        "On none may it be taken for a person, and every request is refused. The last column names the rule.",
        "",
        "| the agent asks by | it is taken for | by the rule |",
        "|---|---|---|",
        *rows,
        "",
    )
    return "\n".join(lines)


def _rules(route: Any, seen: dict[str, Any]) -> str:
    """Name the rules that were seen; by release where the releases differ."""
    found = {
        release: sorted({seen[route.id].split()[1] for seen in kernels.values() if route.id in seen})
        for release, kernels in sorted(seen.items())
    }
    rules = {release: ", ".join(f"`{rule}`" for rule in each) for release, each in found.items() if each}
    if len(set(rules.values())) == 1 and len(rules) == len(route.suites):
        return next(iter(rules.values()))
    return "; ".join(f"{RELEASES[release]}: {each}" for release, each in rules.items())


def attacks_page(attacks: tuple[Any, ...]) -> str:
    """Return the page of the attacks."""
    rows = [
        f"| {attack.title} | {attack.plain} | {attack.hardened} | {attack.because[:1].upper()}{attack.because[1:]} |"
        for attack in attacks
    ]
    lines = (
        "# What an agent attacks",
        "",
        "Drawn by `docs/draw_security.py` from `tests/system/machines/attacks.py`; do not edit.",
        "",
        f"Each of these {len(attacks)} is tried by a gateway's own process, under an ordinary account of its own, on",
        "Debian 12 and Debian 13: as it was before (`setup systemd --no-hardening`), and hardened as set-up leaves it.",
        "After all of it the same gatedog answers on the same socket, and no file that it rests on has changed.",
        "",
        "| attack | plain | hardened | |",
        "|---|---|---|---|",
        *rows,
        "",
    )
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """Return every page by its file name."""
    seen = json.loads(SEEN.read_text(encoding="utf-8"))
    return {
        "routes.md": routes_page(table("routes")["ROUTES"], seen),
        "attacks.md": attacks_page(table("attacks")["ATTACKS"]),
    }


def main() -> int:
    """Write the pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
