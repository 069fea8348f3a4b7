"""HTTP/1.1 on a byte stream: requests read one at a time, and the bytes of response heads.

Everything received is bounded in size and time. What cannot be parsed as a request raises
`ApiError` once, after which the connection must be closed.
"""

import re
from collections import deque
from collections.abc import Iterable
from functools import cache
from math import inf

import httptools
import trio

from .errors import PHRASES, ApiError

RECEIVE_BYTES = 65_536
# One-byte chunks cost six bytes each on the wire; beyond this a body is more framing than content.
FRAMING_FACTOR = 8
_ABSOLUTE = re.compile(rb"https?://(?:[^/@]*@)?([^/]+)(.*)", re.IGNORECASE | re.DOTALL)


class Bounds:
    """How much a client may send for one request, and how long it may take.

    Args:
        head_bytes: request line and headers.
        body_bytes: the body, decoded.
        head_s: from the first byte to the end of the head.
        body_s: from the end of the head to the end of the body.
        idle_s: between requests.
        read_s: without reading anything of an answer that is being sent.
    """

    __slots__ = ("body_bytes", "body_s", "head_bytes", "head_s", "idle_s", "read_s")

    def __init__(
        self,
        *,
        head_bytes: int = 65_536,
        body_bytes: int = 32 * 1024 * 1024,
        head_s: float = 30.0,
        body_s: float = 120.0,
        idle_s: float = 300.0,
        read_s: float = 300.0,
    ) -> None:
        self.head_bytes = head_bytes
        self.body_bytes = body_bytes
        self.head_s = head_s
        self.body_s = body_s
        self.idle_s = idle_s
        self.read_s = read_s


class Request:
    """One request as received: header names are lower case, `path` has no query."""

    __slots__ = ("arrival", "body", "headers", "keep_alive", "method", "path", "start", "target")

    def __init__(self) -> None:
        self.method = ""
        self.target = b""
        self.path = ""
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.keep_alive = False
        # On trio's clock, in seconds: the read that completed the request.
        self.arrival = 0.0
        # The same clock, when answering began: later only behind pipelined requests.
        self.start = 0.0


class RequestReader:
    """Reads requests from one stream, in order, also when several came in one segment.

    The caller closes the stream.
    """

    def __init__(self, stream: trio.abc.Stream, bounds: Bounds) -> None:
        # The owner enters it around every use of this reader.
        self.timeout = trio.CancelScope()
        self._stream = stream
        self._bounds = bounds
        self._parser = httptools.HttpRequestParser(self)
        self._ready: deque[Request] = deque()
        self._request = Request()
        self._parts: list[bytes] = []
        self._head_bytes = 0
        self._body_bytes = 0
        self._raw_bytes = 0
        self._in_head = False
        # Whether a request has begun to arrive and is not yet complete.
        self.begun = False
        self._expects = False
        self._refusal: ApiError | None = None

    @property
    def partial(self) -> Request:
        """What is known of the request that could not be read to the end."""
        return self._request

    async def next_request(self) -> Request | None:
        """The next complete request, or None when the client has closed.

        Raises ApiError for what is not a request or is too large, and trio.BrokenResourceError when
        the connection breaks. `timeout` has a deadline while this waits, and after that until
        `lift_timeout`; it expires when the client stays idle or is too slow.
        """
        if self._ready:
            request = self._ready.popleft()
            request.start = trio.current_time()
            return request
        # One scope per connection: entering one per request costs more than parsing does.
        since = trio.current_time()
        while self._refusal is None:
            self.timeout.deadline = since + self._timeout_s()
            if self._expects:
                self._expects = False
                await self._stream.send_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            data = await self._stream.receive_some(RECEIVE_BYTES)
            if not data:
                break
            was_begun = self.begun
            self._feed(data)
            if self._ready:
                arrival = trio.current_time()
                for request in self._ready:
                    request.arrival = request.start = arrival
                return self._ready.popleft()
            if self.begun and not was_begun:
                since = trio.current_time()
        self.lift_timeout()
        if self._refusal is not None:
            raise self._refusal
        return None

    def lift_timeout(self) -> None:
        """Remove the deadline, before anything that may take long."""
        self.timeout.deadline = inf

    def _timeout_s(self) -> float:
        if not self.begun:
            return self._bounds.idle_s
        return self._bounds.head_s if self._in_head else self._bounds.body_s

    def _feed(self, data: bytes | bytearray) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, ApiError) else _unreadable(error))
        except httptools.HttpParserError as error:
            self._refuse(_unreadable(error))
        else:
            if self.begun:
                self._bound_progress(len(data))

    def _bound_progress(self, fed_bytes: int) -> None:
        """Bound what no callback sees: an unfinished header line, chunk sizes and extensions."""
        self._raw_bytes += fed_bytes
        if self._in_head:
            if self._raw_bytes > self._bounds.head_bytes + RECEIVE_BYTES:
                self._refuse(self._head_too_large())
        elif self._raw_bytes > self._bounds.head_bytes + FRAMING_FACTOR * self._bounds.body_bytes:
            self._refuse(self._body_too_large())

    def _refuse(self, refusal: ApiError) -> None:
        self._refusal = refusal

    def _head_too_large(self) -> ApiError:
        return ApiError(431, f"The request head is larger than {self._bounds.head_bytes} bytes.")

    def _body_too_large(self) -> ApiError:
        return ApiError(413, f"The request body is larger than {self._bounds.body_bytes} bytes.")

    # Callbacks of httptools; what they raise comes out of feed_data.

    def on_message_begin(self) -> None:
        self._request = Request()
        self._parts = []
        self._head_bytes = self._body_bytes = self._raw_bytes = 0
        self.begun = self._in_head = True
        self._expects = False

    def on_url(self, url: bytes) -> None:
        request = self._request
        request.target = request.target + url if request.target else url
        self._head_bytes += len(url)
        if self._head_bytes > self._bounds.head_bytes:
            raise self._head_too_large()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._bounds.head_bytes:
            raise self._head_too_large()
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects = True
        elif name == b"content-length" and value.isdigit() and int(value) > self._bounds.body_bytes:
            raise self._body_too_large()
        self._request.headers[name] = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._parser.should_upgrade():
            raise ApiError(400, "The Upgrade header and CONNECT are not supported here.")
        request = self._request
        request.method = self._parser.get_method().decode("ascii")
        request.keep_alive = self._parser.should_keep_alive()
        path, _, _query = request.target.partition(b"?")
        if path[:1] != b"/" and (absolute := _ABSOLUTE.match(path)):
            # As to a proxy; what it names goes before the Host header.
            request.headers[b"host"], path = absolute[1], absolute[2] or b"/"
        request.path = path.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > self._bounds.body_bytes:
            raise self._body_too_large()
        self._parts.append(body)

    def on_message_complete(self) -> None:
        parts = self._parts
        self._request.body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._ready.append(self._request)
        self.begun = self._expects = False


def _unreadable(error: Exception) -> ApiError:
    return ApiError(400, f"The HTTP request cannot be parsed: {error}.")


@cache
def _head_start(status: int, content_type: str) -> bytes:
    line = f"HTTP/1.1 {status} {PHRASES[status]}\r\nserver: headrace\r\n"
    return f"{line}content-type: {content_type}\r\nx-request-id: ".encode("ascii")


def response_head(
    status: int,
    request_id: str,
    *,
    content_type: str,
    length_bytes: int | None,
    keep_alive: bool,
    headers: Iterable[tuple[str, str]] = (),
) -> bytes:
    """Status line and headers; `length_bytes` is None for a chunked body."""
    length = (
        "transfer-encoding: chunked" if length_bytes is None else f"content-length: {length_bytes}"
    )
    more = "".join([f"{name}: {value}\r\n" for name, value in headers]) if headers else ""
    ending = "\r\n" if keep_alive else "connection: close\r\n\r\n"
    tail = f"{request_id}\r\nrequest-id: {request_id}\r\n{length}\r\n{more}{ending}"
    return _head_start(status, content_type) + tail.encode("latin-1")


def chunk(data: bytes) -> bytes:
    """`data` as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
