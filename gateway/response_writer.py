"""Writes the answer to one request, and fills its row of the log."""

from collections.abc import Callable, Iterable

import trio

from .clock import Clock
from .errors import ApiError
from .http import Request, response_head
from .log import LogRow
from .pacer import PacedStream
from .tcp import TcpStream


class ResponseWriter:
    """Writes to a client. Raises trio.BrokenResourceError when the client has gone."""

    __slots__ = ("_log", "_stream", "began", "clock", "keep_alive", "request", "row", "start")

    def __init__(
        self,
        stream: trio.abc.Stream,
        request: Request,
        row: LogRow,
        *,
        clock: Clock,
        log: Callable[[LogRow], None],
    ) -> None:
        self._stream = stream
        self.clock = clock
        self.began = clock.anchor[0]
        self._log = log
        self.request = request
        self.row = row
        self.keep_alive = request.keep_alive
        # On trio's clock: the answer's pace counts from here.
        self.start = request.start

    def head(
        self,
        status: int,
        *,
        content_type: str,
        length_bytes: int | None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> bytes:
        """The head of the answer; its status is set in the row."""
        self.row.status = status
        return response_head(
            status,
            self.row.request_id,
            content_type=content_type,
            length_bytes=length_bytes,
            keep_alive=self.keep_alive,
            headers=headers,
        )

    @property
    def can_pace(self) -> bool:
        """Whether `send_paced` works: on a plain TCP connection of a server with a pacer."""
        return isinstance(self._stream, TcpStream) and self._stream.pacer is not None

    async def send_paced(self, paced: PacedStream) -> None:
        """Have the pacer send `paced`; returns when all is sent, or when `paced.left` has to be."""
        assert isinstance(self._stream, TcpStream)
        await self._stream.send_paced(paced)

    async def write(self, data: bytes, *, last: bool = False) -> float:
        """Send `data` and return trio's time just before; the `last` write logs the row first."""
        row, now = self.row, trio.current_time()
        if row.first_byte_s is None and data:
            row.first_byte_s = now - self.began
        if last and row.end_s is None:
            row.end_s = now - self.began
            self._log(row)
        if data:
            await self._stream.send_all(data)
        return now

    def respond(
        self,
        status: int,
        content_type: str,
        body: bytes,
        headers: Iterable[tuple[str, str]] = (),
    ) -> bytes:
        """A whole answer; without its body where the request is HEAD."""
        head = self.head(status, content_type=content_type, length_bytes=len(body), headers=headers)
        return head if self.request.method == "HEAD" else head + body

    async def refuse(self, refusal: ApiError) -> None:
        """Answer with the reference's error body."""
        self.row.error_code = refusal.code
        body = refusal.body(self.row.request_id)
        response = self.respond(refusal.status, "application/json", body, refusal.headers)
        await self.write(response, last=True)

    def finish(self) -> None:
        """Log the row, unless it has been logged."""
        if self.row.end_s is None:
            self.row.end_s = trio.current_time() - self.began
            self._log(self.row)

    async def reset(self) -> None:
        """Break the connection: on TCP with a reset instead of an orderly end."""
        self.finish()
        transport: object = self._stream
        while isinstance(transport, trio.SSLStream):
            transport = transport.transport_stream
        if isinstance(transport, TcpStream):
            transport.reset_on_close()
        await trio.aclose_forcefully(self._stream)
