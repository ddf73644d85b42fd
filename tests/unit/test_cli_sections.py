"""What a person writes in an editor is what is kept, and what is not theirs is not in the editor."""

import click
import pytest

from watchdog.cli.sections import parse, shown, template
from watchdog.core.enclosure import PostmortemOffered, flaw_of

WRITTEN = PostmortemOffered(
    cause="Two owners.\n\nEach restarted what the other had stopped.", lessons="- one owner\n## Not a heading of ours"
)


@pytest.mark.parametrize("known", [None, PostmortemOffered(), WRITTEN])
def test_what_stands_in_the_editor_comes_back(known: PostmortemOffered | None) -> None:
    """Untouched it is what it was: hints and empty lines at the edges are no text."""
    assert parse(template("INC-1", known)) == (known or PostmortemOffered())


def test_windows_line_ends_and_tabs_can_be_shown() -> None:
    """They are made what the daemon takes."""
    text = parse("## Cause\r\n\ttwo\towners\r\n")

    assert text.cause == "    two owners"
    assert flaw_of(text) == ""


@pytest.mark.parametrize("written", ["It was the lock.\n## Cause\n", "## Cause\na\n## cause\nb\n"])
def test_text_under_no_heading_or_twice_is_not_guessed_at(written: str) -> None:
    """Nothing that a person wrote is dropped in silence."""
    with pytest.raises(click.UsageError):
        parse(written)


def test_all_that_is_signed_is_shown() -> None:
    """Every section, and that one is empty."""
    assert shown(WRITTEN).count("(empty)") == 2
    assert "Each restarted what the other had stopped." in shown(WRITTEN)
