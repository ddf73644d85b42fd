"""A real daemon and Debian's own Alertmanager: what people are told when either of them dies in between."""

import signal

import pytest
from alertmanager import Alertmanager

pytestmark = pytest.mark.system

DIES = ["/bin/sh", "-c", "exit 1"]


def test_o02_people_hear_once_that_it_is_held_and_once_that_it_is_over(site, alertmanager: Alertmanager) -> None:
    """Both are killed and started again: the alert is back, nobody is told twice, and a human's word ends it."""
    site.write_policy(DIES)
    (site.config / "pager.toml").write_text(
        f'[channel.alerts]\nkind = "alertmanager"\nurl = "{alertmanager.url}"\n'
        '[escalation]\ntiers = [["alerts"]]\nnotices = ["terminal"]\n'
    )
    daemon = site.start()
    site.wait(lambda: alertmanager.told == [("firing", "critical", "INC-1")], "the alert")

    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    alertmanager.stop()
    alertmanager.start()
    forgotten = alertmanager.alerts()
    site.start()
    site.wait(lambda: alertmanager.alerts() == [("INC-1", "critical")], "the alert to be back")
    assert site.human("incident", "close", "INC-1", "-m", "seen")[0] == 0
    site.wait(lambda: len(alertmanager.told) > 1, "the end")

    assert forgotten == []
    assert alertmanager.told == [("firing", "critical", "INC-1"), ("resolved", "critical", "INC-1")]
