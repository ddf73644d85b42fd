"""Units that gatedog sends on an errand: an inspection by root, a look through the gateway's own eyes.

Invariant: an errand decides nothing and blocks nothing; one that systemd refuses is told to who asked for it.
Deliberately not here: the gateway's own unit (unit.py), which is started by ticket only.
"""

import asyncio

from watchdog.gateway.bus import BusLost, BusRefused, Call
from watchdog.gateway.systemdlink import MANAGER, MANAGER_PATH, UNIT, SystemdLink, get_property, unit_path

_LOOK_SECONDS = 0.1
_OVER = frozenset({"inactive", "failed"})


async def send(link: SystemdLink, unit: str) -> None:
    """Start a unit and return when it was taken on.

    Raises:
        OSError: systemd refused, or cannot be spoken to.
    """
    call = Call(path=MANAGER_PATH, interface=MANAGER, method="StartUnit", signature="ss", arguments=(unit, "replace"))
    try:
        await link.ask(call)
    except (BusLost, BusRefused) as error:
        raise OSError(f"{unit} was not started: {error}") from error


async def run(link: SystemdLink, unit: str) -> None:
    """Start a oneshot unit and return when it has ended, however it did; the caller bounds the wait.

    Raises:
        OSError: systemd refused, or cannot be spoken to.
    """
    await send(link, unit)
    state = get_property(unit_path(unit), UNIT, "ActiveState")
    try:
        while await link.ask(state) not in _OVER:  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(_LOOK_SECONDS)
    except (BusLost, BusRefused) as error:
        raise OSError(f"{unit} was started, and how it ended cannot be seen: {error}") from error
