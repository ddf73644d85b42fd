#!/usr/bin/env python3
"""Play recorded histories with other rates, paces, gaps and noise, and score them as if they had been recorded so.

    .venv/bin/python tests/traces/perturb.py [NAME ...]        all perturbations, or those whose name contains NAME

A rule that was tuned to one recording fails on the same recording told a little differently. Each perturbation changes
only what another host would have recorded otherwise; the headers (and their deadlines) follow where time itself is
scaled. The seed is the history's name, so every run prints the same table.
"""

import argparse
import copy
import importlib.util
import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from watchdog.replay.recording import parse_recording
from watchdog.replay.simulation import simulate

FOLDER = Path(__file__).parent
Row = dict[str, Any]
Change = Callable[[Row, list[Row], random.Random], None]

RATES = ("msgs_per_min", "log_lines_per_min")
SAMPLED = ("probe", "metric")


def scaled_time(factor: float) -> Change:
    """Return a change of all times, deadlines included."""

    def change(header: Row, events: list[Row], _: random.Random) -> None:
        for event in events:
            event["t"] *= factor
        for key in ("onset_t", "page_by_t"):
            if key in header["meta"]:
                header["meta"][key] *= factor

    return change


def scaled_rates(factor: float) -> Change:
    """Return a change that draws messages and log lines anew, from another mean."""

    def change(_: Row, events: list[Row], chance: random.Random) -> None:
        for event in events:
            if event["ev"] == "metric" and event["name"] in RATES:
                event["value"] = poisson(chance, event["value"] * factor)

    return change


def dropped(share: float) -> Change:
    """Return a change that loses samples."""

    def change(_: Row, events: list[Row], chance: random.Random) -> None:
        events[:] = [event for event in events if event["ev"] not in SAMPLED or chance.random() > share]

    return change


def thinned(times: int) -> Change:
    """Return a change that samples so many times more slowly."""

    def change(_: Row, events: list[Row], __: random.Random) -> None:
        seen: Counter[tuple[str, str]] = Counter()
        kept = []
        for event in events:
            seen[event["ev"], event.get("name", "")] += 1
            if event["ev"] not in SAMPLED or seen[event["ev"], event["name"]] % times == 0:
                kept.append(event)
        events[:] = kept

    return change


def noisy(share: float) -> Change:
    """Return a change that adds noise to every metric but the count of connections, which is small and exact."""

    def change(_: Row, events: list[Row], chance: random.Random) -> None:
        for event in events:
            if event["ev"] == "metric" and event["name"] != "established_conns":
                event["value"] *= chance.uniform(1 - share, 1 + share)

    return change


def shifted(seconds: float) -> Change:
    """Return a change that lets a life last so much longer before anything happens."""

    def change(header: Row, events: list[Row], _: random.Random) -> None:
        for event in events:
            event["t"] += seconds if event["t"] > 60 else 0
        for key in ("onset_t", "page_by_t"):
            if key in header["meta"]:
                header["meta"][key] += seconds

    return change


def renamed(_: Row, events: list[Row], __: random.Random) -> None:
    """Call channels by another name."""
    for event in events:
        if event["ev"] == "probe" and event["name"].startswith("channel:"):
            event["name"] = "channel:matrix"


def blinking(share: float) -> Change:
    """Return a change that loses probes at random."""

    def change(_: Row, events: list[Row], chance: random.Random) -> None:
        for event in events:
            if event["ev"] == "probe" and event["ok"] and chance.random() < share:
                event.update(ok=False, detail="timeout")

    return change


def unchanged(_: Row, __: list[Row], ___: random.Random) -> None:
    """Change nothing."""


CHANGES: dict[str, Change] = {
    "as recorded": unchanged,
    "time x 0.75": scaled_time(0.75),
    "time x 1.5": scaled_time(1.5),
    "time x 2": scaled_time(2),
    "rates x 0.5": scaled_rates(0.5),
    "rates drawn again": scaled_rates(1),
    "rates x 2": scaled_rates(2),
    "rates x 5": scaled_rates(5),
    "10 % lost": dropped(0.1),
    "30 % lost": dropped(0.3),
    "half the samples": thinned(2),
    "noise 10 %": noisy(0.1),
    "noise 20 %": noisy(0.2),
    "later by 137 s": shifted(137),
    "later by 211 s": shifted(211),
    "other names": renamed,
    "1 % of probes lost": blinking(0.01),
}


def poisson(chance: random.Random, mean: float) -> int:
    """Draw a count of independent things."""
    if mean > 50:
        return max(0, round(chance.gauss(mean, mean**0.5)))
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


def verdicts(change: Change, kinds: tuple[str, ...] = ("degradation", "benign")) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, trace, verdict) of each history of these kinds under a change."""
    scorer = _scorer()
    for path in sorted((FOLDER / "open").glob("*.jsonl")):
        header, events = scorer.load(path)
        if header["kind"] not in kinds:
            continue
        header, events = copy.deepcopy(header), copy.deepcopy(events)
        change(header, events, random.Random(header["trace"]))  # noqa: S311 - a seeded history, no secret
        raw = "\n".join(json.dumps(row) for row in [{"trace": header["trace"]}, *events]).encode()
        answer = simulate(parse_recording(raw, header["trace"]), None).to_json()
        yield header["kind"], header["trace"], scorer.judge(header, events, answer)[0]


def _scorer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score", FOLDER / "score.py")
    if spec is None or spec.loader is None:
        raise SystemExit("score.py is not beside this file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Print one row for each perturbation."""
    parser = argparse.ArgumentParser(description="Score perturbed histories.")
    parser.add_argument("names", nargs="*")
    wanted = parser.parse_args().names
    for name, change in CHANGES.items():
        if wanted and not any(each in name for each in wanted):
            continue
        rows = list(verdicts(change))
        found = sum(1 for kind, _, verdict in rows if kind == "degradation" and verdict == "ok")
        false = [trace for kind, trace, verdict in rows if kind == "benign" and verdict != "ok"]
        missed = [f"{trace} {verdict}" for kind, trace, verdict in rows if kind == "degradation" and verdict != "ok"]
        print(f"{name:20} found {found} of 19, false pages {len(false)} of 27  {', '.join(missed)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
