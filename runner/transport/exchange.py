"""One answer under way: its status and headers, then its body as the network brings it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import trio

from .connection import Connection, Wire
from .phase import BROKEN, READ, TOTAL, Phase, Timeouts, broken, late

Headers = list[tuple[bytes, bytes]]  # as they came: names in the server's own case


class Exchange(httpx.AsyncByteStream):
    """An answer whose head has come. The caller closes it; unread to its end it costs its
    connection. `feed` and iteration raise httpx.ReadError, ReadTimeout and RemoteProtocolError.
    """

    def __init__(
        self,
        connection: Connection,
        wire: Wire,
        limits: Timeouts,
        give_back: Callable[[Connection], Awaitable[None]],
    ) -> None:
        self.status = connection.status
        self.headers: Headers = connection.headers
        self._connection = connection
        self._wire = wire
        self._limits = limits
        self._give_back = give_back
        self._closed = False
        assert wire.sent_at is not None
        self._until_s = wire.sent_at + limits.total

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        connection, limits = self._connection, self._limits
        while True:
            if chunk := connection.take_body():
                return chunk
            if connection.complete:
                raise StopAsyncIteration
            with Phase(READ, limits.read, until_s=self._until_s, total_s=limits.total):
                await connection.read(self._wire)

    async def feed(self, take: Callable[[bytes], bool]) -> None:
        """Hand over the body, one piece a network read, to its end or until `take` says False.

        One time limit for many reads: where it fires although something came meanwhile, it begins
        again from there.
        """
        connection, limits = self._connection, self._limits
        if self._connection.complete:  # short answers come with their heads
            take(connection.take_body())
            return
        began_s = trio.current_time()
        while True:
            ends_s = min(began_s + limits.read, self._until_s)
            try:
                with trio.CancelScope(deadline=ends_s) as scope:
                    while True:
                        if (piece := connection.take_body()) and not take(piece):
                            return
                        if connection.complete:
                            return
                        await connection.read(self._wire)
            except BROKEN as error:
                raise broken(READ, error) from error
            if scope.cancelled_caught:
                now_s, read_s = trio.current_time(), connection.read_s
                if now_s >= self._until_s:
                    raise late(TOTAL, limits.total)
                if read_s <= began_s:
                    raise late(READ, limits.read)
                began_s = read_s

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await self._give_back(self._connection)
