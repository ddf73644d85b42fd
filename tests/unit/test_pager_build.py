"""From settings to channels, and what all channels have in common."""

import io

import pytest

from watchdog.pager.channel import LivingChannel
from watchdog.pager.channels import build
from watchdog.policyfile.pagersettings_kinds import (
    AlertmanagerSettings,
    ChannelSettings,
    ExecSettings,
    JournalSettings,
    NtfySettings,
    PagerDutySettings,
    PushoverSettings,
    SmtpSettings,
    TelegramSettings,
    TerminalSettings,
    WallSettings,
    WebhookSettings,
)

SETTINGS: tuple[ChannelSettings, ...] = (
    AlertmanagerSettings(name="my-alerts"),
    ExecSettings(name="my-script"),
    JournalSettings(name="my-log"),
    NtfySettings(name="my-push"),
    PagerDutySettings(name="my-pager"),
    PushoverSettings(name="my-phone"),
    SmtpSettings(name="my-mail"),
    TelegramSettings(name="my-bot"),
    TerminalSettings(name="my-terminal"),
    WallSettings(name="my-wall"),
    WebhookSettings(name="my-hook"),
)
LIVING = {"my-alerts", "my-push", "my-pager", "my-phone", "my-bot"}


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda each: each.name)
def test_every_kind_of_settings_builds_a_channel_of_its_name(settings: ChannelSettings) -> None:
    """No kind is forgotten, building touches neither network nor files, and some have something to keep up."""
    channel = build(settings, terminal=io.StringIO())

    assert channel.name == settings.name
    assert isinstance(channel, LivingChannel) == (settings.name in LIVING)


def test_the_kinds_here_are_all_there_are() -> None:
    """A new kind is built here, too."""
    assert {type(each) for each in SETTINGS} == set(ChannelSettings.__args__)
