"""Any input gets an answer in JSON or a closed connection, and never a crash or a hang."""

import json
import os
from itertools import pairwise
from typing import Any

import h11
import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.gateway import Bounds, Config, Gateway

MORE = int(os.environ.get("HEADRACE_MORE_CASES", "1"))
SMALL = Bounds(head_bytes=400, body_bytes=600, head_s=5, body_s=10, idle_s=60)
KEY = Gateway(Config()).keys[0].secret
PATHS = (
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/search/completions",
    "/v1/balance",
    "/x",
    "/v1/messages/count_tokens",
    "/v1/models",
)
SLOW = settings(
    max_examples=100 * MORE,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


async def answers(parts: list[bytes]) -> list[tuple[int, bytes]]:
    """Send `parts`, then the end; read to the end: (status, body) of each answer."""
    gateway = Gateway(Config(rpm=None, tpm=None), bounds=SMALL)
    ours, theirs = trio.testing.memory_stream_pair()
    received = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gateway.serve_stream, theirs)
        try:
            for part in parts:
                await ours.send_all(part)
            await ours.send_eof()
        except trio.BrokenResourceError:
            pass
        with trio.fail_after(1000):
            while data := await ours.receive_some():
                received += data
    await ours.aclose()
    assert await still_serves(gateway)
    return split(received, requests=200)


async def still_serves(gateway: Gateway) -> bool:
    """Whether another connection has its answer, after whatever came by the one before."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gateway.serve_stream, theirs)
        await ours.send_all(
            f"GET /v1/balance HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\n\r\n".encode()
        )
        begun = bytes(await ours.receive_some())
        await ours.aclose()
    return begun.startswith(b"HTTP/1.1 200 ")


def split(received: bytes, requests: int) -> list[tuple[int, bytes]]:
    """The answers in `received`, parsed by h11, which is strict."""
    found = []
    received = received.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    while received and requests:
        requests -= 1
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
        client.send(h11.EndOfMessage())
        client.receive_data(received)
        event = client.next_event()
        assert isinstance(event, h11.Response)
        body = b""
        while isinstance(part := client.next_event(), h11.Data):
            body += bytes(part.data)
        assert isinstance(part, h11.EndOfMessage)
        found.append((event.status_code, body))
        received = client.trailing_data[0]
    return found


STATUSES = {200, 400, 401, 404, 405, 408, 413, 431}


def statuses(found: list[tuple[int, bytes]]) -> set[int]:
    """Those that came, each with an error's whole body where it is one."""
    for status, body in found:
        if status != 200:
            error = json.loads(body)["error"]
            assert set(error) == {"code", "message", "request_id"}
    return {status for status, _ in found}


@pytest.mark.slow
@SLOW
@given(parts=st.lists(st.binary(max_size=700), max_size=6))
async def test_any_bytes(autojump_clock: object, parts: list[bytes]) -> None:
    assert statuses(await answers(parts)) <= STATUSES


LINES = """GET POST / /v1/messages host:.x content-length:.5 content-length:.99999999999 : {}
transfer-encoding:.chunked 5 hello 0 ffffffffff expect:.100-continue connection:.close
upgrade:.h2c HTTP/1.0 .HTTP/1.1 .HTTP/2.0"""
TOKENS = st.sampled_from(
    [
        *(word.replace(".x", " x").replace(":.", ": ").encode() for word in LINES.split()),
        *(b"\r\n", b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\x00", b"\xff"),
        b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n",
        b"GET /v1/balance HTTP/1.1\r\n",
        b"authorization: Bearer " + KEY.encode() + b"\r\n",
        b"x: " + b"y" * 200 + b"\r\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
    ]
)


@pytest.mark.slow
@SLOW
@given(tokens=st.lists(TOKENS, max_size=25), cuts=st.lists(st.integers(0, 2000), max_size=4))
async def test_anything_that_looks_like_http(
    autojump_clock: object, tokens: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(tokens)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert statuses(await answers([data[a:b] for a, b in pairwise(edges)])) <= STATUSES


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = """model messages max_tokens stream system stop_sequences temperature top_p
n tools tool_choice response_format output_config"""
FIELDS = st.sampled_from(NAMES.split())
MESSAGE = st.fixed_dictionaries({"role": st.just("user"), "content": st.text(max_size=20) | JSON})


@pytest.mark.slow
@SLOW
@given(
    path=st.sampled_from(PATHS),
    fields=st.dictionaries(FIELDS, JSON, max_size=4),
    messages=st.lists(MESSAGE, max_size=2),
    whole=st.booleans(),
)
async def test_any_json(
    autojump_clock: object, path: str, fields: dict[str, Any], messages: Any, whole: bool
) -> None:
    body: dict[str, Any] = {"model": "deepseek-v4-flash", "messages": messages, "max_tokens": 3}
    data = json.dumps(body | fields).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\n"
    if whole:
        wire = head.encode() + b"content-length: %d\r\n\r\n" % len(data) + data
    else:
        chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
        wire = head.encode() + b"transfer-encoding: chunked\r\n\r\n" + chunks
    found = await answers([wire])
    assert statuses(found) <= STATUSES
    assert len(found) == 1
