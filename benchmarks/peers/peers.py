"""One small class per supervisor. To add a peer: subclass Peer, set `name`, give
version(), start() and (if it is not enough to end self.procs) stop(); list it in ALL.

A peer is built with (child, n, options) where `child` is the static child binary and
`n` the number of children. start() must bring up n children which append to
self.stamp(0..n-1); everything it writes belongs under self.dir (a fresh temp dir).
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

DEVNULL = subprocess.DEVNULL


def out(*cmd, **kw):
    r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    return r.stdout.strip()


def ppids():
    """{pid: ppid} for the whole machine."""
    d = {}
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                s = pathlib.Path("/proc", p, "stat").read_text()
                d[int(p)] = int(s[s.rindex(")") + 2:].split()[1])
            except (OSError, ValueError):
                pass
    return d


class Peer:
    name = "?"
    delay = "?"          # the restart delay in force, in words
    bin = None           # the binary that must be on PATH
    unit_ok = True       # can hold 100 children

    def __init__(self, child, n=1, life=None, exit_code=1, user=None):
        self.child, self.n, self.life, self.exit_code, self.user = str(child), n, life, exit_code, user
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="peer-"))
        self.dir.chmod(0o755)
        self.procs = []          # Popen objects of the supervisor's own root processes
        for i in range(n):
            (self.dir / f"s{i}").mkdir()
            (self.dir / f"s{i}").chmod(0o777)

    # --- to override -----------------------------------------------------
    @classmethod
    def version(cls):
        return cls.bin if shutil.which(cls.bin) else None

    def start(self):
        raise NotImplementedError

    def root_pids(self):
        return [p.pid for p in self.procs]

    def stop(self):
        for p in self.procs:
            if p.poll() is None:
                p.terminate()
        for p in self.procs:
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        self.reap_children()
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- shared ----------------------------------------------------------
    def stamp(self, i=0):
        return self.dir / f"s{i}" / "stamp"

    def argv(self, i=0):
        a = [self.child, str(self.stamp(i))]
        if self.life is not None:
            a += [str(self.life), str(self.exit_code)]
        return a

    def stamps(self, i=0):
        """[(pid, monotonic_ns), ...] one for each start of child i."""
        try:
            t = self.stamp(i).read_text()
        except OSError:
            return []
        return [tuple(map(int, ln.split())) for ln in t[:t.rfind("\n") + 1].splitlines()]

    def child_pid(self, i=0):
        s = self.stamps(i)
        return s[-1][0] if s else None

    def wait_up(self, timeout=60):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if all(self.stamp(i).exists() for i in range(self.n)):
                return True
            time.sleep(0.05)
        return False

    def own_pids(self):
        """The supervisor's own processes: its roots and their descendants, less the children."""
        pp = ppids()
        kids = {self.child_pid(i) for i in range(self.n)}
        own = set(self.root_pids())
        more = True
        while more:
            new = {p for p, q in pp.items() if q in own and p not in own and p not in kids}
            own |= new
            more = bool(new)
        return sorted(p for p in own if p in pp)

    def spawn(self, *cmd, **kw):
        log = open(self.dir / "log", "ab")
        p = subprocess.Popen(cmd, stdin=DEVNULL, stdout=log, stderr=log, start_new_session=True, **kw)
        self.procs.append(p)
        return p

    def reap_children(self):
        """End children that the supervisor left behind: only pids still running our binary."""
        for i in range(self.n):
            pid = self.child_pid(i)
            try:
                cmd = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            cwd_ok = False
            try:
                cwd_ok = os.readlink(f"/proc/{pid}/cwd").startswith(str(self.dir))
            except OSError:
                pass
            if str(self.dir).encode() in cmd or cwd_ok:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass


class Systemd(Peer):
    """PID 1 itself; units live in /run and are removed again."""
    name = "systemd (RestartSec=100ms)"
    delay = "RestartSec=100ms (the default)"
    restart_sec = "100ms"
    limits = "StartLimitIntervalSec=0"
    extra = ""

    @classmethod
    def version(cls):
        if not os.path.isdir("/run/systemd/system") or os.geteuid():
            return None
        return out("systemctl", "--version").splitlines()[0]

    def unit(self, i):
        return f"{self.dir.name}-{i}.service"

    def start(self):
        rundir = pathlib.Path("/run/systemd/system")
        for i in range(self.n):
            user = f"User={self.user}\n" if self.user else ""
            (rundir / self.unit(i)).write_text(
                f"[Unit]\n{self.limits}\n[Service]\nExecStart={' '.join(self.argv(i))}\n"
                f"Restart=always\nRestartSec={self.restart_sec}\n{user}{self.extra}\n")
        # no daemon-reload: the names are new, and a reload resets every unit's start-limit count
        out("systemctl", "start", "--no-block", *[self.unit(i) for i in range(self.n)])

    def root_pids(self):
        return [1]

    def own_pids(self):
        return [1]

    def state(self, i=0):
        return out("systemctl", "show", "-p", "ActiveState,SubState,Result,NRestarts", self.unit(i)).replace("\n", " ")

    def stop(self):
        units = [self.unit(i) for i in range(self.n)]
        for u in units:          # files first: a RefuseManualStop= in them would refuse the stop
            pathlib.Path("/run/systemd/system", u).unlink(missing_ok=True)
            shutil.rmtree(f"/run/systemd/system/{u}.d", ignore_errors=True)
        out("systemctl", "daemon-reload")
        out("systemctl", "stop", *units)
        out("systemctl", "reset-failed", *units)
        shutil.rmtree(self.dir, ignore_errors=True)


class Systemd0(Systemd):
    name = "systemd (RestartSec=0)"
    delay = "RestartSec=0"
    restart_sec = "0"


class Monit(Peer):
    name = "monit (cycle 1 s)"
    delay = "poll cycle, 1 s at the least"
    bin = "monit"
    cycle = 1
    rules = ""

    @classmethod
    def version(cls):
        return out("monit", "--version").splitlines()[0] if shutil.which("monit") else None

    def start(self):
        rc = [f"set daemon {self.cycle}", f"set log {self.dir}/monit.log",
              f"set pidfile {self.dir}/monit.pid", f"set idfile {self.dir}/id", f"set statefile {self.dir}/state",
              f"set httpd unixsocket {self.dir}/sock", "    allow root:peers"]
        for i in range(self.n):
            d = self.dir / f"s{i}"
            st = d / "start"
            st.write_text(f"#!/bin/sh\n{' '.join(self.argv(i))} </dev/null >/dev/null 2>&1 &\n"
                          f"echo $! > {d}/pid\n")
            st.chmod(0o755)
            rc.append(f'check process c{i} with pidfile {d}/pid\n'
                      f'  start program = "{st}"{self.run_as()}\n'
                      f'  stop program = "/bin/sh -c \'kill $(cat {d}/pid)\'"\n{self.rules}')
        f = self.dir / "monitrc"
        f.write_text("\n".join(rc) + "\n")
        f.chmod(0o600)
        self.spawn("monit", "-I", "-c", str(f))

    def run_as(self):
        return f' as uid "{self.user}" and gid "{self.user}"' if self.user else ""

    def state(self, i=0):
        t = out("monit", "-c", f"{self.dir}/monitrc", "status", f"c{i}").splitlines()
        return " ".join(x.strip() for x in t if "status" in x.lower())

    def ctl(self, *a):
        return out("monit", "-c", f"{self.dir}/monitrc", *a)


class Monit30(Monit):
    name = "monit (cycle 30 s)"
    delay = "poll cycle 30 s"
    cycle = 30


class Supervisor(Peer):
    name = "supervisord"
    delay = "none settable; next main-loop pass"
    bin = "supervisord"
    program = "startsecs=1\nstartretries=3\n"      # the defaults

    @classmethod
    def version(cls):
        return "supervisord " + out("supervisord", "--version") if shutil.which(cls.bin) else None

    def start(self):
        c = [f"[unix_http_server]\nfile={self.dir}/sock\n"
             f"[supervisord]\nnodaemon=true\nlogfile={self.dir}/supervisord.log\n"
             f"pidfile={self.dir}/pid\nchildlogdir={self.dir}\nuser=root\n"
             "[rpcinterface:supervisor]\n"
             "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
             f"[supervisorctl]\nserverurl=unix://{self.dir}/sock\n"]
        for i in range(self.n):
            user = f"user={self.user}\n" if self.user else ""
            c.append(f"[program:c{i}]\ncommand={' '.join(self.argv(i))}\nautorestart=true\n"
                     f"stdout_logfile=NONE\nstderr_logfile=NONE\n{self.program}{user}")
        f = self.dir / "conf"
        f.write_text("".join(c))
        self.spawn("supervisord", "-c", str(f))

    def state(self, i=0):
        return out("supervisorctl", "-c", f"{self.dir}/conf", "status", f"c{i}")

    def ctl(self, *a):
        return out("supervisorctl", "-c", f"{self.dir}/conf", *a)


class _ScanDir(Peer):
    """runit and s6 share the layout; `run` is a copy of the child, which stamps ./stamp."""
    finish = None

    def layout(self):
        for i in range(self.n):
            d = self.dir / f"s{i}"
            r = d / "run"
            if self.life is None:
                shutil.copy(self.child, r)
            else:
                pre = f"chpst -u {self.user} " if self.user else ""
                r.write_text(f"#!/bin/sh\nexec {pre}{' '.join(self.argv(i))}\n")
            r.chmod(0o755)
            if self.finish:
                (d / "finish").write_text(self.finish)
                (d / "finish").chmod(0o755)


class Runit(_ScanDir):
    name = "runit"
    delay = "0 if it ran >= 1 s, else 1 s (fixed)"
    bin = "runsvdir"

    @classmethod
    def version(cls):
        return "runit " + out("dpkg-query", "-W", "-f", "${Version}", "runit") if shutil.which(cls.bin) else None

    def start(self):
        self.layout()
        self.spawn("runsvdir", "-P", str(self.dir))

    def state(self, i=0):
        return out("sv", "status", str(self.dir / f"s{i}"))

    def ctl(self, *a):
        return out("sv", *a)

    def stop(self):
        for p in self.procs:           # HUP: runsvdir sends TERM to every runsv and exits
            p.send_signal(signal.SIGHUP)
            p.wait(10)
        end = time.monotonic() + 10
        while time.monotonic() < end and any(os.path.exists(f"/proc/{self.child_pid(i)}") for i in range(self.n)):
            time.sleep(0.1)
        super().stop()


class S6(_ScanDir):
    name = "s6"
    delay = "1 s after the death (fixed)"
    bin = "s6-svscan"

    @classmethod
    def version(cls):
        return "s6 " + out("dpkg-query", "-W", "-f", "${Version}", "s6") if shutil.which(cls.bin) else None

    def start(self):
        self.layout()
        for f in self.dir.glob("s*/stamp"):
            f.unlink()
        self.spawn("s6-svscan", "-c", str(max(500, self.n * 2)), str(self.dir))

    def state(self, i=0):
        return out("s6-svstat", str(self.dir / f"s{i}")) + " | tally: " + str(
            len(out("s6-svdt", str(self.dir / f"s{i}")).splitlines()))

    def stop(self):
        out("s6-svscanctl", "-t", str(self.dir))
        super().stop()


class Pm2(Peer):
    name = "pm2"
    delay = "restart_delay=0 (the default)"
    bin = "pm2"
    app = {}

    @classmethod
    def version(cls):
        if not shutil.which(cls.bin):
            return None
        p = pathlib.Path(os.path.realpath(shutil.which("pm2"))).parent.parent / "package.json"
        return "pm2 " + json.loads(p.read_text())["version"] + " on node " + out("node", "--version")

    def env(self):
        return {"PATH": os.environ["PATH"], "HOME": str(self.dir), "PM2_HOME": f"{self.dir}/pm2"}

    def start(self):
        apps = []
        for i in range(self.n):
            a = {"name": f"c{i}", "script": self.argv(i)[0], "args": self.argv(i)[1:],
                 "interpreter": "none", "exec_mode": "fork", "cwd": str(self.dir)}
            a.update(self.app)
            apps.append(a)
        f = self.dir / "apps.config.json"
        f.write_text(json.dumps({"apps": apps}))
        self.ctl("start", str(f))

    def ctl(self, *a):
        return out("pm2", *a, env=self.env())

    def root_pids(self):
        try:
            return [int((self.dir / "pm2" / "pm2.pid").read_text())]
        except OSError:
            return []

    def state(self, i=0):
        try:
            l = json.loads(self.ctl("jlist").splitlines()[-1])[i]["pm2_env"]
        except (ValueError, IndexError):
            return "?"
        return f"{l['status']} restart_time={l['restart_time']} unstable_restarts={l['unstable_restarts']}"

    def stop(self):
        self.ctl("kill")
        super().stop()


class Circus(Peer):
    name = "circus (check_delay 0.1 s)"
    delay = "check_delay=0.1 s"
    bin = "circusd"
    check = 0.1
    plugin = ""

    @classmethod
    def version(cls):
        return "circusd " + out("circusd", "--version").split()[-1] if shutil.which(cls.bin) else None

    def start(self):
        c = [f"[circus]\ncheck_delay={self.check}\nendpoint=ipc://{self.dir}/ep\n"
             f"pubsub_endpoint=ipc://{self.dir}/ps\nstats_endpoint=ipc://{self.dir}/st\n{self.plugin}"]
        for i in range(self.n):
            uid = f"uid={self.user}\n" if self.user else ""
            c.append(f"[watcher:c{i}]\ncmd={' '.join(self.argv(i))}\nnumprocesses=1\n{uid}")
        f = self.dir / "circus.ini"
        f.write_text("".join(c))
        self.spawn("circusd", str(f))

    def ctl(self, *a):
        return out("circusctl", "--endpoint", f"ipc://{self.dir}/ep", *a)

    def state(self, i=0):
        return self.ctl("status", f"c{i}")


class Circus5(Circus):
    name = "circus (check_delay 5 s)"
    delay = "check_delay=5 s (the default)"
    check = 5


class Gatedog(Peer):
    """This project. Budgets and detectors are set far out of reach: what is measured is the restart, not the hold."""

    name = "gatedog"
    delay = "none for the first restart after stable_after (1 s here)"
    bin = "gatedog"
    rules = ('backoff = {first = "1ms", max = "1ms", stable_after = "1s"}\n'
             'budget = {windows = ["1000 per 1min"], self_restart = ["1000 per 1min"]}\n'
             'spiral = {page_at = 1000, identical_page_at = 1000, hold_below = "2ms"}\n'
             'ready = {kind = "delay", delay = "10ms"}\n')

    @classmethod
    def command(cls):
        local = pathlib.Path(__file__).resolve().parent / ".." / ".." / ".venv" / "bin" / "gatedog"
        return str(local) if local.exists() else shutil.which(cls.bin)

    @classmethod
    def version(cls):
        return out(cls.command(), "--version") if cls.command() else None

    def start(self):
        config = self.dir / "config"
        config.mkdir(mode=0o700)
        tables = [f"[gateway.c{i}]\ncommand = {json.dumps(self.argv(i))}\n{self.rules}" for i in range(self.n)]
        (config / "policy.toml").write_text("".join(tables))
        (config / "policy.toml").chmod(0o600)
        self.spawn(self.command(), "daemon", "--config", str(config),
                   "--state", f"{self.dir}/state", "--runtime", f"{self.dir}/run")

    def state(self, i=0):
        return out(self.command(), "--socket", f"{self.dir}/run/control.sock", "status", f"c{i}", "-o", "short")


ALL = [Systemd, Systemd0, Monit, Monit30, Supervisor, Runit, S6, Pm2, Circus, Circus5, Gatedog]
