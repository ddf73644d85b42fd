"""A page in less room: what goes first, and what never goes half."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from page_samples import CRITICAL, message_of

from watchdog.pager.fit import LOOK, fit

MESSAGE = message_of(CRITICAL)


def test_with_room_enough_nothing_changes() -> None:
    """The lines are the message's own."""
    assert fit(MESSAGE, 5000) == MESSAGE.lines
    assert fit(MESSAGE, 5000, titled=False) == MESSAGE.lines[1:]


def test_the_agents_claim_goes_first() -> None:
    """What a suspect says is the least that a woken person needs."""
    lines = fit(MESSAGE, len("\n".join(MESSAGE.lines)) - 1)

    assert lines == MESSAGE.lines[:-2]


def test_then_sentences_are_cut_and_the_command_stays_whole() -> None:
    """The first line and the command outlive every explanation."""
    lines = fit(MESSAGE, 320)

    assert lines[0] == MESSAGE.title
    assert lines[3] == f"next: {CRITICAL.next_command}"
    assert any(line.endswith("\u2026") for line in lines)
    assert f"runbook: {MESSAGE.runbook}" in lines


def test_a_link_is_whole_or_absent() -> None:
    """Half a link leads somewhere else."""
    for room in range(1, 400):
        assert all(line == f"runbook: {MESSAGE.runbook}" for line in fit(MESSAGE, room) if line.startswith("runbook"))


def test_a_command_that_does_not_fit_is_left_out_whole() -> None:
    """Half a command may be another one; where to look instead is said in its place."""
    long = message_of(replace(CRITICAL, next_command=f"gatedog journal verify /{'x' * 900}"))

    lines = fit(long, 300)

    assert LOOK in lines
    assert not any("xxx" in line for line in lines)


@given(room=st.integers(1, 600), titled=st.booleans())
def test_no_room_is_ever_exceeded(room: int, titled: bool) -> None:
    """Whatever the room, what comes out fits and is not empty."""
    for measure in (len, lambda text: len(text.encode("utf-16-le"))):
        text = "\n".join(fit(MESSAGE, room, measure=measure, titled=titled))

        assert measure(text) <= max(room, measure("\u2026"))
        assert text


def test_a_lock_screen_is_enough() -> None:
    """Forty letters are left of a page on a watch, and they say which gateway and what."""
    assert fit(MESSAGE, 40)[0].startswith("openclaw: held after 3 kills")
