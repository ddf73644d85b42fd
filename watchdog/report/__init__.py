"""Say it. Status, incidents and the story of a journal as text for people.

Invariant: every function here is pure: values in, text out, no clock, no file, no terminal. Text that anybody else
wrote passes through escape.py before it becomes part of a line. Deliberately not here: what gatedog sends away (pager/
has its own words and its own escaping for each channel).
"""
