"""The transport, cancelled at each of its awaits; and TLS over streams in memory."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from headrace.runner.transport import TrioTransport
from tests.runner.network import OK, Authority, Network, Over, answers, fetch, transport_over

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


@pytest.fixture
def over(nursery: trio.Nursery) -> Over:
    return partial(transport_over, nursery)


class CancelAt(trio.abc.Instrument):
    """Cancels a scope just before the n-th step of one task."""

    def __init__(self, task: trio.lowlevel.Task, scope: trio.CancelScope, step: int) -> None:
        self.task, self.scope, self.left = task, scope, step

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.task:
            self.left -= 1
            if self.left == 0:
                self.scope.cancel()


async def cancelled_at(step: int, work: Callable[[], Awaitable[None]]) -> bool:
    """Do `work`, cancelled at that step of this task; whether it was over before."""
    scope = trio.CancelScope()
    instrument = CancelAt(trio.lowlevel.current_task(), scope, step)
    trio.lowlevel.add_instrument(instrument)
    done = False
    try:
        with scope:
            await work()
            done = True
    finally:
        trio.lowlevel.remove_instrument(instrument)
    return done and not scope.cancel_called


SLOWLY = answers(0.5, HEAD, 0.5, b"he", 0.5, b"llo")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_cancelled_at_any_await_it_leaves_nothing_open(
    nursery: trio.Nursery, autojump_clock: MockClock, scheme: str
) -> None:
    """Connecting, the handshake, writing, waiting, each read and giving back: every step of it."""
    tls = Authority()
    script = SLOWLY if scheme == "http" else tls.over(SLOWLY)
    steps = 0
    while True:
        steps += 1
        network = Network(nursery, script, connect_s=0.5)
        transport = TrioTransport(connect=network.connect, tls=tls.ours)

        async def work(transport: TrioTransport = transport) -> None:
            assert await fetch(transport, scheme=scheme) == (200, b"hello")

        over_before = await cancelled_at(steps, work)
        # Idle in the pool, or closed: nothing in between.
        idle = sum(len(stack) for stack in transport._idle.values())
        assert network.open_now == idle
        if not over_before:
            assert await fetch(transport, scheme=scheme) == (200, b"hello")
        await transport.aclose()
        assert network.open_now == 0
        if over_before:
            break
    assert steps > (5 if scheme == "http" else 10)


async def test_cancelled_at_any_await_of_its_closing_it_leaves_nothing_open(
    over: Over, autojump_clock: MockClock
) -> None:
    over_before = []
    for step in range(1, 16):
        transport, network = over(answers(0.5, OK))
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(fetch, transport)
        assert network.open_now == 3
        over_before.append(await cancelled_at(step, transport.aclose))
        assert network.open_now == 0
    # Every step of it was tried: it took fewer than these.
    assert over_before == sorted(over_before)
    assert (over_before[0], over_before[-1]) == (False, True)


CLOSING = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


async def test_tls_resumes_its_session_and_speaks_http_1(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """The server would rather speak HTTP/2."""
    tls = Authority()
    network = Network(nursery, tls.over(answers(CLOSING, close=True)))
    async with TrioTransport(connect=network.connect, tls=tls.ours) as transport:
        for _ in range(3):
            assert await fetch(transport, scheme="https") == (200, b"ok")
            await trio.sleep(1)
    assert [each.session_reused for each in tls.accepted] == [False, True, True]
    assert [each.selected_alpn_protocol() for each in tls.accepted] == ["http/1.1"] * 3
