"""The human's files as typed values: TOML in, a complete policy or every problem at once out.

Invariant: nothing here falls back to a default because a line was wrong: a file is taken whole or refused whole, and
the last good policy stays (the daemon's business). Deliberately not here: secrets (pager/ reads credential files when
it delivers) and signatures on the bundle.
"""
