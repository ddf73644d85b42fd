"""`gatedog web`: the read-only page, and /metrics, in a process of its own.

Invariant: loopback or a unix socket, and no option for more. aiohttp is an extra, and is loaded here alone.
"""

from pathlib import Path

import click

from watchdog.cli import output
from watchdog.cli.paths import Surroundings
from watchdog.cli.trouble import USAGE, Trouble
from watchdog.control.client import Unreachable
from watchdog.web.asking import Daemon


@click.command()
@click.option("--listen", metavar="ADDRESS:PORT", help="Of loopback. Default: 127.0.0.1:9723; port 0: a free one.")
@click.option("--unix", "path", type=click.Path(path_type=Path), help="Listen on this unix socket instead.")
@click.option("--host", "hosts", multiple=True, metavar="NAME", help="A name by which a proxy of yours calls it.")
@click.pass_obj
def web(surroundings: Surroundings, listen: str | None, path: Path | None, hosts: tuple[str, ...]) -> None:
    """Show gateways, incidents and policy on a page, live, and the numbers at /metrics. It changes nothing.

    From elsewhere come through ssh -L, or a reverse proxy that knows its users.
    """
    if listen is not None and path is not None:
        raise click.UsageError("Say --listen or --unix, not both.")
    try:
        from watchdog.web import serving  # noqa: PLC0415 - the extra; every other command works without it
    except ImportError as missing:
        ways = ("pipx inject gatedog aiohttp", "pip install aiohttp", "gatedog metrics")
        why = f"the page needs the extra [web], which is not installed ({missing.name})"
        raise Trouble(why, code="no-extra", next_=ways) from None
    try:
        place = serving.Place(path=path) if path is not None else serving.read_place(listen or "127.0.0.1:9723")
        daemon = Daemon(surroundings.socket_path(), surroundings.uid)
        serving.serve(daemon, place, hosts, lambda where: output.say(f"listening on {where}\n"))
    except serving.NotHere as error:
        raise Trouble(str(error), exit_code=USAGE, code="not-here", next_=error.next_commands) from None
    except Unreachable as error:
        raise Trouble(error.why, code="unreachable", next_=(error.next_command,)) from None
