"""What `policy review` and `backtest` say of rules under which the recorded history would have gone otherwise.

The history is a recorded spiral, kept in a journal as gatedog would have kept it under the rules before; the rules
after are proposed. The first difference is a fact. What would have followed is a guess, and says so on its own line.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fakedaemon import FakeDaemon
from loosening import record_trace

from watchdog.cli.main import gatedog
from watchdog.core.identity import GatewayName, IncidentId, Seq
from watchdog.core.rules import RuleId
from watchdog.core.timeline import HOUR, MINUTE, Usec
from watchdog.policyfile.bundle import Bundle, bundle_of
from watchdog.policyfile.bundlechange import compare_bundles
from watchdog.policyfile.bundlestore import BundleStore
from watchdog.policyfile.load import parse_bundle
from watchdog.policyfile.policychange import Direction
from watchdog.replay.backtest import Backtest, Divergence, LoopChange, backtest
from watchdog.replay.continuation import Continuation
from watchdog.replay.summary import summary_of
from watchdog.report.policypage import render_review

RULES = """\
[gateway.main]
command = ["/usr/bin/agent"]

[gateway.main.spiral]
page_at = 1000
identical_page_at = 0
hold_below = "0s"

[gateway.main.budget]
windows = [{windows}]
"""
"""So that little but the budget ends a loop."""
ONE = '"1 per 10min"'
FIVE = '"5 per 10min"'
FIFTY = '"50 per 10min", "100 per 1h", "200 per 24h"'
FOLDER = Path("/etc/gatedog")
LAST = " each ending like the last on record, after 4m"
AT = 1_774_494_251_000_000
"""26 March 2026, 03:04:11 UTC."""


def rules(windows: str) -> Bundle:
    """Write a bundle whose budget has these windows."""
    return bundle_of([("policy.toml", RULES.format(windows=windows).encode())])


class Reviewer:
    """Somebody with a recorded history, and rules that an agent proposes."""

    def __init__(self, folder: Path, daemon: FakeDaemon) -> None:
        self.folder = folder
        self.daemon = daemon

    def live_through(self, trace: str, windows: str) -> None:
        """Keep the journal of a trace under a budget of these windows."""
        self.before = rules(windows)
        self.played = record_trace(trace, parse_bundle(self.before, FOLDER).policy, self.folder / "journal")

    def reviews(self, windows: str, *more: str) -> str:
        """Propose these windows, and review that."""
        after = rules(windows)
        BundleStore(self.folder).offer(after, ["policy.toml"])
        offered = proposal(digest=after.digest, loosens=self.loosens(after))
        told = self.daemon.rules(store=str(self.folder), proposals=[offered])
        self.daemon.answer("Rules", told)
        return self.types("policy", "review", "PROP-2", *more)

    def reads(self, windows: str) -> str:
        """Review a budget of these windows, all else left as it was played, the recorded delays included."""
        (was,) = self.played.gateways
        (would_be,) = parse_bundle(rules(windows), FOLDER).policy.gateways
        policy = replace(self.played, gateways=(replace(was, budget=would_be.budget),))
        found = backtest(self.folder / "journal", policy)
        offered = proposal(loosens=self.loosens(rules(windows)))
        return render_review({"committed": 1}, offered, summary_of(found), "")

    def loosens(self, after: Bundle) -> list[str]:
        """Say what other rules loosen."""
        changes = compare_bundles(parse_bundle(self.before, FOLDER), parse_bundle(after, FOLDER))
        return [each.what for each in changes if each.direction is Direction.LOOSENS]

    def backtests(self, windows: str, *more: str) -> str:
        """Try these windows on the journal, without any gatedog."""
        bundle = self.folder / "other"
        bundle.mkdir(exist_ok=True)
        (bundle / "policy.toml").write_bytes(rules(windows).files[0][1])
        return self.types("backtest", str(self.folder / "journal"), "--policy", str(bundle), *more)

    def types(self, *words: str) -> str:
        """Run a command, which must end well; return what it said."""
        result = CliRunner().invoke(gatedog, ["--socket", str(self.daemon.path), *words])
        assert result.exit_code == 0, result.stderr
        return str(result.stdout)


@pytest.fixture
def reviewer(tmp_path: Path) -> Iterator[Reviewer]:
    """Give somebody a place, and a gatedog to ask."""
    daemon = FakeDaemon(tmp_path)
    try:
        yield Reviewer(tmp_path, daemon)
    finally:
        daemon.close()


def proposal(**changes: Any) -> dict[str, Any]:
    """Build what an agent proposed."""
    return FakeDaemon.proposal(wall_usec=AT, **changes)


def loop(more: Continuation | None = None, fewer: int | None = None, incident: str | None = "INC-3") -> LoopChange:
    """Build a loop that goes on, or that is stopped sooner."""
    known = None if incident is None else IncidentId(incident)
    return LoopChange(seq=Seq(40), gateway=GatewayName("main"), incident=known, more=more, fewer=fewer)


def going_on(cycles: int, stopped_by: RuleId | None = RuleId.BUDGET_SPENT) -> Continuation:
    """Build how a loop goes on."""
    return Continuation(cycles=cycles, span_usec=3 * HOUR, lived_usec=4 * MINUTE, stopped_by=stopped_by)


def test_a_review_says_how_much_longer_the_spiral_of_26_march_would_have_run(
    reviewer: Reviewer, golden: Callable[[str, str], None]
) -> None:
    """The budget loosened: what it would have done instead of the hold is a fact, and what comes of that a guess."""
    reviewer.live_through("moto-death-spiral", ONE)

    golden("review-moto-loosened.txt", reviewer.reviews(FIFTY))


def test_a_review_counts_the_cycles_of_a_long_loop(reviewer: Reviewer, golden: Callable[[str, str], None]) -> None:
    """Five starts in ten minutes were had; of fifty, forty-five are left."""
    reviewer.live_through("clawx-818-sigkill", FIVE)

    golden("review-loosened.txt", reviewer.reads(FIFTY))


def test_a_review_counts_what_a_tighter_budget_would_have_spared(
    reviewer: Reviewer, golden: Callable[[str, str], None]
) -> None:
    """Lives on record that would not have begun."""
    reviewer.live_through("clawx-818-sigkill", FIFTY)

    golden("review-tightened.txt", reviewer.reads(FIVE))


def test_a_backtest_says_the_same_cycles(reviewer: Reviewer, golden: Callable[[str, str], None]) -> None:
    """For people, each as a guess; as JSON, in figures and in the same words."""
    reviewer.live_through("moto-death-spiral", ONE)
    golden("backtest-moto-loosened.txt", reviewer.backtests(FIFTY))
    told = json.loads(reviewer.backtests(FIFTY, "--json"))
    (guess,) = json.loads(reviewer.reviews(FIFTY, "--json"))["backtest"]["guesses"]
    (change,) = told["loops"]

    assert (change["incident"], change["gateway"], change["fewer"]) == ("INC-1", "main", None)
    assert change["seq"] == told["first"]["seq"]
    assert change["more"]["cycles"] == 1
    assert change["more"]["stopped_by"] == "spiral.alternating-instances"
    assert change["says"] == guess


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            loop(going_on(41)),
            f"INC-3 would have run 41 more cycles within 3h, until budget.spent stops it;{LAST}",
        ),
        (
            loop(going_on(1)),
            f"INC-3 would have run 1 more cycle within 3h, until budget.spent stops it;{LAST}",
        ),
        (
            loop(going_on(200, None)),
            f"INC-3 would have run at least 200 more cycles within 3h, and would still go on;{LAST}",
        ),
        (loop(fewer=12), "INC-3 would have been stopped 12 cycles earlier"),
        (loop(fewer=1, incident=None), "main would have been stopped one cycle earlier"),
    ],
)
def test_a_loop_is_said_in_cycles(change: LoopChange, words: str) -> None:
    """How many, in what time, what ends it, and what was taken for granted."""
    found = Backtest(records=90, first=None, speculative=(), loops=(change,))

    assert summary_of(found)["guesses"] == [words]


def test_only_the_first_difference_is_a_fact() -> None:
    """Each other line of a review that says what would have been begins with SPECULATIVE."""
    first, second = (
        Divergence(
            seq=Seq(seq),
            wall_usec=Usec(AT),
            event="MainProcessExited",
            incidents=(IncidentId("INC-3"),),
            recorded=(f"holds main: {seq}",),
            other=(),
        )
        for seq in (40, 44)
    )
    found = Backtest(records=90, first=first, speculative=(second,), loops=(loop(going_on(41)),))
    page = render_review({"committed": 1}, proposal(), summary_of(found), "")
    tried = page[page.index("  FACT") :].partition("\n\n")[0].splitlines()

    assert tried[:3] == [
        "  FACT  of 90 records of history: the first difference is at record 40 (INC-3)",
        "        then: gatedog holds main: 40",
        "        with these rules: gatedog does nothing",
    ]
    assert [line.split()[0] for line in tried[3:]] == ["SPECULATIVE", "SPECULATIVE"]
    assert "41 more cycles" in tried[3]
    assert "1 further record would have been answered otherwise" in tried[4]


@pytest.mark.parametrize(
    ("tried", "why_not", "words"),
    [
        (None, "there is no journal in /x", "not tried on the recorded history: there is no journal in /x"),
        (
            {"records": 7, "fact": [], "guesses": [], "others": 0},
            "",
            "tried on 7 records of history: nothing would have gone otherwise",
        ),
    ],
)
def test_a_review_without_a_difference_says_why(tried: dict[str, Any] | None, why_not: str, words: str) -> None:
    """Not tried is not the same as tried and no different."""
    assert words in render_review({"committed": 1}, proposal(), tried, why_not)
