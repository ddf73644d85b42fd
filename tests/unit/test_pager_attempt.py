"""One attempt: it ends in its time with a receipt or one of two errors, whatever the channel does."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from watchdog.core.decisions import PageUpdate, Severity
from watchdog.core.timeline import SECOND
from watchdog.pager.attempt import ABANDONED_MAX, Attempts
from watchdog.pager.channel import ConfigurationFault, Receipt, TryLater
from watchdog.pager.message import Message

MESSAGE = Message(
    title="openclaw: held",
    lines=("openclaw: held",),
    dedup_key="d",
    idempotency_key="i",
    severity=Severity.CRITICAL,
    update=PageUpdate.OPENED,
    gateway="openclaw",
    incident="INC-1",
    page="9.0",
    channel="mail",
    journal_id="j",
    host="h",
    queued_wall_usec=0,
)


class Calling:
    """A channel that does what it is told."""

    name = "mail"

    def __init__(self, call: Callable[[], Receipt]) -> None:
        self.call = call

    def deliver(self, message: Message) -> Receipt:
        return self.call()


def run(call: Callable[[], Receipt]) -> Receipt:
    """Attempt once."""
    return asyncio.run(Attempts(Calling(call), limit_usec=20 * SECOND).run(MESSAGE))


def test_a_receipt_comes_back_from_a_thread() -> None:
    """The loop never runs a channel itself."""
    assert run(lambda: Receipt(detail=str(threading.current_thread() is threading.main_thread()))).detail == "False"


@pytest.mark.parametrize("error", [TryLater("away", 7), ConfigurationFault("mend it")])
def test_the_two_errors_of_a_channel_pass_as_they_are(error: Exception) -> None:
    """What the channel says decides about the retry, so nothing of it may be lost."""

    def fail() -> Receipt:
        raise error

    with pytest.raises(type(error)) as caught:
        run(fail)
    assert caught.value is error


def test_a_bug_in_a_channel_is_a_fault_without_its_words() -> None:
    """A broken channel costs its page that channel; the exception's text, which may hold a secret, goes nowhere."""

    def fail() -> Receipt:
        raise KeyError("s3cret-canary")

    with pytest.raises(ConfigurationFault, match="KeyError") as caught:
        run(fail)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_hang_ends_in_the_limit_and_hanging_threads_are_bounded() -> None:
    """Each hang is passing trouble; after a few of them no new thread is risked, until one has come back."""
    gate = threading.Event()
    failed = threading.Event()
    calls: list[threading.Thread] = []

    def hang() -> Receipt:
        calls.append(threading.current_thread())
        gate.wait(20)
        return Receipt(detail="late")

    def fail() -> Receipt:
        failed.set()
        raise TryLater("free again")

    async def story() -> list[str]:
        channel = Calling(hang)
        attempts = Attempts(channel, limit_usec=SECOND // 100)
        errors = []
        for _ in range(ABANDONED_MAX + 1):
            with pytest.raises(TryLater) as caught:
                await attempts.run(MESSAGE)
            errors.append(caught.value.detail)
        gate.set()
        for thread in calls:
            thread.join(20)
        channel.call = fail
        with pytest.raises(TryLater):
            await attempts.run(MESSAGE)
        assert failed.wait(20)
        return errors

    assert asyncio.run(story()) == [
        *["no answer within 10ms"] * ABANDONED_MAX,
        f"{ABANDONED_MAX} earlier attempts still hang",
    ]


def test_an_attempt_cancelled_as_its_answer_comes_is_cancelled() -> None:
    """Closing must never wait for the next retry of a lane that missed its cancellation."""
    threads: list[threading.Thread] = []
    called = threading.Event()

    def note() -> Receipt:
        threads.append(threading.current_thread())
        called.set()
        return Receipt(detail="ok")

    async def story() -> bool:
        task = asyncio.create_task(Attempts(Calling(note), limit_usec=20 * SECOND).run(MESSAGE))
        await asyncio.sleep(0)
        called.wait(20)
        threads[0].join(20)
        await asyncio.sleep(0)  # the answer is set now, and the task not yet awake
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(story())
