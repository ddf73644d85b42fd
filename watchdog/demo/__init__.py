"""Show. The spiral of 26 March with real processes: one night without gatedog, one with it.

Invariant: when the demo is over, however it ended, nothing of it is left: no process, no folder, no cgroup, no lock.
"""
