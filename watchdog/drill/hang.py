"""The gateway hangs: its process is there, and answers nobody. Liveness is not health."""

import signal

from watchdog.drill.site import BEGIN_SECONDS, Site

POLICY = """\
[gateway.{name}.health]
failing = "2s"
failing_together = "2s"
start_grace = "1s"
[[gateway.{name}.probe]]
name = "answers"
kind = "http"
target = "http://127.0.0.1:{{port}}/"
period = "1s"
timeout = "500ms"
failures = 2
"""
RULE = "health."


def play(site: Site) -> None:
    """Stop its process; recover by restarting it."""
    site.begin(POLICY.format(name=site.name))
    site.record.wait("seen to be well", lambda: _word(site) == "healthy", BEGIN_SECONDS)
    site.signal_gateway(signal.SIGSTOP)
    site.record.note("its process was stopped")
    site.record.wait("seen: it does not answer", lambda: site.incident(RULE), 20.0)
    site.record.wait("paged", lambda: site.paged(site.phone), 10.0)
    site.record.check("not restarted by itself", holds=site.standing().get("pid") is not None, said="page, and wait")
    before = site.standing().get("life")
    site.recover("health.probe-failing", "restart", site.name, "-m", "drill")
    site.record.wait("another life serves", lambda: site.gateway_pid() and site.standing()["life"] != before, 50.0)


def _word(site: Site) -> str:
    health = site.standing().get("health") or {}
    return str(health.get("word", ""))
