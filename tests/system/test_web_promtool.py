"""What Prometheus' own tool says of the metrics, the alerts and the tests of the alerts."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus import program
from unpacked import Unavailable

from watchdog.runbook.shipped import read_runbooks
from watchdog.web import metrics, tally
from watchdog.web.exposition import Family

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
RULES = ROOT / "packaging" / "prometheus"
DASHBOARD = ROOT / "packaging" / "grafana" / "gatedog.json"
METRICS = ROOT / "tests" / "golden" / "web" / "metrics.prom"
NAMES = {each.name for module in (metrics, tally) for each in vars(module).values() if isinstance(each, Family)}


@pytest.fixture(scope="module")
def promtool() -> str:
    """Return where Debian's promtool is; skip without one, and fail where everything must be tested."""
    try:
        return program("promtool")
    except Unavailable as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


def run(promtool: str, *words: str, text: str = "") -> tuple[int, str]:
    """Run promtool to its end; return its exit code and all that it said."""
    done = subprocess.run([promtool, *words], input=text, cwd=RULES, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def named(text: str) -> set[str]:
    """Return the metrics of ours that a text names; a histogram by any of its parts."""
    return {re.sub("_(bucket|sum|count)$", "", each) for each in re.findall(r"\bgatedog_[a-z_]+", text)}


def test_metrics_are_valid_and_well_named(promtool: str) -> None:
    """The whole text, as a daemon with two gateways gives it, without a warning."""
    assert run(promtool, "check", "metrics", text=METRICS.read_text()) == (0, "")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("gatedog_restarts_total", "gatedog_restarts"), ('="openclaw"', '="open"claw"'), (" 1\n", " one\n")],
)
def test_bad_metrics_are_found(promtool: str, right: str, wrong: str) -> None:
    """The tool would say so: of a name, of a text, of a number."""
    assert run(promtool, "check", "metrics", text=METRICS.read_text().replace(right, wrong))[0] != 0


def test_rules_are_valid(promtool: str) -> None:
    """As Prometheus reads them."""
    code, said = run(promtool, "check", "rules", "rules.yml")

    assert (code, "9 rules found" in said) == (0, True), said


def test_rules_do_what_they_say(promtool: str) -> None:
    """Each fires when it should, as it should, and not before; a host that is well raises none."""
    code, said = run(promtool, "test", "rules", "rules_test.yml")

    assert code == 0, said


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("gatedog_up == 0", "gatedog_up == 2"),
        ("for: 5m", "for: 50m"),
        ("_timestamp_seconds > 60", "_timestamp_seconds > 600"),
        ("> 300", "> 100"),
        ("> 900", "> 9000"),
        ('{state="held"} == 1', '{state="held"} == 0'),
        ('{account="restart"} == 0', "== 0"),
        ("<= 0.34", "<= 0.14"),
        ("for: 10m", "for: 1m"),
        ("[15m]) > 6", "[15m]) > 4"),
    ],
)
def test_wrong_rule_is_found(promtool: str, tmp_path: Path, right: str, wrong: str) -> None:
    """The tests of the rules fail when a rule is changed."""
    shutil.copy(RULES / "rules_test.yml", tmp_path)
    text = (RULES / "rules.yml").read_text()
    assert right in text
    (tmp_path / "rules.yml").write_text(text.replace(right, wrong))

    assert run(promtool, "test", "rules", str(tmp_path / "rules_test.yml"))[0] != 0


def test_rules_and_dashboard_name_metrics_that_there_are() -> None:
    """And the dashboard shows every one of them, but for the number of the newest record counted."""
    assert named((RULES / "rules.yml").read_text()) <= NAMES
    assert named((RULES / "rules_test.yml").read_text()) <= NAMES
    assert named(DASHBOARD.read_text()) == NAMES - {"gatedog_counted_record"}


def test_rules_name_runbooks_that_there_are() -> None:
    """A woken person follows the address, or types what stands below it: one runbook, by its file and by its name."""
    text = (RULES / "rules.yml").read_text()
    wanted = re.findall(
        r"runbook_url: https://wiki\.example\.org/gatedog/([a-z-]+)\.md\n +next: gatedog runbook show ([a-z-]+)\n", text
    )

    assert len(wanted) == text.count("- alert:")
    assert all(file == name for file, name in wanted)
    assert {name for name, _ in wanted} <= {runbook.name for runbook in read_runbooks()}


def test_dashboard_can_be_read(promtool: str, tmp_path: Path) -> None:
    """It is JSON with ids of its own, and Prometheus understands each of its expressions."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    expressions = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    rules = "".join(
        f"  - {{record: 'x:y:z{number}', expr: {json.dumps(each)}}}\n" for number, each in enumerate(expressions)
    )
    text = rules.replace("$gateway", ".*").replace("$instance", ".*").replace("$__rate_interval", "5m")

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert expressions
    (tmp_path / "expressions.yml").write_text(f"groups:\n- name: g\n  rules:\n{text}")
    assert run(promtool, "check", "rules", str(tmp_path / "expressions.yml"))[0] == 0
