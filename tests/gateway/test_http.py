"""HTTP/1.1 as the gateway speaks it: heads, keys, connections and refusals."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import h11
import pytest
import trio
import trio.testing

from headrace.gateway import Bounds, Config, Fault, Gateway

if TYPE_CHECKING:
    from tests.gateway.conftest import Client, Connect

Bodies = Callable[..., dict[str, Any]]
PATH = "/v1/chat/completions"
SMALL = Bounds(head_bytes=1_000, body_bytes=2_000, head_s=5, body_s=10, idle_s=60)
NO_LENGTH = b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway.test\r\n"


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Basic abc"}, {"authorization": "Bearer"}]
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", PATH), ("POST", "/v1/messages"), ("GET", "/v1/balance")]
)
async def test_a_missing_key_is_401(
    gateway_of: Any, connect: "Connect", headers: dict[str, str], method: str, path: str
) -> None:
    client = await connect(gateway_of())
    response = await client.request(method, path, headers={"host": "x"} | headers)
    assert response.error == (
        401,
        "UNAUTHORIZED",
        "No API key: send Authorization: Bearer <key> or x-api-key: <key>.",
    )


async def test_a_wrong_key_is_401_and_both_ways_are_accepted(
    gateway_of: Any, connect: "Connect"
) -> None:
    gateway = gateway_of()
    client = await connect(gateway)
    secret = gateway.keys[0].secret
    assert secret.startswith("sk-")
    wrong = await client.request("GET", "/v1/balance", headers={"host": "x", "x-api-key": "sk-no"})
    assert wrong.error == (401, "UNAUTHORIZED", "Invalid or expired API key.")
    for fields in ({"x-api-key": secret}, {"authorization": f"bearer {secret}"}):
        assert (
            await client.request("GET", "/v1/balance", headers={"host": "x"} | fields)
        ).status == 200


async def test_unknown_paths_and_methods(gateway_of: Any, connect: "Connect") -> None:
    client = await connect(gateway_of())
    assert (await client.request("GET", "/v2/x")).error[:2] == (404, "NOT_FOUND")
    wrong = await client.request("GET", PATH)
    assert wrong.error == (405, "METHOD_NOT_ALLOWED", f"{PATH} does not take GET.")
    assert wrong.headers["allow"] == "POST"
    assert (await client.request("DELETE", "/v1/balance")).headers["allow"] == "GET, HEAD"


async def test_head_has_the_headers_of_get_and_no_body(gateway_of: Any, connect: "Connect") -> None:
    client = await connect(gateway_of())
    got = await client.request("GET", "/v1/balance")
    head = await client.request("HEAD", "/v1/balance")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]
    assert (await client.request("HEAD", PATH)).status == 405


async def raw(gateway: Gateway, connect: "Connect", data: bytes) -> tuple[bytes, "Client"]:
    """Send bytes as they are, and read until the gateway closes."""
    client = await connect(gateway)
    await client.stream.send_all(data)
    read = b""
    while part := await client.stream.receive_some():
        read += part
    return read, client


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"400"),
        (NO_LENGTH + b"content-length: -1\r\n\r\n", b"400"),
        (NO_LENGTH + b"content-length: x\r\n\r\n", b"400"),
        (NO_LENGTH + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}", b"400"),
        (NO_LENGTH + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}", b"400"),
        (NO_LENGTH + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n", b"400"),
        (NO_LENGTH + b"content-length: 2001\r\n\r\n", b"413"),
        (NO_LENGTH + b"content-length: 99999999999999999999999999\r\n\r\n", b"400"),
        (NO_LENGTH + b"transfer-encoding: chunked\r\n\r\n7d1\r\n" + b"x" * 2001, b"413"),
        (NO_LENGTH + b"x: " + b"y" * 1000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"x" * 1000 + b" HTTP/1.1\r\n\r\n", b"431"),
        (NO_LENGTH + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n", b"400"),
        (b"CONNECT gateway.test:443 HTTP/1.1\r\n\r\n", b"400"),
    ],
)
async def test_what_is_not_a_request_is_refused_in_json_and_closed(
    connect: "Connect", data: bytes, status: bytes, autojump_clock: object
) -> None:
    gateway = Gateway(Config(), bounds=SMALL)
    read, _ = await raw(gateway, connect, data)
    head, _, body = read.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == status
    assert b"connection: close" in head
    assert body.startswith(b'{"error":{"code":"INVALID_PARAMS"')
    assert gateway.log_rows[0].status == int(status)


async def test_a_head_without_end_is_bounded(connect: "Connect", autojump_clock: object) -> None:
    gateway = Gateway(Config(), bounds=SMALL)
    read, _ = await raw(gateway, connect, b"GET / HTTP/1.1\r\nx: " + b"y" * 200_000)
    assert read.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    ("sent", "closed_at", "answer"),
    [
        (b"", 60.0, b""),
        (b"GET /v1/balance HTTP/1.1\r\n", 5.0, b"HTTP/1.1 408 "),
        (NO_LENGTH + b"content-length: 9\r\n\r\n{", 10.0, b"HTTP/1.1 408 "),
    ],
)
async def test_slow_senders_are_cut_off(
    connect: "Connect", autojump_clock: object, sent: bytes, closed_at: float, answer: bytes
) -> None:
    client = await connect(Gateway(Config(), bounds=SMALL))
    if sent:
        await client.stream.send_all(sent)
    read = await client.stream.receive_some()
    assert trio.current_time() == closed_at
    assert bytes(read[: len(answer)]) == answer
    assert (read == b"") is (answer == b"")


async def test_pipelined_requests_are_answered_in_order(
    gateway_of: Any, connect: "Connect"
) -> None:
    gateway = gateway_of()
    client = await connect(gateway)
    key = client.headers["authorization"]
    one = f"GET /v1/balance HTTP/1.1\r\nhost: x\r\nauthorization: {key}\r\n\r\n".encode()
    two = b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    read, _ = await raw(gateway, connect, one + one + two)
    assert [part[:3] for part in read.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"404"]
    assert [row.path for row in gateway.log_rows] == ["/v1/balance", "/v1/balance", "/nowhere"]


async def test_a_request_in_single_bytes_is_a_request(gateway_of: Any, connect: "Connect") -> None:
    client = await connect(gateway_of())
    key = client.headers["authorization"]
    for byte in (
        f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: {key}\r\n"
        "transfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    ).encode():
        await client.stream.send_all(bytes([byte]))
    read = await client.stream.receive_some()
    assert b"Missing required parameter: model." in read


async def test_expect_100_continue(gateway_of: Any, connect: "Connect") -> None:
    client = await connect(gateway_of())
    await client.stream.send_all(NO_LENGTH + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n")
    assert await client.stream.receive_some() == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.stream.send_all(b"{}")
    assert (await client.stream.receive_some()).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("request_line", "header", "goes_on"),
    [
        ("HTTP/1.1", "x: y", True),
        ("HTTP/1.1", "connection: close", False),
        ("HTTP/1.0", "x: y", False),
        ("HTTP/1.0", "connection: keep-alive", True),
    ],
)
async def test_the_connection_is_kept_alive_as_asked(
    gateway_of: Any, connect: "Connect", request_line: str, header: str, goes_on: bool
) -> None:
    client = await connect(gateway_of())
    ask = f"GET /nowhere {request_line}\r\nhost: x\r\n{header}\r\n\r\n".encode()
    await client.stream.send_all(ask)
    assert (await client.stream.receive_some()).startswith(b"HTTP/1.1 404 ")
    if goes_on:
        await client.stream.send_all(ask)
        assert (await client.stream.receive_some()).startswith(b"HTTP/1.1 404 ")
    else:
        assert await client.stream.receive_some() == b""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The request body is not valid JSON: Input data was truncated"),
        (b"{", "The request body is not valid JSON: Input data was truncated"),
        (b"[1]", "Invalid request body: Expected `object`, got `array`."),
        (b'{"model":"\xff"}', "The request body is not valid JSON: "),
        (b'{"messages":' + b"[" * 100_000, "Invalid parameter messages[0]: Expected `object`"),
        (
            b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            "The request body is nested too deeply.",
        ),
    ],
)
async def test_a_body_that_is_not_a_json_object_is_400(
    gateway_of: Any, connect: "Connect", body: bytes, message: str
) -> None:
    client = await connect(gateway_of())
    status, code, text = (await client.request("POST", PATH, body)).error
    assert (status, code) == (400, "INVALID_PARAMS")
    assert text.startswith(message)


async def test_a_client_that_leaves_a_stream_is_charged(
    gateway_of: Any, connect: "Connect", chat: Bodies, autojump_clock: object
) -> None:
    gateway = gateway_of(itl_s=1.0, output_tokens=10)
    client = await connect(gateway)
    with trio.move_on_after(2.5):
        await client.post(PATH, chat("hey", stream=True))
    await client.stream.aclose()
    await trio.sleep(10)
    [row] = gateway.log_rows
    assert row.disconnected
    assert row.end_s == 3.0
    # 7 tokens in at 1 per million, all 10 out at 2.
    assert gateway.ledger.charges[row.request_id] * 1_000_000 == 27


async def test_tcp_serves_the_same_and_a_reset_is_a_reset(
    gateway_of: Any, nursery: trio.Nursery, connect: "Connect", chat: Bodies
) -> None:
    gateway = gateway_of()
    base_url: str = await nursery.start(gateway.serve)
    assert base_url.startswith("http://127.0.0.1:")
    stream = await trio.open_tcp_stream("127.0.0.1", int(base_url.rpartition(":")[2]))
    client = await connect(gateway)
    client.stream = stream
    assert (await client.post(PATH, chat())).status == 200
    await stream.aclose()

    broken = gateway_of(faults=(Fault("reset", 1.0),))
    base_url = await nursery.start(broken.serve)
    client = await connect(broken)
    stream = await trio.open_tcp_stream("127.0.0.1", int(base_url.rpartition(":")[2]))
    client.stream = stream
    with pytest.raises((trio.BrokenResourceError, h11.RemoteProtocolError)) as caught:
        await client.post(PATH, chat())
    await stream.aclose()
    assert isinstance(caught.value.__cause__, ConnectionResetError)
    nursery.cancel_scope.cancel()
