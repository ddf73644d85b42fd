"""Tell people: carry what the core put in the outbox to the channels the human chose.

Invariant: this room only transports. What is told, to whom, how loud and when again is decided in core/escalation.py,
and the outbox is a projection of the journal, so a crash of this room loses no page. A page may be carried twice,
never not at all: its keys make the second time harmless to the receiver.
Deliberately not here: acknowledgement, escalation, quiet hours, and reading pager.toml (policyfile/).
"""
