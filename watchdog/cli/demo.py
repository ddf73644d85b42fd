"""`gatedog demo`: the spiral with real processes, first without and then with gatedog."""

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Only the last line, the result as one object.")
def demo(*, as_json: bool) -> int:
    """Show a restart spiral, without and with gatedog, in about 15 s. Leaves nothing behind."""
    from watchdog.demo.main import run  # noqa: PLC0415 - it brings most of gatedog along, and only this verb needs it

    return run(as_json)
