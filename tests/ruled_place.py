"""A bundle's folder and a daemon's memory of it, for the tests of which rules count and of what is offered."""

from dataclasses import replace
from pathlib import Path

from watchdog.core.bundle import Revision
from watchdog.core.policy import Policy
from watchdog.core.state import EMPTY, State
from watchdog.core.timeline import Usec
from watchdog.daemon.examination import effect_of
from watchdog.daemon.options import DaemonOptions
from watchdog.daemon.revisions import Revisions, rules_in_force
from watchdog.policyfile.bundlestore import BundleStore
from watchdog.policyfile.load import load_policy
from watchdog.policyfile.pagersettings import NO_FILE

POLICY = '[gateway.main]\ncommand = ["agent"]\n'
LOOSER = f'{POLICY}budget = {{windows = ["50 per 10min", "80 per 1h"]}}\n'
OTHER_COMMAND = POLICY.replace("agent", "other")
ALICE = "alice@ops ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
BOB = "bob@ops ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA\n"


class Place:
    """A bundle's folder, a state folder, and a memory that a test makes up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "config"
        self.folder.mkdir(mode=0o700)
        self.state_folder = folder / "state"
        self.store = BundleStore(self.state_folder)
        self.state: State = EMPTY
        self.adopted: list[Policy] = []

    def write(self, text: str, name: str = "policy.toml") -> None:
        """Write a file of the bundle."""
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o600)

    def commit(self, number: int = 1, *, effect: str = "", keep: bool = True, loaded: bool = True) -> None:
        """Remember what lies there as committed, and as in force if `loaded`."""
        found = load_policy(self.folder)
        revision = Revision(
            number=number,
            digest=found.digest,
            effect=effect or effect_of(found.policy),
            who="a test",
            because="",
            wall_usec=Usec(0),
            at_usec=Usec(0),
            placed=True,
        )
        if keep:
            self.store.keep(number, found.bundle)
        rules = self.state.rules
        rules = replace(rules, revisions=(*rules.revisions, revision), in_force=number if loaded else rules.in_force)
        policy = found.policy if loaded else self.state.policy
        self.state = replace(self.state, rules=rules, policy=policy, policy_digest=found.digest)

    def options(self) -> DaemonOptions:
        """Return what a daemon would be started with."""
        made = {"state_folder": self.state_folder, "runtime_folder": self.state_folder, "bundle": self.folder}
        try:
            found = load_policy(self.folder)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the start would say
            return DaemonOptions(
                policy=Policy(gateways=()), digest="", source="", pager=NO_FILE, refused=str(error), **made
            )
        return DaemonOptions(
            policy=found.policy, digest=found.digest, source="", pager=found.pager, loaded=found, **made
        )

    def book(self) -> Revisions:
        """Return a rule book as a daemon has it after its start."""
        options = rules_in_force(self.options(), self.state)
        return Revisions(options, lambda: self.state, self.adopted.append)
