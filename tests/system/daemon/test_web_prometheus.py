"""A real Prometheus scrapes a real gatedog, and what it makes of it reaches a real Alertmanager."""

import shutil
from pathlib import Path

import pytest
from alertmanager import Alertmanager
from conftest import Site
from prometheus import Prometheus, running
from web_process import web_process

pytestmark = pytest.mark.system

RULES = Path(__file__).parents[3] / "packaging" / "prometheus" / "rules.yml"

CONFIG = """
global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}
rule_files: [{rules}]
alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ["127.0.0.1:{alertmanager}"] }}] }}] }}
scrape_configs:
  - job_name: gatedog
    static_configs: [{{ targets: ["{gatedog}"] }}]
"""


def alerts(alertmanager: Alertmanager, name: str) -> list[dict[str, str]]:
    """Return the labels of the active alerts of a name."""
    return [each["labels"] for each in alertmanager.listed() if each["labels"]["alertname"] == name]


def counts(prometheus: Prometheus, query: str, value: float) -> bool:
    """Tell whether a query finds this number."""
    return prometheus.value(query) == value


def test_held_gateway_reaches_alertmanager(site: Site, alertmanager: Alertmanager, tmp_path: Path) -> None:
    """A hold becomes an alert under the rules as they are shipped, its end resolves it, and starts are counted."""
    site.write_policy(["/bin/sh", "-c", "exec sleep 600"])
    site.start()
    site.wait_until(word="READY")
    folder = tmp_path / "prometheus"
    folder.mkdir()
    shutil.copy(RULES, folder)
    with web_process(site.socket) as web:
        target = web.url.removeprefix("http://").rstrip("/")
        config = CONFIG.format(rules=folder / RULES.name, alertmanager=alertmanager.port, gatedog=target)
        with running(folder, config) as prometheus:
            site.wait(lambda: counts(prometheus, "gatedog_gateway_up", 1), "the first scrape")
            assert prometheus.value('up{job="gatedog"}') == 1
            assert prometheus.value('count(gatedog_gateway_state{state="ready"} == 1)') == 1
            assert alerts(alertmanager, "GatewayHeld") == []

            assert site.human("hold", "gateway", "-m", "looking into it")[0] == 0
            site.wait(lambda: alerts(alertmanager, "GatewayHeld") != [], "the alert in Alertmanager")
            (labels,) = alerts(alertmanager, "GatewayHeld")
            assert (labels["gateway"], labels["severity"], labels["instance"]) == ("gateway", "info", target)
            site.wait(lambda: ("firing", "info", "") in alertmanager.told, "Alertmanager to tell somebody")

            assert site.human("release", "gateway", "-m", "done")[0] == 0
            site.wait(lambda: ("resolved", "info", "") in alertmanager.told, "the end of the alert")
            restarted = 'gatedog_restarts_total{initiator="human"} > 0'
            assert site.human("restart", "gateway", "-m", "again")[0] == 0
            site.wait(lambda: counts(prometheus, restarted, 1), "a counted start")


def test_kept_evidence_is_measured(site: Site) -> None:
    """What a gateway's deaths left behind is told in bytes a little later, without a walk for each scrape."""
    site.write_policy(["/bin/sh", "-c", "exit 3"])
    site.start()
    site.wait_until(hold="held")

    def told() -> int | None:
        lines = site.cli("metrics").stdout.splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("gatedog_evidence_bytes ")), None)

    def kept() -> int:
        return sum(file.stat().st_size for file in (site.state / "incidents").rglob("*") if file.is_file())

    site.wait(lambda: told() == kept() > 0, "all evidence to be measured")


def test_dead_daemon_is_seen_through_the_living_page(site: Site, alertmanager: Alertmanager, tmp_path: Path) -> None:
    """The page answers for a daemon that does not: gatedog_up is 0, and no gateway looks well any more."""
    site.write_policy(["/bin/sh", "-c", "exec sleep 600"])
    daemon = site.start()
    site.wait_until(word="READY")
    folder = tmp_path / "prometheus"
    folder.mkdir()
    quick = RULES.read_text().replace("for: 5m", "for: 1s")  # the same rule, in a test's time
    (folder / RULES.name).write_text(quick)
    with web_process(site.socket) as web:
        target = web.url.removeprefix("http://").rstrip("/")
        config = CONFIG.format(rules=folder / RULES.name, alertmanager=alertmanager.port, gatedog=target)
        with running(folder, config) as prometheus:
            site.wait(lambda: counts(prometheus, "gatedog_up", 1), "the first scrape")
            daemon.kill()
            daemon.wait()
            site.wait(lambda: counts(prometheus, "gatedog_up", 0), "the death in the metrics")
            site.wait(lambda: alerts(alertmanager, "GatedogAbsent") != [], "the alert in Alertmanager")
            site.wait(lambda: prometheus.value("gatedog_gateway_up") is None, "the gateway to be unknown")
            assert alerts(alertmanager, "GatedogAbsent")[0]["severity"] == "critical"
