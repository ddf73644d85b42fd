"""`runbooks/NAME.toml`: what a machine does about an incident, step by step.

    title = "Look around before anybody is up"
    on = ["health.probe-failing", "health.work-stopped"]
    at_most = "3 per 1h"

    [[step]]
    title = "how it stands"
    argv = ["gatedog", "status", "{gateway}", "--json"]
    effect = "observe"
    timeout = "10s"
    success = { exit = [0, 150], output = '"gateways"' }

Invariants: a step is an argv, never a line that a shell takes apart; a step that does not say its effect is
destabilising; one that is known to end or change things is not believed when it says that it is milder. What a program
printed is searched by expressions that cannot hold gatedog up, and by no others. Deliberately not here: whether the
program is there, and who could have written it: that is looked at each time it is run (runbook/machine.py).
"""

from collections.abc import Iterable
from pathlib import Path

from watchdog.core.classify import Rulebook, judge_action
from watchdog.core.effect import Effect
from watchdog.core.enclosure import ARGUMENT_MAX, ARGUMENTS_MAX, ActionOffered
from watchdog.core.gaterules import SHIPPED
from watchdog.core.rules import RuleId
from watchdog.core.runbookpolicy import STEP_TIMEOUT_USEC, Condition, MachineRunbook, RunbookStep, Sign
from watchdog.core.state import Hold, Phase
from watchdog.core.timeline import MINUTE, duration_text
from watchdog.core.wrappers import runs_another
from watchdog.policyfile.durations import parse_window
from watchdog.policyfile.patterns import HOW, why_not
from watchdog.policyfile.problems import PolicyProblems, Problem
from watchdog.policyfile.section import Section, open_document

STEPS_MAX = 32
RUNS_MAX = 100
TIMEOUT_MAX_USEC = 10 * MINUTE
EXIT_MAX = 255
STARTS_MAX = 10
OWN_PROGRAM = "gatedog"
"""The only program that is named without its path: the gatedog that runs the step."""

_ARGV_HOW = 'Write argv = ["/path/to/program", "word"], or ["gatedog", "status", "--json"]'

NEVER_MILD = frozenset(
    {
        *(
            "systemctl",
            "service",
            "systemd-run",
            "loginctl",
            "machinectl",
            "initctl",
            "sv",
            "rc-service",
            "supervisorctl",
        ),
        *("kill", "pkill", "killall", "skill", "fuser", "xkill", "pm2", "forever", "s6-svc"),
        *(
            "reboot",
            "shutdown",
            "poweroff",
            "halt",
            "init",
            "telinit",
            "kexec",
            "swapoff",
            "sysctl",
            "modprobe",
            "rmmod",
        ),
        *("rm", "rmdir", "unlink", "shred", "dd", "truncate", "mv", "ln", "install", "rsync", "mkfs", "wipefs", "fsck"),
        *("chmod", "chown", "chgrp", "chattr", "setfacl", "mount", "umount", "losetup", "fdisk", "parted", "lvremove"),
        *(
            "apt",
            "apt-get",
            "aptitude",
            "dpkg",
            "snap",
            "flatpak",
            "dnf",
            "yum",
            "zypper",
            "pacman",
            "apk",
            "rpm",
            "brew",
        ),
        *("npm", "npx", "pnpm", "yarn", "corepack", "pip", "pip3", "pipx", "uv", "gem", "cargo"),
        *("docker", "podman", "nerdctl", "kubectl", "virsh", "lxc", "incus", "nsenter", "unshare", "chroot"),
        *("iptables", "ip6tables", "nft", "ip", "ifconfig", "ufw", "crontab", "at", "batch", "userdel", "usermod"),
        *("sh", "bash", "dash", "ash", "zsh", "ksh", "busybox", "env", "xargs", "nohup", "setsid", "timeout", "nice"),
        *("sudo", "su", "doas", "pkexec", "run0", "runuser", "setpriv", "capsh", "script", "expect", "ssh", "tee"),
        *("find", "sed", "awk", "gawk", "mawk", "git", "make", "cp", "tar", "curl", "wget", "sqlite3", "gcore", "gdb"),
        *("dbus-send", "busctl", "gdbus", "varlinkctl"),
    }
)
"""File names of programs that are taken for destabilising, but for what the gate's rules know to only look."""


def read_runbooks(files: Iterable[tuple[str, bytes]], folder: Path) -> tuple[MachineRunbook, ...]:
    """Read the runbooks of a bundle, sorted by name; raise PolicyProblems with all that is wrong with any of them."""
    problems: list[Problem] = []
    runbooks: list[MachineRunbook] = []
    for file, raw in files:
        root, findings = open_document(raw, str(folder / file))
        if not findings.found:
            runbooks.append(_runbook(root, file.removesuffix(".toml")))
        problems += findings.sorted()
    if problems:
        raise PolicyProblems(tuple(problems))
    return tuple(sorted(runbooks, key=lambda each: each.name))


def _runbook(root: Section, stem: str) -> MachineRunbook:
    name = root.text("name", stem)
    if name != stem:
        what = f'The runbook calls itself "{name[:40]}", and its file {stem}.toml'
        root.problem("name", what, "Leave `name` out: a runbook is called as its file is")
    runs, per_usec = _at_most(root)
    tables = root.tables("step")
    runbook = MachineRunbook(
        name=stem,
        title=root.text("title", stem),
        on=_on(root),
        steps=tuple(_step(table) for table in tables[:STEPS_MAX]),
        at_most=runs,
        per_usec=per_usec,
    )
    if not tables:
        root.problem("step", "The runbook has no step", "Write [[step]], and below it what it runs: argv = [...]")
    if len(tables) > STEPS_MAX:
        root.problem("step", f"The runbook has {len(tables)} steps", f"Keep at most {STEPS_MAX}")
    root.close()
    return runbook


def _on(root: Section) -> tuple[str, ...]:
    rules = root.texts("on")
    known = {rule.value for rule in RuleId}
    for rule in rules:
        if rule not in known or rule.startswith("run."):
            what = f'{root.named("on")}: "{rule[:60]}" is no rule that a runbook can answer'
            root.problem("on", what, "`gatedog runbook list` names the rules that people are told of")
    return tuple(sorted(frozenset(rules)))


def _at_most(root: Section) -> tuple[int, int]:
    text = root.text("at_most", "3 per 1h")
    try:
        window = parse_window(text)
    except ValueError as error:
        root.problem("at_most", f'{root.named("at_most")}: "{text[:40]}" {error}', 'Write it like "3 per 1h"')
        return 1, MINUTE
    if window.starts > RUNS_MAX:
        root.problem("at_most", f"{root.named('at_most')}: {window.starts} runs", f"Allow at most {RUNS_MAX}")
        return 1, MINUTE
    return window.starts, window.per_usec


def _step(table: Section) -> RunbookStep:
    argv = _argv(table, "argv")
    if "argv" not in table:
        table.problem("argv", "The step runs nothing", _ARGV_HOW)
    effect = table.choice("effect", Effect.DESTABILISING)
    is_grave = effect is Effect.DESTABILISING
    preview = table.value("preview")
    step = RunbookStep(
        argv=argv,
        title=table.text("title"),
        effect=effect,
        precondition=_precondition(table),
        timeout_usec=table.duration("timeout", STEP_TIMEOUT_USEC),
        success=_sign(table.section("success"), (0,)),
        stop_if=_sign(table.section("stop_if"), ()),
        preview="" if isinstance(preview, list) else table.text("preview"),
        preview_argv=_argv(table, "preview") if isinstance(preview, list) else (),
        blast_radius=table.text("blast_radius"),
        costs_starts=table.integer("costs_starts", 1 if is_grave else 0, low=0, high=STARTS_MAX),
    )
    if step.timeout_usec > TIMEOUT_MAX_USEC:
        what = f"{table.named('timeout')} is longer than {duration_text(TIMEOUT_MAX_USEC)}"
        table.problem("timeout", what, "Start what takes longer, and look for its end in a later step")
    if not is_grave:
        _check_mild(table, "effect", argv, f'declares itself "{effect.value}"')
    _check_mild(table, "preview", step.preview_argv, "is run before anybody approves")
    _check_mild(table, "precondition", step.precondition.argv, "is run before anybody approves")
    table.close()
    return step


def _check_mild(table: Section, key: str, argv: tuple[str, ...], claim: str) -> None:
    """Do not believe that a command is mild which is known not to be."""
    if not argv:
        return
    judged = judge_action(ActionOffered(action="", argv=argv), Rulebook(shipped=SHIPPED))
    program = argv[0].rpartition("/")[2]
    may_do_anything = program in NEVER_MILD or runs_another(program)
    is_suspect = may_do_anything and judged.effect is not Effect.OBSERVE
    if judged.refused or judged.effect is Effect.DESTABILISING or is_suspect:
        what = f"{table.named(key)}: {' '.join(argv)[:80]} {claim}, and commands of this kind end or change things"
        how = "Leave `effect` out: then the step waits for a person"
        table.problem(key, what, how if key == "effect" else "Use a command that only looks")


def _argv(table: Section, key: str) -> tuple[str, ...]:
    value = table.value(key)
    if isinstance(value, str):
        words = ", ".join(f'"{word}"' for word in value.split())
        what = f"{table.named(key)} is a text; no shell takes it apart here"
        table.problem(key, what, f"Write {key} = [{words}]")
        return ()
    argv = table.texts(key)
    if value is not None and (not argv or not argv[0]):
        table.problem(key, f"{table.named(key)} names no program", _ARGV_HOW)
    elif argv and not argv[0].startswith("/") and argv[0] != OWN_PROGRAM:
        what = f"{table.named(key)}: {argv[0][:80]} is not an absolute path"
        table.problem(key, what, "Begin the program with /; nothing is searched for. Only gatedog itself needs no path")
    elif len(argv) > ARGUMENTS_MAX or any(len(word) > ARGUMENT_MAX or not word.isprintable() for word in argv):
        what = f"{table.named(key)} has more than {ARGUMENTS_MAX} words, or one that nobody could read on a page"
        table.problem(key, what, f"Use at most {ARGUMENT_MAX} printable characters a word; put the rest into a script")
    return argv


def _precondition(table: Section) -> Condition:
    value = table.value("precondition")
    if isinstance(value, list | str):
        return Condition(argv=_argv(table, "precondition"))
    section = table.section("precondition")
    condition = Condition(
        argv=_argv(section, "argv"),
        phases=_among(section, "phase", tuple(each.value for each in Phase)),
        holds=_among(section, "hold", tuple(each.value for each in Hold)),
    )
    section.close()
    return condition


def _among(section: Section, key: str, known: tuple[str, ...]) -> tuple[str, ...]:
    value = section.value(key)
    words = (value,) if isinstance(value, str) else section.texts(key)
    for word in words:
        if word not in known:
            what = f'{section.named(key)}: "{word[:40]}" is none'
            section.problem(key, what, f"Choose among: {', '.join(known)}")
    return words


def _sign(section: Section, default: tuple[int, ...]) -> Sign:
    output = section.text("output")
    if reason := why_not(output) if output else "":
        section.problem("output", f"{section.named('output')} {reason}", HOW)
    exits = section.value("exit")
    listed: list[object] = exits if isinstance(exits, list) else list(default) if exits is None else [exits]
    if not all(type(each) is int and 0 <= each <= EXIT_MAX for each in listed) or exits == []:
        section.problem("exit", f"{section.named('exit')} is no list of exit codes", "Write exit = [0], or [0, 3]")
        listed = list(default)
    section.close()
    return Sign(exits=tuple(each for each in listed if isinstance(each, int)), output=output)
