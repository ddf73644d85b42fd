"""Quiet hours in pager.toml, the zone's changes of clock, and the dead-man switches."""

from zoneinfo import ZoneInfo

import pytest

from watchdog.core.policy import Window, ZoneOffset
from watchdog.core.timeline import HOUR, MINUTE
from watchdog.policyfile.pagersettings import parse_pager
from watchdog.policyfile.pagersettings_deadman import SwitchKind
from watchdog.policyfile.problems import PolicyProblems
from watchdog.policyfile.zone import offsets_of


def escalation(line: str) -> bytes:
    """Write pager.toml with a line under [escalation]."""
    return f'[escalation]\ntiers = [["terminal"]]\n{line}\n'.encode()


def problems(raw: bytes) -> str:
    """Return what is wrong with it."""
    with pytest.raises(PolicyProblems) as refused:
        parse_pager(raw, "pager.toml")
    return str(refused.value)


def test_o08_quiet_hours_name_a_zone() -> None:
    """Kept as numbers, with the zone's changes from this year on."""
    hours = parse_pager(escalation('quiet_hours = "22:30-07:00 Europe/Berlin"'), "p").escalation.quiet_hours

    assert hours is not None
    assert (hours.zone, hours.begins_usec, hours.ends_usec) == ("Europe/Berlin", 22 * HOUR + 30 * MINUTE, 7 * HOUR)
    assert len(hours.offsets) == 7


def test_no_quiet_hours_is_the_default() -> None:
    """And can be written down."""
    assert parse_pager(escalation('quiet_hours = ""'), "p").escalation.quiet_hours is None


def test_changes_of_clock_are_known_to_the_second() -> None:
    """Berlin, 2026: 29 March and 25 October, 01:00 UTC."""
    offsets = offsets_of(ZoneInfo("Europe/Berlin"), 2026)

    assert offsets[:3] == (
        ZoneOffset(since_wall_usec=1_767_225_600_000_000, offset_usec=HOUR),
        ZoneOffset(since_wall_usec=1_774_746_000_000_000, offset_usec=2 * HOUR),
        ZoneOffset(since_wall_usec=1_792_890_000_000_000, offset_usec=HOUR),
    )


def test_a_zone_without_changes_is_one_number() -> None:
    """Half an hour included."""
    assert [each.offset_usec for each in offsets_of(ZoneInfo("Asia/Kolkata"), 2026)] == [5 * HOUR + 30 * MINUTE]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("22:00-07:00", "not a span of hours with a zone"),
        ("22:00-07:00 Berlin/Europe", 'knows no zone "Berlin/Europe"'),
        ("22:00-07:00 ../../etc/passwd", "not a span of hours"),
        ("22:00-07:00 /etc/passwd", "knows no zone"),
        ("29:00-07:00 UTC", "not a span of hours"),
        ("22:00-22:00 UTC", "begins when it ends"),
    ],
)
def test_other_words_are_a_problem_with_a_cure(text: str, said: str) -> None:
    """Nothing is guessed."""
    found = problems(escalation(f'quiet_hours = "{text}"'))

    assert said in found
    assert "22:00-07:00 Europe/Berlin" in found or "list-timezones" in found


def test_o09_burst_and_reserve_are_the_humans() -> None:
    """With the last resort beside them."""
    raw = escalation('burst = "3 per 1min"\ncritical_reserve = 2\nlast_resort = ["terminal"]')
    rules = parse_pager(raw, "p").escalation

    assert (rules.channel_burst, rules.critical_reserve) == (Window(starts=3, per_usec=MINUTE), 2)


@pytest.mark.parametrize("line", ['burst = "many"', "critical_reserve = 0", 'last_resort = ["nobody"]'])
def test_a_bad_limit_is_a_problem(line: str) -> None:
    """A reserve of none would let warnings silence what is critical."""
    assert line.partition(" ")[0] in problems(escalation(line))


SWITCH = '[escalation]\ntiers = [["terminal"]]\n[deadman.hc]\n'


def test_a_switch_is_read() -> None:
    """Its address stands in a file."""
    raw = SWITCH + 'kind = "healthchecks"\nurl_file = "/etc/gatedog/hc.url"\nevery = "2min"\n'
    (switch,) = parse_pager(raw.encode(), "p").deadman

    assert (switch.name, switch.kind, switch.every_usec) == ("hc", SwitchKind.HEALTHCHECKS, 2 * MINUTE)
    assert switch.web.url_file == "/etc/gatedog/hc.url"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "kind is missing"),
        ('kind = "healthchecks"', "url_file is missing"),
        ('kind = "snitch"\nurl_file = "x"', "is not absolute"),
        ('kind = "healthchecks"\nurl_file = "/x"\nurl = "https://hc.example/u"', "means nothing"),
        ('kind = "healthchecks"\nurl_file = "/x"\nevery = "1s"', "[deadman.hc] every is 1s"),
        ('kind = "healthchecks"\nurl_file = "/x"\ntimeout = "5min"', "timeout is 5m"),
        ('kind = "ntfy"\ntopic = "a b"\ncredential_file = "/x"', "cannot be in it"),
        ('kind = "ntfy"\ntopic = "a"\ncredential_file = "/x"\nafter = "1min"', "less than two signs of life"),
        ('kind = "ntfy"\ntopic = "a"\ncredential_file = "/x"\nurl = "https://u:p@x"', "without credentials"),
        ('kind = "ntfy"\ntopic = "a"\ncredential_file = "/x"\ncolour = 1', "is not known"),
    ],
)
def test_a_switch_that_could_not_work_is_a_problem(lines: str, said: str) -> None:
    """Found when the file is read, not in the night."""
    assert said in problems((SWITCH + lines + "\n").encode())


def test_a_switch_has_a_name() -> None:
    """As channels have."""
    assert "cannot be the name of a switch" in problems(SWITCH.replace("hc", '"H C"').encode() + b'kind = "snitch"\n')
