"""What the gate takes a shell line for: a table of lines, every known route to a restart, and what quotes hide."""

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judging import DESTABILISING, MILD, OBSERVE, REFUSED, REVERSIBLE, UNKNOWN, judged, word

from watchdog.core.classify import strictness

LINES = {
    "cd /srv && git status; ls *.txt 2>/dev/null | head": OBSERVE,
    "echo done 2>&1 | tail -n 3": OBSERVE,
    "ls $HOME": OBSERVE,
    "echo ';' systemctl restart main": OBSERVE,
    'set -e\nls\n\ngrep -c "a b" notes': OBSERVE,
    "ls &>/dev/null; set -eu": OBSERVE,
    "cd .. && ls": OBSERVE,
    "echo done >> notes.txt": REVERSIBLE,
    "mkdir a && cp b a/b": REVERSIBLE,
    "cd .. && touch /home/agent/work/x": REVERSIBLE,
    "ls $(reboot)": UNKNOWN,
    "ls `reboot`": UNKNOWN,
    "cp *.txt /tmp": UNKNOWN,
    "echo x > $TARGET": UNKNOWN,
    "echo x > ~/notes": UNKNOWN,
    "cd nowhere; touch x": UNKNOWN,
    "echo 'systemctl restart main' | sh": UNKNOWN,
    "sh < script": UNKNOWN,
    "cat > x <<EOF\nEOF": UNKNOWN,
    "ls &&": UNKNOWN,
    "ls # reboot": UNKNOWN,
    "PATH=/tmp ls": UNKNOWN,
    "ls &>/tmp/x systemctl restart main": UNKNOWN,  # two commands to dash
    "ls &>>/tmp/x systemctl restart main": UNKNOWN,
    "cp job 12>/dev/null": UNKNOWN,  # a word to dash
    "printf -v PATH /evil; ls": UNKNOWN,
    "set -k; cat LD_PRELOAD=/x.so notes": UNKNOWN,
    "set -- a; ls": UNKNOWN,
    "timeout $TZ ls": UNKNOWN,
    "timeout [1b]* ls": UNKNOWN,
    "env LANG=$TZ ls": UNKNOWN,
    'bash -c "ls $TZ"': UNKNOWN,
    "mkdir =program": UNKNOWN,  # zsh puts a path there
    "cd .. && touch x": UNKNOWN,  # from where a link leads, or from the link
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


@pytest.mark.parametrize(("line", "expected"), LINES.items())
def test_a_shell_line_is_the_strictest_of_its_commands(line: str, expected: str) -> None:
    """A line is taken apart as a shell would, and is unknown where that cannot be done."""
    assert word(judged(["sh", "-c", line])) == expected


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_no_route_to_a_restart_is_let_through(route: str) -> None:
    """None of the ways by which an agent reaches for a restart is called harmless."""
    assert word(judged(["bash", "-c", route])) not in MILD


@settings(deadline=None)
@given(st.lists(st.text(alphabet="ab ;&|<>'\"$()\\\n=-/.*", max_size=12), max_size=5))
def test_a_line_that_ends_in_a_restart_is_never_harmless(noise: list[str]) -> None:
    """Whatever stands before it, and whatever the quotes are, a restart that a shell would make is not let through."""
    line = "; ".join([*noise, "systemctl restart main"])
    swallowed = line.count("'") + line.count('"') + line.count("<<") + line.count("\\") > 0

    assert swallowed or word(judged(["sh", "-c", line])) not in MILD


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=6))
def test_quoted_words_are_words(words: list[str]) -> None:
    """What shlex quotes is either read back as one command, or not understood at all."""
    plain = judged(["ls", *words])
    quoted = judged(["sh", "-c", shlex.join(["ls", *words])])

    assert strictness(quoted) >= strictness(plain)
