"""What a probe may be told besides its target: other statuses, and a listener that is another's."""

import asyncio
from dataclasses import replace

import pytest
from probe_stage import answer, http, look_at, says, serving

from watchdog.core.observations import ProbeCause, ProbeResult
from watchdog.policyfile.load import parse_policy
from watchdog.policyfile.problems import PolicyProblems
from watchdog.sensors.prober import Look

pytestmark = pytest.mark.system

PROBE = '[gateway.a]\ncommand = ["x"]\n[[gateway.a.probe]]\nname = "p"\n'


def test_a_status_that_is_welcome_is_no_failure() -> None:
    """A login page's 401 is well where it is expected, and 200 is not."""
    welcome = serving(says(answer(b"", "401 Who")), lambda port: replace(http(port), statuses=(401,)))
    not_expected = serving(says(answer(b"")), lambda port: replace(http(port), statuses=(401,)))

    assert (welcome.result, not_expected.result) == (ProbeResult.OK, ProbeResult.FAILED)


def test_a_listener_that_need_not_be_the_gateways_is_asked() -> None:
    """Behind a proxy the listener is another program, and no impostor."""

    async def scene() -> tuple[Look, Look]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(b""))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        gateway = await asyncio.create_subprocess_exec("sleep", "600", start_new_session=True)
        probe = http(server.sockets[0].getsockname()[1])
        try:
            return (
                await look_at(replace(probe, owned=False), owner=gateway.pid),
                await look_at(probe, owner=gateway.pid),
            )
        finally:
            gateway.kill()
            await gateway.wait()
            server.close()

    free, owned = asyncio.run(scene())

    assert free.result is ProbeResult.OK
    assert owned.cause is ProbeCause.IMPOSTOR


def test_the_options_reach_the_policy() -> None:
    """Each where it has a meaning."""
    http_probe = f'{PROBE}kind = "http"\ntarget = "https://x/"\nstatuses = [200, 401]\nverify = false\nowned = false\n'
    websocket = f"""{PROBE}kind = "websocket"\ntarget = "ws://x/"\nmessage = "hi"
[[gateway.a.probe.assert]]
matches = "ho"
"""

    (first,) = parse_policy(http_probe.encode(), "p").gateways[0].probes
    (second,) = parse_policy(websocket.encode(), "p").gateways[0].probes

    assert (first.statuses, first.verify, first.owned) == ((200, 401), False, False)
    assert (second.message, len(second.assertions)) == ("hi", 1)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ('kind = "notify"\nstatuses = [200]', "has no statuses"),
        ('kind = "notify"\nmessage = "x"', "sends no message"),
        ('kind = "http"\ntarget = "http://x/"\nstatuses = [true]', "is not a list of HTTP statuses"),
    ],
)
def test_an_option_without_a_meaning_is_refused(body: str, what: str) -> None:
    """With its line."""
    with pytest.raises(PolicyProblems, match=what):
        parse_policy(f"{PROBE}{body}\n".encode(), "p")
