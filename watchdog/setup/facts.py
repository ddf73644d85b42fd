"""What is known before anything is decided: values only.

Invariant: no field is a guess. What could not be found out is empty, and a judgement that needs it says so.
"""

from pathlib import Path

from watchdog.core.policy import GatewayPolicy, Policy
from watchdog.core.values import dataclass
from watchdog.setup.host import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFacts:
    """One unit as the service manager shows it. `shown` has its properties; dependencies are lists of unit names."""

    name: str
    shown: dict[str, str]
    program: str = ""
    argv: tuple[str, ...] = ()
    links: tuple[Path, ...] = ()
    """The unit's own enablement: links in *.wants, *.requires and *.upholds of /etc and /run."""

    def text(self, key: str) -> str:
        """Return one property, "" when unknown."""
        return self.shown.get(key, "")

    def names(self, key: str) -> tuple[str, ...]:
        """Return a list of units, gatedog's own left out."""
        return tuple(sorted(each for each in self.text(key).split() if not each.startswith("gatedog")))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """The machine. A version is 0 when the thing is not there; polkit's is 1 when it does not say.

    `systemd_runs` is false in a plain container.
    """

    systemd: int
    systemd_runs: bool
    polkit: int
    bus: bool
    program: Path
    runs: bool = False
    """gatedog.service runs already, for another gateway or from an earlier setup."""
    wrapper_free: bool = True
    """/usr/local/bin/gatedog is free, or ours: it may be made."""
    exposed: tuple[str, ...] = ()
    """Parts of gatedog's own program that somebody other than root can write, with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUnit:
    """A unit of that name in a user's service manager."""

    path: Path
    user: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One fixed command by which gatedog looks into a gateway: `[gateway.NAME.observe]` of the policy."""

    what: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the human asked for. Exactly one of `unit` and `command` is filled."""

    name: str
    unit: str = ""
    command: tuple[str, ...] = ()
    user: str = ""
    profile: str = ""
    port: int = 0
    """Where the gateway listens; 0: nobody said."""
    no_hardening: str = ""
    advisory: bool = False
    start: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All of it. `unit` is None for a unit that --command is to make; `policy` is None when no policy.toml is there."""

    wish: Wish
    host: HostFacts
    unit: UnitFacts | None
    agent: Account | None
    policy: Policy | None = None
    policy_text: bytes = b""
    environment: tuple[tuple[str, str], ...] = ()
    """Variables that the gateway's profile sets, sorted by name."""
    fresh_codes: bytes = b""
    """The file of new release codes, hashes only; empty where there are some already."""
    bundle_files: tuple[Path, ...] = ()
    """Other files in /etc/gatedog that the account gatedog must be able to read."""
    type_overruled: bool = False
    """An earlier setup wrote Type=simple over the unit's own Type=exec, which no longer shows."""
    earlier_observations: tuple[Path, ...] = ()
    """Folders of drop-ins that an earlier setup made for observations of this gateway."""
    user_units: tuple[UserUnit, ...] = ()
    exposed: tuple[str, ...] = ()
    """Parts of the gateway's unit and program that somebody other than root can write, with the reason."""
    taken: str = ""
    """The foreign file in the place of the unit that --command would make, or ""."""

    @property
    def ruled(self) -> GatewayPolicy | None:
        """The policy's section for this gateway, if there is one."""
        gateways = self.policy.gateways if self.policy is not None else ()
        return next((each for each in gateways if each.name == self.wish.name), None)

    @property
    def observations(self) -> tuple[Observation, ...]:
        """The looks into the gateway that its policy rules."""
        ruled = self.ruled.observe if self.ruled is not None else ()
        return tuple(Observation(what=what, argv=argv) for what, argv in ruled)

    @property
    def unit_name(self) -> str:
        """The unit that gatedog is to own."""
        return self.unit.name if self.unit is not None else self.wish.unit or f"{self.wish.name}.service"

    @property
    def stem(self) -> str:
        """The unit's name without its type."""
        return self.unit_name.removesuffix(".service")
