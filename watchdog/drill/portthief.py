"""Another program sits on the gateway's port: gatedog must not start it for ever, and say who sits there."""

import socket

from watchdog.drill.site import BEGIN_SECONDS, Site

_LOOK_SECONDS = 30.0
"""Strangers are looked for every 20 s."""


def play(site: Site) -> None:
    """Take the port while the gateway is down; recover by giving it back and releasing the gateway."""
    site.begin()
    code, said = site.person("stop", site.name)
    site.record.check("stopped by a person", holds=code == 0, said=said if code else "")
    site.record.wait("it is down", lambda: not site.standing().get("pid") and site.standing(), 20.0)
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", site.port))
        thief.listen()
        site.record.note("another program took its port")
        site.person("start", site.name)
        site.record.wait("held", site.is_held, 50.0)
        site.record.wait("paged", lambda: site.paged(site.phone), 10.0)
        rivals = site.record.wait("the thief is named", lambda: " ".join(site.standing()["rivals"]), _LOOK_SECONDS)
        site.record.check("by its port", holds=str(site.port) in rivals, said=rivals)
    site.recover("spiral.identical-endings", "release", site.name, "-m", "drill: the port is free again")
    site.record.wait("serves again", site.gateway_pid, BEGIN_SECONDS)
