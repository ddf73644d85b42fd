"""All looks at one gateway in one: a host's files -> facts.

Meant for root with nothing but CAP_DAC_READ_SEARCH, in a unit of its own without a network. Invariant: it writes
nothing, executes nothing and asks nobody; the same tree gives the same checks.
"""

from watchdog.core.rival import Rival
from watchdog.origin.enforcing.accounts import Account, find_account, other_sources
from watchdog.origin.enforcing.companions import check_account, check_alone
from watchdog.origin.enforcing.engines import check_engines, check_groups
from watchdog.origin.enforcing.files import check_program, check_unit_files
from watchdog.origin.enforcing.judgement import Check, Condition, Facts, checked
from watchdog.origin.enforcing.logins import check_login
from watchdog.origin.enforcing.polkitrules import check_polkit
from watchdog.origin.enforcing.sudoers import check_sudo
from watchdog.origin.host import Host
from watchdog.origin.unitfiles import UnitFile, UnitTree

OWN_USERS = frozenset({"gatedog"})


def inspect_gateway(
    host: Host, gateway: str, unit_name: str, *, boot: str, uptime_usec: int, wall_usec: int,
    rivals: tuple[Rival, ...] = (), own_users: frozenset[str] = OWN_USERS,
) -> Facts:  # fmt: skip
    """Look at everything. Never raises OSError: what could not be looked at is part of the facts."""
    user, uid = "", None
    checks: tuple[Check, ...]
    try:
        tree = UnitTree(host)
        unit = tree.load(unit_name)
    except OSError as error:
        checks = (_account_unread(f"unit files ({error.strerror or error})"),)
    else:
        if unit is None or unit.masked:
            checks = (_account_unread(f"{unit_name}: there is no such unit file, or it is masked"),)
        else:
            user, uid, checks = _look(host, tree, unit, own_users)
    return Facts(
        gateway=gateway,
        unit=unit_name,
        boot=boot,
        uptime_usec=uptime_usec,
        wall_usec=wall_usec,
        user=user,
        uid=uid,
        checks=checks,
        rivals=rivals,
    )


def _look(
    host: Host, tree: UnitTree, unit: UnitFile, own_users: frozenset[str]
) -> tuple[str, int | None, tuple[Check, ...]]:
    named = unit.expanded(unit.last("User"))
    try:
        if unit.last("DynamicUser").lower() in ("1", "yes", "true", "on"):
            return named, None, (_account_unread("the unit's user is a dynamic one (DynamicUser=)"),)
        account = find_account(host, named or "root", _unit_groups(unit))
        foreign = other_sources(host, "passwd")
    except OSError as error:
        return named, None, (_account_unread(f"accounts ({error.strerror or error})"),)
    if account is None:
        elsewhere = f"; {', '.join(foreign)} may know it, and is not asked" if foreign else ""
        return named, None, (_account_unread(f"the user {named} is not in /etc/passwd{elsewhere}"),)
    return account.name, account.uid, _checks(host, tree, unit, account, own_users)


def _checks(
    host: Host, tree: UnitTree, unit: UnitFile, account: Account, own_users: frozenset[str]
) -> tuple[Check, ...]:
    if account.uid == 0:
        return (check_account(host, unit, account, own_users),)
    return (
        check_account(host, unit, account, own_users),
        check_groups(host, account),
        check_sudo(host, account),
        check_polkit(host, account),
        check_engines(host, account),
        check_unit_files(host, unit, account),
        check_program(host, unit, account),
        check_alone(host, tree, unit, account),
        check_login(host, account),
    )


def _unit_groups(unit: UnitFile) -> tuple[str, ...]:
    groups = (unit.last("Group"), *(word for value in unit.all("SupplementaryGroups") for word in value.split()))
    return tuple(unit.expanded(group) for group in groups if group)


def _account_unread(what: str) -> Check:
    return checked(Condition.ACCOUNT, [], [what])
