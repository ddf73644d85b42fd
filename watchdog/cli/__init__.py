"""The command line: words in, a question over the socket, text and an exit code out.

Invariant: the verdicts are the daemon's; nothing here decides anything. stdout is data, stderr is talk. `gatedog
status` loads this room, the socket client and the status page, and nothing heavier. The one library here is click.

    main.py         the table of commands, each loaded when it is called; how every error ends
    asking.py       one question to the daemon, and what its refusals mean as exit codes
    recorded.py     the journal, for when nobody answers
    paths.py        where state, socket and bundle are             output.py     writing to terminals and pipes
    commandtree.py  all commands as a tree                         completion.py  and what is made from it for shells
    top.py          the screen that stays open
    one file for each group of commands: status, lifecycle, ask, incidents, events, policy, page, journal, daemon, demo
"""
