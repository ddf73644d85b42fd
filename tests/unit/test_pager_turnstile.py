"""One at a time, the most urgent next."""

import asyncio

from watchdog.pager.turnstile import Turnstile


def test_waiters_are_served_by_rank_then_by_arrival() -> None:
    """A critical page passes the notices that came before it, and two of a kind keep their order."""

    async def story() -> list[str]:
        turnstile, served = Turnstile(), []

        async def go(name: str, rank: int) -> None:
            async with turnstile.turn(rank):
                served.append(name)

        async with asyncio.TaskGroup() as group, turnstile.turn(2):
            for name, rank in (("info 1", 2), ("info 2", 2), ("critical", 0), ("warning", 1)):
                group.create_task(go(name, rank))
            await asyncio.sleep(0)
        return served

    assert asyncio.run(story()) == ["critical", "warning", "info 1", "info 2"]


def test_never_two_inside() -> None:
    """The hand-over leaves no gap for a newcomer."""

    async def story() -> int:
        turnstile, inside, most = Turnstile(), 0, 0

        async def go() -> None:
            nonlocal inside, most
            for _ in range(5):
                async with turnstile.turn(0):
                    inside += 1
                    most = max(most, inside)
                    await asyncio.sleep(0)
                    inside -= 1

        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(go())
        return most

    assert asyncio.run(story()) == 1


def test_a_waiter_cancelled_as_it_is_let_in_passes_its_turn_on() -> None:
    """A cancelled lane must not leave the channel locked for ever."""

    async def story() -> bool:
        turnstile = Turnstile()

        async def go() -> bool:
            async with turnstile.turn(0):
                return True

        async with turnstile.turn(0):
            cancelled, next_one = asyncio.create_task(go()), asyncio.create_task(go())
            await asyncio.sleep(0)
        cancelled.cancel()
        return await asyncio.wait_for(next_one, 5)

    assert asyncio.run(story())
