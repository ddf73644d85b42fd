"""The read-only web page and the metrics: a process of its own, and a client of the control socket like any other.

It may be absent, dead or slow without anybody noticing but its readers: nothing in gatedog waits for it. Only app.py
and serving.py know aiohttp, so `gatedog metrics` works without the extra `[web]`.

    asking.py      one reading of everything, or records as they come      metrics.py  replies as Prometheus' text
    exposition.py  the text format                                         tally.py    what is counted
    textfile.py    the text as a file                                      watch.py    when a page should look again
    html.py        markup that strangers cannot write                      app.py      addresses, headers, limits
    frame.py, gatewaypage.py, incidentpages.py, policypage.py: the pages   serving.py  the process
"""
