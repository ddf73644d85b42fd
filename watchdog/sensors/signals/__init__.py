"""Who sent the signal: the kernel's tracepoint `signal:signal_generate`, read by perf events.

Theory of operation. A dead process does not say who killed it, and systemd does not know. The kernel does at the moment
of sending: a perf event on that tracepoint writes down the sender's pid, the sender's cgroup, the signal and the
target. It is in a ring of memory before the target dies, so it is never waited for. Opening one takes CAP_PERFMON.

Invariant: a signal is only ever explained here. Whether an ending was asked for does not depend on who sent it, and
where nothing can be seen, the sender is unknown and nothing else changes.
"""
