"""What each fault looks like on the wire, byte by byte and second by second."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import h11
import pytest
import trio

from headrace.gateway import Fault, FaultKind, parse_faults
from headrace.gateway.faults import KINDS

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

Bodies = Callable[..., dict[str, Any]]
PATH = "/v1/chat/completions"
CHARGE = Decimal("0.000027")


@pytest.fixture
def faulty(gateway_of: Any) -> Callable[..., Any]:
    """Makes gateways whose every request is struck; 7 tokens in and 10 out cost CHARGE."""

    def make(text: str, **fields: Any) -> Any:
        return gateway_of(faults=parse_faults(f"{text}=1"), output_tokens=10, **fields)

    return make


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        ("429", "1"),
        ("429-date", "Tue, 09 Jun 2026 08:30:21 GMT"),
        ("429-bare", None),
        ("429-absurd", "315360000"),
    ],
)
async def test_retry_after_in_all_its_forms(
    faulty: Any,
    connect: "Connect",
    chat: Bodies,
    autojump_clock: object,
    kind: str,
    header: str | None,
) -> None:
    client = await connect(faulty(kind))
    response = await client.post(PATH, chat())
    assert response.error[:2] == (429, "RATE_LIMIT")
    assert response.headers.get("retry-after") == header
    assert response.headers["x-ratelimit-limit"] == "60"
    assert response.headers["x-ratelimit-remaining"] == "60"


@pytest.mark.parametrize(
    ("text", "named"),
    [("7", "7s"), ("soon", "1s"), ("-3", "1s"), ("Wed, 21 Oct 2015 07:28:00 GMT", "1s")],
)
async def test_a_429_can_say_anything(
    gateway_of: Any, connect: "Connect", chat: Bodies, text: str, named: str
) -> None:
    client = await connect(gateway_of(faults=(Fault("429", 1.0, retry_after=text),)))
    response = await client.post(PATH, chat())
    assert response.headers["retry-after"] == text
    assert response.error[2] == f"Rate limit exceeded. Please retry after {named}."


async def test_a_proxy_answers_in_html(faulty: Any, connect: "Connect", chat: Bodies) -> None:
    response = await (await connect(faulty("html"))).post(PATH, chat())
    assert (response.status, response.headers["content-type"]) == (502, "text/html")
    assert response.body.startswith(b"<html>")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [("reset-in-head", b"HTTP/1.1 200 OK\r\n", b""), ("reset-after-head", b"", b"\r\n\r\n")],
)
async def test_resets_in_and_after_the_head(
    faulty: Any,
    connect: "Connect",
    chat: Bodies,
    kind: str,
    start: bytes,
    end: bytes,
    stream: bool,
) -> None:
    gateway = faulty(kind)
    client = await connect(gateway)
    with pytest.raises(h11.RemoteProtocolError):
        await client.post(PATH, chat(stream=stream))
    assert client.received.startswith(start)
    assert client.received.endswith(end)
    assert client.received.count(b"\r\n\r\n") == (kind == "reset-after-head")
    assert gateway.ledger.balance == 100


@pytest.mark.parametrize(
    ("kind", "tokens", "usage", "charge"),
    [
        ("cut-first", 0, False, Decimal(0)),
        ("cut", 5, False, Decimal(0)),
        ("cut-event", 5, False, Decimal(0)),
        ("cut-usage", 10, False, CHARGE),
        ("cut-done", 10, True, CHARGE),
    ],
)
@pytest.mark.parametrize("protocol", ["chat", "messages"])
async def test_streams_cut_at_every_place(
    faulty: Any,
    connect: "Connect",
    chat: Bodies,
    kind: str,
    tokens: int,
    usage: bool,
    charge: Decimal,
    protocol: str,
) -> None:
    gateway = faulty(kind)
    client = await connect(gateway)
    path = PATH if protocol == "chat" else "/v1/messages"
    with pytest.raises(h11.RemoteProtocolError):
        await client.post(path, chat("hey", stream=True, max_tokens=99))
    told = b'"usage":{"prompt_tokens"' if protocol == "chat" else b'"usage":{"output_tokens":10}'
    last = b"[DONE]" if protocol == "chat" else b"message_stop"
    mark = b'"delta":{"content":' if protocol == "chat" else b'"text_delta","text":'
    complete = [block for block in client.received.split(b"\n\n") if mark in block]
    if kind == "cut-event":
        # The event that was cut does not end.
        assert not client.received.rstrip(b"\r\n").endswith(b"}")
    assert len([block for block in complete if block.rstrip(b"\r\n").endswith(b"}")]) == tokens
    assert (told in client.received) is usage
    assert last not in client.received
    assert gateway.log_rows[0].charge == charge
    assert 100 - gateway.ledger.balance == charge


async def test_a_stall_is_silence_and_then_the_rest(
    faulty: Any, connect: "Connect", chat: Bodies, autojump_clock: object
) -> None:
    gateway = faulty("stall; for=30s", itl_s=1.0)
    client = await connect(gateway)
    response = await client.post(PATH, chat("hey", stream=True))
    assert response.event_times() == [0, 1, 2, 3, 4, 35, 35, 35, 35, 35]
    assert response.events[-1] == (None, "[DONE]")
    response = await client.post(PATH, chat("hey"))
    assert [at - response.head_at for at, _ in response.parts] == [0.0, 30.0]
    assert response.json["usage"]["completion_tokens"] == 10
    assert 100 - gateway.ledger.balance == 2 * CHARGE


@pytest.mark.slow
@pytest.mark.parametrize("stream", [True, False])
async def test_a_trickle_comes_byte_by_byte(
    faulty: Any, connect: "Connect", chat: Bodies, autojump_clock: object, stream: bool
) -> None:
    gateway = faulty("trickle; for=10s", ttft_s=1.0)
    client = await connect(gateway)
    response = await client.post(PATH, chat("hey", stream=stream))
    assert response.ended_at == 11.0
    assert len(response.parts) == len(response.body)
    assert {len(data) for _, data in response.parts} == {1}
    assert 100 - gateway.ledger.balance == CHARGE


@pytest.mark.parametrize("stream", [True, False])
async def test_a_wrong_content_type_on_a_right_answer(
    faulty: Any, connect: "Connect", chat: Bodies, stream: bool
) -> None:
    response = await (await connect(faulty("content-type"))).post(PATH, chat(stream=stream))
    assert response.headers["content-type"] == "text/html"
    assert response.events[-1][1] == "[DONE]" if stream else response.json["usage"]


@pytest.mark.parametrize("path", [PATH, "/v1/messages"])
@pytest.mark.parametrize("include_usage", [True, None])
async def test_an_answer_without_its_usage(
    faulty: Any, connect: "Connect", chat: Bodies, path: str, include_usage: bool | None
) -> None:
    gateway = faulty("no-usage")
    client = await connect(gateway)
    whole = await client.post(path, chat("hey", max_tokens=99))
    assert "usage" not in whole.json
    options = {} if include_usage is None else {"stream_options": {"include_usage": True}}
    streamed = await client.post(path, chat("hey", max_tokens=99, stream=True, **options))
    assert b'"usage"' not in streamed.body
    assert streamed.events[-1][1] in ("[DONE]", {"type": "message_stop"})
    assert 100 - gateway.ledger.balance == 2 * CHARGE


@pytest.mark.parametrize(
    ("text", "charge"),
    [("500+billed", CHARGE), ("500", Decimal(0)), ("reset+billed", CHARGE), ("cut+billed", CHARGE)],
)
async def test_billed_although_it_failed(
    faulty: Any, connect: "Connect", chat: Bodies, text: str, charge: Decimal
) -> None:
    gateway = faulty(text)
    client = await connect(gateway)
    try:
        await client.post(PATH, chat("hey", stream=True))
    except h11.RemoteProtocolError:
        assert not text.startswith("500")
    assert 100 - gateway.ledger.balance == charge
    assert gateway.log_rows[0].charge == charge
    assert gateway.log_rows[0].output_tokens == (10 if charge else 0)


async def test_the_nth_admitted_request_is_struck(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    gateway = gateway_of(faults=(Fault("500", nth=(2, 4)), Fault("502", nth=(3,))))
    client = await connect(gateway)
    await client.post(PATH, {})
    statuses = [(await client.post(PATH, chat())).status for _ in range(5)]
    assert statuses == [200, 500, 502, 500, 200]


async def test_a_request_asks_for_its_fault_where_that_is_allowed(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    for allowed in (True, False):
        client = await connect(gateway_of(fault_header=allowed))
        client.headers["x-headrace-fault"] = "504"
        response = await client.post(PATH, chat())
        assert response.status == (504 if allowed else 200)
    client = await connect(gateway_of(fault_header=True))
    client.headers["x-headrace-fault"] = "nonsense"
    refused = await client.post(PATH, chat())
    assert refused.error[2].startswith("Invalid header x-headrace-fault: no fault is called")


async def test_connections_are_refused_for_a_while(
    faulty: Any, connect: "Connect", chat: Bodies, autojump_clock: object
) -> None:
    gateway = faulty("refuse; for=3s")
    with pytest.raises(h11.RemoteProtocolError):
        await (await connect(gateway)).post(PATH, chat())
    await trio.sleep(2.9)
    with pytest.raises((h11.RemoteProtocolError, trio.BrokenResourceError)):
        await (await connect(gateway)).request("GET", "/v1/balance")
    await trio.sleep(0.1)
    assert (await (await connect(gateway)).request("GET", "/v1/balance")).status == 200


@pytest.mark.slow
async def test_on_tcp_a_refused_connection_is_refused_by_the_kernel(
    gateway_of: Any, nursery: trio.Nursery, connect: "Connect", chat: Bodies
) -> None:
    gateway = gateway_of(faults=(Fault("refuse", nth=(1,), for_s=0.2),))
    base_url: str = await nursery.start(gateway.serve)
    port = int(base_url.rpartition(":")[2])
    client = await connect(gateway)
    client.stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with client.stream:
        with pytest.raises((trio.BrokenResourceError, h11.RemoteProtocolError)):
            await client.post(PATH, chat())
    with pytest.raises(OSError, match="127"):
        await trio.open_tcp_stream("127.0.0.1", port)
    with trio.fail_after(5):
        while True:
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", port)
                break
            except OSError:
                await trio.sleep(0.02)
    client = await connect(gateway)
    client.stream = stream
    async with stream:
        assert (await client.post(PATH, chat())).status == 200
    nursery.cancel_scope.cancel()


@pytest.mark.slow
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", KINDS)
async def test_each_fault_is_the_same_by_rate_by_number_and_by_header(
    gateway_of: Any,
    connect: "Connect",
    chat: Bodies,
    autojump_clock: object,
    kind: FaultKind,
    stream: bool,
) -> None:
    ways: list[dict[str, Any]] = [
        {"faults": (Fault(kind, 1.0, for_s=1.0),)},
        {"faults": (Fault(kind, nth=(1,), for_s=1.0),)},
        {"fault_header": True},
        {"faults": parse_faults(f"{kind}; for=1s@1")},
    ]
    found, body = set(), chat("hey", stream=stream, max_tokens=9)
    for way in ways:
        gateway = gateway_of(output_tokens=9, **way)
        client = await connect(gateway)
        if "fault_header" in way:
            client.headers["x-headrace-fault"] = f"{kind}; for=1s"
        began, whole = trio.current_time(), True
        try:
            await client.post(PATH, body)
        except h11.RemoteProtocolError:
            whole = False
        [row] = gateway.log_rows
        assert row.fault == kind
        assert 100 - gateway.ledger.balance == row.charge
        # Each gateway begins at the same date, so the bytes are the same down to the request_id.
        created = b"" if kind == "429-date" else client.received
        found.add((created, whole, trio.current_time() - began, row.charge, row.status))
    assert len(found) == 1
    [(_, whole, _, charge, _)] = found
    assert whole is not kind.startswith(("reset", "refuse", "cut"))
    assert bool(charge) is Fault(kind).is_billed
