"""Whether the origin rules bind on a gateway that is a unit: facts gathered as root, and the judgement on them.

Invariant: a condition is met only when it was looked at whole and nothing was found; what could not be read is as bad
as what was found. Facts name files and lines, never their contents, because everybody may read them.

    judgement.py   the closed list of conditions; facts -> enforcing or advisory, with reasons (pure)
    inspection.py  all looks in one: a host -> facts      factsfile.py  facts as a file that root leaves in /run
    accounts.py    users, groups, root's groups           access.py     who may change a path
    sudoers.py, polkitrules.py  rules that lend rights    engines.py    sockets of container engines
    companions.py  who else uses the uid                  logins.py     keys and passwords
    files.py       the unit's files, and all it executes

What the looks share with other rooms stands one folder up: host.py, unitfiles.py, commandline.py, cronjobs.py.
"""
