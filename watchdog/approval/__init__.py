"""Check what a person hands in as approval: an SSH signature over a challenge, or a release code.

Invariant: an answer is positive only when the whole way to it was checked: the files belong to root or to gatedog
alone, the key is one that a human listed for this person, and the program that verified is the system's own. Everything
else is a fault with a name of its own. Deliberately not here: what an approval permits, whether it was given before or
has run out, and how often one may try (core/proof.py).
"""
