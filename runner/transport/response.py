"""One answer under way: its status and headers, then its body as the network brings it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import trio

from .connection import Connection
from .streams import SweptRead
from .wire import Take, TakeAll, Wire


class SocketResponse(httpx.AsyncByteStream):
    """An answer whose head has come. The caller closes it; unread to its end it costs its
    connection. `feed` and iteration raise httpx.ReadError, ReadTimeout and RemoteProtocolError.
    """

    def __init__(
        self,
        connection: Connection,
        wire: Wire,
        give_back: Callable[[Connection], Awaitable[None]],
    ) -> None:
        self.status = connection.status
        self.headers = connection.headers
        self._connection = connection
        self._wire = wire
        self._give_back = give_back
        self._closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        pieces: list[bytes] = []

        def take(piece: bytes, _arrived_at_s: float | None) -> bool:
            pieces.append(piece)
            return False

        await self.feed(take)
        if not pieces:
            raise StopAsyncIteration
        return pieces[0]

    async def feed(self, take: Take) -> None:
        """Hand over the body, one piece per network read, to its end or until `take` says False."""
        connection = self._connection
        if not connection.complete:  # short answers come with their heads
            connection.wait_for_more(trio.current_time())
        try:
            while True:
                if piece := connection.take_body():
                    more = take(piece, self._wire.arrived_at_s)
                    if more is not True:
                        connection.rest()  # the server is not what is waited for
                        if more is False or not await more:
                            return
                        if not connection.complete:
                            connection.wait_for_more(trio.current_time())
                if connection.complete:
                    return
                await connection.read(self._wire)
        finally:
            connection.rest()

    async def feed_batches(self, take_all: TakeAll) -> None:
        """The same as `feed`, but that several reads are handed over at once, each with its moment:
        the answer's end at once, other reads within some 50 ms."""
        connection = self._connection
        if connection.swept is None:
            await self.feed(lambda piece, at_s: take_all([(piece, at_s)]))
            return
        pieces, broken = self._pieces([])  # what came with the head
        try:
            while True:
                if pieces and (more := take_all(pieces)) is not True:
                    connection.rest()  # the server is not what is waited for
                    if more is False or not await more:
                        return
                if broken is not None:
                    raise broken
                if connection.complete:
                    return
                connection.wait_for_more(trio.current_time())
                pieces, broken = self._pieces(await connection.swept_reads())
        finally:
            connection.rest()

    def _pieces(
        self, reads: list[SweptRead]
    ) -> tuple[list[tuple[bytes, float | None]], httpx.TransportError | None]:
        """What reads bring of the body, and the error after it, where there is one."""
        connection, wire = self._connection, self._wire
        pieces: list[tuple[bytes, float | None]] = []
        if body := connection.take_body():
            pieces.append((body, wire.arrived_at_s))
        try:
            for number, read in enumerate(reads, 1):
                connection.take_swept(read, wire)
                if body := connection.take_body():
                    pieces.append((body, wire.arrived_at_s))
                if connection.complete:
                    connection.leave(reads[number:])
                    break
        except httpx.TransportError as error:
            return pieces, error
        return pieces, None

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await self._give_back(self._connection)
