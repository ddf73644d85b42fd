"""gatedog: the watchdog that stands outside an AI agent.

The folders of this package are the rooms of ARCHITECTURE.md; a room imports only from floors below it.
"""

__version__ = "0.1.0"
