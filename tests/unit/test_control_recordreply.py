"""A record as everybody may read it."""

import json

from watchdog.control.recordreply import NOT_TOLD, record_of, record_reply
from watchdog.core.events import PolicyLoaded, Stamp, Stamped
from watchdog.core.identity import BootId, GatewayName, Seq
from watchdog.core.policy import CommandPolicy, GatewayPolicy, Policy
from watchdog.core.timeline import Usec
from watchdog.journal.reader import Record

VALUE = "no-known-shape"


def test_what_a_gateways_variables_hold_is_not_told() -> None:
    """The socket is everybody's, and policy.toml may be root's alone; which variables there are is told."""
    command = CommandPolicy(argv=("x",), environment=(("BACKEND_PASS", VALUE),))
    policy = Policy(gateways=(GatewayPolicy(name=GatewayName("main"), command=command),))
    stamp = Stamp(seq=Seq(1), wall_usec=Usec(1), boot=BootId("b"), uptime_usec=Usec(1))
    event = PolicyLoaded(policy=policy, digest="d")
    reply = record_reply(Record(stamped=Stamped(stamp=stamp, event=event), decisions=(), digest=b""))
    told = json.dumps(reply["event"])

    assert VALUE not in told
    assert NOT_TOLD in told
    assert "BACKEND_PASS" in told
    assert record_of(reply) is not None
