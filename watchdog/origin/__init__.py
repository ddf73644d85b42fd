"""Gather evidence on a process that asks for something, before it can slip away.

Invariant: facts only, read while the peer's pidfd says that it lives; every judgement on them is in core/origin.py.
Deliberately not here: the peer's environment, its arguments and its open files. All three are the peer's own words.
"""
