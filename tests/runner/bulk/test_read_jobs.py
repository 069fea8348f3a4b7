"""Reading a job file beside a run: only what may block leaves the loop."""

import io
import json
from collections.abc import Callable
from typing import TypeVar

import trio

from headrace.jobs import Job, JobReader, Source
from headrace.jobs.files.reader import LARGE_BYTES, PARSED_LINES
from headrace.runner.bulk.read_jobs import read_some

T = TypeVar("T")


def chat(custom_id: str, content: str = "hi") -> bytes:
    body = {"model": "m", "messages": [{"role": "user", "content": content}]}
    return json.dumps(
        {"custom_id": custom_id, "url": "/v1/chat/completions", "body": body}
    ).encode()


class Thread:
    """Stands for the threads that blocking work is done in: notes what was asked of them."""

    def __init__(self, reader: JobReader) -> None:
        self.reader = reader
        self.asked: list[str] = []

    async def __call__(self, work: Callable[[], T]) -> T:
        self.asked.append("fill" if work == self.reader.fill else "parse")
        await trio.lowlevel.checkpoint()
        return work()


def reader_of(*lines: bytes) -> JobReader:
    return JobReader(Source("jobs", read=io.BytesIO(b"\n".join(lines)).read))


async def ids(reader: JobReader, thread: Thread) -> list[list[str]]:
    """The custom_ids of the jobs, as they came together."""
    found = []
    while items := await read_some(reader, thread):
        found.append([item.custom_id for item in items if isinstance(item, Job)])
    return found


async def test_small_lines_are_parsed_on_the_loop_a_few_at_a_time() -> None:
    names = [str(n) for n in range(2 * PARSED_LINES + 1)]
    reader = reader_of(*map(chat, names))
    thread = Thread(reader)
    assert await ids(reader, thread) == [
        names[:PARSED_LINES],
        names[PARSED_LINES:-1],
        names[-1:],
    ]
    # The last line has no end before the file has: it came with a piece of its own.
    assert thread.asked == ["fill", "fill", "fill"]


async def test_a_large_line_is_parsed_in_a_thread() -> None:
    reader = reader_of(chat("a"), chat("large", "x" * LARGE_BYTES), chat("b"), b"")
    thread = Thread(reader)
    assert await ids(reader, thread) == [["a"], ["large"], ["b"]]
    assert thread.asked.count("parse") == 1


async def test_blank_lines_are_not_taken_for_the_end() -> None:
    reader = reader_of(chat("a"), *[b""] * (3 * PARSED_LINES), chat("b"))
    assert await ids(reader, Thread(reader)) == [["a"], ["b"]]


async def test_others_have_their_turn_between_two_of_them() -> None:
    reader = reader_of(*(chat(str(n)) for n in range(3 * PARSED_LINES)), b"")
    thread = Thread(reader)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    seen: list[int] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        while await read_some(reader, thread):
            seen.append(turns)
        nursery.cancel_scope.cancel()
    assert len(seen) == 3
    assert seen[2] - seen[0] >= 1  # trio shuffles who is first in a turn
