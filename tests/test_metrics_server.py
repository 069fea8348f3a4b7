"""The page's server, and what clients can't do to it."""

import random
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from headrace.metrics_server import (
    ACCEPT_EVERY_S,
    ANSWERED_WITHIN_S,
    CONNECTIONS_MAX,
    answer,
    serve_page,
)


def page() -> bytes:
    return b"headrace_jobs_done 3.0\n"


async def asked(*sent: bytes) -> bytes:
    """What comes back, and the end of the connection."""
    ours, theirs = trio.testing.memory_stream_pair()
    got = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer, theirs, page)
        for part in sent:
            await ours.send_all(part)
            await trio.testing.wait_all_tasks_blocked()
        await ours.send_eof()
        while data := await ours.receive_some():
            got += data
    return got


async def test_the_page_is_there_for_get() -> None:
    whole = await asked(b"GET /metrics?x=1 HT", b"TP/1.1\r\nhost: x\r\n", b"\r\n")
    head, _, body = whole.partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"HTTP/1.1 200 OK"
    assert b"content-type: text/plain; version=0.0.4; charset=utf-8" in head
    assert b"content-length: %d" % len(body) in head
    assert body == page()
    assert (await asked(b"HEAD /metrics HTTP/1.1\r\n\r\n")) == head + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404 Not Found"),
        (b"GET /metricsx HTTP/1.1\n\n", b"404 Not Found"),
        (b"POST /metrics HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello", b"405 Method Not Allowed"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400 Bad Request"),
        (b"GET /metrics\r\n\r\n", b"400 Bad Request"),
        (b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 3000, b"431 Request Header Fields Too Large"),
    ],
)
async def test_whatever_else_is_asked_is_refused(sent: bytes, status: bytes) -> None:
    assert (await asked(sent)).startswith(b"HTTP/1.1 " + status)


async def test_nonsense_ends_in_an_answer_or_in_nothing() -> None:
    rng = random.Random(17)
    got = [
        await asked(rng.randbytes(rng.randrange(200)), b"\r\n\r\n" * rng.randrange(2))
        for _ in range(50)
    ]
    assert {answer[:10] for answer in got} == {b"", b"HTTP/1.1 4"}


class Listener(trio.abc.Listener[Any]):
    """Hands out connections without end, which send nothing; `first` is tried before."""

    def __init__(self, *first: Exception) -> None:
        self.first = list(first)
        self.accepted_s: list[float] = []
        self.open: list[trio.StapledStream[Any, Any]] = []

    async def accept(self) -> Any:
        await trio.lowlevel.checkpoint()
        if self.first:
            raise self.first.pop()
        ours, theirs = trio.testing.memory_stream_pair()
        self.accepted_s.append(trio.current_time())
        self.open.append(ours)
        return theirs

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_clients_that_say_nothing_are_few_at_a_time_and_soon_gone(
    autojump_clock: MockClock,
) -> None:
    listener = Listener(OSError(24, "Too many open files"))
    with trio.move_on_after(10.05):
        await serve_page(listener, page)
    # A moment after what failed, eight within a second, and eight more each five seconds.
    assert listener.accepted_s[0] == pytest.approx(ACCEPT_EVERY_S)
    assert len(listener.accepted_s) == 2 * CONNECTIONS_MAX
    assert listener.accepted_s[CONNECTIONS_MAX] >= ANSWERED_WITHIN_S
    assert await listener.open[0].receive_some() == b""
