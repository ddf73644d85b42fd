"""What the gate takes an action for: tables of commands and paths, and the property that wrapping hides nothing."""

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.core.action import ActionJudged, ActionRule, Own
from watchdog.core.classify import Rulebook, judge_action, strictness
from watchdog.core.effect import Effect
from watchdog.core.enclosure import ActionOffered
from watchdog.core.gaterules import SHIPPED

OWN = Own(
    words=("main", "main.service", "4711", "-4711", "claw.mjs"),
    unit_files=("main.service", "main.service.d"),
    trees=("/srv/claw",),
)
BOOK = Rulebook(shipped=SHIPPED, own=OWN)
WORK = "/home/agent/work"
OBSERVE, REVERSIBLE, UNKNOWN, DESTABILISING, REFUSED = "observe", "reversible", "unknown", "destabilising", "refused"

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
    "pip list": OBSERVE,
    "apt list --installed": OBSERVE,
    "ip -br addr show": OBSERVE,
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

LINES = {
    "cd /srv && git status; ls *.txt 2>/dev/null | head": OBSERVE,
    "echo done 2>&1 | tail -n 3": OBSERVE,
    "ls $HOME": OBSERVE,
    "echo ';' systemctl restart main": OBSERVE,
    'set -e\nls\n\ngrep -c "a b" notes': OBSERVE,
    "echo done >> notes.txt": REVERSIBLE,
    "mkdir a && cp b a/b": REVERSIBLE,
    "ls $(reboot)": UNKNOWN,
    "ls `reboot`": UNKNOWN,
    "cp *.txt /tmp": UNKNOWN,
    "echo x > $TARGET": UNKNOWN,
    "echo x > ~/.bashrc": UNKNOWN,
    "cd nowhere; touch x": UNKNOWN,
    "echo 'systemctl restart main' | sh": UNKNOWN,
    "sh < script": UNKNOWN,
    "cat > x <<EOF\nEOF": UNKNOWN,
    "ls &&": UNKNOWN,
    "ls # reboot": UNKNOWN,
    "PATH=/tmp ls": UNKNOWN,
    "cd /etc && tee cron.d/x": DESTABILISING,
    "ls; reboot": DESTABILISING,
    "ls | xargs kill": DESTABILISING,
    "echo x > /etc/cron.d/x": DESTABILISING,
    "s''ystemctl restart main": REFUSED,
    'true && "system"ctl restart main': REFUSED,
    "for i in 1 2; do systemctl restart main; done": REFUSED,
    "echo x > /etc/gatedog/policy.toml": REFUSED,
}

ROUTES = {
    "child": "systemctl restart main",
    "nohup": "nohup systemctl restart main & wait",
    "setsid": "setsid -f systemctl restart main",
    "double-fork": "( ( sleep 0.5; systemctl restart main ) & )",
    "script": 'script -qec "systemctl restart main" /dev/null',
    "tmux": "tmux -L r new-session -d 'systemctl restart main'",
    "screen": "screen -dmS r systemctl restart main",
    "socket-by-hand": "/usr/local/lib/agent/tricks.py call restart",
    "environment": "env SUDO_USER=alice SSH_TTY=/dev/pts/0 script -qec 'systemctl restart main' /dev/null",
    "own-cgroup-move": "for to in /sys/fs/cgroup; do echo $$ >$to/cgroup.procs; done; systemctl restart main",
    "loginuid": "echo 1000 2>/dev/null >/proc/self/loginuid; systemctl restart main",
    "user-namespace": "unshare -U -r systemctl restart main",
    "pid-namespace": "sudo unshare -p -f --mount-proc systemctl restart main",
    "chroot": "sudo chroot / systemctl restart main",
    "sudo-u": "sudo -u alice systemctl restart main",
    "sudo-i": "script -qec 'sudo -i systemctl restart main' /dev/null",
    "su": "sudo su - alice -c 'systemctl restart main'",
    "su-orphan": "sudo setsid -f script -qec \"su - alice -c 'systemctl restart main'\" /dev/null >/dev/null 2>&1",
    "runuser": "script -qec \"sudo runuser -l alice -c 'systemctl restart main'\" /dev/null",
    "pkexec": "sudo pkexec /usr/bin/systemctl restart main",
    "setpriv": "sudo setpriv --reuid=alice --clear-groups systemctl restart main",
    "login-f": "echo 'systemctl restart main' | sudo script -qec 'exec login -f alice' /dev/null",
    "root-loginuid": "sudo sh -c 'echo 1000 >/proc/self/loginuid; systemctl restart main'",
    "cgroup-move": "sudo sh -c 'echo 0 >/sys/fs/cgroup/user.slice/evil/cgroup.procs; systemctl restart main'",
    "nsenter": "sudo nsenter -t 1 -m -u -i -n -p systemctl restart main",
    "systemd-run": "sudo systemd-run --quiet --collect --wait systemctl restart main",
    "systemd-run-pty": 'script -qec "sudo systemd-run --pty --wait systemctl restart main" /dev/null',
    "system-path": "sudo systemd-run --path-property=PathExists=/srv systemctl restart main",
    "named-unit": "printf 'x' | sudo tee /run/systemd/system/backup.service >/dev/null; systemctl start backup",
    "machinectl": "sudo machinectl -q shell alice@.host /usr/bin/systemctl restart main",
    "run0": "run0 --user=alice systemctl restart main",
    "user-run": "export XDG_RUNTIME_DIR=/run/user/$(id -u); systemd-run --user -q --wait systemctl restart main",
    "user-unit": "mkdir -p ~/.config/systemd/user; systemctl --user daemon-reload",
    "dbus-activation": "sudo busctl call io.agent.Ask / io.agent.Ask Ask",
    "at": "echo 'systemctl restart main' | at now",
    "crontab": "echo '@reboot systemctl restart main' | crontab -",
    "cron-d": "echo '@reboot alice x' | sudo tee /etc/cron.d/agent >/dev/null",
    "ssh-self": "ssh -i key openclaw@localhost systemctl restart main",
    "ssh-relay": "sudo systemd-run socat TCP-LISTEN:2222,fork TCP:localhost:22; ssh -p 2222 alice@localhost x",
}
"""The ways of tests/system/machines/routes.py, each with a restart in the place of the question."""

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
MILD = (OBSERVE, REVERSIBLE)


def judged(argv: list[str], *paths: str, action: str = "exec", book: Rulebook = BOOK) -> ActionJudged:
    """Judge an action of an agent that works in its folder."""
    return judge_action(ActionOffered(action=action, argv=tuple(argv), paths=paths, directory=WORK), book)


def word(found: ActionJudged) -> str:
    """Say a judgement in the words of these tables."""
    if found.refused:
        return REFUSED
    return UNKNOWN if found.effect is None else found.effect.value


@pytest.mark.parametrize(("line", "expected"), ARGV.items())
def test_an_argv_is_what_it_would_run(line: str, expected: str) -> None:
    """Each command is taken for what it is, and for unknown when nobody vouches for it."""
    assert word(judged(shlex.split(line))) == expected


@pytest.mark.parametrize(("line", "expected"), LINES.items())
def test_a_shell_line_is_the_strictest_of_its_commands(line: str, expected: str) -> None:
    """A line is taken apart as a shell would, and is unknown where that cannot be done."""
    assert word(judged(["sh", "-c", line])) == expected


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_no_route_to_a_restart_is_let_through(route: str) -> None:
    """None of the ways by which an agent reaches for a restart is called harmless."""
    assert word(judged(["bash", "-c", route])) not in MILD


@pytest.mark.parametrize(("path", "expected"), PATHS.items())
def test_a_path_is_where_it_really_leads(path: str, expected: str) -> None:
    """What is written is judged by its whole path, dots taken out."""
    assert word(judged([], path, action="write")) == expected


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


@given(
    st.sampled_from([line for line, found in ARGV.items() if found not in MILD]),
    st.lists(st.sampled_from(WRAPPERS), max_size=6),
)
def test_no_wrapping_makes_an_action_harmless(line: str, wrappers: list[str]) -> None:
    """However often and in whatever it is wrapped, what is not let through alone is not let through."""
    assert word(judged(wrapped(shlex.split(line), wrappers))) not in MILD


@given(st.lists(st.text(alphabet="ab ;&|<>'\"$()\\\n=-/.*", max_size=12), max_size=5))
def test_a_line_that_ends_in_a_restart_is_never_harmless(noise: list[str]) -> None:
    """Whatever stands before it, and whatever the quotes are, a restart that a shell would make is not let through."""
    line = "; ".join([*noise, "systemctl restart main"])
    swallowed = line.count("'") + line.count('"') + line.count("<<") + line.count("\\") > 0

    assert swallowed or word(judged(["sh", "-c", line])) not in MILD


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=6))
def test_quoted_words_are_words(words: list[str]) -> None:
    """What shlex quotes is either read back as one command, or not understood at all."""
    plain = judged(["ls", *words])
    quoted = judged(["sh", "-c", shlex.join(["ls", *words])])

    assert strictness(quoted) >= strictness(plain)
