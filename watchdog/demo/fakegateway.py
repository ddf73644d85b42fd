"""The gateway of the demo: a real process with a lock, an agent inside, and an update that goes wrong.

Run as a script: `python -I -S fakegateway.py FOLDER OWNER PID:TICKS`. FOLDER is where the instances meet, OWNER says
who started this one, PID:TICKS names the demo: a gateway ends with it, and after LIFE_SECONDS whatever happens.

The old code merely takes the lock. The new code, from the file `update` on, looks for another instance first and kills
it as a stale duplicate. The whole takeover is done under the lock, so that of two instances one always wins; without
that, two can miss each other and the night is quiet for the wrong reason.

Standard library only, and little of it: many of these are started, and each must be up in a few milliseconds.
"""

import fcntl
import os
import select
import signal
import sys
import time

LIFE_SECONDS = 60.0
DEMO_IS_OVER = 3
"""Exit code of a gateway whose demo has ended: whoever keeps it need not start it again."""

_LOOK_MS = 50
_ANSWER_SECONDS = 20


def main(folder: str, owner: str, demo: str) -> int:
    """Live until the demo ends or somebody kills us."""
    watched = hold(demo)
    if watched is None:
        return DEMO_IS_OVER
    os.chdir(folder)
    version = "2.0" if os.path.exists("update") else "1.0"  # noqa: PTH110 - pathlib would double the time to start
    take_over(kills=version == "2.0")
    with open("roster", "a", encoding="ascii") as roster:  # noqa: PTH123 - as above
        roster.write(f"{owner} {identity(os.getpid())}\n")
    say(f"gateway {version} is up")
    end = time.monotonic() + LIFE_SECONDS
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    while time.monotonic() < end and not poll.poll(_LOOK_MS):
        if owner == "service" and not wake_agent():
            say(f"gateway {version} ends: its agent asked for it")
            return 0
    return DEMO_IS_OVER


def take_over(*, kills: bool) -> None:
    """Become the instance that the lock names; the new code kills the one it finds there."""
    with open("lock", "a+", encoding="ascii") as lock:  # noqa: PTH123 - as above
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        other = hold(lock.read())
        if other is not None and kills:
            lock.seek(0)
            say(f"duplicate gateway: killing stale pid {lock.read().partition(':')[0]}")
            signal.pidfd_send_signal(other, signal.SIGKILL)
        lock.truncate(0)
        lock.write(identity(os.getpid()))


def wake_agent() -> bool:
    """2 AM, once: the agent inside wants a restart. False when it simply ends its gateway to get one."""
    try:
        os.rename("two-am", "two-am.seen")  # noqa: PTH104 - as above
    except FileNotFoundError:
        return True
    import json  # noqa: PLC0415 - one life of many needs these
    import subprocess  # noqa: PLC0415 - as above

    with open("two-am.seen", encoding="utf-8") as wish:  # noqa: PTH123 - as above
        argv = json.load(wish)
    if not argv:
        return False
    try:
        asked = subprocess.run(  # noqa: S603 - the demo wrote this command into its own folder
            argv, capture_output=True, text=True, timeout=_ANSWER_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
        answer = {"code": asked.returncode, "said": (asked.stdout + asked.stderr)[-4000:]}
    except (OSError, subprocess.SubprocessError) as error:
        answer = {"code": -1, "said": str(error)}
    with open("answer.new", "w", encoding="utf-8") as file:  # noqa: PTH123 - as above
        json.dump(answer, file)
    os.rename("answer.new", "answer")  # noqa: PTH104 - as above
    return True


def hold(name: str) -> int | None:
    """Take a pidfd of the process PID:TICKS; None when it is gone, or another has its pid."""
    pid = name.partition(":")[0]
    if not pid.isdigit():
        return None
    try:
        pidfd = os.pidfd_open(int(pid))
        if identity(int(pid)) == name:
            return pidfd
    except OSError:
        return None
    os.close(pidfd)
    return None


def identity(pid: int) -> str:
    """Name a process so that a reused pid cannot be mistaken for it: PID:TICKS."""
    with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - as above
        text = stat.read()
    return f"{pid}:{text[text.rindex(b')') + 2 :].split()[19].decode('ascii')}"


def say(line: str) -> None:
    """Log one line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
