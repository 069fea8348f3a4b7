"""Opening byte streams: the seam at which a test puts in-memory streams in a socket's place."""

import os
import select
import ssl
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import trio

READ_BYTES = 65536


class Origin(NamedTuple):
    """Where a connection goes: `scheme` is http or https."""

    scheme: str
    host: str
    port: int


Connect = Callable[[Origin], Awaitable[trio.abc.Stream]]


class DescriptorStream(trio.abc.Stream):
    """A connected socket, written at once and read once it is readable.

    What trio's own stream does besides (checks against two tasks in one call, a first read that
    finds nothing, a checkpoint for each write) costs as much as the system calls. One task uses it
    at a time. `receive_some` is a checkpoint, `send_all` only where the socket's buffer is full.
    Raises trio.BrokenResourceError where the connection is gone, and trio.ClosedResourceError after
    `aclose`.
    """

    def __init__(self, socket_stream: trio.SocketStream) -> None:
        self._owner = socket_stream
        self._descriptor = socket_stream.socket.fileno()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        sent = 0
        while True:
            try:
                sent += os.write(self._open(), memoryview(data)[sent:] if sent else data)
            except BlockingIOError:
                pass
            except OSError as error:
                raise trio.BrokenResourceError(f"writing failed: {error}") from error
            if sent >= len(data):
                return
            await trio.lowlevel.wait_writable(self._descriptor)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.wait_writable(self._open())

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        while True:
            await trio.lowlevel.wait_readable(self._open())
            try:
                return os.read(self._descriptor, max_bytes or READ_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(f"reading failed: {error}") from error

    async def aclose(self) -> None:
        self._descriptor = -1  # the number may soon be another's
        await self._owner.aclose()

    def has_something_to_read(self) -> bool:
        """Whether bytes, or the end, wait to be read."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def _open(self) -> int:
        if self._descriptor < 0:
            raise trio.ClosedResourceError
        return self._descriptor


def connect_tcp(tls: ssl.SSLContext) -> Connect:
    """A `Connect` for real sockets. The caller of it owns the stream and closes it.

    Raises OSError where no address of the host answers, and ssl.SSLError (an OSError too) or
    trio.BrokenResourceError where the TLS handshake fails.
    """

    async def connect(origin: Origin) -> trio.abc.Stream:
        stream = DescriptorStream(await trio.open_tcp_stream(origin.host, origin.port))
        if origin.scheme == "http":
            return stream
        secure = trio.SSLStream(stream, tls, server_hostname=origin.host, https_compatible=True)
        try:
            await secure.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(secure)
            raise
        return secure

    return connect


def has_unread_bytes_or_end(stream: trio.abc.Stream) -> bool:
    """Whether an idle connection was closed by its server, or holds bytes that nobody asked for.

    Either way it can't carry another request. A stream without a socket never says so.
    """
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    return isinstance(stream, DescriptorStream) and stream.has_something_to_read()
