"""What goes to somebody who helps holds no value of a gateway's variables."""

import tomllib

import pytest

from watchdog.cli.helpbundle import without_variables

VALUE = "no-known-shape"


@pytest.mark.parametrize(
    "text",
    [
        f'[gateway.main]\nenvironment = {{ A = "{VALUE}", B = "}} {VALUE}" }}\nport = 1\n',
        f"[gateway.main]\nenvironment={{A='{VALUE}'}}\nport = 1\n",
        f'[gateway.main]\nport = 1\n[gateway.main.environment]\nA = "{VALUE}"\n\nB = "{VALUE}"\n',
        f'[gateway.main]\nport = 1\n[ gateway . main . environment ] # them\nA = """\n{VALUE}\n"""\n',
    ],
    ids=["inline", "inline, quoted otherwise", "a table", "a table with a text of several lines"],
)
def test_values_of_variables_are_left_out_of_a_policy(text: str) -> None:
    """However they are written; the rest can still be read."""
    left = without_variables(text)

    assert VALUE not in left
    assert tomllib.loads(left)["gateway"]["main"]["port"] == 1


def test_what_follows_the_table_of_variables_stays() -> None:
    """Only that table is emptied."""
    text = '[gateway.main.environment]\nA = "x"\n[gateway.main.stop]\nsignal = "SIGTERM"\n'

    assert 'signal = "SIGTERM"' in without_variables(text)
