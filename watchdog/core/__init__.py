"""Decide. Everything in this room is a pure function of what it is given.

Invariant: no I/O, no clock, no randomness, no logging, no async (tests/test_purity.py). Time comes in with each
event; whatever the world must do goes out as a decision.
"""
