"""Servers in memory for the transport's tests: scripts that answer as they are told."""

import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import trio
import trio.testing
import trustme
from trio.testing import memory_stream_pair

from headrace.runner.transport import Origin, Timeouts, TrioTransport, Wire

Script = Callable[[trio.abc.Stream], Awaitable[None]]


class Counted(trio.abc.Stream):
    """A stream that knows whether it was closed."""

    def __init__(self, inner: trio.abc.Stream) -> None:
        self.inner = inner
        self.is_open = True

    async def send_all(self, data: Any) -> None:
        await self.inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> Any:
        return await self.inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        self.is_open = False
        await self.inner.aclose()


class Network:
    """Connects to scripts: each new connection runs the next one, the last one again and again."""

    def __init__(self, nursery: trio.Nursery, *scripts: Script, connect_s: float = 0.0) -> None:
        self.nursery = nursery
        self.scripts = list(scripts)
        self.connect_s = connect_s
        self.opened: list[Counted] = []
        self.closed = 0

    async def connect(self, _origin: Origin) -> trio.abc.Stream:
        await trio.sleep(self.connect_s)
        pair, theirs = memory_stream_pair()
        ours = Counted(pair)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        self.opened.append(ours)
        self.nursery.start_soon(self._serve, script, theirs)
        return ours

    async def _serve(self, script: Script, stream: trio.abc.Stream) -> None:
        try:
            await script(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await stream.aclose()
            self.closed += 1

    @property
    def open_now(self) -> int:
        """Streams of ours that nobody closed."""
        return sum(stream.is_open for stream in self.opened)


async def request_on(stream: trio.abc.Stream) -> bytes:
    """One request, by its content-length; b"" at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = bytes(await stream.receive_some())
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if b"content-length" in line
        ),
        0,
    )
    while len(body) < length:
        body += bytes(await stream.receive_some())
    return head + b"\r\n\r\n" + body


def answers(*pieces: bytes | float, close: bool = False) -> Script:
    """Answers each request with these pieces; a number is a pause in seconds."""

    async def script(stream: trio.abc.Stream) -> None:
        while await request_on(stream):
            for piece in pieces:
                if isinstance(piece, float):
                    await trio.sleep(piece)
                else:
                    await stream.send_all(piece)
            if close:
                return

    return script


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def post(
    wire: Wire | None = None, content: bytes = b"{}", *, scheme: str = "http"
) -> httpx.Request:
    extensions = {} if wire is None else {"wire": wire}
    url = f"{scheme}://a.test/v1/x"
    return httpx.Request("POST", url, content=content, extensions=extensions)


async def fetch(
    transport: TrioTransport, wire: Wire | None = None, *, scheme: str = "http"
) -> tuple[int, bytes]:
    response = await transport.handle_async_request(post(wire, scheme=scheme))
    try:
        return response.status_code, await response.aread()
    finally:
        await response.aclose()


class Authority:
    """TLS between the ends of a stream in memory."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.ours = ssl.create_default_context()
        authority.issue_cert("a.test").configure_cert(self.theirs)
        authority.configure_trust(self.ours)
        self.theirs.set_alpn_protocols(["h2", "http/1.1"])
        self.accepted: list[trio.SSLStream[trio.abc.Stream]] = []

    def over(self, script: Script) -> Script:
        """The same script, through TLS."""

        async def secured(stream: trio.abc.Stream) -> None:
            secure = trio.SSLStream(stream, self.theirs, server_side=True, https_compatible=True)
            await secure.do_handshake()
            self.accepted.append(secure)
            await script(secure)

        return secured


Over = Callable[..., tuple[TrioTransport, Network]]


def transport_over(
    nursery: trio.Nursery,
    *scripts: Script,
    connect_s: float = 0.0,
    timeouts: Timeouts | None = None,
) -> tuple[TrioTransport, Network]:
    """A transport to a network of scripts."""
    network = Network(nursery, *scripts, connect_s=connect_s)
    return TrioTransport(connect=network.connect, timeouts=timeouts), network
