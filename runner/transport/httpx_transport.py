"""httpx's own transport, where ours doesn't go: through proxies, and for HTTP/2 as best it can.

What is known of the wire comes from its trace: when the request's first byte is about to leave, and
whether a connection had to be made. It has no receive times of the kernel, counts the bodies' bytes
alone, and its pool costs more the more connections it has.
"""

import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import trio

from .timeouts import READ, Timeouts, WaitLimit
from .tls import verifying, words_for
from .transport import IDLE_MAX_S
from .unprocessed import UnprocessedError
from .wire import Wire

REFUSED_STREAM = 7  # RFC 9113, section 7: nothing was done with it (section 8.7)


def httpx_transport(
    *, proxy: str | None = None, http2: bool = False, tls: ssl.SSLContext | None = None
) -> httpx.AsyncBaseTransport:
    """httpx's transport with room for any number of connections. The caller closes it.

    Raises ImportError where HTTP/2 is asked for and h2 is not installed.
    """
    if http2:
        import h2  # noqa: F401  httpcore would miss it at the first connection only
    if http2 and proxy is None:
        from .goaway import Http2Transport

        return TracingTransport(Http2Transport(tls=tls or verifying(), keepalive_s=IDLE_MAX_S))
    limits = httpx.Limits(keepalive_expiry=IDLE_MAX_S)
    return TracingTransport(
        httpx.AsyncHTTPTransport(
            verify=True if tls is None else tls, http2=http2, limits=limits, proxy=proxy
        )
    )


class TracingTransport(httpx.AsyncBaseTransport):
    """Fills in the `Wire` in `extensions["wire"]` from what the inner transport traces.

    Raises httpx.TransportError, UnprocessedError among them, and what `wire.on_sent` raises: no
    error of another library leaves it.
    """

    def __init__(
        self, inner: httpx.AsyncBaseTransport, *, timeouts: Timeouts | None = None
    ) -> None:
        self._inner = inner
        self._limits = timeouts or Timeouts()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limits = self._limits
        notes = _Notes(request.extensions.get("wire") or Wire())
        content = await request.aread()
        request.extensions = {
            **request.extensions,
            "trace": notes.trace,
            "timeout": {
                "connect": limits.connect,
                "write": limits.write,
                "read": limits.first_byte,
                "pool": None,
            },
        }
        try:
            response = await self._inner.handle_async_request(request)
        except Exception as error:
            if error is notes.raised:
                raise
            raise _ours(error, answered=False) from error
        notes.answered(len(content))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return httpx.Response(
            response.status_code,
            headers=response.headers.raw,
            stream=_Noted(response.stream, notes.wire, limits),
            extensions={**response.extensions, "wire": notes.wire},
        )

    async def aclose(self) -> None:
        with suppress(Exception):  # it costs no more than the connections
            await self._inner.aclose()


class _Notes:
    """What httpcore traces of one request (`Extensions`, in its documentation)."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.raised: Exception | None = None  # by `on_sent`, which the wire has nothing to do with
        self._began_s = trio.current_time()

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        _, _, what = event.partition(".")
        wire = self.wire
        if what == "connect_tcp.started":
            wire.reused = False
        elif what == "send_request_headers.started":
            # A tunnel is asked for with a request of its own, which is not a job's.
            if wire.sent_at_s is not None or info["request"].method == b"CONNECT":
                return
            if wire.on_sent is not None:
                try:
                    wire.on_sent(trio.current_time())  # what it raises leaves nothing sent
                except Exception as error:
                    self.raised = error
                    raise
            wire.sent_at_s = now_s = trio.current_time()
            wire.reused = wire.reused is None
            wire.connect_s = None if wire.reused else now_s - self._began_s

    def answered(self, body_bytes: int) -> None:
        """The head of the answer is there."""
        self.wire.first_byte_at_s = self.wire.arrived_at_s = trio.current_time()
        self.wire.bytes_sent += body_bytes


class _Noted(httpx.AsyncByteStream):
    """A body that notes when its pieces were read."""

    def __init__(self, inner: httpx.AsyncByteStream, wire: Wire, limits: Timeouts) -> None:
        self._inner = inner
        self._pieces = aiter(inner)
        self._wire = wire
        self._limits = limits

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        wire, limits = self._wire, self._limits
        assert wire.sent_at_s is not None
        until_s = wire.sent_at_s + limits.total
        try:
            with WaitLimit(READ, limits.read, until_s=until_s, total_s=limits.total):
                piece = await anext(self._pieces)
        except StopAsyncIteration:
            raise
        except Exception as error:
            raise _ours(error, answered=True) from error
        wire.arrived_at_s = trio.current_time()
        wire.bytes_received += len(piece)
        return piece

    async def aclose(self) -> None:
        with suppress(Exception):  # it costs no more than the connection
            if isinstance(self._pieces, AsyncGenerator):
                await self._pieces.aclose()  # or it would be closed by chance, when it is collected
            await self._inner.aclose()


def _ours(error: Exception, *, answered: bool) -> httpx.TransportError:
    """The error that the engine knows for what httpx, httpcore or h2 raised; `answered` once the
    head of the answer had come."""
    cause = error.__cause__
    event: Any = cause.args[0] if cause is not None and cause.args else None
    where = "in the middle of its answer" if answered else "before it answered"
    if str(error).startswith("Server disconnected"):
        return httpx.ReadError(f"the server closed the connection {where}")
    if hasattr(event, "last_stream_id"):  # h2's ConnectionTerminated
        return httpx.ReadError(f"the server said GOAWAY {where}")
    if hasattr(event, "remote_reset"):  # h2's StreamReset
        code = int(event.error_code)
        if code == REFUSED_STREAM and not answered:
            return UnprocessedError("the server refused the stream")
        return httpx.ReadError(f"the server reset the stream {where} (error {code})")
    if isinstance(error, httpx.TransportError):
        words = None if answered else _tls_words(error)
        return error if words is None else httpx.ConnectError(words)
    return httpx.RemoteProtocolError(
        f"the answer is not HTTP: {str(error) or type(error).__name__}"
    )


def _tls_words(error: BaseException) -> str | None:
    """What a failed handshake among the causes means; None where there is none, or its own words
    say it."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return None if cause is None else words_for(cause)
