"""Messages come whole and in order, however their bytes come; what is not one ends the link."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace.jobs import HeadraceError
from headrace.runner.errors import OutOfMoneyError, StorageError
from headrace.runner.workers import (
    Go,
    Halt,
    LinkLostError,
    NoMore,
    Reason,
    StreamLink,
    Tell,
    ToCoordinator,
    ToWorker,
)

MESSAGES: list[ToWorker] = [
    Go(start_s=1.5),
    NoMore(),
    Halt(reason=Reason.of(StorageError("the disk is full"))),
]


class Pieces(trio.abc.Stream):
    """What was sent to it comes back, in pieces of the given sizes, again and again."""

    def __init__(self, sizes: list[int]) -> None:
        self.data = bytearray()
        self._sizes = sizes
        self._n = 0

    async def send_all(self, data: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.data += data

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        size = self._sizes[self._n % len(self._sizes)]
        self._n += 1
        piece = bytes(self.data[:size])
        del self.data[:size]
        return piece

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=9))
def test_messages_come_whole_whatever_the_pieces(sizes: list[int]) -> None:
    async def sent_and_received() -> list[Any]:
        link = StreamLink[ToWorker, ToWorker](Pieces(sizes), ToWorker)
        for message in MESSAGES:
            await link.send(message)
        return [await link.receive() for _ in MESSAGES]

    assert trio.run(sent_and_received) == MESSAGES


async def test_sums_keep_all_their_digits() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    tell = Tell(spent=Decimal("0.123456789012"), kept=Decimal("-1E-12"), done=[3, 1])
    await StreamLink[ToCoordinator, ToWorker](ours, ToWorker).send(tell)
    assert await StreamLink[ToWorker, ToCoordinator](theirs, ToCoordinator).receive() == tell


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00",
        b"\x00\x00\x00\x09half",
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x02{}",
        b"\x00\x00\x00\x06\x91\xa4gone",
    ],
)
async def test_what_is_not_a_message_ends_the_link(data: bytes) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(data)
    await ours.send_eof()
    with pytest.raises(LinkLostError):
        await StreamLink[ToCoordinator, ToWorker](theirs, ToWorker).receive()


async def test_the_end_of_the_other_is_seen_on_both_ways() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    link = StreamLink[ToWorker, ToCoordinator](ours, ToCoordinator)
    await theirs.aclose()
    with pytest.raises(LinkLostError):
        await link.receive()
    with pytest.raises(LinkLostError):
        await link.send(NoMore())


async def test_a_message_is_sent_whole_though_its_sender_is_cancelled(
    autojump_clock: MockClock,
) -> None:
    """What comes after half a message would be taken for its other half."""

    class Slow(Pieces):
        async def send_all(self, data: Any) -> None:
            for byte in bytes(data):
                await trio.sleep(1)
                self.data.append(byte)

    link = StreamLink[ToWorker, ToWorker](Slow([9]), ToWorker)
    with trio.move_on_after(3) as cancelled:
        await link.send(MESSAGES[0])
        await trio.lowlevel.checkpoint()
    await link.send(MESSAGES[1])
    assert cancelled.cancelled_caught
    assert [await link.receive(), await link.receive()] == MESSAGES[:2]


async def test_a_send_that_nobody_reads_ends_with_the_link() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    link = StreamLink[ToWorker, ToCoordinator](ours, ToCoordinator)
    await theirs.aclose()
    await link.aclose()
    with pytest.raises(LinkLostError):
        await link.send(NoMore())


def test_an_error_keeps_its_kind_its_words_and_its_exit_code() -> None:
    resets_at = dt.datetime(2026, 6, 9, tzinfo=dt.UTC)
    spent = Reason.of(OutOfMoneyError("spent", resets_at=resets_at)).error()
    assert isinstance(spent, OutOfMoneyError)
    assert (spent.message, spent.exit_code, spent.resets_at) == ("spent", 3, resets_at)
    full = Reason.of(StorageError("full")).error()
    assert (type(full), full.message) == (StorageError, "full")
    assert type(Reason(kind="Later", message="unknown").error()) is HeadraceError
