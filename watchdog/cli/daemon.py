"""`gatedog daemon` and `gatedog run`: the foreground processes that supervise.

They parse what a person typed and then become `python -m watchdog.daemon`: the same process, with its pid, its parent,
its descriptors and its environment, and without the command line in its memory for a year. Deliberately not here: the
policy. The daemon reads it, once, and says what is wrong with it.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Never

import click

from watchdog.cli.paths import Surroundings, claim_folder
from watchdog.cli.trouble import Trouble

NAME_MAX = 32
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option("--config", type=_FOLDER, help="The bundle: policy.toml, pager.toml. Default: /etc/gatedog, or yours.")
@click.option("--state", type=_FOLDER, help="Where the journal and the evidence are kept.")
@click.option("--runtime", type=_FOLDER, help="Where the socket and status.json are.")
@click.pass_obj
def daemon(surroundings: Surroundings, config: Path | None, state: Path | None, runtime: Path | None) -> None:
    """Supervise the gateways that policy.toml names. SIGHUP reads it again; SIGTERM leaves the gateways running."""
    runtime_folder = runtime or surroundings.runtime_folder()
    if runtime is None:
        claim_folder(runtime_folder, surroundings.uid)
    named = {"--config": config, "--state": state or surroundings.state_folder(), "--runtime": runtime_folder}
    become(daemon_words("daemon", named))


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--name", metavar="NAME", help="The gateway's name. Default: the program's.")
@click.option("--config", type=_FOLDER, help="A bundle: its [gateway.NAME] rules and its pager.toml.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, required=True, metavar="-- COMMAND...")
@click.pass_obj
def run(surroundings: Surroundings, name: str | None, config: Path | None, words: tuple[str, ...]) -> None:
    """Supervise one command, in the foreground. Ask it with: gatedog status."""
    chosen = name or name_for(words[0])
    runtime_folder = surroundings.runtime_folder(chosen)
    claim_folder(runtime_folder, surroundings.uid)
    state_folder = surroundings.state_folder(chosen)
    named = {"--name": chosen, "--config": config, "--state": state_folder, "--runtime": runtime_folder}
    become(daemon_words("run", named, words))


def name_for(program: str) -> str:
    """Make a gateway name of a program's: "/usr/bin/My_Agent.py" is "my-agent-py"."""
    name = re.sub(r"[^a-z0-9]+", "-", Path(program).name.lower()).strip("-")[:NAME_MAX].strip("-")
    return name if name[:1].isalpha() else f"gateway-{name}".rstrip("-")


def daemon_words(verb: str, named: Mapping[str, Path | str | None], command: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the words that `watchdog.daemon.invocation` reads: what is None is left out."""
    pairs = (word for name, value in named.items() if value is not None for word in (name, str(value)))
    return (verb, *pairs, *(("--", *command) if command else ()))


def become(words: Sequence[str]) -> Never:
    """Become the daemon. Raises Trouble when this Python cannot be started again."""
    # Without one of them Python would look for modules in the folder that the person happens to stand in.
    path_option = "-I" if sys.flags.isolated else "-P"
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execv(sys.executable, [sys.executable, path_option, "-m", "watchdog.daemon", *words])  # noqa: S606 - itself
    except OSError as error:
        why = f"cannot start {sys.executable}: {error.strerror}"
        raise Trouble(why, next_=(f"ls -l {sys.executable}",)) from None
