"""The shipped rules of the gate: what is known to be harmless, and what takes a gateway or its watchdog down.

They are frozen into each policy as it is adopted (Policy.gate), so that another version of gatedog changes nothing by
itself. Invariant: a vouching rule names programs of which every listed option only looks, or writes only what the
command names; a program that can be made to run another one, or to write elsewhere, is in no rule that vouches.
Deliberately not here: what only one kind of gateway knows (its own command, its files), which its profile says.
"""

from watchdog.core.action import ANY_OPTION, ActionRule
from watchdog.core.effect import Effect

_LOOK_ONLY = (
    "ls", "dir", "cat", "head", "tail", "wc", "stat", "du", "df", "ps", "pwd", "whoami", "id", "groups", "who", "w",
    "uptime", "free", "uname", "arch", "nproc", "echo", "true", "false", "grep", "egrep", "fgrep", "diff", "cmp",
    "comm", "md5sum", "sha1sum", "sha256sum", "sha512sum", "cksum", "cut", "tr", "nl", "tac", "rev", "fold", "fmt",
    "paste", "join", "expand", "seq", "sleep", "basename", "dirname", "readlink", "realpath", "which", "printenv",
    "od", "hexdump", "strings", "column", "pgrep", "pidof", "pstree", "lsof", "lsblk", "lscpu", "findmnt", "getent",
    "jq", "nslookup", "host", "dig", "ping", "vmstat", "iostat", ":",
)  # fmt: skip
"""No option of these runs a program or writes. `printf` is none of them: `printf %n PATH` and `-v` write a variable."""
_MANAGERS = (
    "apt", "apt-get", "aptitude", "dpkg", "snap", "flatpak", "dnf", "yum", "zypper", "apk", "brew", "npm",
    "pnpm", "yarn", "corepack", "pip", "pip3", "pipx", "uv", "poetry", "gem", "cargo", "go", "composer", "conda",
)  # fmt: skip
_UPDATES = (
    "install", "i", "ci", "add", "update", "upgrade", "full-upgrade", "dist-upgrade", "remove", "rm", "uninstall",
    "un", "purge", "autoremove", "refresh", "link", "prune", "dedupe", "audit", "sync", "self-update", "tool",
    "--install", "--remove", "--purge", "--unpack", "--configure",
)  # fmt: skip
_UNIT_VERBS = (
    "start", "stop", "restart", "try-restart", "reload", "reload-or-restart", "try-reload-or-restart", "kill", "clean",
    "freeze", "thaw", "isolate", "enable", "disable", "reenable", "preset", "preset-all", "mask", "unmask", "link",
    "revert", "edit", "set-property", "add-wants", "add-requires", "set-default", "daemon-reload", "daemon-reexec",
    "reset-failed", "bind", "mount-image", "set-environment", "unset-environment", "import-environment", "cancel",
    "condrestart", "force-reload", "service-log-level", "service-log-target", "log-level", "log-target",
)  # fmt: skip
_HOST_VERBS = (
    "reboot", "poweroff", "halt", "kexec", "soft-reboot", "exit", "switch-root", "suspend", "hibernate",
    "hybrid-sleep", "suspend-then-hibernate", "emergency", "rescue", "default", "sleep",
)  # fmt: skip
_HOMES = ("/home/*", "/root", "/var/lib/*", "/srv/*")
_UNIT_TREES = (
    "/etc/systemd", "/run/systemd", "/usr/lib/systemd", "/lib/systemd", "/usr/local/lib/systemd", "/etc/init.d",
    "/etc/rc*", "/run/user/*/systemd", "/etc/xdg/systemd",
    *(f"{home}/{name}/systemd" for home in _HOMES for name in (".config", ".local/share")),
)  # fmt: skip
_SCHEDULES = ("/etc/cron*", "/etc/anacrontab", "/etc/at.*", "/var/spool/cron", "/var/spool/at", "/var/spool/atjobs",
              "/var/spool/anacron")  # fmt: skip
_PROGRAM_TREES = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/opt", "/boot", "/snap")
_HOST_TREES = ("/etc", "/proc", "/sys", "/dev", "/var/lib/dpkg", "/var/lib/apt", "/var/lib/systemd", "/run/dbus",
               "/run/user", "/var/lib/snapd")  # fmt: skip
_STARTING = (
    ".ssh", ".profile", ".bash*", ".zsh*", ".zprofile", ".zlogin", ".kshrc", ".mkshrc", ".login", ".xprofile",
    ".xsession*", ".xinitrc", ".pam_environment", ".inputrc", ".gitconfig", ".npmrc",
)  # fmt: skip
"""Wherever they lie, something runs what they say, or lets somebody in."""
_HOME_FILES = tuple(
    f"{home}/{name}"
    for home in _HOMES
    for name in (*_STARTING, ".config/git", ".config/autostart", ".config/environment.d", ".config/fish",
                 ".config/plasma-workspace", ".local/bin", ".local/lib", "bin", ".cargo/bin", ".npm-global", "go/bin")
)  # fmt: skip
"""What is executed at login, or found by its plain name: `git status` runs what .config/git/config says."""
_GATEDOG_TREES = (
    "/etc/gatedog", "/var/lib/gatedog", "/run/gatedog", "/usr/lib/gatedog", "/usr/bin/gatedog",
    "/usr/local/bin/gatedog", "/usr/share/gatedog", "/run/user/*/gatedog",
    *(f"{home}/{name}/gatedog" for home in _HOMES for name in (".config", ".local/state")),
    *(f"{folder}/{kind}/gatedog*"
      for folder in ("/etc/systemd", "/run/systemd", "/usr/lib/systemd", "/lib/systemd", "/usr/local/lib/systemd")
      for kind in ("system", "user")),
    *(f"{folder}/system/*/gatedog*" for folder in ("/etc/systemd", "/run/systemd")),
)  # fmt: skip
_LIFECYCLE = ("start", "stop", "restart", "hold", "release", "reset-budget", "maintenance", "silence", "permit",
              "grant", "setup", "break-glass", "daemon", "run", "drill", "ack", "unack")  # fmt: skip
_SIGNALLERS = ("kill", "pkill", "killall", "killall5", "skill", "fuser", "tgkill", "xkill")
_UNIT_TOOLS = ("systemctl", "service", "rc-service", "invoke-rc.d", "sv", "s6-svc", "initctl", "supervisorctl", "pm2",
               "monit", "machinectl", "loginctl", "busctl", "dbus-send", "gdbus")  # fmt: skip


def _looks(
    name: str,
    *programs: str,
    verbs: tuple[str, ...] = (),
    flags: tuple[str, ...] = (),
    options: tuple[str, ...] = ANY_OPTION,
) -> ActionRule:
    return ActionRule(name=name, effect=Effect.OBSERVE, programs=programs, verbs=verbs, flags=flags, options=options)


def _undoable(name: str, *programs: str, options: tuple[str, ...], verbs: tuple[str, ...] = ()) -> ActionRule:
    return ActionRule(name=name, effect=Effect.REVERSIBLE, programs=programs, verbs=verbs, options=options)


def _upsets(name: str, *programs: str, verbs: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> ActionRule:
    return ActionRule(name=name, effect=Effect.DESTABILISING, programs=programs, verbs=verbs, names=names)


def _guards(name: str, *paths: str) -> ActionRule:
    return ActionRule(name=name, effect=Effect.DESTABILISING, paths=paths)


_REFUSALS = (
    ActionRule(
        name="own-unit", effect=Effect.DESTABILISING, refuse=True, own=True, programs=_UNIT_TOOLS,
        verbs=(*_UNIT_VERBS, "terminate", "RestartUnit", "StopUnit", "StartUnit", "KillUnit", "delete", "reload-all"),
    ),
    ActionRule(name="own-process", effect=Effect.DESTABILISING, refuse=True, own=True, programs=_SIGNALLERS),
    ActionRule(
        name="every-process", effect=Effect.DESTABILISING, refuse=True, programs=("kill",), names=("-1", "0"),
    ),
    ActionRule(
        name="gatedog-files", effect=Effect.DESTABILISING, refuse=True, firm=True, paths=_GATEDOG_TREES,
    ),
    ActionRule(
        name="gatedog-units", effect=Effect.DESTABILISING, refuse=True, firm=True, programs=_UNIT_TOOLS,
        verbs=_UNIT_VERBS, names=("gatedog*",),
    ),
    ActionRule(
        name="gatedog-process", effect=Effect.DESTABILISING, refuse=True, firm=True, programs=_SIGNALLERS,
        names=("gatedog*",),
    ),
    ActionRule(
        name="gatedog-lifecycle", effect=Effect.DESTABILISING, refuse=True, firm=True, programs=("gatedog",),
        verbs=_LIFECYCLE, unless=("ask", "gate", "runbook", "postmortem", "policy"),
    ),
    ActionRule(
        name="gatedog-package", effect=Effect.DESTABILISING, refuse=True, firm=True, programs=_MANAGERS,
        verbs=_UPDATES, names=("gatedog*",),
    ),
)  # fmt: skip

_SUSPICIONS = (
    _upsets("signals", *_SIGNALLERS),
    _upsets("units", *_UNIT_TOOLS, verbs=(*_UNIT_VERBS, "terminate", "delete", "reload-all")),
    _upsets("units-by-bus", "busctl", "dbus-send", "gdbus", names=("org.freedesktop.systemd1*", "--dest=org.free*")),
    _upsets("host", "systemctl", verbs=_HOST_VERBS),
    _upsets("host-by-name", "reboot", "poweroff", "halt", "shutdown", "init", "telinit", "kexec", "rtcwake"),
    _upsets("new-units", "systemd-run", "run0", "machinectl", "systemd-nspawn"),
    _upsets("new-homes", "tmux", "screen", "byobu", "dtach", "abduco", "start-stop-daemon", "daemonize", "login"),
    _upsets("crontab", "crontab", "at", "batch", "anacron", "fcrontab", "atrm"),
    _upsets("packages", *_MANAGERS, verbs=_UPDATES),
    _upsets("packages-by-option", "pacman", "yay", "rpm", names=("-S*", "-R*", "-U*", "-i*", "-e*")),
    _upsets("packages-by-dpkg", "dpkg", names=("-i", "-r", "-P", "-A")),
    _upsets("package-tools", "unattended-upgrade", "unattended-upgrades", "do-release-upgrade", "needrestart", "nvm"),
    _upsets("containers", "docker", "podman", "nerdctl", "lxc", "incus", "kubectl",
            verbs=("restart", "stop", "kill", "rm", "down", "delete", "update", "pause", "compose", "rollout")),
    _upsets("accounts", "usermod", "useradd", "userdel", "passwd", "chpasswd", "visudo", "adduser", "deluser",
            "groupadd", "gpasswd", "chage"),
    _upsets("kernel", "sysctl", "modprobe", "rmmod", "insmod", "mount", "umount", "swapoff", "cgexec", "cgdelete",
            "cgset", "nft", "iptables", "ip6tables", "ufw"),
    _upsets("debuggers", "gdb", "reptyr", "criu", "prlimit", "strace", "ltrace"),
    ActionRule(name="own-files", effect=Effect.DESTABILISING, own=True),
    _guards("unit-files", *_UNIT_TREES),
    _guards("schedules", *_SCHEDULES),
    _guards("programs", *_PROGRAM_TREES),
    _guards("host-files", *_HOST_TREES),
    ActionRule(name="login-files", effect=Effect.DESTABILISING, names=_STARTING, paths=_HOME_FILES),
    # git runs what the config of a repository says, and any folder with a HEAD in it may be one.
    ActionRule(
        name="repositories", effect=Effect.DESTABILISING, names=(".git", ".gitattributes", ".gitmodules", "HEAD"),
    ),
)  # fmt: skip

_HARMLESS = (
    _looks("look", *_LOOK_ONLY),
    # `test -v 'a[$(reboot)]'` runs what stands in the brackets; `set -k` takes variables out of arguments.
    _looks("test", "test", "[", options=("-e", "-f", "-d", "-s", "-r", "-w", "-x", "-L", "-h", "-n", "-z")),
    _looks("set", "set", verbs=("",), options=("-e", "-u", "-x")),
    _looks("sort", "sort", options=("-n", "-r", "-u", "-h", "-f", "-k", "-t", "-b", "-d", "-g", "-i", "-M", "-V", "-s",
                                    "-c", "-z", "--reverse", "--unique", "--numeric-sort", "--human-numeric-sort")),
    _looks("uniq", "uniq", verbs=("",), options=("-c", "-d", "-u", "-i", "--count", "--repeated", "--unique")),
    _looks("date", "date", verbs=("", "+%s", "+%F", "+%T"), options=("-u", "-R", "-I", "-Is", "--utc", "--iso-8601")),
    _looks("hostname", "hostname", verbs=("",), options=("-f", "-i", "-I", "-s", "-d", "--fqdn")),
    _looks("find", "find", options=("-name", "-iname", "-path", "-type", "-size", "-mtime", "-mmin", "-newer", "-user",
                                    "-group", "-perm", "-maxdepth", "-mindepth", "-not", "-o", "-a", "-print",
                                    "-print0", "-ls", "-empty", "-regex", "-xdev", "-prune")),
    _looks("rg", "rg", options=("-n", "-i", "-l", "-c", "-v", "-w", "-F", "-e", "-g", "-t", "-A", "-B", "-C", "-o",
                                "--files", "--hidden", "--no-heading", "--json", "--glob", "--type", "--stats")),
    _looks("git", "git", verbs=("status", "log", "diff", "show", "rev-parse", "ls-files", "blame", "describe",
                                "shortlog", "ls-tree", "merge-base", "branch --list", "tag --list",
                                "stash list", "config --get"),
           flags=("--no-pager",),
           options=("-n", "-p", "-s", "-v", "-a", "-b", "-z", "-M", "-C", "--oneline", "--stat", "--short",
                    "--porcelain", "--name-only", "--name-status", "--cached", "--staged", "--graph", "--all",
                    "--decorate", "--list", "--get", "--since", "--until", "--author", "--format", "--pretty",
                    "--max-count", "--show-toplevel", "--abbrev-ref", "--is-inside-work-tree", "--no-ext-diff")),
    _looks("systemctl", "systemctl",
           verbs=("status", "show", "cat", "is-active", "is-failed", "is-enabled", "is-system-running", "list-units",
                  "list-unit-files", "list-timers", "list-sockets", "list-jobs", "list-dependencies",
                  "show-environment", "get-default", "--version"),
           flags=("--user", "--system", "--no-pager", "--all", "-a", "-l", "--full", "-q", "--quiet", "--failed",
                  "--plain", "--no-legend"),
           options=("-p", "--property", "--value", "--version", "-n", "--lines")),
    _looks("journalctl", "journalctl",
           options=("-u", "-n", "-e", "-x", "-f", "-r", "-b", "-p", "-k", "-o", "-S", "-U", "-t", "-g", "-q", "--unit",
                    "--user", "--user-unit", "--no-pager", "--since", "--until", "--lines", "--follow", "--output",
                    "--priority", "--boot", "--reverse", "--grep", "--dmesg", "--disk-usage", "--list-boots",
                    "--identifier", "--catalog")),
    _looks("network", "ss", "netstat", options=("-t", "-u", "-l", "-n", "-p", "-a", "-x", "-e", "-m", "-i", "-s", "-4",
                                                "-6", "-o", "-r")),
    _looks("ip", "ip", verbs=("addr show", "address show", "route show", "link show", "neigh show"),
           options=(), flags=("-4", "-6", "-br", "-brief", "-j", "-json", "-s", "-d", "-o")),
    # Not npm, pip, gem and their like: they run what a file beside them, or in the agent's home, tells them to.
    _looks("packages-listed", "apt", "apt-get", "apt-cache", "dpkg",
           verbs=("list", "show", "search", "policy", "depends", "rdepends", "info", "check", "-l", "-L", "-s", "-S"),
           options=("--installed", "--upgradable", "-l", "-L", "-s", "-S")),
    _looks("gatedog-read", "gatedog",
           verbs=("status", "events", "explain", "whoami", "requests list", "incident list", "incident show",
                  "incident timeline", "incident evidence", "incident verify", "doctor", "version", "runbook list",
                  "runbook show", "probe list", "probe history", "page list", "page channels", "policy check",
                  "policy show", "policy diff", "policy proposals", "policy review", "policy log", "gate check",
                  "gate report", "simulate", "verify", "backtest", "postmortem verify"),
           options=("--json", "--all", "-n", "--limit", "--follow", "-f", "--since", "--help", "-h", "--action",
                    "--path", "--directory", "--explain", "--like")),
)  # fmt: skip

_MILD = (
    # What these write they name, and what they name is judged with them. Nothing brings back what `rm` removes.
    # Nor is a link known by its words: where it leads depends on where it lies.
    _undoable("files", "mkdir", "touch", "cp", "mv", "tee",
              options=("-p", "-r", "-R", "-a", "-v", "-f", "-n", "-i", "-u", "-d", "-c", "-L", "-P", "-T",
                       "--parents", "--recursive", "--verbose", "--force", "--no-clobber", "--archive", "--append",
                       "--target-directory", "--directory", "--backup")),
    _undoable("questions", "gatedog", verbs=("ask", "incident hypothesis", "policy propose", "postmortem draft"),
              options=("--reason", "--json", "--claim", "--cite", "--refuted-by", "-m", "--message")),
)  # fmt: skip

_BY_NAME = (
    ActionRule(
        name="reading", effect=Effect.OBSERVE,
        actions=("read", "list", "search", "grep", "glob", "ls", "find", "view", "fetch", "web_fetch", "web_search",
                 "observe"),
    ),
    ActionRule(name="writing", effect=Effect.REVERSIBLE, actions=("write", "edit", "apply_patch", "patch", "create")),
    ActionRule(
        name="schedules-by-name", effect=Effect.DESTABILISING, actions=("cron", "schedule", "timer", "update"),
    ),
    ActionRule(
        name="lifecycle-by-name", effect=Effect.DESTABILISING, refuse=True,
        actions=("restart", "stop", "shutdown", "kill", "gateway.restart"),
    ),
)  # fmt: skip

SHIPPED: tuple[ActionRule, ...] = (*_REFUSALS, *_SUSPICIONS, *_HARMLESS, *_MILD, *_BY_NAME)
"""All of them; the order means nothing."""
