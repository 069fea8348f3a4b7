"""What servers that are broken or mean can send: held against h11, and a table of shapes."""

import re
from itertools import pairwise
from typing import NamedTuple

import h11
import httpx
import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.runner.transport import Origin, TrioTransport, Wire
from headrace.runner.transport.connection import HEAD_BYTES_MAX

ORIGIN = Origin("http", "a.test", 80)
REQUEST = b"POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 2\r\n\r\n{}"


class Message(NamedTuple):
    """A whole answer; the names of its headers in lower case."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Script(trio.abc.Stream):
    """Gives what the server is to say, piece by piece, and then the end."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]
        self.is_open = True

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.pieces.pop(0) if self.pieces else b""

    async def aclose(self) -> None:
        self.is_open = False
        await trio.lowlevel.checkpoint()


async def read_ours(pieces: list[bytes]) -> tuple[Message | Exception, bool]:
    """What our transport makes of it, and whether it would use the connection again."""
    script = Script(pieces)

    async def connect(_origin: Origin) -> trio.abc.Stream:
        return script

    body: list[bytes] = []

    def take(piece: bytes, _arrived_at_s: float | None) -> bool:
        body.append(piece)
        return True

    transport = TrioTransport(connect=connect)
    found: Message | Exception
    try:
        response = await transport.request(ORIGIN, REQUEST, Wire())
        try:
            await response.feed(take)
        finally:
            await response.aclose()
        headers = [(name.lower(), value) for name, value in response.headers]
        found = Message(response.status, headers, b"".join(body))
    except httpx.TransportError as error:
        found = error
    reused = script.is_open
    await transport.aclose()
    assert not script.is_open
    return found, reused


def ours(pieces: list[bytes]) -> Message | Exception:
    return trio.run(read_ours, pieces)[0]


def h11s(data: bytes) -> tuple[Message | None, bool]:
    """What h11 makes of the same bytes, None where it is an error, and whether it would go on."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=2 * HEAD_BYTES_MAX)
    head = [("host", "a.test"), ("content-length", "2")]
    connection.send(h11.Request(method="POST", target="/", headers=head))
    connection.send(h11.Data(data=b"{}"))
    connection.send(h11.EndOfMessage())
    status, headers, body, ended = 0, [], b"", False
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status, headers = event.status_code, list(event.headers)
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                goes_on = connection.their_state is h11.DONE and not connection.trailing_data[0]
                return Message(status, headers, body), goes_on and not ended
            elif event is h11.NEED_DATA:
                connection.receive_data(b"")
                ended = True
            elif not isinstance(event, h11.InformationalResponse):
                return None, False
    except h11.RemoteProtocolError:
        return None, False


def without_what_we_let_pass(data: bytes) -> bytes:
    """Empty lines before a status line, and control characters in a reason, which nobody reads."""
    data = re.sub(rb"[\r\n]+(?=HTTP/1\.\d )", lambda found: found[0][:4], data).lstrip(b"\r\n")
    return re.sub(
        rb"(HTTP/1\.\d \d{3} )([^\r\n]*)",
        lambda found: found[1] + re.sub(rb"[\x00-\x1f\x7f-\xff]", b"?", found[2]),
        data,
    )


def known(message: Message | None) -> Message | None:
    """h11 writes the name of the coding in lower case."""
    if message is None:
        return None
    headers = [
        (name, value.lower() if name == b"transfer-encoding" else value)
        for name, value in message.headers
    ]
    return message._replace(headers=headers)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


PLACES = st.lists(st.integers(0, 5000), max_size=12)
NAMES = st.sampled_from(["X-A", "x-request-id", "Retry-After", "Server", "Connection"])
VALUES = st.text(alphabet="abc 019;,=\"'\t", max_size=12).map(str.strip)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=5)
BODIES = st.binary(max_size=40)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """A well-formed answer in one of the framings of RFC 9112, 1xx answers before it."""
    early = draw(st.lists(st.sampled_from([100, 102, 103]), max_size=2))
    status = draw(st.sampled_from([200, 201, 400, 429, 500, 529]))
    body = draw(BODIES)
    framing = draw(st.sampled_from(["length", "chunked", "end"]))
    lines = [f"{name}: {value}" for name, value in draw(HEADERS)]
    if framing == "length":
        lines.insert(draw(st.integers(0, len(lines))), f"Content-Length: {len(body)}")
    elif framing == "chunked":
        lines.insert(draw(st.integers(0, len(lines))), "Transfer-Encoding: chunked")
        pieces = [piece for piece in cut(body, draw(PLACES)) if piece]
        extension = draw(st.sampled_from([b"", b";a=b", b";a"]))
        trailers = draw(st.sampled_from([b"", b"X-Sum: 1\r\n"]))
        chunks = [b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces]
        body = b"".join(chunks) + b"0\r\n" + trailers + b"\r\n"
    heads = [f"HTTP/1.1 {number} Early\r\nLink: x\r\n\r\n" for number in early]
    heads.append("\r\n".join([f"HTTP/1.1 {status} Fine", *lines]) + "\r\n\r\n")
    return "".join(heads).encode() + body


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(data=answers(), places=PLACES)
def test_a_well_formed_answer_is_what_h11_makes_of_it_however_it_is_cut(
    data: bytes, places: list[int]
) -> None:
    expected, goes_on = h11s(data)
    assert expected is not None
    assert trio.run(read_ours, cut(data, places)) == (expected, goes_on)


@st.composite
def broken_answers(draw: st.DrawFn) -> bytes:
    """An answer with some of its bytes changed, left out, or with others put in."""
    data = bytearray(draw(answers()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["change", "drop", "insert", "end"])):
            case "change":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "drop":
                del data[at : at + draw(st.integers(1, 4))]
            case "insert":
                data[at:at] = draw(
                    st.sampled_from([b"\r", b"\n", b"\r\n", b"\0", b" ", b":", b"0", b"f", b"-"])
                )
            case "end":
                del data[at:]
    return bytes(data)


@pytest.mark.slow
@settings(deadline=None)
@given(data=broken_answers(), places=PLACES)
@example(data=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", places=[20])
@example(data=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", places=[20])
def test_a_broken_answer_is_an_error_or_what_h11_makes_of_it_however_it_is_cut(
    data: bytes, places: list[int]
) -> None:
    """Never another message: where h11 refuses, so do we; we may refuse what it lets pass."""
    found = ours([data])
    if isinstance(found, Message):
        assert ours(cut(data, places)) == found
        assert known(found) in (
            known(h11s(data)[0]),
            known(h11s(without_what_we_let_pass(data))[0]),
        )
    else:
        assert type(ours(cut(data, places))) in (httpx.ReadError, httpx.RemoteProtocolError)


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HELLO = Message(200, [(b"content-length", b"5")], b"hello")
WHOLE = OK + b"Content-Length: 5\r\n\r\nhello"
LIES = httpx.RemoteProtocolError
CUT = httpx.ReadError
# What a server sends -> an error, or the answer and whether the connection is used again.
SHAPES: dict[str, tuple[bytes, type[Exception] | tuple[Message, bool]]] = {
    "nothing": (b"", CUT),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", LIES),
    "HTTP/0.9": (b"hello", LIES),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", LIES),
    "TLS": (b"\x16\x03\x01\x00\x2a\x01", LIES),
    "two lengths": (OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", LIES),
    "the same length twice": (OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", LIES),
    "a list of lengths": (OK + b"Content-Length: 5, 6\r\n\r\nhello!", LIES),
    "a negative length": (OK + b"Content-Length: -5\r\n\r\nhello", LIES),
    "a signed length": (OK + b"Content-Length: +5\r\n\r\nhello", LIES),
    "a hexadecimal length": (OK + b"Content-Length: 0x5\r\n\r\nhello", LIES),
    "a length past 64 bits": (OK + b"Content-Length: 99999999999999999999\r\n\r\n", LIES),
    "an empty length": (OK + b"Content-Length: \r\n\r\n", LIES),
    "length and chunks": (
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        LIES,
    ),
    "chunks and length": (
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        LIES,
    ),
    "a coding under the chunks": (
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        LIES,
    ),
    "chunked and something after": (
        OK + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        LIES,
    ),
    "a coding in two headers": (
        OK + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        LIES,
    ),
    "a coding misspelt": (OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", LIES),
    "a negative chunk": (CHUNKED + b"-1\r\nhello\r\n0\r\n\r\n", LIES),
    "a huge chunk": (CHUNKED + b"fffffffffffffffff\r\nhello", LIES),
    "a chunk cut short": (CHUNKED + b"5\r\nhel", CUT),
    "a chunk that goes on": (CHUNKED + b"2\r\nhello\r\n0\r\n\r\n", LIES),
    "a chunk size in words": (CHUNKED + b"five\r\nhello\r\n0\r\n\r\n", LIES),
    "a chunk with bare LF": (CHUNKED + b"5\nhello\n0\n\n", LIES),
    "an endless chunk extension": (CHUNKED + b"5;" + b"x" * 200_000, LIES),
    "many short chunk extensions": (CHUNKED + (b"1;" + b"x" * 4000 + b"\r\na\r\n") * 50, LIES),
    "endless trailers": (CHUNKED + b"0\r\n" + b"X: y\r\n" * 20_000, LIES),
    "an endless header": (OK + b"X: " + b"y" * 200_000, LIES),
    "endless headers": (OK + b"X: y\r\n" * 40_000, LIES),
    "an endless status line": (b"HTTP/1.1 200 " + b"O" * 200_000, LIES),
    "a flood of 1xx": (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, LIES),
    "an upgrade": (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        LIES,
    ),
    "a length before the answer": (
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n" + WHOLE,
        (HELLO, True),
    ),
    "half an upgrade": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", LIES),
    "bare LF": (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", LIES),
    "NUL in a header": (OK + b"X: a\0b\r\nContent-Length: 5\r\n\r\nhello", LIES),
    "CR in a header": (OK + b"X: a\rb\r\nContent-Length: 5\r\n\r\nhello", LIES),
    "a space before the colon": (OK + b"Content-Length : 5\r\n\r\nhello", LIES),
    "a folded header": (OK + b"X: a\r\n b\r\nContent-Length: 5\r\n\r\nhello", LIES),
    "a header without a colon": (OK + b"hello\r\n\r\n", LIES),
    "a status of four digits": (b"HTTP/1.1 2000 OK\r\n\r\n", LIES),
    "an early cut": (WHOLE[:-1], CUT),
    "whole": (WHOLE, (HELLO, True)),
    "garbage after the body": (WHOLE + b"garbage", (HELLO, False)),
    "an answer too many": (WHOLE + WHOLE, (HELLO, False)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [1000_000, 7])
async def test_hostile_shapes(shape: str, size: int) -> None:
    data, expected = SHAPES[shape]
    if size < 1000 and len(data) > 10_000:
        size = 1000
    if size < len(data) and shape in ("garbage after the body", "an answer too many"):
        size = len(data) - 3  # so that some of it comes with the body
    found, reused = await read_ours([data[n : n + size] for n in range(0, len(data), size)])
    if isinstance(expected, tuple):
        assert (found, reused) == expected
    else:
        assert type(found) is expected, found
        assert not reused
