"""Failures made on purpose, on a copy: a runbook that was never tried is theatre.

    catalogue.py   which drills there are
    killloop.py    hang.py    deadchannel.py    portthief.py    pageroutage.py    corruptjournal.py    deadwatchdog.py
    site.py        the sacrificial copy: a real gatedog, a gateway, two phones, and a person with a key
    copygateway.py the gateway of the copy
    record.py      what was expected, and when it came
    live.py        the one drill that may be done to a gateway in service
    main.py        play, tell, file

Invariant: a drill on a copy touches nothing but the copy, and leaves nothing behind. Deliberately not here: what is
remembered of drills (core/drills.py).
"""
