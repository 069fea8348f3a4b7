"""Opening byte streams: the seam at which a test puts in-memory streams in a socket's place."""

import select
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self

import httpx
import trio
from trio.lowlevel import wait_readable

from .arrival import ANCILLARY_BYTES, Ancillary, Arrivals, ask_for_stamps, stamp_ns

READ_BYTES = 65536
PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Where a connection goes: `scheme` is http or https."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpx.URL) -> Self:
        """The origin of a URL. Raises KeyError for a scheme that is neither."""
        return cls(url.scheme, url.host, url.port or PORTS[url.scheme])


# One read: its bytes (none at the end), what the kernel says beside them, and both clocks after it.
SweptRead = tuple[bytes, Ancillary, float, int]

# Opens a byte stream to an origin; TLS comes on top of it.
Connect = Callable[[Origin], Awaitable[trio.abc.Stream]]


class DescriptorStream(trio.abc.Stream):
    """A connected socket, written at once and read once it is readable. It owns the socket.

    What trio's own stream does besides (checks against two tasks in one call, a first read that
    finds nothing, a checkpoint for each write) costs as much as the system calls. One task uses it
    at a time. `receive_some` is a checkpoint, `send_all` only where the socket's buffer is full.
    Raises trio.BrokenResourceError where the connection is gone, and trio.ClosedResourceError after
    `aclose`.

    `arrived_at_s` is when the bytes of the last read came, on trio's clock: None until
    `note_arrivals`, and where the kernel doesn't know it.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._descriptor = connected.fileno()
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)
        self._arrivals: Arrivals | None = None
        self.arrived_at_s: float | None = None

    def note_arrivals(self, now_s: float) -> None:
        """Ask the kernel when bytes come: what comes from here on answers what is sent now."""
        if self._arrivals is not None:
            self._arrivals.after(now_s)
        elif ask_for_stamps(self._socket):
            self._arrivals = Arrivals(now_s=now_s, real_ns=time.time_ns())

    def interrupt(self) -> None:
        """Raise trio.ClosedResourceError in the task that waits to read or write, if one does."""
        trio.lowlevel.notify_closing(self._descriptor)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data)
        while True:
            rest = rest[self.write_now(rest) :]
            if not rest:
                return
            await trio.lowlevel.wait_writable(self._descriptor)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.wait_writable(self._open())

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        while True:
            await wait_readable(self._open())
            try:
                if self._arrivals is None:
                    return self._socket.recv(max_bytes or READ_BYTES)
                return self._receive_stamped(self._arrivals, max_bytes or READ_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(f"reading failed: {error}") from error

    def _receive_stamped(self, arrivals: Arrivals, max_bytes: int) -> bytes:
        data, ancillary, _, _ = self._socket.recvmsg(max_bytes, ANCILLARY_BYTES)
        now_s, real_ns = trio.current_time(), time.time_ns()
        self.arrived_at_s = arrivals.moment(stamp_ns(ancillary), now_s=now_s, real_ns=real_ns)
        return data

    async def aclose(self) -> None:
        if self._descriptor >= 0:
            trio.lowlevel.notify_closing(self._descriptor)
            self._descriptor = -1  # the number may soon be another's
            self._socket.close()
        await trio.lowlevel.checkpoint()

    @property
    def descriptor(self) -> int:
        """The socket's number, -1 once it is closed."""
        return self._descriptor

    @property
    def recvmsg(self) -> Callable[[int, int], tuple[bytes, Ancillary, int, Any]]:
        """The socket's own, for whoever reads many."""
        return self._socket.recvmsg

    def arrival(self, read: SweptRead) -> float | None:
        """When the bytes of a read came, on trio's clock; None where the kernel doesn't know.
        To be asked of each read, in their order."""
        _, ancillary, now_s, real_ns = read
        if self._arrivals is None:
            return None
        return self._arrivals.moment(stamp_ns(ancillary), now_s=now_s, real_ns=real_ns)

    def has_something_to_read(self) -> bool:
        """Whether bytes, or the end, wait to be read."""
        return bool(self._poll.poll(0))

    def write_now(self, data: bytes | memoryview) -> int:
        """Write what the socket's buffer takes at once, and say how much that was."""
        self._open()
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise trio.BrokenResourceError(f"writing failed: {error}") from error

    def _open(self) -> int:
        if self._descriptor < 0:
            raise trio.ClosedResourceError
        return self._descriptor


async def open_tcp(origin: Origin) -> trio.abc.Stream:
    """Connect to the first of the host's addresses that answers; the caller closes the stream.

    The addresses are tried in turn, 0.25 s apart and then side by side (RFC 8305, by trio). Raises
    OSError where none answers, or there is none.
    """
    opened = await trio.open_tcp_stream(origin.host, origin.port)
    return DescriptorStream(socket.socket(fileno=opened.socket.detach()))


def open_unix(path: str) -> Connect:
    """A `Connect` that goes to a Unix socket, whatever the origin is called."""

    async def connect(_origin: Origin) -> trio.abc.Stream:
        opened = await trio.open_unix_socket(path)
        return DescriptorStream(socket.socket(fileno=opened.socket.detach()))

    return connect


def descriptor_under(stream: trio.abc.Stream) -> DescriptorStream | None:
    """The socket that a stream runs over, under TLS too; None for one in memory."""
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    return stream if isinstance(stream, DescriptorStream) else None
