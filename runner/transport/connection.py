"""One HTTP/1.1 connection: one request at a time, its response read as the bytes come."""

from collections.abc import Callable
from typing import Any

import httptools
import httpx
import trio

from .phase import WRITE, broken
from .streams import READ_BYTES, DescriptorStream, descriptor_under

# Status line and headers of one response, with those of 1xx answers before it.
HEAD_BYTES_MAX = 65536
# Past that much, bytes of framing for each byte of body: a chunk of one byte takes five.
FRAMING_SHARE_MAX = 32

# How often a request that nobody reads is looked up from, to see whether its answer is there.
EARLY_ANSWER_S = 0.25


class Wire:
    """What happened on the wire for one attempt; the transport fills it in as it goes.

    Moments are seconds on trio's clock and None until they come. `on_sent` is called just before
    the first byte of the request is written to a ready connection; what it raises ends the attempt.
    Bytes count the request and the response with their heads, without TLS.

    With `timed`, `first_byte_at` and `read_at` are when the kernel got the bytes, and
    `client_lag_s` is the longest that any waited to be read; None where the kernel said nothing of
    any. Without it, and for such bytes, they are the clock at the read.
    """

    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "client_lag_s",
        "connect_s",
        "first_byte_at",
        "on_sent",
        "read_at",
        "reused",
        "sent_at",
        "timed",
    )

    def __init__(
        self, on_sent: Callable[[float], None] | None = None, *, timed: bool = False
    ) -> None:
        self.on_sent = on_sent
        self.timed = timed
        self.connect_s: float | None = None
        self.reused: bool | None = None
        self.sent_at: float | None = None
        self.first_byte_at: float | None = None
        self.read_at: float | None = None
        self.client_lag_s: float | None = None
        self.bytes_sent = 0
        self.bytes_received = 0

    def saw(self, now_s: float, arrived_at: float | None) -> None:
        """Bytes that came at `arrived_at` were read by `now_s`."""
        if arrived_at is None:
            self.read_at = now_s
            return
        self.read_at = arrived_at
        self.client_lag_s = max(self.client_lag_s or 0.0, now_s - arrived_at)


class Connection:
    """A stream and the parser of what comes back on it. Closed by the transport that owns it.

    Raises trio.BrokenResourceError or trio.ClosedResourceError where the stream fails,
    httpx.ReadError where it ends too early and httpx.RemoteProtocolError where it isn't HTTP/1.1.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.idle_since_s = 0.0
        self.read_s = 0.0  # when the last read ended, on trio's clock
        self._socket = descriptor_under(stream)
        # Written to without a wait where there is no TLS between.
        self._plain = stream if isinstance(stream, DescriptorStream) else None
        self._parser: Any = httptools.HttpResponseParser(self)
        self._begin()

    def _begin(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.head_done = False
        self.complete = False
        self.reusable = False
        self._until_end = False
        self._cut_short = False  # the request is not all sent
        self._lie: str | None = None  # what no honest head says
        self._framing_bytes = 0  # of heads, chunk sizes, extensions and trailers
        self._framing_bytes_max = HEAD_BYTES_MAX
        self._body: list[bytes] = []

    # -- what httptools calls; a 1xx answer is followed by the one that counts

    def on_message_begin(self) -> None:
        if self.complete:
            self.reusable = False  # bytes that no request asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.head_done:  # afterwards they are trailers
            self.headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.headers = []
            return
        self.head_done = True
        self.reusable = self._parser.should_keep_alive() and not self._cut_short
        lengths, codings = self._framing()
        bodiless = self.status in (204, 304)
        self._until_end = not bodiless and not lengths and not codings
        if len(lengths) > 1 or (codings and [coding.lower() for coding in codings] != [b"chunked"]):
            self._lie = "has several lengths, or a coding besides chunked"

    def _framing(self) -> tuple[list[bytes], list[bytes]]:
        """What the head says of the body's length and of its transfer coding."""
        lengths, codings = [], []
        for name, value in self.headers:
            if len(name) == 14 and name.lower() == b"content-length":
                lengths.append(value)
            elif len(name) == 17 and name.lower() == b"transfer-encoding":
                codings.append(value)
        return lengths, codings

    def on_body(self, data: bytes) -> None:
        if not self.complete:
            self._body.append(data)
            self._framing_bytes -= len(data)
            self._framing_bytes_max += FRAMING_SHARE_MAX * len(data)

    def on_message_complete(self) -> None:
        if self.head_done:
            self.complete = True

    # -- what the transport calls

    def has_unread_bytes_or_end(self) -> bool:
        """Whether it was closed by its server while idle, or holds bytes that nobody asked for.

        Either way it can't carry another request. A stream without a socket never says so.
        """
        return self._socket is not None and self._socket.has_something_to_read()

    def send(self, data: bytes, wire: Wire) -> bytes:
        """Begin one request: `wire.on_sent` is called, and what can be written at once is.

        Returns the rest, for `send_rest`.
        """
        self._begin()
        if wire.timed and self._socket is not None:
            self._socket.note_arrivals()
        now_s = trio.current_time()
        if wire.on_sent is not None:
            wire.on_sent(now_s)  # what it raises leaves nothing sent
        wire.sent_at = now_s
        wire.bytes_sent += len(data)
        if self._plain is None:
            return data
        try:
            written = self._plain.write_now(data)
        except trio.BrokenResourceError as error:
            raise broken(WRITE, error) from error
        return data[written:] if written < len(data) else b""

    async def send_rest(self, rest: bytes) -> None:
        """Write what `send` left, unless the answer is there before: then nobody reads the rest."""
        if self._plain is None:
            await self.stream.send_all(rest)
            return
        left = memoryview(rest)
        while left:
            with trio.move_on_after(EARLY_ANSWER_S):
                await self._plain.wait_send_all_might_not_block()
            if self._plain.has_something_to_read():
                self._cut_short = True
                return
            left = left[self._plain.write_now(left) :]

    async def read(self, wire: Wire) -> None:
        """One read from the network, with one look at the clock, given to the parser."""
        data = await self.stream.receive_some(READ_BYTES)
        self.read_s = now_s = trio.current_time()
        if wire.timed and self._socket is not None and data:
            wire.saw(now_s, self._socket.arrived_at)
        else:
            wire.read_at = now_s
        if not data:
            if self._until_end:
                self.complete, self.reusable = True, False
                return
            where = "in the middle of its answer" if self.status else "before it answered"
            raise httpx.ReadError(f"the server closed the connection {where}")
        if wire.first_byte_at is None:
            wire.first_byte_at = wire.read_at
        wire.bytes_received += len(data)
        self._framing_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self.complete:
                self.reusable = False
                return
            raise httpx.RemoteProtocolError(f"the answer is not HTTP/1.1: {error}") from error
        if self._lie is not None:
            raise httpx.RemoteProtocolError(f"the answer {self._lie}")
        if self._framing_bytes > self._framing_bytes_max and not self.complete:
            what = "has more framing than content" if self.head_done else "has no end to its head"
            raise httpx.RemoteProtocolError(f"the answer {what}, over {HEAD_BYTES_MAX} bytes of it")

    def take_body(self) -> bytes:
        """The body bytes that have come since the last call."""
        body = b"".join(self._body) if len(self._body) != 1 else self._body[0]
        self._body.clear()
        return body
