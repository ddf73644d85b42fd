"""Look at the host and at processes: clocks, alarm clock, network, resources.

Invariant: this room reports facts as the kernel gave them and judges nothing; what a fact means is decided in core/.
Deliberately not here: looking at the gateway's own lifecycle (gateway/) and at who asks for something (origin/).
"""
