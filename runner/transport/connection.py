"""One HTTP/1.1 connection: one request at a time, its response read as the bytes come."""

import math
from typing import Any

import httptools
import httpx
import trio

from .deadlines import Deadlines
from .streams import READ_BYTES, DescriptorStream, Origin, SweptRead, descriptor_under
from .sweep import Sweep, Swept
from .timeouts import BROKEN, FIRST_BYTE, READ, TOTAL, WRITE, RequestWait, Timeouts, broken, late
from .tls import SPEAKS_TLS, TLS_ALERT
from .wire import Wire

# Status line and headers of one response, with those of 1xx answers before it.
HEAD_BYTES_MAX = 65536
# Past that much, bytes of framing for each byte of body: a chunk of one byte takes five.
FRAMING_SHARE_MAX = 32

# How often a request that nobody reads is looked up from, to see whether its answer is there.
EARLY_ANSWER_S = 0.25

Headers = list[tuple[bytes, bytes]]  # as they came, but for their names: in lower case


class Connection:
    """A stream and the parser of what comes back on it. Closed by the transport that owns it.

    Raises httpx's errors: WriteError and ReadError where the stream fails or ends too early,
    WriteTimeout and ReadTimeout where a phase is too long, RemoteProtocolError where what comes
    isn't HTTP/1.1.
    """

    def __init__(
        self, stream: trio.abc.Stream, *, origin: Origin, limits: Timeouts, deadlines: Deadlines
    ) -> None:
        self.stream = stream
        self.origin = origin
        # Found once: `trio.current_time` finds the clock anew at each call.
        self.now = trio.lowlevel.current_clock().current_time
        self.since_s = 0.0  # when the last read ended or a wait began, on trio's clock
        self._limits = limits
        self._deadlines = deadlines
        self._waits_for: RequestWait | None = None  # what is waited for
        self._wait_max_s = 0.0  # how long that may be, from `since_s`
        self._ends_s = 0.0  # when the whole exchange is to be over
        self._socket = descriptor_under(stream)
        # Written to without a wait where there is no TLS between.
        self._plain = stream if isinstance(stream, DescriptorStream) else None
        self.swept: Swept | None = None  # while a sweep reads it
        self._left: list[SweptRead] = []  # what a sweep read and nobody took
        self._parser: Any = httptools.HttpResponseParser(self)

    def _begin(self) -> None:
        self.status = 0
        self.headers: Headers = []
        self.head_done = False
        self.complete = False
        self.reusable = False
        self._until_end = False
        self._fault: httpx.RemoteProtocolError | None = None  # after what came before it
        self._cut_short = False  # the request is not all sent
        self._lengths = 0  # headers that say one
        self._codings: list[bytes] = []
        self._body: list[bytes] = []  # what came of it since it was last taken
        self._body_bytes = 0

    # -- what httptools calls; a 1xx answer is followed by the one that counts

    def on_message_begin(self) -> None:
        if self.complete:
            raise httpx.RemoteProtocolError("the answer is followed by what nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_done:
            return  # it is a trailer
        name, value = name.lower(), value.rstrip(b" \t")
        self.headers.append((name, value))
        if name == b"content-length":
            self._lengths += 1
        elif name == b"transfer-encoding":
            self._codings.append(value.lower())

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        lengths, codings = self._lengths, self._codings
        if self.status == 101:  # httptools has an error of its own kind for that
            raise httpx.RemoteProtocolError("the answer changes to a protocol nobody asked for")
        if self.status < 200:
            self.headers, self._lengths, self._codings = [], 0, []
            return
        self.head_done = True
        self.reusable = self._parser.should_keep_alive() and not self._cut_short
        self._until_end = not lengths and not codings and self.status not in (204, 304)
        if lengths > 1 or (codings and codings != [b"chunked"]):
            what = "has several lengths, or a coding besides chunked"
            raise httpx.RemoteProtocolError(f"the answer {what}")

    def on_body(self, data: bytes) -> None:
        self._body.append(data)
        self._body_bytes += len(data)

    def on_message_complete(self) -> None:
        self.complete = self.head_done

    # -- what the watch calls

    def due_s(self) -> float:
        """When the wait under way is too long; inf while nobody waits."""
        if self._waits_for is None:
            return math.inf
        return min(self._last_s + self._wait_max_s, self._ends_s)

    @property
    def _last_s(self) -> float:
        """When something last came, or the wait began."""
        return self.since_s if self.swept is None else max(self.since_s, self.swept.last_s)

    async def interrupt(self) -> None:
        """Wake who waits on the stream."""
        if self.swept is not None:
            self.swept.fail(trio.ClosedResourceError())
        elif self._socket is not None:
            self._socket.interrupt()
        else:
            await trio.aclose_forcefully(self.stream)

    # -- what the transport calls

    def has_unread_bytes_or_end(self) -> bool:
        """Whether it was closed by its server while idle, or holds bytes that nobody asked for.

        Either way it can't carry another request. A stream without a socket never says so.
        """
        return self._socket is not None and self._socket.has_something_to_read()

    def sweep(self, sweep: Sweep) -> None:
        """Have a sweep read from now on; as before over TLS, and where there is none."""
        if self._plain is not None:
            self.swept = sweep.add(self._plain)

    def end_sweep(self) -> None:
        """Read here again, once what the sweep has read is taken."""
        if self.swept is not None:
            self.swept.stop()
            self._left += self.swept.taken
            self.swept = None
        if self._left and self.complete:
            self.reusable = False  # bytes that nobody asked for

    async def swept_reads(self) -> list[SweptRead]:
        """What the sweep has read, at least one; None of it is parsed yet."""
        assert self.swept is not None
        if self._fault is not None:
            raise self._fault
        if self._left:
            left, self._left = self._left, []
            return left
        try:
            return await self.swept.reads()
        except BROKEN as error:
            raise self.error(error) from error

    def wait_for_more(self, from_s: float) -> None:
        """The next reads are of the answer's rest, the first of them from this moment on."""
        self._wait(READ, self._limits.read, from_s)

    def rest(self) -> None:
        """Nobody waits for now."""
        self._waits_for = None

    def send(self, data: bytes, wire: Wire) -> bytes:
        """Begin one request: `wire.on_sent` is called, and what can be written at once is.

        Returns the rest, for `send_rest`. What is read next is the answer.
        """
        self._begin()
        if wire.on_sent is not None:
            wire.on_sent(self.now())  # what it raises leaves nothing sent
        # Read after that: what it writes, and whoever takes the core meanwhile, is not latency.
        wire.sent_at_s = now_s = self.now()
        if wire.timed and self._socket is not None:
            self._socket.note_arrivals(now_s)
        wire.bytes_sent += len(data)
        self._ends_s = now_s + self._limits.total
        if self._plain is None:
            return data
        try:
            written = self._plain.write_now(data)
        except trio.BrokenResourceError as error:
            raise broken(WRITE, error) from error
        if written < len(data):
            return data[written:]
        self._wait(FIRST_BYTE, self._limits.first_byte, now_s)
        return b""

    async def send_rest(self, rest: bytes) -> None:
        """Write what `send` left, unless the answer is there before: then nobody reads the rest."""
        self._wait(WRITE, self._limits.write, self.now())
        try:
            if self._plain is None:
                await self.stream.send_all(rest)
            else:
                await self._write(self._plain, memoryview(rest))
        except BROKEN as error:
            raise self.error(error) from error
        self._wait(FIRST_BYTE, self._limits.first_byte, self.now())

    async def _write(self, plain: DescriptorStream, left: memoryview) -> None:
        while left:
            with trio.move_on_after(EARLY_ANSWER_S):
                await plain.wait_send_all_might_not_block()
            if plain.has_something_to_read():
                self._cut_short = True
                return
            left = left[plain.write_now(left) :]

    async def read(self, wire: Wire) -> None:
        """One read from the network, with one look at the clock, given to the parser."""
        if self._fault is not None:
            raise self._fault
        if self._left or self.swept is not None:
            if not self._left:
                self._left = await self.swept_reads()
            self.take_swept(self._left.pop(0), wire)
            if self.swept is not None:
                # Of an answer of known length nothing but its length tells the end.
                self.swept.eager = not self.head_done or self._lengths > 0
            return
        try:
            data = await self.stream.receive_some(READ_BYTES)
        except BROKEN as error:
            raise self.error(error) from error
        self.since_s = now_s = self.now()
        arrived_at_s: float | None = None
        if wire.timed and self._socket is not None:
            arrived_at_s = self._socket.arrived_at_s
        self._take(data, now_s, arrived_at_s, wire)

    def leave(self, reads: list[SweptRead]) -> None:
        """What a sweep read and is not taken now."""
        self._left = reads

    def take_swept(self, read: SweptRead, wire: Wire) -> None:
        """What a sweep read, given to the parser: as if it had been read here."""
        assert self._plain is not None
        self._take(read[0], read[2], self._plain.arrival(read), wire)

    def _take(
        self, data: bytes | bytearray, now_s: float, arrived_at_s: float | None, wire: Wire
    ) -> None:
        if data:
            wire.saw(now_s, arrived_at_s)
        else:
            wire.arrived_at_s = now_s
        if not data:
            if self._fault is not None:
                raise self._fault
            if self._until_end:
                self.complete, self.reusable = True, False
                return
            where = "in the middle of its answer" if self.status else "before it answered"
            raise httpx.ReadError(f"the server closed the connection {where}")
        if wire.first_byte_at_s is None:
            wire.first_byte_at_s = wire.arrived_at_s
        wire.bytes_received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self.complete:
                self.reusable = False
                return
            if not self.status and data.startswith(TLS_ALERT) and self.origin.scheme == "http":
                raise httpx.ConnectError(SPEAKS_TLS) from error
            if isinstance(error.__context__, httpx.RemoteProtocolError):
                raise error.__context__ from None
            fault = httpx.RemoteProtocolError(f"the answer is not HTTP/1.1: {error}")
            if not self.head_done:
                raise fault from error
            self._fault = fault
            return
        framing_bytes = wire.bytes_received - self._body_bytes
        framing_bytes_max = HEAD_BYTES_MAX + FRAMING_SHARE_MAX * self._body_bytes
        if framing_bytes > framing_bytes_max and not self.complete:
            what = "has more framing than content" if self.head_done else "has no end to its head"
            raise httpx.RemoteProtocolError(f"the answer {what}, over {HEAD_BYTES_MAX} bytes of it")

    def take_body(self) -> bytes:
        """The body bytes that have come since the last call."""
        body = b"".join(self._body) if len(self._body) != 1 else self._body[0]
        self._body.clear()
        return body

    def _wait(self, phase: RequestWait, seconds: float, from_s: float) -> None:
        self._waits_for, self._wait_max_s, self.since_s = phase, seconds, from_s
        due_s = self.due_s()
        if due_s < self._deadlines.wakes_s:
            self._deadlines.wake_by(due_s)

    def error(self, error: BaseException) -> httpx.TransportError:
        """The error of a wait that ended with `error`, which is the watch's where it is overdue."""
        assert self._waits_for is not None
        now_s = self.now()
        if isinstance(error, trio.ClosedResourceError) and now_s >= self.due_s():
            if now_s >= self._last_s + self._wait_max_s:
                return late(self._waits_for, self._wait_max_s)
            return late(TOTAL, self._limits.total)
        return broken(self._waits_for, error)
