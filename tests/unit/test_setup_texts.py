"""The files made for one gateway, and the quoting of what goes into them."""

from dataclasses import replace

import pytest
from bare_machine import OPENCLAW, ROOT, facts, host_facts, unit_facts

from watchdog.core.identity import GatewayName
from watchdog.core.policy import GatewayPolicy, Policy, StopPolicy
from watchdog.core.timeline import SECOND
from watchdog.setup import quoting, texts
from watchdog.setup.facts import Wish
from watchdog.setup.host import Account
from watchdog.setup.shipped import filled


def lines(text: str) -> list[str]:
    """Return the lines that systemd obeys."""
    return [line for line in text.splitlines() if line and not line.startswith(("#", "["))]


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (("/bin/a", "b"), "/bin/a b"),
        (("/bin/a", "two words"), '/bin/a "two words"'),
        (("/bin/a", ""), '/bin/a ""'),
        (("/bin/a", 'say "x"', "back\\slash"), '/bin/a "say \\"x\\"" "back\\\\slash"'),
        (("/bin/a", "100%", "$HOME", "${X}"), '/bin/a "100%%" "$$HOME" "$${X}"'),
        (("/bin/a", "it's"), '/bin/a "it\'s"'),
        (("/bin/a", ";"), '/bin/a ";"'),
    ],
)
def test_command_line_says_the_same_words_to_systemd(words: tuple[str, ...], written: str) -> None:
    """No specifier, variable, quote or separator of a word keeps its meaning."""
    assert quoting.command(words) == written


def test_description_is_one_line_without_specifiers() -> None:
    """A description cannot bring a line of its own into the drop-in."""
    unit = unit_facts(Description="100% mine\nRestart=always")

    assert "Description=100%% mine Restart=always (owned by gatedog" in texts.ownership(facts(unit=unit))


def test_ownership_takes_every_way_to_restart() -> None:
    """The drop-in turns off systemd's restarts, refuses manual ones, asks for a ticket and sets the mark."""
    wanted = {
        *("Restart=no", "RestartForceExitStatus=", "RefuseManualStart=yes", "RefuseManualStop=yes"),
        *("StartLimitIntervalSec=0", "PAMName=gatedog-gateway", "AssertPathExists=/run/gatedog/tickets/%N"),
    }

    assert wanted <= set(lines(texts.ownership(facts())))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("external", "Environment=MODE=external"),
        ("two words", 'Environment="MODE=two words"'),
        ('say "x" \\ 100%', 'Environment="MODE=say \\"x\\" \\\\ 100%%"'),
        ("$HOME", 'Environment="MODE=$HOME"'),
        ("", "Environment=MODE="),
    ],
)
def test_what_a_profile_asks_for_stands_in_the_drop_in(value: str, written: str) -> None:
    """Each variable is one assignment, and says to systemd what it says in the profile."""
    known = replace(facts(), environment=(("MODE", value),))

    assert written in lines(texts.ownership(known))
    assert "Environment" not in texts.ownership(facts())


def test_ownership_names_its_gateway_for_break_glass() -> None:
    """The first line says whose it is; break-glass finds the unit by it."""
    assert texts.ownership(facts()).startswith("# X-GatedogGateway=openclaw\n")


def test_describing_twice_adds_nothing() -> None:
    """Set up again, the description that setup made before is not taken for the unit's own."""
    once = next(line for line in lines(texts.ownership(facts())) if line.startswith("Description="))
    again = texts.ownership(facts(unit=unit_facts(Description=once.removeprefix("Description="))))

    assert once in again.splitlines()


@pytest.mark.parametrize(
    ("own", "ruled_s", "written"),
    [("1min 30s", 30, "90s"), ("10s", 30, "40s"), ("infinity", 300, "310s"), ("", 1, "11s")],
)
def test_systemd_waits_longer_than_gatedog(own: str, ruled_s: int, written: str) -> None:
    """TimeoutStopSec= is the unit's own, or ten seconds more than the policy's, whichever is longer."""
    gateway = GatewayPolicy(
        name=GatewayName("openclaw"), unit="openclaw-gateway.service", stop=StopPolicy(timeout_usec=ruled_s * SECOND)
    )
    known = facts(unit=unit_facts(TimeoutStopUSec=own), policy=Policy(gateways=(gateway,)))

    assert f"TimeoutStopSec={written}" in lines(texts.ownership(known))


@pytest.mark.parametrize(
    ("systemd", "kind", "overruled", "written"),
    [
        (252, "exec", False, True),
        (257, "exec", False, False),
        (252, "simple", False, False),
        (252, "simple", True, True),
    ],
)
def test_exec_is_overruled_where_it_would_hang(systemd: int, kind: str, *, overruled: bool, written: bool) -> None:
    """Where systemd waits for ever for Type=exec with PAMName=, the unit becomes simple, and stays so set up again."""
    known = replace(facts(unit=unit_facts(Type=kind), host=host_facts(systemd=systemd)), type_overruled=overruled)

    assert ("Type=simple" in lines(texts.ownership(known))) == written


def test_hardened_gateway_may_write_its_home_and_its_working_folder() -> None:
    """Home and working folder stay writable; no system folder does, whatever the unit works in."""
    assert texts.writable(facts()) == ("/home/openclaw",)
    assert texts.writable(facts(unit=unit_facts(WorkingDirectory="/srv/agent"))) == ("/home/openclaw", "/srv/agent")
    assert texts.writable(facts(unit=unit_facts(WorkingDirectory="/home/openclaw/x"))) == ("/home/openclaw",)
    assert texts.writable(facts(unit=unit_facts(WorkingDirectory="/usr/share/agent"))) == ("/home/openclaw",)
    assert texts.writable(facts(agent=Account(name="a", uid=5, home="/nonexistent"))) == ()


def test_reason_for_no_hardening_is_one_comment() -> None:
    """The reason stands in the drop-in, and cannot become a setting."""
    text = texts.hardening(facts(Wish(name="openclaw", unit="u.service", no_hardening="browser\n[Service]\nUser=root")))

    assert "# Not hardened: browser [Service] User=root\n" in text
    assert lines(text) == []


def test_root_is_not_hardened_and_told_so() -> None:
    """Settings for an account without rights would only break a gateway of root's."""
    assert "# Not hardened: it runs as root" in texts.hardening(facts(agent=ROOT))


def test_polkit_rule_names_what_is_allowed_and_nothing_else() -> None:
    """Two doors and the unit are named, the agent is barred on one line of its own."""
    rule = texts.polkit_rule(facts(agent=OPENCLAW))

    assert 'var gateway = "openclaw-gateway.service";' in rule
    assert '["gatedog-start@openclaw-gateway.target", "gatedog-stop@openclaw-gateway.target"]' in rule
    assert 'subject.user === "openclaw") return polkit.Result.NO;' in rule
    assert rule.count("polkit.Result.YES") == 2


@pytest.mark.parametrize(("polkit", "bound"), [(122, False), (125, False), (126, True), (127, True)])
def test_grant_is_bound_to_the_unit_where_polkit_knows_it(polkit: int, *, bound: bool) -> None:
    """From polkit 126 on, gatedog's account has the right in its own unit only."""
    rule = texts.polkit_rule(facts(host=host_facts(polkit=polkit)))

    assert ('subject.system_unit === "gatedog.service"' in rule) == bound


@pytest.mark.parametrize("agent", [ROOT, None, Account(name="gatedog", uid=990, home="/var/lib/gatedog")])
def test_polkit_rule_bars_neither_root_nor_gatedog(agent: Account | None) -> None:
    """An advisory gateway under root's or gatedog's account must not lock these out."""
    assert "subject.user === null)" in texts.polkit_rule(facts(agent=agent))


def test_escaped_unit_name_is_passed_through() -> None:
    """A unit's name with an escape keeps it, in the rule as a text of JavaScript."""
    rule = texts.polkit_rule(facts(unit=unit_facts("a\\x2db@c.service")))

    assert '"a\\\\x2db@c.service"' in rule
    assert '"gatedog-start@a\\\\x2db@c.target"' in rule


def test_blank_without_a_value_is_an_error() -> None:
    """A shipped file is filled completely or not at all."""
    with pytest.raises(ValueError, match="blanks"):
        filled("bin/gatedog", {})
    with pytest.raises(ValueError, match="blanks"):
        filled("bin/gatedog", {"GATEDOG": "/x", "MORE": "y"})


def test_new_unit_runs_the_command_as_its_user() -> None:
    """--command makes a plain service that systemd does not start by itself."""
    text = texts.command_unit(facts(Wish(name="agent", command=("/usr/bin/node", "a b.js"), user="openclaw")))

    assert {'ExecStart=/usr/bin/node "a b.js"', "User=openclaw", "Type=simple"} <= set(lines(text))
    assert "[Install]" not in text.splitlines()


@pytest.mark.parametrize(
    ("text", "usec"), [("1min 30s", 90 * SECOND), ("250ms", 250_000), ("2h", 7200 * SECOND), ("infinity", 0), ("", 0)]
)
def test_spans_are_read_as_systemctl_prints_them(text: str, usec: int) -> None:
    """Units add up; what is no span is 0."""
    assert texts.span_usec(text) == usec
