"""Another version of gatedog installed over the one that runs, and back: the gateway and its past are not lost."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from machine import Machine
from machine_install import Edits, install_gatedog, replace_gatedog
from owned_site import NAME, POLICY, OwnedSite, own

from watchdog import __version__

pytestmark = pytest.mark.system

NEXT = f"{__version__}.post1"
NEXT_VERSION: Edits = (
    ("watchdog/__init__.py", f'__version__ = "{__version__}"', f'__version__ = "{NEXT}"'),
    # What a next version may do by the rules of the journal's format: more fields, each with a default.
    (
        "watchdog/core/events.py",
        "    version: str\n    rules: int\n",
        '    version: str\n    rules: int\n    built: str = ""\n',
    ),
    (
        "watchdog/core/state.py",
        '    hold_because: str = ""\n',
        '    hold_because: str = ""\n    hold_seen: bool = False\n',
    ),
    ("watchdog/daemon/wiring.py", "rules=RULES_VERSION)))", 'rules=RULES_VERSION, built="tomorrow")))'),
    ("watchdog/core/restart.py", "hold_rule=rule, hold_because", "hold_rule=rule, hold_seen=True, hold_because"),
)
PATIENT = f"""{POLICY}stable_after = "3s"
[gateway.openclaw.spiral]
page_at = 90
identical_page_at = 90
hold_below = "1ms"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One way to change the version."""

    edits: Edits
    before: str
    after: str


CHANGES = (
    Change(edits=NEXT_VERSION, before=__version__, after=NEXT),
    Change(edits=(), before=NEXT, after=__version__),
)


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[OwnedSite]:
    """Give a machine, set up and watched, whose gateway has been started by gatedog once: a life that is charged."""
    with Machine(suite) as machine:
        install_gatedog(machine.boot())
        with own(machine, PATIENT) as site:
            site.wait_for_new_life(site.kill())
            yield site


@pytest.mark.parametrize("change", CHANGES, ids=["upgrade", "downgrade"], scope="module")
class TestChange:
    """Upgraded first, and downgraded again on what that left."""

    def test_installed_and_not_restarted(self, site: OwnedSite, change: Change) -> None:
        """Between the two steps the old version works on, and status and doctor say what is missing."""
        since = site.run("date '+%F %T'").strip()
        replace_gatedog(site.machine, change.edits)

        assert site.run("gatedog version").strip() == f"gatedog {change.after}"
        assert site.daemon_version() == change.before
        said = [" ".join(site.run(f"gatedog {verb}").split()) for verb in ("status", "doctor")]
        assert f"installed is {change.after}: sudo systemctl restart gatedog" in said[0]
        assert f"runs version {change.before}; installed is {change.after}" in said[1]
        site.run("systemctl start gatedog-inspect.service")
        assert "Traceback" not in site.run(f"journalctl -u gatedog.service --since '{since}' -o cat")

    def test_restarted_with_a_page_under_way(self, site: OwnedSite, change: Change) -> None:
        """The gateway is not touched, what was charged and decided stands, and the page arrives once, afterwards."""
        site.run("systemctl stop phone.service")
        site.forget_pages()
        done = site.human.run(f"gatedog hold {NAME} -m 'until {change.after} runs'")
        assert done.returncode == 0, done.stdout
        tested = site.human.run("gatedog page test")
        assert tested.returncode == 0, tested.stdout
        site.machine.wait_for(lambda: "outbox 0" not in site.run("gatedog status"), "a page that nobody takes")
        before, pid, began = site.remembered(), site.pid(), site.began()
        site.run("systemctl restart gatedog.service")
        site.wait_until(phase="up", pid=pid, hold="held")
        after = site.remembered()
        site.run("systemctl start phone.service")
        site.machine.wait_for(lambda: "outbox 0" in site.run("gatedog status"), "the page to arrive", 120)

        assert (site.pid(), site.began()) == (pid, began)
        assert site.daemon_version() == change.after
        assert after == before
        assert len(site.pages()) == len({page["idempotency_key"] for page in site.pages()}) > 0, site.pages()

    def test_what_is_held_stays_down(self, site: OwnedSite, change: Change) -> None:
        """The version that runs now sees the next death, keeps to the other's hold, and starts after a release."""
        used = site.used()
        site.kill()
        site.wait_until(phase="held", hold="held")
        assert site.pid() == 0
        done = site.human.run(f"gatedog release {NAME} -m '{change.after} runs'")
        assert done.returncode == 0, done.stdout
        site.wait_until(phase="up", ready=True, hold="free")

        assert site.used() == used

    def test_the_next_death_is_charged(self, site: OwnedSite, change: Change) -> None:
        """One death, one start, one charge, and the whole journal of both versions is sound."""
        used = site.used()
        site.wait_for_new_life(site.kill())

        assert site.used() == used + 1
        assert site.run("gatedog journal verify").startswith("OK")
