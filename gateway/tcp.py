"""A TCP connection as a trio stream, with one system call per read and one per write."""

import socket
import struct
from math import inf
from typing import Self

import trio

from .pacer import PacedStream, Pacer

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class TcpStream(trio.abc.HalfCloseableStream):
    """A connected, non-blocking socket.

    What trio's own stream adds (a checkpoint for every write, conflict detection, a first read that
    mostly finds nothing) is a third of a small request's time. One task uses a stream at a time,
    and every request waits in `receive_some`, where other tasks run.

    Where a client reads nothing for `read_s` seconds while data is waiting, the connection breaks.
    """

    def __init__(
        self, sock: socket.socket, pacer: Pacer | None = None, *, read_s: float = inf
    ) -> None:
        self._socket = sock
        self._read_s = read_s
        self.pacer = pacer

    @classmethod
    def take_over(
        cls, stream: trio.SocketStream, pacer: Pacer | None = None, *, read_s: float = inf
    ) -> Self:
        """Take the socket of one of trio's streams, which must not be used afterwards."""
        sock = socket.socket(fileno=stream.socket.detach())
        sock.setblocking(False)
        return cls(sock, pacer, read_s=read_s)

    async def receive_some(self, max_bytes: int | None = 65_536) -> bytes:
        """Received bytes, at most `max_bytes`; b"" at the end."""
        try:
            while True:
                await trio.lowlevel.wait_readable(self._socket)
                try:
                    return self._socket.recv(max_bytes or 65_536)
                except BlockingIOError:
                    continue
        except OSError as error:
            raise trio.BrokenResourceError(f"the connection broke: {error}") from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything; waits, and can be cancelled, only while the other side is slow."""
        try:
            sent = self._send(data)
            if sent == len(data):
                return
            with memoryview(data) as view:
                while sent < len(data):
                    with trio.fail_after(self._read_s):
                        await trio.lowlevel.wait_writable(self._socket)
                    sent += self._send(view[sent:])
        except trio.TooSlowError:
            raise trio.BrokenResourceError(
                f"the client read nothing for {self._read_s:g} s"
            ) from None
        except OSError as error:
            raise trio.BrokenResourceError(f"the connection broke: {error}") from error

    def _send(self, data: bytes | bytearray | memoryview) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    async def send_paced(self, paced: PacedStream) -> None:
        """Have the pacer send `paced`; returns when all is sent, or when `paced.left` has to be."""
        assert self.pacer is not None
        await self.pacer.send(self._socket, paced)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.wait_writable(self._socket)

    async def send_eof(self) -> None:
        """Shut down the sending side."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise trio.BrokenResourceError(f"the connection broke: {error}") from error
        await trio.lowlevel.checkpoint()

    def reset_on_close(self) -> None:
        """Make the close a reset: the other side gets an error instead of an end."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    async def aclose(self) -> None:
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()
        await trio.lowlevel.checkpoint()
