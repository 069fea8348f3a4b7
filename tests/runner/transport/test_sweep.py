"""Streams read by a sweep, on real sockets: what it reads, whom it wakes when, and how it ends."""

import contextlib
import errno
import socket
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
import trio
import trio.lowlevel
import trio.testing

from headrace.runner.transport import Timeouts, TrioTransport, Wire
from headrace.runner.transport.streams import READ_BYTES, DescriptorStream
from headrace.runner.transport.sweep import BYTES_MAX, DENSE, LAST_CHUNK, READS_MAX, Sweep, Swept
from tests.runner.transport.test_streams import serve

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(__import__("select"), "epoll"), reason="a sweep wants epoll"),
]
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def pair() -> tuple[DescriptorStream, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return DescriptorStream(ours), theirs


def texts(reads: list[Any]) -> list[bytes]:
    return [read[0] for read in reads]


async def begun(sweep: Sweep, stream: DescriptorStream) -> Swept:
    swept = sweep.add(stream)
    assert swept is not None
    swept.eager = False
    return swept


async def test_the_end_of_an_answer_is_told_at_once() -> None:
    sweep = Sweep()
    stream, theirs = pair()
    with theirs:
        swept = await begun(sweep, stream)
        theirs.send(b"data: x\n\n")
        theirs.send(LAST_CHUNK)
        with trio.fail_after(5):
            found = await swept.reads()
        assert b"".join(texts(found)).endswith(LAST_CHUNK)
        swept.stop()
        await stream.aclose()


async def test_a_little_is_told_within_its_age() -> None:
    sweep = Sweep()
    stream, theirs = pair()
    with theirs:
        swept = await begun(sweep, stream)
        theirs.send(b"little")
        with trio.fail_after(5):
            assert texts(await swept.reads()) == [b"little"]
        swept.stop()
        await stream.aclose()


async def test_reads_are_gathered_until_they_are_worth_it() -> None:
    """Of a stream that is sent chunk by chunk, several are handed over at once."""
    sweep = Sweep()
    stream, theirs = pair()
    found: list[list[bytes]] = []

    async def send(nursery: trio.Nursery) -> None:
        for _ in range(4 * READS_MAX):
            theirs.send(b"x")
            await trio.lowlevel.checkpoint()
        theirs.send(LAST_CHUNK)

    with theirs:
        swept = await begun(sweep, stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, nursery)
            with trio.fail_after(10):
                while not found or not found[-1][-1].endswith(LAST_CHUNK):
                    found.append(texts(await swept.reads()))
        swept.stop()
        await stream.aclose()
    assert b"".join(b"".join(each) for each in found) == b"x" * 4 * READS_MAX + LAST_CHUNK
    assert len(found) < 2 * READS_MAX


async def test_much_is_told_before_its_age() -> None:
    sweep = Sweep()
    stream, theirs = pair()
    sent = bytes(2 * BYTES_MAX)

    def send() -> None:
        theirs.sendall(sent)

    with theirs:
        swept = await begun(sweep, stream)
        came = 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, send)
            with trio.fail_after(10):
                while came < len(sent):
                    came += sum(map(len, texts(await swept.reads())))
        assert swept.reads_bytes == 0
        swept.stop()
        await stream.aclose()


async def test_the_connections_end_comes_once_and_after_what_was_sent() -> None:
    sweep = Sweep()
    stream, theirs = pair()
    swept = await begun(sweep, stream)
    theirs.send(b"half")
    theirs.close()
    with trio.fail_after(5):
        found = await swept.reads()
        while found[-1][0]:
            found += await swept.reads()
    assert texts(found) == [b"half", b""]
    await stream.aclose()


async def test_many_streams_are_each_read_to_their_own_end() -> None:
    """More than a few, so that they are looked at in steps."""
    sweep = Sweep()
    found: dict[int, bytes] = {}

    async def follow(number: int, swept: Swept) -> None:
        data = b""
        while not data.endswith(LAST_CHUNK):
            data += b"".join(texts(await swept.reads()))
        found[number] = data
        swept.stop()

    with ExitStack() as stack:
        pairs = [pair() for _ in range(4 * DENSE)]
        for _, theirs in pairs:
            stack.enter_context(theirs)
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                for number, (stream, _) in enumerate(pairs):
                    nursery.start_soon(follow, number, await begun(sweep, stream))
                for step in range(50):
                    for number, (_, theirs) in enumerate(pairs):
                        theirs.send(b"%d;" % (number * step))
                    await trio.sleep(0.0005)
                for _, theirs in pairs:
                    theirs.send(LAST_CHUNK)
        for stream, _ in pairs:
            await stream.aclose()
    assert found == {
        number: b"".join(b"%d;" % (number * step) for step in range(50)) + LAST_CHUNK
        for number in range(4 * DENSE)
    }


async def test_a_cancelled_reader_loses_nothing() -> None:
    sweep = Sweep()
    stream, theirs = pair()
    with theirs:
        swept = await begun(sweep, stream)
        with trio.move_on_after(0.01) as scope:
            await swept.reads()
        theirs.send(b"later")
        with trio.fail_after(5):
            assert texts(await swept.reads()) == [b"later"]
        swept.stop()
        await stream.aclose()
    assert scope.cancelled_caught


async def test_a_server_that_floods_waits_for_whoever_reads_it() -> None:
    """Broke: what nobody took yet filled the memory, as fast as the server could send."""
    sweep = Sweep()
    stream, theirs = pair()
    sent = bytes(16 * BYTES_MAX)

    with theirs:
        swept = await begun(sweep, stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, lambda: theirs.sendall(sent))
            with trio.fail_after(10):
                await trio.sleep(0.1)  # time enough for all of it
                held_bytes = swept.reads_bytes
                came = 0
                while came < len(sent):
                    came += sum(map(len, texts(await swept.reads())))
        swept.stop()
        await stream.aclose()
    assert held_bytes <= BYTES_MAX + READ_BYTES


async def test_a_little_is_told_within_its_age_beside_much() -> None:
    """Broke: a fast stream at the head of the line held up those behind it until its own end."""
    sweep = Sweep()
    (fast, floods), (slow, trickles) = pair(), pair()
    over = trio.Event()

    async def flood(swept: Swept) -> None:
        while not over.is_set():
            with contextlib.suppress(BlockingIOError):
                floods.send(LAST_CHUNK)  # what ends so is told at once
            await trio.sleep(0.002)
            await swept.reads()

    with floods, trickles:
        first, second = await begun(sweep, fast), await begun(sweep, slow)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood, first)
            await trio.sleep(0.01)
            trickles.send(b"little")
            with trio.fail_after(5):
                assert texts(await second.reads()) == [b"little"]
            over.set()
        first.stop()
        second.stop()
        await fast.aclose()
        await slow.aclose()


async def test_without_a_descriptor_to_spare_nothing_is_swept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none_left() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("headrace.runner.transport.sweep.select.epoll", none_left)
    stream, theirs = pair()
    with theirs:
        assert Sweep().add(stream) is None
        await stream.aclose()


async def test_its_task_and_its_epoll_end_with_the_last_stream() -> None:
    sweep = Sweep()
    stream, theirs = pair()
    tasks = trio.lowlevel.current_statistics().tasks_living
    with theirs:
        swept = await begun(sweep, stream)
        await trio.sleep(0.01)
        swept.stop()
        swept.stop()  # a second time changes nothing
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        again = await begun(sweep, stream)
        theirs.send(b"x")
        with trio.fail_after(5):
            assert texts(await again.reads()) == [b"x"]
        again.stop()
        await stream.aclose()


async def stream_of(transport: TrioTransport, port: int) -> tuple[bytes, Wire]:
    """One stream, read in batches as the client reads it."""
    wire = Wire(timed=True)
    wire.swept = True
    request = httpx.Request(
        "POST", f"http://127.0.0.1:{port}/", content=b"{}", extensions={"wire": wire}
    )
    pieces: list[bytes] = []

    def take_all(batch: list[tuple[bytes, float | None]]) -> bool:
        pieces.extend(piece for piece, _ in batch)
        return True

    response = await transport.handle_async_request(request)
    try:
        await response.stream.feed_batches(take_all)  # type: ignore[union-attr]
    finally:
        await response.aclose()
    return b"".join(pieces), wire


async def test_a_connection_serves_one_stream_after_another(nursery: trio.Nursery) -> None:
    async def answer(stream: trio.abc.Stream) -> None:
        while await stream.receive_some():
            await stream.send_all(HEAD)
            for n in range(20):
                await stream.send_all(chunked(b"%d " % n))
                await trio.sleep(0.001)
            await stream.send_all(LAST_CHUNK)

    port = await serve(nursery, answer)
    async with TrioTransport() as transport:
        with trio.fail_after(10):
            (first, _), (second, wire) = [await stream_of(transport, port) for _ in range(2)]
    assert first == second == b"".join(b"%d " % n for n in range(20))
    assert wire.reused
    assert wire.sent_at_s is not None
    assert wire.first_byte_at_s is not None
    assert wire.first_byte_at_s >= wire.sent_at_s


async def test_bytes_beyond_a_streams_end_cost_the_connection(nursery: trio.Nursery) -> None:
    async def answer(stream: trio.abc.Stream) -> None:
        while await stream.receive_some():
            await stream.send_all(HEAD + chunked(b"x"))
            await trio.sleep(0.01)
            await stream.send_all(chunked(b"y") + LAST_CHUNK + b"HTTP/1.1 200 nobody asked")

    port = await serve(nursery, answer)
    async with TrioTransport() as transport:
        with trio.fail_after(10):
            (first, _), (_, wire) = [await stream_of(transport, port) for _ in range(2)]
    assert first == b"xy"
    assert wire.reused is False


@pytest.mark.parametrize(
    ("rest", "error"),
    [
        (b"", httpx.ReadError),  # closed in the middle
        (b"no chunk\r\n", httpx.RemoteProtocolError),
    ],
)
async def test_a_stream_that_breaks_off_is_an_error_after_what_came(
    nursery: trio.Nursery, rest: bytes, error: type[Exception]
) -> None:
    async def answer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(HEAD + chunked(b"came"))
        await trio.sleep(0.01)
        await stream.send_all(rest)

    port = await serve(nursery, answer)
    came: list[bytes] = []
    async with TrioTransport() as transport:
        wire = Wire(timed=True)
        wire.swept = True
        request = httpx.Request(
            "POST", f"http://127.0.0.1:{port}/", content=b"{}", extensions={"wire": wire}
        )
        response = await transport.handle_async_request(request)

        def take_all(batch: list[tuple[bytes, float | None]]) -> bool:
            came.extend(piece for piece, _ in batch)
            return True

        with trio.fail_after(10), pytest.raises(error):
            await response.stream.feed_batches(take_all)  # type: ignore[union-attr]
        await response.aclose()
    assert came == [b"came"]


async def test_a_stream_that_falls_silent_is_too_late(nursery: trio.Nursery) -> None:
    async def answer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        for _ in range(10):  # each within the limit, all of them not
            await stream.send_all((HEAD if not _ else b"") + chunked(b"x"))
            await trio.sleep(0.04)
        await trio.sleep_forever()

    port = await serve(nursery, answer)
    async with TrioTransport(timeouts=Timeouts(read=0.2)) as transport:
        with trio.fail_after(10), pytest.raises(httpx.ReadTimeout, match="more of the answer"):
            await stream_of(transport, port)
    nursery.cancel_scope.cancel()
