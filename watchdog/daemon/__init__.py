"""Run. The one loop: stamp, step, journal, perform; and what it needs to begin, to end, and to be asked.

Invariant: `Supervisor.take` is the only place that steps the core and the only writer of the journal.
"""
