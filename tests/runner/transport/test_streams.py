"""The transport on real loopback sockets: what memory can't show."""

import socket
import ssl
from typing import Any

import httpx
import pytest
import trio
import trustme

from headrace.runner.retries.failure import transport_failure
from headrace.runner.transport import Timeouts, TrioTransport, Wire

pytestmark = pytest.mark.slow
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def serve(nursery: trio.Nursery, handler: object, tls: ssl.SSLContext | None = None) -> int:
    """Listen on a free loopback port, which is returned."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def handle(stream: trio.SocketStream) -> None:
        served: trio.abc.Stream = stream
        if tls is not None:
            served = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        try:
            await handler(served)  # type: ignore[operator]
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(served)

    await nursery.start(trio.serve_listeners, handle, listeners)
    port: int = listeners[0].socket.getsockname()[1]
    return port


async def answer_each(stream: trio.abc.Stream) -> None:
    while await stream.receive_some():
        await stream.send_all(OK)


async def fetch(transport: TrioTransport, url: str, wire: Wire) -> bytes:
    request = httpx.Request("POST", url, content=b"{}", extensions={"wire": wire})
    response = await transport.handle_async_request(request)
    try:
        return await response.aread()
    finally:
        await response.aclose()


async def test_a_connection_that_the_server_closed_while_idle_is_replaced(
    nursery: trio.Nursery,
) -> None:
    closed = trio.Event()

    async def answer_once(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(OK)
        await stream.aclose()
        closed.set()

    port = await serve(nursery, answer_once)
    wires = []
    async with TrioTransport() as transport:
        for _ in range(3):
            wires.append(Wire())
            assert await fetch(transport, f"http://127.0.0.1:{port}/", wires[-1]) == b"ok"
            await closed.wait()
            closed = trio.Event()
    assert [wire.reused for wire in wires] == [False, False, False]


async def test_a_connection_with_bytes_that_nobody_asked_for_is_not_used_again(
    nursery: trio.Nursery,
) -> None:
    """An answer sent ahead of its request would be taken for the next job's."""
    sent = trio.Event()

    async def say_more(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(OK)
        await trio.lowlevel.checkpoint()
        await stream.send_all(OK.replace(b"ok", b"no"))
        sent.set()
        await stream.receive_some()

    port = await serve(nursery, say_more)
    async with TrioTransport() as transport:
        first, second = Wire(), Wire()
        assert await fetch(transport, f"http://127.0.0.1:{port}/", first) == b"ok"
        await sent.wait()
        assert await fetch(transport, f"http://127.0.0.1:{port}/", second) == b"ok"
        assert second.reused is False


async def test_nothing_that_listens_is_told_in_words() -> None:
    with trio.socket.socket() as taken:
        await taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        port = taken.getsockname()[1]
        async with TrioTransport() as transport:
            with pytest.raises(httpx.ConnectError) as caught:
                await fetch(transport, f"http://127.0.0.1:{port}/", Wire())
    assert str(caught.value) == "Connection refused"
    assert transport_failure(caught.value, in_stream=False).kind == "connect"


async def test_a_reset_connection_is_a_reset(nursery: trio.Nursery) -> None:
    async def reset(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        assert isinstance(stream, trio.SocketStream)
        # Closing with a linger of zero sends RST.
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        stream.socket.close()

    port = await serve(nursery, reset)
    async with TrioTransport() as transport:
        with pytest.raises(httpx.ReadError) as caught:
            await fetch(transport, f"http://127.0.0.1:{port}/", Wire())
    assert transport_failure(caught.value, in_stream=False).kind == "reset"


async def test_https_with_an_authority_that_is_trusted(nursery: trio.Nursery) -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    port = await serve(nursery, answer_each, server)
    async with TrioTransport(tls=client) as transport:
        wires = [Wire(), Wire()]
        for wire in wires:
            assert await fetch(transport, f"https://localhost:{port}/", wire) == b"ok"
        assert wires[0].connect_s is not None
        assert wires[1].reused


async def test_https_with_an_authority_that_is_not_is_refused_as_tls(
    nursery: trio.Nursery,
) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(server)
    port = await serve(nursery, answer_each, server)
    sent: list[float] = []
    async with TrioTransport() as transport:
        with pytest.raises(httpx.ConnectError) as caught:
            await fetch(transport, f"https://localhost:{port}/", Wire(sent.append))
    failure = transport_failure(caught.value, in_stream=False)
    assert failure.kind == "tls"
    assert "certificate verify failed" in failure.message
    assert sent == []


class Resolver(trio.abc.HostnameResolver):
    """Says that a name has these addresses, in this order."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> Any:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
            for address in self.addresses
        ]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


async def test_a_host_whose_first_address_is_dead_is_reached_at_the_next(
    nursery: trio.Nursery,
) -> None:
    port = await serve(nursery, answer_each)
    trio.socket.set_custom_hostname_resolver(Resolver("127.0.0.2", "127.0.0.3", "127.0.0.1"))
    try:
        async with TrioTransport() as transport:
            assert await fetch(transport, f"http://a.test:{port}/", Wire()) == b"ok"
    finally:
        trio.socket.set_custom_hostname_resolver(None)


async def test_an_answer_that_comes_before_the_request_is_read_is_taken(
    nursery: trio.Nursery,
) -> None:
    """A server refuses a large body by its head, and reads no more: nobody would take the rest."""
    refusal = OK.replace(b"200 OK", b"413 Too Large")

    async def refuse(stream: trio.abc.Stream) -> None:
        await stream.receive_some(100)
        await stream.send_all(refusal)
        await trio.sleep_forever()

    port = await serve(nursery, refuse)
    wire = Wire()
    request = httpx.Request(
        "POST",
        f"http://127.0.0.1:{port}/",
        content=bytes(32_000_000),
        extensions={"wire": wire},
    )
    async with TrioTransport(timeouts=Timeouts(write=20.0)) as transport:
        response = await transport.handle_async_request(request)
        assert (response.status_code, await response.aread()) == (413, b"ok")
        await response.aclose()
        assert not any(transport._idle.values())  # half a request stands on that connection
    nursery.cancel_scope.cancel()
