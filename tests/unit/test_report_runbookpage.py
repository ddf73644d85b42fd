"""A runbook on a terminal."""

from watchdog.report.runbookpage import render_runbook

TEXT = """# Title

Some prose that is long enough to be filled
anew.

    gatedog status NAME              # as it is

| if you see | do |
|---|---|
| one thing | repair it, then `gatedog release NAME -m "repaired: the key that was wrong"` |
"""


def test_tables_become_pairs_of_lines() -> None:
    """What is seen and what to do stand below each other, and the command in one piece."""
    assert render_runbook(TEXT, width=80) == (
        "# Title\n"
        "\n"
        "Some prose that is long enough to be filled anew.\n"
        "\n"
        "    gatedog status NAME              # as it is\n"
        "\n"
        "- one thing\n"
        "    -> repair it, then\n"
        '       `gatedog release NAME -m "repaired: the key that was wrong"`\n'
    )


def test_no_command_is_broken_however_narrow_the_terminal() -> None:
    """A terminal may wrap it; what is copied is whole."""
    for width in (1, 40, 80, 300):
        assert '`gatedog release NAME -m "repaired: the key that was wrong"`' in render_runbook(TEXT, width=width)
