"""Long answers are looked at off the loop: whatever came, signals are heeded meanwhile."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.runner.client import Client
from headrace.runner.offload import LONG_BYTES
from headrace.runner.outcome import AttemptOutcome
from headrace.runner.secret import Secret

from .test_client import (
    CHUNKED_HEAD,
    DONE,
    FINISH,
    STREAM_HEAD,
    TEXT,
    Wired,
    answer,
    chunk,
    event,
    job,
)

LONG = "x" * (2 * LONG_BYTES)


def chat(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"choices": [choice]}).encode()


def long_event() -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": LONG}}]})


def packed() -> list[bytes]:
    """A stream that takes little on the wire."""
    head = CHUNKED_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    return [head, chunk(gzip.compress(long_event() + event(FINISH) + DONE)), chunk(b"")]


CASES: dict[str, tuple[list[bytes], bool, str]] = {
    "an answer": ([answer(chat(LONG))], False, LONG),
    "no JSON": ([answer(LONG.encode())], False, ""),
    "a refusal": ([answer(LONG.encode(), status="400 Bad")], False, ""),
    "one event of a stream": ([STREAM_HEAD, long_event(), event(FINISH), DONE], True, LONG),
    "an event without an end": ([STREAM_HEAD, long_event()[:-2]], True, ""),
    "many events": ([STREAM_HEAD, *[event(TEXT)] * 4000, event(FINISH), DONE], True, "a" * 4000),
    "JSON in the place of a stream": ([STREAM_HEAD, chat(LONG)], True, LONG),
    "a packed stream": (packed(), True, LONG),
}


class Spied(Wired):
    """A client whose long looks are counted."""

    def __init__(self, nursery: trio.Nursery, *pieces: bytes | float) -> None:
        super().__init__(nursery, *pieces)
        self.looks = 0
        self.look: Callable[[], Any] = trio.lowlevel.checkpoint
        inner = self.client
        assert isinstance(inner.hidden, Secret)
        self.client = Client(
            self.transport,
            base_url="http://a.test/base",
            key=inner.hidden,
            clock=inner._clock,
            offload=self._counted,
        )

    async def _counted(self, work: Callable[[], Any]) -> Any:
        self.looks += 1
        await self.look()
        return work()


@pytest.mark.parametrize("case", CASES)
async def test_a_long_answer_is_looked_at_off_the_loop(
    nursery: trio.Nursery, autojump_clock: MockClock, case: str
) -> None:
    """One of 1 MB held the loop for 100 s, and no Ctrl-C was heard."""
    pieces, stream, text = CASES[case]
    spied = Spied(nursery, *pieces)
    outcome: AttemptOutcome = await spied.send(job(stream=stream))
    assert spied.looks > 0
    assert (outcome.answer.text if outcome.answer else "") == text


async def test_a_short_answer_is_looked_at_at_once(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    spied = Spied(nursery, answer(chat("x" * 1000)))
    outcome = await spied.send(job())
    assert outcome.answer is not None
    assert spied.looks == 0


@pytest.mark.slow
@pytest.mark.parametrize("case", ["an answer", "one event of a stream", "many events"])
async def test_a_look_that_takes_for_ever_is_left_behind(
    nursery: trio.Nursery, autojump_clock: MockClock, case: str
) -> None:
    pieces, stream, _ = CASES[case]
    spied = Spied(nursery, *pieces)
    spied.look = trio.sleep_forever
    with trio.move_on_after(7) as scope:
        await spied.send(job(stream=stream))
    assert scope.cancelled_caught
    assert trio.current_time() == 7.0


async def test_a_stream_that_unpacks_to_much_lets_others_in_between(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """One read may unpack to a thousand times its size."""
    data = chat("y" * (8 * 1024 * 1024))
    wired = Wired(nursery, answer(gzip.compress(data), "Content-Encoding: gzip"))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as beside:
        beside.start_soon(others)
        outcome = await wired.send(job())
        beside.cancel_scope.cancel()
    assert outcome.answer is not None
    assert turns > 30
