"""HTTP/2 servers that say GOAWAY with streams open, over loopback TLS: what becomes of each."""

import ssl
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import httpx
import pytest
import trio
import trustme
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, PingFrame, RstStreamFrame
from hypothesis import given
from hypothesis import strategies as st

from headrace.runner.outcome import AttemptOutcome
from headrace.runner.transport import Wire
from headrace.runner.transport.goaway import FrameReader
from headrace.runner.transport.httpx_transport import TracingTransport, httpx_transport
from tests.runner.transport.test_route import BODY, listen, send

REFUSED_STREAM, INTERNAL_ERROR = 7, 2


class Server:
    """Speaks HTTP/2; once `wanted` requests are open on its first connection, it does as `then`
    says. Later connections, and requests, are answered at once."""

    def __init__(
        self, *, wanted: int, then: Callable[["Server", trio.abc.Stream], Awaitable[None]]
    ) -> None:
        authority = trustme.CA()
        self.wanted, self.then = wanted, then
        self.theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.ours = ssl.create_default_context()
        authority.issue_cert("localhost").configure_cert(self.theirs)
        authority.configure_trust(self.ours)
        self.theirs.set_alpn_protocols(["h2"])
        self.connections = 0
        self.answered: list[tuple[int, int]] = []  # connection and stream
        self.h2 = h2.connection.H2Connection()

    async def __call__(self, stream: trio.SocketStream) -> None:
        secure = trio.SSLStream(stream, self.theirs, server_side=True, https_compatible=True)
        try:
            await secure.do_handshake()
            self.connections += 1
            await self._serve(secure, self.connections)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(secure)

    async def _serve(self, stream: trio.abc.Stream, number: int) -> None:
        http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        http2.initiate_connection()
        open_streams: list[int] = []
        done = number > 1
        while True:
            await stream.send_all(http2.data_to_send())
            data = await stream.receive_some()
            if not data:
                return
            for event in http2.receive_data(bytes(data)):
                if isinstance(event, h2.events.StreamEnded):
                    assert event.stream_id is not None
                    open_streams.append(event.stream_id)
            if done:
                for stream_id in open_streams:
                    self.answer(http2, number, stream_id)
                open_streams.clear()
            elif len(open_streams) == self.wanted:
                done = True
                self.h2 = http2
                await self.then(self, stream)
                open_streams.clear()

    def answer(self, http2: h2.connection.H2Connection, number: int, stream_id: int) -> None:
        http2.send_headers(stream_id, [(":status", "200")])
        http2.send_data(stream_id, BODY, end_stream=True)
        self.answered.append((number, stream_id))

    async def say(self, stream: trio.abc.Stream, *frames: Frame) -> None:
        await stream.send_all(b"".join(frame.serialize() for frame in frames))

    async def answer_on(self, stream: trio.abc.Stream, *streams: int) -> None:
        for stream_id in streams:
            self.answer(self.h2, 1, stream_id)
        await stream.send_all(self.h2.data_to_send())


def goaway(last_stream_id: int, error_code: int = 0) -> GoAwayFrame:
    return GoAwayFrame(0, last_stream_id=last_stream_id, error_code=error_code)


async def three_on(server: Server) -> tuple[list[AttemptOutcome], AttemptOutcome]:
    """Three requests at once on one connection, and one after them."""
    outcomes: dict[int, AttemptOutcome] = {}
    async with trio.open_nursery() as nursery:
        port = await listen(nursery, server)
        base_url = f"https://localhost:{port}"
        async with httpx_transport(http2=True, tls=server.ours) as transport:

            async def one(number: int) -> None:
                outcomes[number] = await send(transport, base_url, Wire())

            with trio.fail_after(10):
                async with trio.open_nursery() as three:
                    for number in range(3):
                        three.start_soon(one, number)
                after = await send(transport, base_url, Wire())
        nursery.cancel_scope.cancel()
    return [outcomes[number] for number in range(3)], after


def kinds(outcomes: list[AttemptOutcome]) -> list[str]:
    """What became of each, in no order: the tasks begin in any."""
    return sorted(
        "answered" if each.failure is None else f"{each.failure.kind}: {each.failure.message}"
        for each in outcomes
    )


@pytest.mark.slow
async def test_streams_above_the_last_were_not_processed_and_the_others_finish() -> None:
    """One was billed: the others may be sent again, and nobody pays twice."""

    async def then(server: Server, stream: trio.abc.Stream) -> None:
        await server.say(stream, goaway(1))
        await server.answer_on(stream, 1)

    server = Server(wanted=3, then=then)
    outcomes, after = await three_on(server)
    words = "reset: the server said GOAWAY before it took the request"
    assert kinds(outcomes) == ["answered", words, words]
    assert after.answer is not None
    assert server.answered == [(1, 1), (2, 1)]  # the next went to another connection


@pytest.mark.slow
async def test_streams_up_to_the_last_finish_where_the_connection_lives() -> None:
    """Nginx says so after its thousandth request: everything in flight was sent and paid again."""

    async def then(server: Server, stream: trio.abc.Stream) -> None:
        await server.say(stream, goaway(2**31 - 1))  # first that it is about to, then what it took
        await server.answer_on(stream, 5)
        await server.say(stream, goaway(5))
        await server.answer_on(stream, 3, 1)

    server = Server(wanted=3, then=then)
    outcomes, after = await three_on(server)
    assert kinds(outcomes) == ["answered"] * 3
    assert after.answer is not None
    assert server.answered == [(1, 5), (1, 3), (1, 1), (2, 1)]
    assert server.connections == 2


@pytest.mark.slow
@pytest.mark.parametrize("error_code", [0, INTERNAL_ERROR])
async def test_streams_up_to_the_last_are_reset_where_the_connection_dies(error_code: int) -> None:
    """They may be billed."""

    async def then(server: Server, stream: trio.abc.Stream) -> None:
        await server.say(stream, goaway(3, error_code))
        await trio.aclose_forcefully(stream)

    outcomes, after = await three_on(Server(wanted=3, then=then))
    died = "reset: the server closed the connection before it answered"
    assert kinds(outcomes) == [
        died,
        died,
        "reset: the server said GOAWAY before it took the request",
    ]
    assert after.answer is not None


@pytest.mark.slow
async def test_a_refused_stream_was_not_processed_and_any_other_reset_may_be_billed() -> None:
    async def then(server: Server, stream: trio.abc.Stream) -> None:
        await server.say(stream, RstStreamFrame(1, error_code=REFUSED_STREAM))
        await server.say(stream, RstStreamFrame(3, error_code=INTERNAL_ERROR))
        await server.answer_on(stream, 5)

    outcomes, after = await three_on(Server(wanted=3, then=then))
    assert kinds(outcomes) == [
        "answered",
        "reset: the server refused the stream",
        "reset: the server reset the stream before it answered (error 2)",
    ]
    assert after.answer is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0" * 500,
        DataFrame(1, data=b"before any head").serialize(),
        DataFrame(99, data=b"of a stream that is none").serialize(),
        b"\x00\x00\x04\x07\x00\x00\x00\x00\x00abcd",  # a GOAWAY that is too short
    ],
)
async def test_no_error_of_another_library_leaves_the_edge(garbage: bytes) -> None:
    """It ended the run with a traceback."""

    async def then(server: Server, stream: trio.abc.Stream) -> None:
        await stream.send_all(garbage)
        await trio.aclose_forcefully(stream)

    outcomes, after = await three_on(Server(wanted=3, then=then))
    assert {each.failure.kind for each in outcomes if each.failure} <= {"protocol", "reset"}
    assert all(each.failure is not None for each in outcomes)
    assert after.answer is not None


class BreaksOff(httpx.AsyncByteStream):
    """A body whose reading, and closing, raise what h2 does."""

    async def __aiter__(self):  # type: ignore[no-untyped-def]
        yield b"{"
        raise h2.exceptions.ProtocolError("Invalid input in state CLOSED")

    async def aclose(self) -> None:
        raise KeyError(7)


async def test_an_error_in_the_middle_of_a_body_is_one_of_ours(autojump_clock: Any) -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        method = type("", (), {"method": b"POST"})()
        await request.extensions["trace"]("http2.send_request_headers.started", {"request": method})
        return httpx.Response(200, stream=BreaksOff())

    transport = TracingTransport(httpx.MockTransport(answer))
    outcome = await send(transport, "https://a.test", Wire())
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.message) == (
        "protocol",
        "the answer is not HTTP: Invalid input in state CLOSED",
    )


FRAMES = st.lists(
    st.one_of(
        st.builds(lambda data: DataFrame(1, data=data), st.binary(max_size=40)),
        st.builds(lambda data: PingFrame(0, opaque_data=data), st.binary(min_size=8, max_size=8)),
        st.builds(
            lambda last, more: GoAwayFrame(0, last_stream_id=last, additional_data=more),
            st.integers(0, 2**31 - 1),
            st.binary(max_size=20),
        ),
    ),
    max_size=8,
)


@given(frames=FRAMES, places=st.lists(st.integers(0, 500), max_size=10))
def test_goaways_are_taken_out_however_the_frames_are_cut(
    frames: list[Frame], places: list[int]
) -> None:
    data = b"".join(frame.serialize() for frame in frames)
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    heard: list[int] = []
    reader = FrameReader(heard.append)
    passed = b"".join(reader.feed(data[a:b]) for a, b in pairwise(edges))
    assert heard == [each.last_stream_id for each in frames if isinstance(each, GoAwayFrame)]
    others = [each.serialize() for each in frames if not isinstance(each, GoAwayFrame)]
    assert passed == b"".join(others)
