"""Remember: an append-only, hash-chained journal of events and decisions in one SQLite file (law 3).

Doors: `store.Journal` (the one writer), `reader.JournalReader` (whoever may read the folder), `verification.verify`,
and `codec` (events, decisions and state as JSON). Invariant: what `append` or `commit` returned from is on disk and
chained to all before it. Deliberately not here: what is worth an event, what to fold, and what to do when nothing
can be stored; those are the daemon's.
"""
