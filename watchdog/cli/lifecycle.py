"""`start stop restart hold release reset-budget`: what a human may ask of a gateway.

Invariant: each is one request; whether it is granted is decided by the daemon, on who asks. A refusal exits 77.
"""

import click

from watchdog.cli import asking
from watchdog.cli.paths import Surroundings
from watchdog.cli.proving import Proof, provable
from watchdog.cli.why import why


def _command(name: str, text: str, *, reason_required: bool = False) -> click.Command:
    @click.command(name, help=text)
    @click.argument("gateway", required=False)
    @why(required=reason_required)
    @click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
    @provable
    @click.pass_obj
    def command(surroundings: Surroundings, gateway: str | None, message: str, *, as_json: bool, proof: Proof) -> int:
        chosen = asking.chosen_gateway(surroundings, gateway)
        return asking.request(surroundings, as_json=as_json, verb=name, gateway=chosen, reason=message, proof=proof)

    return command


start = _command("start", "Start a gateway that is down. Not charged to its restart budget.")
stop = _command("stop", "Stop a gateway. It stays down until a human starts it.")
restart = _command("restart", "Stop and start a gateway. Not charged to its restart budget.")
hold = _command("hold", "Hold a gateway: no automatic start until a human releases it.", reason_required=True)
release = _command("release", "Lift a hold: one start, then probation. The budget stays.", reason_required=True)
reset_budget = _command("reset-budget", "Empty the ledger of the restart budget. Lifts no hold.", reason_required=True)
