"""Step the core again: over recorded histories (simulate), over its own journal (verify), or by other rules (backtest).

Invariant: the code that decides here is the code that decides in the daemon; this room only feeds it.
"""
