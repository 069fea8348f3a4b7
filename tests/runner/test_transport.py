"""The transport over in-memory streams, in virtual time: exact moments, httpx's own errors."""

import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from trio.testing import MockClock, memory_stream_pair

from runner.transport import Origin, Timeouts, TrioTransport, Wire

Script = Callable[[trio.abc.Stream], Awaitable[None]]


class Counted(trio.abc.Stream):
    """A stream that knows whether it was closed."""

    def __init__(self, inner: trio.abc.Stream) -> None:
        self.inner = inner
        self.is_open = True

    async def send_all(self, data: Any) -> None:
        await self.inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> Any:
        return await self.inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        self.is_open = False
        await self.inner.aclose()


class Network:
    """Connects to scripts: each new connection runs the next one, the last one again and again."""

    def __init__(self, nursery: trio.Nursery, *scripts: Script, connect_s: float = 0.0) -> None:
        self.nursery = nursery
        self.scripts = list(scripts)
        self.connect_s = connect_s
        self.opened: list[Counted] = []
        self.closed = 0

    async def connect(self, _origin: Origin) -> trio.abc.Stream:
        await trio.sleep(self.connect_s)
        pair, theirs = memory_stream_pair()
        ours = Counted(pair)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        self.opened.append(ours)
        self.nursery.start_soon(self._serve, script, theirs)
        return ours

    async def _serve(self, script: Script, stream: trio.abc.Stream) -> None:
        try:
            await script(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await stream.aclose()
            self.closed += 1

    @property
    def open_now(self) -> int:
        """Streams of ours that nobody closed."""
        return sum(stream.is_open for stream in self.opened)


async def request_on(stream: trio.abc.Stream) -> bytes:
    """One request, by its content-length; b"" at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = bytes(await stream.receive_some())
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if b"content-length" in line
        ),
        0,
    )
    while len(body) < length:
        body += bytes(await stream.receive_some())
    return head + b"\r\n\r\n" + body


def answers(*pieces: bytes | float, close: bool = False) -> Script:
    """Answers each request with these pieces; a number is a pause in seconds."""

    async def script(stream: trio.abc.Stream) -> None:
        while await request_on(stream):
            for piece in pieces:
                if isinstance(piece, float):
                    await trio.sleep(piece)
                else:
                    await stream.send_all(piece)
            if close:
                return

    return script


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def post(wire: Wire | None = None, content: bytes = b"{}") -> httpx.Request:
    extensions = {} if wire is None else {"wire": wire}
    return httpx.Request("POST", "http://a.test/v1/x", content=content, extensions=extensions)


async def fetch(transport: TrioTransport, wire: Wire | None = None) -> tuple[int, bytes]:
    response = await transport.handle_async_request(post(wire))
    try:
        return response.status_code, await response.aread()
    finally:
        await response.aclose()


@pytest.fixture
def over(nursery: trio.Nursery) -> Callable[..., tuple[TrioTransport, Network]]:
    """A transport to a network of scripts."""

    def make(
        *scripts: Script, connect_s: float = 0.0, timeouts: Timeouts | None = None
    ) -> tuple[TrioTransport, Network]:
        network = Network(nursery, *scripts, connect_s=connect_s)
        return TrioTransport(connect=network.connect, timeouts=timeouts), network

    return make


Over = Callable[..., tuple[TrioTransport, Network]]


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
    moments = [(wire.read_at, bytes(piece)) async for piece in response.stream]  # type: ignore[union-attr]
    assert moments == [(3.25, b"abc"), (6.25, b"def")]
    assert sent == [0.25]
    assert (wire.connect_s, wire.sent_at, wire.first_byte_at) == (0.25, 0.25, 2.25)
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
    for size in (len(data),) if kind == "and bytes too many" else (1, 2, 3, 7, len(data)):
        pieces = [data[n : n + size] for n in range(0, len(data), size)]
        transport, network = over(answers(*pieces, close=closes))
        assert await fetch(transport) == (200, b"hello")
        assert await fetch(transport) == (200, b"hello")
        assert len(network.opened) == (1 if reusable else 2)


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


async def test_encoded_bodies_are_decoded_by_httpx(over: Over, autojump_clock: MockClock) -> None:
    body = gzip.compress(b"hello")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    transport, _ = over(answers(head + body))
    assert await fetch(transport) == (200, b"hello")


class CancelAt(trio.abc.Instrument):
    """Cancels a scope just before the n-th step of one task."""

    def __init__(self, task: trio.lowlevel.Task, scope: trio.CancelScope, step: int) -> None:
        self.task, self.scope, self.left = task, scope, step

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.task:
            self.left -= 1
            if self.left == 0:
                self.scope.cancel()


async def test_cancelled_at_any_await_it_leaves_nothing_open(
    over: Over, autojump_clock: MockClock
) -> None:
    steps = 0
    while True:
        steps += 1
        transport, network = over(answers(0.5, HEAD, 0.5, b"he", 0.5, b"llo"), connect_s=0.5)
        scope = trio.CancelScope()
        instrument = CancelAt(trio.lowlevel.current_task(), scope, steps)
        trio.lowlevel.add_instrument(instrument)
        done = False
        try:
            with scope:
                done = await fetch(transport) == (200, b"hello")
        finally:
            trio.lowlevel.remove_instrument(instrument)
        if done and not scope.cancel_called:
            break
        # Idle in the pool, or closed: nothing in between.
        idle = sum(len(stack) for stack in transport._idle.values())
        assert network.open_now == idle
        assert await fetch(transport) == (200, b"hello")
        await transport.aclose()
        assert network.open_now == 0
    assert steps > 5
