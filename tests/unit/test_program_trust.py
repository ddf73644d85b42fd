"""What is refused before it is run, and how it is told."""

from pathlib import Path

import pytest

from watchdog.pager.channel import ConfigurationFault
from watchdog.pager.channels.exec import refuse_strangers
from watchdog.program.trust import Unfit, check_program


def test_a_program_is_named_by_its_whole_path() -> None:
    """What a search path would find is not looked for."""
    with pytest.raises(Unfit, match="absolute path, not notify"):
        check_program(Path("notify"))


def test_whose_programs_may_run_is_said_by_the_caller(tmp_path: Path) -> None:
    """A file of this account is no stranger's by default, and is one where only another account is trusted."""
    program = tmp_path / "notify"
    program.touch(mode=0o700)
    nobody = frozenset({program.stat().st_uid + 1})

    check_program(program)
    with pytest.raises(Unfit, match="who could change what gatedog runs"):
        check_program(program, nobody)


def test_a_channel_tells_a_refusal_in_one_line() -> None:
    """The name is the human's own, in whatever letters; a page's trouble is one line all the same."""
    with pytest.raises(ConfigurationFault) as refused:
        refuse_strangers(Path("/no/such\nprogram"))

    assert "No such file" in refused.value.detail
    assert refused.value.detail.isprintable()
