"""Answer people and agents on a unix socket, as the Varlink interface `io.gatedog.Supervisor`.

Invariant: who wrote a message is known for every message before it is parsed, and a request reaches the daemon only
together with that evidence. Deliberately not here: judging who may do what (core/), and anything that is done about it.

    receiver.py   bytes and credentials off the socket, bounded          server.py     sockets, limits, one task a peer
    dispatch.py   a message to a method and its replies, by asyncvarlink interface.py  the methods and their errors
    wire.py       the objects of the replies                             reply.py      the core's state as a reply
    client.py     the other end, standard library only                   tokens.py     who asks too often
    lastknown.py  status.json, for when nobody answers           rules{wire,reply}.py  the same, of rules and proposals
"""
