"""How a gateway is asked: one file for each kind of probe, all bounded in time and bytes.

Invariant: a probe is data for data: it never raises into the loop, never holds it, and what comes back is untrusted
text of one line. A gateway that was asked and did not answer well is `Failing`; a question that could not even be put
is `CannotAsk`, and says nothing about the gateway. Deliberately not here: when to ask (prober.py) and what follows
from the answers (core/).

    outcome.py  the two exceptions, and text made safe     assertions.py  what must be true of an answer
    names.py    host names to addresses                    patterns.py    regular expressions that cannot run away
    wire.py     connected sockets, TLS                     inflow.py      bounded reading from them
    connection.py  tcp, unix        http.py  http, https   websocket.py   ws, wss
    program.py  exec                heartbeat.py  a file   words.py       sd_notify
"""
