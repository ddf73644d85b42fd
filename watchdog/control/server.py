"""Serve the socket: accept, bound, read, dispatch, answer; one task for each connection.

Invariant: nothing a peer does, or fails to do, costs more than its share. Connections are counted in all and by uid,
with some kept free for root and our own uid; every message has a size and a deadline, every idle connection an end,
every reader of replies a deadline, every uid a rate. Hitting the rate is reported before anything enters the journal.
Deliberately not here: what a call means (interface.py) and who may make it (core/).
"""

import asyncio
import os
import select
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial

from asyncvarlink import VarlinkInterfaceRegistry, VarlinkMethodCall, VarlinkMethodReply
from asyncvarlink.serviceinterface import VarlinkServiceInterface

from watchdog.control import dispatch
from watchdog.control.interface import NAME, Busy, NotVarlink, SupervisorInterface, TooLarge
from watchdog.control.listening import AlreadyServed, Listening, SocketPathUnusable, listen
from watchdog.control.receiver import Message, MessageTooLarge, Receiver
from watchdog.control.supervision import Supervision
from watchdog.control.tokens import READ_RATE, REQUEST_RATE, Rate, TokenBuckets
from watchdog.core.events import SocketLost
from watchdog.core.peer import Peer
from watchdog.core.timeline import SECOND
from watchdog.core.values import dataclass
from watchdog.origin.gathering import Standpoint, gather
from watchdog.origin.pidfd import Credentials, peer_credentials

_RETRY_ACCEPT_USEC = SECOND
"""Pause after the process ran out of file descriptors; a tight loop would make it worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlLimits:
    """How much one peer, and all of them, may take."""

    message_bytes_max: int = 64 * 1024
    message_deadline_usec: int = 5 * SECOND
    idle_usec: int = 30 * SECOND
    reply_deadline_usec: int = 10 * SECOND
    connections_max: int = 256
    connections_per_uid: int = 32
    connections_kept_free: int = 32
    """Of `connections_max`, for root and our own uid alone: a flood from borrowed uids must not lock a person out."""
    requests: Rate = REQUEST_RATE
    reads: Rate = READ_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductWords:
    """What org.varlink.service.GetInfo says about us."""

    version: str
    vendor: str = "gatedog"
    product: str = "gatedog"
    url: str = ""


class ControlServer:
    """The accept loop and its connections. `now_usec` is a monotonic clock in microseconds."""

    def __init__(
        self,
        listening: Listening,
        supervision: Supervision,
        *,
        standpoint: Standpoint,
        words: ProductWords,
        now_usec: Callable[[], int],
        limits: ControlLimits | None = None,
    ) -> None:
        self._listening = listening
        self._accepting: asyncio.Task[None] | None = None
        self._loss_told = False
        self._supervision = supervision
        self._standpoint = standpoint
        self._words = words
        self._now_usec = now_usec
        self._limits = limits or ControlLimits()
        self._requests = TokenBuckets(self._limits.requests)
        self._reads = TokenBuckets(self._limits.reads)
        # A look costs a connection or a program, a story a thousand records, so neither is mere reading; their bucket
        # is their own, lest a flood of them uses up what a person of the same uid needs to ask for something.
        self._looks = TokenBuckets(self._limits.requests)
        self._connections: Counter[int] = Counter()
        # A burst of nothing: these count and report what was turned away, in the same measure as the rates.
        nothing = Rate(burst=0, per_second=1)
        self._turned_away = {limit: TokenBuckets(nothing) for limit in ("connections", "message-size")}

    async def serve(self) -> None:
        """Serve until cancelled. Connections end with it; requests under way are cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                listening = self._listening
                self._accepting = tasks.create_task(self._accept(listening.listener, tasks))
                try:
                    await asyncio.wait([self._accepting])
                finally:  # also when serving ends in the moment in which the socket was made again
                    if listening is not self._listening:
                        listening.listener.close()

    async def _accept(self, listener: socket.socket, tasks: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError:
                # Out of descriptors or memory, or the peer was gone already: the listener itself is intact.
                await asyncio.sleep(_RETRY_ACCEPT_USEC / SECOND)
                continue
            tasks.create_task(self._converse(connection))

    def look_at_socket(self) -> SocketLost | None:
        """Make the socket again when its file is gone or another's; return what is to be told, once for each loss."""
        if self._listening.is_in_place():
            self._loss_told = False
            return None
        path = self._listening.path
        try:
            self._listening = listen(path)
        except (OSError, AlreadyServed, SocketPathUnusable) as error:
            told, self._loss_told = self._loss_told, True
            return None if told else SocketLost(path=str(path), made_again=False, reason=str(error))
        if self._accepting is not None:
            self._accepting.cancel()
        return SocketLost(path=str(path), made_again=True)

    def close(self) -> None:
        """Remove the socket, once nobody is served any more."""
        self._listening.close()

    async def _converse(self, connection: socket.socket) -> None:
        credentials = peer_credentials(connection)
        with connection:
            if not self._has_room(credentials.uid):
                self._turn_away("connections", credentials.uid)
                busy = Busy(message="too many connections", retry_after_usec=SECOND)
                _send_at_once(connection, busy.toreply())
                return
            self._connections[credentials.uid] += 1
            try:
                await self._exchange(connection, credentials)
            except (OSError, TimeoutError):
                return  # the peer left, broke off, or would not read: nothing is owed to it
            finally:
                self._connections[credentials.uid] -= 1
                self._connections += Counter()  # drops the zeroes

    def _has_room(self, uid: int) -> bool:
        if self._connections[uid] >= self._limits.connections_per_uid:
            return False
        kept = 0 if uid in {0, os.geteuid()} else self._limits.connections_kept_free
        return self._connections.total() < self._limits.connections_max - kept

    async def _exchange(self, connection: socket.socket, credentials: Credentials) -> None:
        receiver = Receiver(
            connection,
            message_bytes_max=self._limits.message_bytes_max,
            message_deadline_usec=self._limits.message_deadline_usec,
            idle_usec=self._limits.idle_usec,
        )
        while True:
            try:
                message = await receiver.receive()
                if message is None:
                    return
                call = dispatch.parse(message.text)
            except MessageTooLarge:
                self._turn_away("message-size", credentials.uid)
                error = TooLarge(limit_bytes=self._limits.message_bytes_max)
                await self._send(connection, error.toreply())
                return
            except NotVarlink as error:
                await self._send(connection, error.toreply())
                return
            await self._answer(connection, credentials, message, call)

    async def _answer(
        self, connection: socket.socket, credentials: Credentials, message: Message, call: VarlinkMethodCall
    ) -> None:
        wait_usec = self._take_token(credentials.uid, call)
        if wait_usec:
            busy = Busy(message="too many calls", retry_after_usec=wait_usec)
            if not call.oneway:
                await self._send(connection, busy.toreply())
            return
        registry = self._registry(partial(self._identify, connection, message))
        if call.more:
            # A follower that went away is noticed by its hang-up, not by the next record, which may never come.
            async with _ended_by_hangup(connection):
                await self._send_replies(connection, call, registry)
        else:
            await self._send_replies(connection, call, registry)

    async def _send_replies(
        self, connection: socket.socket, call: VarlinkMethodCall, registry: VarlinkInterfaceRegistry
    ) -> None:
        async with aclosing(dispatch.replies(call, registry, self._supervision)) as found:
            async for reply in found:
                if not call.oneway:
                    await self._send(connection, reply)

    def _identify(self, connection: socket.socket, message: Message) -> Peer:
        return gather(connection, message.writer, self._supervision.life_marks(), self._standpoint)

    def _registry(self, identify: Callable[[], Peer]) -> VarlinkInterfaceRegistry:
        registry = VarlinkInterfaceRegistry()
        words = self._words
        registry.register_interface(
            VarlinkServiceInterface(words.vendor, words.product, words.version, words.url, registry)
        )
        registry.register_interface(SupervisorInterface(self._supervision, identify))
        return registry

    def _take_token(self, uid: int, call: VarlinkMethodCall) -> int:
        """Charge the call to its uid; returns the microseconds to wait, 0 to go on."""
        now_usec = self._now_usec()
        match call.method.removeprefix(f"{NAME}."):
            case "Request":
                buckets, limit = self._requests, "requests"
            case "ProbeRun" | "Explain":
                buckets, limit = self._looks, "looks"
            case _:
                buckets, limit = self._reads, "reads"
        wait_usec = buckets.take(uid, now_usec)
        if wait_usec:
            self._report(limit, uid, buckets, now_usec)
        return wait_usec

    def _turn_away(self, limit: str, uid: int) -> None:
        now_usec = self._now_usec()
        self._turned_away[limit].take(uid, now_usec)
        self._report(limit, uid, self._turned_away[limit], now_usec)

    def _report(self, limit: str, uid: int, buckets: TokenBuckets, now_usec: int) -> None:
        if dropped := buckets.drops_to_report(uid, now_usec):
            self._supervision.limit_reached(limit, f"uid {uid}", dropped)

    async def _send(self, connection: socket.socket, reply: VarlinkMethodReply) -> None:
        async with asyncio.timeout(self._limits.reply_deadline_usec / SECOND):
            await asyncio.get_running_loop().sock_sendall(connection, dispatch.encode(reply))


def _send_at_once(connection: socket.socket, reply: VarlinkMethodReply) -> None:
    """Send what fits into the empty buffer of a new connection; a peer that is gone already needs no answer."""
    try:
        connection.send(dispatch.encode(reply), socket.MSG_DONTWAIT)
    except OSError:
        return


@asynccontextmanager
async def _ended_by_hangup(connection: socket.socket) -> AsyncIterator[None]:
    """Cancel the body when the peer has closed the connection; a peer that only ended its own sending may read on.

    An epoll set that waits for nothing still reports hang-ups, and is itself readable when it has one to report.
    That way data of a next call, which stays in the socket until this one is done, does not wake anybody up.
    """
    loop = asyncio.get_running_loop()
    with select.epoll() as hangups:
        hangups.register(connection.fileno(), 0)
        try:
            async with asyncio.timeout(None) as deadline:

                def end_now() -> None:
                    loop.remove_reader(hangups.fileno())
                    deadline.reschedule(loop.time())

                loop.add_reader(hangups.fileno(), end_now)
                try:
                    yield
                finally:
                    loop.remove_reader(hangups.fileno())
        except TimeoutError as error:
            raise ConnectionResetError("the follower closed the connection") from error
