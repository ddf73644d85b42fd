"""The policy in force, whole, as the daemon froze it into its journal when it took effect, and what is proposed.

Invariant: what is shown is what the daemon decides by: defaults are in it, and nothing is read from a file. It is shown
field by field, so that a rule of a later version is shown, too. What a proposal says for itself stands apart from what
gatedog found in it, and from every command. Deliberately not here: changing it; a human commits a policy on the host.
"""

from collections.abc import Mapping
from typing import Any, Final

from watchdog.core.timeline import duration_text
from watchdog.report.moments import instant
from watchdog.report.redaction import Redactor
from watchdog.web.asking import BATCH, Daemon, NoAnswer, Reading
from watchdog.web.frame import next_line, render_page
from watchdog.web.gatewaypage import facts
from watchdog.web.html import Html, agent_words, element

HERE: Final = "/policy"
BATCHES_MAX: Final = 20
"""How far back it is looked for, in thousands of records; a daemon writes it at each of its starts."""
DEPTH_MAX: Final = 8
_EVENT: Final = "PolicyLoaded"


def find_policy(daemon: Daemon) -> dict[str, Any]:
    """Return the record with which the newest policy took effect. Raises NoAnswer."""
    batch: list[dict[str, Any]] = list(daemon.records(-BATCH))
    for _ in range(BATCHES_MAX):
        for record in batch[::-1]:
            if record["kind"] == _EVENT:
                return record
        if not batch or batch[0]["seq"] <= 1:
            break
        first = batch[0]["seq"]
        batch = [each for each in daemon.records(max(first - 1 - BATCH, 0)) if each["seq"] < first]
    raise NoAnswer("the policy took effect too long ago to be found here", "gatedog policy check")


def find_rules(daemon: Daemon) -> Mapping[str, Any] | None:
    """Return what was committed and is proposed; None from a daemon that cannot tell."""
    try:
        found: Mapping[str, Any] = daemon.ask("Rules")["rules"]
    except NoAnswer:
        return None
    return found


def render_policy(reading: Reading, record: Mapping[str, Any], committed: Mapping[str, Any] | None = None) -> str:
    """Write the policy of this record, below what is proposed."""
    event = record["event"] if isinstance(record["event"], dict) else {}
    policy, redactor = event.get("policy"), Redactor()
    content = [
        element("h1", "Policy in force"),
        facts(
            (
                ("in force since", instant(record["wall_usec"])),
                ("digest", str(event.get("digest", ""))[:64]),
                ("read from", str(reading.status["policy_source"]) if reading.status is not None else ""),
            )
        ),
        element("ul", next_line("gatedog policy check", "reads the files, before they are in force"), class_="next"),
        *(_proposals(committed) if committed is not None else ()),
    ]
    rules = policy if isinstance(policy, dict) else {}
    gateways = rules.get("gateways")
    for number, gateway in enumerate(gateways if isinstance(gateways, list) else []):
        name = str(gateway.get("name", "")) if isinstance(gateway, dict) else ""
        content.append(_part(f"Gateway {name}", f"rules-{number}", gateway, redactor))
    rest = {name: value for name, value in rules.items() if name != "gateways"}
    content.append(_part("People, and all gateways", "rules-all", rest, redactor))
    return render_page("Policy", HERE, reading, *content)


def _proposals(rules: Mapping[str, Any]) -> list[Html]:
    parts = [element("h2", "Proposals", id="proposals")]
    if rules["trouble"]:
        parts.append(element("p", f"What lies in {rules['folder']} is not what was committed: {rules['trouble']}"))
        parts.append(element("ul", next_line("gatedog policy diff"), class_="next"))
    open_ones = [each for each in reversed(rules["proposals"]) if each["revision"] is None]
    parts += [_proposal(each) for each in open_ones] or [element("p", "None is open.")]
    return [element("section", *parts, aria_labelledby="proposals")]


def _proposal(proposal: Mapping[str, Any]) -> Html:
    name = proposal["proposal"]
    loosened = [element("li", element("b", "LOOSENS "), each) for each in proposal["loosens"]]
    found = [*loosened, *(element("li", each) for each in proposal["changes"])]
    signed = f"{len(proposal['signed'])} of {proposal['needed']} signed"
    state = "stale: other rules were committed since" if proposal["stale"] else signed
    by = f"{proposal['who']} ({proposal['origin']}), {instant(proposal['wall_usec'])}"
    says = agent_words(proposal["says"]) if proposal["origin"] == "supervised" else proposal["says"]
    parts = [
        element("h3", name, id=f"proposal-{name}"),
        facts((("by", by), ("says", says), ("state", state))),
        element("ul", *found) if found else element("p", "It changes nothing that has an effect."),
        element("ul", next_line(f"gatedog policy review {name}", "what it would have changed"), class_="next"),
    ]
    return element("article", *parts, aria_labelledby=f"proposal-{name}")


def _part(title: str, mark: str, rules: object, redactor: Redactor) -> Html:
    head = element("h2", title, id=mark)
    return element("section", head, _shown("", rules, redactor, 0), class_="rules", aria_labelledby=mark)


def _shown(name: str, value: object, redactor: Redactor, depth: int) -> Html:
    """Show a value of JSON: objects and lists as lists, durations in words, strings without secrets."""
    if depth > DEPTH_MAX:
        return element("span", "...")
    match value:
        case dict() if value and depth > 1 and not any(isinstance(each, dict | list) for each in value.values()):
            said = ", ".join(f"{_name(key)} {_word(str(key), each)}" for key, each in value.items())
            return element("span", redactor.text(said))
        case dict() if value:
            rows = [(_name(key), _shown(str(key), each, redactor, depth + 1)) for key, each in value.items()]
            return element("dl", *(Html(element("dt", key) + element("dd", each)) for key, each in rows))
        case list() if any(isinstance(each, dict | list) for each in value):
            return element("ul", *(element("li", _shown(name, each, redactor, depth + 1)) for each in value))
        case list() if value:
            return element("span", redactor.text(", ".join(_word(name, each) for each in value)))
        case _:
            return element("span", redactor.text(_word(name, value)))


def _name(key: object) -> str:
    return str(key).removesuffix("_usec").replace("_", " ")


def _word(name: str, value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() if name.endswith("_usec"):
            return duration_text(value)
        case None | "" | [] | {}:
            return "none"
        case _:
            return str(value)
