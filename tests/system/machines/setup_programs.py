"""Programs of the tests of setup: a gateway's rewritten CLI, one in the place of gatedog, and the servers of people."""

CLI = """\
#!/bin/sh
echo "uid $(id -u)"
for file in /etc/gatedog/policy.toml /etc/gatedog/credentials /var/lib/gatedog /run/gatedog/tickets /run/credentials \\
    /run/gatedog-observe /run/systemd/private /run/dbus/system_bus_socket; do
    { [ -r "$file" ] || [ -x "$file" ]; } && echo "sees $file"
done
systemctl --no-ask-password restart ssh.service 2>/dev/null && echo "restarted ssh"
ls /proc | grep -c '^[0-9]'
touch "$HOME/written" /tmp/written-by-cli 2>/dev/null && test -e "$HOME/written" && echo "wrote home"
echo end
"""
WITHIN = r"""
import ctypes, json, os, pathlib, select, signal, smtplib, socket, struct, subprocess, urllib.request

found = {}

def attempt(name):
    def run(what):
        try:
            found[name] = what()
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    return run

def said(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return "ok" if done.returncode == 0 else (done.stdout + done.stderr).strip()

GATEWAY, START, STOP, OBSERVE, ELSEWHERE = "@GATEWAY@", "@START@", "@STOP@", "@OBSERVE@", "@ELSEWHERE@"
libc = ctypes.CDLL(None, use_errno=True)
pid = int(subprocess.run(["systemctl", "show", "-P", "MainPID", GATEWAY], capture_output=True, text=True).stdout)

@attempt("uid")
def _(): return os.getuid() != 0 and os.geteuid() != 0

@attempt("http")
def _(): return urllib.request.urlopen(f"http://{ELSEWHERE}:8080/page", b"text", timeout=10).status

@attempt("smtp")
def _():
    with smtplib.SMTP(ELSEWHERE, 2525, timeout=10) as server:
        return server.sendmail("a@b", ["c@d"], "Subject: x\r\n\r\ny")

@attempt("loopback")
def _(): return bool(socket.create_connection(("127.0.0.1", 18789), 5))

@attempt("journal")
def _():
    shown = subprocess.run(["journalctl", "-u", GATEWAY, "-o", "cat"], capture_output=True, text=True).stdout
    return "gateway speaks" in shown

@attempt("lock in home")
def _(): return pathlib.Path("/home/openclaw/gateway.lock").read_text()

@attempt("policy")
def _(): return "openclaw" in pathlib.Path("/etc/gatedog/policy.toml").read_text()

@attempt("credential")
def _(): return pathlib.Path(os.environ["CREDENTIALS_DIRECTORY"], "credentials_token").read_text()

@attempt("pidfd")
def _():
    descriptor = os.pidfd_open(pid)
    return select.select([descriptor], [], [], 0)[0] == []

@attempt("program of another uid")
def _(): return os.readlink(f"/proc/{pid}/exe").startswith("/usr/bin/python3")

@attempt("program of root")
def _(): return bool(os.readlink("/proc/1/exe"))

@attempt("perf_event_open")
def _():
    # PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, size 64; one processor, every process
    attributes = struct.pack("IIQ", 1, 64, 0) + bytes(48)
    descriptor = libc.syscall(298, attributes, -1, 0, -1, 0)
    return "ok" if descriptor >= 0 else os.strerror(ctypes.get_errno())

@attempt("sock_diag")
def _(): return bool(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4))

@attempt("inotify")
def _(): return libc.inotify_init1(0) >= 0

@attempt("status file")
def _():
    pathlib.Path("/run/gatedog/probe").write_text("x")
    return os.listdir("/run/gatedog/tickets")

# What it must not.
@attempt("kill")
def _(): return os.kill(pid, 0)
@attempt("descriptors of another uid")
def _(): return os.listdir(f"/proc/{pid}/fd")
@attempt("write /etc")
def _(): return pathlib.Path("/etc/gatedog/x").write_text("")
@attempt("write home")
def _(): return pathlib.Path("/home/openclaw/x").write_text("")
@attempt("write cgroup")
def _(): return pathlib.Path("/sys/fs/cgroup/system.slice/cgroup.procs").write_text("0")
@attempt("sudo")
def _(): return said("sudo", "-n", "true")
@attempt("write+execute")
def _():
    import mmap
    return bool(mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC))

# polkit: exactly these.
ticket = pathlib.Path("/run/gatedog/tickets/@STEM@")
found["stop"] = said("systemctl", "--no-ask-password", "start", STOP)
found["down"] = subprocess.run(["systemctl", "is-active", GATEWAY], capture_output=True, text=True).stdout.strip()
found["start without a ticket"] = said("systemctl", "--no-ask-password", "start", START)
found["still down"] = subprocess.run(["systemctl", "is-active", GATEWAY], capture_output=True, text=True).stdout.strip()
ticket.write_text("7\n")
found["start"] = said("systemctl", "--no-ask-password", "start", START)
ticket.unlink()
found["up"] = subprocess.run(["systemctl", "is-active", GATEWAY], capture_output=True, text=True).stdout.strip()
found["observe"] = said("systemctl", "--no-ask-password", "start", OBSERVE)
found["observed"] = pathlib.Path("/run/gatedog-observe/openclaw-look.out").read_text()
found["reset-failed"] = said("systemctl", "--no-ask-password", "reset-failed", GATEWAY)
found["kill through systemd"] = said("systemctl", "--no-ask-password", "kill", "--signal=SIGCONT", GATEWAY)
for line in (
    f"start {GATEWAY}", f"restart {GATEWAY}", f"stop {GATEWAY}", f"freeze {GATEWAY}",
    f"set-property {GATEWAY} MemoryMax=1",
    "start gatedog-start@cron.target", "start gatedog-stop@cron.target", f"stop {START}", f"restart {START}",
    "start gatedog-observe@openclaw-other.service", f"stop {OBSERVE}", "kill cron.service", "restart cron.service",
    "daemon-reload", "daemon-reexec", "reboot", "poweroff", "isolate multi-user.target", "set-environment A=b",
    "link /tmp/x.service", "disable cron.service",
):
    found["systemctl " + line] = said("systemctl", "--no-ask-password", *line.split())
found["systemd-run"] = said("systemd-run", "--no-ask-password", "--wait", "true")
pathlib.Path("/var/lib/gatedog/found.json").write_text(json.dumps(found))
"""
FAR = r"""
import http.server, socketserver, threading
class Page(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        got = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.send_response(200); self.end_headers(); print("http", got, flush=True)
class Mail(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 hello\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() != b".\r\n": pass
                print("smtp mail", flush=True)
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
            if word == b"QUIT": return
servers = [http.server.HTTPServer(("", 8080), Page), socketserver.TCPServer(("", 2525), Mail)]
threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in servers]
[thread.start() for thread in threads]
print("ready", flush=True)
[thread.join() for thread in threads]
"""
