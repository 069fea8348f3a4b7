"""The transport: a pool of idle connections that costs the same whatever its size."""

import ssl
from collections import defaultdict, deque
from types import TracebackType
from typing import Self

import httpx
import trio

from .connection import Connection
from .deadlines import Deadlines
from .head import head_bytes
from .response import SocketResponse
from .streams import Connect, DescriptorStream, Origin, open_tcp
from .sweep import Sweep
from .timeouts import CONNECT, Timeouts, WaitLimit
from .tls import SPEAKS_TLS, Handshakes, speaks_tls, verifying
from .wire import Wire

# Servers and what stands before them close idle connections after 60 s or so: one that is about to
# be closed is not used again.
IDLE_MAX_S = 30.0
SILENT = (httpx.ReadError, httpx.WriteError)


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
        self._deadlines = Deadlines()
        self._sweep = Sweep()
        self._idle: defaultdict[Origin, deque[Connection]] = defaultdict(deque)
        self._asked_for_tls: set[Origin] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        self._closed = False
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every idle connection; one in use belongs to its response, and closes with it."""
        self._closed = True
        with trio.CancelScope(shield=True):  # or a cancellation would leave some of them open
            for connections in list(self._idle.values()):
                while connections:
                    await self._discard(connections.pop())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        wire: Wire = request.extensions.get("wire") or Wire()
        head = head_bytes(request.method, request.url, request.headers)
        data = head + b"\r\n\r\n" + await request.aread()
        response = await self.request(Origin.of(request.url), data, wire)
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=response,
            extensions={"http_version": b"HTTP/1.1", "wire": wire},
        )

    async def request(self, origin: Origin, data: bytes, wire: Wire) -> SocketResponse:
        """Send one whole request, head and body, and return once the head of its answer is there.

        What `handle_async_request` does, for callers that need no httpx objects.
        """
        connection = await self._open(origin, wire)
        try:
            if rest := connection.send(data, wire):
                await connection.send_rest(rest)
            if wire.swept:
                connection.sweep(self._sweep)
            await connection.read(wire)
            if not connection.head_done:
                connection.wait_for_more(connection.since_s)
                while not connection.head_done:
                    await connection.read(wire)
        except BaseException as error:
            await self._discard(connection)
            if isinstance(error, SILENT) and await self._wants_tls(connection, wire):
                raise httpx.ConnectError(SPEAKS_TLS) from error
            raise
        connection.rest()
        return SocketResponse(connection, wire, self._give_back)

    async def _wants_tls(self, connection: Connection, wire: Wire) -> bool:
        """Whether a server that ended a plain connection without a word speaks TLS: it is asked
        once, over real sockets."""
        origin = connection.origin
        if (
            wire.first_byte_at_s is not None
            or origin.scheme != "http"
            or not isinstance(connection.stream, DescriptorStream)
            or origin in self._asked_for_tls
        ):
            return False
        self._asked_for_tls.add(origin)
        return await speaks_tls(self._connect, origin)

    async def _open(self, origin: Origin, wire: Wire) -> Connection:
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            now_s = connection.now()
            if (
                now_s - connection.since_s <= IDLE_MAX_S
                and not connection.has_unread_bytes_or_end()
            ):
                wire.reused = True
                return connection
            await self._discard(connection)
        wire.reused = False
        now_s = trio.current_time()
        for others in list(self._idle.values()):  # nobody may ever come back to their origins
            await self._close_old(others, now_s)
        began_s = trio.current_time()
        with WaitLimit(CONNECT, self._limits.connect):
            stream = await self._connect(origin)
            if origin.scheme == "https":
                stream = await self._handshakes.secure(stream, origin.host)
        wire.connect_s = trio.current_time() - began_s
        connection = Connection(
            stream, origin=origin, limits=self._limits, deadlines=self._deadlines
        )
        self._deadlines.add(connection)
        return connection

    async def _give_back(self, connection: Connection) -> None:
        connection.end_sweep()
        if self._closed or not (connection.complete and connection.reusable):
            await self._discard(connection)
            return
        idle = self._idle[connection.origin]
        idle.append(connection)
        await self._close_old(idle, connection.since_s)

    async def _close_old(self, idle: deque[Connection], now_s: float) -> None:
        oldest_s = now_s - IDLE_MAX_S
        while idle and idle[0].since_s < oldest_s:  # the rest may be in use before one is closed
            await self._discard(idle.popleft())

    async def _discard(self, connection: Connection) -> None:
        connection.end_sweep()
        self._deadlines.remove(connection)
        await trio.aclose_forcefully(connection.stream)
