"""The server: from accepted connections to answers."""

import datetime as dt
import ssl
from collections.abc import Callable
from email.utils import format_datetime
from itertools import count
from urllib.parse import unquote

import msgspec
import trio

from .admission import COUNT_DECODER, ENDPOINTS, Admission, Admitted, limit_message
from .balance import balance_body
from .bill import Bill
from .clock import Clock, utc_now
from .config import Config
from .delivery import Delivery
from .errors import ApiError, GatewayError
from .faults import Fault
from .http import Bounds, Request, RequestReader
from .images import PATH_PREFIX, read_image
from .lateness import Lateness
from .ledger import Ledger, LedgerStore
from .log import LogRow
from .messages_params import prompt_tokens
from .metrics import CONTENT_TYPE as METRICS_TYPE
from .metrics import METRICS_PATH, ServerMetrics
from .models import MODELS_PATH, models_body
from .pacer import Pacer
from .response_writer import ResponseWriter
from .tcp import TcpStream

BALANCE_PATH = "/v1/balance"
COUNT_PATH = "/v1/messages/count_tokens"
# How long, and how much, is still read after a refusal, so that the client can read it.
LINGER_S = 1.0
LINGER_BYTES = 1_048_576
ABSURD_WAIT_S = 315_360_000


class Gateway:
    """A whole LLM gateway: `serve` listens on TCP, `serve_stream` serves any one stream.

    It runs no task and opens no file of its own: whoever calls `serve` ends it by cancelling.

    Args:
        config: the configuration.
        log: called with each finished row; without it, rows are appended to `log_rows`.
        now: the wall clock, called once to date trio's clock.
        bounds: what a client may send, and how long it may take.
        store: keeps the ledger across restarts. The caller closes it.
        remember_charges: whether to keep every charge in `ledger.charges`.

    Raises:
        GatewayError: for a configuration that does not fit together.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        log: Callable[[LogRow], None] | None = None,
        now: Callable[[], dt.datetime] = utc_now,
        bounds: Bounds | None = None,
        store: LedgerStore | None = None,
        remember_charges: bool = True,
    ) -> None:
        self.config = config or Config()
        self.config.check()
        self.clock = Clock(now)
        self.keys = self.config.active_keys()
        self.ledger = Ledger(
            self.config.balance + self.config.gift,
            self.keys,
            store=store,
            remember=remember_charges,
        )
        self.log_rows: list[LogRow] = []
        self.lateness = Lateness()
        self.metrics = ServerMetrics()
        self._log = log or self.log_rows.append
        self._bounds = bounds or Bounds()
        self._admission = Admission(self.config, self.ledger, self.clock)
        self._log_headers = [
            (name.lower(), name.lower().encode()) for name in self.config.log_headers
        ]
        capacity = self.config.capacity
        self._places = None if capacity is None else trio.Semaphore(capacity)
        self._refusing_until = float("-inf")
        self._refusing = trio.Event()
        self._serial = ""
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
        """Listen until cancelled.

        Args:
            host: the address to listen on.
            port: 0 takes a free one.
            tls: serve HTTPS with this context.
            task_status: started with the base URL, which has the port that is really bound.

        Raises:
            GatewayError: when the address is not available.
        """

        async def handle(accepted: trio.SocketStream) -> None:
            if tls is None:
                await self.serve_stream(TcpStream.take_over(accepted, pacer, read_s=read_s))
            else:
                stream = TcpStream.take_over(accepted, read_s=read_s)
                secured = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
                await self.serve_stream(secured, scheme="https")

        self.clock.start()
        pacer, read_s = Pacer(), self._bounds.read_s
        listeners = await _listen(host, port)
        bound: int = listeners[0].socket.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        async with trio.open_nursery() as connections:
            connections.start_soon(pacer.run)
            task_status.started(f"{'http' if tls is None else 'https'}://{shown}:{bound}")
            while True:
                async with trio.open_nursery() as accepting:
                    for listener in listeners:
                        accepting.start_soon(_accept, listener, handle, connections)
                    await self._refusing.wait()
                    accepting.cancel_scope.cancel()
                # With nobody listening, the kernel itself refuses.
                for listener in listeners:
                    await listener.aclose()
                await trio.sleep_until(self._refusing_until)
                self._refusing = trio.Event()
                listeners = await _listen(host, bound)

    async def serve_stream(self, stream: trio.abc.Stream, *, scheme: str = "http") -> None:
        """Serve one connection until either side ends it, and close `stream`."""
        connection = next(self._connections)
        self.clock.start()
        reader = RequestReader(stream, self._bounds)
        try:
            if trio.current_time() >= self._refusing_until:
                with reader.timeout:
                    while await self._serve_next(stream, reader, connection, scheme):
                        pass
                if reader.timeout.cancelled_caught and reader.begun:
                    slow = ApiError(408, "The request took too long to arrive.")
                    await self._turn_away(stream, reader, connection, slow)
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
            await self._turn_away(stream, reader, connection, refusal)
            return False
        if request is None:
            return False
        writer = self._response_writer(stream, request, connection)
        try:
            return await self._respond(writer, reader, scheme)
        except trio.BrokenResourceError:
            writer.row.disconnected = True
            raise
        finally:
            if writer.row.end_s is None:
                writer.finish()

    async def _turn_away(
        self, stream: trio.abc.Stream, reader: RequestReader, connection: int, refusal: ApiError
    ) -> None:
        """Refuse what could not be parsed as a request, before the connection is closed."""
        partial = reader.partial
        partial.arrival, partial.keep_alive = trio.current_time(), False
        await self._response_writer(stream, partial, connection).refuse(refusal)
        await _linger(stream)

    def _response_writer(
        self, stream: trio.abc.Stream, request: Request, connection: int
    ) -> ResponseWriter:
        began, date = self.clock.anchor
        if not self._serial:
            self._serial = f"req-{int(date.timestamp() * 1000):x}"
        row = LogRow(
            request_id=f"{self._serial}-{next(self._requests):x}",
            connection=connection,
            method=request.method,
            path=request.path,
            arrival_s=request.arrival - began,
        )
        if self._log_headers:
            row.headers = {
                name: request.headers[field].decode("latin-1")
                for name, field in self._log_headers
                if field in request.headers
            }
        return ResponseWriter(stream, request, row, clock=self.clock, log=self._ended)

    def _ended(self, row: LogRow) -> None:
        self.metrics.ended(row)
        self._log(row)

    def metrics_page(self) -> bytes:
        """What it has done, for Prometheus."""
        places = self._places
        return self.metrics.page(waiting=0 if places is None else places.statistics().tasks_waiting)

    async def _respond(self, writer: ResponseWriter, reader: RequestReader, scheme: str) -> bool:
        request = writer.request
        try:
            endpoint = ENDPOINTS.get(request.path)
            if endpoint is None and request.path == COUNT_PATH:
                body = self._count_tokens(writer)
                await writer.write(writer.respond(200, "application/json", body), last=True)
                return request.keep_alive
            if endpoint is None:
                content_type, body = self._read(writer)
                await writer.write(writer.respond(200, content_type, body), last=True)
                return request.keep_alive
            if request.method != "POST":
                raise _wrong_method(request, "POST")
            host = request.headers.get(b"host", b"localhost").decode("latin-1")
            admitted = self._admission.admit(endpoint, request, writer.row, f"{scheme}://{host}")
        except ApiError as refusal:
            await writer.refuse(refusal)
            return request.keep_alive
        response, pace = admitted.response, admitted.pace
        if (
            isinstance(response.body, bytes)
            and admitted.fault is None
            and self._places is None
            and pace.due_s(response.steps - 1) == 0
        ):
            # Nothing to wait for and no fault to apply: the fast path.
            Bill(self.ledger, admitted.key, writer, response, billed=True).charge()
            whole = writer.respond(200, "application/json", response.body)
            await writer.write(whole, last=True)
            return request.keep_alive
        reader.lift_timeout()
        fault = admitted.fault
        billed = fault is None or fault.is_billed
        # Held from here on, also while it queues, so that no other request can spend it.
        self.metrics.under_way += 1
        try:
            with Bill(self.ledger, admitted.key, writer, response, billed=billed) as bill:
                if self._places is None:
                    return await self._deliver(writer, admitted, bill)
                async with self._places:
                    writer.start = trio.current_time()
                    return await self._deliver(writer, admitted, bill)
        finally:
            self.metrics.under_way -= 1

    def _read(self, writer: ResponseWriter) -> tuple[str, bytes]:
        """Content type and body of a GET."""
        request = writer.request
        path = request.path
        is_image = path.startswith(PATH_PREFIX)
        is_models = path == MODELS_PATH or path.startswith(f"{MODELS_PATH}/")
        if not (is_image or is_models or path in (BALANCE_PATH, METRICS_PATH)):
            raise ApiError(404, f"There is nothing at {path}.", code="NOT_FOUND")
        if request.method not in ("GET", "HEAD"):
            raise _wrong_method(request, "GET, HEAD")
        if is_image:
            return "image/png", read_image(path.removeprefix(PATH_PREFIX))
        if path == METRICS_PATH:  # without a key, as servers have it: it is counts
            return METRICS_TYPE, self.metrics_page()
        key = self._admission.authenticate(request)
        writer.row.key = key.id
        if is_models:
            return "application/json", models_body(self._admission.models(key), unquote(path))
        return "application/json", balance_body(
            self.ledger, key, self.config.prices.currency, self.clock.unix_us()
        )

    def _count_tokens(self, writer: ResponseWriter) -> bytes:
        """The body of `count_tokens`, which is free and counts toward no limit."""
        if writer.request.method != "POST":
            raise _wrong_method(writer.request, "POST")
        _, params, _ = self._admission.check(COUNT_DECODER, writer.request, writer.row)
        return msgspec.json.encode({"input_tokens": prompt_tokens(params)})

    async def _deliver(self, writer: ResponseWriter, admitted: Admitted, bill: Bill) -> bool:
        _, response, pace, fault = admitted
        if fault is not None:
            writer.row.fault = fault.name
            if fault.status is not None or fault.kind in ("html", "reset", "refuse"):
                bill.charge()
                return await self._fail(writer, admitted, fault)
        delivery = Delivery(
            writer,
            response,
            pace,
            bill=bill,
            fault=fault,
            late=self.lateness.add,
            log_chunks=self.config.log_chunks,
        )
        return await delivery.send()

    async def _fail(self, writer: ResponseWriter, admitted: Admitted, fault: Fault) -> bool:
        """The faults that strike before any of the answer is there."""
        if fault.status is not None:
            refusal = ApiError(fault.status, _FAULT_MESSAGES[fault.status])
            if fault.status == 429:
                refusal = self._invented_limit(admitted, fault)
            await writer.refuse(refusal)
            return writer.keep_alive
        if fault.kind == "html":
            page = writer.respond(502, "text/html", _PROXY_PAGE)
            await writer.write(page, last=True)
            return writer.keep_alive
        if fault.kind == "refuse":
            self._refusing_until = trio.current_time() + fault.lasts_s
            self._refusing.set()
        await writer.reset()
        return False

    def _invented_limit(self, admitted: Admitted, fault: Fault) -> ApiError:
        """A 429 that is a fault, with the Retry-After that it asks for."""
        headers = self._admission.limit_headers(admitted.key)
        wait_s, said = 1, fault.retry_after
        if fault.kind == "429-absurd":
            wait_s = ABSURD_WAIT_S
        elif said is not None and said.isascii() and said.isdigit():
            wait_s = int(said)
        if fault.kind == "429-date":
            until = self.clock.wall() + dt.timedelta(seconds=wait_s)
            # HTTP dates are whole seconds: rounded up, so that the wait is long enough.
            until += dt.timedelta(microseconds=-until.microsecond % 1_000_000)
            said = format_datetime(until, usegmt=True)
        if fault.kind != "429-bare":
            headers.append(("Retry-After", str(wait_s) if said is None else said))
        return ApiError(429, limit_message(wait_s), headers=headers)


_FAULT_MESSAGES = {
    400: "Invalid request parameters.",
    401: "Invalid or expired API key.",
    403: "Access denied.",
    404: "Model not found or offline.",
    429: "",
    500: "Internal server error.",
    502: "The upstream model service failed.",
    503: "The upstream model service is unavailable.",
    504: "The request timed out.",
    529: "The upstream model service is overloaded.",
}
_PROXY_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
    b"<body><h1>502 Bad Gateway</h1></body>\r\n</html>\r\n"
)


async def _listen(host: str, port: int) -> list[trio.SocketListener]:
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        reason = error.strerror or str(error)
        raise GatewayError(f"cannot listen on {host} port {port}: {reason}") from error


async def _accept(
    listener: trio.SocketListener,
    handle: Callable[[trio.SocketStream], object],
    connections: trio.Nursery,
) -> None:
    await trio.serve_listeners(handle, [listener], handler_nursery=connections)  # type: ignore[arg-type]


def _wrong_method(request: Request, allowed: str) -> ApiError:
    return ApiError(
        405, f"{request.path} does not take {request.method}.", headers=(("Allow", allowed),)
    )


async def _linger(stream: trio.abc.Stream) -> None:
    """Keep reading for a moment: to close with unread data would reset the connection, and the
    client would lose the refusal."""
    left = LINGER_BYTES
    with trio.move_on_after(LINGER_S):
        if isinstance(stream, trio.abc.HalfCloseableStream):
            await stream.send_eof()
        while left > 0:
            data = await stream.receive_some(65_536)
            if not data:
                break
            left -= len(data)
