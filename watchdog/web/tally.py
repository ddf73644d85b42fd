"""What has happened, counted from journal records as they travel: starts, refusals, and what became of pages.

Invariant: a record is counted once: the tally names the journal and the newest record that it holds, and goes on behind
that. Counting begins when nobody counted before, not at the journal's beginning; Prometheus takes that for a counter
that began anew, which it is. Deliberately not here: reading the journal (asking.py).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from watchdog.web.exposition import Family, Kind, Samples, whole_samples

Object = Mapping[str, Any]

STARTS: Final = Family(
    name="gatedog_restarts_total", kind=Kind.COUNTER, means="Starts of a gateway, by who began them and why."
)
REFUSALS: Final = Family(
    name="gatedog_restart_requests_refused_total",
    kind=Kind.COUNTER,
    means="Requests that were refused, by whom they came from and by which rule.",
)
PAGES: Final = Family(
    name="gatedog_page_attempts_total",
    kind=Kind.COUNTER,
    means="Pages by channel and outcome: delivered, stuck (failing for a while, still tried), failed (given up).",
)
COUNTED: Final = Family(
    name="gatedog_counted_record", kind=Kind.GAUGE, means="The newest record of the journal that the counters hold."
)
FAMILIES: Final = (STARTS, REFUSALS, PAGES)

INITIATORS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "automatic": "gatedog",
        "self-restart": "supervised",
        "foreign": "foreign",
        "trusted": "automation",
        "boot": "gatedog",
        "slow": "gatedog",
        "human": "human",
        "release": "human",
    }
)
"""To which account a start went, and so who began it."""

OUTCOMES: Final[Mapping[str, str]] = MappingProxyType(
    {"PageDelivered": "delivered", "PageStuck": "stuck", "PageFailed": "failed"}
)

_Key = tuple[Family, tuple[str, ...]]
_LABELS: Final[Mapping[Family, tuple[str, ...]]] = MappingProxyType(
    {
        STARTS: ("gateway", "initiator", "reason"),
        REFUSALS: ("gateway", "requester", "rule"),
        PAGES: ("channel", "outcome"),
    }
)


class Tally:
    """Counts of one journal."""

    def __init__(self, journal: str, seq: int) -> None:
        self.journal = journal
        self.seq = seq
        self._counts: Counter[_Key] = Counter()

    def count(self, records: Iterable[Object]) -> None:
        """Count the records that are newer than the newest one so far."""
        for record in records:
            if record["seq"] > self.seq:
                self.seq = record["seq"]
                self._count(record)

    def add_to(self, samples: Samples, gateways: Iterable[str], channels: Iterable[str]) -> None:
        """Say every count; what could be counted and was not yet is 0, so that the first one is seen as a rise."""
        for gateway in gateways:
            for reason, initiator in INITIATORS.items():
                self._counts[STARTS, (gateway, initiator, reason)] += 0
        for channel in channels:
            for outcome in OUTCOMES.values():
                self._counts[PAGES, (channel, outcome)] += 0
        for family in FAMILIES:
            for (_, values), count in sorted(
                (each for each in self._counts.items() if each[0][0] == family), key=_order
            ):
                samples.number(family, count, **dict(zip(_LABELS[family], values, strict=True)))
        samples.number(COUNTED, self.seq, journal=self.journal)

    def _count(self, record: Object) -> None:
        event = record["event"] if isinstance(record["event"], dict) else {}
        if (outcome := OUTCOMES.get(str(event.get("kind")))) is not None:
            self._counts[PAGES, (str(event.get("channel")), outcome)] += 1
        decisions = [each for each in record["decisions"] if isinstance(each, dict)]
        origin = next((str(each.get("origin")) for each in decisions if each.get("kind") == "OriginJudged"), "unknown")
        for each in decisions:
            gateway = str(each.get("gateway"))
            if each.get("kind") == "StartCharged":
                reason = str(each.get("charge"))
                self._counts[STARTS, (gateway, INITIATORS.get(reason, "unknown"), reason)] += 1
            elif each.get("kind") == "AnswerRequest" and each.get("outcome") == "refused":
                self._counts[REFUSALS, (gateway, origin, str(each.get("rule")))] += 1


def read_back(text: str, journal: str) -> Tally | None:
    """Go on from a text of metrics that we wrote; None when it does not count this journal."""
    found: Counter[_Key] = Counter()
    seq = None
    names = {family.name: family for family in FAMILIES}
    for name, labels, value in whole_samples(text):
        family = names.get(name)
        if family is not None and tuple(labels) == _LABELS[family]:
            found[family, tuple(labels.values())] = value
        elif name == COUNTED.name and labels == {"journal": journal}:
            seq = value
    if seq is None:
        return None
    tally = Tally(journal, seq)
    tally._counts = found  # noqa: SLF001 - made anew, by the module that owns the class
    return tally


def _order(each: tuple[_Key, int]) -> tuple[str, ...]:
    return each[0][1]
