"""From a message to a method and its replies: asyncvarlink's parsing, typing and lookup, without its transport.

asyncvarlink's own server protocol is bound to a transport that reads the socket by itself and loses who wrote what.
Its registry, call and reply objects are not, so they are used directly: about a screenful that awaits instead of
calling back, which also lets a closed connection end a running stream.

Invariant: every message gets at least one reply unless it asked for none (`oneway`), and a defect behind a method is
told to the asker and to the daemon, never swallowed.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from asyncvarlink import (
    AnnotatedResult,
    VarlinkErrorReply,
    VarlinkInterfaceRegistry,
    VarlinkMethodCall,
    VarlinkMethodReply,
    VarlinkMethodSignature,
)
from asyncvarlink.conversion import ConversionError
from asyncvarlink.serviceinterface import InvalidParameter

from watchdog.control.interface import Failed, NotVarlink
from watchdog.control.supervision import Supervision

_ENCODER = json.JSONEncoder(separators=(",", ":"))


def parse(text: bytes) -> VarlinkMethodCall:
    """Read one message. Raises NotVarlink for everything that is no Varlink call."""
    try:
        return VarlinkMethodCall.fromjson(json.loads(text))
    except (ValueError, TypeError) as error:
        # JSON faults, bad UTF-8, absurdly long integers and malformed calls are all ValueError or TypeError.
        raise NotVarlink(message=f"this is no Varlink call: {str(error)[:100]}") from error
    except RecursionError as error:
        raise NotVarlink(message="this is no Varlink call: nested too deeply") from error


def encode(reply: VarlinkMethodReply) -> bytes:
    """Write one reply, with its closing NUL. Text is escaped to ASCII, so no terminal is at its mercy."""
    return _ENCODER.encode(reply.tojson()).encode("ascii") + b"\0"


async def replies(
    call: VarlinkMethodCall, registry: VarlinkInterfaceRegistry, supervision: Supervision
) -> AsyncGenerator[VarlinkMethodReply, None]:
    """Perform a call and yield its replies: one, or with `more` several, of which the last does not continue."""
    try:
        method, signature = registry.lookup_method(call)
        parameters = _parameters(call, signature)
        if signature.more:
            async with aclosing(method(**parameters)) as results:
                async for result in results:
                    yield _reply(result, signature)
            return
        result = method(**parameters)
        yield _reply(await result if signature.asynchronous else result, signature)
    except VarlinkErrorReply as error:
        yield error.toreply()
    except Exception as error:  # noqa: BLE001  (any defect: told to both sides here, decided on by the daemon)
        supervision.serving_failed(error)
        yield Failed().toreply()


def _parameters(call: VarlinkMethodCall, signature: VarlinkMethodSignature) -> dict[str, Any]:
    try:
        found: dict[str, Any] = signature.parameter_type.fromjson(call.parameters)
    except ConversionError as error:
        raise InvalidParameter(parameter=str(error.location[0]) if error.location else "") from error
    return found


def _reply(result: AnnotatedResult, signature: VarlinkMethodSignature) -> VarlinkMethodReply:
    return VarlinkMethodReply(
        signature.return_type.tojson(result.parameters), continues=result.continues, extensions=result.extensions
    )
