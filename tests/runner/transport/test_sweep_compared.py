"""Streams that a sweep reads, on real sockets, held against the same bytes read one by one."""

import datetime as dt
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from trio.testing import memory_stream_pair

from headrace.jobs import Job
from headrace.runner import Secret
from headrace.runner.answers import AnswerStream, TokenTimes, add_plain
from headrace.runner.client import Client
from headrace.runner.clock import RunClock
from headrace.runner.outcome import AttemptOutcome
from headrace.runner.transport import TrioTransport, Wire
from tests.runner.transport.test_cancelled import cancelled_at
from tests.runner.transport.test_streams import serve

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(__import__("select"), "epoll"), reason="a sweep wants epoll"),
]
JOB = Job(
    index=0,
    custom_id="a",
    url="/v1/chat/completions",
    model="m",
    stream=True,
    body=b'{"model": "m"}',
    body_digest="d",
    input_estimate_tokens=1,
    output_limit_tokens=None,
)
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
NO_PAUSE, SHORT_S, LONG_S = 0.0, 0.001, 0.06  # less and more than a sweep leaves a read for


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps({"id": "c", **fields}).encode() + b"\n\n"


def text(content: Any, **choice: Any) -> bytes:
    return event(choices=[{"index": 0, "delta": {"content": content}, **choice}])


END = event(
    choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}],
    usage={"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17},
)
DONE = b"data: [DONE]\n\n"
ODD = st.sampled_from(
    [
        text("x", finish_reason="stop"),
        text(""),
        text("\ud83d"),
        text("\ude00"),
        event(choices=[{"index": 1, "delta": {"content": "another"}}]),
        event(choices=[{"index": 0, "delta": {"reasoning_content": "hm"}}]),
        event(error={"message": "no", "code": 503}),
        text("0\r\n\r\n"),
        b"data: " + b"0" * 200 + b"\r\n\r\n",
        b": waiting\n\n",
        b"event: ping\r\ndata: {}\r\n\r\n",
        b"data: not JSON\n\n",
        b"data: {broken\n\n",
        text("long" * 30_000),  # more than one read
        DONE,
    ]
)
USUAL = st.lists(st.text(min_size=1, max_size=3).map(text), min_size=1, max_size=30)
BODIES = st.builds(
    lambda groups, end: b"".join(each for group in groups for each in group) + b"".join(end),
    st.lists(USUAL | st.lists(ODD, max_size=1), max_size=4),
    st.sampled_from([(END, DONE), (END, DONE), (END,), (DONE,), (END[:-1],), ()]),
)


Sent = list[tuple[bytes, float]]  # what a server sends before it closes, each with a pause after it


def framed(body: bytes, framing: str, sizes: list[int], rest: bytes) -> bytes:
    """An answer; in chunks of these sizes, again and again, where it is one of chunks."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    if framing == "length":
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body + rest
    if framing == "close":
        return head.replace(b"1.1", b"1.0") + b"\r\n" + body
    chunks, at, number = [], 0, 0
    while at < len(body):
        piece = body[at : at + sizes[number % len(sizes)]]
        chunks.append(b"%x\r\n%s\r\n" % (len(piece), piece))
        at, number = at + len(piece), number + 1
    last = {"cut": b"", "trailers": b"0\r\nX-Cost: 1\r\n\r\n"}.get(framing, b"0\r\n\r\n")
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(chunks) + last + rest


@st.composite
def answers(draw: st.DrawFn) -> Sent:
    framing = draw(st.sampled_from(["chunked", "chunked", "trailers", "cut", "length", "close"]))
    sizes = draw(st.lists(st.sampled_from([1, 7, 60, 150, 4096, 65536]), min_size=1, max_size=3))
    body = draw(BODIES)
    if len(body) > 20_000:  # tiny chunks of much are slow to make, and show nothing else
        sizes = [4096]
    rest = draw(st.sampled_from([b"", b"", b"more"]))
    data = draw(st.sampled_from([b"", EARLY])) + framed(body, framing, sizes, rest)
    cuts = draw(st.lists(st.integers(0, len(data)) | st.just(65536), max_size=12))
    places = sorted({0, len(data), *(each for each in cuts if each < len(data))})
    pauses = st.sampled_from([NO_PAUSE, NO_PAUSE, SHORT_S, SHORT_S, LONG_S])
    pieces = [data[a:b] for a, b in pairwise(places)]
    return [(piece, draw(pauses)) for piece in pieces]


def client_over(transport: TrioTransport, port: int = 1) -> Client:
    return Client(
        transport,
        base_url=f"http://127.0.0.1:{port}",
        key=Secret("sk-of-the-tests"),
        clock=RunClock(lambda: dt.datetime(2026, 6, 9, tzinfo=dt.UTC)),
        timed=True,
    )


@asynccontextmanager
async def both_clients(sent: Sent) -> AsyncIterator[list[Client]]:
    """One over a socket, whose streams a sweep reads, and one over memory."""

    async def answer(stream: trio.abc.Stream) -> None:
        while await stream.receive_some():
            for piece, pause_s in sent:
                await stream.send_all(piece)
                if pause_s:
                    await trio.sleep(pause_s)
            if isinstance(stream, trio.SocketStream):
                await stream.send_eof()
            return

    async def answer_in_memory(stream: trio.abc.Stream) -> None:
        try:
            await answer(stream)
        except trio.BrokenResourceError:
            pass
        finally:
            await stream.aclose()

    async with trio.open_nursery() as nursery:

        async def connect(_origin: object) -> trio.abc.Stream:
            ours, theirs = memory_stream_pair()
            nursery.start_soon(answer_in_memory, theirs)
            return ours

        port = await serve(nursery, answer)
        async with TrioTransport() as one, TrioTransport(connect=connect) as other:
            yield [client_over(one, port), client_over(other)]
        nursery.cancel_scope.cancel()


def columns(outcome: AttemptOutcome) -> dict[str, Any]:
    """All that doesn't depend on when, and the order of what does."""
    found = {
        name: getattr(outcome, name)
        for name in ("answer", "failure", "response", "status", "partial", "reported", "usage")
    }
    moments = (outcome.first_token_at_s, outcome.first_content_at_s, outcome.content_end_at_s)
    known = [each for each in moments if each is not None]
    assert known == sorted(known)
    assert all(gap_s >= 0 for gap_s in outcome.gaps_s or ())
    found["moments"] = [each is not None for each in moments]
    found["gaps"] = None if outcome.gaps_s is None else len(outcome.gaps_s)
    body = msgspec.json.decode(outcome.response) if outcome.response else None
    return {**found, "response": body}


HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
# An error, and after it, in the same read, an event that ends only with the next one.
FAILED = HEAD + event(error={"message": "no", "code": 503}) + text("beyond").rstrip(b"\n")


# Each example takes real time, of which a smaller failing one would take minutes to be found.
@settings(max_examples=40, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(sent=answers())
async def test_a_swept_stream_is_what_its_bytes_are_one_by_one(sent: Sent) -> None:
    async with both_clients(sent) as (swept, plain):
        with trio.fail_after(20):
            found, expected = await swept.send(JOB, Wire()), await plain.send(JOB, Wire())
    assert columns(found) == columns(expected)


async def test_nothing_after_an_error_is_part_of_what_came_however_it_was_cut() -> None:
    """An event that was half there at the error was taken once the stream had ended."""
    async with both_clients([(FAILED, NO_PAUSE), (b"\n\n" + END + DONE, SHORT_S)]) as clients:
        with trio.fail_after(20):
            outcomes = [await each.send(JOB, Wire()) for each in clients]
    assert [each.partial and each.partial.text for each in outcomes] == ["", ""]
    assert [columns(each)["moments"] for each in outcomes] == [[False] * 3] * 2


async def test_a_usual_stream_is_understood_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def counted(stream: AnswerStream, pieces: list[Any], times: TokenTimes) -> bool:
        done = add_plain(stream, pieces, times)
        taken.append(done * len(pieces))
        return done

    monkeypatch.setattr("headrace.runner.client.add_plain", counted)
    body = [text(f"{n:3} ") for n in range(200)]
    data = framed(b"".join([*body, END, DONE]), "chunked", [len(body[0])], b"")
    # A read brings about as much, from wherever it begins.
    size = len(body[0]) + len(b"48\r\n\r\n")
    sent = [(data[at : at + size], SHORT_S) for at in range(0, len(data), size)]
    async with both_clients(sent) as (swept, _):
        outcome = await swept.send(JOB, Wire())
    assert outcome.answer is not None
    assert outcome.answer.text == "".join(f"{n:3} " for n in range(200))
    assert sum(taken) > 100


async def test_a_reset_connection_is_a_broken_stream_with_what_came() -> None:
    """Its last bytes may be lost with it, as the system has it; what was read before is not."""

    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(framed(text("a") * 9, "cut", [4096], b""))
        await trio.sleep(LONG_S)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async with trio.open_nursery() as nursery:
        port = await serve(nursery, answer)
        async with TrioTransport() as transport:
            with trio.fail_after(10):
                outcome = await client_over(transport, port).send(JOB, Wire())
        nursery.cancel_scope.cancel()
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.retried) == ("stream", True)
    assert outcome.partial is not None
    assert outcome.partial.text == "a" * 9


async def test_an_end_that_the_server_keeps_open_costs_its_connection_alone() -> None:
    """`[DONE]` and then silence: the answer is whole, whatever the connection does."""

    async def answer(stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            await stream.send_all(framed(text("a") * 9 + END + DONE, "cut", [4096], b""))

    async with trio.open_nursery() as nursery:
        port = await serve(nursery, answer)
        async with TrioTransport() as transport:
            client = client_over(transport, port)
            wires = [Wire(), Wire()]
            with trio.fail_after(10):
                outcomes = [await client.send(JOB, wire) for wire in wires]
        nursery.cancel_scope.cancel()
    assert [each.failure for each in outcomes] == [None, None]
    assert [wire.reused for wire in wires] == [False, False]


async def test_two_hundred_streams_at_once_come_whole_and_on_their_connections_again() -> None:
    async def answer(stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            data = framed(b"".join(map(text, "abcdefghij")) + END + DONE, "chunked", [150], b"")
            for at in range(0, len(data), 400):
                await stream.send_all(data[at : at + 400])
                await trio.sleep(SHORT_S)

    outcomes: list[AttemptOutcome] = []
    reused: list[bool | None] = []

    async def twice(client: Client) -> None:
        for _ in range(2):
            wire = Wire()
            outcomes.append(await client.send(JOB, wire))
            reused.append(wire.reused)

    async with trio.open_nursery() as nursery:
        port = await serve(nursery, answer)
        async with TrioTransport() as transport:
            client = client_over(transport, port)
            with trio.fail_after(30):
                async with trio.open_nursery() as users:
                    for _ in range(200):
                        users.start_soon(twice, client)
        nursery.cancel_scope.cancel()
    texts = {each.answer.text for each in outcomes if each.answer is not None}
    assert (len(outcomes), texts) == (400, {"abcdefghij"})
    assert reused.count(True) == 200


async def test_cancelled_at_any_await_a_stream_leaves_nothing_behind() -> None:
    async def answer(stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            data = framed(text("a") * 9 + END + DONE, "chunked", [4096], b"")
            for at in range(0, len(data), 200):
                await stream.send_all(data[at : at + 200])
                await trio.sleep(SHORT_S)

    over_before: list[bool] = []
    async with trio.open_nursery() as nursery:
        port = await serve(nursery, answer)
        for step in range(1, 60):
            async with TrioTransport() as transport:
                client = client_over(transport, port)

                async def work(client: Client = client) -> None:
                    outcome = await client.send(JOB, Wire())
                    assert outcome.answer is not None

                with trio.fail_after(10):
                    over_before.append(await cancelled_at(step, work))
                    await work()
                assert transport._sweep._swept == {}
            if over_before[-1]:
                break
        nursery.cancel_scope.cancel()
    assert over_before[-1]
    assert len(over_before) > 5
