"""The pager as its socket shows it: state, settings, and what courier and switches know of themselves, joined.

Invariant: pure but for the questions to courier and switches, which answer from memory. A channel that no longer
stands in pager.toml but still has pages waiting is shown, as of kind unknown.
"""

from watchdog.control.wire import ChannelStatus, PagerStatus, QueuedPage, SilenceStatus, SwitchStatus
from watchdog.core.policy import EscalationPolicy
from watchdog.core.state import PendingPage, State
from watchdog.pager.clock import wall_clock
from watchdog.pager.courier import Courier
from watchdog.pager.deadman import DeadMan, SwitchHealth
from watchdog.pager.route import ChannelHealth
from watchdog.policyfile.pagersettings import PagerSettings
from watchdog.policyfile.pagersettings_kinds import kind_of


def pager_status(state: State, settings: PagerSettings, courier: Courier, deadman: DeadMan) -> PagerStatus:
    """Say what waits for whom, and how the ways out are doing."""
    kinds = {channel.name: kind_of(channel).value for channel in settings.channels}
    people = state.policy.escalation if state.policy is not None else settings.escalation
    silences: dict[str, list[SilenceStatus]] = {}
    for each in courier.silences():
        silences.setdefault(each.channel, []).append(SilenceStatus(incident=each.incident, by=each.by))
    return PagerStatus(
        now_wall_usec=wall_clock(),
        waiting=[_page(pending) for pending in state.outbox],
        given_up=[_page(pending) for pending in state.given_up],
        delayed=len(state.delayed),
        channels=[
            _channel(health, kinds.get(health.channel, "unknown"), people, state, silences.get(health.channel, []))
            for health in courier.health()
        ],
        switches=[_switch(health) for health in deadman.health()],
    )


def _page(pending: PendingPage) -> QueuedPage:
    page = pending.page
    return QueuedPage(
        page=str(page.page),
        incident=None if page.incident is None else str(page.incident),
        gateway=str(page.gateway),
        severity=page.severity.value,
        update=page.update.value,
        title=page.title,
        queued_wall_usec=pending.queued_wall_usec,
        waiting=list(pending.waiting),
        delivered=list(pending.delivered),
        failed=list(pending.failed),
        stuck=list(pending.stuck),
        collapsed=pending.collapsed,
    )


def _channel(
    health: ChannelHealth, kind: str, people: EscalationPolicy, state: State, silences: list[SilenceStatus]
) -> ChannelStatus:
    memory = next((each for each in state.channels if each.channel == health.channel), None)
    return ChannelStatus(
        name=health.channel,
        kind=kind,
        tiers=[number for number, tier in enumerate(people.tiers, 1) if health.channel in tier],
        notices=health.channel in people.notices,
        last_resort=health.channel in people.last_resort,
        waiting=health.waiting,
        oldest_wall_usec=health.oldest_wall_usec,
        last_ok_wall_usec=health.last_ok_wall_usec,
        last_error_wall_usec=health.last_error_wall_usec,
        last_error=health.last_error,
        kept_up_wall_usec=health.kept_up_wall_usec,
        upkeep_error=health.upkeep_error,
        tested_wall_usec=None if memory is None else memory.tested_wall_usec,
        folded=0 if memory is None else memory.folded,
        silences=silences,
    )


def _switch(health: SwitchHealth) -> SwitchStatus:
    return SwitchStatus(
        name=health.name,
        kind=health.kind,
        every_usec=health.every_usec,
        last_ok_wall_usec=health.last_ok_wall_usec,
        last_beat=health.last_beat,
        last_error=health.last_error,
    )
