"""Installing gatedog on a systemd host, and taking it away again.

Facts are gathered (look), judged (objections), and turned into a plan: a list of changes that is a value. The plan is
printed as a diff, and applied whole or not at all; what it replaced is kept in a manifest, from which removal makes
another plan of the same kind.

Invariant: nothing is changed without --apply, and no gateway is started, stopped or restarted by installing.
Deliberately not here: D-Bus (systemctl is enough for an install, and works as root with no bus) and what runs later.
"""
