"""The transport: a pool of idle connections that costs the same whatever its size."""

import ssl
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import httpx
import trio

from .connection import Connection, Wire
from .exchange import Exchange
from .phase import CONNECT, FIRST_BYTE, READ, WRITE, Phase, Timeouts
from .streams import Connect, Origin, open_tcp
from .tls import Handshakes, verifying

PORTS = {"http": 80, "https": 443}
# Servers and what stands before them close idle connections after 60 s or so: one that is about to
# be closed is not used again.
IDLE_MAX_S = 30.0


class TrioTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 on trio streams. As many connections as there are requests at once; idle ones wait
    in a stack for each origin, so the one used last is used next and the others can grow old.

    Each request may carry a `Wire` in `extensions["wire"]`, and each response does. Errors are
    httpx's own: ConnectError, ConnectTimeout, WriteError, WriteTimeout, ReadError, ReadTimeout,
    RemoteProtocolError. The caller closes the response; one that isn't read to its end costs the
    connection. `connect` opens what TLS runs over; `tls` is for https, verifying where it is None.
    """

    def __init__(
        self,
        *,
        connect: Connect = open_tcp,
        tls: ssl.SSLContext | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._limits = timeouts or Timeouts()
        self._connect = connect
        self._handshakes = Handshakes(verifying if tls is None else lambda: tls)
        self._idle: defaultdict[Origin, deque[Connection]] = defaultdict(deque)

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
        with trio.CancelScope(shield=True):  # or a cancellation would leave some of them open
            for connections in self._idle.values():
                while connections:
                    await trio.aclose_forcefully(connections.pop().stream)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        wire: Wire = request.extensions.get("wire") or Wire()
        url = request.url
        origin = Origin(url.scheme, url.host, url.port or PORTS[url.scheme])
        exchange = await self.exchange(origin, _head(request) + await request.aread(), wire)
        return httpx.Response(
            exchange.status,
            headers=exchange.headers,
            stream=exchange,
            extensions={"http_version": b"HTTP/1.1", "wire": wire},
        )

    async def exchange(self, origin: Origin, data: bytes, wire: Wire) -> Exchange:
        """Send one whole request, head and body, and return once the head of its answer is there.

        What `handle_async_request` does, for callers that need no httpx objects.
        """
        limits = self._limits
        connection = await self._open(origin, wire)
        try:
            with Phase(FIRST_BYTE, min(limits.first_byte, limits.total)):
                rest = connection.send(data, wire)
                if not rest:
                    await connection.read(wire)
            if rest:
                with Phase(WRITE, limits.write):
                    await connection.send_rest(rest)
                with Phase(FIRST_BYTE, min(limits.first_byte, limits.total)):
                    await connection.read(wire)
            while not connection.head_done:
                with Phase(READ, limits.read):
                    await connection.read(wire)
        except BaseException:
            await trio.aclose_forcefully(connection.stream)
            raise
        return Exchange(connection, wire, limits, self._give_back_to(origin))

    async def _open(self, origin: Origin, wire: Wire) -> Connection:
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if self._is_fresh(connection) and not connection.has_unread_bytes_or_end():
                wire.reused = True
                return connection
            await trio.aclose_forcefully(connection.stream)
        wire.reused = False
        started_s = trio.current_time()
        with Phase(CONNECT, self._limits.connect):
            stream = await self._connect(origin)
            if origin.scheme == "https":
                stream = await self._handshakes.secure(stream, origin.host)
        wire.connect_s = trio.current_time() - started_s
        return Connection(stream)

    @staticmethod
    def _is_fresh(connection: Connection) -> bool:
        return trio.current_time() - connection.idle_since_s <= IDLE_MAX_S

    def _give_back_to(self, origin: Origin) -> Callable[[Connection], Awaitable[None]]:
        async def give_back(connection: Connection) -> None:
            if not (connection.complete and connection.reusable):
                await trio.aclose_forcefully(connection.stream)
                return
            idle = self._idle[origin]
            connection.idle_since_s = trio.current_time()
            idle.append(connection)
            while not self._is_fresh(idle[0]):  # the one at hand is
                await trio.aclose_forcefully(idle.popleft().stream)

        return give_back


def _head(request: httpx.Request) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%s: %s" % (name, value) for name, value in request.headers.raw]
    return b"\r\n".join(lines) + b"\r\n\r\n"
