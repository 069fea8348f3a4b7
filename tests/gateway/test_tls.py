"""The gateway over TLS."""

import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trustme

from headrace.gateway import Gateway

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

pytestmark = pytest.mark.slow


@pytest.fixture
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of server and client, under a temporary certificate authority."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def over_tls(base_url: str, trusting: ssl.SSLContext) -> trio.SSLStream[trio.SocketStream]:
    port = int(base_url.rpartition(":")[2])
    return await trio.open_ssl_over_tcp_stream(
        "127.0.0.1", port, ssl_context=trusting, https_compatible=True
    )


async def serve_over_tls(gateway: Gateway, nursery: trio.Nursery, server: ssl.SSLContext) -> str:
    """Start serving, until the nursery is cancelled; return the base URL."""

    async def serve(task_status: trio.TaskStatus[str]) -> None:
        await gateway.serve(tls=server, task_status=task_status)

    base_url: str = await nursery.start(serve)
    return base_url


async def test_https_serves_the_same(
    gateway_of: Callable[..., Gateway],
    nursery: trio.Nursery,
    connect: "Connect",
    chat: Callable[..., dict[str, Any]],
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server, trusting = contexts
    gateway = gateway_of(output_tokens=9)
    base_url = await serve_over_tls(gateway, nursery, server)
    assert base_url.startswith("https://127.0.0.1:")
    client = await connect(gateway)
    client.stream = await over_tls(base_url, trusting)
    async with client.stream:
        for stream in (False, True):
            response = await client.post("/v1/chat/completions", chat(stream=stream))
            assert response.status == 200
        image = {"model": "gpt-image-2", "prompt": "a mill"}
        answer = (await client.post("/v1/images/generations", image)).json
        assert answer["data"][0]["url"].startswith("https://gateway.test/images/")
    nursery.cancel_scope.cancel()


async def test_plain_http_on_the_tls_port_harms_nobody(
    gateway_of: Callable[..., Gateway],
    nursery: trio.Nursery,
    connect: "Connect",
    chat: Callable[..., dict[str, Any]],
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server, trusting = contexts
    gateway = gateway_of()
    base_url = await serve_over_tls(gateway, nursery, server)
    for _ in range(2):
        stream = await trio.open_tcp_stream("127.0.0.1", int(base_url.rpartition(":")[2]))
        async with stream:
            await stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
            with trio.fail_after(5):
                while await stream.receive_some():
                    pass
    client = await connect(gateway)
    client.stream = await over_tls(base_url, trusting)
    async with client.stream:
        assert (await client.post("/v1/chat/completions", chat())).status == 200
    nursery.cancel_scope.cancel()
