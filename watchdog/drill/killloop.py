"""Somebody kills the gateway again and again: gatedog must stop starting it, and say so."""

from watchdog.drill.site import BEGIN_SECONDS, Site

RULE = "spiral."


def play(site: Site) -> None:
    """Kill it until it is held; recover by releasing it."""
    site.begin()
    kills = site.kill_until_held(30.0)
    site.record.note("nothing starts it any more", f"after {kills} deaths")
    site.record.wait("seen as a spiral", lambda: site.incident(RULE), 5.0)
    site.record.wait("paged", lambda: site.paged(site.phone), 10.0)
    site.recover("spiral.identical-endings", "release", site.name, "-m", "drill")
    site.record.wait("serves again", site.gateway_pid, BEGIN_SECONDS)
