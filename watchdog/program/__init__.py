"""Run one program of a human's choice, once: for pages that leave by a program, and for steps of runbooks.

Invariant: what others could have written is not run, no shell reads a word, and nothing that a program started outlives
it. Deliberately not here: what its end means, and programs that run under another account (gateway/programs.py).
"""
