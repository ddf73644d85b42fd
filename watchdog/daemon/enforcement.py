"""Whether the rules on who may ask can be got round on this gateway.

Invariant: `enforcing` is said only when every condition of the design was checked and met; anything else is advisory,
with the first reason found. A child gateway is always advisory: it is started without the audit mark that only a
service manager's PAM session gives.
"""

import os
import pwd

from watchdog.core.events import EnforcementObserved
from watchdog.core.policy import GatewayPolicy


def look(policy: GatewayPolicy) -> EnforcementObserved:
    """Look at one gateway's standing."""
    reason = "a child gateway carries no audit mark; own it as a systemd unit for that"
    if policy.command is not None and _uid_of(policy.command.user) == os.geteuid():
        reason = "it runs as the same user as gatedog, and so could get round the rules"
    return EnforcementObserved(gateway=policy.name, enforcing=False, reason=reason)


def _uid_of(user: str) -> int:
    if not user:
        return os.geteuid()
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return -1
