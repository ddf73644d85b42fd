"""What `gatedog doctor` gathers about a gateway's unit, on a machine that is made up."""

from pathlib import Path

import pytest
from bare_machine import bare_machine

from watchdog.cli.hostlook import look
from watchdog.policyfile.pagersettings import NO_FILE

RULED = '[gateway.main]\nunit = "claw.service"\n'
RULE = '[[gateway.main.gate]]\nname = "program"\npaths = ["/srv/claw/dist"]\n'


@pytest.mark.parametrize(
    ("rule", "started", "open_trees"),
    [
        ("", "path=/usr/bin/node ; argv[]=/usr/bin/node dist/index.js ;", ("/srv/claw/dist",)),
        (RULE, "path=/usr/bin/node ; argv[]=/usr/bin/node dist/index.js ;", ()),
        ("", "path=/usr/bin/claw ; argv[]=/usr/bin/claw gateway ;", ()),
    ],
    ids=["open", "guarded", "shipped"],
)
def test_a_program_that_no_rule_guards_is_found(
    rule: str, started: str, open_trees: tuple[str, ...], tmp_path: Path
) -> None:
    """Where the unit's own words lead, and neither a shipped rule nor one of a human's has a person asked."""
    machine = bare_machine(tmp_path / "machine")
    shown = f"User=openclaw\nWorkingDirectory=/srv/claw\nExecStart={{ {started} ignore_errors=no }}\n"
    machine.commands.answers["systemctl show"] = shown
    bundle = tmp_path / "bundle"
    bundle.mkdir(mode=0o700)
    (bundle / "policy.toml").write_text(f"{RULED}{rule}")
    (bundle / "policy.toml").chmod(0o600)
    (unit,) = look(bundle, tmp_path, NO_FILE, machine.host).units

    assert unit.open_trees == open_trees
