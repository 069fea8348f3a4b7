"""The transport over in-memory streams, in virtual time: exact moments, httpx's own errors."""

import gzip
from functools import partial

import httpx
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from headrace.runner.transport import Origin, Timeouts, TrioTransport, Wire
from headrace.runner.transport.transport import IDLE_MAX_S
from tests.runner.network import OK, Over, answers, fetch, post, request_on, transport_over


@pytest.fixture
def over(nursery: trio.Nursery) -> Over:
    return partial(transport_over, nursery)


async def test_the_request_is_on_the_wire_as_it_was_built(
    over: Over, autojump_clock: MockClock
) -> None:
    seen: list[bytes] = []

    async def script(stream: trio.abc.Stream) -> None:
        seen.append(await request_on(stream))
        await stream.send_all(OK)

    transport, _ = over(script)
    request = httpx.Request(
        "POST", "http://a.test/v1/x?q=1", headers={"X-Team": "blue"}, content=b'{"a": 1}'
    )
    response = await transport.handle_async_request(request)
    assert await response.aread() == b"ok"
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v1/x?q=1 HTTP/1.1"
    assert sorted(lines[1:]) == [b"Content-Length: 8", b"Host: a.test", b"X-Team: blue"]
    assert body == b'{"a": 1}'


async def test_a_connection_is_used_again(over: Over, autojump_clock: MockClock) -> None:
    transport, network = over(answers(OK))
    wires = [Wire() for _ in range(5)]
    for wire in wires:
        assert await fetch(transport, wire) == (200, b"ok")
    assert len(network.opened) == 1
    assert [wire.reused for wire in wires] == [False, True, True, True, True]
    assert [wire.connect_s for wire in wires] == [0.0, None, None, None, None]


async def test_as_many_connections_as_requests_at_once_and_all_are_kept(
    over: Over, autojump_clock: MockClock
) -> None:
    """A pool that drops keep-alive past 20 makes 300 connections where 30 do."""
    transport, network = over(answers(0.5, OK))
    for _ in range(10):
        async with trio.open_nursery() as nursery:
            for _ in range(30):
                nursery.start_soon(fetch, transport)
    assert len(network.opened) == 30
    assert trio.current_time() == 5.0
    await transport.aclose()
    assert network.open_now == 0


async def test_every_moment_on_the_wire_is_exact(over: Over, autojump_clock: MockClock) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
    transport, _ = over(answers(2.0, head, 1.0, b"abc", 3.0, b"def"), connect_s=0.25)
    sent: list[float] = []
    wire = Wire(sent.append)
    response = await transport.handle_async_request(post(wire))
    assert trio.current_time() == 2.25
    moments = [(wire.arrived_at_s, bytes(piece)) async for piece in response.stream]  # type: ignore[union-attr]
    assert moments == [(3.25, b"abc"), (6.25, b"def")]
    assert sent == [0.25]
    assert (wire.connect_s, wire.sent_at_s, wire.first_byte_at_s) == (0.25, 0.25, 2.25)
    assert wire.bytes_received == len(head) + 6
    request = post()
    assert wire.bytes_sent == len(b"POST /v1/x HTTP/1.1\r\n\r\n{}") + sum(
        len(name) + len(value) + 4 for name, value in request.headers.raw
    )


async def test_what_on_sent_raises_sends_nothing(over: Over, autojump_clock: MockClock) -> None:
    seen: list[bytes] = []

    async def script(stream: trio.abc.Stream) -> None:
        seen.append(bytes(await stream.receive_some()))

    def refuse(_at_s: float) -> None:
        raise KeyError("stop")

    transport, network = over(script)
    with pytest.raises(KeyError):
        await transport.handle_async_request(post(Wire(refuse)))
    await trio.testing.wait_all_tasks_blocked()
    assert seen == [b""]
    assert network.open_now == 0


async def test_what_on_sent_takes_is_no_latency(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    """It writes a record, and may lose its core over that: the answer's time begins after it."""
    transport, _ = transport_over(nursery, answers(OK))
    called: list[float] = []

    def slow(at_s: float) -> None:
        called.append(at_s)
        mock_clock.jump(0.5)

    wire = Wire(slow)
    assert await fetch(transport, wire) == (200, b"ok")
    assert called == [0.0]
    assert (wire.sent_at_s, wire.first_byte_at_s) == (0.5, 0.5)


BODIES = {
    "content-length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", True),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: t\r\n\r\n",
        True,
    ),
    "until the end": (b"HTTP/1.1 200 OK\r\n\r\nhello", False),
    "closing": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", False),
    "http/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", False),
    "after 1xx": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        True,
    ),
    "and bytes too many": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n",
        False,
    ),
}


@pytest.mark.parametrize("kind", BODIES)
async def test_each_framing_whatever_the_cuts(
    over: Over, autojump_clock: MockClock, kind: str
) -> None:
    data, reusable = BODIES[kind]
    closes = kind == "until the end"
    # Bytes too many that come after the answer was taken are found by looking at the socket,
    # which streams in memory don't have.
    sizes = (len(data),) if kind == "and bytes too many" else (1, 2, 3, 7, len(data))
    opened = []
    for size in sizes:
        pieces = [data[n : n + size] for n in range(0, len(data), size)]
        transport, network = over(answers(*pieces, close=closes))
        assert await fetch(transport) == (200, b"hello")
        assert await fetch(transport) == (200, b"hello")
        opened.append(len(network.opened))
    assert opened == [1 if reusable else 2] * len(sizes)


async def test_a_status_without_a_body(over: Over, autojump_clock: MockClock) -> None:
    transport, network = over(answers(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert await fetch(transport) == (204, b"")
    assert await fetch(transport) == (204, b"")
    assert len(network.opened) == 1


BROKEN = [
    (b"", httpx.ReadError),
    (b"HTTP/1.1 200 OK\r\nContent-Le", httpx.ReadError),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", httpx.ReadError),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", httpx.ReadError),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", httpx.ReadError),
    (b"<html>\r\n\r\n", httpx.RemoteProtocolError),
    (b"HTTP/1.1 999999 OK\r\n\r\n", httpx.RemoteProtocolError),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", httpx.RemoteProtocolError),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        httpx.RemoteProtocolError,
    ),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
        httpx.RemoteProtocolError,
    ),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", httpx.RemoteProtocolError),
    (b"HTTP/1.1 200 OK\r\n" + b"X-Pad: " + b"x" * 70_000, httpx.RemoteProtocolError),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, httpx.RemoteProtocolError),
]


@pytest.mark.parametrize(("data", "error"), BROKEN)
async def test_a_broken_answer_is_one_of_httpxs_errors_and_leaves_nothing_open(
    over: Over, autojump_clock: MockClock, data: bytes, error: type[Exception]
) -> None:
    transport, network = over(answers(data, close=True), answers(OK))
    with pytest.raises(error):
        await fetch(transport)
    assert network.open_now == 0
    assert await fetch(transport) == (200, b"ok")


LIMITS = Timeouts(connect=3.0, write=5.0, first_byte=7.0, read=11.0)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


async def test_each_phase_has_a_limit_of_its_own(over: Over, autojump_clock: MockClock) -> None:
    transport, network = over(answers(OK), connect_s=100.0, timeouts=LIMITS)
    with pytest.raises(httpx.ConnectTimeout, match="waited 3 s for a connection"):
        await fetch(transport)
    assert trio.current_time() == 3.0

    transport, network = over(answers(100.0, OK), timeouts=LIMITS)
    with pytest.raises(httpx.ReadTimeout, match="waited 7 s for an answer"):
        await fetch(transport)
    assert trio.current_time() == 10.0
    assert network.open_now == 0

    transport, network = over(answers(HEAD, b"he", 10.0, b"l", 100.0, b"lo"), timeouts=LIMITS)
    with pytest.raises(httpx.ReadTimeout, match="waited 11 s for more of the answer"):
        await fetch(transport)
    assert trio.current_time() == 10.0 + 10.0 + 11.0
    assert network.open_now == 0


async def test_a_request_that_is_not_taken_times_out(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """The other side reads nothing, and what lies between is full."""

    async def connect(_origin: Origin) -> trio.abc.Stream:
        ours, _ = trio.testing.lockstep_stream_pair()
        return ours

    transport = TrioTransport(connect=connect, timeouts=LIMITS)
    with pytest.raises(httpx.WriteTimeout, match="waited 5 s for the request to go"):
        await fetch(transport)
    assert trio.current_time() == 5.0


async def test_a_response_that_is_left_unread_costs_its_connection(
    over: Over, autojump_clock: MockClock
) -> None:
    transport, network = over(answers(HEAD, b"he", 5.0, b"llo"))
    response = await transport.handle_async_request(post())
    await response.aclose()
    assert network.open_now == 0
    assert await fetch(transport) == (200, b"hello")
    assert len(network.opened) == 2


async def test_a_body_that_nobody_took_is_no_part_of_the_next_answer(
    over: Over, autojump_clock: MockClock
) -> None:
    transport, network = over(answers(OK))
    response = await transport.request(
        Origin("http", "a.test", 80), b"GET / HTTP/1.1\r\n\r\n", Wire()
    )
    await response.aclose()
    assert await fetch(transport) == (200, b"ok")
    assert len(network.opened) == 1


async def test_encoded_bodies_are_decoded_by_httpx(over: Over, autojump_clock: MockClock) -> None:
    body = gzip.compress(b"hello")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    transport, _ = over(answers(head + body))
    assert await fetch(transport) == (200, b"hello")


async def test_a_connection_that_was_idle_too_long_is_closed_and_not_used(
    over: Over, autojump_clock: MockClock
) -> None:
    transport, network = over(answers(OK))
    reused = []
    for pause_s in (0.0, IDLE_MAX_S, IDLE_MAX_S + 0.001):
        await trio.sleep(pause_s)
        wire = Wire()
        await fetch(transport, wire)
        reused.append(wire.reused)
    assert reused == [False, True, False]
    assert network.open_now == 1


async def test_idle_connections_grow_old_under_those_in_use(
    over: Over, autojump_clock: MockClock
) -> None:
    transport, network = over(answers(0.5, OK))
    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(fetch, transport)
    for _ in range(int(IDLE_MAX_S / 0.5) + 1):
        assert network.open_now == 30
        await fetch(transport)
    assert network.open_now == 1


async def test_connections_to_hosts_that_nobody_comes_back_to_are_closed(
    over: Over, autojump_clock: MockClock
) -> None:
    """ImageStore come from many hosts, each asked once."""
    transport, network = over(answers(OK))
    for number in range(5):
        request = httpx.Request("GET", f"http://cdn-{number}.test/a.png")
        response = await transport.handle_async_request(request)
        assert await response.aread() == b"ok"
        await response.aclose()
        await trio.sleep(IDLE_MAX_S + 0.001)
    assert network.open_now == 1


async def test_a_connection_may_be_used_while_older_ones_are_being_closed(
    over: Over, autojump_clock: MockClock
) -> None:
    """The request whose connection it was looked for an older one where there was none left."""
    transport, network = over(answers(0.5, OK))
    async with trio.open_nursery() as requests:
        for _ in range(10):
            requests.start_soon(fetch, transport)
    async with trio.open_nursery() as requests:
        for _ in range(int(IDLE_MAX_S / 0.5)):
            await fetch(transport)
        requests.start_soon(fetch, transport)
        await trio.sleep(0.5)
        for _ in range(100):
            if network.open_now < 10:
                break
            await trio.lowlevel.checkpoint()
        wire = Wire()
        await fetch(transport, wire)
    assert wire.reused
    assert network.open_now == 1


async def test_an_answer_has_a_limit_as_a_whole(over: Over, autojump_clock: MockClock) -> None:
    """A server that sends a little now and then could hold a slot for ever."""
    limits = LIMITS._replace(total=30.0)
    transport, network = over(answers(HEAD, *((10.0, b"x") * 9)), timeouts=limits)
    with pytest.raises(httpx.ReadTimeout, match="waited 30 s for the end of the answer"):
        await fetch(transport)
    assert trio.current_time() == 30.0
    assert network.open_now == 0


async def answer_on(transport: TrioTransport) -> tuple[float, bytes]:
    """As the engine reads: fed to a callback under one limit for many reads."""
    body: list[bytes] = []

    def take(piece: bytes, _arrived_at_s: float | None) -> bool:
        body.append(piece)
        return True

    origin, head = Origin("http", "a.test", 80), b"GET / HTTP/1.1\r\n\r\n"
    response = await transport.request(origin, head, Wire())
    try:
        await response.feed(take)
    finally:
        await response.aclose()
    return trio.current_time(), b"".join(body)


async def test_a_limit_for_many_reads_is_that_of_each(
    over: Over, autojump_clock: MockClock
) -> None:
    """10 s between reads are not 11 s, however often; and 11 s count from the last read."""
    transport, network = over(
        answers(HEAD, *(10.0, b"h", 10.0, b"e", 10.0, b"llo")), timeouts=LIMITS
    )
    assert await answer_on(transport) == (30.0, b"hello")
    transport, network = over(answers(HEAD, 10.0, b"h", 10.0, b"e", 50.0), timeouts=LIMITS)
    with pytest.raises(httpx.ReadTimeout, match="waited 11 s for more of the answer"):
        await answer_on(transport)
    assert trio.current_time() == 30.0 + 20.0 + 11.0
    assert network.open_now == 0
    transport, network = over(
        answers(HEAD, *((10.0, b"x") * 9)), timeouts=LIMITS._replace(total=25.0)
    )
    with pytest.raises(httpx.ReadTimeout, match="waited 25 s for the end of the answer"):
        await answer_on(transport)
    assert trio.current_time() == 61.0 + 25.0


async def test_the_time_that_the_reader_takes_is_not_the_servers(
    over: Over, autojump_clock: MockClock
) -> None:
    """A long look at a piece is awaited, and no limit of a read counts meanwhile."""
    transport, _ = over(answers(HEAD, b"he", 5.0, b"llo"), timeouts=LIMITS)
    body: list[bytes] = []

    async def look(piece: bytes) -> bool:
        await trio.sleep(100)
        body.append(piece)
        return len(body) < 2

    origin, head = Origin("http", "a.test", 80), b"GET / HTTP/1.1\r\n\r\n"
    response = await transport.request(origin, head, Wire())
    await response.feed(lambda piece, _: look(piece))
    await response.aclose()
    assert (b"".join(body), trio.current_time()) == (b"hello", 200.0)


async def test_a_body_left_at_half_costs_its_connection(
    over: Over, autojump_clock: MockClock
) -> None:
    transport, network = over(answers(HEAD, b"he", 5.0, b"llo"))
    response = await transport.request(
        Origin("http", "a.test", 80), b"GET / HTTP/1.1\r\n\r\n", Wire()
    )
    await response.feed(lambda *_: False)
    await response.aclose()
    assert network.open_now == 0
