"""The workers of a machine, relayed: real processes, on an asyncio loop."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from headrace.runner.cluster import worker_relay
from headrace.runner.cluster.worker_relay import Ended, Heard, WorkerRelay

ECHO = (sys.executable, "-I", "-S", str(Path(__file__).with_name("echo_worker.py")))
SEGMENT = "w01-000001.jsonl"


def relayed(work: Callable[[WorkerRelay], Awaitable[None]]) -> Path:
    """Do this with a relay, end it, and return its directory."""

    async def all_of_it() -> Path:
        relay = WorkerRelay(command=ECHO, grace_s=0.0)
        try:
            await work(relay)
        finally:
            await relay.end()
        return relay.directory

    return asyncio.run(all_of_it())


async def heard(relay: WorkerRelay, acked: dict[str, int] | None = None) -> Heard:
    """The next news; there has to be some."""
    news = await relay.hear(acked or {}, 10.0)
    assert news.said or news.ended or news.pieces
    return news


def test_what_is_told_comes_to_its_worker_and_what_it_says_comes_back() -> None:
    async def work(relay: WorkerRelay) -> None:
        relay.start([1, 2])
        await relay.tell(2, b"hello\n")
        assert (await heard(relay)).said == [(2, b"hello\n")]
        await relay.tell(1, b"you\n")
        assert (await heard(relay)).said == [(1, b"you\n")]

    assert not relayed(work).exists()


def test_a_journal_is_never_behind_what_its_worker_said() -> None:
    async def work(relay: WorkerRelay) -> None:
        relay.start([1])
        order = f"in {relay.directory}\nwrite {SEGMENT} record\n".encode()
        await relay.tell(1, order)
        said, data = b"", b""
        while order != said:
            news = await heard(relay)
            data += b"".join(piece.data for piece in news.pieces)
            said += b"".join(each for _, each in news.said)
            assert data == (b"record\n" if b"record" in said else data)
        assert data == b"record\n"
        await relay.hear({SEGMENT: 7}, 0)

    assert not relayed(work).exists()


def test_what_was_not_acknowledged_stays_on_the_machine() -> None:
    async def work(relay: WorkerRelay) -> None:
        relay.start([1])
        await relay.tell(1, f"in {relay.directory}\nwrite {SEGMENT} record\n".encode())
        while not (await relay.hear({}, 0.05)).pieces:
            pass

    directory = relayed(work)
    left = (directory / "journal" / SEGMENT).read_bytes()
    for path in (directory / "journal" / SEGMENT, directory / "journal", directory):
        os.unlink(path) if path.is_file() else path.rmdir()
    assert left == b"record\n"


def test_what_there_is_too_much_of_comes_before_what_was_said_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_relay, "HEARD_BYTES_MAX", 4)

    async def work(relay: WorkerRelay) -> None:
        relay.start([1])
        await relay.tell(1, f"in {relay.directory}\nwrite {SEGMENT} 0123456789\n".encode())
        data, acked = b"", dict[str, int]()
        while True:
            news = await heard(relay, acked)
            data += b"".join(piece.data for piece in news.pieces)
            acked = {SEGMENT: len(data)} if data else {}
            if any(b"write" in said for _, said in news.said):
                break
        assert data == b"0123456789\n"
        await relay.hear(acked, 0)

    assert not relayed(work).exists()


def test_a_worker_that_dies_is_told_of_with_its_last_words() -> None:
    async def work(relay: WorkerRelay) -> None:
        relay.start([7])
        await relay.tell(7, b"die out of memory\n")
        assert (await heard(relay)).ended == [Ended(7, 3, "out of memory")]
        await relay.tell(7, b"anybody there?\n")  # lost with it, and no error

    assert not relayed(work).exists()


def test_a_worker_whose_link_is_ended_ends_by_itself() -> None:
    async def work(relay: WorkerRelay) -> None:
        relay.start([1])
        relay.close(1)
        relay.close(1)
        assert (await heard(relay)).ended == [Ended(1, 0, "")]

    assert not relayed(work).exists()


def test_a_worker_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_relay, "ENDS_WITHIN_S", 0.05)

    async def work(relay: WorkerRelay) -> None:
        relay.start([1])
        await relay.tell(1, b"hang\n")
        await heard(relay)
        relay.close(1)
        assert (await heard(relay)).ended == [Ended(1, -9, "")]

    assert not relayed(work).exists()


def test_where_no_process_can_be_started_it_is_an_error() -> None:
    async def work() -> None:
        relay = WorkerRelay(command=("/no/such/program",), grace_s=0.0)
        try:
            relay.start([1])
        finally:
            await relay.end()

    with pytest.raises(FileNotFoundError):
        asyncio.run(work())


def test_with_nothing_new_the_answer_is_empty() -> None:
    async def work(relay: WorkerRelay) -> None:
        assert await relay.hear({}, 0.01) == Heard([], [], [])

    assert not relayed(work).exists()
