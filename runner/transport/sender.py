"""How a request leaves: its head made once, over our own sockets or through any httpx transport."""

from collections.abc import AsyncGenerator, Awaitable, Mapping
from typing import Protocol

import httpx

from .by_origin import TransportByOrigin
from .connection import Headers
from .head import RequestHead
from .streams import Origin
from .transport import TrioTransport
from .wire import Take, TakeAll, Wire


class Response(Protocol):
    """An answer whose head has come; see `SocketResponse`."""

    status: int
    headers: Headers

    async def feed(self, take: Take) -> None: ...

    async def feed_batches(self, take_all: TakeAll) -> None: ...

    async def aclose(self) -> None: ...


class Sender(Protocol):
    """Sends a request and returns once the head of its answer is there. Raises httpx.TransportError
    and what `wire.on_sent` raises. The caller closes what it returns."""

    def send(self, request: RequestHead, body: bytes, wire: Wire) -> Awaitable[Response]: ...


class SocketSender:
    """Straight to the sockets, without an httpx object for each request."""

    def __init__(self, transport: TrioTransport) -> None:
        self._transport = transport

    def send(self, request: RequestHead, body: bytes, wire: Wire) -> Awaitable[Response]:
        return self._transport.request(request.origin, request.with_body(body), wire)


class HttpxSender:
    """Through an httpx transport. It gets the wire in `extensions["wire"]`, to fill in."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def send(self, request: RequestHead, body: bytes, wire: Wire) -> Response:
        sent = httpx.Request(
            request.method,
            request.url,
            headers=request.headers,
            content=body or None,
            extensions={"wire": wire},
        )
        return _HttpxResponse(await self._transport.handle_async_request(sent), wire)


class SenderByOrigin:
    """By the sender of the request's origin."""

    def __init__(self, senders: Mapping[Origin, Sender]) -> None:
        self._senders = senders

    def send(self, request: RequestHead, body: bytes, wire: Wire) -> Awaitable[Response]:
        return self._senders[request.origin].send(request, body, wire)


class _HttpxResponse:
    """An httpx response in the place of one of our own."""

    def __init__(self, response: httpx.Response, wire: Wire) -> None:
        self._wire = wire
        self.status = response.status_code
        self.headers: Headers = [(name.lower(), each) for name, each in response.headers.raw]
        self._response = response
        assert isinstance(response.stream, httpx.AsyncByteStream)
        self._pieces = aiter(response.stream)

    async def feed(self, take: Take) -> None:
        async for piece in self._pieces:
            more = take(piece, self._wire.arrived_at_s)
            if more is not True and (more is False or not await more):
                return

    async def feed_batches(self, take_all: TakeAll) -> None:
        await self.feed(lambda piece, at_s: take_all([(piece, at_s)]))

    async def aclose(self) -> None:
        if isinstance(self._pieces, AsyncGenerator):
            await self._pieces.aclose()  # or it would be closed by chance, when it is collected
        await self._response.aclose()


def sender_over(transport: httpx.AsyncBaseTransport) -> Sender:
    """The shortest way to send over `transport`."""
    if isinstance(transport, TrioTransport):
        return SocketSender(transport)
    if isinstance(transport, TransportByOrigin):
        return SenderByOrigin({o: sender_over(each) for o, each in transport.transports.items()})
    return HttpxSender(transport)
