"""The detectors: when a row of endings is one story."""

from watchdog.core.endings import ExitRecord, Sender, fingerprint
from watchdog.core.identity import Seq
from watchdog.core.policy import SpiralPolicy
from watchdog.core.rules import RuleId
from watchdog.core.spiral import CHAIN_MAX, SpiralFinding, extend, findings, gap_median_usec
from watchdog.core.state import ChainLink
from watchdog.core.timeline import HOUR, MINUTE, SECOND, Usec

POLICY = SpiralPolicy()
FAILED, CRASHED = ExitRecord(code=1), ExitRecord(signal="SIGSEGV")
VARIED = (FAILED, CRASHED, ExitRecord(code=2), ExitRecord(signal="SIGBUS"), ExitRecord(code=3))


def chain(*endings: tuple[int, ExitRecord], ready: bool = True) -> tuple[ChainLink, ...]:
    """Chain endings at these microseconds."""
    links: tuple[ChainLink, ...] = ()
    for at, record in endings:
        link = ChainLink(
            at_usec=Usec(at), seq=Seq(1), fingerprint=fingerprint(record), exit=record, was_ready=ready, lived_usec=1
        )
        links = extend(links, link, POLICY)
    return links


def found(*endings: tuple[int, ExitRecord], ready: bool = True) -> dict[RuleId, SpiralFinding]:
    """Run the detectors over a chain."""
    return {finding.rule: finding for finding in findings(chain(*endings, ready=ready), POLICY)}


def apart(gap: int, *records: ExitRecord) -> tuple[tuple[int, ExitRecord], ...]:
    """Space endings evenly."""
    return tuple((number * gap, record) for number, record in enumerate(records))


def test_three_different_endings_are_no_story_yet() -> None:
    """Three are bad luck."""
    assert found(*apart(20 * MINUTE, *VARIED[:3])) == {}


def test_the_fourth_ending_in_a_row_is_one() -> None:
    """However different, however slow: four within reach of each other are one story."""
    first = findings(chain(*apart(HOUR, *VARIED[:4])), POLICY)[0]

    assert first.rule is RuleId.SPIRAL_CHAIN
    assert not first.hold


def test_a_gap_of_four_hours_still_chains_and_a_longer_one_does_not() -> None:
    """The reach of a chain is a gap, never a window: any window can be outwaited."""
    assert len(chain((0, FAILED), (4 * HOUR, FAILED))) == 2
    assert len(chain((0, FAILED), (4 * HOUR + 1, FAILED))) == 1


def test_three_identical_endings_within_a_quarter_of_an_hour_are_one() -> None:
    """The same death three times needs no fourth."""
    said = found(*apart(7 * MINUTE, FAILED, FAILED, FAILED))

    assert list(said) == [RuleId.SPIRAL_IDENTICAL]
    assert found(*apart(8 * MINUTE, FAILED, FAILED, FAILED)) == {}
    assert found(*apart(7 * MINUTE, FAILED, CRASHED, FAILED)) == {}


def test_three_lives_that_never_served_are_one() -> None:
    """However they ended."""
    said = found(*apart(6 * MINUTE, *VARIED[:3]), ready=False)

    assert list(said) == [RuleId.SPIRAL_NEVER_READY]
    assert found(*apart(8 * MINUTE, *VARIED[:3]), ready=False) == {}


def test_instances_that_end_each_other_are_held_at_any_pace() -> None:
    """Both sides win such a fight, so waiting for the next round is pointless."""
    duplicate = ExitRecord(code=1, by=Sender.PEER_INSTANCE)
    said = found(*apart(HOUR, duplicate, FAILED, duplicate, duplicate))

    assert said[RuleId.SPIRAL_ALTERNATING].hold
    assert not said[RuleId.SPIRAL_CHAIN].hold
    assert RuleId.SPIRAL_ALTERNATING not in found(*apart(HOUR, duplicate, FAILED, duplicate, FAILED))


def test_a_second_owner_is_named() -> None:
    """What another manager ends is not the gateway's failure."""
    other = ExitRecord(signal="SIGTERM", by=Sender.SECOND_MANAGER)
    rival = ExitRecord(signal="SIGTERM", by=Sender.WATCHDOG)

    assert next(iter(found(*apart(HOUR, other, rival, other)))) is RuleId.SPIRAL_SECOND_MANAGER
    assert RuleId.SPIRAL_SECOND_MANAGER not in found(*apart(HOUR, other, FAILED, FAILED, other))


def test_the_same_gap_every_time_points_to_a_timer() -> None:
    """A tenth of tolerance, and the sentence says the period to look for."""
    even = found((0, FAILED), (60 * MINUTE, CRASHED), (118 * MINUTE, FAILED), (180 * MINUTE, CRASHED))
    uneven = found((0, FAILED), (60 * MINUTE, CRASHED), (110 * MINUTE, FAILED), (180 * MINUTE, CRASHED))

    assert "look for a timer" in even[RuleId.SPIRAL_CADENCE].because
    assert RuleId.SPIRAL_CADENCE not in uneven


def test_endings_at_one_moment_have_no_cadence() -> None:
    """No gap is no period."""
    assert RuleId.SPIRAL_CADENCE not in found(*apart(0, *VARIED[:4]))


def test_a_fast_row_is_held() -> None:
    """Under five minutes from death to death, waiting for a human is cheaper than the next death."""
    assert found(*apart(5 * MINUTE - 1, *VARIED[:4]))[RuleId.SPIRAL_CHAIN].hold
    assert not found(*apart(5 * MINUTE, *VARIED[:4]))[RuleId.SPIRAL_CHAIN].hold


def test_the_pace_is_that_of_the_last_gaps() -> None:
    """A row that was slow last night and is fast now is fast."""
    slow_then_fast = [(number * HOUR, FAILED) for number in range(8)]
    slow_then_fast += [(7 * HOUR + number * SECOND, FAILED) for number in range(1, 9)]

    assert gap_median_usec(chain(*slow_then_fast)) == SECOND
    assert gap_median_usec(()) == 0


def test_the_chain_is_bounded() -> None:
    """A loop that runs for a week does not fill the memory."""
    assert len(chain(*apart(SECOND, *([FAILED] * (CHAIN_MAX + 5))))) == CHAIN_MAX


def test_at_none_identical_endings_are_never_one() -> None:
    """A policy that looks at 0 of them has switched that off, and lives that never served with it."""
    never = SpiralPolicy(identical_page_at=0)

    assert findings(chain(*apart(MINUTE, FAILED, FAILED, FAILED), ready=False), never) == ()
