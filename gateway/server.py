"""The gateway: connections in, answers out."""

import datetime as dt
import ssl
from collections.abc import Callable
from itertools import count

import trio

from .admission import ENDPOINTS, Admission
from .balance import balance_body
from .clock import Clock, utc_now
from .config import Config
from .delivery import Delivery
from .errors import ApiError, GatewayError
from .http import Bounds, Request, RequestReader, response_head
from .images import PATH_PREFIX, read_image
from .ledger import Ledger
from .log import LogRow

BALANCE_PATH = "/v1/balance"
# After a refusal, how long and how much is read on so that the client gets to read it.
LINGER_S = 1.0
LINGER_BYTES = 1_048_576


class Gateway:
    """A whole LLM gateway: `serve` listens on TCP, `serve_stream` serves any one stream.

    `log` is called with each finished `LogRow`; without it the rows gather in `log_rows`. `now`
    dates trio's clock, once. Nothing runs in the background, and nothing is held open.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        log: Callable[[LogRow], None] | None = None,
        now: Callable[[], dt.datetime] = utc_now,
        bounds: Bounds | None = None,
    ) -> None:
        self.config = config or Config()
        self.clock = Clock(now)
        self.keys = self.config.active_keys()
        self.ledger = Ledger(self.config.balance, self.keys, wall=self.clock.wall)
        self.log_rows: list[LogRow] = []
        self._log = log or self.log_rows.append
        self._bounds = bounds or Bounds()
        self._admission = Admission(self.config, self.ledger, self.clock)
        self._connections = count(1)
        self._requests = count(1)

    def log_to(self, log: Callable[[LogRow], None]) -> None:
        """Call `log` with each finished row from now on."""
        self._log = log

    async def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Listen until cancelled; starts with the base URL, whose port is the one really bound.

        Raises GatewayError when the address cannot be had.
        """
        try:
            listeners = await trio.open_tcp_listeners(port, host=host)
        except OSError as error:
            reason = error.strerror or str(error)
            raise GatewayError(f"cannot listen on {host} port {port}: {reason}") from error
        bound: int = listeners[0].socket.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        scheme = "http" if tls is None else "https"

        async def handle(stream: trio.SocketStream) -> None:
            if tls is None:
                await self.serve_stream(stream)
            else:
                secured = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
                await self.serve_stream(secured, scheme="https")

        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, handle, listeners)
            task_status.started(f"{scheme}://{shown}:{bound}")

    async def serve_stream(self, stream: trio.abc.Stream, *, scheme: str = "http") -> None:
        """Serve one connection until either side ends it, and close `stream`."""
        connection = next(self._connections)
        self.clock.start()
        reader = RequestReader(stream, self._bounds)
        try:
            while await self._serve_next(stream, reader, connection, scheme):
                pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            with trio.move_on_after(LINGER_S):
                await stream.aclose()

    async def _serve_next(
        self, stream: trio.abc.Stream, reader: RequestReader, connection: int, scheme: str
    ) -> bool:
        try:
            request = await reader.next_request()
        except ApiError as refusal:
            row = self._row(reader.partial, connection)
            row.arrival_s = self.clock.elapsed_s(trio.current_time())
            await self._refuse(stream, row, refusal, keep_alive=False)
            await _linger(stream)
            return False
        if request is None:
            return False
        row = self._row(request, connection)
        try:
            return await self._answer(stream, request, row, scheme)
        except trio.BrokenResourceError:
            row.disconnected = True
            raise
        finally:
            self._finish(row)

    def _finish(self, row: LogRow) -> None:
        """Log `row`, once: just before the last write, so whoever has an answer finds its row."""
        if row.end_s is None:
            row.end_s = self.clock.elapsed_s(trio.current_time())
            self._log(row)

    def _row(self, request: Request, connection: int) -> LogRow:
        began, date = self.clock.anchor
        return LogRow(
            request_id=f"req-{int(date.timestamp() * 1000):x}-{next(self._requests):x}",
            connection=connection,
            method=request.method,
            path=request.path,
            arrival_s=request.arrival - began,
        )

    async def _answer(
        self, stream: trio.abc.Stream, request: Request, row: LogRow, scheme: str
    ) -> bool:
        try:
            endpoint = ENDPOINTS.get(request.path)
            if endpoint is None:
                content_type, body = self._read(request, row)
                await self._send(stream, request, row, content_type, body)
                return request.keep_alive
            if request.method != "POST":
                raise _wrong_method(request, "POST")
            host = request.headers.get(b"host", b"localhost").decode("latin-1")
            admitted = self._admission.admit(endpoint, request, row, f"{scheme}://{host}")
            fault = admitted.fault
            if fault is not None and fault.isdigit():
                row.fault = fault
                raise ApiError(int(fault), _FAULT_MESSAGES[fault])
        except ApiError as refusal:
            await self._refuse(
                stream,
                row,
                refusal,
                keep_alive=request.keep_alive,
                bodiless=request.method == "HEAD",
            )
            return request.keep_alive
        delivery = Delivery(
            stream,
            row,
            config=self.config,
            keep_alive=request.keep_alive,
            elapsed_s=self.clock.elapsed_s,
            finish=lambda: self._finish(row),
        )
        return await delivery.send(admitted.answer, admitted.key, self.ledger, fault)

    def _read(self, request: Request, row: LogRow) -> tuple[str, bytes]:
        """What a GET gives: content type and body."""
        is_image = request.path.startswith(PATH_PREFIX)
        if not is_image and request.path != BALANCE_PATH:
            raise ApiError(404, f"There is nothing at {request.path}.", code="NOT_FOUND")
        if request.method not in ("GET", "HEAD"):
            raise _wrong_method(request, "GET, HEAD")
        if is_image:
            return "image/png", read_image(request.path.removeprefix(PATH_PREFIX))
        key = self._admission.authenticate(request)
        row.key = key.id
        return "application/json", balance_body(self.ledger, key, self.config.prices.currency)

    async def _send(
        self, stream: trio.abc.Stream, request: Request, row: LogRow, content_type: str, body: bytes
    ) -> None:
        head = response_head(
            200,
            row.request_id,
            content_type=content_type,
            length_bytes=len(body),
            keep_alive=request.keep_alive,
        )
        row.status = 200
        row.first_byte_s = self.clock.elapsed_s(trio.current_time())
        self._finish(row)
        await stream.send_all(head if request.method == "HEAD" else head + body)

    async def _refuse(
        self,
        stream: trio.abc.Stream,
        row: LogRow,
        refusal: ApiError,
        *,
        keep_alive: bool,
        bodiless: bool = False,
    ) -> None:
        body = refusal.body(row.request_id)
        head = response_head(
            refusal.status,
            row.request_id,
            length_bytes=len(body),
            keep_alive=keep_alive,
            headers=refusal.headers,
        )
        row.status, row.error_code = refusal.status, refusal.code
        row.first_byte_s = self.clock.elapsed_s(trio.current_time())
        self._finish(row)
        await stream.send_all(head if bodiless else head + body)


_FAULT_MESSAGES = {
    "500": "Internal server error.",
    "502": "The upstream model service failed.",
    "503": "The upstream model service is unavailable.",
    "504": "The request timed out.",
    "529": "The upstream model service is overloaded.",
}


def _wrong_method(request: Request, allowed: str) -> ApiError:
    return ApiError(
        405, f"{request.path} does not take {request.method}.", headers=(("Allow", allowed),)
    )


async def _linger(stream: trio.abc.Stream) -> None:
    """Read on for a moment: closing with unread data would reset the refusal away."""
    left = LINGER_BYTES
    with trio.move_on_after(LINGER_S):
        if isinstance(stream, trio.abc.HalfCloseableStream):
            await stream.send_eof()
        while left > 0:
            data = await stream.receive_some(65_536)
            if not data:
                break
            left -= len(data)
