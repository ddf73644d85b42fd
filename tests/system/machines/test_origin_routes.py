"""Who asks, on a real systemd: an agent by every route in routes.py, and people by theirs; on newer and older kernels.

GATEDOG_ROUTES_REPORT=FILE writes what was seen into that file, for docs/draw_security.py: python -m pytest
tests/system/machines/test_origin_routes.py.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine_sessions import RemoteHost, console
from owned_site import NAME
from routes import ROUTES, routes_of
from routes_site import RoutesSite, Verdict, agent_at_large

pytestmark = pytest.mark.system

REPORT = "GATEDOG_ROUTES_REPORT"
ASK = f"gatedog restart {NAME} -m"


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[RoutesSite]:
    """Give an owned machine whose agent may do nearly everything."""
    with agent_at_large(suite) as made:
        yield made


@pytest.fixture(scope="module", params=["newer", "older"])
def kernel(request: pytest.FixtureRequest, site: RoutesSite) -> str:
    """Look with all that this kernel tells, then without what older ones do not."""
    name: str = request.param
    if name == "older":
        site.forget_newer_kernels()
    return name


@pytest.fixture(scope="module")
def verdicts(site: RoutesSite, kernel: str, suite: str) -> dict[str, Verdict]:
    """Let the agent ask by every route."""
    before = site.site.pid()
    found = site.take(routes_of(suite), kernel)
    assert site.site.pid() == before, "the gateway was restarted"
    if REPORT in os.environ:
        report = Path(os.environ[REPORT])
        seen = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
        seen.setdefault(suite, {})[kernel] = {name: f"{each.origin} {each.rule}" for name, each in found.items()}
        report.write_text(json.dumps(seen, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return found


def asked(site: RoutesSite, kernel: str, name: str) -> Verdict:
    """Return what somebody who asked for this reason was taken for."""
    return site.verdicts(kernel)[name]


def test_a_person_on_another_host_restarts_it(site: RoutesSite, kernel: str) -> None:
    """A login over ssh from elsewhere with a terminal is a person, as themselves, with sudo, and as root."""
    for name, line in (
        ("person", "{ask}"),
        ("person-sudo", "sudo {ask}"),
        ("person-sudo-i", "sudo -i {ask}"),
        ("person-su", "sudo su - -c '{ask}'"),
    ):
        before = site.site.pid()
        done = site.site.human.run(line.format(ask=f'{ASK} "{kernel} {name}"'))
        found = asked(site, kernel, name)

        assert (done.returncode, found.origin, found.rule) == (0, "human", "origin.remote-login"), done.stdout
        site.site.wait_for_new_life(before)


@pytest.mark.parametrize("multiplexer", ["tmux -L {0} new-session -d '{1}'", "screen -dmS {0} sh -c '{1}'"])
def test_a_person_in_a_multiplexer_counts_while_the_login_lasts(
    site: RoutesSite, kernel: str, multiplexer: str
) -> None:
    """What runs in tmux or screen belongs to the login that started it: while that lives, and not after it."""
    program = multiplexer.split(maxsplit=1)[0]
    during, after, before = f"during-{program}", f"after-{program}", site.site.pid()
    wait = f"until [ -e /srv/{kernel}-{after} ]; do sleep 0.1; done"
    with RemoteHost(site.machine).terminal("alice") as terminal:
        told = f'{ASK} "{kernel} {during}"; {wait}; {ASK} "{kernel} {after}"'
        site.machine.write(f"/srv/{during}.sh", told)
        terminal.run(multiplexer.format(f"{kernel}-{program}", f"sh /srv/{during}.sh"))
        site.machine.wait_for(lambda: during in site.verdicts(kernel), "the request during the login")
        site.site.wait_for_new_life(before)
    site.machine.wait_for(lambda: "closing" in sessions_of(site), "the end of the login")
    site.machine.write(f"/srv/{kernel}-{after}", "")
    site.machine.wait_for(lambda: after in site.verdicts(kernel), "the request after the login")
    found, late = asked(site, kernel, during), asked(site, kernel, after)
    site.machine.run(["sh", "-c", f"pkill -u alice -f {during}; pkill -u alice {program}; true"])

    assert (found.origin, found.rule) == ("human", "origin.remote-login")
    assert (late.origin, late.rule, late.outcome) == ("unknown", "origin.login-over", "refused")


def sessions_of(site: RoutesSite) -> str:
    """Return the states of all logins."""
    return site.machine.run(["sh", "-c", "find /run/systemd/sessions -type f | xargs grep -h ^STATE="]).stdout


def test_a_person_without_a_terminal_is_told_what_would_do(site: RoutesSite, kernel: str) -> None:
    """A command over ssh looks like any script's; the refusal names the ways that work from there."""
    far = RemoteHost(site.machine)
    done = far.ssh("alice", ["gatedog", "restart", NAME, "-m", f"{kernel} no-terminal"], tty=False, check=False)
    found = asked(site, kernel, "no-terminal")

    assert (done.returncode, found.origin, found.rule) == (77, "unknown", "origin.no-tty")
    assert "ssh -t" in done.stderr
    assert "gatedog grant" in done.stderr


def test_a_login_on_a_pseudo_terminal_is_no_console(site: RoutesSite, kernel: str) -> None:
    """Anybody with root can run login on a pty; such a person is told what would do."""
    with console(site.machine, "alice") as terminal:
        done = terminal.run(f'{ASK} "{kernel} pty-login"')
    found = asked(site, kernel, "pty-login")

    assert (done.returncode, found.origin, found.rule) == (77, "unknown", "origin.no-login")
    assert "next: " in done.stdout


def test_what_a_former_life_left_behind_is_still_known(site: RoutesSite, kernel: str) -> None:
    """A process that left the cgroup, and outlived its life and gatedog's own, bears the audit session of that life."""
    name, go = f"left-{kernel}", f"/srv/go-{kernel}"
    wait = f"mkdir -p /sys/fs/cgroup/{name}; echo 0 >/sys/fs/cgroup/{name}/cgroup.procs; touch {go}.there; "
    wait += f"until [ -e {go} ]; do sleep 0.1; done; ask left-behind"
    site.order({name: f"sudo setsid -f sh -c '{wait}' >/dev/null 2>&1"})
    site.machine.write("/srv/phase", kernel)
    site.machine.wait_for(lambda: site.machine.run(["ls", f"{go}.there"], check=False).returncode == 0, "it to leave")
    site.site.wait_for_new_life(site.site.kill())
    site.machine.run(["systemctl", "restart", "gatedog.service"])
    site.site.wait_until(phase="up", ready=True)
    site.machine.write(go, "")
    site.machine.wait_for(lambda: "left-behind" in site.verdicts(kernel), "its request")

    assert asked(site, kernel, "left-behind").rule == "origin.in-gateway"


def test_no_agent_is_taken_for_a_person(verdicts: dict[str, Verdict]) -> None:
    """By none of its routes."""
    assert len(verdicts) >= 45
    assert {name: found for name, found in verdicts.items() if found.origin == "human"} == {}
    assert {found.outcome for found in verdicts.values()} == {"refused"}


def test_every_route_is_answered_and_taken_for_what_it_is(
    site: RoutesSite, verdicts: dict[str, Verdict], suite: str
) -> None:
    """Each request arrived, and the table says what of."""
    missing = {route.id: site.said(route.id) for route in routes_of(suite) if route.id not in verdicts}
    answered = [route for route in ROUTES if route.id in verdicts]
    other = {route.id: verdicts[route.id] for route in answered if verdicts[route.id].origin not in route.verdicts}

    assert missing == {}
    assert other == {}


def test_the_evidence_says_on_what_it_rests(verdicts: dict[str, Verdict], kernel: str) -> None:
    """Whoever reads the record sees that an older kernel was pretended, which only gatedog's own unit can ask for."""
    forced = {name for name, found in verdicts.items() if "GATEDOG_KERNEL" in found.sure}

    assert forced == (set(verdicts) if kernel == "older" else set())


def test_people_are_told_of_the_attempts(site: RoutesSite, verdicts: dict[str, Verdict]) -> None:
    """Refused requests reach the phone, merged: a hundred requests are not a hundred pages."""
    told = [title for title in site.site.titles() if "refused" in title]

    assert verdicts
    assert 0 < len(told) < len(ROUTES)
