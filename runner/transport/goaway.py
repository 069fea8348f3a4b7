"""HTTP/2 connections that drain: what a GOAWAY refused is told apart, and what it took may finish.

RFC 9113 sections 6.8 and 8.7: a server that says GOAWAY names the last stream that it took. Those
above were not processed and may be sent again at once; those up to it may still be answered. h2
takes the frame for the end of the connection, so it is taken out of what h2 is given to read.
"""

# ruff: noqa: ASYNC109  the signatures are httpcore's

import copy
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore
import httpx
import trio

from .unprocessed import UnprocessedError

HEAD_BYTES = 9  # of a frame: its length (3), type, flags, and stream (4)
GOAWAY = 7
STREAM_MASK = 0x7FFFFFFF
WRITE_S = 10.0  # for some frames; as long can a write hold up whoever cancels it

Trace = Callable[[str, dict[str, Any]], Awaitable[None]]


class FrameReader:
    """Takes the GOAWAY frames out of what a server sends, however it is cut."""

    def __init__(self, goes_away: Callable[[int], None]) -> None:
        self._goes_away = goes_away
        self._head = b""
        self._left_bytes = 0  # of the frame under way
        self._taken: bytearray | None = None  # of a GOAWAY frame

    def feed(self, data: bytes) -> bytes:
        """What h2 is to read of `data`."""
        passed = []
        at = 0
        while at < len(data):
            if not self._left_bytes:
                piece = data[at : at + HEAD_BYTES - len(self._head)]
                self._head += piece
                at += len(piece)
                if len(self._head) < HEAD_BYTES:
                    break
                self._left_bytes = int.from_bytes(self._head[:3], "big")
                if self._head[3] == GOAWAY and self._left_bytes >= 8:
                    self._taken = bytearray()
                else:
                    passed.append(self._head)
                self._head = b""
                continue
            piece = data[at : at + self._left_bytes]
            at += len(piece)
            self._left_bytes -= len(piece)
            if self._taken is None:
                passed.append(piece)
                continue
            self._taken += piece[: 8 - len(self._taken)]
            if not self._left_bytes:
                last_stream = int.from_bytes(self._taken[:4], "big") & STREAM_MASK
                self._taken = None
                self._goes_away(last_stream)
        return b"".join(passed)


class _OnItsWay:
    """A request whose answer has not begun."""

    def __init__(self) -> None:
        self.stream_id: int | None = None
        self.scope = trio.CancelScope()


class _Streams:
    """The requests on one connection, and what its server took of them."""

    def __init__(self) -> None:
        self.last_taken: int | None = None  # None until the server says GOAWAY
        self.waiting: set[_OnItsWay] = set()

    def goes_away(self, last_taken: int) -> None:
        """The server said so; it may say it again with a lower number, and not a higher one."""
        known = self.last_taken
        self.last_taken = last_taken if known is None else min(known, last_taken)
        for each in list(self.waiting):
            if self.refuses(each.stream_id):
                each.scope.cancel()

    def refuses(self, stream_id: int | None) -> bool:
        last_taken = self.last_taken
        return last_taken is not None and (stream_id is None or stream_id > last_taken)


class DrainingConnection(httpcore.AsyncConnectionInterface):
    """One connection of a pool. Once its server says GOAWAY it takes no new requests, ends those
    that were refused with UnprocessedError, and is closed when the others are done."""

    def __init__(
        self, origin: httpcore.Origin, *, tls: ssl.SSLContext, keepalive_s: float | None
    ) -> None:
        self._streams = _Streams()
        self._inner = httpcore.AsyncHTTPConnection(
            origin,
            ssl_context=tls,
            keepalive_expiry=keepalive_s,
            http1=True,
            http2=True,
            network_backend=_Backend(self._streams),
        )

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        streams = self._streams
        if streams.last_taken is not None:
            raise httpcore.ConnectionNotAvailable
        mine = _OnItsWay()
        trace: Trace = request.extensions["trace"]

        async def watched(event: str, info: dict[str, Any]) -> None:
            if event == "http2.send_request_headers.started":
                if streams.refuses(info["stream_id"]):
                    raise httpcore.ConnectionNotAvailable
                mine.stream_id = info["stream_id"]
            await trace(event, info)

        request = copy.copy(request)
        request.extensions = {**request.extensions, "trace": watched}
        streams.waiting.add(mine)
        try:
            with mine.scope:
                return await self._inner.handle_async_request(request)
        finally:
            streams.waiting.discard(mine)
        if mine.stream_id is None:  # nothing of it was sent
            raise httpcore.ConnectionNotAvailable
        raise UnprocessedError("the server said GOAWAY before it took the request")

    async def aclose(self) -> None:
        await self._inner.aclose()

    def info(self) -> str:
        return self._inner.info()

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        return self._inner.can_handle_request(origin)

    def is_available(self) -> bool:
        return self._streams.last_taken is None and self._inner.is_available()

    def has_expired(self) -> bool:
        drained = self._streams.last_taken is not None
        return self.is_idle() and (drained or self._inner.has_expired())

    def is_idle(self) -> bool:
        # httpcore calls it idle while a request has yet to open its stream: it would be closed.
        return self._inner.is_idle() and not self._streams.waiting

    def is_closed(self) -> bool:
        return self._inner.is_closed()


class DrainingPool(httpcore.AsyncConnectionPool):
    """A pool of such connections, as many as are needed."""

    def __init__(self, *, tls: ssl.SSLContext, keepalive_s: float | None) -> None:
        super().__init__(ssl_context=tls, max_connections=None, keepalive_expiry=keepalive_s)
        self._tls, self._keepalive_s = tls, keepalive_s

    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        return DrainingConnection(origin, tls=self._tls, keepalive_s=self._keepalive_s)


class Http2Transport(httpx.AsyncHTTPTransport):
    """httpx's transport over such a pool; h2 must be installed."""

    def __init__(self, *, tls: ssl.SSLContext, keepalive_s: float | None) -> None:
        self._pool = DrainingPool(tls=tls, keepalive_s=keepalive_s)


class _Listening(httpcore.AsyncNetworkStream):
    """A stream whose GOAWAY frames `streams` hears; below TLS, or for HTTP/1.1, a stream."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, streams: _Streams) -> None:
        self._inner = inner
        self._streams = streams
        secure = inner.get_extra_info("ssl_object")
        http2 = secure is not None and secure.selected_alpn_protocol() == "h2"
        self._frames = FrameReader(streams.goes_away) if http2 else None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while data := await self._inner.read(max_bytes, timeout):
            if self._frames is None or (data := self._frames.feed(data)):
                return data
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._frames is None:
            await self._inner.write(buffer, timeout)
            return
        # What one request writes has frames of others in it: cancelled, it would take them along.
        with trio.CancelScope(shield=True):
            await self._inner.write(buffer, WRITE_S if timeout is None else min(timeout, WRITE_S))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        secure = await self._inner.start_tls(ssl_context, server_hostname, timeout)
        return _Listening(secure, self._streams)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.TrioBackend):
    """Connects for one connection of the pool."""

    def __init__(self, streams: _Streams) -> None:
        self._streams = streams

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await super().connect_tcp(host, port, timeout, local_address, socket_options)
        return _Listening(stream, self._streams)
