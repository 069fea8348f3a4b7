"""TLS where there is none, none where there is, and authorities that are not there."""

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trustme

from headrace.jobs import InputError
from headrace.runner.transport import TrioTransport, own_authorities, transport_to

Handler = Callable[[trio.abc.Stream], Awaitable[None]]
ANSWER = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def serving(nursery: trio.Nursery, handler: Handler) -> int:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    await nursery.start(trio.serve_listeners, handler, listeners)
    port: int = listeners[0].socket.getsockname()[1]
    return port


async def plain(stream: trio.abc.Stream) -> None:
    with suppress(trio.BrokenResourceError):
        await stream.receive_some()
        await stream.send_all(ANSWER)
        await stream.aclose()


async def silent(stream: trio.abc.Stream) -> None:
    with suppress(trio.BrokenResourceError):
        await stream.receive_some()
    await stream.aclose()


async def alerting(stream: trio.abc.Stream) -> None:
    """As nginx's stream module and others do: an alert, whatever comes."""
    await stream.receive_some()
    await stream.send_all(b"\x15\x03\x01\x00\x02\x02\x46")
    await stream.aclose()


async def secure(stream: trio.abc.Stream) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with suppress(trio.BrokenResourceError):
        await trio.SSLStream(stream, context, server_side=True).do_handshake()
    await trio.aclose_forcefully(stream)


async def error_of(url: str, **options: Any) -> Exception:
    async with transport_to(url, environment={}, **options) as transport:
        with pytest.raises(httpx.TransportError) as caught:
            await transport.handle_async_request(httpx.Request("GET", url))
        return caught.value


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("handler", [plain, silent])
async def test_https_to_a_plain_port_says_so(
    nursery: trio.Nursery, handler: Handler, http2: bool
) -> None:
    port = await serving(nursery, handler)
    error = await error_of(f"https://127.0.0.1:{port}", http2=http2)
    assert isinstance(error, httpx.ConnectError)
    assert "write http://" in str(error)


@pytest.mark.parametrize("handler", [secure, alerting])
async def test_http_to_a_tls_port_says_so(nursery: trio.Nursery, handler: Handler) -> None:
    port = await serving(nursery, handler)
    error = await error_of(f"http://127.0.0.1:{port}")
    assert isinstance(error, httpx.ConnectError)
    assert str(error) == "the server speaks TLS at this port; write https://"


async def test_a_plain_server_that_says_nothing_is_asked_once_and_taken_for_plain(
    nursery: trio.Nursery,
) -> None:
    connections = []

    async def counted(stream: trio.abc.Stream) -> None:
        connections.append(stream)
        await silent(stream)

    url = f"http://127.0.0.1:{await serving(nursery, counted)}"
    said = []
    async with TrioTransport() as transport:
        for _ in range(2):
            with pytest.raises(httpx.ReadError) as caught:
                await transport.handle_async_request(httpx.Request("GET", url))
            said.append(str(caught.value))
    assert said == ["the server closed the connection before it answered"] * 2
    assert len(connections) == 3


def test_authorities_that_are_not_there_are_named(tmp_path: Path) -> None:
    gone, empty = tmp_path / "gone.pem", tmp_path / "empty.pem"
    empty.write_text("not a certificate")
    for variable, value, says in (
        ("SSL_CERT_FILE", gone, "can't be read (No such file"),
        ("SSL_CERT_FILE", tmp_path, "can't be read (Is a directory"),
        ("SSL_CERT_FILE", empty, "holds no certificate"),
        ("SSL_CERT_DIR", gone, "is not a directory"),
        ("SSL_CERT_DIR", f"{tmp_path}:{empty}", "is not a directory"),
    ):
        with pytest.raises(InputError) as caught:
            transport_to("https://a.test", environment={variable: str(value)})
        assert caught.value.message.startswith(f"{variable} is {value}")
        assert says in caught.value.message
    assert isinstance(
        transport_to("http://a.test", environment={"SSL_CERT_FILE": str(gone)}), TrioTransport
    )
    assert own_authorities({}) is None
    assert own_authorities({"SSL_CERT_DIR": str(tmp_path)}) is not None
