"""People who are far from any terminal of an owned host get through by the commands that gatedog printed for them.

Invariant: what a person types here was printed by gatedog just before, whole; only the name of a file's place and a
code from paper are a person's own. The remote host knows the machine by name, and its ssh knows who logs in there, as
everybody's does. The tests follow on each other's remains.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from machine import Machine
from machine_install import install_gatedog
from machine_sessions import KEY, RemoteHost, console
from owned_site import GATEWAY, NAME, OwnedSite, own

pytestmark = pytest.mark.system

DESK = "/root/desk"
"""Where the person on the remote host keeps files."""
SIGNER = "alice@ops"
SSH_CONFIG = f"""\
Host machine
    User alice
    IdentityFile {KEY}
    BatchMode yes
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
"""
LEFT = 'while ! test -e /srv/go; do sleep 0.1; done; gatedog restart openclaw -m left; echo "exit $?"'
"""What somebody leaves behind: it asks when they are gone."""


class Remote:
    """A person's own computer, from which they reach the machine."""

    def __init__(self, machine: Machine) -> None:
        self.host = RemoteHost(machine)
        self.host.authorize("alice")
        write = f"mkdir -p {DESK} && cd /root/.ssh && cat >config && chmod 600 config"
        self.host.run(["sh", "-c", write], input=SSH_CONFIG)

    def types(self, line: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        """Run a line in a shell there, without a terminal."""
        return self.host.run(["sh", "-c", f"cd {DESK}; {line}"], check=False, input=answer)

    def types_at_terminal(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line in a shell on a terminal there."""
        return self.host.run(["script", "-qec", line, "/dev/null"], check=False)

    def asks(self, line: str, user: str = "alice", answer: str = "") -> subprocess.CompletedProcess[str]:
        """Run a line on the machine as a tool would: over ssh, without a terminal."""
        return self.host.ssh(user, ["sh", "-c", line], tty=False, check=False, input=answer)


@pytest.fixture(scope="module")
def site(machines_possible: None, suite: str) -> Iterator[OwnedSite]:
    """Give an owned machine with an account for deploying."""
    with Machine(suite) as machine:
        install_gatedog(machine.boot())
        machine.add_user("deploy")
        with own(machine) as site:
            site.wait_for_new_life(site.kill())  # the first life that gatedog starts, so the first with the audit mark
            yield site


@pytest.fixture(scope="module")
def codes(site: OwnedSite) -> list[str]:
    """Make the release codes of this machine anew, and write them on paper."""
    made = site.run("gatedog setup codes --apply")
    return re.findall(r"^ +\d+  ([a-z0-9-]{20})$", made, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def remote(site: OwnedSite) -> Remote:
    """Give the remote host, whose key may sign."""
    remote = Remote(site.machine)
    public = remote.host.run(["cat", f"{KEY}.pub"]).stdout
    site.machine.write("/etc/gatedog/allowed_signers", f"{SIGNER} {public}", mode=0o640)
    site.run("chgrp gatedog /etc/gatedog/allowed_signers")
    site.adopt("allowed_signers")
    return remote


def ways(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the commands that a refusal names."""
    said = done.stdout + done.stderr
    assert done.returncode == 77, said
    return [line.strip() for line in re.findall(r"^ +next: (.*)$", said, flags=re.MULTILINE)]


def way(commands: list[str], words: str) -> str:
    """Return the first command with these words in it."""
    found = [each for each in commands if words in each]
    assert found, f"{words!r} is in none of {commands}"
    return found[0]


def newest(site: OwnedSite) -> dict[str, Any]:
    """Return the newest request, as everybody may list it."""
    requests: list[dict[str, Any]] = json.loads(site.run("gatedog requests list --json"))["requests"]
    return requests[0]


def from_inside(site: OwnedSite, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line inside the gateway, as its agent."""
    cgroup = f"/sys/fs/cgroup{site.machine.unit(GATEWAY)['ControlGroup']}/cgroup.procs"
    inside = (
        f"echo $$ >{cgroup}; exec setpriv --reuid openclaw --regid openclaw --clear-groups sh -c {shlex.quote(line)}"
    )
    return site.machine.run(["sh", "-c", inside], check=False)


def test_a_tool_without_a_terminal_is_refused_with_the_ways(site: OwnedSite, remote: Remote, codes: list[str]) -> None:
    """Over ssh without a terminal nobody is a person; the ways that would work are printed, and a human is told."""
    before = site.pid()
    commands = ways(remote.asks(f"gatedog restart {NAME} -m 'new configuration'"))
    request = newest(site)

    assert len(codes) == 10
    assert [each.partition(" ")[0] for each in commands] == [
        "gatedog",
        "ssh",
        "printf",
        "gatedog",
        "ssh",
        "gatedog",
        "gatedog",
    ]
    assert (request["origin_rule"], request["outcome"]) == ("origin.no-tty", "refused")
    assert "login" in request["trail"]
    assert "from 10.11.12.2" in request["trail"]
    assert "no terminal" in request["trail"]
    page = site.wait_for_page("somebody unknown asked for restart")
    assert page["next_command"] == f"gatedog grant {request['request']}"
    assert site.pid() == before


def test_the_printed_ssh_line_is_accepted_from_a_terminal(site: OwnedSite, remote: Remote) -> None:
    """Typed as it stands on the remote host, it is a login with a terminal from another host: a person."""
    commands = ways(remote.asks(f"gatedog restart {NAME}"))
    before = site.pid()
    done = remote.types_at_terminal(way(commands, "ssh -t machine"))

    assert done.returncode == 0, done.stdout
    site.wait_for_new_life(before)
    assert newest(site)["origin"] == "human"


def test_a_signed_challenge_is_accepted_once(site: OwnedSite, remote: Remote) -> None:
    """Signed where the key is, handed in without a terminal, by two printed lines; the same again is not."""
    commands = ways(remote.asks(f"gatedog restart {NAME}"))
    before = site.pid()
    signed = remote.types(way(commands, "ssh-keygen -Y sign"))
    answer = way(commands, "ssh -T machine")
    done = remote.types(answer)
    request = newest(site)
    site.wait_for_new_life(before)
    again = remote.types(answer)

    assert signed.returncode == 0, signed.stderr
    assert done.returncode == 0, done.stderr
    assert (request["origin"], request["origin_rule"]) == ("human", "origin.signature")
    assert again.returncode == 77
    assert "signature.replayed" in again.stderr


def test_a_challenge_outlives_the_daemon(site: OwnedSite, remote: Remote) -> None:
    """When gatedog is killed between challenge and answer, the answer still counts: challenges are journaled."""
    commands = ways(remote.asks(f"gatedog restart {NAME}"))
    killed = site.pid("gatedog.service")
    site.run(f"kill -9 {killed}")
    site.machine.wait_for(lambda: site.pid("gatedog.service") not in (0, killed), "the next gatedog")
    site.wait_until(phase="up", ready=True)
    before = site.pid()
    remote.types(way(commands, "ssh-keygen -Y sign"))
    done = remote.types(way(commands, "ssh -T machine"))

    assert done.returncode == 0, done.stderr
    site.wait_for_new_life(before)


def test_a_release_code_is_accepted_once_and_told(site: OwnedSite, remote: Remote, codes: list[str]) -> None:
    """Typed into the printed command, without a terminal; the same code again is refused."""
    commands = ways(remote.asks(f"gatedog restart {NAME}"))
    before = site.pid()
    done = remote.asks(way(commands, "--code -"), answer=f"{codes[2]}\n")
    site.wait_for_new_life(before)
    again = remote.asks(way(commands, "--code -"), answer=f"{codes[2]}\n")

    assert done.returncode == 0, done.stderr
    assert again.returncode == 77
    assert "code.used-before" in again.stderr
    site.wait_for_page("release code 3 was used for restart")
    for place in ("journalctl --no-pager", "cat /var/lib/gatedog/*", "gatedog events --json -n 500"):
        assert codes[2].replace("-", "") not in site.run(place).replace("-", "")


def test_a_permit_lets_the_deploy_account_restart_as_often_as_said(site: OwnedSite, remote: Remote) -> None:
    """A person at a remote terminal permits two restarts; the third is refused."""
    assert remote.asks(f"gatedog restart {NAME}", user="deploy").returncode == 77
    said = site.human.run(f"gatedog permit {NAME} --for 30m --starts 2 --user deploy -m 'release tonight'")
    assert said.returncode == 0, said.stdout
    for _ in range(2):
        before = site.pid()
        done = remote.asks(f"gatedog restart {NAME} -m v2", user="deploy")
        assert done.returncode == 0, done.stderr
        site.wait_for_new_life(before)

    assert remote.asks(f"gatedog restart {NAME} -m v3", user="deploy").returncode == 77


def test_a_person_grants_what_a_tool_was_refused(site: OwnedSite, remote: Remote) -> None:
    """By the command that the refusal, the page and the list of requests print."""
    commands = ways(remote.asks(f"gatedog restart {NAME} -m deploy", user="deploy"))
    before = site.pid()
    done = site.human.run(f"eval {shlex.quote(way(commands, 'gatedog grant'))}")  # it ends with a comment

    assert done.returncode == 0, done.stdout
    site.wait_for_new_life(before)
    assert newest(site)["verb"] == "grant"


@pytest.mark.parametrize("how", ["nohup", "tmux"])
def test_what_a_person_left_behind_is_no_person(site: OwnedSite, remote: Remote, how: str) -> None:
    """After logout, a job under nohup or in tmux is refused, with the ways out."""
    before = site.pid()
    out = f"/home/alice/{how}.out"
    site.machine.write("/srv/left.sh", LEFT)
    site.run("rm -f /srv/go")
    start = {
        "nohup": f"{{ nohup sh /srv/left.sh >{out} 2>&1 & }}",
        "tmux": f"tmux new-session -d 'sh /srv/left.sh >{out} 2>&1'",
    }
    with remote.host.terminal("alice") as terminal:
        session = terminal.run("cut -d: -f3 /proc/self/cgroup").stdout.strip().rpartition("/")[2]
        terminal.run(start[how])
    sessions = f"loginctl show-session -p State {session.removeprefix('session-').removesuffix('.scope')}"
    site.machine.wait_for(lambda: "closing" in site.run(sessions), f"{session} to close")
    site.run("touch /srv/go")
    said = site.machine.wait_for(lambda: "exit" in (said := site.run(f"cat {out}")) and said, "the job to ask")

    assert "exit 77" in said, said
    assert "ssh -t machine" in said
    assert newest(site)["origin"] != "human"
    assert site.pid() == before


def test_an_agent_with_a_persons_signature_or_code_is_told_apart(
    site: OwnedSite, remote: Remote, codes: list[str]
) -> None:
    """From inside the gateway both are refused by their own rules, are spent, and a human hears that they are held."""
    site.forget_pages()
    before = site.pid()
    commands = ways(remote.asks(f"gatedog restart {NAME}"))
    remote.types(way(commands, "ssh-keygen -Y sign"))
    file = re.findall(r"REQ-\d+\.sig", " ".join(commands))[0]
    site.machine.write("/srv/stolen.sig", remote.types(f"cat {file}").stdout, mode=0o644)
    signed = from_inside(site, f"gatedog restart {NAME} --signature /srv/stolen.sig")
    coded = from_inside(site, f"echo {codes[7]} | gatedog restart {NAME} --code -")
    too_late = remote.types(way(commands, "ssh -T machine"))

    assert "signature.agent-held" in signed.stderr
    assert "code.agent-held" in coded.stderr
    assert "signature.replayed" in too_late.stderr
    assert site.pid() == before
    page = site.wait_for_page("its own agent holds a signature")
    assert "grant" not in page["next_command"]
    page = site.wait_for_page("its own agent holds a release code")
    assert "gatedog setup codes --apply" in page["next_command"]


def test_whoami_names_the_verdict_of_each_place(site: OwnedSite, remote: Remote) -> None:
    """An account is a person at a terminal of a login from afar, and nobody elsewhere; the agent is the agent."""
    with console(site.machine, "alice") as at_no_console:
        said = {
            "terminal": site.human.run("gatedog whoami --json").stdout,
            "printed": remote.types_at_terminal("ssh -t machine 'gatedog whoami --json'").stdout,
            "pseudo-terminal": at_no_console.run("gatedog whoami --json").stdout,
            "tool": remote.asks("gatedog whoami --json").stdout,
            "agent": from_inside(site, "gatedog whoami --json").stdout,
            "unit": site.machine.run_in_unit(["gatedog", "whoami", "--json"], check=False).stdout,
        }
    found = {
        place: json.loads(text[text.index("{") :])["who"] for place, text in said.items()
    }  # after a terminal's own

    assert {place: (who["origin"], who["rule"]) for place, who in found.items()} == {
        "terminal": ("human", "origin.remote-login"),
        "printed": ("human", "origin.remote-login"),
        "pseudo-terminal": ("unknown", "origin.no-login"),
        "tool": ("unknown", "origin.no-tty"),
        "agent": ("supervised", "origin.in-gateway"),
        "unit": ("scheduled", "origin.scheduler"),
    }
