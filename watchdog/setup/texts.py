"""The files that are made for one gateway: templates of units/ with the facts filled in.

Invariant: pure, and nothing of a fact reaches a file without the quoting of that file's language.
"""

import json
import re

from watchdog.core.policy import StopPolicy
from watchdog.core.timeline import MINUTE, SECOND
from watchdog.setup import quoting
from watchdog.setup.facts import Facts, Observation
from watchdog.setup.shipped import filled

POLKIT_KNOWS_UNITS = 126
"""The first polkit that shows rules `subject.system_unit`. A rule cannot tell: for a session it is undefined, too."""
NO_EXEC = """\
# This systemd waits for ever for a program with Type=exec and PAMName=: the PAM process keeps its pipe open.
Type=simple
"""
ASKED_FOR = "# What is known of this kind of gateway (its profile). It binds from the next start on."
EXEC_WITH_PAM = 257
"""The first systemd on which Type=exec and PAMName= were seen to work together; on 252 the start times out."""
STOP_MARGIN_USEC = 10 * SECOND
"""systemd's patience beyond gatedog's: gatedog kills first, and knows that it did."""

_OURS = re.compile(r" \(owned by gatedog: .*\)$")
_SPANS = {
    "us": 1,
    "ms": 1_000,
    "s": SECOND,
    "min": MINUTE,
    "h": 60 * MINUTE,
    "d": 24 * 60 * MINUTE,
    "w": 7 * 24 * 60 * MINUTE,
}
_SPAN = re.compile(r"([\d.]+)(us|ms|s|min|h|d|w)\b")


def observe_unit(name: str, observation: Observation) -> str:
    """Name the unit of one observation."""
    return f"gatedog-observe@{name}-{observation.what}.service"


def ownership(facts: Facts) -> str:
    """Write 50-gatedog.conf."""
    described = "" if facts.unit is None else _OURS.sub("", facts.unit.text("Description"))
    blanks = {
        "NAME": facts.wish.name,
        "DESCRIPTION": quoting.one_line(described or f"{facts.wish.name} gateway"),
        "TYPE": NO_EXEC if waits_for_ever(facts) else "",
        "TIMEOUT_STOP": f"{stop_patience_usec(facts) // SECOND}s",
        "ENVIRONMENT": _environment(facts),
    }
    return filled("gateway/ownership.conf", blanks)


def _environment(facts: Facts) -> str:
    lines = [f"Environment={quoting.word(f'{name}={value}')}" for name, value in facts.environment]
    return "\n".join([ASKED_FOR, *lines, ""]) if lines else ""


def hardening(facts: Facts) -> str:
    """Write 60-gatedog-hardening.conf: the settings, or why there are none."""
    reason = facts.wish.no_hardening
    if not reason and facts.agent is not None and facts.agent.uid == 0:
        reason = "it runs as root, and these settings are made for an account without rights"
    names = {"NAME": facts.wish.name, "UNIT": facts.unit_name}
    if reason:
        return filled("gateway/unhardened.conf", {**names, "REASON": quoting.one_line(reason)})
    places = " ".join(quoting.word(f"-{place}") for place in writable(facts))
    return filled("gateway/hardening.conf", {**names, "WRITABLE": f"ReadWritePaths={places}\n" if places else ""})


def writable(facts: Facts) -> tuple[str, ...]:
    """Return the folders that stay writable to a hardened gateway: its account's home, and where it works."""
    if facts.agent is None:
        return ()
    home = facts.agent.home
    worked = facts.unit.text("WorkingDirectory").lstrip("-!") if facts.unit is not None else home
    below_home = worked == home or worked.startswith(f"{home}/") or worked == "~"
    places = [home] if home not in ("", "/", "/nonexistent", "/root") else []
    if worked not in ("", "/") and not below_home and not worked.startswith(("/usr", "/etc", "/bin", "/sbin", "/lib")):
        places.append(worked)
    return tuple(places)


def command_unit(facts: Facts) -> str:
    """Write the unit file of a gateway that had none."""
    blanks = {
        "NAME": facts.wish.name,
        "USER": facts.wish.user,
        "DIRECTORY": _directory(facts),
        "COMMAND": quoting.command(facts.wish.command),
    }
    return filled("gateway/command.service", blanks)


def observe_drop_in(facts: Facts, observation: Observation) -> str:
    """Write the account and the command of one observation."""
    agent = facts.agent.name if facts.agent is not None else facts.wish.user or "nobody"
    blanks = {
        "NAME": facts.wish.name,
        "USER": agent,
        "DIRECTORY": f"-{_directory(facts)}",
        "COMMAND": quoting.command(observation.argv),
    }
    return filled("gateway/observe.conf", blanks)


def polkit_rule(facts: Facts) -> str:
    """Write who may do what with this unit."""
    doors = [f"gatedog-start@{facts.stem}.target", f"gatedog-stop@{facts.stem}.target"]
    doors += [observe_unit(facts.wish.name, each) for each in facts.observations]
    barred = facts.agent is not None and facts.agent.uid != 0 and facts.agent.name != "gatedog"
    agent = facts.agent.name if facts.agent is not None and barred else None
    knows_units = facts.host.polkit >= POLKIT_KNOWS_UNITS
    blanks = {
        "NAME": facts.wish.name,
        "AGENT": json.dumps(agent),
        "ASKER": ' && subject.system_unit === "gatedog.service"' if knows_units else "",
        "ASKER_IS": (
            "This polkit knows the asker's unit: the right is gatedog.service's, not only its account's."
            if knows_units
            else f"polkit {POLKIT_KNOWS_UNITS} knows the asker's unit as well; after an upgrade, run setup again."
        ),
        "UNIT": json.dumps(facts.unit_name),
        "DOORS": json.dumps(doors),
    }
    return filled("polkit/gateway.rules", blanks)


def waits_for_ever(facts: Facts) -> bool:
    """Tell whether Type=exec has to go: said by the unit, or overruled by an earlier setup."""
    own = facts.unit is not None and facts.unit.text("Type") == "exec"
    return facts.host.systemd < EXEC_WITH_PAM and (own or facts.type_overruled)


def stop_patience_usec(facts: Facts) -> int:
    """Return the unit's TimeoutStopSec=: its own, or what the policy needs, whichever is longer."""
    stop = facts.ruled.stop if facts.ruled is not None else StopPolicy()
    own = span_usec(facts.unit.text("TimeoutStopUSec")) if facts.unit is not None else 0
    return max(own, stop.timeout_usec + STOP_MARGIN_USEC)


def span_usec(text: str) -> int:
    """Read a time span as systemctl prints it ("1min 30s"); 0 for infinity, which is no answer to a stop."""
    return sum(int(float(amount) * _SPANS[unit]) for amount, unit in _SPAN.findall(text))


def _directory(facts: Facts) -> str:
    home = facts.agent.home if facts.agent is not None else ""
    return quoting.one_line(home or "/")
