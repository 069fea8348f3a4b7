"""Opening byte streams: the seam at which a test puts in-memory streams in a socket's place."""

import select
import ssl
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import trio


class Origin(NamedTuple):
    """Where a connection goes: `scheme` is http or https."""

    scheme: str
    host: str
    port: int


Connect = Callable[[Origin], Awaitable[trio.abc.Stream]]


def connect_tcp(tls: ssl.SSLContext) -> Connect:
    """A `Connect` for real sockets. The caller of it owns the stream and closes it.

    Raises OSError where no address of the host answers, and ssl.SSLError (an OSError too) or
    trio.BrokenResourceError where the TLS handshake fails.
    """

    async def connect(origin: Origin) -> trio.abc.Stream:
        stream = await trio.open_tcp_stream(origin.host, origin.port)
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
    if not isinstance(stream, trio.SocketStream):
        return False
    poll = select.poll()
    poll.register(stream.socket.fileno(), select.POLLIN)
    return bool(poll.poll(0))
