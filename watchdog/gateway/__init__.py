"""Own the gateway's process: start, stop, kill, watch, adopt.

Invariant: this room acts on orders and reports what it saw; whether to start again is decided in core/ alone, so
there is no loop, count or delay here that could restart anything.
"""
