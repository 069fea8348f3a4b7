"""The time limits of connections: one task keeps them all, at exactly their times."""

import contextlib
import socket

import httpx
import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from headrace.runner.transport import Origin, Timeouts, TrioTransport, Wire
from headrace.runner.transport.streams import DescriptorStream
from tests.runner.network import (
    OK,
    Authority,
    Script,
    answers,
    fetch,
    post,
    request_on,
    transport_over,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
LIMITS = Timeouts(connect=3.0, write=5.0, first_byte=100.0, read=11.0)


def watches() -> int:
    """Tasks of this run that keep time limits."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    return sum(
        task.name == "Deadlines" for nursery in root.child_nurseries for task in nursery.child_tasks
    )


async def ends_at(transport: TrioTransport, *, after_s: float = 0.0, scheme: str = "http") -> float:
    """When a request fails for its time limit, on trio's clock."""
    await trio.sleep(after_s)
    with pytest.raises(httpx.TimeoutException):
        await fetch(transport, scheme=scheme)
    return trio.current_time()


async def silent(stream: trio.abc.Stream) -> None:
    await request_on(stream)
    await trio.sleep_forever()


class Closing(DescriptorStream):
    """A socket that tells when it goes."""

    def __init__(self, connected: socket.socket, gone: trio.Event) -> None:
        super().__init__(connected)
        self.gone = gone

    async def aclose(self) -> None:
        self.gone.set()
        await super().aclose()


class Pairs:
    """Connects to scripts, the last one again and again, over pairs of real sockets, which have
    what was written at once: so time can be virtual all the same."""

    def __init__(self, nursery: trio.Nursery, *scripts: Script) -> None:
        self.nursery = nursery
        self.scripts = list(scripts)
        self.ours: list[socket.socket] = []
        self.gone = trio.Event()  # one of ours was closed

    async def connect(self, _origin: Origin) -> trio.abc.Stream:
        ours, theirs = socket.socketpair()
        for each in (ours, theirs):
            each.setblocking(False)
        self.ours.append(ours)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        self.nursery.start_soon(self._serve, script, DescriptorStream(theirs))
        return Closing(ours, self.gone)

    async def _serve(self, script: Script, stream: trio.abc.Stream) -> None:
        async with stream:
            await script(stream)

    @property
    def open_now(self) -> int:
        return sum(each.fileno() >= 0 for each in self.ours)


async def test_a_limit_that_is_over_before_those_known_fires_at_its_own_time(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """The first waits 100 s for its answer; 11 s between reads are less, and 100 s from 95 more."""
    transport, network = transport_over(
        nursery, silent, answers(HEAD, 1.0, b"he", 50.0, b"llo"), silent, timeouts=LIMITS
    )
    ended: list[float] = []

    async def note(after_s: float) -> None:
        ended.append(await ends_at(transport, after_s=after_s))

    async with trio.open_nursery() as requests:
        for after_s in (0.0, 10.0, 95.0):
            requests.start_soon(note, after_s)
    assert ended == [10.0 + 1.0 + 11.0, 100.0, 195.0]
    assert network.open_now == 0


async def test_a_limit_that_moves_away_does_not_fire_where_it_was(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    transport, _ = transport_over(nursery, answers(HEAD, *((10.0, b"x") * 5)), timeouts=LIMITS)
    assert await fetch(transport) == (200, b"xxxxx")
    assert trio.current_time() == 50.0
    await trio.sleep(15.0)
    assert await fetch(transport) == (200, b"xxxxx")
    assert trio.current_time() == 115.0


@pytest.mark.slow
async def test_each_of_many_connections_has_its_own(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    transport, network = transport_over(nursery, silent, timeouts=LIMITS)
    ended: list[tuple[float, float]] = []

    async def note(after_s: float) -> None:
        ended.append((after_s, await ends_at(transport, after_s=after_s)))

    async with trio.open_nursery() as requests:
        for n in range(300):
            requests.start_soon(note, float(n // 3))
    assert sorted(ended) == [(float(n // 3), n // 3 + 100.0) for n in range(300)]
    assert network.open_now == 0


async def test_a_body_that_nobody_reads_for_a_while_is_not_late(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Neither by the limit that its head had, nor by that of its reads."""
    limits = LIMITS._replace(first_byte=50.0, total=150.0)
    transport, _ = transport_over(nursery, answers(HEAD, b"he", 60.0, b"llo"), timeouts=limits)
    response = await transport.request(
        Origin("http", "a.test", 80), b"GET / HTTP/1.1\r\n\r\n", Wire()
    )
    await trio.sleep(55.0)
    assert [piece async for piece in response] == [b"he", b"llo"]
    await response.aclose()
    assert trio.current_time() == 60.0


async def test_its_task_ends_with_the_transport(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    transport, _ = transport_over(nursery, answers(OK))
    assert watches() == 0
    for _ in range(3):
        assert await fetch(transport) == (200, b"ok")
        assert watches() == 1
    await transport.aclose()
    await wait_all_tasks_blocked()
    assert watches() == 0


async def test_a_connection_made_as_the_last_one_goes_has_its_limit(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """The task is told to end with the one connection, and another comes before it has."""
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    took_s = []
    for _ in range(20):  # trio's order of what runs at once is random
        began_s = trio.current_time()
        pairs = Pairs(nursery, answers(closing), silent)
        transport = TrioTransport(connect=pairs.connect, timeouts=LIMITS)
        async with trio.open_nursery() as requests:
            requests.start_soon(fetch, transport)
            await pairs.gone.wait()
            with pytest.raises(httpx.ReadTimeout):
                await fetch(transport)
        took_s.append(trio.current_time() - began_s)
    assert took_s == [100.0] * 20


async def test_its_task_goes_on_for_what_is_in_use_when_the_transport_is_closed(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """And what comes to its end after that is closed, not kept."""
    slow = answers(HEAD, 10.0, b"he", 10.0, b"llo")
    transport, network = transport_over(nursery, slow, slow, silent, timeouts=LIMITS)
    async with trio.open_nursery() as requests:
        for _ in range(2):
            requests.start_soon(fetch, transport)
        requests.start_soon(ends_at, transport)
        await trio.sleep(5.0)
        await transport.aclose()
        assert (network.open_now, watches()) == (3, 1)
        await trio.sleep(20.0)
        assert (network.open_now, watches()) == (1, 1)
    assert trio.current_time() == 100.0
    await wait_all_tasks_blocked()
    assert (network.open_now, watches()) == (0, 0)


def test_one_transport_keeps_limits_in_one_run_after_another() -> None:
    """Its task of the first run is gone with that run, whatever was left in use."""
    transport = TrioTransport(connect=never_answering, timeouts=LIMITS)

    async def left_in_use() -> None:
        async with trio.open_nursery() as requests:
            requests.start_soon(fetch, transport)
            await trio.sleep(10.0)
            requests.cancel_scope.cancel()

    ended_s = []
    for _ in range(2):
        ended_s.append(trio.run(ends_at, transport, clock=MockClock(autojump_threshold=0)))
        trio.run(left_in_use, clock=MockClock(autojump_threshold=0))
    assert ended_s == [100.0, 100.0]


async def never_answering(_origin: Origin) -> trio.abc.Stream:
    ours, _theirs = memory_stream_pair()
    return ours


@pytest.mark.parametrize("limit_s", [7.0, 7.5, 8.0])
async def test_cancelled_as_the_limit_is_over_it_leaves_nothing_open(
    nursery: trio.Nursery, autojump_clock: MockClock, limit_s: float
) -> None:
    pairs = Pairs(nursery, silent)
    limits = LIMITS._replace(first_byte=limit_s)
    transport = TrioTransport(connect=pairs.connect, timeouts=limits)
    for _ in range(20):  # trio's order of what is due at once is random
        began_s = trio.current_time()
        with trio.move_on_after(7.5), contextlib.suppress(httpx.ReadTimeout):
            await fetch(transport)
        assert trio.current_time() - began_s == min(limit_s, 7.5)
        assert pairs.open_now == 0
    await wait_all_tasks_blocked()
    assert watches() == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_wait_on_a_socket_is_ended(
    nursery: trio.Nursery, autojump_clock: MockClock, scheme: str
) -> None:
    tls = Authority()
    late = answers(HEAD, 50.0, OK)
    pairs = Pairs(nursery, late if scheme == "http" else tls.over(late))
    transport = TrioTransport(connect=pairs.connect, tls=tls.ours, timeouts=LIMITS)
    with pytest.raises(httpx.ReadTimeout, match="waited 11 s for more of the answer"):
        await fetch(transport, scheme=scheme)
    assert trio.current_time() == 11.0
    assert pairs.open_now == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_request_that_a_socket_does_not_take_is_ended(
    nursery: trio.Nursery, autojump_clock: MockClock, scheme: str
) -> None:
    tls = Authority()

    async def deaf(stream: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    pairs = Pairs(nursery, deaf if scheme == "http" else tls.over(deaf))
    transport = TrioTransport(connect=pairs.connect, tls=tls.ours, timeouts=LIMITS)
    with pytest.raises(httpx.WriteTimeout, match="waited 5 s for the request to go"):
        await transport.handle_async_request(post(content=bytes(10_000_000), scheme=scheme))
    assert trio.current_time() == 5.0
    assert pairs.open_now == 0


async def test_what_has_come_by_the_time_that_anybody_looks_is_no_wait_too_long(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    """A loop that stood still past the limit, as on a machine that slept, has its answer."""
    answered = []

    async def note(transport: TrioTransport) -> None:
        answered.append(await fetch(transport))

    for _ in range(20):  # trio's order of what is due at once is random
        ours, theirs = socket.socketpair()
        ours.setblocking(False)

        async def connect(_origin: Origin, ours: socket.socket = ours) -> trio.abc.Stream:
            return DescriptorStream(ours)

        transport = TrioTransport(connect=connect, timeouts=LIMITS)
        async with trio.open_nursery() as requests:
            requests.start_soon(note, transport)
            await wait_all_tasks_blocked()
            theirs.sendall(OK)
            mock_clock.jump(1000.0)
        await transport.aclose()
        theirs.close()
    assert answered == [(200, b"ok")] * 20
