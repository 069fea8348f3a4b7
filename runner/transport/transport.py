"""The transport: a pool of idle connections that costs the same whatever its size."""

import os
import socket
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import NamedTuple, Self

import httpx
import trio

from .connection import Connection, Wire
from .streams import Connect, Origin, connect_tcp

PORTS = {"http": 80, "https": 443}


class Timeouts(NamedTuple):
    """Seconds that each phase of a request may take.

    `first_byte` is from the request's end to the answer's first byte, `read` between two reads
    after that. An unstreamed answer of a large model can take minutes to begin.
    """

    connect: float = 10.0
    write: float = 60.0
    first_byte: float = 600.0
    read: float = 120.0


class TrioTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 on trio streams. As many connections as there are requests at once; idle ones wait
    in a stack for each origin, so the one used last is used next and the others can grow old.

    Each request may carry a `Wire` in `extensions["wire"]`, and each response does. Errors are
    httpx's own: ConnectError, ConnectTimeout, WriteError, WriteTimeout, ReadError, ReadTimeout,
    RemoteProtocolError. The caller closes the response; one that isn't read to its end costs the
    connection.
    """

    def __init__(
        self,
        *,
        connect: Connect | None = None,
        tls: ssl.SSLContext | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._timeouts = timeouts or Timeouts()
        self._connect = connect or connect_tcp(tls or httpx.create_ssl_context())
        self._idle: defaultdict[Origin, list[Connection]] = defaultdict(list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every idle connection; those in use belong to their responses."""
        for connections in self._idle.values():
            while connections:
                await trio.aclose_forcefully(connections.pop().stream)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        wire: Wire = request.extensions.get("wire") or Wire()
        url = request.url
        origin = Origin(url.scheme, url.host, url.port or PORTS[url.scheme])
        data = _head(request) + await request.aread()
        limit = self._timeouts
        connection = await self._open(origin, wire)
        try:
            with _Phase(WRITE, limit.write) as phase:
                await connection.send(data, wire)
                phase.turn(FIRST_BYTE, limit.first_byte)
                await connection.read(wire)
                while not connection.head_done:
                    phase.turn(READ, limit.read)
                    await connection.read(wire)
        except BaseException:
            await trio.aclose_forcefully(connection.stream)
            raise
        body = _Body(connection, wire, self._read, self._give_back(origin, connection))
        return httpx.Response(
            connection.status, headers=connection.headers, stream=body, extensions={"wire": wire}
        )

    async def _open(self, origin: Origin, wire: Wire) -> Connection:
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if not connection.has_unread_bytes_or_end():
                wire.reused = True
                return connection
            await trio.aclose_forcefully(connection.stream)
        wire.reused = False
        started_s = trio.current_time()
        with _Phase(CONNECT, self._timeouts.connect):
            stream = await self._connect(origin)
        wire.connect_s = trio.current_time() - started_s
        return Connection(stream)

    async def _read(self, connection: Connection, wire: Wire) -> None:
        with _Phase(READ, self._timeouts.read):
            await connection.read(wire)

    def _give_back(self, origin: Origin, connection: Connection) -> Callable[[], Awaitable[None]]:
        async def give_back() -> None:
            if connection.complete and connection.reusable:
                self._idle[origin].append(connection)
            else:
                await trio.aclose_forcefully(connection.stream)

        return give_back


class _Body(httpx.AsyncByteStream):
    """A response's body, one chunk a network read. Closing it returns or closes the connection."""

    def __init__(
        self,
        connection: Connection,
        wire: Wire,
        read: Callable[[Connection, Wire], Awaitable[None]],
        give_back: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._wire = wire
        self._read = read
        self._give_back = give_back
        self._closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        connection = self._connection
        while True:
            if chunk := connection.take_body():
                return chunk
            if connection.complete:
                raise StopAsyncIteration
            await self._read(connection, self._wire)

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await self._give_back()


class _Kind(NamedTuple):
    """A phase of a request: what is waited for, and the errors of a wait too long or in vain."""

    what: str
    late: type[httpx.TimeoutException]
    broken: type[httpx.TransportError]


CONNECT = _Kind("a connection", httpx.ConnectTimeout, httpx.ConnectError)
WRITE = _Kind("the request to go", httpx.WriteTimeout, httpx.WriteError)
FIRST_BYTE = _Kind("an answer", httpx.ReadTimeout, httpx.ReadError)
READ = _Kind("more of the answer", httpx.ReadTimeout, httpx.ReadError)


class _Phase:
    """A time limit on the phase under way, and trio's errors turned into httpx's kinds.

    One scope for phases that follow each other: entering one costs more than to move its deadline.
    """

    __slots__ = ("_kind", "_scope", "_seconds")

    def __init__(self, kind: _Kind, seconds: float) -> None:
        self._kind = kind
        self._seconds = seconds
        self._scope = trio.CancelScope(deadline=trio.current_time() + seconds)

    def turn(self, kind: _Kind, seconds: float) -> None:
        """The next phase begins."""
        self._kind = kind
        self._seconds = seconds
        self._scope.deadline = trio.current_time() + seconds

    def __enter__(self) -> Self:
        self._scope.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        swallowed = self._scope.__exit__(exc_type, error, traceback)
        if self._scope.cancelled_caught:
            raise self._kind.late(f"waited {self._seconds:g} s for {self._kind.what}")
        if isinstance(error, OSError | trio.BrokenResourceError | trio.ClosedResourceError):
            raise self._kind.broken(_reason(error)) from error
        return bool(swallowed)


def _head(request: httpx.Request) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%s: %s" % (name, value) for name, value in request.headers.raw]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _reason(error: BaseException) -> str:
    """What went wrong, in the words of the cause that knows it best."""
    cause = error.__cause__
    if isinstance(cause, BaseExceptionGroup):  # one error for each address that was tried
        cause = cause.exceptions[0]
    if isinstance(cause, OSError):
        return _reason(cause)
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        # A failed look-up has numbers of its own.
        return (
            str(error.strerror) if isinstance(error, socket.gaierror) else os.strerror(error.errno)
        )
    return str(error) or type(error).__name__
