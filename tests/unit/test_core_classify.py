"""What the gate takes an action for: tables of commands and paths, and the property that wrapping hides nothing."""

import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judging import BOOK, DESTABILISING, MILD, OBSERVE, OWN, REFUSED, REVERSIBLE, UNKNOWN, judged, word

from watchdog.core.action import ActionRule
from watchdog.core.classify import Rulebook, judge_action
from watchdog.core.effect import Effect
from watchdog.core.enclosure import ActionOffered
from watchdog.core.gaterules import SHIPPED

ARGV = {
    # what only looks
    "ls -la": OBSERVE,
    "/usr/bin/ls -la": OBSERVE,
    "nice -n 5 ls": OBSERVE,
    "sudo ls /root": OBSERVE,
    "env LANG=C ls": OBSERVE,
    "timeout 10 cat notes.txt": OBSERVE,
    "grep -rn 'systemctl restart main' docs": OBSERVE,
    "cat /etc/gatedog/policy.toml": OBSERVE,
    "git log --oneline -n 5": OBSERVE,
    "git --no-pager diff --stat": OBSERVE,
    "systemctl status main.service": OBSERVE,
    "systemctl --user --no-pager list-timers": OBSERVE,
    "journalctl -u main -n 50 --no-pager": OBSERVE,
    "find . -name '*.py' -type f": OBSERVE,
    "sort -rn sizes": OBSERVE,
    "apt list --installed": OBSERVE,
    "ip -br addr show": OBSERVE,
    "test -f notes.txt": OBSERVE,
    "[ -d drafts ]": OBSERVE,
    "gatedog status --json": OBSERVE,
    # what can be undone
    "mkdir -p drafts/new": REVERSIBLE,
    "touch notes.txt": REVERSIBLE,
    "cp -r a b": REVERSIBLE,
    "tee out.txt": REVERSIBLE,
    'gatedog ask restart --reason "I leak"': REVERSIBLE,
    # what nobody vouches for
    "": UNKNOWN,
    "frobnicate --all": UNKNOWN,
    "rm -rf drafts": UNKNOWN,
    "python3 fix.py": UNKNOWN,
    "curl http://127.0.0.1/": UNKNOWN,
    "/srv/odd/ls": UNKNOWN,
    "./ls": UNKNOWN,
    "bin/cat notes": UNKNOWN,
    "env PATH=/tmp ls": UNKNOWN,
    "env LD_PRELOAD=./x.so ls": UNKNOWN,
    "sudo --weird ls": UNKNOWN,
    "sudo touch notes.txt": UNKNOWN,
    "chroot /srv ls": UNKNOWN,
    "unshare -U -r ls": UNKNOWN,
    "sort -o out in": UNKNOWN,
    "sort --compress-program=./x in": UNKNOWN,
    "uniq in out": UNKNOWN,
    "git log --output=out": UNKNOWN,
    "git -C status fetch": UNKNOWN,
    "git -c core.pager=./x log": UNKNOWN,
    "npm --depth view publish": UNKNOWN,
    "ip route del default": UNKNOWN,
    "find . -delete": UNKNOWN,
    "rg --pre ./x word": UNKNOWN,
    "journalctl --vacuum-size=1M": UNKNOWN,
    "date -s 12:00": UNKNOWN,
    "hostname elsewhere": UNKNOWN,
    "mv /var/lib /tmp/elsewhere": UNKNOWN,
    "cp -r payload /home/agent": UNKNOWN,
    "gatedog policy commit 3": UNKNOWN,
    "gatedog --socket ask restart main": UNKNOWN,
    "npm view left-pad": UNKNOWN,  # runs the `git=` of ./.npmrc
    "pip list": UNKNOWN,  # runs usercustomize.py of the agent's home
    "gem list": UNKNOWN,
    "printf x": UNKNOWN,  # `%n` and `-v` write a variable
    "test -v 'a[$(systemctl restart main)]'": UNKNOWN,
    "[ -v 'a[$(systemctl restart main)]' ]": UNKNOWN,
    "[ 1 -eq 1 ]": UNKNOWN,
    "zsh -c ls": UNKNOWN,
    "ksh -c ls": UNKNOWN,
    "su -c ls": UNKNOWN,  # of two lines it runs the last, in a shell that another option names
    "su -c ls -c 'systemctl restart main' root": UNKNOWN,
    "su -s /srv/odd/sh -c ls root": UNKNOWN,
    "runuser -s /srv/odd/sh -c ls": UNKNOWN,
    "ln -s ../etc/cron.d/x /tmp/job": UNKNOWN,
    "cp -s notes.txt link": UNKNOWN,
    "env -C .. touch x": UNKNOWN,
    "mv /home/agent/.config /tmp/elsewhere": UNKNOWN,
    # what may upset the host or what runs on it
    "systemctl restart nginx": DESTABILISING,
    "systemctl -p status restart nginx": DESTABILISING,
    "systemctl daemon-reload": DESTABILISING,
    "systemctl reboot": DESTABILISING,
    "/srv/odd/systemctl restart nginx": DESTABILISING,
    "reboot": DESTABILISING,
    "kill 99": DESTABILISING,
    "pkill -f something": DESTABILISING,
    "xargs kill": DESTABILISING,
    "find . -exec kill 99 {} +": DESTABILISING,
    "crontab -": DESTABILISING,
    "at now": DESTABILISING,
    "systemd-run --on-active=1 true": DESTABILISING,
    "apt-get -y install nginx": DESTABILISING,
    "npm install -g openclaw": DESTABILISING,
    "python3 -m pip install requests": DESTABILISING,
    "docker restart main": DESTABILISING,
    "sysctl -w kernel.panic=1": DESTABILISING,
    "cp job /etc/cron.d/job": DESTABILISING,
    "tee /etc/systemd/system/other.service": DESTABILISING,
    "ln -s x /home/agent/.config/systemd/user/x.timer": DESTABILISING,
    "mkdir ../../../etc/cron.d/x": DESTABILISING,
    "cp x /home/agent/./a/../.ssh/authorized_keys": DESTABILISING,
    "touch /home/agent/work/.git/hooks/pre-commit": DESTABILISING,
    "sed -i s/a/b/ /srv/claw/dist/main.js": DESTABILISING,
    "cp evil /home/agent/.local/bin/ls": DESTABILISING,
    "cp evil /home/agent/.local/lib/python3.11/site-packages/usercustomize.py": DESTABILISING,
    "tee /home/agent/.config/git/config": DESTABILISING,
    "tee odd/HEAD": DESTABILISING,
    "tee .gitmodules": DESTABILISING,
    "cp key /var/lib/agent/.ssh/authorized_keys": DESTABILISING,
    "cp x /srv/agent/.config/systemd/user/x.service": DESTABILISING,
    "cp key /data/agents/one/.ssh/authorized_keys": DESTABILISING,
    "mv /run/user/1000/bus /tmp/b": DESTABILISING,
    "tee /etc/systemd/system/main.service.d/x.conf": DESTABILISING,
    # the gateway's own lifecycle, and gatedog
    "systemctl restart main": REFUSED,
    "systemctl --user stop main.service": REFUSED,
    "service main restart": REFUSED,
    "kill 4711": REFUSED,
    "kill -9 4711": REFUSED,
    "kill -- -4711": REFUSED,
    "kill -9 -1": REFUSED,
    "pkill claw.mjs": REFUSED,
    "busctl call org.freedesktop.systemd1 / m.Manager RestartUnit ss main.service replace": REFUSED,
    "gatedog restart main": REFUSED,
    "gatedog release main -m why": REFUSED,
    "systemctl stop gatedog.service": REFUSED,
    "pkill gatedog": REFUSED,
    "apt-get remove gatedog": REFUSED,
    "tee /etc/gatedog/policy.toml": REFUSED,
    "cp x /etc/systemd/system/gatedog.service.d/y.conf": REFUSED,
    "mv /var/lib/gatedog /tmp/gone": REFUSED,
}

PATHS = {
    "notes.txt": REVERSIBLE,
    "/home/agent/work/a/../b": REVERSIBLE,
    "/dev/null": "reversible",
    "/home/agent/work/../../../etc/gatedog/policy.toml": REFUSED,
    "/run/gatedog/control.sock": REFUSED,
    "/home/agent/.config/gatedog/policy.toml": REFUSED,
    "/etc/systemd/system/multi-user.target.wants/gatedog.service": REFUSED,
    "/etc/systemd/system/main.service": DESTABILISING,
    "/home/agent/.config/systemd/user/x.timer": DESTABILISING,
    "/var/spool/cron/crontabs/agent": DESTABILISING,
    "/srv/claw/dist/gateway.js": DESTABILISING,
    "/usr/bin/node": DESTABILISING,
    "/proc/sysrq-trigger": DESTABILISING,
    "/var": UNKNOWN,
    "": UNKNOWN,
}

WRAPPERS = (
    "sudo", "sudo -n -u root", "env A=b", "env -i", "nice -n 5", "nohup", "timeout 5", "timeout -k 1 5", "setsid -f",
    "stdbuf -oL", "ionice -c 3", "doas", "pkexec", "xargs", "sudo --odd", "env -S", "/srv/odd/env", "busybox", "time",
    "flock /tmp/lock", "unshare -r", "nsenter -t 1 -a", "chroot /", "setpriv --reuid=0", "exec", "watch -n 1", "strace",
    "sh -c", "bash -lc", "su - alice -c", "script -qec", "runuser -l alice -c", "sh", "python3", "find . -exec",
)  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), ARGV.items())
def test_an_argv_is_what_it_would_run(line: str, expected: str) -> None:
    """Each command is taken for what it is, and for unknown when nobody vouches for it."""
    assert word(judged(shlex.split(line))) == expected


@pytest.mark.parametrize(("path", "expected"), PATHS.items())
def test_a_path_is_where_it_really_leads(path: str, expected: str) -> None:
    """What is written is judged by its whole path, dots taken out."""
    assert word(judged([], path, action="write")) == expected


@pytest.mark.parametrize("directory", ["", "work"])
def test_what_is_written_nobody_knows_where_is_unknown(directory: str) -> None:
    """Without the folder that it is done in, a relative path may be any; a whole one is what it is."""
    for argv, path in ((("touch", "x"), ""), ((), "x"), (("sh", "-c", "cd deeper; echo x >y"), "")):
        paths = (path,) if path else ()
        offered = ActionOffered(action="write", argv=argv, paths=paths, directory=directory)
        assert word(judge_action(offered, BOOK)) == UNKNOWN
    whole = ActionOffered(action="exec", argv=("touch", "/home/agent/work/x"), directory=directory)
    assert word(judge_action(whole, BOOK)) == REVERSIBLE


def test_writing_makes_looking_more_than_looking() -> None:
    """A tool that says it reads, and names what it would write, is judged as a writer."""
    assert word(judged(["ls"], "notes.txt")) == REVERSIBLE
    assert word(judged([], "/etc/gatedog/policy.toml", action="read")) == REFUSED


@pytest.mark.parametrize(
    ("action", "expected"),
    [("read", OBSERVE), ("edit", REVERSIBLE), ("cron", DESTABILISING), ("restart", REFUSED), ("dream", UNKNOWN)],
)
def test_a_tool_without_a_command_is_judged_by_its_name(action: str, expected: str) -> None:
    """The runtime's own word is all there is to go by."""
    assert word(judged([], action=action)) == expected


def test_a_command_is_not_made_harmless_by_the_name_of_its_tool() -> None:
    """Who says "read" and would run a restart is judged by the restart; who says "cron" is judged by that."""
    assert word(judged(["systemctl", "restart", "main"], action="read")) == REFUSED
    assert word(judged(["ls"], action="cron")) == DESTABILISING


# -- what a human adds ---------------------------------------------------------------------------------------------


def with_rule(**fields: Any) -> Rulebook:
    """Return the shipped rules and one of a human's."""
    rule = ActionRule(name="mine", **fields)
    return Rulebook(shipped=SHIPPED, human=(rule,), own=OWN)


def test_a_rule_of_a_human_makes_stricter() -> None:
    """What the shipped rules let through waits for a person, or is refused."""
    asks = with_rule(effect=Effect.DESTABILISING, programs=("git",))
    refuses = with_rule(effect=Effect.DESTABILISING, refuse=True, paths=("/home/agent/work/keep",))

    assert word(judged(["git", "status"], book=asks)) == DESTABILISING
    assert word(judged(["touch", "keep/x"], book=refuses)) == REFUSED


def test_a_rule_makes_milder_only_when_it_says_so() -> None:
    """Without `lenient` an unknown program stays unknown."""
    fields = {"effect": Effect.REVERSIBLE, "programs": ("rm",), "options": ("-r", "-f"), "paths": ("/home/agent/work",)}
    lenient = with_rule(lenient=True, **fields)

    assert word(judged(["rm", "-rf", "drafts"], book=with_rule(**fields))) == UNKNOWN
    assert word(judged(["rm", "-rf", "drafts"], book=lenient)) == REVERSIBLE
    assert word(judged(["rm", "-rf", "../elsewhere"], book=lenient)) == UNKNOWN
    assert word(judged(["rm", "-rf", "drafts", "/etc/cron.d"], book=lenient)) == DESTABILISING


def test_a_lenient_rule_lifts_a_refusal_but_never_for_gatedog() -> None:
    """A human may let the agent be asked for about its own restart; what guards the guard stays."""
    book = with_rule(effect=Effect.DESTABILISING, lenient=True, programs=("systemctl",), verbs=("restart", "stop"))

    assert word(judged(["systemctl", "restart", "main"], book=book)) == DESTABILISING
    assert word(judged(["systemctl", "stop", "gatedog"], book=book)) == REFUSED


# -- wrapping ------------------------------------------------------------------------------------------------------


def wrapped(command: list[str], wrappers: list[str]) -> list[str]:
    """Put one wrapper after the other around a command; those that take a line get one."""
    for each in wrappers:
        words = shlex.split(each)
        command = [*words, shlex.join(command)] if words[-1].endswith("c") and words[0] != "strace" else words + command
    return command


@settings(deadline=None)
@given(
    st.sampled_from([line for line, found in ARGV.items() if found not in MILD]),
    st.lists(st.sampled_from(WRAPPERS), max_size=6),
)
def test_no_wrapping_makes_an_action_harmless(line: str, wrappers: list[str]) -> None:
    """However often and in whatever it is wrapped, what is not let through alone is not let through."""
    assert word(judged(wrapped(shlex.split(line), wrappers))) not in MILD
