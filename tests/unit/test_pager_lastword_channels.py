"""The last word by every kind of channel: the same settings, the same words, and no daemon."""

from pathlib import Path

import pytest
from page_channels import MAKERS, Address, Receiver

from watchdog.core.policy import EscalationPolicy
from watchdog.core.timeline import HOUR, MINUTE
from watchdog.pager.channels.wall import wall_text
from watchdog.pager.lastword import Kind, Memory, Sight, step, word

NOW = 1_774_494_251_000_000
DEAD = Memory(
    kind=Kind.DEAD,
    outage="j1:1",
    written_usec=NOW - MINUTE,
    seen_usec=HOUR,
    since_usec=NOW,
    journal_id="j1",
    pid=7,
    gateways=("openclaw",),
)


@pytest.mark.parametrize("kind", list(MAKERS))
def test_o15_every_kind_of_channel_takes_the_last_word(kind: str, tmp_path: Path) -> None:
    """Over HTTP: one request that says that gatedog is dead, taken without a daemon, a journal or a socket."""
    receiver = Receiver()
    channel = MAKERS[kind](tmp_path, receiver.ask, Address())

    assert channel.deliver(word(DEAD, "out", "web1", "gatedog")).detail
    assert b"openclaw unwatched" in receiver.requests[0].body.replace(b"+", b" ")


def test_o15_the_terminals_of_this_machine_take_it_too() -> None:
    """Whoever is logged in sees it."""
    assert wall_text(word(DEAD, "wall", "web1", "gatedog")).startswith("gatedog: gatedog: dead; openclaw unwatched")


def test_o15_it_goes_to_every_tier_at_once() -> None:
    """Nobody is left who could wait for an acknowledgement."""
    people = EscalationPolicy(tiers=(("phone",), ("mail", "phone"), ("boss",)), notices=("log",))
    sight = Sight(now_usec=NOW, uptime_usec=HOUR, written_usec=NOW - MINUTE, pid=7, pid_lives=False)
    after = step(None, sight, people)

    assert after is not None
    assert (after.kind, after.waiting) == (Kind.DEAD, ("phone", "mail", "boss"))
