"""Which transport goes where: Unix sockets, proxies and HTTP/2, over real loopback sockets."""

import json
import ssl
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
import trio
import trio.testing
import trustme

from headrace.jobs import InputError, Job
from headrace.runner import Secret, TrioTransport
from headrace.runner.base_url import base_url_from
from headrace.runner.client import Client
from headrace.runner.clock import RunClock
from headrace.runner.outcome import AttemptOutcome
from headrace.runner.transport import Wire, transport_to
from headrace.runner.transport.by_origin import TransportByOrigin
from headrace.runner.transport.httpx_transport import TracingTransport, httpx_transport

BODY = json.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}).encode()
OK = b"HTTP/1.1 200 OK\r\nX-Request-Id: r-1\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class RefusedError(Exception):
    """What a journal that can't be written raises."""


def job() -> Job:
    return Job(
        index=0,
        custom_id="a",
        url="/v1/chat/completions",
        model="m",
        stream=False,
        body=b"{}",
        body_digest="d",
        input_estimate_tokens=1,
        output_limit_tokens=None,
    )


async def send(transport: httpx.AsyncBaseTransport, base_url: str, wire: Wire) -> AttemptOutcome:
    client = Client(transport, base_url=base_url, key=Secret("sk-1"), clock=RunClock())
    return await client.send(job(), wire)


class Plain:
    """Answers each request on a connection with OK, and keeps what it was sent."""

    def __init__(self) -> None:
        self.seen = b""
        self.connections = 0

    async def __call__(self, stream: trio.abc.Stream) -> None:
        self.connections += 1
        with suppress(trio.BrokenResourceError):
            while data := await stream.receive_some():
                self.seen += bytes(data)
                if self.seen.endswith(b"{}"):  # httpx sends the head and the body apart
                    await stream.send_all(OK)


async def listen(nursery: trio.Nursery, handler: Callable[..., Awaitable[None]]) -> int:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    await nursery.start(trio.serve_listeners, handler, listeners)
    port: int = listeners[0].socket.getsockname()[1]
    return port


async def test_a_base_url_may_be_a_unix_socket(nursery: trio.Nursery, tmp_path: Path) -> None:
    listener = trio.socket.socket(trio.socket.AF_UNIX)
    await listener.bind(str(tmp_path / "gateway.sock"))
    listener.listen()
    server = Plain()
    await nursery.start(trio.serve_listeners, server, [trio.SocketListener(listener)])
    base_url = base_url_from(f"unix:{tmp_path}/gateway.sock", {})
    async with transport_to(base_url, environment={}) as transport:
        for reused in (False, True):
            wire = Wire()
            outcome = await send(transport, base_url, wire)
            assert outcome.answer is not None
            assert outcome.answer.text == "hi"
            assert wire.reused is reused
    assert server.seen.startswith(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n")


def test_a_unix_base_url_is_made_absolute_and_needs_a_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert base_url_from("unix:gateway.sock", {}) == f"unix:{tmp_path}/gateway.sock"
    for text in ("unix:", "unix://host/x"):
        with pytest.raises(InputError, match=r"write it like unix:/run/gateway\.sock"):
            base_url_from(text, {})


async def test_a_unix_socket_where_nobody_listens_is_told_in_words(tmp_path: Path) -> None:
    base_url = f"unix:{tmp_path}/none.sock"
    async with transport_to(base_url, environment={}) as transport:
        outcome = await send(transport, base_url, Wire())
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.message) == (
        "connect",
        "No such file or directory",
    )


async def test_http2_over_a_unix_socket_is_refused() -> None:
    with pytest.raises(InputError, match="leave --http2 out"):
        transport_to("unix:/x", http2=True, environment={})


def test_http2_without_h2_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was missed at the first connection, and ended the run with a traceback."""
    monkeypatch.setitem(sys.modules, "h2", None)
    with pytest.raises(InputError, match=r"pip install 'headrace\[http2\]'"):
        transport_to("https://a.test", http2=True, environment={})


PROXIES = {"HTTP_PROXY": "http://p:1", "https_proxy": "q:2"}


def test_only_proxies_and_http2_go_to_httpxs_own_transport() -> None:
    assert isinstance(transport_to("http://a.test", environment={}), TrioTransport)
    assert isinstance(transport_to("http://a.test", environment=PROXIES), TracingTransport)
    assert isinstance(transport_to("http://a.test", http2=True, environment={}), TracingTransport)


def test_several_base_urls_take_one_transport_where_one_does() -> None:
    urls = ("http://a.test", "http://a.test/v4")
    assert isinstance(transport_to(*urls, environment={}), TrioTransport)
    both = transport_to("http://a.test", "https://b.test", environment=PROXIES)
    assert isinstance(both, TransportByOrigin)
    assert [type(each) for each in both.transports.values()] == [TracingTransport] * 2


async def test_each_origin_is_sent_to_by_its_own_transport(nursery: trio.Nursery) -> None:
    """One by the proxy, and one that is this machine's own directly."""
    proxy, direct = Plain(), Plain()
    ports = [await listen(nursery, each) for each in (proxy, direct)]
    urls = ("http://gateway.test", f"http://127.0.0.1:{ports[1]}")
    environment = {"HTTP_PROXY": f"http://127.0.0.1:{ports[0]}"}
    async with transport_to(*urls, environment=environment) as transport:
        for url in urls:
            outcome = await send(transport, url, Wire())
            assert outcome.failure is None
        answer = await transport.handle_async_request(httpx.Request("POST", urls[1], content="{}"))
        await answer.aread()
        await answer.aclose()
    assert proxy.seen.startswith(b"POST http://gateway.test/v1/chat/completions")
    assert direct.seen.startswith(b"POST /v1/chat/completions")
    assert (proxy.connections, direct.connections) == (1, 1)


async def test_through_a_proxy_the_wire_is_filled_in(nursery: trio.Nursery) -> None:
    proxy = Plain()
    port = await listen(nursery, proxy)
    environment = {"HTTP_PROXY": f"http://127.0.0.1:{port}"}
    async with transport_to("http://gateway.test", environment=environment) as transport:
        for reused in (False, True):
            sent: list[float] = []
            wire = Wire(sent.append)
            outcome = await send(transport, "http://gateway.test", wire)
            assert outcome.answer is not None
            assert outcome.request_id == "r-1"  # whatever the case of the header's name
            assert wire.reused is reused
            assert wire.sent_at_s is not None
            assert wire.first_byte_at_s is not None
            assert len(sent) == 1
            assert (
                sent[0]
                <= wire.sent_at_s
                <= wire.first_byte_at_s
                <= (outcome.content_end_at_s or 0.0)
            )
            assert (wire.bytes_sent, wire.bytes_received) == (2, len(BODY))
            assert (wire.connect_s is None) == reused
    assert proxy.seen.startswith(b"POST http://gateway.test/v1/chat/completions HTTP/1.1\r\n")
    assert proxy.connections == 1


async def test_what_on_sent_raises_sends_nothing_through_a_proxy(nursery: trio.Nursery) -> None:
    """The journal could not be written: not a byte of the request may leave."""
    proxy = Plain()
    port = await listen(nursery, proxy)

    def refuse(_at_s: float) -> None:
        raise RefusedError

    async with httpx_transport(proxy=f"http://127.0.0.1:{port}") as transport:
        with pytest.raises(RefusedError):
            await send(transport, "http://gateway.test", Wire(refuse))
    assert proxy.seen == b""


class Tunnel:
    """A proxy that opens tunnels; what goes through is TLS that it can't read."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[bytes] = []

    async def __call__(self, stream: trio.abc.Stream) -> None:
        self.asked.append(bytes(await stream.receive_some()))
        there = await trio.open_tcp_stream("127.0.0.1", self.port)
        await stream.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def pump(source: trio.abc.Stream, sink: trio.abc.Stream) -> None:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                while data := await source.receive_some():
                    await sink.send_all(data)
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await sink.aclose()

        async with trio.open_nursery() as both:
            both.start_soon(pump, stream, there)
            both.start_soon(pump, there, stream)


class Secure:
    """Does TLS for the host of the tests, before another handler."""

    def __init__(self, inner: Callable[..., Awaitable[None]], *protocols: str) -> None:
        authority = trustme.CA()
        self.inner = inner
        self.theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.ours = ssl.create_default_context()
        authority.issue_cert("gateway.test", "localhost").configure_cert(self.theirs)
        authority.configure_trust(self.ours)
        self.theirs.set_alpn_protocols(list(protocols))

    async def __call__(self, stream: trio.SocketStream) -> None:
        secure = trio.SSLStream(stream, self.theirs, server_side=True, https_compatible=True)
        try:
            await secure.do_handshake()
            await self.inner(secure)
        except trio.BrokenResourceError:
            pass
        finally:
            await trio.aclose_forcefully(secure)


@pytest.mark.slow
async def test_a_tunnels_own_request_is_not_taken_for_the_jobs(nursery: trio.Nursery) -> None:
    server = Plain()
    secure = Secure(server, "http/1.1")
    tunnel = Tunnel(await listen(nursery, secure))
    port = await listen(nursery, tunnel)
    sent: list[int] = []
    wire = Wire(lambda _: sent.append(len(tunnel.asked)))
    async with httpx_transport(proxy=f"http://127.0.0.1:{port}", tls=secure.ours) as transport:
        outcome = await send(transport, "https://gateway.test", wire)
    assert outcome.answer is not None
    assert tunnel.asked[0].startswith(b"CONNECT gateway.test:443 HTTP/1.1\r\n")
    assert sent == [1]  # once, after the tunnel was there
    nursery.cancel_scope.cancel()


async def speak_http2(stream: trio.abc.Stream) -> None:
    """Answers each request with OK's body."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    while True:
        await stream.send_all(connection.data_to_send())
        data = await stream.receive_some()
        if not data:
            return
        for event in connection.receive_data(bytes(data)):
            if isinstance(event, h2.events.StreamEnded):
                assert event.stream_id is not None
                connection.send_headers(event.stream_id, [(":status", "200")])
                connection.send_data(event.stream_id, BODY, end_stream=True)


@pytest.mark.slow
async def test_http2_carries_a_job(nursery: trio.Nursery) -> None:
    secure = Secure(speak_http2, "h2")
    port = await listen(nursery, secure)
    async with httpx_transport(http2=True, tls=secure.ours) as transport:
        wires = [Wire(), Wire()]
        for wire in wires:
            outcome = await send(transport, f"https://localhost:{port}", wire)
            assert outcome.answer is not None
            assert outcome.answer.text == "hi"
    assert [wire.reused for wire in wires] == [False, True]
    assert all(wire.sent_at_s is not None for wire in wires)


@pytest.mark.parametrize(
    ("every_s", "took_s", "words"),
    [
        (200.0, 120.0, "waited 120 s for more of the answer"),
        (100.0, 14400.0, "waited 14400 s for the end of the answer"),
    ],
)
async def test_stock_reads_have_the_limits_of_ours(
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,
    every_s: float,
    took_s: float,
    words: str,
) -> None:
    """A stream that stops, and one that never does."""

    class Slow(httpx.AsyncByteStream):
        def __init__(self, every_s: float) -> None:
            self.every_s = every_s

        async def __aiter__(self):  # type: ignore[no-untyped-def]
            while True:
                await trio.sleep(self.every_s)
                yield b"x"

    async def answer(request: httpx.Request) -> httpx.Response:
        await request.extensions["trace"](
            "http11.send_request_headers.started", {"request": _Method(b"POST")}
        )
        return httpx.Response(200, stream=Slow(float(request.url.params["every"])))

    transport = TracingTransport(httpx.MockTransport(answer))
    began_s = trio.current_time()
    request = httpx.Request("POST", f"http://a.test/?every={every_s}", content=b"{}")
    response = await transport.handle_async_request(request)
    with pytest.raises(httpx.ReadTimeout, match=words):
        await response.aread()
    await response.aclose()
    assert trio.current_time() - began_s == took_s


class _Method:
    def __init__(self, method: bytes) -> None:
        self.method = method
